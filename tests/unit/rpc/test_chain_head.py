"""`chainHead_v1_`: events under forks, pins, operations and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from gongshe.rpc.limits import Limits
from gongshe.storage.trie_nodes import hash_256
from tests.chains import ALICE, BOB, Drawing, transfer
from tests.unit.rpc.drawn_node import Client, DrawnNode
from tests.unit.rpc.test_chain_methods import ACCOUNTS, BOBS_TEXT, UNKNOWN


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing(schedule=[ALICE]).draw("0 a1 a2 a3 a4", "a1 b2 b3", a2=[transfer(ALICE, BOB, 7)])


@pytest.fixture
def node(drawing: Drawing) -> DrawnNode:
    found = DrawnNode(drawing)
    found.take("a1")
    return found


@pytest.fixture
def client(node: DrawnNode) -> Client:
    return node.client


def told(node: DrawnNode, events: list[dict[str, Any]]) -> list[str]:
    """Return events as short words: `new a2 on a1`, `best a2`, `final a1 without b2`."""
    words = []
    for event in events:
        match event["event"]:
            case "initialized":
                words.append("begin " + " ".join(node.names(event["finalizedBlockHashes"])))
            case "newBlock":
                own, parent = node.names([event["blockHash"], event["parentBlockHash"]])
                words.append(f"new {own} on {parent}")
            case "bestBlockChanged":
                words.append("best " + node.names([event["bestBlockHash"]])[0])
            case "finalized":
                final = " ".join(node.names(event["finalizedBlockHashes"]))
                gone = " ".join(sorted(node.names(event["prunedBlockHashes"])))
                words.append(f"final {final} without {gone}".strip())
            case other:
                words.append(other)
    return words


def test_every_block_is_told_once_parents_first(node: DrawnNode, client: Client) -> None:
    follow = client.ask("chainHead_v1_follow", False)
    assert told(node, client.news(follow)) == ["begin 0", "new a1 on 0", "best a1"]
    node.take("a2", "b2", "a3")
    assert told(node, client.news(follow)) == [
        "new a2 on a1",
        "best a2",
        "new b2 on a1",
        "new a3 on a2",
        "best a3",
    ]
    node.finalize("a2")
    assert told(node, client.news(follow)) == ["final a1 a2 without b2"]


def test_a_late_follower_sees_the_whole_tree(node: DrawnNode, client: Client) -> None:
    node.take("a2", "b2", "b3", "a3", "a4")
    node.finalize("a1")
    events = told(node, client.news(client.ask("chainHead_v1_follow", False)))
    assert events[0] == "begin 0 a1"
    assert sorted(events[1:-1]) == [
        "new a2 on a1",
        "new a3 on a2",
        "new a4 on a3",
        "new b2 on a1",
        "new b3 on b2",
    ]
    assert events.index("new b2 on a1") < events.index("new b3 on b2")
    assert events[-1] == f"best {node.site.best}"


def test_events_that_come_after_the_fact_are_not_told_twice(
    node: DrawnNode, client: Client
) -> None:
    """The store may be ahead of the announcements when somebody begins to follow."""
    late = node.events(node.site.take("a2"))
    finality = node.site.finalize("a1")
    assert finality is not None
    follow = client.ask("chainHead_v1_follow", False)
    assert told(node, client.news(follow)) == ["begin 0 a1", "new a2 on a1", "best a2"]
    node.tell(late + node.events(finality))
    assert told(node, client.news(follow)) == []


def test_the_runtime_is_told_when_asked_for(node: DrawnNode, client: Client) -> None:
    follow = client.ask("chainHead_v1_follow", True)
    first, new, _ = client.news(follow)
    assert first["finalizedBlockRuntime"]["type"] == "valid"
    spec = first["finalizedBlockRuntime"]["spec"]
    version = client.ask("state_getRuntimeVersion")
    assert spec["specVersion"] == version["specVersion"]
    assert spec["apis"] == dict(version["apis"])
    assert new["newRuntime"] is None
    without = client.ask("chainHead_v1_follow", False)
    assert "finalizedBlockRuntime" not in client.news(without)[0]


def test_operations_answer_by_events(node: DrawnNode, client: Client) -> None:
    node.take("a2")
    follow = client.ask("chainHead_v1_follow", True)
    client.news()
    at = node.hash("a2")
    assert client.ask("chainHead_v1_header", follow, at) == client.ask("archive_v1_header", at)

    started = client.ask("chainHead_v1_body", follow, at)
    assert started["result"] == "started"
    assert client.news(follow) == [
        {
            "event": "operationBodyDone",
            "operationId": started["operationId"],
            "value": client.ask("chain_getBlock", at)["block"]["extrinsics"],
        }
    ]
    started = client.ask("chainHead_v1_call", follow, at, "Core_version", "")
    assert client.news(follow) == [
        {
            "event": "operationCallDone",
            "operationId": started["operationId"],
            "output": client.ask("state_call", "Core_version", "0x", at),
        }
    ]
    started = client.ask("chainHead_v1_call", follow, at, "Core_nothing", "0x")
    (failed,) = client.news(follow)
    assert failed["event"] == "operationError"
    assert "Core_nothing" in failed["error"]


def test_storage_of_each_kind(node: DrawnNode, client: Client) -> None:
    node.take("a2")
    follow = client.ask("chainHead_v1_follow", False)
    client.news()
    at, prefix = node.hash("a2"), "0x" + ACCOUNTS.hex()
    items = [
        {"key": BOBS_TEXT, "type": "value"},
        {"key": BOBS_TEXT, "type": "hash"},
        {"key": "0x1234", "type": "value"},
        {"key": prefix, "type": "descendantsValues"},
        {"key": prefix, "type": "descendantsHashes", "paginationStartKey": BOBS_TEXT},
    ]
    started = client.ask("chainHead_v1_storage", follow, at, items)
    assert started["discardedItems"] == 0
    found, done = client.news(follow)
    assert done == {"event": "operationStorageDone", "operationId": started["operationId"]}
    value = client.ask("state_getStorage", BOBS_TEXT, at)
    hashed = client.ask("state_getStorageHash", BOBS_TEXT, at)
    pairs = client.ask("state_getPairs", prefix, at)
    later = [key for key, _ in pairs if key > BOBS_TEXT]
    assert found["items"] == [
        {"key": BOBS_TEXT, "value": value},
        {"key": BOBS_TEXT, "hash": hashed},
        *({"key": key, "value": held} for key, held in pairs),
        *({"key": key, "hash": client.ask("state_getStorageHash", key, at)} for key in later),
    ]
    client.ask("chainHead_v1_storage", follow, at, items, "0x1234")
    assert [event["event"] for event in client.news(follow)] == ["operationStorageDone"]


def test_the_merkle_value_changes_with_what_is_below(node: DrawnNode, client: Client) -> None:
    node.take("a2")
    follow = client.ask("chainHead_v1_follow", False)
    client.news()

    def merkle(name: str, key: str) -> str | None:
        items = [{"key": key, "type": "closestDescendantMerkleValue"}]
        client.ask("chainHead_v1_storage", follow, node.hash(name), items)
        found = [event for event in client.news(follow) if "items" in event]
        value: str | None = found[0]["items"][0]["closestDescendantMerkleValue"] if found else None
        return value

    accounts = "0x" + ACCOUNTS.hex()
    assert merkle("a1", accounts) != merkle("a2", accounts), "Bob's balance is below"
    assert merkle("a1", BOBS_TEXT) != merkle("a2", BOBS_TEXT)
    sudo = "0x5c0d1176a568c1f92944340dbfed9e9c"
    assert merkle("a1", sudo) == merkle("a2", sudo) is not None
    assert merkle("a2", BOBS_TEXT + "00") is None
    assert merkle("a2", "0x" + "ab" * 16) is None
    root = node.drawing["a2"].header.state_root
    assert merkle("a2", "0x") == "0x" + root.hex()
    top = [bytes.fromhex(part[2:]) for part in client.ask("state_getReadProof", ["0x"])["proof"]]
    assert root in {hash_256(part) for part in top}


def test_long_storage_waits_for_the_client(node: DrawnNode, drawing: Drawing) -> None:
    client = Client(node, Limits(items_per_event=2))
    follow = client.ask("chainHead_v1_follow", False)
    client.news()
    at, prefix = node.hash("a1"), "0x" + ACCOUNTS.hex()
    everything = [key for key, _ in client.ask("state_getPairs", prefix, at)]
    items = [{"key": prefix, "type": "descendantsValues"}]
    operation = client.ask("chainHead_v1_storage", follow, at, items)["operationId"]
    found: list[str] = []
    while True:
        events = client.news(follow)
        found += [item["key"] for event in events for item in event.get("items", [])]
        if events[-1]["event"] == "operationStorageDone":
            break
        assert events[-1]["event"] == "operationWaitingForContinue"
        assert client.news(follow) == [], "nothing comes before it is asked for"
        assert client.ask("chainHead_v1_continue", follow, operation) is None
    assert found == everything
    assert client.refused("chainHead_v1_continue", follow, operation) == -32803

    operation = client.ask("chainHead_v1_storage", follow, at, items)["operationId"]
    client.news()
    assert client.ask("chainHead_v1_stopOperation", follow, operation) is None
    assert client.refused("chainHead_v1_continue", follow, operation) == -32803
    assert client.news(follow) == []
    assert client.ask("chainHead_v1_stopOperation", follow, "nothing") is None


def test_operations_are_bounded(node: DrawnNode) -> None:
    client = Client(node, Limits(items_per_event=1, operations=2))
    follow = client.ask("chainHead_v1_follow", False)
    items = [{"key": "0x", "type": "descendantsHashes"}]
    at = node.hash("a1")
    first = client.ask("chainHead_v1_storage", follow, at, items)
    client.ask("chainHead_v1_storage", follow, at, items)
    for method, more in [("chainHead_v1_storage", [items]), ("chainHead_v1_body", [])]:
        assert client.ask(method, follow, at, *more) == {"result": "limitReached"}
    client.ask("chainHead_v1_stopOperation", follow, first["operationId"])
    assert client.ask("chainHead_v1_body", follow, at)["result"] == "started"


def test_only_pinned_blocks_answer(node: DrawnNode, client: Client) -> None:
    node.take("a2")
    follow = client.ask("chainHead_v1_follow", True)
    a1, a2 = node.hash("a1"), node.hash("a2")
    asks: list[tuple[str, list[object]]] = [
        ("chainHead_v1_header", []),
        ("chainHead_v1_body", []),
        ("chainHead_v1_call", ["Core_version", ""]),
        ("chainHead_v1_storage", [[]]),
        ("chainHead_v1_unpin", []),
    ]
    for method, more in asks:
        assert client.refused(method, follow, UNKNOWN, *more) == -32801
    assert client.refused("chainHead_v1_unpin", follow, [a1, UNKNOWN]) == -32801
    assert client.ask("chainHead_v1_header", follow, a1), "a refused list unpins nothing"
    assert client.refused("chainHead_v1_unpin", follow, [a1, a1]) == -32804
    assert client.ask("chainHead_v1_unpin", follow, [a1, a2]) is None
    for method, more in asks:
        assert client.refused(method, follow, a1, *more) == -32801


def test_calls_need_the_runtime(node: DrawnNode, client: Client) -> None:
    follow = client.ask("chainHead_v1_follow", False)
    assert client.refused("chainHead_v1_call", follow, node.hash("a1"), "Core_version", "") == (
        -32802
    )


def test_who_does_not_unpin_is_stopped(node: DrawnNode) -> None:
    client = Client(node, Limits(pinned_blocks=3))
    follow = client.ask("chainHead_v1_follow", False)
    node.take("a2", "a3", "a4")
    words = told(node, client.news(follow))
    assert words[-1] == "stop"
    assert words.count("stop") == 1
    assert node.hub.listeners == 0
    assert client.ask("chainHead_v1_header", follow, node.hash("a1")) is None
    assert client.ask("chainHead_v1_body", follow, node.hash("a1")) == {"result": "limitReached"}
    assert client.ask("chainHead_v1_unpin", follow, node.hash("a1")) is None
    assert client.ask("chainHead_v1_unfollow", follow) is None


def test_who_unpins_goes_on(node: DrawnNode) -> None:
    client = Client(node, Limits(pinned_blocks=3))
    follow = client.ask("chainHead_v1_follow", False)
    client.ask("chainHead_v1_unpin", follow, node.hash("0"))
    for name, before in [("a2", "a1"), ("a3", "a2"), ("a4", "a3")]:
        node.take(name)
        client.ask("chainHead_v1_unpin", follow, node.hash(before))
    assert "stop" not in told(node, client.news(follow))


def test_follows_are_bounded_and_end(node: DrawnNode) -> None:
    client = Client(node, Limits(follows=2))
    follows = [client.ask("chainHead_v1_follow", False) for _ in range(2)]
    assert client.refused("chainHead_v1_follow", False) == -32800
    client.ask("chainHead_v1_unfollow", follows[0])
    client.ask("chainHead_v1_follow", False)
    client.session.close()
    assert node.hub.listeners == 0


def test_a_block_whose_state_is_gone_is_inaccessible(node: DrawnNode, client: Client) -> None:
    node.take("a2", "b2", "a3")
    follow = client.ask("chainHead_v1_follow", True)
    client.news()
    node.finalize("a2")
    client.news()
    pruned = node.hash("b2")
    items = [{"key": BOBS_TEXT, "type": "value"}]
    asks: list[tuple[str, list[object]]] = [
        ("chainHead_v1_storage", [items]),
        ("chainHead_v1_body", []),
        ("chainHead_v1_call", ["Core_version", ""]),
    ]
    for method, more in asks:
        started = client.ask(method, follow, pruned, *more)
        assert client.news(follow) == [
            {"event": "operationInaccessible", "operationId": started["operationId"]}
        ], method
