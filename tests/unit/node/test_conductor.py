"""The conductor as a pure machine: inputs in, effects out, nothing else moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from gongshe.chain import heads as heads_room
from gongshe.chain.pool import Pool
from gongshe.chain.pool_records import (
    Finalized,
    Future,
    InBlock,
    Invalid,
    PoolLimits,
    Ready,
    Retracted,
    Status,
    Usurped,
)
from gongshe.chain.signatures import InlineVerifier
from gongshe.node import intake
from gongshe.node.conductor import Conduct, Conductor
from gongshe.node.messages import (
    Answered,
    BestChanged,
    BlockImported,
    BlockOffered,
    BlockRejected,
    BlocksFinalized,
    CheckSignatures,
    Effect,
    ExtrinsicOffered,
    FaultFound,
    Input,
    RemovalAsked,
    Removed,
    SignaturesChecked,
    SlotStarted,
    StatusTold,
    WatchEnded,
)
from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.extrinsic import MortalEra, encode_unsigned
from gongshe.primitives.header import Block, Header
from gongshe.primitives.keys import Keypair
from gongshe.primitives.records import replace
from gongshe.runtime.pallets.balances import Balances
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
    Site,
    Wish,
    check_whole,
    transfer,
)

RULES = SHIPPED[1]


class Listener:
    """A conductor with a chain of its own; what it says is kept."""

    def __init__(
        self,
        drawing: Drawing,
        conduct: Conduct = Conduct(),  # noqa: B008 - frozen
        keys: Sequence[Keypair] = (),
        limits: PoolLimits | None = None,
        sign: Callable[[Keypair, bytes], bytes] = Keypair.sign,
    ) -> None:
        self.site = Site(drawing)
        self.drawing = drawing
        self.pool = Pool(limits) if limits else Pool()
        self.late = False
        self.node = Conductor(
            self.site.store,
            drawing.assemblies,
            InlineVerifier(),
            self.pool,
            {key.public: lambda message, key=key: sign(key, message) for key in keys},  # type: ignore[misc]
            conduct,
            lambda: self.late,
        )
        self.effects: list[Effect] = []

    def hear(self, *inputs: Input) -> list[Effect]:
        """Handle inputs; signatures are left unchecked."""
        effects = self.node.handle_all(inputs)
        self.effects += effects
        return effects

    def settle(self, *inputs: Input) -> list[Effect]:
        """Handle inputs and check every signature that is asked for, until nothing is asked."""
        effects = self.hear(*inputs)
        found = list(effects)
        while asked := [effect for effect in effects if isinstance(effect, CheckSignatures)]:
            effects = self.hear(*map(checked, asked))
            found += effects
        return found

    def offer(self, *raws: bytes, watched: bool = True, first: int = 1) -> list[Effect]:
        """Offer extrinsics, their signatures checked at once."""
        return self.settle(
            *[ExtrinsicOffered(first + n, raw, watched) for n, raw in enumerate(raws)]
        )

    def take(self, *names: str) -> list[Effect]:
        """Hear of drawn blocks."""
        found: list[Effect] = []
        for name in names:
            now_ms = self.drawing.next_slot * SLOT_MS
            found += self.settle(BlockOffered(self.drawing[name], now_ms, "a stranger"))
        return found

    def history(self, raw: bytes) -> list[Status]:
        """Return all that was told of an extrinsic."""
        extrinsic_hash = blake2_256(raw)
        return [
            effect.status
            for effect in self.effects
            if isinstance(effect, StatusTold) and effect.extrinsic_hash == extrinsic_hash
        ]


def checked(asked: CheckSignatures) -> SignaturesChecked:
    return SignaturesChecked(asked.batch, tuple(InlineVerifier().submit(asked.jobs).results()))


def kinds(effects: Sequence[Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def refusals(effects: Sequence[Effect]) -> list[str | None]:
    return [
        effect.refusal.error if effect.refusal else None
        for effect in effects
        if isinstance(effect, Answered)
    ]


def raws(drawing: Drawing, parent: str, *wishes: Wish) -> list[bytes]:
    return [each.raw for each in drawing.signed(parent, wishes)]


@pytest.fixture
def drawing() -> Drawing:
    return Drawing().draw("0 a1 a2")


# --------------------------------------------------------------------------- the way in


def test_an_extrinsic_is_judged_then_its_signature_checked_then_it_enters(
    drawing: Drawing,
) -> None:
    listener = Listener(drawing)
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    (asked,) = listener.hear(ExtrinsicOffered(7, raw, watched=True))
    assert isinstance(asked, CheckSignatures)
    assert [job.public for job in asked.jobs] == [ALICE.public]
    assert listener.pool.ready_count == 0
    answered, told = listener.hear(checked(asked))
    assert answered == Answered(7, blake2_256(raw), None)
    assert told == StatusTold(blake2_256(raw), Ready())
    assert listener.pool.pending() == [raw]


def test_what_nobody_watches_is_not_told(drawing: Drawing) -> None:
    listener = Listener(drawing)
    effects = listener.offer(*raws(drawing, "0", transfer(ALICE, BOB)), watched=False)
    assert kinds(effects) == ["CheckSignatures", "Answered"]


def test_those_that_come_together_are_checked_together(drawing: Drawing) -> None:
    listener = Listener(drawing)
    good, bad = raws(drawing, "0", transfer(ALICE, BOB), transfer(EVE, BOB))
    effects = listener.hear(
        ExtrinsicOffered(1, good), ExtrinsicOffered(2, bad), ExtrinsicOffered(3, b"\x00")
    )
    assert kinds(effects) == ["Answered", "Answered", "CheckSignatures"]
    assert refusals(effects) == ["Payment", "BadFormat"]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda d: b"", "BadFormat"),
        (lambda d: b"\x04\x84", "BadFormat"),
        (lambda d: raws(d, "0", transfer(ALICE, BOB))[0][:-1], "BadFormat"),
        (lambda d: raws(d, "0", transfer(ALICE, BOB))[0] + b"\x00", "BadFormat"),
        (
            lambda d: encode_unsigned(RULES.call_codec.encode(transfer(ALICE, BOB).call)),
            "MandatoryValidation",
        ),
        (
            lambda d: encode_unsigned(RULES.call_codec.encode(RULES.call("Timestamp", "set", 1))),
            "MandatoryValidation",
        ),
        (
            lambda d: raws(d, "0", Wish(ALICE, RULES.call("Timestamp", "set", 1)))[0],
            "MandatoryValidation",
        ),
        (lambda d: raws(d, "0", transfer(EVE, BOB))[0], "Payment"),
        (lambda d: raws(d, "0", transfer(ALICE, BOB, tip=10**20))[0], "Payment"),
        (
            lambda d: raws(d, "0", transfer(ALICE, BOB))[0].replace(ALICE.public, bytes(32), 1),
            "BadSigner",
        ),
    ],
)
def test_what_may_not_enter_is_refused_before_its_signature_is_checked(
    drawing: Drawing, make: Callable[[Drawing], bytes], error: str
) -> None:
    listener = Listener(drawing)
    effects = listener.offer(make(drawing))
    assert kinds(effects) == ["Answered"]
    assert refusals(effects) == [error]
    assert (listener.pool.ready_count, listener.pool.size) == (0, 0)


@pytest.mark.parametrize("who", [ALICE, DAVE], ids=["sr25519", "ed25519"])
def test_a_signature_that_does_not_hold_is_refused(drawing: Drawing, who: Keypair) -> None:
    listener = Listener(drawing)
    raw = raws(drawing, "0", transfer(who, BOB))[0].replace(who.public, CHARLIE.public, 1)
    wrapped = raws(drawing, "0", Wish(who, transfer(who, BOB).call, wrapped=True))[0]
    assert refusals(listener.offer(raw, wrapped)) == ["BadProof", "BadProof"]
    assert (listener.pool.ready_count, listener.pool.size) == (0, 0)


def test_the_same_extrinsic_twice_is_taken_once(drawing: Drawing) -> None:
    listener = Listener(drawing)
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    together = listener.settle(ExtrinsicOffered(1, raw), ExtrinsicOffered(2, raw))
    assert refusals(together) == [None, "AlreadyImported"]
    assert kinds(listener.offer(raw)) == ["Answered"]
    assert listener.pool.pending() == [raw]


def test_a_block_in_between_makes_an_extrinsic_stale(drawing: Drawing) -> None:
    drawing.draw("0 b1", b1=[transfer(ALICE, CHARLIE)])
    listener = Listener(drawing)
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    (asked,) = listener.hear(ExtrinsicOffered(1, raw, watched=True))
    listener.take("b1")
    assert isinstance(asked, CheckSignatures)
    assert refusals(listener.hear(checked(asked))) == ["Stale"]
    assert listener.pool.ready_count == 0


def test_a_reorganization_in_between_has_a_signature_checked_again() -> None:
    """A mortal era begins at a block by its hash: on another fork something else must be signed."""
    drawing = Drawing().draw("0 a1 a2", "0 b1 b2 b3")
    era = MortalEra.around(1, 8)
    for parent, error in (("a2", "BadProof"), ("b3", None)):
        listener = Listener(drawing)
        listener.take("a1", "a2", "b1", "b2")
        assert listener.site.best == "a2"
        (raw,) = raws(drawing, parent, transfer(ALICE, BOB, era=era))
        (asked,) = listener.hear(ExtrinsicOffered(1, raw, watched=True))
        assert isinstance(asked, CheckSignatures)
        assert checked(asked).answers == (error is not None,)
        listener.take("b3")
        effects = listener.settle(checked(asked))
        assert kinds(effects)[0] == "CheckSignatures"
        assert refusals(effects) == [error]


def test_answers_that_nobody_asked_for_are_ignored(drawing: Drawing) -> None:
    listener = Listener(drawing)
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    (asked,) = listener.hear(ExtrinsicOffered(1, raw))
    assert isinstance(asked, CheckSignatures)
    assert listener.hear(SignaturesChecked(asked.batch + 1, (True,))) == []
    assert kinds(listener.hear(checked(asked))) == ["Answered"]
    assert listener.hear(checked(asked)) == []


def test_only_so_many_batches_are_under_way(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_BATCHES", 2)
    listener = Listener(drawing)
    signed = raws(drawing, "0", *[transfer(ALICE, BOB) for _ in range(4)])
    asked = [listener.hear(ExtrinsicOffered(n, raw)) for n, raw in enumerate(signed[:2], 1)]
    assert refusals(listener.hear(ExtrinsicOffered(3, signed[2]))) == ["Busy"]
    (first,) = asked[0]
    assert isinstance(first, CheckSignatures)
    listener.hear(checked(first))
    assert kinds(listener.hear(ExtrinsicOffered(4, signed[2]))) == ["CheckSignatures"]


def test_an_operator_removes_and_bans(drawing: Drawing) -> None:
    listener = Listener(drawing)
    first, second, other = raws(
        drawing, "0", transfer(ALICE, BOB), transfer(ALICE, BOB), transfer(BOB, ALICE)
    )
    listener.offer(first, second, other)
    hashes = (blake2_256(first), bytes(32))
    effects = listener.hear(RemovalAsked(9, hashes))
    assert effects[-1] == Removed(9, (blake2_256(first),))
    assert isinstance(listener.history(first)[-1], Invalid)
    assert listener.history(second)[-1] == Future()
    assert listener.pool.pending() == [other]
    assert refusals(listener.offer(first)) == ["TemporarilyBanned"]


def test_who_stops_watching_hears_no_more(drawing: Drawing) -> None:
    listener = Listener(drawing)
    drawing.draw("0 b1", b1=[transfer(ALICE, CHARLIE)])
    raw = drawing["b1"].extrinsics[1]
    listener.offer(raw)
    assert listener.hear(WatchEnded(blake2_256(raw))) == []
    listener.take("b1")
    assert listener.history(raw) == [Ready()]


# --------------------------------------------------------------------- a life in statuses


def test_a_watcher_hears_of_every_step_in_order(drawing: Drawing) -> None:
    listener = Listener(drawing, Conduct(finalize_own=True), drawing.schedule)
    first, second = raws(drawing, "0", transfer(ALICE, BOB), transfer(ALICE, BOB))
    listener.offer(second)
    assert listener.history(second) == [Future()]
    listener.offer(first)
    listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))
    block = listener.site.store.heads.best.block_hash
    listener.hear(SlotStarted(FIRST_SLOT + 1, (FIRST_SLOT + 1) * SLOT_MS))
    assert listener.history(first) == [Ready(), InBlock(block, 1), Finalized(block, 1)]
    assert listener.history(second) == [
        Future(),
        Ready(),
        InBlock(block, 2),
        Finalized(block, 2),
    ]
    assert listener.site.store.heads.finalized.block_hash == block


def forked() -> Drawing:
    """Alice's transfer stands in a2; b3 takes over without it; c4 takes over with it in c2."""
    drawing = Drawing().draw("0 a1 a2", a2=[transfer(ALICE, BOB), transfer(DAVE, BOB)])
    alices = drawing["a2"].extrinsics[1]
    drawing.draw("a1 b2 b3", "a1 c2 c3 c4", c2=[transfer(DAVE, CHARLIE), alices])
    return drawing


