"""The tree of blocks above the last finalized one, its best head, and the ways between heads."""

from __future__ import annotations

from gongshe.consensus.fork_choice import Head, is_better
from gongshe.primitives.records import Record

MAX_UNFINALIZED = 4_096
"""Blocks kept above the finalized one: over three hours of slots without finality."""


class TreeFull(Exception):
    """Too many blocks wait for finality; nothing more is taken until some become final."""

    def __init__(self) -> None:
        super().__init__(
            f"{MAX_UNFINALIZED} blocks wait for finality already; no more are imported until"
            " validators finalize some"
        )


class UnknownParent(LookupError):
    """The parent of a block is not in the tree."""


class Route(Record):
    """The way from one head to another: blocks to leave and blocks to join, both ascending."""

    retracted: tuple[bytes, ...]
    enacted: tuple[bytes, ...]


class Heads:
    """Blocks that may still become final, on all forks, with the finalized one as their root."""

    def __init__(self, finalized: Head) -> None:
        self.finalized = finalized
        self.best = finalized
        self._heads: dict[bytes, Head] = {finalized.block_hash: finalized}

    def copy(self) -> Heads:
        """Return a tree of its own with the same blocks."""
        copied = Heads(self.finalized)
        copied.best, copied._heads = self.best, self._heads
        return copied

    def __contains__(self, block_hash: bytes) -> bool:
        return block_hash in self._heads

    def __len__(self) -> int:
        return len(self._heads)

    def head(self, block_hash: bytes) -> Head:
        """Return a block of the tree; UnknownParent if it is not there."""
        found = self._heads.get(block_hash)
        if found is None:
            raise UnknownParent(f"block 0x{block_hash.hex()} is not above the finalized one")
        return found

    def check_room(self) -> None:
        """Raise TreeFull if no further block may be added."""
        if self.is_full:
            raise TreeFull

    @property
    def is_full(self) -> bool:
        """Whether no further block may be added."""
        return len(self._heads) > MAX_UNFINALIZED

    def would_be_best(self, head: Head) -> bool:
        """Tell whether this block would become the best head."""
        return is_better(head, self.best)

    def add(self, head: Head) -> None:
        """Add a child of a block of the tree."""
        self.check_room()
        self.head(head.parent)
        heads = dict(self._heads)  # readers in other threads keep the old one
        heads[head.block_hash] = head
        self._heads = heads
        if is_better(head, self.best):
            self.best = head

    def unfinalized(self) -> list[Head]:
        """Return all blocks above the finalized one, parents before children."""
        heads = self._heads
        root = self.finalized.block_hash
        return sorted(
            (head for head in heads.values() if head.block_hash != root),
            key=lambda head: (head.number, head.block_hash),
        )

    def route(self, start: Head, end: Head) -> Route:
        """Return the way from one block of the tree to another."""
        retracted, enacted = [], []
        while start.block_hash != end.block_hash:
            if start.number >= end.number:
                retracted.append(start.block_hash)
                start = self.head(start.parent)
            else:
                enacted.append(end.block_hash)
                end = self.head(end.parent)
        return Route(tuple(reversed(retracted)), tuple(reversed(enacted)))

    def chain_to(self, block_hash: bytes) -> list[Head]:
        """Return the blocks above the finalized one up to this one, ascending."""
        chain = []
        head = self.head(block_hash)
        while head.block_hash != self.finalized.block_hash:
            chain.append(head)
            head = self.head(head.parent)
        return chain[::-1]

    def abandoned_by(self, block_hash: bytes) -> list[Head]:
        """Return the blocks that can no longer become final once this one is."""
        final = {head.block_hash for head in self.chain_to(block_hash)}
        kept = {block_hash}
        abandoned = []
        for head in self.unfinalized():
            if head.block_hash in final:
                continue
            if head.parent in kept:
                kept.add(head.block_hash)
            else:
                abandoned.append(head)
        return abandoned

    def finalize(self, block_hash: bytes) -> None:
        """Make a block of the tree its root; blocks that do not descend from it go."""
        root = self.head(block_hash)
        kept = {block_hash: root}
        for head in self.unfinalized():
            if head.parent in kept:
                kept[head.block_hash] = head
        self._heads, self.finalized = kept, root
        if self.best.block_hash not in kept:
            self.best = root
            for head in kept.values():
                if is_better(head, self.best):
                    self.best = head
