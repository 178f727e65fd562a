"""The database contract: point reads, ordered scans, frozen snapshots and one atomic, synced write.

Every error of a store is fatal (`StoreFailed`). LevelDB goes on acknowledging writes after a failed
append and loses them at the next opening, so a handle that has failed once refuses every further
use: the process must stop and be started again.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

ADVICE = "Remove the chain data and sync again from a finalized block you trust"
"""What to do about damaged data; it is never repaired automatically."""


class StoreError(Exception):
    """Something about the store keeps the node from working; the message says what to do."""


class StoreFailed(StoreError):
    """A read or a write failed, now or earlier on this handle: stop the process, do not go on."""


class StoreLocked(StoreError):
    """Another process, or another part of this one, has the database open."""


class StoreMissing(StoreError):
    """There is no complete database at this place."""


class StoreExists(StoreError):
    """Creation was asked for at a place that is already in use."""


class StoreMismatch(StoreError):
    """The database belongs to another chain or was written with another schema."""


class StoreDamaged(StoreError):
    """The database contradicts itself; it is never repaired automatically."""


class Reader(Protocol):
    """Point reads and ordered scans over one state of the database."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value stored under this key, or None."""
        ...

    def scan(
        self, start: bytes, stop: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order; a stop of None means to the end.

        The scan sees the database as it was when the first pair was asked for.
        """
        ...


class Snapshot(Reader, Protocol):
    """A frozen view of the database; later writes do not show. Safe to read from other threads."""

    def close(self) -> None:
        """Release the view; also happens when the last reference goes."""
        ...


class Database(Reader, Protocol):
    """A sorted map of bytes to bytes with atomic, synced writes."""

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the whole batch or none of it, on disk before returning; None deletes a key."""
        ...

    def snapshot(self) -> Snapshot:
        """Freeze the present contents for reading."""
        ...

    def close(self) -> None:
        """Release the database; further use raises `StoreFailed`."""
        ...


def after_prefix(prefix: bytes) -> bytes | None:
    """Return the first key after all keys with this prefix, or None when there is no such key."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes((stripped[-1] + 1,))
