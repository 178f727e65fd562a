"""What the pool says: limits, statuses, refusals. Its words mirror Substrate's, one for one."""

from __future__ import annotations

import enum

from gongshe.primitives.records import Record
from gongshe.runtime.validity import (
    DecodedExtrinsic,
    InvalidTransaction,
    Refused,
)


class PoolLimits(Record):
    """How much may wait; one figure each for everything, and a share of it for the future queue."""

    count: int = 20_000
    """Extrinsics. At 8 000 a second and slots of 1 s, a full pool is 2.5 slots of peak load: one
    block being built, one slot of arrivals, half a slot to spare. Substrate's 8 192 would be used
    up by the arrivals of a single slot, and would drop what the next block has room for."""

    size: int = 40 << 20
    """Bytes, nested calls charged with what they take in memory. Transfers fill a tenth of it; it
    is here for large extrinsics, and eight full blocks of them fit."""

    future_share: int = 10
    """One part in so many is for extrinsics that wait for an earlier nonce: they pay nothing and
    may never be able to enter a block."""

    per_account: int = 4_096
    """Of one account: half a slot of peak load from a single sender, and too few for one account
    that can pay a single fee to take the pool from everybody else."""

    ban_ms: int = 1_800_000
    """Half an hour, as in Substrate: long enough for gossip to forget an invalid extrinsic."""

    banned: int = 40_000
    """Hashes remembered as banned, twice what the pool holds; the oldest go first, some 5 MB."""

    @property
    def future_count(self) -> int:
        """Extrinsics that may wait for an earlier one."""
        return max(self.count // self.future_share, 1)

    @property
    def future_size(self) -> int:
        """Bytes of extrinsics that may wait for an earlier one."""
        return max(self.size // self.future_share, 1)


REPLACEMENT_PERCENT = 110
"""What a replacement's priority must be, in percent of what it replaces. A signer can make any
number of different valid signatures of one nonce; each further one must outbid the last, so that
at most some 460 steps lie between the lowest and the highest priority."""

FINALITY_TIMEOUT = 512
"""Blocks after which a watcher is told that finality does not come; the number is Substrate's."""

NESTED_CALL_BYTES = 256
"""Memory of one call inside another: an empty remark has three bytes on the wire, and sixteen
thousand of them in a batch take 4 MB once they are decoded and asked what they may cost."""

PLAIN_CALL_BYTES = 64
"""Calls of up to so many bytes are not searched for nested ones; a transfer has about 40."""


# ------------------------------------------------------------------------------------ statuses


class Future(Record):
    """It waits for an earlier extrinsic."""


class Ready(Record):
    """It may enter the next block."""


class InBlock(Record):
    """It stands in a block of the best chain, at this index."""

    block_hash: bytes
    index: int


class Retracted(Record):
    """The block it stood in left the best chain."""

    block_hash: bytes


class FinalityTimeout(Record):
    """Its block was not finalized for too long."""

    block_hash: bytes


class Finalized(Record):
    """Its block is final."""

    block_hash: bytes
    index: int


class Usurped(Record):
    """Another extrinsic of the same account and nonce took its place."""

    by: bytes


class Dropped(Record):
    """It left the pool for want of room."""


class Invalid(Record):
    """It can no longer be valid; the text says why."""

    reason: str


Status = (
    Future | Ready | InBlock | Retracted | FinalityTimeout | Finalized | Usurped | Dropped | Invalid
)
"""The life of an extrinsic."""

LAST_STATUSES = (FinalityTimeout, Finalized, Usurped, Dropped, Invalid)
"""Nothing follows these."""


class Told(Record):
    """News of a watched extrinsic."""

    extrinsic_hash: bytes
    status: Status


class Admission(Record):
    """What became of the pool when it took an extrinsic."""

    ready: tuple[DecodedExtrinsic, ...]
    """Those that may enter a block from now on: the new one and those that waited for it. Empty
    while it waits itself. They are what is worth telling to peers and to the author."""

    told: tuple[Told, ...]


# ------------------------------------------------------------------------------------ refusals


class RefusalKind(enum.Enum):
    """Why an extrinsic did not enter; the names are those of `rpc.backend.RefusalKind`."""

    BAD_FORMAT = enum.auto()
    VERIFICATION = enum.auto()
    INVALID = enum.auto()
    UNKNOWN_VALIDITY = enum.auto()
    BANNED = enum.auto()
    ALREADY_IMPORTED = enum.auto()
    PRIORITY_TOO_LOW = enum.auto()
    CYCLE = enum.auto()
    POOL_FULL = enum.auto()
    UNACTIONABLE = enum.auto()
    NO_TAGS = enum.auto()
    FUTURE_REFUSED = enum.auto()


class PoolRefused(Exception):
    """An extrinsic that did not enter the pool: what was expected, what was found, what to do."""

    def __init__(
        self,
        kind: RefusalKind,
        error: str,
        *,
        expected: object = "",
        found: object = "",
        hint: str = "",
    ) -> None:
        super().__init__(f"{error}: expected {expected}, found {found}; {hint}")
        self.kind, self.error, self.hint = kind, error, hint
        self.expected, self.found = str(expected), str(found)


def judged(refused: Refused) -> PoolRefused:
    """Return the pool's refusal of an extrinsic that the runtime's rules refuse."""
    kind = RefusalKind.UNKNOWN_VALIDITY
    if isinstance(refused.reason, InvalidTransaction):
        kind = RefusalKind.INVALID
    return PoolRefused(
        kind,
        refused.name,
        expected=refused.expected,
        found=refused.found,
        hint=refused.hint,
    )


def malformed(fault: Exception) -> PoolRefused:
    """Return the pool's refusal of bytes that are no extrinsic."""
    return PoolRefused(
        RefusalKind.BAD_FORMAT,
        "BadFormat",
        expected="a signed extrinsic of format v4, length prefix included",
        found=fault,
        hint="encode the call with the metadata of this chain's present spec version",
    )
