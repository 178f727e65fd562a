"""The author: what goes into a block, what is left for later, and what is dropped and why."""

from __future__ import annotations

import pytest

from gongshe.chain import author
from gongshe.chain.author import ExtrinsicBroken, Proposal, propose
from gongshe.chain.heads import UnknownParent
from gongshe.chain.importer import Importer
from gongshe.chain.pool import Pool
from gongshe.chain.pool_entries import ReadyOrder
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.transition import Verified
from gongshe.consensus.slots import claimed_slot
from gongshe.primitives.extrinsic import MortalEra
from gongshe.primitives.header import Digest
from gongshe.runtime.executive import Applied, BlockExecution
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.timestamp import Timestamp
from gongshe.runtime.validity import DecodedExtrinsic
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.database import StoreFailed
from tests.chains import (
    ALICE,
    BOB,
    CHARLIE,
    DAVE,
    EVE,
    FIRST_SLOT,
    SLOT_MS,
    Drawing,
    InOrder,
    Site,
    Wish,
    block_of,
    check_whole,
    never,
    transfer,
)

RULES = SHIPPED[1]


@pytest.fixture
def drawing() -> Drawing:
    return Drawing().draw("0 a1")


@pytest.fixture
def site(drawing: Drawing) -> Site:
    site = Site(drawing)
    site.take("a1")
    return site


def pooled(site: Site, *wishes: Wish) -> Pool:
    """A pool that has taken these, judged on the best block."""
    pool, best = Pool(), site.store.heads.best
    judge = BlockExecution(
        site.drawing.assemblies,
        site.store.states.executing(best.block_hash),
        best.number + 1,
        best.block_hash,
        Digest(),
    )
    for extrinsic in site.drawing.signed(site.best, wishes):
        pool.submit(extrinsic, judge.validate(extrinsic), best.number, 0)
    return pool


def built(
    site: Site, ready: ReadyOrder, late_after: int | None = None, verified: Verified | None = None
) -> Proposal:
    """A proposal on the best block; the clock says late after so many looks at it."""
    looks = iter(range(10**6))
    slot = site.drawing.next_slot
    return propose(
        site.store,
        site.drawing.assemblies,
        site.store.heads.best.block_hash,
        slot,
        slot * SLOT_MS,
        ready,
        verified or Verified(),
        never if late_after is None else lambda: next(looks) >= late_after,
    )


def others_accept(site: Site, proposal: Proposal) -> None:
    """Demand that a stranger imports the block as its author keeps it."""
    header = site.drawing.seal(proposal.header)
    stranger = Site(site.drawing, site.drawing.founded())
    ancestors: list[str] = []
    name = site.best
    while name != "0":
        ancestors.insert(0, name)
        name = site.drawing.name(site.drawing[name].header.parent_hash)
    stranger.take(*ancestors)
    stranger.offer(block_of(header, proposal.executed.extrinsics))
    site.importer.keep(header, proposal.slot, proposal.executed)
    assert stranger.store.heads.best == site.store.heads.best
    assert stranger.contents() == site.contents()


def signers(proposal: Proposal) -> list[bytes]:
    found = []
    for extrinsic in proposal.executed.extrinsics[1:]:
        assert extrinsic.signature is not None
        found.append(extrinsic.signature.signer)
    return found


def reasons(proposal: Proposal) -> list[str]:
    return [dropped.refused.name for dropped in proposal.dropped]


def test_an_empty_block_tells_its_time_and_slot(site: Site) -> None:
    proposal = built(site, Pool().ready())
    assert len(proposal.executed.extrinsics) == 1
    assert proposal.executed.extrinsics[0].call.definition.pallet is Timestamp
    assert claimed_slot(proposal.header) == proposal.slot == site.drawing.next_slot
    assert (proposal.dropped, proposal.full) == ((), False)
    others_accept(site, proposal)
    check_whole(site)


