"""An extrinsic that waits, the heap that knows the least of them, and the order of a block.

The order is: dependencies first, then higher priority, then shorter remaining life, then earlier
arrival. It is worked out as it is asked for; a block takes thousands of extrinsics each slot.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from operator import attrgetter

from gongshe.chain.pool_records import NESTED_CALL_BYTES, PLAIN_CALL_BYTES
from gongshe.primitives.extrinsic import Signature
from gongshe.runtime.nesting import nested_calls
from gongshe.runtime.validity import DecodedExtrinsic

STALE_SHARE = 2
"""The heap is rebuilt once it holds so many times more entries than there are extrinsics."""

Rank = tuple[int, int, int]
"""Sorts as the block does: less priority comes later, longer life later, later arrival later."""


class Waiting:
    """An extrinsic in the pool; the only mutable thing about it is what it still waits for."""

    __slots__ = (
        "account",
        "charge",
        "dies_at",
        "extrinsic",
        "gone",
        "missing",
        "needs",
        "nonce",
        "priority",
        "provides",
        "rank",
    )

    def __init__(
        self,
        extrinsic: DecodedExtrinsic,
        signature: Signature,
        priority: int,
        dies_at: int,
        arrival: int,
        needs: list[bytes],
        provides: tuple[bytes, ...],
        missing: int,
    ) -> None:
        self.extrinsic, self.account, self.nonce = extrinsic, signature.signer, signature.nonce
        self.priority, self.dies_at = priority, dies_at
        self.rank: Rank = (-priority, dies_at, arrival)
        self.provides = provides
        self.charge = charge(extrinsic)
        self.needs = needs
        """Tags that the chain has not provided yet, but something in the pool may."""
        self.missing = missing
        """How many of the needs nothing ready provides; it is ready itself when this is 0."""
        self.gone = False

    @property
    def hash(self) -> bytes:
        """The name of the extrinsic."""
        return self.extrinsic.hash


class Queue:
    """Extrinsics with their number and size, and which of them is worth least."""

    __slots__ = ("_heap", "entries", "size")

    def __init__(self) -> None:
        self.entries: dict[bytes, Waiting] = {}
        self.size = 0
        self._heap: list[tuple[int, int, bytes]] = []

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Waiting) -> None:
        """Take an extrinsic in."""
        extrinsic_hash = entry.extrinsic.hash
        self.entries[extrinsic_hash] = entry
        self.size += entry.charge
        heappush(self._heap, (entry.priority, -entry.rank[2], extrinsic_hash))

    def discard(self, entry: Waiting) -> None:
        """Let an extrinsic go, if it is here."""
        if self.entries.pop(entry.extrinsic.hash, None) is None:
            return
        self.size -= entry.charge
        if len(self._heap) > STALE_SHARE * len(self.entries) + 1_024:
            self._heap = [
                (each.priority, -each.rank[2], extrinsic_hash)
                for extrinsic_hash, each in self.entries.items()
            ]
            heapify(self._heap)

    def least_first(self) -> Generator[Waiting, None, None]:
        """Yield from the lowest priority up, the latest arrival first; for a loop that breaks.

        Nothing may be added or discarded until the iterator is closed.
        """
        heap = self._heap
        seen: list[tuple[int, int, bytes]] = []
        try:
            while heap:
                item = heappop(heap)
                entry = self.entries.get(item[2])
                if entry is None or -entry.rank[2] != item[1]:
                    continue
                if seen and seen[-1] == item:  # left and came back: the heap has it twice
                    continue
                seen.append(item)
                yield entry
        finally:
            for item in seen:
                heappush(heap, item)


class ReadyOrder:
    """Ready extrinsics in the order of a block, worked out one at a time.

    Whoever refuses the last one calls `leave_out`: what depends on it is then left out too.
    Extrinsics that leave the pool meanwhile are passed over; new ones are not seen.
    """

    __slots__ = ("_heap", "_last", "_left", "_roots", "_wanting")

    def __init__(
        self, entries: Mapping[bytes, Waiting], wanting: Mapping[bytes, Sequence[Waiting]]
    ) -> None:
        self._wanting = wanting
        self._roots = [each for each in entries.values() if not each.needs]
        self._roots.sort(key=RANK, reverse=True)  # taken from the end
        self._heap: list[tuple[Rank, Waiting]] = []
        self._left: dict[int, int] = {}
        self._last: Waiting | None = None

    def __iter__(self) -> ReadyOrder:
        return self

    def __next__(self) -> DecodedExtrinsic:
        last, heap, roots = self._last, self._heap, self._roots
        if last is not None:
            self._last = None
            self._release(last)
        while True:
            if heap and (not roots or heap[0][0] < roots[-1].rank):
                entry = heappop(heap)[1]
            elif roots:
                entry = roots.pop()
            else:
                raise StopIteration
            if not entry.gone and not entry.missing:
                self._last = entry
                return entry.extrinsic

    def leave_out(self) -> None:
        """Say that the extrinsic given last did not enter the block."""
        self._last = None

    def _release(self, last: Waiting) -> None:
        for tag in last.provides:
            for entry in self._wanting.get(tag, ()):
                if entry.missing:
                    continue
                arrival = entry.rank[2]
                left = self._left.get(arrival, len(entry.needs)) - 1
                self._left[arrival] = left
                if left == 0:
                    heappush(self._heap, (entry.rank, entry))


RANK = attrgetter("rank")


def charge(extrinsic: DecodedExtrinsic) -> int:
    """Return the bytes an extrinsic takes of the pool: its own, and its nested calls' memory."""
    length = len(extrinsic.raw)
    if len(extrinsic.call_bytes) <= PLAIN_CALL_BYTES:
        return length
    return length + NESTED_CALL_BYTES * nested_calls(extrinsic.call)