def test_a_reorganization_brings_extrinsics_back_and_others_take_them() -> None:
    drawing = forked()
    listener = Listener(drawing)
    alices, daves = drawing["a2"].extrinsics[1:]
    listener.offer(alices, daves)
    listener.take("a1", "a2", "b2", "b3")
    a2, c2 = drawing.hash("a2"), drawing.hash("c2")
    assert listener.history(alices) == [Ready(), InBlock(a2, 1), Retracted(a2), Ready()]
    assert set(listener.pool.pending()) == {alices, daves}
    listener.take("c2", "c3", "c4")
    assert listener.history(alices)[-1] == InBlock(c2, 2)
    assert listener.history(daves)[-1] == Usurped(blake2_256(drawing["c2"].extrinsics[1]))
    assert listener.pool.pending() == []
    check_whole(listener.site)


def test_what_stands_on_both_sides_of_a_reorganization_is_not_called_invalid() -> None:
    drawing = forked()
    listener = Listener(drawing)
    alices, daves = drawing["a2"].extrinsics[1:]
    listener.offer(alices, daves)
    listener.take("a1", "a2", "c2", "c3")
    a2, c2 = drawing.hash("a2"), drawing.hash("c2")
    assert listener.history(alices) == [Ready(), InBlock(a2, 1), Retracted(a2), InBlock(c2, 2)]
    final = listener.node.finalizer.finalize(c2)
    assert final is not None
    assert listener.node._finalized(final)[1:] == [StatusTold(blake2_256(alices), Finalized(c2, 2))]


