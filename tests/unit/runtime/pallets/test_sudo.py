"""Sudo: one key that may do everything where the chain spec gives one, and nothing elsewhere."""

from __future__ import annotations

import pytest

from gongshe.primitives.scale import Err, Ok
from gongshe.primitives.types import UNIT, BadOrigin, DispatchClass, Pays, Weight
from gongshe.runtime.pallets.sudo import KeyChanged, KeyRemoved, Sudid, Sudo, SudoAsDone
from gongshe.runtime.pallets.system import ExtrinsicSuccess
from tests.runtime_chain import ALICE, BOB, ENDOWMENT, SUDO, Chain

NOTHING = "System.set_storage", ()


@pytest.fixture
def chain() -> Chain:
    return Chain()


def test_the_key_makes_calls_as_root_and_pays_nothing(chain: Chain) -> None:
    block = chain.succeeds(SUDO, "Sudo.sudo", chain.call("Balances.force_set_balance", BOB, UNIT))
    assert block.event(Sudid).sudo_result == Ok()
    assert block.events(ExtrinsicSuccess)[1].dispatch_info.pays_fee is Pays.No
    assert (chain.free(SUDO), chain.free(BOB)) == (ENDOWMENT, UNIT)


def test_a_tip_is_paid_even_where_the_call_is_free(chain: Chain) -> None:
    chain.succeeds(SUDO, "Sudo.sudo", chain.call(*NOTHING), tip=UNIT)
    assert chain.free(SUDO) == ENDOWMENT - UNIT


def test_a_failed_call_is_told_in_the_event(chain: Chain) -> None:
    block = chain.succeeds(SUDO, "Sudo.sudo", chain.call("Sudo.remove_key"))
    assert block.event(Sudid).sudo_result == Err(BadOrigin())


@pytest.mark.parametrize("signer", [ALICE, BOB])
def test_other_accounts_may_not(chain: Chain, signer: bytes) -> None:
    nothing = chain.call(*NOTHING)
    for call in (
        chain.call("Sudo.sudo", nothing),
        chain.call("Sudo.sudo_unchecked_weight", nothing, Weight(0, 0)),
        chain.call("Sudo.sudo_as", BOB, nothing),
        chain.call("Sudo.set_key", signer),
        chain.call("Sudo.remove_key"),
    ):
        assert chain.fails(signer, call) == "Sudo.RequireSudo"


def test_a_chain_without_a_key_has_no_root(chain: Chain) -> None:
    chain = Chain({"Sudo": {}})
    for signer in (SUDO, bytes(31) + b"\x01"):
        if chain.free(signer):
            assert chain.fails(signer, "Sudo.sudo", chain.call(*NOTHING)) == "Sudo.RequireSudo"
    assert chain.fails(SUDO, "Sudo.set_key", SUDO) == "Sudo.RequireSudo"


def test_the_key_changes_hands(chain: Chain) -> None:
    block = chain.succeeds(SUDO, "Sudo.set_key", ALICE)
    assert block.event(KeyChanged) == KeyChanged(SUDO, ALICE)
    assert chain.fails(SUDO, "Sudo.sudo", chain.call(*NOTHING)) == "Sudo.RequireSudo"
    chain.succeeds(ALICE, "Sudo.sudo", chain.call(*NOTHING))


def test_the_key_is_removed_for_ever(chain: Chain) -> None:
    assert chain.succeeds(SUDO, "Sudo.remove_key").event(KeyRemoved)
    assert chain.pallet(Sudo).key.get() is None
    assert chain.fails(SUDO, "Sudo.set_key", SUDO) == "Sudo.RequireSudo"


def test_the_key_acts_for_any_account(chain: Chain) -> None:
    send = chain.call("Balances.transfer_keep_alive", BOB, UNIT)
    block = chain.succeeds(SUDO, "Sudo.sudo_as", ALICE, send)
    assert block.event(SudoAsDone).sudo_result == Ok()
    assert chain.free(ALICE) == ENDOWMENT - UNIT


def test_the_stated_weight_takes_the_place_of_the_declared_one(chain: Chain) -> None:
    call = chain.call("Sudo.sudo_unchecked_weight", chain.call(*NOTHING), Weight(1, 2))
    assert call.info().weight == Weight(1, 2)
    chain.succeeds(SUDO, call)


def test_the_class_is_that_of_the_inner_call(chain: Chain) -> None:
    operational = chain.call("Sudo.sudo", chain.call("Upgrades.cancel_upgrade"))
    assert operational.info().dispatch_class is DispatchClass.Operational
