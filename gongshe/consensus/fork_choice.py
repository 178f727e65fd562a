"""Which of two heads is the better one: the longest chain, ties by the earlier slot, then the hash.

Source: consensus decision C4. Both heads must descend from the last finalized block; that is the
caller's to ensure.
"""

from __future__ import annotations

from gongshe.primitives.records import Record


class Head(Record):
    """A block as fork choice and the tree of heads see it."""

    block_hash: bytes
    number: int
    parent: bytes
    slot: int


def is_better(candidate: Head, incumbent: Head) -> bool:
    """Tell whether the candidate should replace the incumbent as head of the best chain."""
    return _rank(candidate) < _rank(incumbent)


def _rank(head: Head) -> tuple[int, int, bytes]:
    return (-head.number, head.slot, head.block_hash)
