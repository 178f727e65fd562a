"""A process may end before or after any write: what is found then is one of the two, whole.

The write of a block is the only step on which anything depends, so the points at which a process
can end are few: each is tried. A restart goes on from there and ends where nobody was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from gongshe.chain.heads import UnknownParent
from gongshe.chain.importer import AlreadyKnown
from gongshe.chain.pool import Pool
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.store import ChainStore
from gongshe.node.conductor import Conduct, Conductor
from gongshe.node.messages import BlockOffered, SlotStarted
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.executive import Runtime, assembly_for
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.versions import VERSION_1
from gongshe.storage.database import StoreFailed
from gongshe.storage.memory import MemoryDatabase
from tests.chains import (
    ALICE,
    BOB,
    DAVE,
    EVE,
    FIRST_SLOT,
    SLOT_MS,
    Drawing,
    Site,
    Wish,
    check_whole,
    contents,
    facts,
    never,
    transfer,
)

BOTH = {1: VERSION_1, 2: Assembly(2, VERSION_1.pallets, VERSION_1.apis)}
UPGRADE = Wish(
    ALICE,
    VERSION_1.call("Sudo", "sudo", VERSION_1.call("Upgrades", "schedule_upgrade", 2, 4)),
)


class Killed(BaseException):
    """The process is gone; nothing may catch this."""


class Mortal(MemoryDatabase):
    """Ends the process before or after its n-th write, and keeps what was there at each."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.dies_at: int | None = None
        self.dies_after = False
        self.seen: list[dict[bytes, bytes]] = []

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the batch, unless the process ends before."""
        self.writes += 1
        dying = self.writes == self.dies_at
        if dying and not self.dies_after:
            raise Killed
        super().write(batch)
        if dying:
            raise Killed
        self.seen.append(contents(self))


def mortal(drawing: Drawing, dies_at: int | None = None, *, dies_after: bool = False) -> Mortal:
    """A founded database; its founding does not count."""
    database = Mortal()
    database.write(drawing.genesis.founding(256))
    database.writes, database.dies_at, database.dies_after = 0, dies_at, dies_after
    return database


def copied(found: Mapping[bytes, bytes]) -> MemoryDatabase:
    database = MemoryDatabase()
    database.write(found)
    return database


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    """Empty blocks, full ones, an upgrade, forks that lose."""
    return Drawing(BOTH).draw(
        "0 a1 a2 a3 a4 a5",
        "a1 b2 b3 b4",
        "0 c1 c2",
        a2=[UPGRADE],
        a3=[transfer(DAVE, EVE, 10**10 + n) for n in range(150)],
        a5=[transfer(EVE, BOB, 10**9)],
        b2=[transfer(ALICE, BOB)],
    )


STEPS = (
    "a1", "c1", "b2", "a2", "c2", "b3", "b4", "!a1", "a3", "a4", "!a2", "a5", "!a4", "!a5",
)  # fmt: skip
"""Blocks are taken, `!` makes one final. b4 is best for a while, then the a's return."""


def take_steps(site: Site) -> None:
    """Take every step; those taken before the restart change nothing."""
    for step in STEPS:
        if step.startswith("!"):
            site.finalize(step[1:])
            continue
        try:
            site.take(step)
        except (AlreadyKnown, UnknownParent):  # or on a fork that is abandoned by now
            continue


POINTS = [(number, after) for number in range(1, len(STEPS) + 1) for after in (False, True)]


@pytest.mark.parametrize(("number", "after"), POINTS)
def test_a_killed_import_goes_on_and_ends_where_it_would_have(
    drawing: Drawing, number: int, after: bool
) -> None:
    whole = mortal(drawing)
    take_steps(Site(drawing, whole))
    assert whole.writes == len(STEPS)

    database = mortal(drawing, number, dies_after=after)
    with pytest.raises(Killed):
        take_steps(Site(drawing, database))
    found = contents(database)
    assert found == whole.seen[number if after else number - 1]

    again = Site(drawing, copied(found))
    check_whole(again)
    take_steps(again)
    check_whole(again)
    assert again.contents() == contents(whole)


def author(store: ChainStore) -> Conductor:
    keys = {key.public: key.sign for key in (ALICE, BOB)}
    return Conductor(store, BOTH, InlineVerifier(), Pool(), keys, Conduct(finalize_own=True), never)


@pytest.mark.parametrize(("number", "after"), POINTS[:12])
def test_a_killed_author_finds_its_chain_or_one_block_less(
    drawing: Drawing, number: int, after: bool
) -> None:
    database = mortal(drawing, number, dies_after=after)
    node = author(ChainStore.open(database))
    heads = [node.store.heads]

    def live() -> None:
        for slot in range(FIRST_SLOT, FIRST_SLOT + 40, 2):
            node.handle(SlotStarted(slot, slot * SLOT_MS))
            heads.append(node.store.heads)

    with pytest.raises(Killed):
        live()
    reopened = ChainStore.open(copied(contents(database)))
    assert reopened.heads.best.number == number - 1 + after
    assert reopened.heads.finalized.number == max(reopened.heads.best.number - 1, 0)
    if not after:
        assert reopened.heads.best == heads[-1].best
    state = reopened.states.at(reopened.heads.best.block_hash)
    assembly = assembly_for(BOTH, state, reopened.heads.best.number + 1)
    Runtime(assembly, Overlay(state)).check_invariants()
    later = FIRST_SLOT + 100
    effects = author(reopened).handle(SlotStarted(later, later * SLOT_MS))
    assert effects
    assert reopened.heads.best.number == number + after


class Failing(MemoryDatabase):
    """Fails at a write as LevelDB does when the disk is full, and counts who goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.after_failure = 0

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the batch while there is room."""
        if self.left is not None:
            if self.left <= 0:
                self.after_failure += self.left < 0
                self.left -= 1
                raise StoreFailed("the disk is full")
            self.left -= 1
        super().write(batch)


@pytest.mark.parametrize("room", range(6))
@pytest.mark.parametrize("name", ["import", "author", "finalize"])
def test_a_failed_write_goes_up_and_memory_is_not_ahead_of_the_disk(
    drawing: Drawing, room: int, name: str
) -> None:
    database = Failing()
    database.write(drawing.genesis.founding(256))
    site = Site(drawing, database)
    node = author(site.store)
    database.left = room
    doing: dict[str, Callable[[], object]] = {
        "import": lambda: [
            node.handle(BlockOffered(drawing[each], drawing.next_slot * SLOT_MS))
            for each in ("a1", "a2", "b2", "b3", "a3", "b4")
        ],
        "author": lambda: [
            node.handle(SlotStarted(slot, slot * SLOT_MS))
            for slot in range(FIRST_SLOT, FIRST_SLOT + 40, 2)
        ],
        "finalize": lambda: take_steps(site),
    }
    with pytest.raises(StoreFailed):
        doing[name]()
    assert database.after_failure == 0
    assert facts(site.store) == facts(ChainStore.open(copied(contents(database))))
