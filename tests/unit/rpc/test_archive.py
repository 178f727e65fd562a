"""`archive_v1_`, `chainSpec_v1_`, `system_` and `offchain_` over a drawn chain."""

from __future__ import annotations

import pytest

from gongshe.rpc.limits import Limits
from tests.chains import ALICE, BOB, EVE, Drawing, transfer
from tests.unit.rpc.drawn_node import Client, DrawnNode
from tests.unit.rpc.test_chain_methods import ACCOUNTS, BOBS_TEXT, UNKNOWN

PREFIX = "0x" + ACCOUNTS.hex()


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing(schedule=[ALICE]).draw(
        "0 a1 a2 a3", "a1 b2", a2=[transfer(ALICE, EVE, 10**12)], a3=[transfer(ALICE, BOB, 7)]
    )


@pytest.fixture
def node(drawing: Drawing) -> DrawnNode:
    found = DrawnNode(drawing)
    found.take("a1", "a2", "b2", "a3")
    return found


@pytest.fixture
def client(node: DrawnNode) -> Client:
    return node.client


def test_blocks_by_height(node: DrawnNode, client: Client) -> None:
    node.finalize("a1")
    assert client.ask("archive_v1_finalizedHeight") == 1
    assert client.ask("archive_v1_genesisHash") == node.hash("0")
    assert client.ask("archive_v1_hashByHeight", 1) == [node.hash("a1")]
    assert sorted(client.ask("archive_v1_hashByHeight", 2)) == sorted(
        [node.hash("a2"), node.hash("b2")]
    )
    assert client.ask("archive_v1_hashByHeight", 99) == []
    header = "0x" + node.drawing["a2"].header.encode().hex()
    assert client.ask("archive_v1_header", node.hash("a2")) == header
    assert client.ask("archive_v1_body", node.hash("a2")) == [
        "0x" + raw.hex() for raw in node.drawing["a2"].extrinsics
    ]
    assert client.ask("archive_v1_header", UNKNOWN) is None
    assert client.ask("archive_v1_body", UNKNOWN) is None


def test_calls_of_the_past(node: DrawnNode, client: Client) -> None:
    at = node.hash("a1")
    good = client.ask("archive_v1_call", at, "Core_version", "0x")
    assert good == {"success": True, "value": client.ask("state_call", "Core_version", "", at)}
    bad = client.ask("archive_v1_call", at, "Core_nothing", "0x")
    assert not bad["success"]
    assert "Core_nothing" in bad["error"]
    assert client.ask("archive_v1_call", UNKNOWN, "Core_version", "0x") is None


def test_storage_comes_as_events_and_ends(node: DrawnNode, client: Client) -> None:
    at = node.hash("a1")
    items = [
        {"key": BOBS_TEXT, "type": "value"},
        {"key": PREFIX, "type": "descendantsHashes"},
    ]
    identifier = client.ask("archive_v1_storage", at, items)
    *found, done = client.news(identifier)
    assert done == {"event": "storageDone"}
    assert found[0] == {
        "event": "storage",
        "key": BOBS_TEXT,
        "value": client.ask("state_getStorage", BOBS_TEXT, at),
    }
    keys = client.ask("state_getKeys", PREFIX, at)
    assert [event["key"] for event in found[1:]] == keys
    assert client.ask("archive_v1_stopStorage", identifier) is False, "it ended by itself"
    client.ask("archive_v1_storage", UNKNOWN, items)
    (failed,) = client.news()
    assert failed["event"] == "storageError"


