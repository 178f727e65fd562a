"""States with forks, finality, pruning and restarts, against plain dictionaries."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gongshe.storage import layers, status
from gongshe.storage.database import Database
from gongshe.storage.founding import found_states
from gongshe.storage.leveldb import LevelDatabase
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.proofs import verify_proof, verify_range
from gongshe.storage.states import (
    Insertion,
    PreparedState,
    StateDiscarded,
    States,
    StateUnknown,
)
from gongshe.storage.status import ARCHIVE
from gongshe.storage.trie import trie_root

KEYS = st.one_of(
    st.sampled_from(
        [b"", b"\x00", b"\x00\x00", b"a", b"a\x00", b"a\xff", b"ab", b"\xff", b"\xff\xff"]
    ),
    st.binary(max_size=3),
    st.binary(min_size=2, max_size=2).map(lambda end: b"p" * 20 + end),
)
VALUES = st.one_of(st.binary(max_size=3), st.binary(min_size=31, max_size=40))
CHANGES = st.dictionaries(KEYS, st.one_of(st.none(), VALUES), max_size=8)


class Chain(RuleBasedStateMachine):
    """A tree of blocks whose states are also kept as dictionaries."""

    blocks = Bundle("blocks")

    def __init__(self) -> None:
        super().__init__()
        self.database = self.open_database()
        self.model: dict[bytes, dict[bytes, bytes]] = {}
        self.parents: dict[bytes, bytes] = {}
        self.numbers: dict[bytes, int] = {}
        self.views: list[tuple[Any, dict[bytes, bytes]]] = []
        self.count = 0

    @initialize(
        target=blocks,
        pairs=st.dictionaries(KEYS, VALUES, max_size=8),
        retained=st.sampled_from([ARCHIVE, 1, 3]),
    )
    def found(self, pairs: dict[bytes, bytes], retained: int) -> bytes:
        founded = found_states(pairs.items(), retained)
        genesis = bytes(32)
        self.database.write(founded.batch_for(genesis))
        self.states = States.open(self.database)
        self.model[genesis], self.numbers[genesis] = dict(pairs), 0
        assert founded.root == trie_root(pairs.items())
        return genesis

    def alive(self, block: bytes) -> bool:
        """Tell whether children can be built on this block."""
        known = {block_hash for _, block_hash in self.states.unfinalized()}
        return block in known or block == self.states.status.block_hash

    def prepare(self, parent: bytes, changes: dict[bytes, bytes | None]) -> PreparedState:
        prepared = self.states.prepare(parent, changes)
        after = dict(self.model[parent])
        for key, value in changes.items():
            after.pop(key, None)
            if value is not None:
                after[key] = value
        assert prepared.root == trie_root(after.items())
        self.count += 1
        block = self.count.to_bytes(32, "little")
        self.model[block], self.parents[block] = after, parent
        self.numbers[block] = self.numbers[parent] + 1
        return prepared

    @rule(target=blocks, parent=blocks, changes=CHANGES, at_once=st.booleans())
    def grow(self, parent: bytes, changes: dict[bytes, bytes | None], at_once: bool) -> bytes:
        if not self.alive(parent):
            with pytest.raises(StateUnknown):
                self.states.prepare(parent, changes)
            return parent
        prepared = self.prepare(parent, changes)
        block = self.count.to_bytes(32, "little")
        change = self.states.change(
            insert=Insertion(block, self.numbers[block], prepared),
            finalize=block if at_once else None,
        )
        self.database.write(change.batch)
        self.states.commit(change)
        return block

    @rule(block=blocks)
    def finalize(self, block: bytes) -> None:
        if not self.alive(block):
            return
        change = self.states.change(finalize=block)
        self.database.write(change.batch)
        self.states.commit(change)
        assert self.states.status.block_hash == block

    @rule(block=blocks)
    def discard(self, block: bytes) -> None:
        change = self.states.change(discard=[block])
        self.database.write(change.batch)
        self.states.commit(change)

    def open_database(self) -> Database:
        return MemoryDatabase()

    @rule()
    def reopen(self) -> None:
        self.reopen_states()

    def reopen_states(self) -> None:
        before = (self.states.status, self.states.unfinalized())
        self.states = States.open(self.database)
        assert before == (self.states.status, self.states.unfinalized())

    @rule(retained=st.sampled_from([ARCHIVE, 1, 2, 4]))
    def retain(self, retained: int) -> None:
        self.states.retain(retained)

    @rule(block=blocks)
    def hold_view(self, block: bytes) -> None:
        try:
            self.views.append((self.states.at(block), self.model[block]))
        except (StateUnknown, StateDiscarded):
            return

    @rule(block=blocks, start=KEYS, prefix=st.binary(max_size=1))
    def read(self, block: bytes, start: bytes, prefix: bytes) -> None:
        model = self.model[block]
        try:
            view = self.states.at(block)
        except (StateUnknown, StateDiscarded):
            assert not self.alive(block)
            return
        expected = sorted(
            (key, value) for key, value in model.items() if key.startswith(prefix) and key > start
        )
        assert list(view.pairs(prefix, start)) == expected
        assert list(view.keys(prefix)) == sorted(key for key in model if key.startswith(prefix))
        root = trie_root(model.items())
        assert self.states.root(block) == root
        if self.numbers[block] >= self.states.status.oldest_trie:
            assert verify_proof(root, view.prove([start]), [start]) == {start: model.get(start)}
            proof = view.prove_range(start, 64)
            read = verify_range(root, proof.nodes, start)
            assert read.pairs[: len(proof.pairs)] == proof.pairs
            assert (
                read.pairs == sorted(p for p in model.items() if p[0] >= start)[: len(read.pairs)]
            )
            assert read.complete >= proof.complete

    @invariant()
    def views_stay(self) -> None:
        for view, model in self.views[-3:]:
            assert list(view.pairs(b"")) == sorted(model.items())
            for key in model:
                assert view.get(key) == model[key]

    @precondition(lambda self: self.states.status.number > 0)
    @invariant()
    def retained_states_are_readable(self) -> None:
        status = self.states.status
        block = status.block_hash
        while self.numbers[block] > max(status.oldest, status.number - 4):
            block = self.parents[block]
        assert list(self.states.at(block).pairs(b"")) == sorted(self.model[block].items())


class DiskChain(Chain):
    """The same on a disk, closed and opened again in between."""

    def open_database(self) -> Database:
        self.place = tempfile.TemporaryDirectory()
        return LevelDatabase.create(Path(self.place.name) / "database")

    @rule()
    def reopen(self) -> None:
        self.views.clear()
        self.database.close()
        self.database = LevelDatabase.open(Path(self.place.name) / "database")
        super().reopen_states()

    def teardown(self) -> None:
        self.database.close()
        self.place.cleanup()


class TightChain(Chain):
    """The same with limits so small that merging, chunking and pruning happen all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(layers, "MERGE_WIDTH", 2)
        self.patch.setattr(status, "RETAINED_TRIES", 2)
        self.patch.setattr(status, "PRUNED_AHEAD", 1)
        self.patch.setattr("gongshe.storage.history.CHUNK_NODES", 2)
        self.patch.setattr("gongshe.storage.history.SWEEP_ENTRIES", 3)
        self.patch.setattr("gongshe.storage.flat.VALUE_CACHE_BYTES", 900)
        self.patch.setattr("gongshe.storage.flat.NODE_CACHE_BYTES", 900)

    def teardown(self) -> None:
        self.patch.undo()


TestChain = Chain.TestCase
TestChain.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestDiskChain = DiskChain.TestCase
TestDiskChain.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestTightChain = TightChain.TestCase
TestTightChain.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
