"""Another spec version in force from a height: a function of the chain's state, fork by fork."""

from __future__ import annotations

import pytest

from gongshe.chain.author import propose
from gongshe.chain.importer import Importer
from gongshe.chain.pool import Pool
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import InvalidBlock, Verified
from gongshe.node.conductor import Conduct, Conductor
from gongshe.node.messages import BlockOffered, ExtrinsicOffered, Halted, SlotStarted
from gongshe.primitives.header import RuntimeEnvironmentUpdated
from gongshe.runtime.assembly import Assembly, SpecVersionMissing
from gongshe.runtime.executive import assembly_for
from gongshe.runtime.versions import SHIPPED, VERSION_1
from tests.chains import (
    ALICE,
    BOB,
    SLOT_MS,
    Drawing,
    InOrder,
    Site,
    Wish,
    check_whole,
    never,
    transfer,
)

BOTH = {1: VERSION_1, 2: Assembly(2, VERSION_1.pallets, VERSION_1.apis)}
SWITCH = 3


def upgrade(to: int, at: int) -> Wish:
    call = VERSION_1.call("Upgrades", "schedule_upgrade", to, at)
    return Wish(ALICE, VERSION_1.call("Sudo", "sudo", call))


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    """On fork a version 2 holds from block 3 on; on fork b nobody asked for it."""
    return Drawing(BOTH).draw(
        "0 a1 a2 a3 a4",
        "0 b1 b2 b3 b4 b5",
        a1=[upgrade(2, SWITCH)],
        a2=[transfer(ALICE, BOB)],
        a3=[transfer(ALICE, BOB)],
        a4=[transfer(ALICE, BOB)],
        b4=[transfer(ALICE, BOB)],
    )


def version_after(site: Site, name: str) -> int:
    head = site.store.heads.head(site.drawing.hash(name))
    state = site.store.states.at(head.block_hash)
    return assembly_for(BOTH, state, head.number + 1).spec_version


def old(drawing: Drawing) -> Site:
    """A site whose program does not ship version 2."""
    site = Site(drawing)
    site.importer = Importer(site.store, SHIPPED, InlineVerifier(), site.verified)
    return site


def test_each_fork_has_its_own_version(drawing: Drawing) -> None:
    site = Site(drawing)
    for name in ("a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4", "b5"):
        site.take(name)
        check_whole(site)
    assert [version_after(site, f"a{number}") for number in (1, 2, 3, 4)] == [1, 2, 2, 2]
    assert [version_after(site, f"b{number}") for number in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert site.best == "b5"


def test_the_switching_block_says_so_and_no_other(drawing: Drawing) -> None:
    told = {
        name: RuntimeEnvironmentUpdated() in block.header.digest.logs
        for name, block in drawing.blocks.items()
    }
    assert [name for name, said in told.items() if said] == ["a3"]


def test_an_old_program_stops_before_the_switch_with_its_data_whole(drawing: Drawing) -> None:
    site = old(drawing)
    site.take("a1", "a2", "b1")
    before = site.contents()
    with pytest.raises(SpecVersionMissing, match=r"asks for spec version 2.*install"):
        site.take("a3")
    assert site.contents() == before
    site.take("b2", "b3")  # the other fork is none of version 2's business
    check_whole(site)
    newer = Site(drawing, site.database)
    newer.take("a3", "a4")
    assert newer.best == "a4"
    check_whole(newer)


def test_an_old_author_builds_up_to_the_switch(drawing: Drawing) -> None:
    site = old(drawing)
    site.take("a1", "a2")
    slot = drawing.next_slot
    with pytest.raises(SpecVersionMissing):
        propose(
            site.store,
            SHIPPED,
            drawing.hash("a2"),
            slot,
            slot * SLOT_MS,
            Pool().ready(),
            Verified(),
            never,
        )


def test_a_block_of_the_old_version_after_the_switch_is_invalid(drawing: Drawing) -> None:
    """Whoever forgot to upgrade and went on regardless would be alone."""
    site = Site(drawing)
    site.take("a1", "a2")
    stale = drawing.signed("b1", [transfer(BOB, ALICE)])[0].raw
    block = drawing.block("unasked", "a2", [])
    assert site.offer(block).best.number == 3
    with pytest.raises(InvalidBlock, match="signature"):
        site.offer(drawing.block("stale", "a2", [stale]))


def test_an_author_drops_what_was_signed_for_the_old_version(drawing: Drawing) -> None:
    site = Site(drawing)
    site.take("a1", "a2")
    signed_before = drawing.signed("a1", [transfer(BOB, ALICE)])
    slot = drawing.next_slot
    proposal = propose(
        site.store,
        BOTH,
        drawing.hash("a2"),
        slot,
        slot * SLOT_MS,
        InOrder(signed_before),
        Verified(),
        never,
    )
    assert [dropped.refused.name for dropped in proposal.dropped] == ["BadProof"]
    assert len(proposal.executed.extrinsics) == 1


def conductor(site: Site) -> Conductor:
    keys = {key.public: key.sign for key in site.drawing.schedule}
    return Conductor(site.store, SHIPPED, InlineVerifier(), Pool(), keys, Conduct(), never)


def test_an_old_node_halts_and_says_what_to_install(drawing: Drawing) -> None:
    slot = drawing.next_slot
    now_ms = slot * SLOT_MS
    stranger = drawing.signed("a1", [transfer(BOB, ALICE)])[0].raw
    for heard in (
        SlotStarted(slot, now_ms),
        BlockOffered(drawing["a3"], now_ms),
        ExtrinsicOffered(1, stranger),
    ):
        site = old(drawing)
        site.take("a1", "a2")
        before = site.contents()
        for alone in (True, False):
            node = conductor(site)
            effects = node.handle(heard) if alone else node.handle_all([heard])
            assert isinstance(effects[-1], Halted)
            assert "spec version 2" in effects[-1].reason
            assert site.contents() == before


def test_an_old_node_tells_of_its_last_block_before_it_halts(drawing: Drawing) -> None:
    site = old(drawing)
    site.take("a1")
    effects = conductor(site).handle(BlockOffered(drawing["a2"], drawing.next_slot * SLOT_MS))
    assert [type(effect).__name__ for effect in effects] == [
        "BlockImported",
        "BestChanged",
        "Halted",
    ]
    check_whole(site)
    ChainStore.open(site.database)
