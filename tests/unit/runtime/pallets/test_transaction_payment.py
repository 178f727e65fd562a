"""TransactionPayment: fees by exact fractions, their way to the treasury, the multiplier."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gongshe.primitives.types import UNIT, Weight
from gongshe.runtime.limits import NORMAL_TOTAL
from gongshe.runtime.pallets.balances_words import Deposit, Withdraw
from gongshe.runtime.pallets.transaction_payment import (
    LENGTH_FEE,
    MAXIMUM_MULTIPLIER,
    MINIMUM_MULTIPLIER,
    ONE,
    PROOF_TIME,
    TREASURY,
    WEIGHT_FEE,
    TransactionFeePaid,
    TransactionPayment,
    next_multiplier,
)
from gongshe.runtime.weights import BASE_EXTRINSIC, NESTED_CALL
from tests.runtime_chain import ALICE, BOB, ENDOWMENT, Chain


@pytest.mark.parametrize("multiplier", [MINIMUM_MULTIPLIER, ONE, 3 * ONE // 2, 7 * ONE + 1])
@pytest.mark.parametrize("tip", [0, 12_345])
def test_a_fee_is_base_length_weight_and_tip(multiplier: int, tip: int) -> None:
    chain = Chain({"TransactionPayment": {"multiplier": multiplier}})
    extrinsic = chain.signed(ALICE, "Balances.transfer_keep_alive", BOB, UNIT, tip=tip)
    declared = extrinsic.info.weight
    billed = max(declared.ref_time, declared.proof_size * PROOF_TIME)
    weight = billed * WEIGHT_FEE * Fraction(multiplier, ONE)
    exact = BASE_EXTRINSIC.ref_time * WEIGHT_FEE + len(extrinsic.raw) * LENGTH_FEE + weight + tip
    block = chain.block(extrinsic)
    fee = exact.numerator // exact.denominator
    assert block.results[0].fee == fee
    assert chain.free(ALICE) == ENDOWMENT - UNIT - fee
    assert block.event(TransactionFeePaid) == TransactionFeePaid(ALICE, fee, tip)
    assert block.event(Withdraw).amount == fee


def test_fees_and_tips_go_to_the_treasury(chain: Chain) -> None:
    block = chain.block(
        chain.signed(ALICE, "System.remark", b"", tip=UNIT),
        chain.signed(BOB, "System.remark", b"x" * 99, tip=UNIT),
    )
    assert chain.free(TREASURY) == UNIT + sum(each.fee for each in block.results)
    assert block.events(Deposit)[-1].who == TREASURY


def test_a_failed_call_pays_too(chain: Chain) -> None:
    chain.fails(ALICE, "Balances.transfer_keep_alive", BOB, 10**9 * UNIT)
    assert chain.free(TREASURY) - UNIT == ENDOWMENT - chain.free(ALICE) > 0


@pytest.fixture
def chain() -> Chain:
    return Chain()


def exactly(before: int, used: Weight) -> Fraction:
    """FRAME's formula without any rounding: 1 ± v·d + (v·d)² / 2, target a quarter."""
    share = max(
        Fraction(used.ref_time, NORMAL_TOTAL.ref_time),
        Fraction(used.proof_size, NORMAL_TOTAL.proof_size),
    )
    step = Fraction(75, 1_000_000) * (share - Fraction(1, 4))
    return before * (1 + step + step**2 / 2)


@pytest.mark.parametrize("before", [ONE // 7, ONE, 12_345 * ONE + 678])
@pytest.mark.parametrize("permille", [0, 1, 249, 250, 251, 500, 999, 1_000])
@pytest.mark.parametrize("by_proof", [False, True])
def test_the_multiplier_follows_the_formula(before: int, permille: int, by_proof: bool) -> None:
    used = Weight(
        0 if by_proof else NORMAL_TOTAL.ref_time * permille // 1_000,
        NORMAL_TOTAL.proof_size * permille // 1_000 if by_proof else 0,
    )
    found, exact = next_multiplier(before, used), exactly(before, used)
    assert abs(found - exact) <= 3 + 3 * Fraction(before, ONE)


def test_the_multiplier_keeps_within_its_bounds() -> None:
    assert next_multiplier(MINIMUM_MULTIPLIER, Weight(0, 0)) == MINIMUM_MULTIPLIER
    assert next_multiplier(MAXIMUM_MULTIPLIER, NORMAL_TOTAL) == MAXIMUM_MULTIPLIER
    assert next_multiplier(ONE, Weight(NORMAL_TOTAL.ref_time // 4, 0)) == ONE


def test_empty_blocks_make_fees_fall_and_full_ones_make_them_rise(chain: Chain) -> None:
    chain.block()
    empty = chain.pallet(TransactionPayment).next_fee_multiplier.value.inner
    assert empty == next_multiplier(ONE, Weight(0, 0)) < ONE
    beside = BASE_EXTRINSIC.ref_time + NESTED_CALL.ref_time
    heavy = Weight(NORMAL_TOTAL.ref_time - beside, 0)
    nothing = chain.call("System.set_storage", ())
    chain.block(chain.signed(ALICE, "Sudo.sudo_unchecked_weight", nothing, heavy))
    full = chain.pallet(TransactionPayment).next_fee_multiplier.value.inner
    assert full == next_multiplier(empty, NORMAL_TOTAL) > empty


def test_a_thousand_full_blocks_keep_the_multiplier_in_its_encoding() -> None:
    multiplier = MAXIMUM_MULTIPLIER - 1
    for _ in range(1_000):
        multiplier = next_multiplier(multiplier, NORMAL_TOTAL)
    assert multiplier == MAXIMUM_MULTIPLIER < 1 << 128