def test_the_order_is_the_pools_tips_first_and_nonces_in_turn(site: Site) -> None:
    pool = pooled(
        site,
        transfer(ALICE, EVE, 10**10),
        transfer(ALICE, BOB, tip=10**6),
        transfer(BOB, CHARLIE, tip=10**3),
        transfer(CHARLIE, BOB),
        transfer(DAVE, BOB, tip=10**9),
    )
    proposal = built(site, pool.ready())
    names = {key.public: key for key in (ALICE, BOB, CHARLIE, DAVE)}
    order = [names[each] for each in signers(proposal)]
    assert order[:2] == [DAVE, BOB]
    assert sorted(map(repr, order[2:])) == sorted(map(repr, [ALICE, ALICE, CHARLIE]))
    others_accept(site, proposal)


def test_what_may_not_be_included_is_dropped_with_its_reason(site: Site) -> None:
    ready = InOrder(
        site.drawing.signed(
            "a1",
            [
                transfer(ALICE, BOB, nonce=0),
                transfer(ALICE, CHARLIE, nonce=0),
                transfer(BOB, ALICE, nonce=0, tip=10**20),
                transfer(EVE, ALICE, nonce=0),
                transfer(CHARLIE, ALICE, nonce=0),
            ],
        )
    )
    proposal = built(site, ready)
    assert signers(proposal) == [ALICE.public, CHARLIE.public]
    assert reasons(proposal) == ["Stale", "Payment", "Payment"]
    assert ready.left == 3
    assert not proposal.full
    others_accept(site, proposal)


def test_what_comes_too_early_stays(site: Site) -> None:
    ready = InOrder(site.drawing.signed("a1", [transfer(ALICE, BOB, nonce=1)]))
    proposal = built(site, ready)
    assert (signers(proposal), reasons(proposal), ready.left) == ([], [], 1)


def test_what_does_not_fit_stays_and_smaller_ones_go_in(site: Site) -> None:
    large = RULES.call("System", "remark", bytes(1 << 20))
    wishes = [Wish(ALICE, large) for _ in range(5)]
    ready = InOrder(site.drawing.signed("a1", [*wishes, transfer(BOB, ALICE)]))
    proposal = built(site, ready)
    assert signers(proposal) == [ALICE.public] * 3 + [BOB.public]
    assert (reasons(proposal), ready.left, proposal.full) == ([], 2, True)
    others_accept(site, proposal)


