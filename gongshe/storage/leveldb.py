"""The database on disk: LevelDB, opened so that it never hides damage and never loses a write.

The only file that imports plyvel. Three facts decide how it is used (measured with LevelDB 1.22):
without paranoid checks a flipped bit in the log leaves a silent hole; with `create_if_missing` a
directory without its CURRENT file is erased; and after a failed append writes are acknowledged
and lost. So: checks are always on, creation is a separate act, and the first error is the last.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import plyvel

from gongshe.storage.database import StoreExists, StoreFailed, StoreLocked, StoreMissing

BLOCK_CACHE_BYTES = 16 * 1024 * 1024
"""Decompressed table blocks; the hot part of the state has its own caches above."""

WRITE_BUFFER_BYTES = 8 * 1024 * 1024
"""Memory table: larger ones mean fewer compactions but two of them live at once."""

OPEN_FILES = 256
"""Tables held open: 512 MB of 2 MB tables without reopening, far below common file limits."""

BLOOM_BITS = 10
"""Ten bits per key let one absent key in a hundred cost a block read."""


class LevelSnapshot:
    """A frozen view of a LevelDB database."""

    def __init__(self, database: "LevelDatabase", view: Any) -> None:
        self._database = database
        self._view = view

    def get(self, key: bytes) -> bytes | None:
        """Return the value stored under this key, or None."""
        try:
            found: bytes | None = self._view.get(key, verify_checksums=True)
        except (plyvel.Error, RuntimeError) as error:
            self._database.fail(error)
        return found

    def scan(
        self, start: bytes, stop: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order."""
        return self._database.walk(self._view, start, stop, reverse)

    def close(self) -> None:
        """Release the view."""
        self._view.close()


class LevelDatabase:
    """A LevelDB directory; use `create` once and `open` ever after."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._failure: str | None = None

    @classmethod
    def create(cls, directory: Path) -> "LevelDatabase":
        """Make a new, empty database; the directory must not exist or be empty."""
        if directory.exists() and any(directory.iterdir()):
            raise StoreExists(
                f"{directory} is not empty; a database is created only in an empty place. "
                "Choose another data directory, or remove this one if it is no longer needed"
            )
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        return cls(_open(directory, create=True))

    @classmethod
    def open(cls, directory: Path) -> "LevelDatabase":
        """Open an existing database; refuse anything that is not one."""
        if not (directory / "CURRENT").is_file():
            raise StoreMissing(
                f"{directory} holds no database: its file CURRENT was expected and is missing. "
                "Create the chain data first, or, if this was a database, remove it and sync again"
            )
        return cls(_open(directory, create=False))

    def get(self, key: bytes) -> bytes | None:
        """Return the value stored under this key, or None."""
        if self._failure is not None:
            self.fail(None)
        try:
            found: bytes | None = self._handle.get(key, verify_checksums=True)
        except (plyvel.Error, RuntimeError) as error:
            self.fail(error)
        return found

    def scan(
        self, start: bytes, stop: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order."""
        return self.walk(self._handle, start, stop, reverse)

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the whole batch or none of it, synced to the disk before returning."""
        if self._failure is not None:
            self.fail(None)
        try:
            with self._handle.write_batch(transaction=True, sync=True) as writes:
                put, delete = writes.put, writes.delete
                for key, value in batch.items():
                    if value is None:
                        delete(key)
                    else:
                        put(key, value)
        except (plyvel.Error, RuntimeError) as error:
            self.fail(error)

    def snapshot(self) -> LevelSnapshot:
        """Freeze the present contents for reading."""
        if self._failure is not None:
            self.fail(None)
        try:
            return LevelSnapshot(self, self._handle.snapshot())
        except (plyvel.Error, RuntimeError) as error:
            self.fail(error)

    def close(self) -> None:
        """Release the directory; further use raises `StoreFailed`."""
        self._failure = self._failure or "it was closed"
        self._handle.close()

    def walk(
        self, source: Any, start: bytes, stop: bytes | None, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs of the database or of a snapshot, turning any error into `StoreFailed`."""
        if self._failure is not None:
            self.fail(None)
        # Backwards, plyvel leaves out a pair that is at `start` and the only one in bounds.
        bound = None if reverse else start
        try:
            with source.iterator(
                start=bound, stop=stop, reverse=reverse, verify_checksums=True
            ) as pairs:
                if not reverse:
                    yield from pairs
                for pair in pairs:
                    if pair[0] < start:
                        break
                    yield pair
        except (plyvel.Error, RuntimeError) as error:
            self.fail(error)

    def fail(self, error: Exception | None) -> NoReturn:
        """Refuse this and every later use of the handle."""
        if self._failure is None:
            self._failure = str(error) or repr(error)
        raise StoreFailed(
            f"the database can no longer be used: {self._failure}. "
            "Stop the process, look at the disk, start again; nothing acknowledged is lost"
        ) from error


def _open(directory: Path, create: bool) -> Any:
    """Open LevelDB with every check on and files readable by the owner alone."""
    earlier = os.umask(0o077)
    try:
        return plyvel.DB(
            str(directory),
            create_if_missing=create,
            error_if_exists=create,
            paranoid_checks=True,
            write_buffer_size=WRITE_BUFFER_BYTES,
            lru_cache_size=BLOCK_CACHE_BYTES,
            max_open_files=OPEN_FILES,
            bloom_filter_bits=BLOOM_BITS,
        )
    except plyvel.Error as error:
        if "lock" in str(error).lower():
            raise StoreLocked(
                f"{directory} is in use by another process ({error}). "
                "Stop the other node, or give this one its own data directory"
            ) from error
        raise StoreFailed(
            f"{directory} could not be opened: {error}. It is never repaired automatically, for "
            "repair can leave holes; remove it and sync again from a finalized block you trust"
        ) from error
    finally:
        os.umask(earlier)
