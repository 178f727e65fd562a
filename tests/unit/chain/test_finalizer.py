"""Finality never moves back and never contradicts itself."""

from __future__ import annotations

import pytest

from gongshe.chain.finalizer import NotADescendant
from gongshe.primitives.crypto import blake2_256
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import SHIPPED
from tests.chains import ALICE, BOB, Drawing, Site, check_whole, transfer


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing().draw("0 a1 a2 a3", "a1 b2 b3 b4", "0 c1", a2=[transfer(ALICE, BOB)])


@pytest.fixture
def site(drawing: Drawing) -> Site:
    site = Site(drawing)
    site.take("a1", "a2", "a3", "b2", "b3", "c1")
    return site


def test_what_is_final_stays_final(site: Site) -> None:
    site.finalize("a2")
    before = site.contents()
    for again in ("a2", "a1", "0"):
        assert site.finalize(again) is None
    assert site.contents() == before
    assert site.final == "a2"


@pytest.mark.parametrize("contradiction", ["b2", "b3", "c1", "b4"])
def test_what_contradicts_it_is_refused_and_changes_nothing(site: Site, contradiction: str) -> None:
    site.finalize("a2")
    before = site.contents()
    with pytest.raises(NotADescendant, match="final block 2"):
        site.finalize(contradiction)
    assert site.contents() == before
    check_whole(site)


def test_a_block_that_is_not_here_yet_cannot_become_final(site: Site) -> None:
    with pytest.raises(NotADescendant):
        site.finalize("b4")
    site.take("b4")
    site.finalize("b4")
    assert (site.final, site.best) == ("b4", "b4")


def test_a_restart_still_refuses(site: Site) -> None:
    site.finalize("a2")
    again = site.reopened()
    assert again.finalize("a1") is None
    with pytest.raises(NotADescendant):
        again.finalize("b2")
    again.finalize("a3")
    check_whole(again)


def test_step_by_step_and_at_once_leave_the_same_bytes(drawing: Drawing) -> None:
    contents = []
    for steps in (["a1", "a2", "a3"], ["a3"], ["a2", "a3"]):
        site = Site(drawing)
        site.take("a1", "c1", "a2", "b2", "a3")
        for step in steps:
            site.finalize(step)
        contents.append(site.contents())
    assert contents[0] == contents[1] == contents[2]


def test_the_proof_of_finality_is_kept(site: Site) -> None:
    site.finalizer.finalize(site.drawing.hash("a1"), b"first")
    site.finalizer.finalize(site.drawing.hash("a3"), b"second")
    kept = [site.store.blocks.justification(site.drawing.hash(name)) for name in ("a1", "a2", "a3")]
    assert kept == [b"first", None, b"second"]


def test_final_extrinsics_are_forgotten_by_those_who_checked_them(site: Site) -> None:
    raw = site.drawing["a2"].extrinsics[1]
    site.verified.add(decode(SHIPPED[1], raw), site.store.genesis_hash)
    site.finalize("a1")
    assert len(site.verified._found) == 1
    site.finalize("a2")
    assert blake2_256(raw) not in site.verified._found
