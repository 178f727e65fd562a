"""Every way a block can be wrong: refused by name, and not a byte has changed afterwards.

What can be seen before anything is executed is seen then; the rest is executed once.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from gongshe.chain import importer as importer_room
from gongshe.chain.heads import UnknownParent
from gongshe.chain.importer import AlreadyKnown, FromTheFuture
from gongshe.chain.signatures import SignatureJob, Ticket, VerifierBusyError
from gongshe.chain.transition import InvalidBlock
from gongshe.consensus.slots import claimed_slot, seal_message, slot_claim
from gongshe.primitives.extrinsic import MortalEra, decode_extrinsic, encode_unsigned
from gongshe.primitives.header import (
    AURA,
    Block,
    Consensus,
    Digest,
    DigestItem,
    Header,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)
from gongshe.primitives.records import replace
from gongshe.primitives.types import AddressId
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.pallet import Call
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.trie import ordered_root
from tests.chains import (
    ALICE,
    BOB,
    CHARLIE,
    DAVE,
    EVE,
    SLOT_MS,
    CountingVerifier,
    Drawing,
    Site,
    Wish,
    check_whole,
    sealed_by,
    time_of,
    transfer,
)

RULES = SHIPPED[1]
PAY = RULES.call("Balances", "transfer_keep_alive", AddressId(BOB.public), 1)
DESTROY = RULES.call("Assets", "destroy_accounts", 1)


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing().draw(
        "0 a1 a2 a3 a4",
        "a2 b3",
        a2=[transfer(ALICE, BOB), transfer(DAVE, EVE, 10**10)],
        a3=[transfer(ALICE, BOB), transfer(ALICE, CHARLIE), transfer(DAVE, EVE)],
        b3=[transfer(BOB, ALICE)],
    )


@pytest.fixture
def site(drawing: Drawing) -> Site:
    """A site that waits for a3."""
    site = Site(drawing, verifier=CountingVerifier())
    site.take("a1", "a2")
    return site


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The heights that were executed."""
    heights: list[int] = []
    opened = BlockExecution.open

    def counted(self: BlockExecution) -> None:
        heights.append(self.number)
        opened(self)

    monkeypatch.setattr(BlockExecution, "open", counted)
    return heights


# ---------------------------------------------------------------------- how to spoil a block


def with_header(drawing: Drawing, **changes: object) -> Block:
    """The block a3 with another header, sealed by the leader of its slot."""
    block = drawing["a3"]
    return Block(drawing.seal(replace(block.header, **changes)), block.extrinsics)


def with_digest(drawing: Drawing, *items: DigestItem) -> Block:
    return with_header(drawing, digest=Digest(items))


def with_body(drawing: Drawing, extrinsics: Sequence[bytes]) -> Block:
    """The block a3 with another body that its header names."""
    header = replace(drawing["a3"].header, extrinsics_root=ordered_root(extrinsics))
    return Block(drawing.seal(header), tuple(extrinsics))


def holding(drawing: Drawing, *wishes: Wish) -> Block:
    """The block a3 with its time and these extrinsics, nonces as after a2."""
    signed = [each.raw for each in drawing.signed("a2", wishes)]
    return with_body(drawing, [drawing["a3"].extrinsics[0], *signed])


def telling(drawing: Drawing, *times_ms: int) -> Block:
    """The block a3 with other times."""
    told = [unsigned(RULES.call("Timestamp", "set", time_ms)) for time_ms in times_ms]
    return with_body(drawing, [*told, *drawing["a3"].extrinsics[1:]])


def unsigned(call: Call) -> bytes:
    return encode_unsigned(RULES.call_codec.encode(call))


def signature_of(raw: bytes) -> slice:
    """Where the signature stands in a signed extrinsic."""
    extrinsic = decode_extrinsic(raw)
    assert extrinsic.signature is not None
    start = raw.index(extrinsic.signature.value)
    return slice(start, start + 64)


def spoiled_signature(drawing: Drawing, position: int) -> Block:
    extrinsics = list(drawing["a3"].extrinsics)
    raw = bytearray(extrinsics[position])
    raw[signature_of(bytes(raw))] = bytes(raw[signature_of(bytes(raw))])[::-1]
    extrinsics[position] = bytes(raw)
    return with_body(drawing, extrinsics)


