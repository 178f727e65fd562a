"""Readers of one state: by key, in key order, and by trie path; and proofs over what they read.

`LayeredView` shows the finalized state with a stack of unfinalized changes over it; `PastView`
shows a finalized state of the past through the values and branches that later blocks replaced.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from gongshe.storage.database import ADVICE, Reader, StoreDamaged, after_prefix
from gongshe.storage.keyspace import (
    KEY_PAST,
    NODE,
    PAST_NODE,
    PAST_VALUE,
    VALUE,
    end_of,
    escape,
    number_key,
    past_node_key,
    past_value_key,
    read_past_value_key,
)
from gongshe.storage.layers import Stack, changes_between
from gongshe.storage.proofs import RangeProof, prove, prove_range
from gongshe.storage.records import unpack_record
from gongshe.storage.trie_nodes import NodeMalformed


class FlatReader(Protocol):
    """The finalized state: one value or branch at a time, and scans underneath."""

    @property
    def get(self) -> Callable[[bytes], bytes | None]:
        """Returns the value of a state key."""
        ...

    @property
    def node(self) -> Callable[[str], bytes | None]:
        """Returns the branch record at a path."""
        ...

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield state pairs with start <= key < stop in order."""
        ...


class StateView(Protocol):
    """One state, immutable: reads, ordered scans and proofs."""

    @abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""

    @abstractmethod
    def between(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order."""

    @abstractmethod
    def node(self, path: str) -> bytes | None:
        """Return the record of the branch at a path, or None."""

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs whose key has this prefix, ascending, strictly after a key."""
        start = prefix if after is None else max(prefix, after + b"\x00")
        return self.between(start, after_prefix(prefix))

    def keys(self, prefix: bytes, after: bytes | None = None) -> Iterator[bytes]:
        """Yield the keys that have this prefix, ascending, strictly after a key."""
        for key, _ in self.pairs(prefix, after):
            yield key

    def leaf(self, path: str) -> tuple[bytes, bytes] | None:
        """Return the first pair whose key begins with these nibbles."""
        start = bytes.fromhex(path + "0" if len(path) & 1 else path)
        for key, value in self.between(start, None):
            return (key, value) if key.hex().startswith(path) else None
        return None

    def prove(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the nodes by which a stranger verifies what these keys hold here."""
        try:
            return prove(self.node, self.leaf, self.get, keys)
        except NodeMalformed as error:
            raise StoreDamaged(f"the trie does not fit the state: {error}. {ADVICE}") from error

    def prove_range(self, start: bytes, limit_bytes: int) -> RangeProof:
        """Return the pairs from a key on, up to a size, with a proof that none is left out."""
        try:
            return prove_range(self.node, self.leaf, self.between(start, None), start, limit_bytes)
        except NodeMalformed as error:
            raise StoreDamaged(f"the trie does not fit the state: {error}. {ADVICE}") from error


class LayeredView(StateView):
    """The finalized state under a stack of unfinalized changes."""

    __slots__ = ("_flat", "_nodes", "_stack", "_values")

    def __init__(self, flat: FlatReader, stack: Stack) -> None:
        self._flat = flat
        self._stack = stack
        self._values = tuple(segment.values for segment in stack)
        self._nodes = tuple(segment.nodes for segment in stack)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        for values in self._values:
            if key in values:
                return values[key]
        return self._flat.get(key)

    def node(self, path: str) -> bytes | None:
        """Return the record of the branch at a path, or None."""
        for nodes in self._nodes:
            if path in nodes:
                return nodes[path]
        return self._flat.node(path)

    def between(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order."""
        flat = self._flat.scan(start, stop)
        if not self._stack:
            return flat
        return _overlaid(flat, changes_between(self._stack, start, stop))


class PastView(StateView):
    """A finalized state of the past, seen through a reader of the present."""

    def __init__(self, reader: Reader, number: int, present: int, nodes_from: int) -> None:
        self._reader = reader
        self._flat = StoredFlat(reader)
        self._number = number
        self._present = present
        self._nodes_from = nodes_from

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        start = past_value_key(key, self._number + 1)
        stop = PAST_VALUE + escape(key) + KEY_PAST
        for _, replaced in self._reader.scan(start, stop):
            return _read_replaced(replaced)
        return self._flat.get(key)

    def between(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order."""
        return _overlaid(self._flat.scan(start, stop), self._replaced(start, stop))

    def _replaced(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield what later blocks replaced, key by key: the value that each key had here."""
        cursor = PAST_VALUE + escape(start)
        end = end_of(PAST_VALUE) if stop is None else PAST_VALUE + escape(stop)
        while True:
            found = next(iter(self._reader.scan(cursor, end)), None)
            if found is None:
                return
            key, number = read_past_value_key(found[0])
            if number <= self._number:
                cursor = past_value_key(key, self._number + 1)
            else:
                yield key, _read_replaced(found[1])
                cursor = PAST_VALUE + escape(key) + KEY_PAST

    def node(self, path: str) -> bytes | None:
        """Return the record of the branch at a path, or None."""
        if self._number < self._nodes_from:
            raise ProofUnavailable(self._number, self._nodes_from)
        for number in range(self._number + 1, self._present + 1):
            start = PAST_NODE + number_key(number)
            upto = past_node_key(number, path) + b"\x00"
            for _, chunk in self._reader.scan(start, upto, reverse=True):
                paths, records = unpack_record(chunk, f"replaced branches of block {number}", 2)
                if path in paths:
                    record: bytes | None = records[paths.index(path)]
                    return record
                break
        return self._flat.node(path)


class ProofUnavailable(LookupError):
    """Proofs are given for recent blocks only; this one is older."""

    def __init__(self, number: int, oldest: int) -> None:
        super().__init__(
            f"a proof in the state of block {number} was asked for; the trie is kept from block "
            f"{oldest} on. Ask for a proof at a more recent block"
        )
        self.number = number
        self.oldest = oldest


class StoredFlat:
    """The finalized state as a database or a snapshot of it has it."""

    __slots__ = ("_reader",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a state key."""
        return self._reader.get(VALUE + key)

    def node(self, path: str) -> bytes | None:
        """Return the branch record at a path."""
        return self._reader.get(NODE + path.encode())

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield state pairs with start <= key < stop in order."""
        end = end_of(VALUE) if stop is None else VALUE + stop
        for key, value in self._reader.scan(VALUE + start, end):
            yield key[1:], value


def _read_replaced(raw: bytes) -> bytes | None:
    return raw[1:] if raw else None


def _overlaid(
    flat: Iterator[tuple[bytes, bytes]], changes: Iterator[tuple[bytes, bytes | None]]
) -> Iterator[tuple[bytes, bytes]]:
    """Merge two ordered streams; where both have a key the change wins, None hides it."""
    change = next(changes, None)
    for pair in flat:
        while change is not None and change[0] < pair[0]:
            if change[1] is not None:
                yield change[0], change[1]
            change = next(changes, None)
        if change is not None and change[0] == pair[0]:
            continue
        yield pair
    while change is not None:
        if change[1] is not None:
            yield change[0], change[1]
        change = next(changes, None)
