"""Writes over a reader; nested transactions.

A block's execution reads the parent's state through a `StateReader` and leaves its writes
here. Values stay decoded until the end of the block and are encoded once. A transaction that
fails is undone by replaying a journal of old values, so nesting costs nothing per read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from gongshe.primitives.leaves import bounded_bytes
from gongshe.primitives.scale import Codec

MAX_TRANSACTION_DEPTH = 64
"""Nested storage transactions: a call nests at most 32 deep, and each level may open two."""


class StateReader(Protocol):
    """The state after one block; it never changes."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None."""

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values under `prefix` in ascending order, strictly after `after`."""


class CorruptState(Exception):
    """A stored value is not what its declaration says: a fault of this node, not of a user."""


class Encoded:
    """Stands in the place of a codec for a value that was written as bytes."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value


UNREAD: Any = object()
"""Stands in the journal for a key that this block had not looked at."""

RAW = bounded_bytes(1 << 32, as_text=False)
"""Marks a value that is already bytes; it is stored as it is."""


INITIALIZATION, FINALIZATION = b"\x02", b"\x01"
"""Phases of a block outside its extrinsics, as events show them; extrinsics are 0 ++ u32."""


class Overlay:
    """The state as one block sees it while it is executed."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self.values: dict[bytes, Any] = {}
        """What was read or written so far, decoded; None is absent. Items look here first."""
        self._written: dict[bytes, Codec | Encoded] = {}
        self._journal: list[tuple[bytes, Any, Codec | Encoded | None]] = []
        self._marks: list[tuple[int, int]] = []
        self.events: list[bytes] = []
        """Encoded event records, in order; a failed transaction takes its own back."""
        self.phase = INITIALIZATION
        """Encoded phase of execution that events are stamped with."""

    @property
    def parent(self) -> StateReader:
        """The state that the writes lie over."""
        return self._reader

    # ------------------------------------------------------------------------- values

    def read(self, key: bytes, codec: Codec) -> Any:
        """Return the decoded value of `key`, or None if it is absent."""
        value = self.values.get(key, UNREAD)
        if value is UNREAD:
            written = self._written.get(key)
            raw = written.value if isinstance(written, Encoded) else self._reader.get(key)
            if raw is None:
                value = None
            elif codec is RAW:
                value = raw
            else:
                value = decoded(key, codec, raw)
            self.values[key] = value
        return value

    def write(self, key: bytes, codec: Codec | Encoded, value: Any) -> None:
        """Set the decoded value of `key`; None removes it."""
        values, written = self.values, self._written
        if self._marks:
            self._journal.append((key, values.get(key, UNREAD), written.get(key)))
        values[key] = value
        written[key] = codec

    def write_encoded(self, key: bytes, raw: bytes) -> None:
        """Set the bytes of `key`, whatever they mean: the next typed read decodes them."""
        self.write(key, Encoded(raw), UNREAD)

    def pairs(
        self, prefix: bytes, codec: Codec, after: bytes | None = None
    ) -> Iterator[tuple[bytes, Any]]:
        """Yield keys and decoded values under `prefix`, ascending, as they stand now."""
        changed = sorted(
            key
            for key in self._written
            if key.startswith(prefix) and (after is None or key > after)
        )
        position = 0
        for key, raw in self._reader.pairs(prefix, after):
            while position < len(changed) and changed[position] < key:
                value = self.read(changed[position], codec)
                if value is not None:
                    yield changed[position], value
                position += 1
            if position < len(changed) and changed[position] == key:
                continue  # its turn comes before the next key
            yield key, raw if codec is RAW else decoded(key, codec, raw)
        for key in changed[position:]:
            value = self.read(key, codec)
            if value is not None:
                yield key, value

    # ------------------------------------------------------------------- transactions

    def begin(self) -> None:
        """Open a transaction inside the present one."""
        if len(self._marks) >= MAX_TRANSACTION_DEPTH:
            raise RuntimeError(f"storage transactions nested more than {MAX_TRANSACTION_DEPTH}")
        self._marks.append((len(self._journal), len(self.events)))

    def commit(self) -> None:
        """Keep what the innermost transaction wrote."""
        self._marks.pop()
        if not self._marks:
            self._journal.clear()

    def roll_back(self) -> None:
        """Undo what the innermost transaction wrote and emitted."""
        start, events = self._marks.pop()
        values, written = self.values, self._written
        for key, value, codec in reversed(self._journal[start:]):
            if value is UNREAD:
                values.pop(key, None)
            else:
                values[key] = value
            if codec is None:
                written.pop(key, None)
            else:
                written[key] = codec
        del self._journal[start:]
        del self.events[events:]

    # ------------------------------------------------------------------------ outcome

    def changes(self) -> dict[bytes, bytes | None]:
        """Return every key that differs from the parent's state, in ascending order, encoded.

        None stands for a removed key. Keys written and removed within the block are left out.
        """
        if self._marks:
            raise RuntimeError("changes asked for inside a transaction")
        changed: dict[bytes, bytes | None] = {}
        for key in sorted(self._written):
            value, codec = self.values.get(key, UNREAD), self._written[key]
            if value is None:
                if self._reader.get(key) is not None:
                    changed[key] = None
            elif isinstance(codec, Encoded):
                changed[key] = codec.value
            else:
                changed[key] = value if codec is RAW else codec.encode(value)
        return changed


class EmptyState:
    """The state before genesis: nothing."""

    def get(self, key: bytes) -> bytes | None:
        """Return None."""
        return None

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield nothing."""
        return iter(())


def decoded(key: bytes, codec: Codec, raw: bytes) -> Any:
    """Return the decoded value, or raise CorruptState naming the key."""
    try:
        return codec.decode(raw)
    except ValueError as fault:
        raise CorruptState(f"state key 0x{key.hex()}: {fault}") from None
