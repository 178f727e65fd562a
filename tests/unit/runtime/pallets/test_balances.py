"""Balances: the native token moves, is held and frozen, and never appears from nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from gongshe.primitives.types import UNIT, Address20
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.holds import FreezeReason, HoldReason
from gongshe.runtime.pallet import CallFailed
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.balances_types import (
    EXISTENTIAL_DEPOSIT,
    MAX_ISSUANCE,
    AdjustmentDirection,
)
from gongshe.runtime.pallets.balances_words import (
    BalanceSet,
    Burned,
    BurnedHeld,
    DustLost,
    Endowed,
    TotalIssuanceForced,
    Transfer,
    TransferOnHold,
)
from gongshe.runtime.pallets.system import KilledAccount, NewAccount
from tests.runtime_chain import ALICE, BOB, ENDOWMENT, ERIN, SLOT_MS, Chain


@pytest.fixture
def chain() -> Chain:
    return Chain()


def issuance(chain: Chain) -> int:
    return chain.pallet(Balances).total_issuance.value


def opened(chain: Chain) -> tuple[BlockExecution, Balances]:
    """A block in which another pallet may use the balances."""
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    return execution, execution.runtime.pallet(Balances)


# ----------------------------------------------------------------------------- transfers


def test_a_transfer_moves_an_amount(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Balances.transfer_keep_alive", BOB, UNIT)
    assert block.event(Transfer) == Transfer(ALICE, BOB, UNIT)
    assert chain.free(BOB) == ENDOWMENT + UNIT
    assert chain.free(ALICE) == ENDOWMENT - UNIT - block.results[0].fee


def test_a_transfer_opens_an_account(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Balances.transfer_keep_alive", ERIN, EXISTENTIAL_DEPOSIT)
    assert block.events(NewAccount)[0].account == ERIN
    assert block.events(Endowed)[0] == Endowed(ERIN, EXISTENTIAL_DEPOSIT)
    assert chain.account(ERIN).providers == 1


def test_to_oneself_and_nothing(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Balances.transfer_allow_death", ALICE, ENDOWMENT // 2)
    assert chain.free(ALICE) == ENDOWMENT - block.results[0].fee
    chain.succeeds(ALICE, "Balances.transfer_allow_death", ERIN, 0)
    assert ERIN not in chain.system.account


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("Balances.transfer_allow_death", (BOB, ENDOWMENT + 1), "FundsUnavailable"),
        ("Balances.transfer_keep_alive", (BOB, ENDOWMENT - UNIT // 700), "NotExpendable"),
        ("Balances.transfer_allow_death", (ERIN, EXISTENTIAL_DEPOSIT - 1), "BelowMinimum"),
        ("Balances.transfer_allow_death", (Address20(bytes(20)), 1), "CannotLookup"),
        ("Balances.force_transfer", (BOB, ALICE, 1), "BadOrigin"),
        ("Balances.force_set_balance", (ALICE, 1), "BadOrigin"),
        ("Balances.burn", (ENDOWMENT + 1, False), "FundsUnavailable"),
    ],
)
def test_what_cannot_be(chain: Chain, name: str, arguments: tuple[Any, ...], error: str) -> None:
    assert chain.fails(ALICE, name, *arguments) == error


def test_everything_goes_and_the_account_with_it(chain: Chain) -> None:
    block = chain.succeeds(BOB, "Balances.transfer_all", ALICE, False)
    assert block.event(KilledAccount).account == BOB
    chain.root("Balances.force_set_balance", BOB, UNIT)
    chain.succeeds(BOB, "Balances.transfer_all", ALICE, True)
    assert chain.free(BOB) == EXISTENTIAL_DEPOSIT


def test_what_is_left_below_the_deposit_is_dust(chain: Chain) -> None:
    before = issuance(chain)
    fee = chain.succeeds(BOB, "Balances.transfer_allow_death", ALICE, UNIT).results[0].fee
    left = chain.free(BOB) - fee - EXISTENTIAL_DEPOSIT // 2
    block = chain.succeeds(BOB, "Balances.transfer_allow_death", ALICE, left)
    dust = block.event(DustLost)
    assert (dust.account, dust.amount) == (BOB, chain.free(BOB) + dust.amount)
    assert dust.amount < EXISTENTIAL_DEPOSIT
    assert issuance(chain) == before - dust.amount


# ------------------------------------------------------------------------------ issuance


def test_burning_lowers_issuance(chain: Chain) -> None:
    before = issuance(chain)
    block = chain.succeeds(ALICE, "Balances.burn", UNIT, True)
    assert block.event(Burned) == Burned(ALICE, UNIT)
    assert issuance(chain) == before - UNIT


def test_root_sets_balances_and_issuance_follows(chain: Chain) -> None:
    before = issuance(chain)
    block = chain.root("Balances.force_set_balance", BOB, ENDOWMENT + UNIT)
    assert block.event(BalanceSet) == BalanceSet(BOB, ENDOWMENT + UNIT)
    assert issuance(chain) == before + UNIT
    chain.root("Balances.force_set_balance", BOB, EXISTENTIAL_DEPOSIT - 1)
    assert not chain.system.is_alive(BOB)
    assert issuance(chain) == before - ENDOWMENT


def test_root_transfers_between_others(chain: Chain) -> None:
    chain.root("Balances.force_transfer", ALICE, BOB, UNIT)
    assert (chain.free(ALICE), chain.free(BOB)) == (ENDOWMENT - UNIT, ENDOWMENT + UNIT)


def test_root_does_not_empty_an_account_that_something_needs(chain: Chain) -> None:
    chain.root("Assets.force_create", 7, ALICE, False, 1)
    chain.succeeds(ALICE, "Assets.mint", 7, ALICE, 1)
    assert chain.root_fails("Balances.force_set_balance", ALICE, 0) == "ConsumerRemaining"


def test_issuance_is_adjusted_only_where_it_was_wrong(chain: Chain) -> None:
    up, down = AdjustmentDirection.Increase, AdjustmentDirection.Decrease
    name, total = "Balances.force_adjust_total_issuance", issuance(chain)
    assert chain.root_fails(name, up, 0) == "Balances.DeltaZero"
    assert chain.root_fails(name, up, MAX_ISSUANCE) == "Unsupported"
    both = (chain.call(name, up, 5), chain.call(name, down, 5))
    block = chain.root("Utility.batch_all", both)
    assert block.events(TotalIssuanceForced)[0] == TotalIssuanceForced(total, total + 5)


def test_issuance_has_an_end(chain: Chain) -> None:
    room = MAX_ISSUANCE - issuance(chain)
    assert chain.root_fails("Balances.force_set_balance", ERIN, room + 1) == "Unsupported"
    chain.root("Balances.force_set_balance", ERIN, room)
    assert issuance(chain) == MAX_ISSUANCE


# ---------------------------------------------------------------------- holds and freezes


def test_holds_are_kept_apart_by_reason(chain: Chain) -> None:
    """Nobody frees what another holds."""
    execution, balances = opened(chain)
    balances.hold(HoldReason.Proxy, ALICE, 5)
    balances.hold(HoldReason.Multisig, ALICE, 7)
    balances.hold(HoldReason.Proxy, ALICE, 1)
    assert balances.held(HoldReason.Proxy, ALICE) == 6
    with pytest.raises(CallFailed):
        balances.release(HoldReason.Multisig, ALICE, 8)
    balances.release(HoldReason.Multisig, ALICE, 7)
    balances.release(HoldReason.Proxy, ALICE, 6)
    assert ALICE not in balances.holds
    assert balances.spendable(ALICE, keep_alive=False) == ENDOWMENT
    chain.keep(execution)
    assert (chain.free(ALICE), chain.account(ALICE).consumers) == (ENDOWMENT, 0)


def test_a_hold_leaves_the_existential_deposit(chain: Chain) -> None:
    balances = chain.pallet(Balances)
    with pytest.raises(CallFailed):
        balances.hold(HoldReason.Proxy, ALICE, ENDOWMENT)
    balances.hold(HoldReason.Proxy, ALICE, ENDOWMENT - EXISTENTIAL_DEPOSIT)
    assert balances.spendable(ALICE, keep_alive=False) == 0


def test_held_amounts_move_and_burn(chain: Chain) -> None:
    execution, balances = opened(chain)
    balances.hold(HoldReason.Assets, ALICE, 10)
    balances.transfer_held(HoldReason.Assets, ALICE, BOB, 4)
    balances.slash_held(HoldReason.Assets, BOB, 4)
    balances.release(HoldReason.Assets, ALICE, 6)
    with pytest.raises(CallFailed):
        balances.transfer_held(HoldReason.Assets, ALICE, ERIN, 1)
    block = chain.keep(execution)
    assert block.event(TransferOnHold) == TransferOnHold(HoldReason.Assets, ALICE, BOB, 4)
    assert block.event(BurnedHeld).amount == 4
    assert (chain.free(ALICE), chain.free(BOB)) == (ENDOWMENT - 4, ENDOWMENT)


def test_what_is_frozen_may_be_held_but_not_spent(chain: Chain) -> None:
    execution, balances = opened(chain)
    balances.set_freeze(FreezeReason.Governance, ALICE, ENDOWMENT - UNIT)
    assert balances.spendable(ALICE, keep_alive=True) == UNIT
    chain.keep(execution)
    assert chain.fails(ALICE, "Balances.transfer_allow_death", BOB, 2 * UNIT) == "Frozen"
    chain.succeeds(ALICE, "Preimage.note_preimage", bytes(5_000))
    balances = chain.pallet(Balances)
    balances.set_freeze(FreezeReason.Governance, ALICE, 0)
    assert (ALICE in balances.freezes, balances.system.account[ALICE].consumers) == (False, 1)
