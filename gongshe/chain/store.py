"""The chain at rest and its tree of heads, changed together by one atomic write.

`ChainStore.apply` is the only place where blocks and states are written: it inserts a block,
makes one final, or both, in one synced batch; memory follows only once the disk has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gongshe.chain.heads import Heads, Route
from gongshe.consensus.fork_choice import Head
from gongshe.consensus.slots import claimed_slot
from gongshe.primitives.header import Header
from gongshe.primitives.records import Record
from gongshe.storage.blocks import Blocks, StoredHeader
from gongshe.storage.database import ADVICE, Database, StoreDamaged
from gongshe.storage.inspection import inspect
from gongshe.storage.states import Insertion, PreparedState, States

BEFORE_SLOTS = -1
"""The slot of the genesis block, before any other."""


class NewBlock(Record, eq=False):
    """A block that passed every check, ready to be kept."""

    header: Header
    block_hash: bytes
    slot: int
    extrinsics: Sequence[bytes]
    extrinsic_hashes: Sequence[bytes]
    prepared: PreparedState


class Applied(Record):
    """What one write changed."""

    inserted: Head | None
    route: Route | None
    """How the best chain changed, if it did."""
    best: Head
    finalized: tuple[bytes, ...]
    """Newly final blocks, ascending."""
    abandoned: tuple[bytes, ...]
    """Blocks on forks that can no longer become final."""
    left: Mapping[bytes, Sequence[bytes]]
    """The bodies of the blocks that left the best chain; those that were abandoned are deleted."""


class ChainStore:
    """Blocks, states and the tree of heads of one chain."""

    def __init__(self, database: Database, blocks: Blocks, states: States, heads: Heads) -> None:
        self.database, self.blocks, self.states, self.heads = database, blocks, states, heads
        genesis = blocks.canonical(0)
        if genesis is None:
            raise StoreDamaged("the database has no genesis block: create the chain again")
        self.genesis_hash = genesis

    @classmethod
    def open(cls, database: Database) -> ChainStore:
        """Open a founded chain, after checking that its parts belong together."""
        blocks, states = Blocks(database), States.open(database)
        inspect(blocks, states)
        finalized = blocks.finalized()
        if finalized is None:
            raise StoreDamaged("the database has no finalized block")
        heads = Heads(_stored_head(blocks, finalized.block_hash))
        for _, block_hash in states.unfinalized():
            heads.add(_stored_head(blocks, block_hash))
        if blocks.best() != (heads.best.number, heads.best.block_hash):
            raise StoreDamaged(
                f"block {heads.best.number} (0x{heads.best.block_hash.hex()}) is the best of those"
                f" that are kept, and another is noted as the best one. {ADVICE}"
            )
        return cls(database, blocks, states, heads)

    def header(self, block_hash: bytes) -> Header | None:
        """Return the header of a known block."""
        raw = self.blocks.header(block_hash)
        return None if raw is None else Header.decode(raw)

    def apply(
        self,
        *,
        insert: NewBlock | None = None,
        finalize: bytes | None = None,
        justification: bytes | None = None,
    ) -> Applied:
        """Insert a block, make a block final, or both; StoreFailed is the end of this process."""
        heads, former = self.heads, self.heads.best
        batch: dict[bytes, bytes | None] = {}
        inserted: Head | None = None
        if insert is not None:
            heads.check_room()
            inserted = _head(insert)
            batch |= self._put(insert, inserted)
        change = self.states.change(insert=_insertion(insert), finalize=finalize)
        tree = heads.copy()
        if inserted is not None:
            tree.add(inserted)
        final: tuple[bytes, ...] = ()
        abandoned: tuple[bytes, ...] = ()
        if finalize is not None:
            chain = tree.chain_to(finalize)
            final = tuple(head.block_hash for head in chain)
            abandoned = tuple(head.block_hash for head in tree.abandoned_by(finalize))
            if inserted is not None and inserted.block_hash in abandoned:
                raise ValueError("a block was to be inserted that the same write would abandon")
            batch |= self.blocks.set_finalized(finalize, tree.head(finalize).number)
            if abandoned:
                batch |= self.blocks.drop(abandoned)
            if justification is not None:
                batch |= self.blocks.put_justification(finalize, justification)
        before = tree.copy()
        if finalize is not None:
            tree.finalize(finalize)
        route = before.route(former, tree.best) if tree.best != former else None
        if route is not None:
            batch |= self.blocks.set_best(tree.best.block_hash, tree.best.number, tree.best.parent)
        retracted = route.retracted if route else ()
        left = {block_hash: self.blocks.body(block_hash) or () for block_hash in retracted}
        self.database.write(batch | change.batch)
        self.states.commit(change)
        self.heads = tree
        return Applied(inserted, route, tree.best, final, abandoned, left)

    def _put(self, block: NewBlock, head: Head) -> dict[bytes, bytes | None]:
        stored = StoredHeader(head.number, head.parent, block.header.encode())
        return self.blocks.put(block.block_hash, stored, block.extrinsics, block.extrinsic_hashes)


def _head(block: NewBlock) -> Head:
    header = block.header
    return Head(block.block_hash, header.number, header.parent_hash, block.slot)


def _insertion(block: NewBlock | None) -> Insertion | None:
    if block is None:
        return None
    return Insertion(block.block_hash, block.header.number, block.prepared)


def _stored_head(blocks: Blocks, block_hash: bytes) -> Head:
    raw = blocks.header(block_hash)
    if raw is None:
        raise StoreDamaged(f"the header of block 0x{block_hash.hex()} is missing")
    header = Header.decode(raw)
    slot = claimed_slot(header) if header.number else BEFORE_SLOTS
    return Head(block_hash, header.number, header.parent_hash, slot)
