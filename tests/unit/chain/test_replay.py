"""Blocks executed again, on whatever state is still kept."""

from __future__ import annotations

import pytest

from gongshe.chain.replay import execute_again, replay
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.transition import InvalidBlock
from gongshe.storage import status
from gongshe.storage.database import Database
from gongshe.storage.keyspace import BODY
from gongshe.storage.states import StateDiscarded
from tests.chains import ALICE, BOB, Drawing, Site, transfer

NAMES = ("a1", "a2", "a3", "a4", "a5", "b4")


def lived() -> tuple[Drawing, Site]:
    """A chain with transfers in each block, final up to a3, with a fork above."""
    drawing = Drawing().draw(
        "0 a1 a2 a3 a4 a5",
        "a3 b4",
        **{name: [transfer(ALICE, BOB, 1_000_000 + place)] for place, name in enumerate(NAMES)},
    )
    site = Site(drawing)
    site.take(*NAMES)
    site.finalize("a3")
    return drawing, site


def check(database: Database, drawing: Drawing, names: tuple[str, ...]) -> None:
    store = replay(database)
    for name in names:
        again = execute_again(store, drawing.assemblies, drawing.hash(name), InlineVerifier())
        assert again.prepared.root == drawing[name].header.state_root
        assert len(again.extrinsics) == 2
        assert (
            again.prepared.values
            == drawing.store.states.prepare(
                drawing[name].header.parent_hash, again.outcome.changes
            ).values
        )


def test_final_blocks_forks_and_heads_are_executed_again() -> None:
    drawing, site = lived()
    before = site.contents()
    check(site.store.database, drawing, NAMES)
    assert site.contents() == before


def test_where_branches_are_no_longer_kept_the_trie_is_built_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "RETAINED_TRIES", 1)
    drawing, site = lived()
    site.finalize("a5")
    assert site.store.states.status.oldest_trie > 1
    check(site.store.database, drawing, NAMES[:5])


def test_a_block_that_was_tampered_with_is_found_out() -> None:
    drawing, site = lived()
    database = site.store.database
    others = database.get(BODY + drawing.hash("a2"))
    database.write({BODY + drawing.hash("a1"): others})
    with pytest.raises(InvalidBlock, match="extrinsics root"):
        execute_again(replay(database), drawing.assemblies, drawing.hash("a1"), InlineVerifier())


def test_what_is_not_kept_cannot_be_executed() -> None:
    drawing, site = lived()
    site.store.states.retain(1)
    store, rules = replay(site.store.database), drawing.assemblies
    site.finalize("a5")
    for missing in (bytes(32), drawing.hash("0")):
        with pytest.raises(LookupError):
            execute_again(store, rules, missing, InlineVerifier())
    with pytest.raises(StateDiscarded):
        execute_again(replay(site.store.database), rules, drawing.hash("a1"), InlineVerifier())
