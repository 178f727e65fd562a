"""Unfinalized states as layers of changes, and short stacks of them however long the chain is.

Each layer carries its own changes and a stack of segments, newest first, that together hold all
changes since the finalized state. Every 16th block merges the 16 segments up to it into one, and
every 256th the 16 merged ones, so a stack of n layers has at most 15 + 15 + n / 256 segments.
Segments are never changed, so readers on other threads may hold them for as long as they like.
A segment may reach below the finalized block: what it says of such blocks is on the same chain
and so agrees with the flat state.
"""

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge

MERGE_WIDTH = 16
"""Segments merged into one: the base of the logarithm that bounds a stack."""


class Segment:
    """The changes of one block, or of several in a row, over the state below them."""

    __slots__ = ("_order", "nodes", "span", "top", "values")

    def __init__(
        self,
        top: int,
        span: int,
        values: dict[bytes, bytes | None],
        nodes: dict[str, bytes | None],
        order: list[bytes] | None = None,
    ) -> None:
        self.top = top
        self.span = span
        self.values = values
        self.nodes = nodes
        self._order = order

    @property
    def order(self) -> list[bytes]:
        """The changed keys, sorted."""
        order = self._order
        if order is None:
            order = self._order = sorted(self.values)
        return order

    def keys_between(
        self, start: bytes, stop: bytes | None, rank: int
    ) -> Iterator[tuple[bytes, int]]:
        """Yield changed keys with start <= key < stop in order, each with the given rank."""
        order = self.order
        for at in range(bisect_left(order, start), len(order)):
            key = order[at]
            if stop is not None and key >= stop:
                return
            yield key, rank


Stack = tuple[Segment, ...]
"""Segments from the newest to the oldest."""


def stack_over(parent: Stack, segment: Segment, finalized: int) -> Stack:
    """Return the stack of a block whose own changes are `segment`, over its parent's stack."""
    stack = (segment, *[below for below in parent if below.top > finalized])
    width = MERGE_WIDTH
    while segment.top % width == 0:
        run = 0
        covered = 0
        while run < len(stack) and covered < width:
            covered += stack[run].span
            run += 1
        if covered != width or run == 1:
            return stack
        stack = (_merged(stack[:run]), *stack[run:])
        width *= MERGE_WIDTH
    return stack


def changes_between(
    stack: Stack, start: bytes, stop: bytes | None
) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield each key that the stack changes in [start, stop), in order, with its newest value."""
    if not stack:
        return
    earlier = None
    for key, rank in merge(
        *[segment.keys_between(start, stop, rank) for rank, segment in enumerate(stack)]
    ):
        if key != earlier:
            earlier = key
            yield key, stack[rank].values[key]


def _merged(segments: Stack) -> Segment:
    values: dict[bytes, bytes | None] = {}
    nodes: dict[str, bytes | None] = {}
    for segment in reversed(segments):
        values.update(segment.values)
        nodes.update(segment.nodes)
    return Segment(segments[0].top, sum(segment.span for segment in segments), values, nodes)
