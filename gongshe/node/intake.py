"""Extrinsics on their way into the pool: judged, their signatures sent off, let in.

Everything but the signature is judged first, because a signature costs more than all the rest;
what came together is checked together, in one batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from gongshe.chain.pool import Pool
from gongshe.chain.pool_records import (
    Admission,
    PoolRefused,
    RefusalKind,
    Told,
    judged,
    malformed,
)
from gongshe.chain.signatures import SignatureJob
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import Assemblies, Verified, signature_job
from gongshe.node.messages import (
    Answered,
    CheckSignatures,
    Effect,
    ExtrinsicOffered,
    StatusTold,
)
from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.header import Digest
from gongshe.primitives.records import Record
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.validity import DecodedExtrinsic, Refused, decode

RETURNED = 0
"""Stands for the offer of extrinsics that come back from a block that left the best chain."""

MAX_BATCHES = 1_024
"""Batches of signatures being checked at once; more means the checkers are lost."""


class Waiting(Record, eq=False):
    """An extrinsic whose signature is being checked."""

    offer: int
    extrinsic: DecodedExtrinsic
    birth_hash: bytes
    watched: bool


class Intake:
    """Lets extrinsics into the pool that are valid on the best block and truly signed."""

    def __init__(
        self, store: ChainStore, assemblies: Assemblies, pool: Pool, verified: Verified
    ) -> None:
        self._store, self._assemblies = store, assemblies
        self._pool, self._verified = pool, verified
        self._waiting: dict[int, tuple[Waiting, ...]] = {}
        self._next_batch = 0
        self._judge: BlockExecution | None = None
        self.now_ms = 0

    def offered(self, offers: Sequence[ExtrinsicOffered]) -> list[Effect]:
        """Judge extrinsics by everything but their signature, and send those off together."""
        effects: list[Effect] = []
        waiting: list[Waiting] = []
        jobs: list[SignatureJob] = []
        for offer in offers:
            try:
                taken = self._judged(offer)
            except PoolRefused as refused:
                effects += self._refused(offer.offer, blake2_256(offer.raw), refused)
                continue
            waiting.append(taken[0])
            jobs.append(taken[1])
        if not waiting:
            return effects
        if len(self._waiting) >= MAX_BATCHES:
            busy = PoolRefused(
                RefusalKind.POOL_FULL,
                "Busy",
                expected=f"fewer than {MAX_BATCHES} batches of signatures under way",
                found=len(self._waiting),
                hint="submit it again in a second",
            )
            for each in waiting:
                effects += self._refused(each.offer, each.extrinsic.hash, busy)
            return effects
        self._next_batch += 1
        self._waiting[self._next_batch] = tuple(waiting)
        effects.append(CheckSignatures(self._next_batch, tuple(jobs)))
        return effects

    def _judged(self, offer: ExtrinsicOffered) -> tuple[Waiting, SignatureJob]:
        judge = self.judge()
        try:
            extrinsic = decode(judge.assembly, offer.raw)
            self._pool.screen(extrinsic.hash, self.now_ms)
            judge.check(extrinsic, exact_nonce=False)
            birth_hash = judge.birth_hash(extrinsic)
            job = signature_job(judge, self._store.genesis_hash, extrinsic)
        except ScaleError as fault:
            raise malformed(fault) from None
        except Refused as refused:
            raise judged(refused) from None
        if job is None:
            raise PoolRefused(RefusalKind.UNKNOWN_VALIDITY, "NoUnsignedValidator")
        return Waiting(offer.offer, extrinsic, birth_hash, offer.watched), job

    def checked(self, batch: int, answers: Sequence[bool]) -> list[Effect]:
        """Let into the pool whoever has signed what they sent."""
        effects: list[Effect] = []
        for waiting, holds in zip(self._waiting.pop(batch, ()), answers, strict=True):
            extrinsic = waiting.extrinsic
            if not holds:
                refused = PoolRefused(
                    RefusalKind.INVALID,
                    "BadProof",
                    expected="a signature by the sender over this chain's payload",
                    found="one that does not hold",
                    hint="check genesis hash, spec version, nonce and era that were signed",
                )
                effects += self._refused(waiting.offer, extrinsic.hash, refused)
                continue
            try:
                admission = self._admitted(waiting)
            except PoolRefused as refusal:
                effects += self._refused(waiting.offer, extrinsic.hash, refusal)
                continue
            self._verified.add(extrinsic, waiting.birth_hash)
            if waiting.offer != RETURNED:
                effects.append(Answered(waiting.offer, extrinsic.hash, None))
            effects += statuses(admission.told)
        return effects

    def _refused(self, offer: int, extrinsic_hash: bytes, refusal: PoolRefused) -> list[Effect]:
        """Answer whoever offered an extrinsic; of a returned one, tell whoever watches it."""
        if offer != RETURNED:
            return [Answered(offer, extrinsic_hash, refusal)]
        return statuses(self._pool.give_up(extrinsic_hash, str(refusal)))

    def _admitted(self, waiting: Waiting) -> Admission:
        judge = self.judge()
        try:
            valid = judge.validate(waiting.extrinsic)
        except Refused as refused:
            raise judged(refused) from None
        return self._pool.submit(
            waiting.extrinsic,
            valid,
            self._store.heads.best.number,
            self.now_ms,
            watched=waiting.watched,
        )

    def judge(self) -> BlockExecution:
        """Return the rules and state by which extrinsics are judged: those of the best block."""
        if self._judge is None:
            best = self._store.heads.best
            self._judge = BlockExecution(
                self._assemblies,
                self._store.states.executing(best.block_hash),
                best.number + 1,
                best.block_hash,
                Digest(),
            )
        return self._judge

    def best_changed(self) -> None:
        """Judge by the new best block from now on."""
        self._judge = None

    def read(self, block_hash: bytes) -> list[DecodedExtrinsic]:
        """Return the extrinsics of a block that was executed before."""
        assembly = self.judge().assembly
        found = []
        for raw in self._store.blocks.body(block_hash) or ():
            try:
                found.append(decode(assembly, raw))
            except ScaleError:
                continue  # of a spec version that no longer holds
        return found


def statuses(told: Sequence[Told]) -> list[Effect]:
    """Return the effects by which watchers hear of their extrinsics."""
    return [StatusTold(each.extrinsic_hash, each.status) for each in told]