def lent_signature(drawing: Drawing) -> Block:
    """Bob's name over what Alice signed."""
    return authored(
        drawing, drawing.sign("a2", Wish(ALICE, PAY), 0).replace(ALICE.public, CHARLIE.public, 1)
    )


def authored(drawing: Drawing, *wishes: Wish | bytes) -> Block:
    """A block that an author made of these without asking whether their signatures hold."""
    return drawing.block("unasked", "a2", wishes)


def in_slot(drawing: Drawing, slot: int) -> Block:
    return with_digest(drawing, slot_claim(slot))


def slot_of(drawing: Drawing, name: str) -> int:
    return claimed_slot(drawing[name].header)


def sealed_with(drawing: Drawing, *seals: DigestItem) -> Block:
    block = drawing["a3"]
    unsealed, _ = block.header.unsealed()
    digest = Digest((*unsealed.digest.logs, *seals))
    return Block(replace(unsealed, digest=digest), block.extrinsics)


def seal_over(drawing: Drawing, message: bytes) -> Seal:
    return Seal(AURA, drawing.schedule[slot_of(drawing, "a3") % 4].sign(message))


def remark(length: int) -> Wish:
    return Wish(ALICE, RULES.call("System", "remark", bytes(length)))


def batch(*calls: Call) -> Call:
    return RULES.call("Utility", "batch", calls)


def unsealed(drawing: Drawing) -> Header:
    return drawing["a3"].header.unsealed()[0]


@dataclass(frozen=True)
class Wrong:
    """One way to be wrong, and what the refusal says."""

    spoil: Callable[[Drawing], Block]
    says: str
    seen_before: bool = True
    """Whether it is seen before anything is executed."""


CLAIM = PreRuntime(AURA, b"\x00" * 8)