def test_of_two_for_one_nonce_the_one_left_behind_is_told_why() -> None:
    drawing = forked()
    listener = Listener(drawing)
    daves = drawing["a2"].extrinsics[2]
    listener.offer(daves)
    listener.take("a1", "a2", "c2", "c3")
    last = listener.history(daves)[-1]
    assert isinstance(last, Invalid)
    assert "Stale" in last.reason


def test_many_nonces_of_one_account_come_back_in_their_order() -> None:
    drawing = Drawing().draw(
        "0 a1 a2",
        a1=[transfer(ALICE, BOB), transfer(ALICE, BOB)],
        a2=[transfer(ALICE, BOB), transfer(ALICE, BOB)],
    )
    drawing.draw("0 b1 b2 b3")
    listener = Listener(drawing)
    effects = listener.take("a1", "a2", "b1", "b2", "b3")
    sent = [*drawing["a1"].extrinsics[1:], *drawing["a2"].extrinsics[1:]]
    assert listener.pool.pending() == sent
    assert len([effect for effect in effects if isinstance(effect, CheckSignatures)]) == 1


def demand_deep_reorganization(depth: int) -> None:
    """Leave a fork of this depth for a longer one: states are as executed, nothing is lost."""
    names = [f"a{number}" for number in range(1, depth + 1)]
    others = [f"b{number}" for number in range(1, depth + 2)]
    drawing = Drawing().draw(
        "0 " + " ".join(names), **{name: [transfer(ALICE, BOB)] for name in names}
    )
    drawing.draw("0 " + " ".join(others), **{name: [transfer(DAVE, BOB)] for name in others[::2]})
    listener = Listener(drawing)
    listener.take(*names, *others[:-1])
    assert listener.site.best == names[-1]
    changed = [each for each in listener.take(others[-1]) if isinstance(each, BestChanged)]
    assert [(len(each.retracted), len(each.enacted)) for each in changed] == [(depth, depth + 1)]
    assert listener.pool.pending() == [drawing[name].extrinsics[1] for name in names]
    head = listener.site.store.heads.best
    assert dict(listener.site.store.states.at(head.block_hash).pairs(b"")) == dict(
        drawing.store.states.at(head.block_hash).pairs(b"")
    )
    assert listener.site.reopened().best == others[-1]
    listener.site.finalize(others[-1])
    assert listener.site.canonical == ["0", *others]


