"""What fits into a block: weight and bytes, by class of call.

Weight is execution time of this node on a reference core, in picoseconds, measured by
`benchmarks/`; the author may spend a third of a 3 s slot executing, so that importing a block
never takes longer than the slots between blocks.
"""

from __future__ import annotations

from typing import ClassVar

from gongshe.primitives.records import Record
from gongshe.primitives.scale import u32
from gongshe.primitives.types import ZERO_WEIGHT, DispatchClass, Weight
from gongshe.runtime.weights import BASE_BLOCK, BASE_EXTRINSIC

SECOND = 10**12
"""Picoseconds in a second."""

MAX_PROOF = 5 * 1024 * 1024
"""Bytes of state proof that a block may need; light verification stays below one download."""

MAX_BLOCK = Weight(SECOND, MAX_PROOF)
NORMAL_SHARE = (3, 4)
"""Of a block, what ordinary calls may use; the rest is kept for operational ones."""

MAX_LENGTH = 5 * 1024 * 1024
"""Bytes of extrinsics in a block, so that it crosses a slow link within a slot."""


def normal_share(amount: int) -> int:
    """Return the share of an amount that ordinary calls may use, rounded down."""
    return amount * NORMAL_SHARE[0] // NORMAL_SHARE[1]


class WeightsPerClass(Record, path="frame_system::limits::WeightsPerClass"):
    """The limits of one class of calls."""

    base_extrinsic: Weight
    max_extrinsic: Weight | None
    max_total: Weight | None
    reserved: Weight | None


class WeightsByClass(Record, path="frame_support::dispatch::PerDispatchClass"):
    """The limits of each class."""

    scale_parameters: ClassVar[dict[str, type]] = {"T": WeightsPerClass}

    normal: WeightsPerClass
    operational: WeightsPerClass
    mandatory: WeightsPerClass


class BlockWeights(Record, path="frame_system::limits::BlockWeights"):
    """How much a block may execute."""

    base_block: Weight
    max_block: Weight
    per_class: WeightsByClass


class LengthsByClass(Record, path="frame_support::dispatch::PerDispatchClass"):
    """A number of bytes for each class."""

    scale_parameters: ClassVar[dict[str, object]] = {"T": u32}

    normal: u32
    operational: u32
    mandatory: u32


class BlockLength(Record, path="frame_system::limits::BlockLength"):
    """How many bytes of extrinsics a block may hold."""

    max: LengthsByClass


NORMAL_TOTAL = Weight(normal_share(MAX_BLOCK.ref_time), normal_share(MAX_BLOCK.proof_size))
RESERVED = MAX_BLOCK - NORMAL_TOTAL

BLOCK_WEIGHTS = BlockWeights(
    BASE_BLOCK,
    MAX_BLOCK,
    WeightsByClass(
        WeightsPerClass(BASE_EXTRINSIC, NORMAL_TOTAL - BASE_EXTRINSIC, NORMAL_TOTAL, ZERO_WEIGHT),
        WeightsPerClass(BASE_EXTRINSIC, MAX_BLOCK - BASE_EXTRINSIC, MAX_BLOCK, RESERVED),
        WeightsPerClass(BASE_EXTRINSIC, None, None, None),
    ),
)
BLOCK_LENGTH = BlockLength(LengthsByClass(normal_share(MAX_LENGTH), MAX_LENGTH, MAX_LENGTH))


class BlockUse:
    """How much of the block under execution each class has used."""

    def __init__(self) -> None:
        self.ref_time = [0, 0, BASE_BLOCK.ref_time]
        self.proof_size = [0, 0, BASE_BLOCK.proof_size]
        self.length = 0

    def fits(self, weight: Weight, length: int, dispatch_class: DispatchClass) -> bool:
        """Tell whether one more extrinsic of this class fits, base weight included."""
        ref_time = weight.ref_time + BASE_EXTRINSIC.ref_time
        proof_size = weight.proof_size + BASE_EXTRINSIC.proof_size
        total_length = self.length + length
        if dispatch_class is DispatchClass.Normal:
            if (
                self.ref_time[0] + ref_time > NORMAL_TOTAL.ref_time
                or self.proof_size[0] + proof_size > NORMAL_TOTAL.proof_size
                or total_length > BLOCK_LENGTH.max.normal
            ):
                return False
        elif dispatch_class is DispatchClass.Mandatory:
            return total_length <= MAX_LENGTH
        return (
            sum(self.ref_time) + ref_time <= MAX_BLOCK.ref_time
            and sum(self.proof_size) + proof_size <= MAX_BLOCK.proof_size
            and total_length <= MAX_LENGTH
        )

    def add(self, weight: Weight, length: int, dispatch_class: DispatchClass) -> None:
        """Count one extrinsic, base weight included."""
        self.ref_time[dispatch_class] += weight.ref_time + BASE_EXTRINSIC.ref_time
        self.proof_size[dispatch_class] += weight.proof_size + BASE_EXTRINSIC.proof_size
        self.length += length

    def add_hook(self, weight: Weight) -> None:
        """Count the work of a hook, which is mandatory."""
        self.ref_time[2] += weight.ref_time
        self.proof_size[2] += weight.proof_size

    def refund(self, weight: Weight, dispatch_class: DispatchClass) -> None:
        """Give back what a call did not use."""
        self.ref_time[dispatch_class] -= weight.ref_time
        self.proof_size[dispatch_class] -= weight.proof_size

    def room(self) -> Weight:
        """Return what is left of the block for hooks."""
        return MAX_BLOCK - Weight(sum(self.ref_time), sum(self.proof_size))

    def weight_of(self, dispatch_class: DispatchClass) -> Weight:
        """Return what a class has used."""
        return Weight(self.ref_time[dispatch_class], self.proof_size[dispatch_class])
