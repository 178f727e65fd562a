"""The chain at rest: every step leaves memory, database and a restart in agreement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gongshe.chain import heads as heads_room
from gongshe.chain.heads import TreeFull, UnknownParent
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.store import ChainStore, NewBlock
from gongshe.chain.transition import Verified, check_header, execute, sealed_block
from gongshe.storage.database import StoreDamaged
from gongshe.storage.keyspace import BEST, BODY, FINALIZED, HEADER
from gongshe.storage.marker import create_store, open_store
from tests.chains import ALICE, BOB, DAVE, EVE, Drawing, Site, check_whole, contents, transfer

FORKS = ("0 a1 a2 a3", "a1 b2 b3 b4", "0 c1 c2")


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing().draw(
        *FORKS,
        a2=[transfer(ALICE, BOB)],
        a3=[transfer(DAVE, EVE, 10**10)],
        b2=[transfer(ALICE, EVE, 10**10), transfer(ALICE, BOB)],
        b4=[transfer(DAVE, BOB)],
        c1=[transfer(BOB, ALICE)],
    )


def new_block(site: Site, name: str) -> NewBlock:
    """A block as the importer hands it to the store."""
    block = site.drawing[name]
    parent = site.store.heads.head(block.header.parent_hash)
    slot = check_header(site.store, site.drawing.assemblies, parent, block.header)
    executed = execute(site.store, site.drawing.assemblies, block, InlineVerifier(), Verified())
    return sealed_block(block.header, slot, executed)


def test_each_block_joins_its_fork_and_the_best_chain_follows(drawing: Drawing) -> None:
    site = Site(drawing)
    best = []
    for name in ("a1", "c1", "b2", "a2", "c2", "a3", "b3", "b4"):
        applied = site.take(name)
        assert applied.inserted is not None
        assert drawing.name(applied.inserted.block_hash) == name
        best.append(site.best)
        check_whole(site)
    # a1 and c1: the earlier slot. b2 came before a2, which has the earlier slot and takes over.
    assert best == ["a1", "a1", "b2", "a2", "a2", "a3", "a3", "b4"]
    assert site.canonical == ["0", "a1", "b2", "b3", "b4"]
    assert site.final == "0"


def test_a_reorganization_says_what_left_and_what_joined(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "a3", "b2", "b3")
    assert site.take("c1").route is None
    route = site.take("b4").route
    assert route is not None
    assert drawing.names(route.retracted) == ["a2", "a3"]
    assert drawing.names(route.enacted) == ["b2", "b3", "b4"]


@pytest.mark.parametrize(
    ("final", "finalized", "abandoned", "best", "route"),
    [
        ("a1", ["a1"], ["c1", "c2"], "b4", None),
        ("b3", ["a1", "b2", "b3"], ["c1", "c2", "a2", "a3"], "b4", None),
        ("a2", ["a1", "a2"], ["c1", "c2", "b2", "b3", "b4"], "a3", (3, 2)),
        ("a3", ["a1", "a2", "a3"], ["c1", "c2", "b2", "b3", "b4"], "a3", (3, 2)),
        ("c1", ["c1"], ["a1", "a2", "b2", "a3", "b3", "b4"], "c2", (4, 2)),
    ],
)
def test_finality_on_any_fork_leaves_a_whole_chain(
    drawing: Drawing,
    final: str,
    finalized: list[str],
    abandoned: list[str],
    best: str,
    route: tuple[int, int] | None,
) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "a3", "b2", "b3", "b4", "c1", "c2")
    applied = site.finalize(final)
    assert applied is not None
    assert applied.inserted is None
    assert drawing.names(applied.finalized) == finalized
    assert sorted(drawing.names(applied.abandoned)) == sorted(abandoned)
    found = applied.route
    assert (None if found is None else (len(found.retracted), len(found.enacted))) == route
    assert (site.final, site.best) == (final, best)
    check_whole(site)
    for name in finalized:
        assert site.free(name, ALICE) == Site(drawing, drawing.store.database).free(name, ALICE)


def test_a_block_may_become_final_as_it_is_inserted(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1")
    applied = site.take("a2", final=True)
    assert drawing.names(applied.finalized) == ["a1", "a2"]
    assert (site.final, site.best, site.waiting) == ("a2", "a2", [])
    check_whole(site)


def test_a_block_inserted_as_final_may_abandon_the_best_fork(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "b2", "b3", "b4")
    applied = site.take("a2", final=True)
    assert applied.route is not None
    assert drawing.names(applied.route.retracted) == ["b2", "b3", "b4"]
    assert drawing.names(applied.route.enacted) == ["a2"]
    assert drawing.names(applied.abandoned) == ["b2", "b3", "b4"]
    check_whole(site)


def test_an_ancestor_may_become_final_as_a_block_is_inserted(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "b2", "c1")
    applied = site.store.apply(
        insert=new_block(site, "a3"), finalize=drawing.hash("a2"), justification=b"voted"
    )
    assert drawing.names(applied.finalized) == ["a1", "a2"]
    assert (site.final, site.best, site.waiting) == ("a2", "a3", ["a3"])
    assert site.store.blocks.justification(drawing.hash("a2")) == b"voted"
    check_whole(site)


def test_a_block_that_the_same_write_would_abandon_is_refused(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "b2")
    before = site.contents()
    new = new_block(site, "b3")
    with pytest.raises(ValueError, match="abandon"):
        site.store.apply(insert=new, finalize=drawing.hash("a2"))
    assert site.contents() == before
    check_whole(site)


def test_a_block_is_not_inserted_twice(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1")
    new = new_block(site, "a2")
    site.store.apply(insert=new)
    before = site.contents()
    with pytest.raises(ValueError, match="new child"):
        site.store.apply(insert=new)
    assert site.contents() == before
    check_whole(site)


def test_blocks_of_an_abandoned_fork_have_no_way_back(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "b2", "c1")
    site.finalize("a2")
    before = site.contents()
    for name in ("b2", "b3", "c1", "c2"):
        with pytest.raises(UnknownParent):
            site.take(name)
    assert site.contents() == before


def test_old_states_are_read_while_they_are_retained(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "a3")
    site.finalize("a3")
    assert [site.free(name, EVE) for name in ("0", "a1", "a2", "a3")] == [0, 0, 0, 10**10]


def test_a_full_tree_takes_no_block_and_opens_again(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads_room, "MAX_UNFINALIZED", 3)
    site = Site(drawing)
    site.take("a1", "a2", "b2")
    before = site.contents()
    with pytest.raises(TreeFull):
        site.take("a3")
    assert site.contents() == before
    check_whole(site)
    site.finalize("a2")
    site.take("a3")
    check_whole(site)


@pytest.mark.parametrize(
    "damage",
    [
        lambda site: {HEADER + site.drawing.hash("b2"): None},
        lambda site: {HEADER + site.drawing.hash("a3"): None},
        lambda site: {BODY + site.drawing.hash("a2"): None},
        lambda site: {BEST: None},
        lambda site: {FINALIZED: None},
        lambda site: {BEST: (3).to_bytes(4, "big") + site.drawing.hash("b3")},
        lambda site: {BEST: (2).to_bytes(4, "big") + site.drawing.hash("a2")},
        lambda site: {FINALIZED: (2).to_bytes(4, "big") + site.drawing.hash("b2")},
    ],
    ids=[
        "fork header",
        "header",
        "body",
        "no best",
        "no final",
        "another best",
        "lower best",
        "another final",
    ],
)
def test_a_database_that_contradicts_itself_is_not_opened(
    drawing: Drawing, damage: Callable[[Site], dict[bytes, bytes | None]]
) -> None:
    site = Site(drawing)
    site.take("a1", "a2", "a3", "b2", "b3")
    site.finalize("a1")
    site.database.write(damage(site))
    with pytest.raises(StoreDamaged):
        ChainStore.open(site.database)


def test_leveldb_keeps_what_memory_keeps(drawing: Drawing, tmp_path: Path) -> None:
    place, genesis = tmp_path / "chain", drawing.genesis
    database = create_store(place, genesis.block_hash, genesis.founding(256))
    on_disk, in_memory = Site(drawing, database), Site(drawing)
    for site in (on_disk, in_memory):
        site.take("a1", "a2", "b2", "c1", "b3")
        site.finalize("b2")
        site.take("b4", final=True)
    assert contents(database) == in_memory.contents()
    database.close()
    reopened = Site(drawing, open_store(place, genesis.block_hash))
    check_whole(reopened)
    assert (reopened.best, reopened.final) == ("b4", "b4")