@pytest.mark.parametrize("depth", [1, 10, 256])
def test_a_deep_reorganization_ends_where_execution_does(depth: int) -> None:
    demand_deep_reorganization(depth)


@pytest.mark.slow
def test_a_reorganization_of_a_thousand_blocks_ends_where_execution_does() -> None:
    demand_deep_reorganization(1_000)


def test_no_more_comes_back_than_the_pool_holds() -> None:
    drawing = Drawing().draw(
        "0 a1 a2",
        "0 b1 b2 b3",
        a1=[transfer(ALICE, BOB), transfer(BOB, ALICE)],
        a2=[transfer(ALICE, BOB), transfer(BOB, ALICE)],
    )
    listener = Listener(drawing, limits=PoolLimits(count=3))
    sent = [*drawing["a1"].extrinsics[1:], *drawing["a2"].extrinsics[1:]]
    listener.offer(sent[3])
    listener.take("a1", "a2")
    (asked,) = [
        effect
        for name in ("b1", "b2", "b3")
        for effect in listener.hear(BlockOffered(drawing[name], drawing.next_slot * SLOT_MS))
        if isinstance(effect, CheckSignatures)
    ]
    assert len(asked.jobs) == 3
    listener.hear(checked(asked))
    assert set(listener.pool.pending()) == set(sent[:3])
    last = listener.history(sent[3])[-1]
    assert isinstance(last, Invalid)
    assert "submit it again" in last.reason


