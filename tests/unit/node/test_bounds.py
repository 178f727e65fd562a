"""What strangers may have this node hold or do before they have paid for anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import cast

import pytest
import trio

from gongshe.chain import pool_records, transition
from gongshe.chain.pool import Pool
from gongshe.chain.pool_entries import charge
from gongshe.chain.queries import ChainQueries
from gongshe.chain.signatures import InlineVerifier, SignatureJob, VerifierFailedError
from gongshe.chain.transition import Verified
from gongshe.node import doors, intake
from gongshe.node.conductor import Conduct, Conductor
from gongshe.node.doors import PoolDoor
from gongshe.node.messages import (
    Answered,
    CheckSignatures,
    ExtrinsicOffered,
    FaultFound,
    Input,
    SignaturesChecked,
    StatusTold,
    WatchEnded,
)
from gongshe.node.service import MAX_INPUT_BYTES, MAX_INPUTS, Node, one_helping
from gongshe.rpc import backend
from gongshe.rpc.backend import Refusal, Submitted
from gongshe.rpc.server import Server
from gongshe.runtime.pallets.system import KeyValue, System
from gongshe.runtime.versions import SHIPPED
from tests.chains import ALICE, BOB, CHARLIE, DAVE, Drawing, Site, Wish, never, transfer

RULES = SHIPPED[1]


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing()


def dense(drawing: Drawing, nonce: int) -> bytes:
    """A batch of ten thousand remarks: 30 kB that become megabytes."""
    batch = RULES.call("Utility", "batch", (RULES.call("System", "remark", b""),) * 10_000)
    return drawing.signed("0", [Wish(ALICE, batch, nonce)])[0].raw


# ------------------------------------------------------------------------------ one helping


def test_the_conductor_is_given_many_small_inputs_at_once() -> None:
    small: list[Input] = [ExtrinsicOffered(n, bytes(10)) for n in range(MAX_INPUTS + 1)]
    assert one_helping(small) == MAX_INPUTS
    assert one_helping(small[:7]) == 7
    assert one_helping([]) == 0


def test_the_conductor_is_given_large_extrinsics_a_few_at_a_time() -> None:
    """Slots are heard between helpings; two thousand at once would take the time of minutes."""
    third: Input = ExtrinsicOffered(1, bytes(MAX_INPUT_BYTES // 3))
    giant: Input = ExtrinsicOffered(2, bytes(MAX_INPUT_BYTES * 2))
    assert one_helping([third] * 9) == 3
    assert one_helping([giant] * 9) == 1
    assert one_helping([third, giant, third]) == 1
    assert one_helping([SignaturesChecked(1, ()), giant]) == 1
    assert one_helping([giant, SignaturesChecked(1, ())]) == 2


# ------------------------------------------------------------------- before signatures are known


def test_extrinsics_without_a_known_signature_hold_so_much_memory_and_no_more(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They need not be signed by whom they name, so anybody may make any number of them."""
    raws = [dense(drawing, nonce) for nonce in range(3)]
    size = charge(drawing.signed("0", [raws[0]])[0])
    assert size > 2_000_000
    monkeypatch.setattr(intake, "MAX_HELD", size + 1)
    node = Conductor(Site(drawing).store, SHIPPED, InlineVerifier(), Pool(), {}, Conduct(), never)
    offers = [ExtrinsicOffered(number, raw) for number, raw in enumerate(raws, 1)]
    refused, asked = node.handle_all(offers)
    assert isinstance(refused, Answered)
    assert refused.refusal is not None
    assert refused.refusal.error == "Busy"
    assert refused.offer == 3
    assert isinstance(asked, CheckSignatures)
    node.handle(SignaturesChecked(asked.batch, (False,) * len(asked.jobs)))
    (asked,) = node.handle_all(offers[2:])
    assert isinstance(asked, CheckSignatures), "what was answered makes room"


