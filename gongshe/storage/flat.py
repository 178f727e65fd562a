"""The finalized state through bounded caches: a LevelDB read costs 7 us, a dictionary's 0.1."""

from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn, TypeVar

from gongshe.storage.database import Reader
from gongshe.storage.views import StoredFlat

VALUE_CACHE_BYTES = 16 * 1024 * 1024
"""Of one generation; two generations hold the values of about 100 000 accounts."""

NODE_CACHE_BYTES = 24 * 1024 * 1024
"""Of one generation; one holds all branches over 100 000 accounts."""

ENTRY_OVERHEAD = 170
"""Bytes that two objects' heads and their place in a dictionary take."""

LARGE_VALUE = 16 * 1024
"""Longer values, above all the runtime code, would push out too much else."""

K = TypeVar("K", bytes, str)


class ViewExpired(RuntimeError):
    """A view for execution was used after a later block was finalized; open a new one."""


class Cache(dict[K, bytes | None]):
    """A bounded cache in two generations: what is not asked for during one of them goes.

    A dictionary that loads what it misses, so that a hit costs no call into Python.
    """

    def __init__(self, limit: int, load: Callable[[K], bytes | None]) -> None:
        super().__init__()
        self._limit = limit
        self._room = limit
        self._load: Callable[[K], bytes | None] = load
        self._old: dict[K, bytes | None] = {}

    def __missing__(self, key: K) -> bytes | None:
        value = self._old[key] if key in self._old else self._load(key)
        self.keep(key, value)
        return value

    def keep(self, key: K, value: bytes | None) -> None:
        """Put an entry into the young generation; when that is full it becomes the old one."""
        size = 0 if value is None else len(value)
        if size > LARGE_VALUE:
            self.pop(key, None)
            self._old.pop(key, None)
            return
        if key in self:
            self._room -= size - len(self[key] or b"")
        else:
            self._room -= len(key) + size + ENTRY_OVERHEAD
        if self._room < 0:
            self._old = dict(self)
            self.clear()
            self._room = self._limit
        self[key] = value

    def absorb(self, entries: Mapping[K, bytes | None]) -> None:
        """Bring entries up to date that have just changed."""
        for key, value in entries.items():
            self.keep(key, value)


class CachedFlat:
    """The finalized state for the thread that makes changes."""

    __slots__ = ("_nodes", "_stored", "_values", "get", "node")

    def __init__(self, reader: Reader) -> None:
        stored = StoredFlat(reader)
        self._stored = stored
        self._values: Cache[bytes] = Cache(VALUE_CACHE_BYTES, stored.get)
        self._nodes: Cache[str] = Cache(NODE_CACHE_BYTES, stored.node)
        self.get: Callable[[bytes], bytes | None] = self._values.__getitem__
        """Returns the value of a state key."""
        self.node: Callable[[str], bytes | None] = self._nodes.__getitem__
        """Returns the branch record at a path."""

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield state pairs with start <= key < stop in order."""
        return self._stored.scan(start, stop)

    def succeed(
        self,
        reader: Reader,
        values: Mapping[bytes, bytes | None],
        nodes: Mapping[str, bytes | None],
    ) -> "CachedFlat":
        """Return the next finalized state with these caches brought up to date; this one expires.

        Views that still hold this object get `ViewExpired` instead of a value of another state.
        """
        heir = CachedFlat(reader)
        heir._values, heir._nodes = self._values, self._nodes
        heir.get, heir.node = self._values.__getitem__, self._nodes.__getitem__
        heir._values.absorb(values)
        heir._nodes.absorb(nodes)
        self._stored = StoredFlat(_Expired())
        self.get, self.node = self._stored.get, self._stored.node
        self._values, self._nodes = Cache(0, self.get), Cache(0, self.node)
        return heir


class _Expired:
    """Stands where the database was in a state that is no longer the finalized one."""

    def get(self, key: bytes) -> NoReturn:
        """Refuse."""
        raise ViewExpired(f"key {key.hex()} was read in a state that later blocks were built on")

    def scan(self, start: bytes, stop: bytes | None, reverse: bool = False) -> NoReturn:
        """Refuse."""
        raise ViewExpired(f"keys from {start.hex()} were read in a state that is no longer final")
