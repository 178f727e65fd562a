"""The commands that ask a node, against a real one; then those that check what it left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running_node import RunningNode, running_node
from tests.unit.cli.command import gongshe

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


class Desk:
    """A person at a node's machine."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "chain"
        self._nodes = ExitStack()
        self.node: RunningNode = self._nodes.enter_context(running_node(folder))

    def stop(self) -> None:
        self._nodes.close()

    def type(self, *words: str, expect: int = 0, asks: bool = True) -> Any:
        """Type a command with --json; return what it prints, or its error."""
        url = ("--url", self.node.url) if asks else ("--base-path", str(self.data))
        outcome = gongshe(*words, *url, "--json", expect=expect)
        return outcome.error if expect else outcome.json

    def read(self, *words: str) -> str:
        """Type a command; return what a person reads."""
        return gongshe(*words, "--url", self.node.url).output


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = Desk(tmp_path_factory.mktemp("desk"))
    yield opened
    opened.stop()


def test_a_transfer_is_tried_sent_and_found_again(desk: Desk) -> None:
    words = ("call", "Balances.transfer_keep_alive", "//Bob", "1.5DC", "--from", "//Alice")
    tried = desk.type(*words, "--dry-run")
    assert tried["result"] == "success"
    assert tried["fee"].endswith("DC")
    before = int(desk.type("state", "get", "System.Account", BOB)["value"]["data"]["free"])

    sent = desk.type(*words, "--submit", "--wait", "finalized")
    assert sent["result"] == "success"
    assert sent["finalized"]
    assert [event["event"] for event in sent["events"]][-1] == "ExtrinsicSuccess"

    now = desk.type("state", "get", "System.Account", "//Bob", "--at", "finalized")
    assert int(now["value"]["data"]["free"]) == before + 1_500_000_000_000
    then = desk.type("state", "at", str(sent["block"] - 1), "System.Account", "//Bob")
    assert int(then["value"]["data"]["free"]) == before

    block = desk.type("block", str(sent["block"]))
    assert block == desk.type("block", sent["blockHash"])
    assert block["finalized"]
    found = block["extrinsics"][sent["index"]]
    assert found["hash"] == sent["extrinsicHash"]
    assert found["signer"] == ALICE
    assert found["args"] == {"dest": BOB, "value": "1500000000000"}
    assert {item["kind"] for item in block["digest"]} == {"PreRuntime", "Seal"}
    transfers = desk.type("events", str(sent["block"]), "--pallet", "balances")
    assert "Transfer" in [event["event"] for event in transfers]
    assert ALICE in desk.read("block", str(sent["block"]))
    assert "Balances.Transfer" in desk.read("events", str(sent["block"]))


def test_a_batch_by_an_ed25519_key_with_a_tip(desk: Desk) -> None:
    batch = json.dumps([{"pallet": "System", "call": "remark_with_event", "args": ["hello"]}] * 2)
    words = ("call", "Utility.batch_all", batch, "--from", "//Eve", "--scheme", "ed25519")
    sent = desk.type(*words, "--tip", "0.01DC", "--era", "0", "--submit", "--wait", "included")
    assert [event["event"] for event in sent["events"]].count("Remarked") == 2


def test_what_fails_on_the_chain_is_told_by_name(desk: Desk) -> None:
    words = ("call", "Balances.transfer_keep_alive", "//Bob", "99999999999DC", "--from", "//Dave")
    assert desk.type(*words, "--dry-run")["result"] == {"Token": "FundsUnavailable"}
    refused = desk.type(*words, "--submit", expect=5)
    assert refused["data"]["result"] == {"Token": "FundsUnavailable"}
    assert "its fee is paid" in refused["hint"]
    sudo = ("call", "Sudo.remove_key", "--from", "//Dave", "--submit", "--wait", "included")
    named = desk.type(*sudo, expect=5)["data"]["result"]["Module"]
    assert (named["pallet"], named["error"]) == ("Sudo", "RequireSudo")


def test_what_the_pool_refuses_is_explained(desk: Desk) -> None:
    poor = desk.type("call", "System.remark", "x", "--from", "//Nobody", "--submit", expect=5)
    assert "Payment" in poor["error"]
    assert poor["hint"]
    stale = ("call", "System.remark", "x", "--from", "//Alice", "--nonce", "0", "--submit")
    assert "Stale" in desk.type(*stale, expect=5)["error"]
    tried = desk.type(*stale[:-1], "--dry-run", expect=5)
    assert tried["data"]["refused"] == {"Invalid": "Stale"}


def test_state_is_listed_by_keys_in_words(desk: Desk) -> None:
    accounts = desk.type("state", "keys", "System.Account", "--values")
    held = {each["keys"][0]: each["value"] for each in accounts}
    assert int(held[ALICE]["data"]["free"]) > 0
    some = desk.type("state", "keys", "System.Account", "--count", "3")
    rest = desk.type("state", "keys", "System.Account", "--after", some[-1]["key"])
    keys = [each["key"] for each in accounts]
    assert [each["key"] for each in some + rest] == keys
    assert sorted(keys) == keys
    raw = desk.type("state", "get", keys[0])
    assert raw["value"].startswith("0x")
    assets = desk.type("state", "keys", "Assets.Account", "1", "--values", "--count", "2")
    assert [each["keys"][0] for each in assets] == [1, 1]
    assert desk.type("state", "get", "Balances.Locks", "//Bob")["isDefault"]
    assert desk.type("state", "get", "Sudo.Key")["value"] == ALICE
    assert "nothing is stored" in desk.read("state", "get", "0x00")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("block", "4000000"), 1, "there is no block 4000000 yet"),
        (("block", "0x" + "00" * 32), 5, "knows no block"),
        (("block", "worst"), 1, "best, finalized, a number or a hash"),
        (("state", "get", "System.Acount", "//Bob"), 1, "Account"),
        (("state", "get", "System.Account"), 1, "1 keys, 0 were given"),
        (("state", "get", "System.Account", "bob"), 1, "an address"),
        (("state", "get", "0xzz"), 1, "hexadecimal"),
        (("state", "keys", "System.Account", "//Bob", "//Eve"), 1, "at most 1 keys"),
    ],
)
def test_mistakes_are_explained(desk: Desk, words: tuple[str, ...], code: int, told: str) -> None:
    assert told in desk.type(*words, expect=code)["error"]


def test_data_in_use_are_neither_checked_nor_removed(desk: Desk) -> None:
    for words in (("check-state",), ("check-block",), ("purge", "--yes")):
        refused = desk.type(*words, asks=False, expect=1)
        assert "in use by another process" in refused["error"]


def test_what_a_stopped_node_left_is_checked_and_removed(desk: Desk) -> None:
    best = desk.type("block", "finalized")
    desk.stop()
    last = desk.type("check-block", asks=False)
    assert last["number"] >= best["number"]
    for number in range(1, 4):
        again = desk.type("check-block", str(number), asks=False)
        assert again["valid"]
    same = desk.type("check-block", best["hash"], asks=False)
    assert same["stateRoot"] == best["stateRoot"]
    for block in ("finalized", "best", "0", "2"):
        assert desk.type("check-state", block, asks=False)["problems"] == []
    assert "genesis block" in desk.type("check-block", "0", asks=False, expect=1)["error"]
    assert "no block" in desk.type("check-block", "999999", asks=False, expect=1)["error"]
    assert desk.type("purge", "--yes", asks=False)["removed"].startswith(str(desk.data))
    assert "nothing to remove" in desk.type("purge", "--yes", asks=False, expect=1)["error"]
