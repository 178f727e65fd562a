"""Chain specs: what they say is read whole, or refused with the place and the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gongshe.genesis import spec as specs
from gongshe.genesis.build import build
from gongshe.genesis.presets import PRESETS, dev, dev_accounts, local
from gongshe.genesis.spec import ChainSpec, SpecMalformed, read_spec, write_spec
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.keys import Keypair
from gongshe.primitives.types import UNIT
from gongshe.runtime.executive import Runtime
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallets.assets import Assets
from gongshe.runtime.pallets.aura import Aura
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.sudo import Sudo
from gongshe.runtime.pallets.system import System
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.states import States
from gongshe.storage.trie import trie_root
from gongshe.storage.trie_nodes import EMPTY_ROOT

RULES = SHIPPED[1]
ALICE = Keypair.from_uri("//Alice", Scheme.SR25519)
BOB = Keypair.from_uri("//Bob", Scheme.SR25519)


def document(**changes: Any) -> dict[str, Any]:
    """A small plain spec; a change of None removes a field."""
    whole: dict[str, Any] = {
        "name": "Commune",
        "id": "commune-1",
        "chainType": "Live",
        "bootNodes": ["/ip4/192.0.2.1/tcp/30333"],
        "telemetryEndpoints": None,
        "protocolId": "commune",
        "properties": {"tokenSymbol": "CMN"},
        "forkBlocks": None,
        "badBlocks": None,
        "codeSubstitutes": {},
        "genesis": {"runtimeGenesis": {"patch": patch()}},
    }
    whole |= changes
    return whole


def patch(**changes: Any) -> dict[str, Any]:
    return {
        "aura": {"authorities": [ALICE.address()], "slotDuration": 3_000},
        "balances": {"balances": [[ALICE.address(), 5 * UNIT], [BOB.address(), str(7 * UNIT)]]},
    } | changes


def with_patch(**changes: Any) -> str:
    return json.dumps(document(genesis={"runtimeGenesis": {"patch": patch(**changes)}}))


def refusal(text: str | bytes) -> str:
    with pytest.raises(SpecMalformed) as refused:
        build(read_spec(text), RULES)
    return str(refused.value)


def runtime_of(spec: ChainSpec) -> Runtime:
    """The first state of a spec, founded in a database and read back from it."""
    genesis = build(spec, RULES)
    database = MemoryDatabase()
    database.write(genesis.founding(256))
    return Runtime(RULES, Overlay(States.open(database).at(genesis.block_hash)))


def test_a_plain_spec_says_what_the_chain_begins_with() -> None:
    spec = read_spec(json.dumps(document()))
    assert (spec.name, spec.id, spec.chain_type) == ("Commune", "commune-1", "Live")
    assert spec.boot_nodes == ("/ip4/192.0.2.1/tcp/30333",)
    assert spec.properties == {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "CMN"}
    assert not spec.is_development

    runtime = runtime_of(spec)
    runtime.check_invariants()
    accounts = runtime.pallet(System).account
    assert accounts[ALICE.public].data.free == 5 * UNIT
    assert accounts[BOB.public].data.free == 7 * UNIT
    assert runtime.pallet(Balances).total_issuance.value == 12 * UNIT
    assert runtime.pallet(Aura).authorities.value == (ALICE.public,)
    assert runtime.pallet(Aura).slot_duration.value == 3_000


def test_config_and_patch_mean_the_same() -> None:
    whole = document(genesis={"runtimeGenesis": {"config": patch()}})
    patched = build(read_spec(json.dumps(document())), RULES)
    assert build(read_spec(json.dumps(whole)), RULES).block_hash == patched.block_hash


def test_the_genesis_block_is_empty_and_names_its_state() -> None:
    genesis = build(dev(), RULES)
    header = genesis.header
    assert header.parent_hash == bytes(32)
    assert header.number == 0
    assert header.digest.logs == ()
    assert header.extrinsics_root == EMPTY_ROOT
    assert header.state_root == trie_root(genesis.pairs.items())
    assert header.hash == genesis.block_hash


@pytest.mark.parametrize("name", list(PRESETS))
def test_plain_and_raw_documents_lead_to_the_same_genesis(name: str) -> None:
    spec = PRESETS[name]()
    genesis = build(spec, RULES)
    plain = read_spec(write_spec(spec))
    assert plain == spec
    assert build(plain, RULES).block_hash == genesis.block_hash

    raw = read_spec(write_spec(spec.with_raw(genesis.pairs)).encode())
    assert raw.patch is None
    assert raw.raw == genesis.pairs
    assert build(raw, RULES).block_hash == genesis.block_hash
    assert write_spec(read_spec(write_spec(raw))) == write_spec(raw)


def test_the_presets_differ() -> None:
    assert build(dev(), RULES).block_hash != build(local(), RULES).block_hash


def test_development_accounts_are_those_of_substrate_in_both_schemes() -> None:
    accounts = {(pair.scheme, uri): pair.address() for uri, pair in dev_accounts()}
    assert len(accounts) == 24
    known = {
        (Scheme.SR25519, "//Alice"): "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        (Scheme.SR25519, "//Alice//stash"): "5GNJqTPyNqANBkUVMN1LPPrxXnFouWXoe2wNSmmEoLctxiZY",
        (Scheme.ED25519, "//Alice"): "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu",
    }
    assert known.items() <= accounts.items()


def test_the_development_chain_is_ready_for_use() -> None:
    runtime = runtime_of(dev())
    runtime.check_invariants()
    assert runtime.pallet(Aura).slot_duration.value == 1_000
    assert runtime.pallet(Aura).authorities.value == (ALICE.public,)
    assert runtime.pallet(Sudo).key.value == ALICE.public
    assets = runtime.pallet(Assets)
    assert assets.asset[1].is_sufficient
    assert assets.metadata[1].decimals == 2
    for _, pair in dev_accounts():
        assert runtime.pallet(System).account[pair.public].data.free > 1_000 * UNIT
        assert assets.account[1, pair.public].balance > 0


def test_the_local_chain_has_four_authorities_and_slots_of_three_seconds() -> None:
    runtime = runtime_of(local())
    names = ("Alice", "Bob", "Charlie", "Dave")
    expected = tuple(Keypair.from_uri(f"//{name}", Scheme.SR25519).public for name in names)
    assert runtime.pallet(Aura).authorities.value == expected
    assert runtime.pallet(Aura).slot_duration.value == 3_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, ("name", "1 to 64 printable characters")),
        ({"name": 7}, ("name", "7")),
        ({"name": "a\nb"}, ("name", "printable")),
        ({"id": "../elsewhere"}, ("id", "it becomes a folder")),
        ({"chainType": "Dead"}, ("chainType", "Development or Local or Live", "Dead")),
        ({"bootNodes": "/ip4/192.0.2.1"}, ("bootNodes", "list of multiaddresses")),
        ({"protocolId": 5}, ("protocolId", "5")),
        ({"properties": []}, ("genesis",)),
        ({"properties": [1]}, ("properties", "an object")),
        ({"badBlocks": ["0x00"]}, ("badBlocks", "no exceptions")),
        ({"codeSubstitutes": {"5": "0x"}}, ("codeSubstitutes", "come with the program")),
        ({"colour": "red"}, ("only the fields", "colour")),
        ({"genesis": None}, ("genesis", "an object")),
        ({"genesis": {}}, ("one of raw and runtimeGenesis",)),
        ({"genesis": {"runtimeGenesis": {"code": "0x00", "patch": {}}}}, ("patch or config",)),
        ({"genesis": {"runtimeGenesis": {"patch": []}}}, ("an object under patch",)),
        ({"genesis": {"raw": {"top": {}}}}, ("at least one storage key",)),
        ({"genesis": {"raw": {"top": {"3a": "0x"}}}}, ("hexadecimal with 0x",)),
        ({"genesis": {"raw": {"top": {"0xab": "0x", "0xAB": "0x"}}}}, ("each storage key once",)),
        (
            {"genesis": {"raw": {"top": {"0xab": "0x"}, "childrenDefault": {"0x": {}}}}},
            ("no child tries",),
        ),
        ({"genesis": {"raw": {"top": {"0xab": "0x"}}}}, ("System.LastRuntimeUpgrade",)),
    ],
)
def test_a_malformed_document_is_refused(changes: dict[str, Any], words: tuple[str, ...]) -> None:
    if changes == {"properties": []}:
        read_spec(json.dumps(document(**changes)))  # an empty list is what PHP writes for {}
        return
    found = refusal(json.dumps(document(**changes)))
    for word in words:
        assert word in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colours": {}}, ("parts for balances, aura", "colours")),
        ({"balances": []}, ("balances", "an object")),
        ({"balances": {"balance": []}}, ("only balances", "balance")),
        ({"balances": {"balances": [[1, 2, 3]]}}, ("balances.balances[0]", "a list of 2")),
        ({"balances": {"balances": [["x", 5]]}}, ("balances.balances[0][0]", "SS58")),
        ({"balances": {"balances": [[5, 5]]}}, ("balances.balances[0][0]", "SS58")),
        ({"balances": {"balances": [[ALICE.address(), -1]]}}, ("[0][1]", "a whole number")),
        ({"balances": {"balances": [[ALICE.address(), True]]}}, ("[0][1]", "a whole number")),
        ({"balances": {"balances": [[ALICE.address(), 1 << 128]]}}, ("[0][1]", "from 0 to")),
        ({"balances": {"balances": [[ALICE.address(), 1]]}}, ("BelowMinimum",)),
        (
            {"balances": {"balances": [[ALICE.address(), UNIT], [ALICE.address(), UNIT]]}},
            ("balances.balances[1]", "balances.balances[0] too"),
        ),
        ({"aura": {"authorities": [], "slotDuration": 1}}, ("aura.authorities", "at least one")),
        (
            {"aura": {"authorities": [ALICE.address()], "slotDuration": 0}},
            ("aura.slotDuration", "from 1"),
        ),
        ({"aura": {"authorities": [ALICE.address()]}}, ("aura.slotDuration", "None")),
        ({"sudo": {"key": "nobody"}}, ("sudo.key", "SS58")),
        ({"transactionPayment": {"multiplier": "much"}}, ("transactionPayment.multiplier",)),
        ({"transactionPayment": {"multiplier": 0}}, ("fee multiplier",)),
        ({"assets": {"assets": [[1, ALICE.address(), 1, 1]]}}, ("assets.assets[0][2]", "true or")),
        ({"assets": {"metadata": [[1, 2, "S", 2]]}}, ("assets.metadata[0][1]", "a text")),
        ({"assets": {"accounts": [[1, "x", 2]]}}, ("assets.accounts[0][1]",)),
        ({"assets": {"accounts": [[1, ALICE.address(), 2]]}}, ("genesis",)),
        ({"assets": {"nextAssetId": -1}}, ("assets.nextAssetId",)),
    ],
)
def test_a_malformed_part_is_refused_with_its_place(
    changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    found = refusal(with_patch(**changes))
    for word in words:
        assert word in found


def test_a_chain_without_authors_is_refused() -> None:
    whole = document(genesis={"runtimeGenesis": {"patch": {}}})
    assert "who authors" in refusal(json.dumps(whole))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[]", "an object"),
        ("{", "a JSON document"),
        ("[" * 100_000, "a JSON document"),
        (b"\xff\xfe\xff", "a JSON document"),
        ('{"name": 1.5}', "whole numbers"),
        ('{"name": NaN}', "whole numbers"),
        ('{"name": 1, "name": 2}', "name twice"),
    ],
)
def test_what_is_no_plain_json_is_refused(text: str | bytes, word: str) -> None:
    assert word in refusal(text)


def test_a_document_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specs, "MAX_SPEC_BYTES", 100)
    assert "at most 100 bytes" in refusal(" " * 101)


def test_optional_assets_are_read() -> None:
    assets = {
        "assets": [[5, ALICE.address(), True, 1]],
        "metadata": [[5, "Coin", "CN", 3]],
        "accounts": [[5, BOB.address(), "900"]],
        "nextAssetId": 6,
    }
    found = runtime_of(read_spec(with_patch(assets=assets, sudo={"key": None})))
    assert found.pallet(Assets).account[5, BOB.public].balance == 900
    assert found.pallet(Assets).next_asset_id.value == 6
