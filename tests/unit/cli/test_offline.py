"""Commands that ask no node: the overview, specs, calls and extrinsics in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gongshe.cli import COMMANDS
from gongshe.cli_output import amount, described, table
from gongshe.primitives.extrinsic import MortalEra, encode_extra, encode_signed
from gongshe.runtime.arguments import read_call
from gongshe.runtime.versions import SHIPPED
from tests.unit.cli.command import gongshe

RULES = SHIPPED[1]
ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
COMMAND = Path(sys.executable).with_name("gongshe")


def test_the_overview_lists_every_command_and_the_exit_codes() -> None:
    shown = gongshe("--help").output
    for name in COMMANDS:
        assert f"\n  {name} " in shown
    assert "Exit codes" in shown
    assert gongshe("--version").output.startswith("gongshe")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_and_json(name: str) -> None:
    shown = gongshe(name, "--help").output
    if name in {"key", "chain-spec", "extrinsic", "state"}:
        assert "Commands:" in shown
    else:
        assert "--json" in shown or "--log-json" in shown


def test_an_unknown_command_is_a_matter_of_usage() -> None:
    assert "No such command" in gongshe("fly", expect=2).errors


def test_the_overview_and_keys_load_neither_runtime_nor_node() -> None:
    """What is not imported costs nothing, on any machine."""
    script = (
        "import sys; from click.testing import CliRunner; from gongshe.cli import main\n"
        "for words in (['--help'], ['--version'], ['key', 'inspect', '//Alice']):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0\n"
        "rooms = ('runtime', 'chain', 'node', 'rpc', 'storage')\n"
        "loaded = [m for m in sys.modules if m.startswith(tuple(f'gongshe.{r}' for r in rooms))]\n"
        "assert not loaded, loaded\n"
        "assert 'trio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_installed_command_answers() -> None:
    run = subprocess.run(
        [COMMAND, "key", "inspect", "//Alice", "--json"], capture_output=True, check=True, text=True
    )
    assert json.loads(run.stdout)["ss58"] == ALICE
    assert run.stderr == ""


class TestSpecs:
    """`gongshe chain-spec`."""

    def test_an_exported_spec_can_be_edited_and_made_raw(self, tmp_path: Path) -> None:
        plain, raw = tmp_path / "plain.json", tmp_path / "raw.json"
        told = gongshe("chain-spec", "export", "--chain", "local", "-o", str(plain), "--json").json
        assert told["file"] == str(plain)
        made = gongshe("chain-spec", "raw", str(plain), "-o", str(raw), "--json").json
        assert made["genesisHash"] == told["genesisHash"]
        assert (
            gongshe("chain-spec", "show", str(raw), "--json").json["genesisHash"]
            == told["genesisHash"]
        )
        spec = json.loads(plain.read_text())
        spec["genesis"]["runtimeGenesis"]["patch"]["aura"]["slotDuration"] = 2_000
        plain.write_text(json.dumps(spec))
        other = gongshe("chain-spec", "show", str(plain), "--json").json
        assert other["genesisHash"] != told["genesisHash"]

    def test_the_spec_itself_is_what_is_printed(self) -> None:
        printed = gongshe("chain-spec", "export", "--raw").json
        assert printed["properties"]["tokenSymbol"] == "DC"
        assert all(key.startswith("0x") for key in printed["genesis"]["raw"]["top"])

    def test_what_is_no_spec_is_refused(self, tmp_path: Path) -> None:
        assert "a spec file" in gongshe("chain-spec", "show", "nowhere", expect=1).errors
        broken = tmp_path / "broken.json"
        broken.write_text("{}")
        refused = gongshe("chain-spec", "raw", str(broken), "--json", expect=1)
        assert "broken.json" in refused.error["error"]
        told = gongshe("chain-spec", "export", "-o", str(tmp_path / "no" / "file"), expect=1)
        assert "cannot be written" in told.errors


class TestWords:
    """Calls and extrinsics without a node."""

    def test_a_call_is_shown_with_its_bytes(self) -> None:
        shown = gongshe("call", "balances.Transfer_Keep_Alive", "//Bob", "1.5DC", "--json").json
        assert shown["args"] == {"dest": BOB, "value": "1500000000000"}
        call = read_call(RULES, "Balances.transfer_keep_alive", [BOB, "1_500_000_000_000"])
        assert shown["callBytes"] == f"0x{RULES.call_codec.encode(call).hex()}"

    def test_arguments_may_be_named(self) -> None:
        words = ("call", "Balances.transfer_keep_alive", "value=1.5DC", "dest=//Bob", "--json")
        assert gongshe(*words).json["args"]["dest"] == BOB

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("Balances.transfer", "//Bob", "1"), "transfer_all"),
            (("Balance.transfer_all", "//Bob", "true"), "expected one of Balances"),
            (("Balances.transfer_keep_alive", "//Bob"), "2 arguments (dest, value)"),
            (("Balances.transfer_keep_alive", "//Bob", "1.5"), "1.5DC"),
            (("Utility.batch", "[1.5]"), "whole numbers only"),
            (("Utility.batch", "[{]"), "single quotes"),
        ],
    )
    def test_mistakes_are_explained(self, words: tuple[str, ...], told: str) -> None:
        assert told in gongshe("call", *words, expect=1).errors

    def test_who_signs_must_be_said(self) -> None:
        told = gongshe("call", "System.remark", "hi", "--submit", expect=2).errors
        assert "--from" in told
        gongshe("call", "System.remark", "hi", "--submit", "--dry-run", expect=2)

    def test_an_extrinsic_is_told_in_words(self) -> None:
        call = read_call(RULES, "Balances.transfer_keep_alive", ["//Bob", "7"])
        extra = encode_extra(MortalEra(64, 9), 3, 10**12)
        alice = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
        raw = encode_signed(alice, 1, bytes(64), extra, RULES.call_codec.encode(call))
        shown = gongshe("extrinsic", "decode", f"0x{raw.hex()}", "--json").json
        assert shown["signer"] == ALICE
        assert shown["era"] == {"period": 64, "phase": 9}
        assert (shown["nonce"], shown["tip"]) == (3, "1000000000000")
        assert (shown["pallet"], shown["call"]) == ("Balances", "transfer_keep_alive")
        assert shown["args"] == {"dest": BOB, "value": "7"}

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("0x0102",), "length prefix included"),
            (("zz",), "hexadecimal expected"),
            (("0x00", "--spec-version", "999"), "not 999"),
        ],
    )
    def test_what_is_no_extrinsic_is_refused(self, words: tuple[str, ...], told: str) -> None:
        assert told in gongshe("extrinsic", "decode", *words, expect=1).errors


class TestNoNode:
    """Commands that would ask a node, without one."""

    URL = ("--url", "http://127.0.0.1:1")

    @pytest.mark.parametrize(
        "words",
        [
            ("block",),
            ("events", "5"),
            ("state", "get", "System.Number"),
            ("state", "keys", "System.Account"),
            ("state", "at", "1", "System.Number"),
            ("call", "System.remark", "hi", "--from", "//Alice", "--dry-run"),
        ],
    )
    def test_the_exit_code_says_that_nobody_answers(self, words: tuple[str, ...]) -> None:
        refused = gongshe(*words, *self.URL, "--json", expect=3)
        assert "no node answers" in refused.error["error"]
        assert "gongshe dev" in refused.error["hint"]

    def test_a_url_must_be_one(self) -> None:
        assert "--url" in gongshe("block", "--url", "ftp://host", expect=1).errors

    def test_checks_need_data(self, tmp_path: Path) -> None:
        for command in ("check-block", "check-state"):
            refused = gongshe(command, "-d", str(tmp_path), "--json", expect=1)
            assert "marker" in refused.error["error"]
        assert "nothing to remove" in gongshe("purge", "-d", str(tmp_path), expect=1).errors

    @pytest.mark.parametrize(
        ("words", "code", "told"),
        [
            (("dev", "--log", "loud"), 2, "--log"),
            (("dev", "--pruning", "some"), 1, "--pruning"),
            (("dev", "--rpc-port", "70000"), 1, "--rpc-port"),
            (("run", "--chain", "nowhere"), 1, "a spec file"),
            (("run", "--author", "a secret phrase"), 1, "shell's history"),
            (("run", "--author", "//Alice", "--rpc-host", "0.0.0.0"), 1, "--rpc-unsafe"),
        ],
    )
    def test_settings_that_cannot_be_are_refused(
        self, words: tuple[str, ...], code: int, told: str
    ) -> None:
        assert told in gongshe(*words, expect=code).errors


def test_tables_are_aligned() -> None:
    rows = [("a", 5, None), ("long", 12_345, True)]
    assert list(table(("name", "n", "x"), rows)) == [
        "name      n  x",
        "a         5  -",
        "long  12345  yes",
    ]


def test_nested_values_are_indented() -> None:
    value = {"a": 1, "longer": [], "list": [{"x": 1, "y": {"z": 2}}, "word"]}
    assert list(described(value)) == [
        "a       1",
        "longer  -",
        "list",
        "  - x  1",
        "    y",
        "      z  2",
        "  - word",
    ]


def test_amounts_show_every_digit_that_counts() -> None:
    assert amount(1_500_000_000_000) == "1.5 DC"
    assert amount(10**19) == "10,000,000 DC"
    assert amount(1) == "0.000000000001 DC"
