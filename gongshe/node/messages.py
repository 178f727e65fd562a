"""What the conductor hears and what it wants done: frozen records, one file.

Inputs come from RPC, the clock, the network and the signature checkers; effects go back to them.
Nothing in here knows a socket, a thread or a clock.
"""

from __future__ import annotations

from collections.abc import Collection

from gongshe.chain.pool_records import PoolRefused, Status
from gongshe.chain.signatures import SignatureJob
from gongshe.primitives.header import Block
from gongshe.primitives.records import Record

# -------------------------------------------------------------------------------- inputs


class ExtrinsicOffered(Record):
    """Somebody submits an extrinsic; `offer` names the question that `Answered` answers."""

    offer: int
    raw: bytes
    watched: bool = False


class SignaturesChecked(Record):
    """The signatures of a batch were checked: one answer per job, in order."""

    batch: int
    answers: tuple[bool, ...]


class SlotStarted(Record):
    """A slot has begun; `now_ms` is the time within it."""

    slot: int
    now_ms: int


class BlockOffered(Record, eq=False):
    """Somebody sent a block."""

    block: Block
    now_ms: int
    source: str = ""


class RemovalAsked(Record):
    """An operator bans extrinsics; `offer` names the question that `Removed` answers."""

    offer: int
    extrinsic_hashes: tuple[bytes, ...]


class WatchEnded(Record):
    """Nobody wants to hear of an extrinsic any more."""

    extrinsic_hash: bytes


Input = (
    ExtrinsicOffered | SignaturesChecked | SlotStarted | BlockOffered | RemovalAsked | WatchEnded
)


# ------------------------------------------------------------------------------- effects


class CheckSignatures(Record):
    """Have these signatures checked and come back with `SignaturesChecked`."""

    batch: int
    jobs: tuple[SignatureJob, ...]


class Answered(Record):
    """What became of an offered extrinsic: `refusal` is None if the pool took it."""

    offer: int
    extrinsic_hash: bytes
    refusal: PoolRefused | None


class Removed(Record):
    """The extrinsics that were in the pool and no longer are."""

    offer: int
    extrinsic_hashes: tuple[bytes, ...]


class StatusTold(Record):
    """An extrinsic in the pool, or lately in it, changed its status."""

    extrinsic_hash: bytes
    status: Status


class BlockImported(Record):
    """A block joined the tree."""

    block_hash: bytes
    parent_hash: bytes
    number: int
    own: bool
    extrinsics: int
    changed_keys: Collection[bytes]


class BestChanged(Record):
    """The best chain has a new head."""

    block_hash: bytes
    number: int
    retracted: tuple[bytes, ...]
    enacted: tuple[bytes, ...]


class BlocksFinalized(Record):
    """The finalized chain grew."""

    finalized: tuple[bytes, ...]
    number: int
    abandoned: tuple[bytes, ...]


class BlockRejected(Record):
    """A block that somebody sent was not taken."""

    block_hash: bytes
    source: str
    reason: str


class FaultFound(Record):
    """A fault of this program was brought out and contained; the operator must be told loudly."""

    where: str
    trace: str


class Halted(Record):
    """The node must stop cleanly and say why."""

    reason: str


Effect = (
    CheckSignatures
    | Answered
    | Removed
    | StatusTold
    | BlockImported
    | BestChanged
    | BlocksFinalized
    | BlockRejected
    | FaultFound
    | Halted
)
