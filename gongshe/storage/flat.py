"""The finalized state through bounded caches: a LevelDB read costs 7 us, a dictionary's 0.1."""

from collections.abc import Iterator, Mapping
from typing import Generic, NoReturn, TypeVar

from gongshe.storage.database import Database, Reader
from gongshe.storage.keyspace import NODE, VALUE
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


class Generations(Generic[K]):
    """A bounded cache in two generations: what is not asked for during one of them goes."""

    __slots__ = ("limit", "old", "room", "young")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.room = limit
        self.young: dict[K, bytes | None] = {}
        self.old: dict[K, bytes | None] = {}

    def keep(self, key: K, value: bytes | None) -> None:
        """Put an entry into the young generation, making room if there is none."""
        size = 0 if value is None else len(value)
        if size > LARGE_VALUE:
            self.young.pop(key, None)
            self.old.pop(key, None)
            return
        self.room -= len(key) + size + ENTRY_OVERHEAD
        if self.room < 0:
            self.old, self.young, self.room = self.young, {}, self.limit
        self.young[key] = value

    def absorb(self, entries: Mapping[K, bytes | None]) -> None:
        """Bring entries up to date that have just changed."""
        for key, value in entries.items():
            self.keep(key, value)


class CachedFlat:
    """The finalized state for the thread that makes changes."""

    __slots__ = ("_database", "_node_cache", "_stored", "_value_cache")

    def __init__(self, database: Database) -> None:
        self._database: Reader = database
        self._stored = StoredFlat(database)
        self._value_cache: Generations[bytes] = Generations(VALUE_CACHE_BYTES)
        self._node_cache: Generations[str] = Generations(NODE_CACHE_BYTES)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a state key."""
        cache = self._value_cache
        try:
            return cache.young[key]
        except KeyError:
            pass
        value = cache.old[key] if key in cache.old else self._database.get(VALUE + key)
        cache.keep(key, value)
        return value

    def node(self, path: str) -> bytes | None:
        """Return the branch record at a path."""
        cache = self._node_cache
        try:
            return cache.young[path]
        except KeyError:
            pass
        record = cache.old[path] if path in cache.old else self._database.get(NODE + path.encode())
        cache.keep(path, record)
        return record

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Yield state pairs with start <= key < stop in order."""
        return self._stored.scan(start, stop)

    def succeed(
        self,
        database: Database,
        values: Mapping[bytes, bytes | None],
        nodes: Mapping[str, bytes | None],
    ) -> "CachedFlat":
        """Return the next finalized state with these caches brought up to date; this one expires.

        Views that still hold this object get `ViewExpired` instead of a value of another state.
        """
        heir = CachedFlat(database)
        heir._value_cache, self._value_cache = self._value_cache, heir._value_cache
        heir._node_cache, self._node_cache = self._node_cache, heir._node_cache
        heir._value_cache.absorb(values)
        heir._node_cache.absorb(nodes)
        self._database = _Expired()
        self._stored = StoredFlat(self._database)
        return heir


class _Expired:
    """Stands where the database was in a state that is no longer the finalized one."""

    def get(self, key: bytes) -> NoReturn:
        """Refuse."""
        raise ViewExpired(f"key {key.hex()} was read in a state that later blocks were built on")

    def scan(self, start: bytes, stop: bytes | None, reverse: bool = False) -> NoReturn:
        """Refuse."""
        raise ViewExpired(f"keys from {start.hex()} were read in a state that is no longer final")
