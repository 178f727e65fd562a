"""States: what a failed write, a deep chain, another thread or an old view must not break."""

import threading
from collections.abc import Mapping

import pytest

from gongshe.storage.database import StoreDamaged, StoreFailed
from gongshe.storage.flat import ViewExpired
from gongshe.storage.founding import found_states
from gongshe.storage.keyspace import LAYER, end_of
from gongshe.storage.layers import Segment, Stack, changes_between, stack_over
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.proofs import verify_proof
from gongshe.storage.records import pack_record
from gongshe.storage.states import (
    Insertion,
    StateDiscarded,
    States,
    StateUnknown,
)
from gongshe.storage.status import ARCHIVE
from gongshe.storage.trie import trie_root
from gongshe.storage.views import ProofUnavailable

GENESIS = bytes(32)


class FailingDatabase(MemoryDatabase):
    """Fails at its n-th write and refuses everything after, as a disk that is full does."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.writes = writes

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the batch unless this is the write that fails."""
        self.writes -= 1
        if self.writes < 0:
            raise StoreFailed("the disk is full; stop the process")
        super().write(batch)


def name(number: int, fork: str = "") -> bytes:
    return (f"{number}{fork}".encode()).ljust(32, b".")


def founded(
    pairs: dict[bytes, bytes] | None = None, retained: int = 256
) -> tuple[MemoryDatabase, States]:
    database = MemoryDatabase()
    pairs = {b"a": b"0"} if pairs is None else pairs
    database.write(found_states(pairs.items(), retained).batch_for(GENESIS))
    return database, States.open(database)


def grow(
    database: MemoryDatabase,
    states: States,
    number: int,
    changes: dict[bytes, bytes | None],
    *,
    parent: bytes | None = None,
    fork: str = "",
    final: bool = False,
) -> bytes:
    if parent is None:
        parent = name(number - 1) if number > 1 else GENESIS
    prepared = states.prepare(parent, changes)
    block = name(number, fork)
    insertion = Insertion(block, number, prepared)
    change = states.change(insert=insertion, finalize=block if final else None)
    database.write(change.batch)
    states.commit(change)
    return block


def finalize(database: MemoryDatabase, states: States, block: bytes) -> tuple[bytes, ...]:
    change = states.change(finalize=block)
    database.write(change.batch)
    states.commit(change)
    return change.dropped


@pytest.mark.parametrize("writes", range(1, 12))
def test_a_crash_at_any_write_leaves_whole_blocks_on_the_disk(writes: int) -> None:
    database = FailingDatabase(writes)
    database.write(found_states([(b"a", b"0")], 2).batch_for(GENESIS))
    states = States.open(database)
    model = {GENESIS: {b"a": b"0"}}
    done = [GENESIS]
    try:
        for number in range(1, 7):
            after = model[done[-1]] | {b"a": b"%d" % number, b"k%d" % number: b"v" * 40}
            model[name(number)] = after
            done.append(grow(database, states, number, dict(after), parent=done[-1]))
            if number % 2 == 0:
                finalize(database, states, name(number - 1))
    except StoreFailed:
        assert states.status.block_hash in done
    database.writes = 1000
    reopened = States.open(database)
    assert (reopened.status, reopened.unfinalized()) == (states.status, states.unfinalized())
    for block in [states.status.block_hash, *[block for _, block in states.unfinalized()]]:
        view = reopened.at(block)
        assert dict(view.pairs(b"")) == model[block]
        assert reopened.root(block) == trie_root(model[block].items())


def test_without_commit_nothing_happened() -> None:
    database, states = founded()
    prepared = states.prepare(GENESIS, {b"a": b"1"})
    states.change(insert=Insertion(name(1), 1, prepared), finalize=name(1))
    assert states.status.number == 0
    assert states.at(GENESIS).get(b"a") == b"0"
    assert states.executing(GENESIS).get(b"a") == b"0"
    with pytest.raises(StateUnknown):
        states.at(name(1))
    assert dict(States.open(database).at(GENESIS).pairs(b"")) == {b"a": b"0"}


