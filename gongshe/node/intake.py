"""Extrinsics on their way into the pool: judged, their signatures sent off, let in.

Everything but the signature is judged first, because a signature costs more than all the rest;
what came together is checked together, in one batch. What a re-organization brings back comes this
way again: the pool follows the best chain here.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from gongshe.chain.pool import Pool
from gongshe.chain.pool_entries import charge
from gongshe.chain.pool_records import (
    Admission,
    PoolRefused,
    RefusalKind,
    Told,
    judged,
    malformed,
)
from gongshe.chain.signatures import SignatureJob
from gongshe.chain.store import Applied, ChainStore
from gongshe.chain.transition import MAX_TRACE, Assemblies, Verified, signature_job
from gongshe.node.messages import (
    Answered,
    CheckSignatures,
    Effect,
    ExtrinsicOffered,
    FaultFound,
    Halted,
    StatusTold,
)
from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.header import Digest
from gongshe.primitives.records import Record
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.assembly import SpecVersionMissing
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.validity import DecodedExtrinsic, Refused, ValidTransaction, decode
from gongshe.storage.database import StoreError

RETURNED = 0
"""Stands for the offer of extrinsics that come back from a block that left the best chain."""

MAX_BATCHES = 1_024
"""Batches of signatures being checked at once; more means the checkers are lost."""


MAX_HELD = 64 << 20
"""Bytes that extrinsics are charged with while their signature is checked. Nobody has paid for
them yet: whose account they name need not know of them."""


MAX_JUDGED = 65_536
"""Values of the best state kept at hand, some 20 MB: each extrinsic brings an account of its own,
whether or not there is one, and where no block is made for long nothing else makes room."""


class Waiting(Record, eq=False):
    """An extrinsic whose signature is being checked."""

    offer: int
    extrinsic: DecodedExtrinsic
    charge: int
    birth_hash: bytes
    watched: bool
    valid: ValidTransaction
    judged_on: bytes
    """The block on which it is valid; on another one it is judged again."""


class Intake:
    """Lets extrinsics into the pool that are valid on the best block and truly signed."""

    def __init__(
        self, store: ChainStore, assemblies: Assemblies, pool: Pool, verified: Verified
    ) -> None:
        self._store, self._assemblies = store, assemblies
        self._pool, self._verified = pool, verified
        self._waiting: dict[int, tuple[Waiting, ...]] = {}
        self._next_batch = 0
        self._held = 0
        self._judge: BlockExecution | None = None
        self.now_ms = 0

    def offered(self, offers: Sequence[ExtrinsicOffered]) -> list[Effect]:
        """Judge extrinsics by everything but their signature, and send those off together."""
        effects: list[Effect] = []
        waiting: list[Waiting] = []
        jobs: list[SignatureJob] = []
        busy = len(self._waiting) >= MAX_BATCHES
        for offer in offers:
            try:
                if offer.offer != RETURNED and (busy or self._held >= MAX_HELD):
                    raise self._busy()
                taken = self._judged(offer)
            except PoolRefused as refused:
                effects += self._refused(offer.offer, blake2_256(offer.raw), refused)
                continue
            except (StoreError, MemoryError, SpecVersionMissing):
                raise
            except Exception as fault:  # one stranger's extrinsic must not stop the node
                effects += self._broken(offer, fault)
                continue
            waiting.append(taken[0])
            jobs.append(taken[1])
            self._held += taken[0].charge
        if not waiting:
            return effects
        self._next_batch += 1
        self._waiting[self._next_batch] = tuple(waiting)
        effects.append(CheckSignatures(self._next_batch, tuple(jobs)))
        return effects

    def _judged(self, offer: ExtrinsicOffered) -> tuple[Waiting, SignatureJob]:
        judge = self._judge_of_best()
        try:
            extrinsic = decode(judge.assembly, offer.raw)
            self._pool.screen(extrinsic.hash, self.now_ms)
            valid = judge.validate(extrinsic)
            birth_hash = judge.birth_hash(extrinsic)
            job = signature_job(judge, self._store.genesis_hash, extrinsic)
        except ScaleError as fault:
            raise malformed(fault) from None
        except Refused as refused:
            raise judged(refused) from None
        if job is None:
            raise PoolRefused(RefusalKind.UNKNOWN_VALIDITY, "NoUnsignedValidator")
        best = self._store.heads.best.block_hash
        return Waiting(
            offer.offer, extrinsic, charge(extrinsic), birth_hash, offer.watched, valid, best
        ), job

    def checked(self, batch: int, answers: Sequence[bool]) -> list[Effect]:
        """Let into the pool whoever has signed what they sent."""
        effects: list[Effect] = []
        again: list[ExtrinsicOffered] = []
        asked = self._waiting.pop(batch, None)
        if asked is None:
            return effects
        best = self._store.heads.best.block_hash
        for waiting, holds in zip(asked, answers, strict=True):
            extrinsic = waiting.extrinsic
            self._held -= waiting.charge
            try:
                if waiting.judged_on != best and not self._still_asked(waiting):
                    again.append(ExtrinsicOffered(waiting.offer, extrinsic.raw, waiting.watched))
                    continue
                admission = self._admitted(waiting, holds)
            except PoolRefused as refusal:
                effects += self._refused(waiting.offer, extrinsic.hash, refusal)
                continue
            self._verified.add(extrinsic, waiting.birth_hash)
            if waiting.offer != RETURNED:
                effects.append(Answered(waiting.offer, extrinsic.hash, None))
            effects += statuses(admission.told)
        return effects + (self.offered(again) if again else [])

    def follow(self, applied: Applied, included: Sequence[DecodedExtrinsic]) -> list[Effect]:
        """Let the pool take notice of blocks that left and joined the best chain.

        `included` is what the block that was inserted holds.
        """
        effects: list[Effect] = []
        left: list[list[DecodedExtrinsic]] = []
        stand: set[bytes] = set()
        route, inserted = applied.route, applied.inserted
        if route is None:
            return effects
        for block_hash in reversed(route.retracted):
            extrinsics = self._read(applied.left[block_hash])
            effects += statuses(self._pool.retracted(block_hash, extrinsics))
            left.append(extrinsics)
        first = applied.best.number - len(route.enacted) + 1
        for number, block_hash in enumerate(route.enacted, first):
            joined = included
            if inserted is None or block_hash != inserted.block_hash:
                joined = self._read(self._store.blocks.body(block_hash) or ())
            admission = self._pool.block_imported(block_hash, number, joined)
            effects += statuses(admission.told)
            if left:
                stand.update(each.hash for each in joined)
        returned = [
            each
            for extrinsics in reversed(left)
            for each in extrinsics
            if each.signature and each.hash not in stand
        ]
        try:
            effects += self._let_go_of_outdated()
            return effects + self._take_back(returned)
        except SpecVersionMissing as missing:
            return [*effects, Halted(str(missing))]

    def _take_back(self, returned: Sequence[DecodedExtrinsic]) -> list[Effect]:
        """Offer to the pool what blocks that left the best chain held, as many as it can hold."""
        effects: list[Effect] = []
        room = self._pool.limits.count
        for extrinsic in returned[room:]:
            reason = f"{len(returned)} extrinsics lost their block at once; submit it again"
            effects += statuses(self._pool.give_up(extrinsic.hash, reason))
        offers = [ExtrinsicOffered(RETURNED, each.raw) for each in returned[:room]]
        return effects + (self.offered(offers) if offers else [])

    def chain_changed(self) -> None:
        """Judge by the present best block from now on; views of earlier states have expired."""
        self._judge = None

    def _still_asked(self, waiting: Waiting) -> bool:
        """Tell whether what was checked is what must have been signed for the next block.

        An upgrade or a re-organization meanwhile may have changed it.
        """
        judge, extrinsic = self._judge_of_best(), waiting.extrinsic
        if extrinsic.spec_version != judge.assembly.spec_version:
            return False
        try:
            return judge.birth_hash(extrinsic) == waiting.birth_hash
        except Refused as refused:
            raise judged(refused) from None

    def _refused(self, offer: int, extrinsic_hash: bytes, refusal: PoolRefused) -> list[Effect]:
        """Answer whoever offered an extrinsic; of a returned one, tell whoever watches it."""
        if offer != RETURNED:
            return [Answered(offer, extrinsic_hash, refusal)]
        return statuses(self._pool.give_up(extrinsic_hash, str(refusal)))

    def _broken(self, offer: ExtrinsicOffered, fault: Exception) -> list[Effect]:
        """Refuse an extrinsic that brings out a fault of this program, and tell the operator."""
        extrinsic_hash = blake2_256(offer.raw)
        trace = "".join(traceback.format_exception(fault))[-MAX_TRACE:]
        refused = PoolRefused(
            RefusalKind.UNKNOWN_VALIDITY,
            "CannotJudge",
            expected="a program without faults",
            found=type(fault).__name__,
            hint="tell this node's operator, whose log has more",
        )
        where = f"extrinsic 0x{extrinsic_hash.hex()} cannot be judged: {fault!r}"
        return [FaultFound(where, trace), *self._refused(offer.offer, extrinsic_hash, refused)]

    def _busy(self) -> PoolRefused:
        return PoolRefused(
            RefusalKind.POOL_FULL,
            "Busy",
            expected=f"under {MAX_BATCHES} batches and {MAX_HELD} bytes whose signature is checked",
            found=f"{len(self._waiting)} batches, {self._held} bytes",
            hint="submit it again in a second",
        )

    def _admitted(self, waiting: Waiting, holds: bool) -> Admission:
        if not holds:
            raise PoolRefused(
                RefusalKind.INVALID,
                "BadProof",
                expected="a signature by the sender over this chain's payload",
                found="one that does not hold",
                hint="check genesis hash, spec version, nonce and era that were signed",
            )
        best, valid = self._store.heads.best, waiting.valid
        if waiting.judged_on != best.block_hash:
            try:
                valid = self._judge_of_best().validate(waiting.extrinsic)
            except Refused as refused:
                raise judged(refused) from None
        return self._pool.submit(
            waiting.extrinsic,
            valid,
            best.number,
            self.now_ms,
            watched=waiting.watched,
        )

    def _judge_of_best(self) -> BlockExecution:
        """Return the rules and state by which extrinsics are judged: those of the best block."""
        if self._judge is None or len(self._judge.state.values) > MAX_JUDGED:
            best = self._store.heads.best
            self._judge = BlockExecution(
                self._assemblies,
                self._store.states.executing(best.block_hash),
                best.number + 1,
                best.block_hash,
                Digest(),
            )
        return self._judge

    def _let_go_of_outdated(self) -> list[Effect]:
        """Drop what was signed for another spec version than the next block's."""
        version = self._judge_of_best().assembly.spec_version
        effects: list[Effect] = []
        for extrinsic_hash in self._pool.outdated(version):
            reason = f"signed for another spec version than {version}; sign it again"
            told = self._pool.remove_invalid(extrinsic_hash, reason, self.now_ms, ban=False)
            effects += statuses(told)
        return effects

    def _read(self, body: Sequence[bytes]) -> list[DecodedExtrinsic]:
        """Return the extrinsics of a block that was executed before, under some spec version."""
        return [self._read_one(raw) for raw in body]

    def _read_one(self, raw: bytes) -> DecodedExtrinsic:
        for assembly in self._assemblies.values():
            try:
                return decode(assembly, raw)
            except ScaleError:
                continue
        raise AssertionError("none of the rules that executed this extrinsic can read it")


def statuses(told: Sequence[Told]) -> list[Effect]:
    """Return the effects by which watchers hear of their extrinsics."""
    return [StatusTold(each.extrinsic_hash, each.status) for each in told]
