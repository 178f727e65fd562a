"""Utility: batches do what their calls would do one by one, and no more."""

from __future__ import annotations

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.types import UNIT, DispatchClass, ErrorOfToken, TokenError, Weight
from gongshe.runtime.origins import ROOT_CALLER, RawNone, RawSigned, SystemOrigin
from gongshe.runtime.pallet import Call
from gongshe.runtime.pallets.balances_words import Transfer
from gongshe.runtime.pallets.system import ExtrinsicSuccess
from gongshe.runtime.pallets.utility import (
    BatchCompleted,
    BatchCompletedWithErrors,
    BatchInterrupted,
    DispatchedAs,
    ItemCompleted,
    ItemFailed,
    derivative_account,
)
from tests.runtime_chain import ALICE, BOB, CHARLIE, ENDOWMENT, Chain

TOO_MUCH = 10**9 * UNIT


@pytest.fixture
def chain() -> Chain:
    return Chain()


def test_a_batch_makes_its_calls_in_order(chain: Chain) -> None:
    calls = (send(chain, BOB, 1), send(chain, CHARLIE, 2))
    block = chain.succeeds(ALICE, "Utility.batch", calls)
    assert [each.amount for each in block.events(Transfer)] == [UNIT, 2 * UNIT]
    assert len(block.events(ItemCompleted)) == 2
    assert block.event(BatchCompleted)


def test_a_batch_stops_at_the_first_failure_and_keeps_what_was_done(chain: Chain) -> None:
    calls = (send(chain, BOB, 1), send(chain, BOB, TOO_MUCH), send(chain, BOB, 1))
    block = chain.succeeds(ALICE, "Utility.batch", calls)
    interrupted = block.event(BatchInterrupted)
    assert interrupted.index == 1
    assert interrupted.error == ErrorOfToken(TokenError.FundsUnavailable)
    assert chain.free(BOB) == ENDOWMENT + UNIT


def test_an_interrupted_batch_pays_for_what_it_did_alone(chain: Chain) -> None:
    whole = chain.succeeds(ALICE, "Utility.batch", (send(chain, BOB, 1),) * 3)
    calls = (send(chain, BOB, TOO_MUCH), send(chain, BOB, 1), send(chain, BOB, 1))
    stopped = chain.succeeds(ALICE, "Utility.batch", calls)
    declared = whole.events(ExtrinsicSuccess)[1].dispatch_info.weight.ref_time
    used = stopped.events(ExtrinsicSuccess)[1].dispatch_info.weight.ref_time
    assert used < declared // 2
    assert stopped.results[0].fee < whole.results[0].fee


def test_batch_all_is_all_or_nothing(chain: Chain) -> None:
    calls = (send(chain, BOB, 1), send(chain, BOB, TOO_MUCH))
    assert chain.fails(ALICE, "Utility.batch_all", calls) == "FundsUnavailable"
    assert chain.free(BOB) == ENDOWMENT


def test_a_failed_batch_all_pays_for_what_it_did_alone(chain: Chain) -> None:
    calls = (send(chain, BOB, TOO_MUCH), *(send(chain, BOB, 1),) * 9)
    block = chain.block(chain.signed(ALICE, "Utility.batch_all", calls))
    one = chain.block(chain.signed(ALICE, "Utility.batch_all", calls[:1]))
    assert block.failures == one.failures == ["FundsUnavailable"]
    assert block.results[0].fee - one.results[0].fee < one.results[0].fee


def test_force_batch_goes_on_after_failures(chain: Chain) -> None:
    calls = (send(chain, BOB, TOO_MUCH), send(chain, BOB, 1))
    block = chain.succeeds(ALICE, "Utility.force_batch", calls)
    assert block.event(ItemFailed).error == ErrorOfToken(TokenError.FundsUnavailable)
    assert block.event(BatchCompletedWithErrors)
    assert chain.free(BOB) == ENDOWMENT + UNIT


