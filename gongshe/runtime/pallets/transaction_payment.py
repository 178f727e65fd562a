"""TransactionPayment: what an extrinsic costs, and where the fee goes.

    fee = base + length · LENGTH_FEE + multiplier · weight · WEIGHT_FEE + tip

Weight is execution time, or its proof where that takes the larger share of a block: whoever
fills a block by either pays for a block.

The multiplier follows demand (Substrate's TargetedFeeAdjustment): with s the normal weight used,
s* a quarter of the normal limit and v = 75/10⁶, each block sets
m' = m · (1 + v·d + (v·d)²/2) for d = (s − s*) / limit, negative d with the second term subtracted,
never below a tenth. Fees and tips go to the treasury's account at the end of the block.
"""

from __future__ import annotations

from typing import Any

from gongshe.primitives.records import Record
from gongshe.primitives.scale import u8, u128
from gongshe.primitives.types import AccountId, Balance, DispatchClass, Pays, Weight
from gongshe.runtime.items import Value
from gongshe.runtime.limits import MAX_BLOCK, MAX_PROOF, NORMAL_TOTAL
from gongshe.runtime.pallet import CallInfo, Constant, Event, InvariantBroken, Pallet
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import System
from gongshe.runtime.weights import BASE_EXTRINSIC, cost

WEIGHT_FEE = 10
"""Units per picosecond: a transfer costs about a thousandth of a DC."""

PROOF_TIME = MAX_BLOCK.ref_time // MAX_PROOF
"""Picoseconds that a byte of proof is billed as: a block has as much of one as of the other."""

LENGTH_FEE = 1_000_000
"""Units per byte: a transfer's bytes cost about a fifth of its weight."""

OPERATIONAL_FEE_MULTIPLIER = 5
"""Operational extrinsics gain priority as if they had tipped five times their fee."""

ONE = 10**18
"""The multiplier is fixed-point with 18 digits, as Substrate's FixedU128."""

VARIABILITY = (75, 1_000_000)
"""How fast the multiplier moves: at most some 5 % an hour of full blocks."""

TARGET_SHARE = (1, 4)
"""Of the normal limit, the use at which fees stay as they are."""

MINIMUM_MULTIPLIER = ONE // 10
"""Spam must cost something even on an empty chain."""

MAXIMUM_MULTIPLIER = ONE * 10**9
"""Keeps the multiplier inside its encoding after years of full blocks."""

TREASURY = b"modlgs/trsry".ljust(32, b"\x00")
"""The treasury's account: no key signs for it, only governance spends from it."""


class FixedU128(Record, path="sp_arithmetic::fixed_point::FixedU128", unnamed=True):
    """A number in units of 10⁻¹⁸."""

    inner: u128


class InclusionFee(Record, path="pallet_transaction_payment::types::InclusionFee"):
    """The parts of a fee that do not depend on the sender's wish."""

    base_fee: Balance
    len_fee: Balance
    adjusted_weight_fee: Balance


class TransactionFeePaid(Event, index=0):
    """A transaction fee `actual_fee`, of which `tip` was added to the minimum inclusion fee."""

    who: AccountId
    actual_fee: Balance
    tip: Balance


BASE_FEE = BASE_EXTRINSIC.ref_time * WEIGHT_FEE


class TransactionPayment(Pallet, index=3):
    """Fees."""

    system: System
    balances: Balances

    constants = (
        Constant(
            "OperationalFeeMultiplier",
            u8,
            OPERATIONAL_FEE_MULTIPLIER,
            "A fee multiplier for operational extrinsics, to compute a virtual tip.",
        ),
    )

    next_fee_multiplier: Value[FixedU128] = Value(default=FixedU128(ONE))
    """The multiplier of the weight fee, for the next block."""

    collected: int = 0
    """Fees and tips of this block; not state, paid out when the block ends."""

    def inclusion_fee(self, length: int, weight: Weight) -> InclusionFee:
        """Return the parts of the fee of an extrinsic of `length` bytes."""
        multiplier = self.next_fee_multiplier.value.inner
        return InclusionFee(BASE_FEE, length * LENGTH_FEE, weight_fee(weight) * multiplier // ONE)

    def fee(self, length: int, info: CallInfo, tip: int) -> int:
        """Return the whole fee, tip included, in the smallest unit."""
        if info.pays is Pays.No:
            return tip
        multiplier = self.next_fee_multiplier.value.inner
        adjusted = weight_fee(info.weight) * multiplier // ONE
        return BASE_FEE + length * LENGTH_FEE + adjusted + tip

    def settle(self, account: bytes, charged: int, actual: int, tip: int) -> None:
        """Give back what was charged too much and keep the rest for the end of the block."""
        if charged > actual:
            self.balances.deposit(account, charged - actual)
        self.collected += actual
        self.emit(TransactionFeePaid(account, actual, tip))

    def on_initialize(self, number: int) -> Weight:
        """Reserve the weight of on_finalize."""
        return cost(30, reads=2)

    def on_finalize(self, number: int) -> None:
        """Pay the block's fees to the treasury and move the multiplier."""
        if self.collected:
            self.balances.deposit(TREASURY, self.collected)
            self.collected = 0
        before = self.next_fee_multiplier.value.inner
        after = next_multiplier(before, self.system.use.weight_of(DispatchClass.Normal))
        if after != before:
            self.next_fee_multiplier.value = FixedU128(after)

    def on_genesis(self, config: Any) -> None:
        """Start at a multiplier of one, or at the spec's `{"multiplier": 10¹⁸ths}`."""
        self.next_fee_multiplier.value = FixedU128(int(config.get("multiplier", ONE)))

    def check_invariants(self) -> None:
        """The multiplier stays within its bounds."""
        multiplier = self.next_fee_multiplier.value.inner
        if not MINIMUM_MULTIPLIER <= multiplier <= MAXIMUM_MULTIPLIER:
            raise InvariantBroken(f"fee multiplier {multiplier} is out of bounds")


def weight_fee(weight: Weight) -> int:
    """Return the fee for a weight, before the multiplier."""
    return max(weight.ref_time, weight.proof_size * PROOF_TIME) * WEIGHT_FEE


def next_multiplier(before: int, used: Weight) -> int:
    """Return the multiplier for the next block, every division rounded down."""
    shares = [
        (used.ref_time * ONE // NORMAL_TOTAL.ref_time),
        (used.proof_size * ONE // NORMAL_TOTAL.proof_size),
    ]
    share, target = max(shares), ONE * TARGET_SHARE[0] // TARGET_SHARE[1]
    first = VARIABILITY[0] * abs(share - target) // VARIABILITY[1]
    second = first * first // ONE // 2
    if share >= target:
        return min(before + before * (first + second) // ONE, MAXIMUM_MULTIPLIER)
    return max(before - before * (first - second) // ONE, MINIMUM_MULTIPLIER)
