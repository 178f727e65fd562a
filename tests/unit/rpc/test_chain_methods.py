"""`chain_` and `state_` over drawn chains: answers, time travel, and news under forks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gongshe.primitives.crypto import blake2_128_concat, blake2_256, twox_128
from gongshe.primitives.header import Header
from gongshe.rpc.backend import BestChanged, BlockImported
from gongshe.rpc.limits import Limits
from gongshe.storage.proofs import verify_proof
from tests.chains import ALICE, BOB, Drawing, transfer
from tests.unit.rpc.drawn_node import Client, DrawnNode

ACCOUNTS = twox_128(b"System") + twox_128(b"Account")
BOBS = ACCOUNTS + blake2_128_concat(BOB.public)
BOBS_TEXT = "0x" + BOBS.hex()
UNKNOWN = "0x" + "77" * 32


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    """a1 a2 a3 and, from a1, the longer b2 b3 b4; money moves to Bob in a2 and b3."""
    return Drawing(schedule=[ALICE]).draw(
        "0 a1 a2 a3", "a1 b2 b3 b4", a2=[transfer(ALICE, BOB, 7)], b3=[transfer(ALICE, BOB, 11)]
    )


@pytest.fixture
def node(drawing: Drawing) -> DrawnNode:
    found = DrawnNode(drawing)
    found.take("a1", "a2")
    return found


@pytest.fixture
def client(node: DrawnNode) -> Client:
    return node.client


def test_a_header_has_the_hash_that_clients_recompute(node: DrawnNode, client: Client) -> None:
    shape = client.ask("chain_getHeader", node.hash("a2"))
    digest = b"".join(bytes.fromhex(item[2:]) for item in shape["digest"]["logs"])
    parts = [shape[name][2:] for name in ("parentHash", "stateRoot", "extrinsicsRoot")]
    parent, state, extrinsics = (bytes.fromhex(part) for part in parts)
    number = int(shape["number"], 16)
    count = bytes((len(shape["digest"]["logs"]) << 2,))
    encoded = parent + bytes((number << 2,)) + state + extrinsics + count + digest
    assert "0x" + blake2_256(encoded).hex() == node.hash("a2")


def test_blocks_and_hashes(node: DrawnNode, client: Client) -> None:
    best = client.ask("chain_getBlock")
    assert best["block"]["header"] == client.ask("chain_getHeader")
    assert best["block"]["extrinsics"] == [
        "0x" + raw.hex() for raw in node.drawing["a2"].extrinsics
    ]
    assert best["justifications"] is None
    assert client.ask("chain_getBlockHash") == client.ask("chain_getHead") == node.hash("a2")
    assert client.ask("chain_getBlockHash", 1) == node.hash("a1")
    assert client.ask("chain_getBlockHash", "0x0") == node.hash("0")
    assert client.ask("chain_getBlockHash", [0, "0x2", 9]) == [
        node.hash("0"),
        node.hash("a2"),
        None,
    ]
    for method in ("chain_getFinalizedHead", "chain_getFinalisedHead"):
        assert client.ask(method) == node.hash("0")


def test_what_is_not_known_is_null_or_named(client: Client) -> None:
    assert client.ask("chain_getHeader", UNKNOWN) is None
    assert client.ask("chain_getBlock", UNKNOWN) is None
    asked: list[tuple[str, list[object]]] = [
        ("state_getStorage", ["0x00", UNKNOWN]),
        ("state_getRuntimeVersion", [UNKNOWN]),
        ("state_call", ["Core_version", "0x", UNKNOWN]),
        ("state_getKeysPaged", ["0x", 1, None, UNKNOWN]),
        ("childstate_getStorage", ["0x", "0x", UNKNOWN]),
    ]
    for method, params in asked:
        assert client.refused(method, *params) == 4003
    answer = client.answer("state_call", "Core_nothing", "0x")
    assert answer["error"]["code"] == 4003
    assert "Core_nothing" in answer["error"]["message"]


def test_state_of_any_block(node: DrawnNode, client: Client) -> None:
    now, then = (
        client.ask("state_getStorage", BOBS_TEXT, node.hash(name)) for name in ("a2", "a1")
    )
    assert now != then
    assert client.ask("state_getStorageAt", BOBS_TEXT) == now
    assert client.ask("state_getStorageSize", BOBS_TEXT) == len(now) // 2 - 1
    expected = "0x" + blake2_256(bytes.fromhex(now[2:])).hex()
    assert client.ask("state_getStorageHash", BOBS_TEXT) == expected
    assert client.ask("state_getStorage", "0x1234") is None
    assert client.ask("state_queryStorageAt", [BOBS_TEXT, "0x1234"], node.hash("a1")) == [
        {"block": node.hash("a1"), "changes": [[BOBS_TEXT, then], ["0x1234", None]]}
    ]
    assert client.ask("state_queryStorage", [BOBS_TEXT], node.hash("0"), node.hash("a2")) == [
        {"block": node.hash("0"), "changes": [[BOBS_TEXT, then]]},
        {"block": node.hash("a2"), "changes": [[BOBS_TEXT, now]]},
    ]
    assert client.refused("state_queryStorage", [BOBS_TEXT], node.hash("a2"), node.hash("0"))


def test_keys_by_pages(node: DrawnNode, client: Client) -> None:
    prefix = "0x" + ACCOUNTS.hex()
    whole = client.ask("state_getKeys", prefix)
    assert len(whole) >= 4
    assert whole == sorted(whole)
    paged: list[str] = []
    start = prefix  # as @polkadot/api begins
    while page := client.ask("state_getKeysPaged", prefix, 2, start):
        paged += page
        start = page[-1]
    assert paged == whole
    assert client.ask("state_getKeysPaged", None, 1) != []
    pairs = client.ask("state_getPairs", prefix)
    assert [key for key, _ in pairs] == whole
    assert client.refused("state_getKeysPaged", prefix, 1_001) == -32602


def test_unbounded_listings_are_bounded_and_for_operators(node: DrawnNode) -> None:
    narrow = Client(node, Limits(keys_listed=3))
    assert narrow.refused("state_getKeys", "0x") == -32602
    assert narrow.refused("state_getPairs", "0x") == -32602
    stranger = Client(node, Limits(), unsafe_allowed=False)
    for method in ("state_getKeys", "state_getPairs"):
        assert stranger.refused(method, "0x") == -32601
    assert stranger.refused("state_subscribeStorage") == -32601
    narrow = Client(node, Limits(blocks_per_query=2))
    assert narrow.refused("state_queryStorage", [BOBS_TEXT], node.hash("0")) == -32602
    assert narrow.ask("state_queryStorage", [BOBS_TEXT], node.hash("a1"))


def test_a_read_proof_proves(node: DrawnNode, client: Client) -> None:
    found = client.ask("state_getReadProof", [BOBS_TEXT, "0x1234"], node.hash("a1"))
    assert found["at"] == node.hash("a1")
    proof = [bytes.fromhex(part[2:]) for part in found["proof"]]
    root = node.drawing["a1"].header.state_root
    values = verify_proof(root, proof, [BOBS, b"\x12\x34"])
    expected = client.ask("state_getStorage", BOBS_TEXT, node.hash("a1"))
    assert values == {BOBS: bytes.fromhex(expected[2:]), b"\x12\x34": None}


def test_the_runtime_by_version_metadata_and_call(client: Client) -> None:
    version = client.ask("state_getRuntimeVersion")
    assert version == client.ask("chain_getRuntimeVersion")
    assert version["stateVersion"] == version["systemVersion"] == 1
    assert all(len(identifier) == 18 and number > 0 for identifier, number in version["apis"])
    assert client.ask("state_getMetadata").startswith("0x6d6574610e")
    assert client.ask("state_call", "Core_version", "") == client.ask(
        "state_callAt", "Core_version", "0x"
    )


def test_child_tries_are_empty(client: Client) -> None:
    assert client.ask("childstate_getStorage", "0x", "0x") is None
    assert client.ask("childstate_getStorageEntries", "0x", ["0x", "0x01"]) == [None, None]
    assert client.ask("childstate_getKeys", "0x", "0x") == []
    assert client.ask("childstate_getKeysPaged", "0x", "0x", 10) == []


def test_heads_across_a_change_of_fork(node: DrawnNode, client: Client) -> None:
    best, every, final = (
        client.ask(f"chain_subscribe{kind}Heads") for kind in ("New", "All", "Finalized")
    )
    node.take("b2", "b3", "a3", "b4")
    node.finalize("b3")
    sent = [(one["params"]["subscription"], one["params"]["result"]) for one in _all_news(client)]

    def heads(identifier: str) -> list[str]:
        return [node.drawing.name(_hash_of(shape)) for found, shape in sent if found == identifier]

    assert heads(every) == ["a2", "b2", "b3", "a3", "b4"]
    assert heads(best)[0] == "a2"
    assert heads(best)[-1] == "b4"
    assert heads(final) == ["0", "a1", "b2", "b3"]


def test_storage_is_told_when_it_changes(node: DrawnNode, client: Client) -> None:
    identifier = client.ask("state_subscribeStorage", [BOBS_TEXT])
    with_seven = client.ask("state_getStorage", BOBS_TEXT)
    without = client.ask("state_getStorage", BOBS_TEXT, node.hash("a1"))
    assert client.news(identifier) == [
        {"block": node.hash("a2"), "changes": [[BOBS_TEXT, with_seven]]}
    ]
    node.take("a3")
    assert client.news(identifier) == [], "nothing changed for Bob"
    node.take("b2", "b3", "b4")
    with_eleven = client.ask("state_getStorage", BOBS_TEXT)
    assert with_eleven not in (with_seven, without)
    last = client.news(identifier)[-1]
    assert last["changes"] == [[BOBS_TEXT, with_eleven]], "the fork has its own history"
    assert client.ask("state_unsubscribeStorage", identifier)
    assert not client.ask("state_unsubscribeStorage", identifier)
    assert node.hub.listeners == 0


def test_operators_hear_of_every_change(node: DrawnNode, client: Client) -> None:
    identifier = client.ask("state_subscribeStorage")
    node.take("a3")
    (told,) = client.news(identifier)
    assert told["block"] == node.hash("a3")
    expected = sorted("0x" + key.hex() for key in node.changed(node.drawing.hash("a3")))
    assert [key for key, _ in told["changes"]] == expected


def test_the_runtime_version_is_told_once_while_it_stays(node: DrawnNode, client: Client) -> None:
    identifier = client.ask("state_subscribeRuntimeVersion")
    node.take("a3")
    assert client.news(identifier) == [client.ask("state_getRuntimeVersion")]


def test_a_block_gone_before_it_was_told_silences_nobody(node: DrawnNode, client: Client) -> None:
    """A node announces after a batch of work: the block may be imported and abandoned by then."""
    identifiers = [
        client.ask("chain_subscribeAllHeads"),
        client.ask("chain_subscribeNewHeads"),
        client.ask("state_subscribeStorage", [BOBS_TEXT]),
        client.ask("chainHead_v1_follow", True),
    ]
    client.news()
    gone = b"\x99" * 32
    node.tell([BlockImported(gone, node.drawing.hash("a2"), 3), BestChanged(gone, (), (gone,))])
    assert client.news() == []
    node.take("a3")
    told = {one["params"]["subscription"] for one in _all_news(client)}
    assert told == {identifiers[0], identifiers[1], identifiers[3]}
    assert node.hub.listeners == len(identifiers)


def _all_news(client: Client) -> list[Any]:
    found = [json.loads(message) for message in client.recorder.messages]
    client.recorder.messages.clear()
    return found


def _hash_of(shape: Any) -> bytes:
    logs = shape["digest"]["logs"]
    raw = b"".join(
        [
            bytes.fromhex(shape["parentHash"][2:]),
            bytes((int(shape["number"], 16) << 2,)),
            bytes.fromhex(shape["stateRoot"][2:]),
            bytes.fromhex(shape["extrinsicsRoot"][2:]),
            bytes((len(logs) << 2,)),
            *(bytes.fromhex(item[2:]) for item in logs),
        ]
    )
    return Header.decode(raw).hash
