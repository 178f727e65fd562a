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


OPENING = Weight(MAX_BLOCK.ref_time // 10, MAX_PROOF // 10)
"""Kept free of any one operational call, for hooks and what the author tells: a call that only an
empty block could hold would wait for ever, and a few of them would stop every block before the
others' turn. Ordinary calls have it from the operational reserve."""

OPENING_LENGTH = 1_024
"""The same in bytes: what the author tells is a tenth of it."""


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
        WeightsPerClass(BASE_EXTRINSIC, MAX_BLOCK - OPENING - BASE_EXTRINSIC, MAX_BLOCK, RESERVED),
        WeightsPerClass(BASE_EXTRINSIC, None, None, None),
    ),
)
BLOCK_LENGTH = BlockLength(LengthsByClass(normal_share(MAX_LENGTH), MAX_LENGTH, MAX_LENGTH))


class BlockUse:
    """How much of the block under execution each class has used."""

    def __init__(self) -> None:
        self.ref_time = [0, 0, BASE_BLOCK.ref_time]
        self.proof_size = [0, 0, BASE_BLOCK.proof_size]
        self.all_ref_time = BASE_BLOCK.ref_time
        self.all_proof_size = BASE_BLOCK.proof_size
        self.length = 0

    def fits(self, weight: Weight, length: int, dispatch_class: DispatchClass) -> bool:
        """Tell whether one more extrinsic of this class fits, base weight included."""
        ref_time = weight.ref_time + BASE_REF_TIME
        proof_size = weight.proof_size + BASE_PROOF_SIZE
        total_length = self.length + length
        if dispatch_class is DispatchClass.Normal:
            if (
                self.ref_time[0] + ref_time > NORMAL_REF_TIME
                or self.proof_size[0] + proof_size > NORMAL_PROOF_SIZE
                or total_length > NORMAL_LENGTH
            ):
                return False
        elif dispatch_class is DispatchClass.Mandatory:
            return total_length <= MAX_LENGTH
        elif (
            ref_time > OPERATIONAL_REF_TIME
            or proof_size > OPERATIONAL_PROOF_SIZE
            or length > OPERATIONAL_LENGTH
        ):
            return False
        return (
            self.all_ref_time + ref_time <= MAX_REF_TIME
            and self.all_proof_size + proof_size <= MAX_PROOF
            and total_length <= MAX_LENGTH
        )

    def add(self, weight: Weight, length: int, dispatch_class: DispatchClass) -> None:
        """Count one extrinsic, base weight included."""
        self._count(
            weight.ref_time + BASE_REF_TIME, weight.proof_size + BASE_PROOF_SIZE, dispatch_class
        )
        self.length += length

    def add_hook(self, weight: Weight) -> None:
        """Count the work of a hook, which is mandatory."""
        self._count(weight.ref_time, weight.proof_size, DispatchClass.Mandatory)

    def refund(self, weight: Weight, dispatch_class: DispatchClass) -> None:
        """Give back what a call did not use."""
        self._count(-weight.ref_time, -weight.proof_size, dispatch_class)

    def room(self) -> Weight:
        """Return what is left of the block for hooks."""
        return MAX_BLOCK - Weight(self.all_ref_time, self.all_proof_size)

    def weight_of(self, dispatch_class: DispatchClass) -> Weight:
        """Return what a class has used."""
        return Weight(self.ref_time[dispatch_class], self.proof_size[dispatch_class])

    def _count(self, ref_time: int, proof_size: int, dispatch_class: DispatchClass) -> None:
        self.ref_time[dispatch_class] += ref_time
        self.proof_size[dispatch_class] += proof_size
        self.all_ref_time += ref_time
        self.all_proof_size += proof_size


# The limits as plain numbers: every extrinsic is held against all of them.
BASE_REF_TIME, BASE_PROOF_SIZE = BASE_EXTRINSIC.ref_time, BASE_EXTRINSIC.proof_size
NORMAL_REF_TIME, NORMAL_PROOF_SIZE = NORMAL_TOTAL.ref_time, NORMAL_TOTAL.proof_size
NORMAL_LENGTH = BLOCK_LENGTH.max.normal
OPERATIONAL_REF_TIME = MAX_BLOCK.ref_time - OPENING.ref_time
OPERATIONAL_PROOF_SIZE = MAX_PROOF - OPENING.proof_size
OPERATIONAL_LENGTH = MAX_LENGTH - OPENING_LENGTH
MAX_REF_TIME = MAX_BLOCK.ref_time