def test_what_differs_between_two_states(node: DrawnNode, client: Client) -> None:
    items = [{"key": PREFIX, "returnType": "value"}]
    client.ask("archive_v1_storageDiff", node.hash("a2"), items)
    *found, done = client.news()
    assert done == {"event": "storageDiffDone"}
    kinds = {event["key"]: event["type"] for event in found}
    assert "added" in kinds.values(), "Eve was born in a2"
    before, after = (
        dict(client.ask("state_getPairs", PREFIX, node.hash(name))) for name in ("a1", "a2")
    )
    expected = {key for key in before | after if before.get(key) != after.get(key)}
    assert kinds.keys() == expected
    assert {event["key"]: event["value"] for event in found} == {
        key: after[key] for key in expected
    }
    # Backwards: what was added is deleted, and the value shown is the one that is lost.
    client.ask("archive_v1_storageDiff", node.hash("a1"), items, node.hash("a2"))
    backwards = {event["key"]: event for event in client.news()[:-1]}
    assert {key for key, event in backwards.items() if event["type"] == "deleted"} == {
        key for key, kind in kinds.items() if kind == "added"
    }
    client.ask("archive_v1_storageDiff", node.hash("a2"))
    everything = [event["key"] for event in client.news()[:-1]]
    changed = node.changed(node.drawing.hash("a2"))
    assert everything == sorted("0x" + key.hex() for key in changed)


def test_a_difference_that_is_too_long_says_so(node: DrawnNode) -> None:
    client = Client(node, Limits(reads_per_query=3))
    client.ask("archive_v1_storageDiff", node.hash("a2"))
    last = client.news()[-1]
    assert last["event"] == "storageDiffError"
    assert "longer prefix" in last["error"]


def test_the_chain_and_the_node_by_name(node: DrawnNode, client: Client) -> None:
    assert client.ask("chainSpec_v1_chainName") == client.ask("system_chain") == "Drawn"
    assert client.ask("chainSpec_v1_genesisHash") == node.hash("0")
    properties = {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "DC"}
    assert client.ask("chainSpec_v1_properties") == client.ask("system_properties") == properties
    assert client.ask("system_name") == "gongshe"
    assert client.ask("system_chainType") == "Local"
    assert client.ask("system_nodeRoles") == ["Full"]
    assert client.ask("system_health") == {
        "peers": 0,
        "isSyncing": False,
        "shouldHavePeers": False,
    }
    assert client.ask("system_syncState") == {
        "startingBlock": 0,
        "currentBlock": 3,
        "highestBlock": 3,
    }
    assert client.ask("system_localPeerId") == ""
    assert client.ask("system_localListenAddresses") == client.ask("system_peers") == []


def test_an_account_by_either_writing(node: DrawnNode, client: Client) -> None:
    for who in (ALICE.address(), "0x" + ALICE.public.hex()):
        assert client.ask("system_accountNextIndex", who) == 2
        assert client.ask("account_nextIndex", who) == 2


def test_levers_refuse_what_they_cannot_read(client: Client) -> None:
    assert client.ask("system_addLogFilter", "rpc=debug") is None
    assert client.refused("system_addLogFilter", "nonsense") == -32602
    assert client.ask("system_resetLogFilter") is None
    assert client.refused("system_addReservedPeer", "nonsense") == -32602
    assert client.refused("author_rotateKeys") == 1001, "this node keeps no keys"


def test_offchain_storage_is_bounded(node: DrawnNode) -> None:
    client = Client(node, Limits(offchain_entries=2, offchain_bytes=20))
    assert client.ask("offchain_localStorageGet", "PERSISTENT", "0x01") is None
    client.ask("offchain_localStorageSet", "PERSISTENT", "0x01", "0xaabb")
    client.ask("offchain_localStorageSet", "LOCAL", "0x01", "0xcc")
    assert client.ask("offchain_localStorageGet", "PERSISTENT", "0x01") == "0xaabb"
    assert client.ask("offchain_localStorageGet", "LOCAL", "0x01") == "0xcc"
    assert client.refused("offchain_localStorageSet", "LOCAL", "0x02", "0x") == 1001
    assert client.refused("offchain_localStorageSet", "LOCAL", "0x01", "0x" + "00" * 17) == 1001
    client.ask("offchain_localStorageSet", "LOCAL", "0x01", "0x" + "00" * 16)
    client.ask("offchain_localStorageClear", "LOCAL", "0x01")
    client.ask("offchain_localStorageSet", "LOCAL", "0x02", "0x")
    assert client.refused("offchain_localStorageSet", "OTHER", "0x02", "0x") == -32602