def test_what_comes_back_is_not_lost_to_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_BATCHES", 0)
    drawing = forked()
    listener = Listener(drawing)
    assert refusals(listener.offer(drawing["a2"].extrinsics[1])) == ["Busy"]
    listener.take("a1", "a2", "b2", "b3")
    assert set(listener.pool.pending()) == set(drawing["a2"].extrinsics[1:])


def test_extrinsics_of_an_abandoned_best_fork_come_back() -> None:
    """Finality may abandon the best fork and delete its blocks: their extrinsics are not lost."""
    drawing = forked()
    listener = Listener(drawing)
    listener.take("a1", "a2", "b2")
    assert listener.site.best == "a2"
    alices = drawing["a2"].extrinsics[1]
    applied = listener.node.finalizer.finalize(drawing.hash("b2"))
    assert applied is not None
    listener.node.intake.chain_changed()
    effects = listener.node.intake.follow(applied, ())
    assert kinds(effects) == ["CheckSignatures"]
    listener.hear(*[checked(each) for each in effects if isinstance(each, CheckSignatures)])
    assert alices in listener.pool.pending()


# ------------------------------------------------------------------------------- blocks


def test_a_block_is_told_once(drawing: Drawing) -> None:
    listener = Listener(drawing)
    assert kinds(listener.take("a1")) == ["BlockImported", "BestChanged"]
    before = listener.site.contents()
    assert listener.take("a1") == []
    assert listener.site.contents() == before


def test_a_block_beside_the_best_chain_changes_no_best(drawing: Drawing) -> None:
    drawing.draw("0 b1")
    listener = Listener(drawing)
    listener.take("a1", "a2")
    assert kinds(listener.take("b1")) == ["BlockImported"]


def with_state_root(block: Block, root: bytes, drawing: Drawing) -> Block:
    header: Header = replace(block.header, state_root=root)
    return Block(drawing.seal(header), block.extrinsics)