WRONG: dict[str, Wrong] = {
    # the header
    "number too low": Wrong(lambda d: with_header(d, number=2), "number: expected 3, found 2"),
    "number too high": Wrong(lambda d: with_header(d, number=4), "number: expected 3, found 4"),
    "no seal": Wrong(lambda d: sealed_with(d), "an aura seal as the last digest item"),
    "seal of another engine": Wrong(
        lambda d: sealed_with(d, Seal(b"BABE", bytes(64))), "an aura seal as the last digest item"
    ),
    "two seals": Wrong(
        lambda d: sealed_with(
            d, seal_over(d, seal_message(unsealed(d))), seal_over(d, seal_message(unsealed(d)))
        ),
        "one seal",
    ),
    "empty seal": Wrong(lambda d: sealed_with(d, Seal(AURA, b"")), "who leads slot"),
    "another's seal": Wrong(
        lambda d: Block(sealed_by(EVE, d["a3"].header), d["a3"].extrinsics), "who leads slot"
    ),
    "an authority's seal out of turn": Wrong(
        lambda d: Block(
            sealed_by(d.schedule[(slot_of(d, "a3") + 1) % 4], d["a3"].header), d["a3"].extrinsics
        ),
        "who leads slot",
    ),
    "seal over another header": Wrong(
        lambda d: sealed_with(d, seal_over(d, seal_message(d["a4"].header))), "who leads slot"
    ),
    "seal wrapped as text": Wrong(
        lambda d: sealed_with(
            d, seal_over(d, b"<Bytes>" + seal_message(unsealed(d)) + b"</Bytes>")
        ),
        "who leads slot",
    ),
    "no slot": Wrong(
        lambda d: Block(
            sealed_by(ALICE, replace(unsealed(d), digest=Digest())), d["a3"].extrinsics
        ),
        "one claim of a slot",
    ),
    "two slots": Wrong(
        lambda d: Block(
            sealed_by(
                ALICE, replace(unsealed(d), digest=Digest((*unsealed(d).digest.logs, CLAIM)))
            ),
            d["a3"].extrinsics,
        ),
        "one claim of a slot",
    ),
    "slot of seven bytes": Wrong(
        lambda d: Block(
            sealed_by(ALICE, replace(unsealed(d), digest=Digest((PreRuntime(AURA, bytes(7)),)))),
            d["a3"].extrinsics,
        ),
        "a slot of eight bytes",
    ),
    "slot of the parent": Wrong(lambda d: in_slot(d, slot_of(d, "a2")), "a slot after the parent"),
    "slot before the parent": Wrong(
        lambda d: in_slot(d, slot_of(d, "a2") - 4), "a slot after the parent"
    ),
    # the body
    "extrinsics root": Wrong(
        lambda d: with_header(d, extrinsics_root=bytes(32)), "extrinsics root: expected 0000"
    ),
    "body of another block": Wrong(
        lambda d: Block(d["a3"].header, d["a2"].extrinsics), "extrinsics root"
    ),
    "extrinsics in another order": Wrong(
        lambda d: Block(d["a3"].header, d["a3"].extrinsics[::-1]), "extrinsics root"
    ),
    "undecodable call": Wrong(
        lambda d: with_body(d, [*d["a3"].extrinsics, b"\x0c\x04\xff\xff"]),
        "extrinsic 4: BadFormat",
    ),
    "length that does not hold": Wrong(
        lambda d: with_body(d, [*d["a3"].extrinsics[:3], d["a3"].extrinsics[3] + b"\x00"]),
        "extrinsic 3: BadFormat",
    ),
    "empty extrinsic": Wrong(
        lambda d: with_body(d, [*d["a3"].extrinsics, b""]), "extrinsic 4: BadFormat"
    ),
    "format of another version": Wrong(
        lambda d: with_body(d, [*d["a3"].extrinsics, b"\x10\x05\x00\x00\x00"]),
        "extrinsic 4: BadFormat",
    ),
    # what only execution shows
    "state root": Wrong(lambda d: with_header(d, state_root=bytes(32)), "state root", False),
    "no extrinsics": Wrong(lambda d: with_body(d, []), "time must be set exactly once", False),
    "no time": Wrong(lambda d: telling(d), "time must be set exactly once", False),
    "two times": Wrong(
        lambda d: telling(d, time_of(d["a3"]), time_of(d["a3"]) + 1),
        "time must be set exactly once",
        False,
    ),
    "time of the next slot": Wrong(
        lambda d: telling(d, time_of(d["a3"]) + SLOT_MS), "a time within slot", False
    ),
    "time of an earlier slot": Wrong(
        lambda d: telling(d, time_of(d["a3"]) - 1), "a time within slot", False
    ),
    "time before the parent's": Wrong(lambda d: telling(d, 1), "a time of", False),
    "time after other extrinsics": Wrong(
        lambda d: with_body(d, [*d["a3"].extrinsics[1:], d["a3"].extrinsics[0]]),
        "extrinsic 3: order",
    ),
    "unsigned call of a user": Wrong(
        lambda d: with_body(
            d,
            [
                d["a3"].extrinsics[0],
                unsigned(RULES.call("Balances", "transfer_keep_alive", AddressId(EVE.public), 1)),
                *d["a3"].extrinsics[1:],
            ],
        ),
        "extrinsic 1: Call",
        False,
    ),
    "signed inherent": Wrong(
        lambda d: holding(d, Wish(ALICE, RULES.call("Timestamp", "set", time_of(d["a3"])))),
        "extrinsic 1: MandatoryValidation",
        False,
    ),
    "nonce used before": Wrong(
        lambda d: holding(d, transfer(ALICE, BOB, nonce=0)), "extrinsic 1: Stale", False
    ),
    "nonce to come": Wrong(
        lambda d: holding(d, transfer(ALICE, BOB, nonce=2)), "extrinsic 1: Future", False
    ),
    "same extrinsic twice": Wrong(
        lambda d: with_body(d, [*d["a3"].extrinsics, d["a3"].extrinsics[1]]),
        "extrinsic 4: Stale",
        False,
    ),
    "sender without money": Wrong(
        lambda d: holding(d, transfer(BOB, ALICE, tip=10**20)), "extrinsic 1: Payment", False
    ),
    "sender who never was": Wrong(
        lambda d: with_body(
            d,
            [
                *d["a3"].extrinsics,
                d.sign("a2", Wish(CHARLIE, RULES.call("System", "remark", b"")), 0).replace(
                    CHARLIE.public, bytes(32), 1
                ),
            ],
        ),
        "extrinsic 4: BadSigner",
        False,
    ),
    "longer than a block": Wrong(
        lambda d: holding(d, *[remark(1 << 20)] * 4), "extrinsic 4: ExhaustsResources", False
    ),
    "heavier than a block": Wrong(
        lambda d: holding(d, Wish(ALICE, batch(*[DESTROY] * 200))),
        "extrinsic 1: ExhaustsResources",
        False,
    ),
    "era that begins with the block itself": Wrong(
        lambda d: with_body(
            d,
            [
                *d["a3"].extrinsics,
                d.sign("a2", transfer(BOB, ALICE, era=MortalEra.around(3, 4)), 0),
            ],
        ),
        "extrinsic 4: AncientBirthBlock",
    ),
    "broken sr25519 signature": Wrong(
        lambda d: spoiled_signature(d, 1), "signature: expected every signature to hold", False
    ),
    "broken ed25519 signature": Wrong(
        lambda d: spoiled_signature(d, 3), "signature: expected every signature to hold", False
    ),
    "another's signature": Wrong(
        lent_signature, "signature: expected every signature to hold", False
    ),
    "signature wrapped by a wallet": Wrong(
        lambda d: authored(d, Wish(ALICE, PAY, wrapped=True)),
        "signature: expected every signature to hold",
        False,
    ),
    "digest that the runtime did not write": Wrong(
        lambda d: with_digest(d, slot_claim(slot_of(d, "a3")), Consensus(AURA, b"a new schedule")),
        "digest",
        False,
    ),
    "upgrade that the runtime did not make": Wrong(
        lambda d: with_digest(d, slot_claim(slot_of(d, "a3")), RuntimeEnvironmentUpdated()),
        "digest",
        False,
    ),
    "digest in another order": Wrong(
        lambda d: with_digest(d, RuntimeEnvironmentUpdated(), slot_claim(slot_of(d, "a3"))),
        "digest",
        False,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_block_is_refused_by_name_and_changes_nothing(
    drawing: Drawing, site: Site, executed: list[int], name: str
) -> None:
    wrong = WRONG[name]
    block = wrong.spoil(drawing)
    executed.clear()  # spoiling may have meant authoring
    before = site.contents()
    with pytest.raises(InvalidBlock) as refused:
        site.offer(block)
    assert wrong.says in str(refused.value)
    assert executed == ([] if wrong.seen_before else [3])
    assert site.contents() == before
    assert site.best == "a2"
    site.take("a3")  # the true block is welcome after its caricature
    check_whole(site)


@pytest.mark.parametrize("name", [name for name, wrong in WRONG.items() if not wrong.seen_before])
def test_a_wrong_block_is_executed_once_however_often_it_is_offered(
    drawing: Drawing, site: Site, executed: list[int], name: str
) -> None:
    block = WRONG[name].spoil(drawing)
    executed.clear()
    texts = set()
    for _ in range(3):
        with pytest.raises(InvalidBlock) as refused:
            site.offer(block)
        texts.add(str(refused.value))
    assert executed == [3]
    assert len(texts) == 1


def test_a_false_body_does_not_bring_its_header_into_disrepute(
    drawing: Drawing, site: Site
) -> None:
    true = drawing["a3"]
    for body in ((), true.extrinsics[:-1], (*true.extrinsics, b"\x00"), true.extrinsics * 20_000):
        with pytest.raises(InvalidBlock):
            site.offer(Block(true.header, body))
    site.take("a3")
    assert site.best == "a3"


def test_a_refused_block_is_not_kept_in_memory(drawing: Drawing, site: Site) -> None:
    class Traced(list[bytes]):
        """A body whose end is seen."""

    wrong = with_header(drawing, state_root=bytes(32))
    body = Traced(wrong.extrinsics)
    block = Block(wrong.header, body)  # type: ignore[arg-type]
    seen = weakref.ref(body)
    for _ in range(3):
        with pytest.raises(InvalidBlock):
            site.offer(block)
    del block, body, wrong
    gc.collect()
    assert seen() is None


def test_only_so_many_bad_blocks_are_remembered(
    drawing: Drawing, site: Site, executed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer_room, "MAX_BAD_BLOCKS", 2)
    blocks = [with_header(drawing, state_root=bytes((byte,)) * 32) for byte in range(3)]
    for block in [*blocks, blocks[2], blocks[0]]:
        with pytest.raises(InvalidBlock):
            site.offer(block)
    assert len(executed) == 4


def test_a_known_block_is_known(drawing: Drawing, site: Site, executed: list[int]) -> None:
    before = site.contents()
    for name in ("0", "a1", "a2"):
        with pytest.raises(AlreadyKnown):
            site.importer.import_block(drawing[name], 0)
    assert not executed
    assert site.contents() == before


def test_a_block_without_its_parent_may_come_back(drawing: Drawing, site: Site) -> None:
    with pytest.raises(UnknownParent):
        site.take("a4")
    site.take("a3", "a4")
    assert site.best == "a4"


def test_a_block_of_the_future_may_come_back_when_its_slot_has_begun(
    drawing: Drawing, site: Site, executed: list[int]
) -> None:
    block = drawing["a3"]
    early = time_of(block) - importer_room.SLOTS_AHEAD * SLOT_MS - 1
    with pytest.raises(FromTheFuture):
        site.importer.import_block(block, early)
    assert not executed
    site.importer.import_block(block, early + 1)
    assert site.best == "a3"


def test_an_authority_may_send_two_blocks_of_one_slot(drawing: Drawing, site: Site) -> None:
    """Which is an offence to report, but both are valid."""
    twin = Drawing()
    twin.blocks, twin.store = dict(drawing.blocks), drawing.store
    block = twin.block("twin of a3", "a2", [remark(1)], slot_of(drawing, "a3"))
    site.take("a3")
    site.offer(block)
    check_blocks = sorted(head.number for head in site.store.heads.unfinalized())
    assert check_blocks == [1, 2, 3, 3]


def test_pre_runtime_items_of_other_engines_are_carried_along(drawing: Drawing) -> None:
    """A claim that this version does not know changes the state; its root must say so."""
    site = Site(drawing)
    site.take("a1", "a2")
    claim = slot_claim(slot_of(drawing, "a3"))
    for stranger in (PreRuntime(b"vrf ", b"proof"), Other(b"data")):
        with pytest.raises(InvalidBlock, match="state root"):
            site.offer(with_digest(drawing, claim, stranger))


def test_busy_signature_checkers_do_not_keep_a_block_out(drawing: Drawing) -> None:
    class Busy:
        def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
            raise VerifierBusyError("too much is waiting")

    site = Site(drawing, verifier=Busy())
    site.take("a1", "a2", "a3")
    assert site.best == "a3"
    site = Site(drawing, verifier=Busy())
    site.take("a1", "a2")
    with pytest.raises(InvalidBlock, match="signature"):
        site.offer(spoiled_signature(drawing, 1))


def test_a_signature_is_checked_once_wherever_its_extrinsic_came_from(drawing: Drawing) -> None:
    verifier = CountingVerifier()
    site = Site(drawing, verifier=verifier)
    site.take("a1")
    site.verified.add(decode(RULES, drawing["a2"].extrinsics[1]), drawing.genesis.block_hash)
    site.take("a2")
    assert verifier.asked == 1  # Dave's; Alice's was known


def test_an_extrinsic_verified_on_one_fork_is_verified_anew_on_another() -> None:
    """A mortal extrinsic signs the hash of the block at which its era began."""
    drawing = Drawing().draw("0 a1 a2", "0 b1 b2")
    era = MortalEra.around(1, 4)
    drawing.draw("a2 a3", a3=[transfer(ALICE, BOB, era=era)])
    drawing.draw("b2 b3", b3=[transfer(ALICE, BOB, era=era)])
    raw = drawing["a3"].extrinsics[1]
    verifier = CountingVerifier()
    site = Site(drawing, verifier=verifier)
    site.take("a1", "a2", "b1", "b2")
    site.verified.add(decode(RULES, raw), drawing.hash("a1"))
    site.take("a3")
    assert verifier.asked == 0
    body = (drawing["b3"].extrinsics[0], raw)  # its signature covers a1, not b1
    header = replace(drawing["b3"].header, extrinsics_root=ordered_root(body))
    with pytest.raises(InvalidBlock, match="signature"):
        site.offer(Block(drawing.seal(header), body))
    assert verifier.asked == 1
    check_whole(site)