def test_a_block_finalized_at_once_never_sees_the_journal() -> None:
    database, states = founded()
    prepared = states.prepare(GENESIS, {b"a": b"1"})
    change = states.change(insert=Insertion(name(1), 1, prepared), finalize=name(1))
    assert not [key for key in change.batch if key.startswith(LAYER)]
    database.write(change.batch)
    states.commit(change)
    assert list(database.scan(LAYER, end_of(LAYER))) == []


def test_a_change_that_changes_nothing_keeps_the_root() -> None:
    _, states = founded()
    prepared = states.prepare(GENESIS, {b"a": b"0", b"absent": None})
    assert prepared.values == {}
    assert prepared.root == states.root(GENESIS)


def test_finalizing_drops_the_other_forks_and_discarding_their_descendants() -> None:
    database, states = founded()
    grow(database, states, 1, {b"a": b"1"})
    grow(database, states, 2, {b"a": b"2"})
    fork = grow(database, states, 1, {b"a": b"other"}, fork="f")
    grow(database, states, 2, {b"b": b"other"}, parent=fork, fork="f")
    aside = grow(database, states, 3, {b"a": b"3"}, parent=name(2), fork="g")
    change = states.change(discard=[name(2)])
    assert set(change.dropped) == {name(2), aside}
    assert set(finalize(database, states, name(1))) == {name(1, "f"), name(2, "f")}
    assert states.unfinalized() == [(2, name(2)), (3, aside)]
    with pytest.raises(StateUnknown, match="abandoned"):
        states.at(fork)
    assert {key[1:] for key, _ in database.scan(LAYER, end_of(LAYER))} == {name(2), aside}


def test_pruned_states_say_what_is_kept() -> None:
    database, states = founded(retained=3)
    for number in range(1, 9):
        grow(database, states, number, {b"a": b"%d" % number}, final=True)
    with pytest.raises(StateDiscarded, match="oldest kept is that of block 5") as refused:
        states.at(name(4))
    assert (refused.value.number, refused.value.oldest) == (4, 5)
    assert states.at(name(5)).get(b"a") == b"5"


def test_an_archive_reads_everything_and_proves_what_is_recent() -> None:
    database, states = founded(retained=ARCHIVE)
    model = {0: {b"a": b"0"}}
    for number in range(1, 300):
        changes: dict[bytes, bytes | None] = {b"a": b"%d" % number, b"k%d" % (number % 7): None}
        changes[b"k%d" % (number % 5)] = b"x" * number
        model[number] = {
            key: value for key, value in (model[number - 1] | changes).items() if value is not None
        }
        grow(database, states, number, changes, final=True)
    for number in (1, 2, 42, 43, 44, 150, 298, 299):
        view = states.at(name(number))
        assert dict(view.pairs(b"")) == model[number]
        if number >= 43:
            root = trie_root(model[number].items())
            assert verify_proof(root, view.prove([b"a"]), [b"a"]) == {b"a": b"%d" % number}
    with pytest.raises(ProofUnavailable, match="from block 43 on"):
        states.prove(name(42), [b"a"])
    states.retain(10)
    with pytest.raises(StateDiscarded):
        states.at(name(288))
    assert dict(states.at(name(289)).pairs(b"")) == model[289]


