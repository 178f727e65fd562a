"""A database in memory: sorted and deterministic, for tests and the simulator."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

from gongshe.storage.database import StoreFailed

SORT_ANEW = 8
"""More new keys than one in this many: sorting the list anew beats inserting one by one."""


class MemorySnapshot:
    """A frozen view; it shares the tables with the database until the database writes again."""

    def __init__(self, values: dict[bytes, bytes], order: list[bytes]) -> None:
        self._values = values
        self._order = order

    def get(self, key: bytes) -> bytes | None:
        """Return the value stored under this key, or None."""
        return self._values.get(key)

    def scan(
        self, start: bytes, stop: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order."""
        first = bisect_left(self._order, start)
        last = len(self._order) if stop is None else bisect_left(self._order, stop)
        positions = range(last - 1, first - 1, -1) if reverse else range(first, last)
        for position in positions:
            key = self._order[position]
            yield key, self._values[key]

    def close(self) -> None:
        """Release the view."""


class MemoryDatabase:
    """A sorted map in memory that keeps the contract of `Database`."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._order: list[bytes] = []
        self._shared = False
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """Return the value stored under this key, or None."""
        self._demand_open()
        return self._values.get(key)

    def scan(
        self, start: bytes, stop: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield pairs with start <= key < stop in key order, as they are at this moment."""
        return self.snapshot().scan(start, stop, reverse)

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the whole batch; None deletes a key."""
        self._demand_open()
        if self._shared:
            self._values, self._order, self._shared = self._values.copy(), self._order[:], False
        values, order = self._values, self._order
        added = [key for key, value in batch.items() if value is not None and key not in values]
        for key, value in batch.items():
            if value is not None:
                values[key] = value
            elif values.pop(key, None) is not None:
                del order[bisect_left(order, key)]
        if len(added) * SORT_ANEW > len(order):
            order += added
            order.sort()
        else:
            for key in added:
                insort(order, key)

    def snapshot(self) -> MemorySnapshot:
        """Freeze the present contents for reading."""
        self._demand_open()
        self._shared = True
        return MemorySnapshot(self._values, self._order)

    def close(self) -> None:
        """Refuse further use."""
        self._closed = True

    def _demand_open(self) -> None:
        if self._closed:
            raise StoreFailed("the database was closed; open it again before use")