def test_whoever_sent_a_block_that_is_not_taken_is_named_with_the_reason(
    drawing: Drawing,
) -> None:
    listener = Listener(drawing)
    false = with_state_root(drawing["a1"], bytes(32), drawing)
    now_ms = drawing.next_slot * SLOT_MS
    cases = [
        (false, now_ms, "state root"),
        (false, now_ms, "state root"),
        (drawing["a2"], now_ms, "is not above the finalized one"),
        (drawing["a1"], 0, "claimed in slot 0"),
    ]
    before = listener.site.contents()
    for block, at_ms, reason in cases:
        (effect,) = listener.hear(BlockOffered(block, at_ms, "mallory"))
        assert isinstance(effect, BlockRejected)
        assert (effect.source, effect.block_hash) == ("mallory", block.header.hash)
        assert reason in effect.reason
    assert listener.site.contents() == before


def test_only_own_slots_are_used_and_none_twice(drawing: Drawing) -> None:
    listener = Listener(drawing, keys=[ALICE])
    authored = []
    for slot in [FIRST_SLOT + n for n in (0, 0, 1, 2, 2, 1, 0, 3, 4)]:
        effects = listener.hear(SlotStarted(slot, slot * SLOT_MS))
        assert kinds(effects) in ([], ["BlockImported", "BestChanged"])
        if effects:
            authored.append(slot - FIRST_SLOT)
    assert authored == [0, 2, 4]
    check_whole(listener.site)


def test_a_slot_that_the_best_block_has_passed_is_not_used(drawing: Drawing) -> None:
    listener = Listener(drawing, keys=drawing.schedule)
    listener.take("a1", "a2")
    slot = listener.site.store.heads.best.slot
    assert listener.hear(SlotStarted(slot, slot * SLOT_MS)) == []
    assert listener.hear(SlotStarted(slot - 1, (slot - 1) * SLOT_MS)) == []
    assert listener.hear(SlotStarted(slot + 1, (slot + 1) * SLOT_MS)) != []


def test_blocks_that_wait_for_finality_fill_the_tree_and_authoring_waits_too(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads_room, "MAX_UNFINALIZED", 2)
    listener = Listener(drawing, keys=drawing.schedule)
    for slot in range(FIRST_SLOT, FIRST_SLOT + 5):
        listener.hear(SlotStarted(slot, slot * SLOT_MS))
    assert listener.site.store.heads.best.number == 2
    listener.node.finalizer.finalize(listener.site.store.heads.best.block_hash)
    listener.hear(SlotStarted(slot + 1, (slot + 1) * SLOT_MS))
    assert listener.site.store.heads.best.number == 3


def test_a_single_author_finalizes_each_block_with_its_child(drawing: Drawing) -> None:
    listener = Listener(drawing, Conduct(finalize_own=True), drawing.schedule)
    told = []
    for slot in range(FIRST_SLOT, FIRST_SLOT + 4):
        effects = listener.hear(SlotStarted(slot, slot * SLOT_MS))
        told += [effect.number for effect in effects if isinstance(effect, BlocksFinalized)]
        check_whole(listener.site)
    assert told == [1, 2, 3]


def test_a_late_author_makes_an_empty_block(drawing: Drawing) -> None:
    listener = Listener(drawing, keys=drawing.schedule)
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    listener.offer(raw)
    listener.late = True
    imported = listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))[0]
    assert isinstance(imported, BlockImported)
    assert (imported.own, imported.extrinsics) == (True, 1)
    assert listener.pool.pending() == [raw]


def test_the_author_tells_those_it_had_to_drop(drawing: Drawing) -> None:
    """A transfer that empties the account leaves nothing for the fee of the next one."""
    listener = Listener(drawing, keys=drawing.schedule)
    drain = RULES.call("Balances", "transfer_all", transfer(ALICE, BOB).call.arguments[0], False)
    first, second = raws(drawing, "0", Wish(CHARLIE, drain), transfer(CHARLIE, BOB))
    listener.offer(first, second)
    listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))
    last = listener.history(second)[-1]
    assert isinstance(last, Invalid)
    assert "Payment" in last.reason
    assert refusals(listener.offer(second)) == ["TemporarilyBanned"]
    check_whole(listener.site)


# ----------------------------------------------------------------------- instant sealing