def test_a_deep_unfinalized_chain_stays_shallow_to_read() -> None:
    database, states = founded({b"a": b"0", b"rest": b"r"})
    for number in range(1, 600):
        grow(database, states, number, {b"a": b"%d" % number, b"k%03d" % number: b"v"})
    view = states.at(name(599))
    assert view.get(b"k001") == b"v"
    assert view.get(b"rest") == b"r"
    assert len(list(view.pairs(b""))) == 601
    assert states.at(name(300)).get(b"a") == b"300"
    layer = states._layers[name(599)]
    assert len(layer.stack) <= 15 + 15 + 3
    reopened = States.open(database)
    assert reopened.root(name(599)) == states.root(name(599))
    finalize(database, reopened, name(450))
    grow(database, reopened, 600, {b"b": b"1"})
    finalize(database, reopened, name(600))
    assert dict(reopened.at(name(600)).pairs(b"")) == dict(view.pairs(b"")) | {b"b": b"1"}
    assert reopened.at(name(500)).get(b"a") == b"500"


def test_stacks_give_the_newest_value_in_order() -> None:
    stack: Stack = ()
    model: dict[bytes, bytes | None] = {}
    for number in range(1, 70):
        values: dict[bytes, bytes | None] = {
            b"%d" % (number % 11): None if number % 5 == 0 else b"%d" % number
        }
        model |= values
        stack = stack_over(stack, Segment(number, 1, values, {}), 0)
        assert sum(segment.span for segment in stack) == number
    assert list(changes_between(stack, b"", None)) == sorted(model.items())
    assert list(changes_between(stack, b"3", b"5")) == [
        pair for pair in sorted(model.items()) if b"3" <= pair[0] < b"5"
    ]


def test_a_view_for_execution_expires_when_the_chain_moves_on() -> None:
    database, states = founded({b"a": b"0", b"b": b"0"})
    view = states.executing(GENESIS)
    assert view.get(b"a") == b"0"
    grow(database, states, 1, {b"a": b"1"}, final=True)
    for use in (lambda: view.get(b"a"), lambda: view.get(b"b"), lambda: list(view.pairs(b""))):
        with pytest.raises(ViewExpired):
            use()
    assert states.executing(name(1)).get(b"a") == b"1"


def test_views_are_read_by_other_threads_while_blocks_are_finalized() -> None:
    pairs = {b"%03d" % number: b"0" for number in range(50)}
    database, states = founded(pairs, retained=8)
    wrong: list[object] = []
    heads = [GENESIS]
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            try:
                view = states.at(heads[-1])
            except (StateUnknown, StateDiscarded):
                continue
            values = {value for _, value in view.pairs(b"")}
            if len(values) != 1 or view.get(b"007") not in values:
                wrong.append(values)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 120):
            changes: dict[bytes, bytes | None] = dict.fromkeys(pairs, b"%d" % number)
            heads.append(grow(database, states, number, changes, parent=heads[-1]))
            if number > 3:
                finalize(database, states, heads[number - 3])
    finally:
        finished.set()
        for reader in readers:
            reader.join()
    assert not wrong


def test_a_journal_that_leads_elsewhere_is_refused() -> None:
    database, states = founded()
    grow(database, states, 1, {b"a": b"1"})
    database.write({LAYER + name(1): pack_record(GENESIS, 1, bytes(32), [b"a"], [b"1"])})
    with pytest.raises(StoreDamaged, match="state root"):
        States.open(database)
    database.write({LAYER + name(1): b"\xc1"})
    with pytest.raises(StoreDamaged, match="cannot be read"):
        States.open(database)
    with pytest.raises(StoreDamaged, match="create the chain"):
        States.open(MemoryDatabase())


def test_blocks_out_of_place_are_refused() -> None:
    database, states = founded()
    prepared = states.prepare(GENESIS, {b"a": b"1"})
    with pytest.raises(ValueError, match="child of block 0"):
        states.change(insert=Insertion(name(2), 2, prepared))
    grow(database, states, 1, {b"a": b"1"}, final=True)
    with pytest.raises(StateUnknown):
        states.change(insert=Insertion(name(1, "late"), 1, prepared))
    with pytest.raises(StateUnknown):
        states.change(finalize=name(7))
    with pytest.raises(StateUnknown):
        states.prepare(GENESIS, {})
