"""Builds a block from ready extrinsics.

The author asks the pool's order for one extrinsic after another until the block is full, the
deadline has passed, or nothing is left. An extrinsic that may not be included is dropped with its
reason, unless it only does not fit or comes too early. Its signature was checked when it entered
the pool; on another fork or under other rules than then it is checked again.
"""

from __future__ import annotations

from collections.abc import Callable

from gongshe.chain.pool_entries import ReadyOrder
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import (
    MAX_EXTRINSICS,
    Assemblies,
    Executed,
    PooledSignatures,
    Verified,
)
from gongshe.consensus.slots import seal_message, slot_claim
from gongshe.primitives.extrinsic import encode_unsigned
from gongshe.primitives.header import AURA, Digest, Header, Seal
from gongshe.primitives.records import Record
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.pallets.timestamp import Timestamp
from gongshe.runtime.validity import (
    DecodedExtrinsic,
    ExhaustsResources,
    Future,
    Refused,
    decode,
)
from gongshe.storage.database import StoreError
from gongshe.storage.trie import ordered_root

MAX_UNFIT = 16
"""Extrinsics passed over because they do not fit before the block is called full."""

CHECK_EVERY = 16
"""Extrinsics between two looks at the clock."""


class Dropped(Record):
    """An extrinsic that may not be included any more, and why."""

    extrinsic: DecodedExtrinsic
    refused: Refused


class ExtrinsicBroken(Exception):
    """A fault of this program that an extrinsic brings out; the block must be begun anew."""

    def __init__(self, extrinsic: DecodedExtrinsic, fault: Exception) -> None:
        super().__init__(f"extrinsic 0x{extrinsic.hash.hex()} cannot be executed: {fault!r}")
        self.extrinsic = extrinsic


class Proposal(Record, eq=False):
    """A block that only lacks its seal."""

    header: Header
    slot: int
    executed: Executed
    dropped: tuple[Dropped, ...]
    full: bool
    """Whether extrinsics were left because the block or its time was used up."""

    def sealed(self, sign: Callable[[bytes], bytes]) -> Header:
        """Return the header with the author's seal; `sign` signs with the slot leader's key."""
        return self.header.sealed(Seal(AURA, sign(seal_message(self.header))))


def propose(
    store: ChainStore,
    assemblies: Assemblies,
    parent: bytes,
    slot: int,
    now_ms: int,
    ready: ReadyOrder,
    verified: Verified,
    is_late: Callable[[], bool],
    most: int = MAX_EXTRINSICS,
    *,
    careful: bool = False,
) -> Proposal:
    """Build a child of `parent` for a slot from extrinsics in the pool's order.

    `now_ms` must lie within the slot; `is_late` tells when to stop adding extrinsics, of which
    at most `most` are taken. Raises ExtrinsicBroken if one of them must be taken out first. What
    one leaves behind may only be seen to be wrong at the block's end: `careful` looks each time,
    which is slow, and finds which one it was.
    """
    head = store.heads.head(parent)
    execution = BlockExecution(
        assemblies,
        store.states.executing(parent),
        head.number + 1,
        parent,
        Digest((slot_claim(slot),)),
    )
    execution.open()
    inherent = time_inherent(execution, now_ms)
    execution.apply(inherent)
    included = [inherent]
    signatures = PooledSignatures(execution, store.genesis_hash, verified)
    dropped, full = _fill(execution, ready, signatures, included, is_late, most, careful)
    outcome = execution.finish()
    prepared = store.states.prepare(parent, outcome.changes)
    header = Header(
        parent,
        head.number + 1,
        prepared.root,
        ordered_root([extrinsic.raw for extrinsic in included]),
        outcome.digest,
    )
    return Proposal(
        header, slot, Executed(outcome, prepared, tuple(included)), tuple(dropped), full
    )


def time_inherent(execution: BlockExecution, now_ms: int) -> DecodedExtrinsic:
    """Return the unsigned extrinsic that tells the block's time.

    After a block late in its slot the next one must still keep half a slot's distance.
    """
    told_ms = max(now_ms, execution.runtime.pallet(Timestamp).earliest())
    call = execution.assembly.call("Timestamp", "set", told_ms)
    return decode(execution.assembly, encode_unsigned(execution.runtime.encode_call(call)))


def _fill(
    execution: BlockExecution,
    ready: ReadyOrder,
    signatures: PooledSignatures,
    included: list[DecodedExtrinsic],
    is_late: Callable[[], bool],
    most: int,
    careful: bool,
) -> tuple[list[Dropped], bool]:
    dropped: list[Dropped] = []
    unfit = 0
    for position, extrinsic in enumerate(ready):
        if position % CHECK_EVERY == 0 and is_late():
            return dropped, True
        try:
            _include(execution, signatures, extrinsic, careful)
        except Refused as refused:
            ready.leave_out()
            if isinstance(refused.reason, ExhaustsResources):
                unfit += 1
                if unfit > MAX_UNFIT:
                    return dropped, True
            elif not isinstance(refused.reason, Future):
                dropped.append(Dropped(extrinsic, refused))
            continue
        included.append(extrinsic)
        if len(included) > most:  # the inherent does not count
            return dropped, True
    return dropped, unfit > 0


def _include(
    execution: BlockExecution,
    signatures: PooledSignatures,
    extrinsic: DecodedExtrinsic,
    careful: bool,
) -> None:
    try:
        signatures.check(extrinsic)
        execution.apply(extrinsic)
        if careful:
            execution.state.changes()
    except (Refused, StoreError, MemoryError):
        raise
    except Exception as fault:
        raise ExtrinsicBroken(extrinsic, fault) from fault