def test_instant_sealing_makes_a_block_for_each_extrinsic_final_by_the_next_slot(
    drawing: Drawing,
) -> None:
    listener = Listener(drawing, Conduct(finalize_own=True, instant=True), drawing.schedule)
    now = SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS)
    assert listener.hear(now) == []
    first, second, third = raws(drawing, "0", *[transfer(ALICE, BOB)] * 3)
    listener.offer(second, third)
    assert listener.site.store.heads.best.number == 0
    effects = listener.offer(first)
    imported = [effect for effect in effects if isinstance(effect, BlockImported)]
    assert [(block.number, block.extrinsics) for block in imported] == [(1, 2), (2, 2), (3, 2)]
    assert listener.site.store.heads.finalized.number == 2
    assert type(listener.history(third)[-1]) is InBlock
    listener.hear(SlotStarted(FIRST_SLOT + 1, (FIRST_SLOT + 1) * SLOT_MS))
    assert listener.site.store.heads.finalized.number == 3
    assert [type(status) for status in listener.history(third)] == [
        Future,
        Ready,
        InBlock,
        Finalized,
    ]
    assert listener.pool.ready_count == listener.pool.future_count == 0
    check_whole(listener.site)


def test_instant_blocks_follow_a_clock_that_runs_ahead(drawing: Drawing) -> None:
    listener = Listener(drawing, Conduct(finalize_own=True, instant=True), drawing.schedule)
    listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS + 10))
    for raw in raws(drawing, "0", *[transfer(BOB, ALICE)] * 5):
        listener.offer(raw)
    assert listener.site.store.heads.best.slot == FIRST_SLOT + 4
    listener.hear(SlotStarted(FIRST_SLOT + 100, (FIRST_SLOT + 100) * SLOT_MS))
    listener.offer(*raws(drawing, "0", transfer(CHARLIE, ALICE)))
    assert listener.site.store.heads.best.slot == FIRST_SLOT + 100


def test_instant_sealing_waits_where_the_slot_is_anothers(drawing: Drawing) -> None:
    listener = Listener(drawing, Conduct(instant=True), [ALICE])
    listener.hear(SlotStarted(FIRST_SLOT + 1, (FIRST_SLOT + 1) * SLOT_MS))
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    assert kinds(listener.offer(raw)) == ["CheckSignatures", "Answered", "StatusTold"]
    assert listener.pool.pending() == [raw]


# ------------------------------------------------------------------ faults of this program


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Plant a fault into the burning of money."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("in the midst of it")

    def plant() -> None:
        monkeypatch.setattr(RULES.call("Balances", "burn", 1, True).definition, "method", broken)

    return plant


BURN = RULES.call("Balances", "burn", 10**9, True)


def test_a_block_that_brings_out_a_fault_is_refused_and_told_loudly(
    faulty: Callable[[], None],
) -> None:
    drawing = Drawing().draw("0 a1 a2", "a1 b2", a2=[Wish(BOB, BURN)])
    listener = Listener(drawing)
    faulty()
    listener.take("a1")
    before = listener.site.contents()
    fault, rejected = listener.take("a2")
    assert isinstance(fault, FaultFound)
    assert "in the midst of it" in fault.trace
    assert "broken" in fault.trace
    assert isinstance(rejected, BlockRejected)
    assert "ZeroDivisionError" in rejected.reason
    assert listener.site.contents() == before
    assert kinds(listener.take("a2")) == ["BlockRejected"]  # not executed again
    assert kinds(listener.take("b2")) == ["BlockImported", "BestChanged"]
    check_whole(listener.site)


def test_an_extrinsic_that_brings_out_a_fault_stops_nobodys_block(
    drawing: Drawing, faulty: Callable[[], None]
) -> None:
    listener = Listener(drawing, keys=drawing.schedule)
    good, bad, after, other = raws(
        drawing,
        "0",
        transfer(ALICE, BOB),
        Wish(BOB, BURN),
        transfer(BOB, ALICE),
        transfer(DAVE, BOB),
    )
    listener.offer(good, bad, after, other)
    faulty()
    effects = listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))
    fault = effects[0]
    assert isinstance(fault, FaultFound)
    assert blake2_256(bad).hex() in fault.where
    body = listener.site.store.blocks.body(listener.site.store.heads.best.block_hash)
    assert body is not None
    assert set(body[1:]) == {good, other}
    assert isinstance(listener.history(bad)[-1], Invalid)
    assert listener.history(after)[-1] == Future()
    assert refusals(listener.offer(bad)) == ["TemporarilyBanned"]
    check_whole(listener.site)


