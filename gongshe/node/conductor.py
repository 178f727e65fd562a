"""The node's brain: one input in, a list of effects out, one at a time.

The conductor owns the chain, the pool and what was verified. It has no socket, no thread and no
clock of its own (`is_late` and the times in its inputs come from outside), so that the simulator
runs the very same code. Whatever needs time or the world goes out as an effect and comes back as
an input.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from gongshe.chain.author import Proposal, propose
from gongshe.chain.finalizer import Finalizer
from gongshe.chain.heads import Route, TreeFull, UnknownParent
from gongshe.chain.importer import AlreadyKnown, FromTheFuture, Importer
from gongshe.chain.pool import Pool
from gongshe.chain.pool_records import (
    Admission,
    PoolRefused,
    RefusalKind,
    Told,
    judged,
    malformed,
)
from gongshe.chain.signatures import SignatureJob, SignatureVerifier
from gongshe.chain.store import Applied, ChainStore
from gongshe.chain.transition import (
    MAX_EXTRINSICS,
    Assemblies,
    Executed,
    InvalidBlock,
    Verified,
    schedule_after,
    signature_job,
)
from gongshe.consensus.slots import leader
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
    Halted,
    Input,
    RemovalAsked,
    Removed,
    SignaturesChecked,
    SlotStarted,
    StatusTold,
    WatchEnded,
)
from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.header import Digest
from gongshe.primitives.records import Record
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.assembly import SpecVersionMissing
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.validity import DecodedExtrinsic, Refused, decode

RETURNED = 0
"""Stands for the offer of extrinsics that come back from a block that left the best chain."""

MAX_BATCHES = 1_024
"""Batches of signatures being checked at once; more means the checkers are lost."""

Sign = Callable[[bytes], bytes]
Keys = Mapping[bytes, Sign]
"""How to sign with each key this node holds, by sr25519 public key."""


class Waiting(Record, eq=False):
    """An extrinsic whose signature is being checked."""

    offer: int
    extrinsic: DecodedExtrinsic
    birth_hash: bytes
    watched: bool


class Conduct(Record):
    """How this node behaves."""

    finalize_own: bool = False
    """Make own blocks final without asking: right only where nobody else has a vote.

    Each becomes final with its child, as on chains that vote: a wallet that looks into a block
    when told of it loses that news if finality is told in the same breath. An instantly sealed
    block, which may never have a child, is final at once.
    """

    instant: bool = False
    """Author a block for each extrinsic that becomes ready, on a clock that runs ahead if need
    be, instead of one per slot."""


class Conductor:
    """Hears inputs and answers with effects."""

    def __init__(
        self,
        store: ChainStore,
        assemblies: Assemblies,
        verifier: SignatureVerifier,
        pool: Pool,
        keys: Keys,
        conduct: Conduct,
        is_late: Callable[[], bool],
    ) -> None:
        self.store, self.assemblies, self.pool = store, assemblies, pool
        self.verified = Verified()
        self.importer = Importer(store, assemblies, verifier, self.verified)
        self.finalizer = Finalizer(store, self.verified)
        self._keys, self._conduct, self._is_late = keys, conduct, is_late
        self._waiting: OrderedDict[int, tuple[Waiting, ...]] = OrderedDict()
        self._next_batch = 0
        self._now_ms = 0
        self._judge: BlockExecution | None = None

    def handle_all(self, inputs: Sequence[Input]) -> list[Effect]:
        """Handle inputs in order; extrinsics that came together are checked together."""
        effects: list[Effect] = []
        offered: list[ExtrinsicOffered] = []
        for heard in inputs:
            if isinstance(heard, ExtrinsicOffered):
                offered.append(heard)
                continue
            if offered:
                effects += self._offered(offered)
                offered = []
            effects += self.handle(heard)
        if offered:
            effects += self._offered(offered)
        return effects

    def handle(self, heard: Input) -> list[Effect]:
        """Handle one input."""
        try:
            match heard:
                case ExtrinsicOffered():
                    return self._offered([heard])
                case SignaturesChecked(batch, answers):
                    return self._checked(batch, answers)
                case SlotStarted(slot, now_ms):
                    return self._slot_started(slot, now_ms)
                case BlockOffered():
                    return self._block_offered(heard)
                case RemovalAsked(offer, extrinsic_hashes):
                    removed, told = self.pool.remove(extrinsic_hashes, self._now_ms)
                    return [*_statuses(told), Removed(offer, tuple(removed))]
                case WatchEnded(extrinsic_hash):
                    self.pool.unwatch(extrinsic_hash)
                    return []
        except SpecVersionMissing as missing:
            return [Halted(str(missing))]

    # ---------------------------------------------------------------------- extrinsics

    def _offered(self, offers: Sequence[ExtrinsicOffered]) -> list[Effect]:
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
        judge = self._judge_of_best()
        try:
            extrinsic = decode(judge.assembly, offer.raw)
            self.pool.screen(extrinsic.hash, self._now_ms)
            judge.check(extrinsic, exact_nonce=False)
            birth_hash = judge.birth_hash(extrinsic)
            job = signature_job(judge, self.store.genesis_hash, extrinsic)
        except ScaleError as fault:
            raise malformed(fault) from None
        except Refused as refused:
            raise judged(refused) from None
        if job is None:
            raise PoolRefused(RefusalKind.UNKNOWN_VALIDITY, "NoUnsignedValidator")
        return Waiting(offer.offer, extrinsic, birth_hash, offer.watched), job

    def _checked(self, batch: int, answers: Sequence[bool]) -> list[Effect]:
        """Let into the pool whoever has signed what they sent."""
        effects: list[Effect] = []
        any_ready = False
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
            self.verified.add(extrinsic, waiting.birth_hash)
            if waiting.offer != RETURNED:
                effects.append(Answered(waiting.offer, extrinsic.hash, None))
            effects += _statuses(admission.told)
            any_ready = any_ready or bool(admission.ready)
        if any_ready and self._conduct.instant:
            effects += self._author_instantly()
        return effects

    def _refused(self, offer: int, extrinsic_hash: bytes, refusal: PoolRefused) -> list[Effect]:
        """Answer whoever offered an extrinsic; of a returned one, tell whoever watches it."""
        if offer != RETURNED:
            return [Answered(offer, extrinsic_hash, refusal)]
        return _statuses(self.pool.give_up(extrinsic_hash, str(refusal)))

    def _admitted(self, waiting: Waiting) -> Admission:
        judge = self._judge_of_best()
        try:
            valid = judge.validate(waiting.extrinsic)
        except Refused as refused:
            raise judged(refused) from None
        return self.pool.submit(
            waiting.extrinsic,
            valid,
            self.store.heads.best.number,
            self._now_ms,
            watched=waiting.watched,
        )

    def _judge_of_best(self) -> BlockExecution:
        """Return the rules and state by which extrinsics are judged: those of the best block."""
        if self._judge is None:
            best = self.store.heads.best
            self._judge = BlockExecution(
                self.assemblies,
                self.store.states.executing(best.block_hash),
                best.number + 1,
                best.block_hash,
                Digest(),
            )
        return self._judge

    # -------------------------------------------------------------------------- blocks

    def _slot_started(self, slot: int, now_ms: int) -> list[Effect]:
        self._now_ms = now_ms
        if self._conduct.instant:
            return []
        best = self.store.heads.best
        if slot <= best.slot:
            return []
        return self._author(slot, now_ms)

    def _author_instantly(self) -> list[Effect]:
        """Author blocks of one extrinsic each until none is ready."""
        effects: list[Effect] = []
        while self.pool.ready_count:
            best = self.store.heads.best
            _, duration_ms = schedule_after(
                self.assemblies, self.store.states.executing(best.block_hash)
            )
            slot = max(best.slot + 1, self._now_ms // duration_ms)
            before = self.pool.ready_count
            effects += self._author(slot, max(slot * duration_ms, self._now_ms), most=1)
            if self.pool.ready_count >= before:
                break  # what is left fits into no block, or the slot is another's
        return effects

    def _author(self, slot: int, now_ms: int, most: int = MAX_EXTRINSICS) -> list[Effect]:
        best = self.store.heads.best
        state = self.store.states.executing(best.block_hash)
        schedule, _ = schedule_after(self.assemblies, state)
        sign = self._keys.get(leader(schedule, slot))
        if sign is None:
            return []
        proposal = propose(
            self.store,
            self.assemblies,
            best.block_hash,
            slot,
            now_ms,
            self.pool.ready(),
            self._is_late,
            most,
        )
        return self._keep_own(proposal, sign)

    def _keep_own(self, proposal: Proposal, sign: Sign) -> list[Effect]:
        effects: list[Effect] = []
        for dropped in proposal.dropped:
            reason = f"{dropped.refused.name}: {dropped.refused}"
            told = self.pool.remove_invalid(dropped.extrinsic.hash, reason, self._now_ms)
            effects += _statuses(told)
        applied = self.importer.keep(
            proposal.sealed(sign),
            proposal.slot,
            proposal.executed,
            final=self._conduct.finalize_own and self._conduct.instant,
        )
        effects += self._after(applied, proposal.executed, own=True)
        if self._conduct.finalize_own and not self._conduct.instant:
            final = self.finalizer.finalize(proposal.header.parent_hash)
            if final is not None:
                effects += self._finalized(final)
        return effects

    def _block_offered(self, offered: BlockOffered) -> list[Effect]:
        block_hash = offered.block.header.hash
        self._now_ms = max(self._now_ms, offered.now_ms)
        try:
            applied, executed = self.importer.import_block(offered.block, offered.now_ms)
        except AlreadyKnown:
            return []
        except (InvalidBlock, UnknownParent, FromTheFuture, TreeFull) as reason:
            return [BlockRejected(block_hash, offered.source, str(reason))]
        return self._after(applied, executed, own=False)

    def _after(self, applied: Applied, executed: Executed, *, own: bool) -> list[Effect]:
        """Tell what keeping a block changed, and let the pool follow the best chain."""
        self._judge = None
        head = applied.inserted
        if head is None:
            raise AssertionError("a block was kept without being inserted")
        count = len(executed.extrinsics)
        changed = executed.prepared.values.keys()
        effects: list[Effect] = [
            BlockImported(head.block_hash, head.parent, head.number, own, count, changed)
        ]
        if applied.route is not None:
            best, route = applied.best, applied.route
            effects.append(
                BestChanged(best.block_hash, best.number, route.retracted, route.enacted)
            )
            effects += self._follow(route, head.block_hash, executed)
        if applied.finalized:
            effects += self._finalized(applied)
        return effects

    def _finalized(self, applied: Applied) -> list[Effect]:
        number = self.store.heads.finalized.number
        told = self.pool.finalized(applied.finalized)
        return [BlocksFinalized(applied.finalized, number, applied.abandoned), *_statuses(told)]

    def _follow(self, route: Route, inserted: bytes, executed: Executed) -> list[Effect]:
        """Let the pool take notice of blocks that left and joined the best chain."""
        effects: list[Effect] = []
        returned: list[DecodedExtrinsic] = []
        for block_hash in reversed(route.retracted):
            extrinsics = self._read(block_hash)
            effects += _statuses(self.pool.retracted(block_hash, extrinsics))
            returned += extrinsics
        for block_hash in route.enacted:
            included: Sequence[DecodedExtrinsic] = executed.extrinsics
            if block_hash != inserted:
                included = self._read(block_hash)
            stored = self.store.blocks.stored_header(block_hash)
            number = stored.number if stored else 0
            admission = self.pool.block_imported(block_hash, number, included)
            effects += _statuses(admission.told)
        offers = [ExtrinsicOffered(RETURNED, each.raw) for each in returned if each.signature]
        return effects + (self._offered(offers) if offers else [])

    def _read(self, block_hash: bytes) -> list[DecodedExtrinsic]:
        """Return the extrinsics of a block that was executed before."""
        assembly = self._judge_of_best().assembly
        found = []
        for raw in self.store.blocks.body(block_hash) or ():
            try:
                found.append(decode(assembly, raw))
            except ScaleError:
                continue  # of a spec version that no longer holds
        return found


def _statuses(told: Sequence[Told]) -> list[Effect]:
    return [StatusTold(each.extrinsic_hash, each.status) for each in told]
