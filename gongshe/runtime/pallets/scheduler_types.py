"""What the scheduler stores: tasks, and their calls inline or by hash."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import H256, AtMost, Bytes32, u8, u32
from gongshe.primitives.types import BlockNumber
from gongshe.runtime.origins import OriginCaller

MAX_INLINE = 128
"""Bytes of a call that is kept in the agenda itself; longer ones become preimages."""

MAX_SCHEDULED_PER_BLOCK = 50
"""Tasks of one block: its whole agenda is one value, read and written at once."""

Period = tuple[BlockNumber, u32]
"""Blocks between two executions, and how many are still to come."""

TaskAddress = tuple[BlockNumber, u32]
"""The block a task is scheduled for, and its place in the agenda."""


class Bounded(Variants, path="frame_support::traits::preimages::Bounded"):
    """A call, in a place of bounded size."""


class BoundedLegacy(Bounded, index=0, variant="Legacy"):
    """By hash, without a length: older chains have such tasks, this one has none."""

    hash_: H256


class BoundedInline(Bounded, index=1, variant="Inline", unnamed=True):
    """The encoded call itself."""

    raw: Annotated[bytes, AtMost(MAX_INLINE)]


class BoundedLookup(Bounded, index=2, variant="Lookup"):
    """By hash and length, kept as a preimage."""

    hash_: H256
    len: u32


class Task(Record, path="pallet_scheduler::Scheduled"):
    """A call to be made later."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "Name": Bytes32,
        "Call": Bounded,
        "BlockNumber": BlockNumber,
        "PalletsOrigin": OriginCaller,
    }

    maybe_id: Bytes32 | None
    priority: u8
    call: Bounded
    maybe_periodic: Period | None
    origin: OriginCaller


Agenda = Annotated[tuple[Task | None, ...], AtMost(MAX_SCHEDULED_PER_BLOCK)]