def test_an_extrinsic_that_spoils_the_end_of_the_block_is_found(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value out of its range is seen when the block is closed, long after it was written."""
    listener = Listener(drawing, keys=drawing.schedule)
    good, bad, other = raws(
        drawing, "0", transfer(ALICE, BOB), Wish(BOB, BURN), transfer(DAVE, BOB)
    )
    listener.offer(good, bad, other)

    def spoil(balances: Balances, *_: object) -> None:
        balances.total_issuance.value = -1

    monkeypatch.setattr(BURN.definition, "method", spoil)
    effects = listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))
    assert isinstance(effects[0], FaultFound)
    assert blake2_256(bad).hex() in effects[0].where
    body = listener.site.store.blocks.body(listener.site.store.heads.best.block_hash)
    assert body is not None
    assert set(body[1:]) == {good, other}
    assert refusals(listener.offer(bad)) == ["TemporarilyBanned"]


def test_a_fault_that_is_no_extrinsics_leaves_the_slot_empty_and_the_node_alive(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("at the end of the block")

    listener = Listener(drawing, keys=drawing.schedule)
    (raw,) = raws(drawing, "0", transfer(ALICE, BOB))
    listener.offer(raw)
    before = listener.site.contents()
    with monkeypatch.context() as planted:
        planted.setattr(Balances, "on_finalize", broken)
        (fault,) = listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))
    assert isinstance(fault, FaultFound)
    assert "at the end of the block" in fault.trace
    assert listener.site.contents() == before
    effects = listener.hear(SlotStarted(FIRST_SLOT + 1, (FIRST_SLOT + 1) * SLOT_MS))
    assert kinds(effects)[:2] == ["BlockImported", "BestChanged"]
    assert listener.pool.pending() == []


def test_a_store_that_fails_while_authoring_is_not_contained(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(*_: object) -> None:
        raise StoreFailed("the disk is gone")

    listener = Listener(drawing, keys=drawing.schedule)
    monkeypatch.setattr(Balances, "on_finalize", failed)
    with pytest.raises(StoreFailed):
        listener.hear(SlotStarted(FIRST_SLOT, FIRST_SLOT * SLOT_MS))


# ------------------------------------------------------------------------------ equality


def plain(effect: Effect) -> object:
    """An effect as something that can be compared; refusals are exceptions, which cannot."""
    match effect:
        case Answered(offer, extrinsic_hash, refusal):
            return offer, extrinsic_hash, str(refusal)
        case BlockImported():
            return effect.block_hash, effect.number, effect.extrinsics, list(effect.changed_keys)
    return effect


def test_equal_inputs_give_equal_effects() -> None:
    drawing = forked()
    seals: dict[tuple[bytes, bytes], bytes] = {}

    def sign(key: Keypair, message: bytes) -> bytes:
        """Sign once and remember: sr25519 draws a nonce."""
        return seals.setdefault((key.public, message), key.sign(message))

    offered = [
        *raws(drawing, "0", *[transfer(ALICE, BOB, 10**9 + n, tip=n) for n in range(5)]),
        *raws(drawing, "0", *[transfer(DAVE, EVE, 10**10 + n) for n in range(3)]),
        *raws(drawing, "0", transfer(EVE, BOB), Wish(CHARLIE, transfer(BOB, BOB).call)),
        b"\x00\x01",
    ]
    runs = []
    for _ in range(2):
        listener = Listener(drawing, keys=[ALICE, CHARLIE], sign=sign)
        for number, raw in enumerate(offered, 1):
            listener.settle(ExtrinsicOffered(number, raw, watched=True))
        listener.take("a1", "a2", "b2", "b3", "c2", "c3", "c4", "a2")
        listener.hear(RemovalAsked(1, (blake2_256(offered[4]),)))
        for slot in range(drawing.next_slot, drawing.next_slot + 6):
            listener.settle(SlotStarted(slot, slot * SLOT_MS + 3))
        runs.append(([plain(effect) for effect in listener.effects], listener.site.contents()))
        assert any(isinstance(effect, BestChanged) for effect in listener.effects)
    assert runs[0] == runs[1]