def test_a_full_block_is_closed_without_trying_everything(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(author, "MAX_UNFIT", 2)
    large = RULES.call("System", "remark", bytes(1 << 20))
    senders = [key for key in (ALICE, BOB, CHARLIE, DAVE) for _ in range(4)]
    pool = pooled(site, *[Wish(key, large) for key in senders], transfer(DAVE, BOB))
    tried = 0

    def counted(self: BlockExecution, extrinsic: DecodedExtrinsic) -> Applied:
        nonlocal tried
        tried += 1
        return apply(self, extrinsic)

    apply = BlockExecution.apply
    monkeypatch.setattr(BlockExecution, "apply", counted)
    proposal = built(site, pool.ready())
    assert (len(signers(proposal)), proposal.full) == (3, True)
    assert tried == 1 + 3 + 3  # the time, those that fit, and one more than is passed over


@pytest.mark.parametrize(("looks", "taken"), [(0, 0), (1, 16), (2, 32), (3, 40)])
def test_the_block_is_closed_at_its_deadline(site: Site, looks: int, taken: int) -> None:
    wishes = [transfer(ALICE, BOB, 10**6 + nonce) for nonce in range(40)]
    proposal = built(site, InOrder(site.drawing.signed("a1", wishes)), late_after=looks)
    assert len(signers(proposal)) == taken
    assert proposal.full == (taken < 40)
    others_accept(site, proposal)


def test_a_mortal_extrinsic_goes_in_on_its_own_fork_only() -> None:
    """Its signature covers the block at which its era began, and nobody else checks that here."""
    drawing = Drawing().draw("0 a1 a2", "0 b1 b2")
    era = MortalEra.around(1, 8)
    mortal = drawing.signed("a2", [transfer(ALICE, BOB, era=era)])
    verified = Verified()
    verified.add(mortal[0], drawing.hash("a1"))
    on_a, on_b = Site(drawing), Site(drawing)
    on_a.take("a1", "a2")
    on_b.take("b1", "b2")
    for known in (verified, Verified()):  # remembered, or pushed out of memory since
        proposal = built(on_a, InOrder(mortal), verified=known)
        assert signers(proposal) == [ALICE.public]
        proposal = built(on_b, InOrder(mortal), verified=known)
        assert (signers(proposal), reasons(proposal)) == ([], ["BadProof"])
    others_accept(on_b, proposal)


def test_an_author_builds_on_any_block_that_may_become_final(drawing: Drawing) -> None:
    site = Site(drawing.draw("a1 a2 a3", "a1 b2"))
    site.take("a1", "a2", "a3", "b2")
    proposal = propose(
        site.store,
        SHIPPED,
        drawing.hash("b2"),
        drawing.next_slot,
        drawing.next_slot * SLOT_MS,
        Pool().ready(),
        Verified(),
        never,
    )
    assert proposal.header.number == 3
    site.finalize("a2")
    with pytest.raises(UnknownParent):
        propose(site.store, SHIPPED, drawing.hash("b2"), 1, 1, Pool().ready(), Verified(), never)


def test_a_block_after_a_late_one_keeps_half_a_slot_between_them() -> None:
    drawing = Drawing()
    site = Site(drawing)
    late = propose(
        site.store,
        SHIPPED,
        site.store.genesis_hash,
        FIRST_SLOT,
        FIRST_SLOT * SLOT_MS + SLOT_MS - 1,
        Pool().ready(),
        Verified(),
        never,
    )
    site.importer.keep(drawing.seal(late.header), late.slot, late.executed)
    proposal = propose(
        site.store,
        SHIPPED,
        site.store.heads.best.block_hash,
        FIRST_SLOT + 1,
        (FIRST_SLOT + 1) * SLOT_MS,
        Pool().ready(),
        Verified(),
        never,
    )
    told_ms = proposal.executed.extrinsics[0].call.arguments[0]
    assert told_ms == FIRST_SLOT * SLOT_MS + SLOT_MS - 1 + SLOT_MS // 2


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> list[type[Exception]]:
    """A program whose burning of money has a fault; what it raises may be exchanged."""
    raised: list[type[Exception]] = [ZeroDivisionError]

    def broken(*_: object) -> None:
        raise raised[0]("in the midst of it")

    definition = RULES.call("Balances", "burn", 1, True).definition
    monkeypatch.setattr(definition, "method", broken)
    assert definition.pallet is Balances
    return raised


def test_an_extrinsic_that_brings_out_a_fault_is_named(
    site: Site, faulty: list[type[Exception]]
) -> None:
    before = site.contents()
    burn = Wish(BOB, RULES.call("Balances", "burn", 10**9, True))
    signed = site.drawing.signed("a1", [transfer(ALICE, BOB), burn])
    with pytest.raises(ExtrinsicBroken) as broken:
        built(site, InOrder(signed))
    assert broken.value.extrinsic is signed[1]
    assert site.contents() == before
    assert signers(built(site, InOrder(signed[:1]))) == [ALICE.public]


def test_a_store_that_fails_is_nobodys_extrinsics_fault(
    site: Site, faulty: list[type[Exception]]
) -> None:
    faulty[0] = StoreFailed
    burn = Wish(BOB, RULES.call("Balances", "burn", 10**9, True))
    with pytest.raises(StoreFailed):
        built(site, InOrder(site.drawing.signed("a1", [burn])))


def test_own_blocks_take_the_same_path(drawing: Drawing) -> None:
    """Keeping an own block leaves the very bytes that importing it leaves."""
    site, own = Site(drawing), Site(drawing)
    site.take("a1")
    own.take("a1")
    proposal = built(own, pooled(own, transfer(ALICE, BOB), transfer(DAVE, EVE, 10**10)).ready())
    header = drawing.seal(proposal.header)
    own.importer.keep(header, proposal.slot, proposal.executed, finalize=header.hash)
    Importer(site.store, SHIPPED, InlineVerifier(), Verified()).import_block(
        block_of(header, proposal.executed.extrinsics), 2 * FIRST_SLOT * SLOT_MS, final=True
    )
    assert site.contents() == own.contents()