def test_batches_nest(chain: Chain) -> None:
    inner = chain.call("Utility.batch_all", (send(chain, BOB, 1), send(chain, BOB, TOO_MUCH)))
    block = chain.succeeds(ALICE, "Utility.batch", (send(chain, BOB, 1), inner))
    assert block.event(BatchInterrupted).index == 1
    assert chain.free(BOB) == ENDOWMENT + UNIT


def test_a_derived_account_is_the_one_that_wallets_compute(chain: Chain) -> None:
    derived = derivative_account(ALICE, 258)
    assert derived == blake2_256(b"modlpy/utilisuba" + ALICE + b"\x02\x01")
    chain.succeeds(ALICE, "Balances.transfer_keep_alive", derived, 5 * UNIT)
    chain.succeeds(ALICE, "Utility.as_derivative", 258, send(chain, BOB, 2))
    assert chain.free(derived) == 3 * UNIT


def test_a_derived_account_fails_with_its_own_error(chain: Chain) -> None:
    assert chain.fails(ALICE, "Utility.as_derivative", 0, send(chain, BOB, 1)) == "FundsUnavailable"


def test_calls_of_a_batch_keep_their_class_only_if_all_are_operational(chain: Chain) -> None:
    operational = chain.call("Upgrades.cancel_upgrade")
    remark = chain.call("System.remark", b"")
    assert operational.info().dispatch_class is DispatchClass.Operational
    alike = chain.call("Utility.batch", (operational, operational))
    mixed = chain.call("Utility.batch", (operational, remark))
    empty = chain.call("Utility.batch", ())
    assert alike.info().dispatch_class is DispatchClass.Operational
    assert mixed.info().dispatch_class is DispatchClass.Normal
    assert empty.info().dispatch_class is DispatchClass.Normal


def test_an_inherent_inside_another_call_is_neither_free_nor_made(chain: Chain) -> None:
    inherent = chain.call("Timestamp.set", 1)
    wrapped = chain.call("Utility.as_derivative", 0, inherent)
    assert wrapped.info().dispatch_class is DispatchClass.Normal
    assert chain.fails(ALICE, wrapped) == "BadOrigin"
    assert chain.fails(ALICE, "Utility.batch_all", (inherent,)) == "BadOrigin"


def test_root_acts_as_another_origin(chain: Chain) -> None:
    caller = SystemOrigin(RawSigned(ALICE))
    block = chain.root("Utility.dispatch_as", caller, send(chain, BOB, 1))
    assert block.event(DispatchedAs).result.value is None
    assert chain.free(ALICE) == ENDOWMENT - UNIT
    chain.root("Utility.dispatch_as", ROOT_CALLER, chain.call("System.set_storage", ()))


def test_nobody_acts_as_nobody(chain: Chain) -> None:
    time = chain.call("Timestamp.set", 1)
    assert chain.root_fails("Utility.dispatch_as", SystemOrigin(RawNone()), time) == "BadOrigin"
    assert chain.fails(ALICE, "Utility.dispatch_as", ROOT_CALLER, time) == "BadOrigin"


def test_root_states_a_weight(chain: Chain) -> None:
    call = chain.call("Utility.with_weight", chain.call("System.set_storage", ()), Weight(7, 8))
    assert call.info().weight == Weight(7, 8)
    chain.root(call)


def test_a_batch_in_thirty_levels_is_executed_and_a_deeper_one_cannot_be_read(chain: Chain) -> None:
    nested = send(chain, BOB, 1)
    for _ in range(30):
        nested = chain.call("Utility.batch_all", (nested,))
    chain.succeeds(ALICE, nested)
    assert chain.free(BOB) == ENDOWMENT + UNIT
    deeper = chain.call("Utility.batch", (chain.call("Utility.batch", (nested,)),))
    with pytest.raises(ValueError, match="nested more than"):
        chain.signed(ALICE, deeper)


def send(chain: Chain, target: bytes, tokens: int) -> Call:
    return chain.call("Balances.transfer_keep_alive", target, tokens * UNIT)