def test_accounts_that_nobody_has_do_not_pile_up_while_no_block_is_made(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_JUDGED", 50)
    node = Conductor(Site(drawing).store, SHIPPED, InlineVerifier(), Pool(), {}, Conduct(), never)
    raw = drawing.signed("0", [transfer(ALICE, BOB)])[0].raw
    for number in range(200):
        stranger = raw.replace(ALICE.public, number.to_bytes(32, "big"))
        (answered,) = node.handle(ExtrinsicOffered(1, stranger))
        assert isinstance(answered, Answered)
        assert answered.refusal is not None
        judge = node.intake._judge
        assert judge is not None
        assert len(judge.state.values) < 60


def test_an_extrinsic_that_brings_out_a_fault_is_refused_and_stops_nothing() -> None:
    """Root can write anything; whoever names what it has broken may not end the node."""
    drawing = Drawing()
    broken = KeyValue(System.account.key(BOB.public), b"\xff")
    order = RULES.call("Sudo", "sudo", RULES.call("System", "set_storage", (broken,)))
    victim, other = (drawing.signed("0", [transfer(who, DAVE)])[0].raw for who in (BOB, CHARLIE))
    drawing.draw("0 a1", a1=[Wish(ALICE, order)])
    site = Site(drawing)
    site.take("a1")
    node = Conductor(site.store, SHIPPED, InlineVerifier(), Pool(), {}, Conduct(), never)
    fault, refused, asked = node.handle_all(
        [ExtrinsicOffered(1, victim), ExtrinsicOffered(2, other)]
    )
    assert isinstance(fault, FaultFound)
    assert "CorruptState" in fault.where
    assert isinstance(refused, Answered)
    assert refused.refusal is not None
    assert (refused.offer, refused.refusal.error) == (1, "CannotJudge")
    assert isinstance(asked, CheckSignatures)
    assert len(asked.jobs) == 1


def test_checked_extrinsics_are_remembered_by_their_size(drawing: Drawing) -> None:
    """The pool pushes out what is worth least; it must not live on among those checked."""
    extrinsics = drawing.signed("0", [dense(drawing, nonce) for nonce in range(4)])
    size = charge(extrinsics[0])
    verified = Verified(size_limit=2 * size + 100)
    for each in (*extrinsics, extrinsics[3], extrinsics[2]):
        verified.add(each, bytes(32))
    assert len(verified) == 2
    small = drawing.signed("0", [transfer(BOB, DAVE)])[0]
    verified.add(small, bytes(32))
    assert len(verified) == 2
    assert Pool().limits.size < transition.MAX_VERIFIED_SIZE


# ---------------------------------------------------------------------------------- the door


class Hearing:
    """A door to a pool, and everything that goes through it in either direction."""

    def __init__(self, drawing: Drawing) -> None:
        self.sent: list[Input] = []
        self.answers: list[Submitted | Refusal] = []
        queries = ChainQueries(Site(drawing).store, SHIPPED)
        self.door = PoolDoor(Pool(), queries, Lock(), self.sent.append)

    def submit(self, raw: bytes, watch: Callable[[backend.Status], None] | None = None) -> None:
        self.door.submit(raw, self.answers.append, watch)


def test_submissions_under_way_are_bounded_in_bytes(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "MAX_OFFERED", 1_000)
    hearing = Hearing(drawing)
    for _ in range(3):
        hearing.submit(bytes(400))
    (refused,) = hearing.answers
    assert isinstance(refused, Refusal)
    assert refused.error == "Busy"
    hearing.door.answered(Answered(1, bytes(32), None))
    hearing.submit(bytes(400))
    assert len(hearing.sent) == 3


def test_two_may_watch_one_extrinsic_and_leave_in_any_order(drawing: Drawing) -> None:
    """A re-organization lets an extrinsic be submitted again while its first watcher stays."""
    hearing = Hearing(drawing)
    heard: list[tuple[str, backend.Status]] = []

    def first(status: backend.Status) -> None:
        heard.append(("first", status))

    def second(status: backend.Status) -> None:
        heard.append(("second", status))

    named = bytes(32)
    for offer, watch in enumerate((first, second), 1):
        hearing.submit(b"same", watch)
        hearing.door.answered(Answered(offer, named, None))
    hearing.door.told(StatusTold(named, pool_records.Ready()))
    assert [who for who, _ in heard] == ["first", "second"]
    hearing.sent.clear()
    hearing.door.unwatch(first)
    assert not hearing.sent, "the second is still told"
    hearing.door.told(StatusTold(named, pool_records.Dropped()))
    assert [who for who, _ in heard[2:]] == ["second"]
    hearing.door.unwatch(second)
    hearing.door.unwatch(first)
    assert not hearing.sent, "a last status has ended it"


def test_the_last_to_leave_ends_the_watch(drawing: Drawing) -> None:
    hearing = Hearing(drawing)
    watches: list[Callable[[backend.Status], None]] = [lambda _: None, lambda _: None]
    for offer, watch in enumerate(watches, 1):
        hearing.submit(b"same", watch)
        hearing.door.answered(Answered(offer, bytes(32), None))
    hearing.sent.clear()
    for watch in watches:
        hearing.door.unwatch(watch)
    assert hearing.sent == [WatchEnded(bytes(32))]


# ------------------------------------------------------------------- signature checkers that fail


class LostTicket:
    """A batch that nobody will answer."""

    def results(self) -> list[bool]:
        """Say so."""
        raise VerifierFailedError("the checkers are gone")

    def notify(self, callback: Callable[[], None]) -> None:
        """Call back at once."""
        callback()


class LosingVerifier:
    """Takes every batch and loses it."""

    def submit(self, jobs: Sequence[SignatureJob]) -> LostTicket:
        """Take a batch."""
        return LostTicket()


def test_checkers_that_fail_end_the_node_by_name(drawing: Drawing) -> None:
    """On a clean stop, too, tickets fail: neither may look like a fault inside the event loop."""
    site = Site(drawing)
    node = Node(site.store, SHIPPED, LosingVerifier(), Pool(), {}, Conduct())
    (extrinsic,) = drawing.signed("0", [transfer(CHARLIE, BOB)])

    async def run() -> None:
        node.pool_door.submit(extrinsic.raw, lambda _: None)
        await node.run(cast("Server", None))

    with pytest.raises(BaseExceptionGroup) as ended:
        trio.run(run)
    assert ended.group_contains(VerifierFailedError)
