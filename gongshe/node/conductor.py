"""The node's brain: one input in, a list of effects out, one at a time.

The conductor owns the chain, the pool and what was verified. It has no socket, no thread and no
clock of its own (`is_late` and the times in its inputs come from outside), so that the simulator
runs the very same code. Whatever needs time or the world goes out as an effect and comes back as
an input.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence

from gongshe.chain.author import ExtrinsicBroken, Proposal, propose
from gongshe.chain.finalizer import Finalizer
from gongshe.chain.heads import TreeFull, UnknownParent
from gongshe.chain.importer import AlreadyKnown, FromTheFuture, Importer
from gongshe.chain.pool import Pool
from gongshe.chain.signatures import SignatureVerifier
from gongshe.chain.store import Applied, ChainStore
from gongshe.chain.transition import (
    MAX_EXTRINSICS,
    MAX_TRACE,
    Assemblies,
    Executed,
    ExecutionBroken,
    InvalidBlock,
    Verified,
    schedule_after,
)
from gongshe.consensus.slots import leader
from gongshe.node.intake import Intake, statuses
from gongshe.node.messages import (
    BestChanged,
    BlockImported,
    BlockOffered,
    BlockRejected,
    BlocksFinalized,
    Effect,
    ExtrinsicOffered,
    FaultFound,
    Halted,
    Input,
    RemovalAsked,
    Removed,
    SignaturesChecked,
    SlotStarted,
    WatchEnded,
)
from gongshe.primitives.records import Record
from gongshe.runtime.assembly import SpecVersionMissing
from gongshe.storage.database import StoreError

MAX_BROKEN = 16
"""Extrinsics that may bring out a fault before a slot is given up; each costs a new beginning."""

Sign = Callable[[bytes], bytes]
Keys = Mapping[bytes, Sign]
"""How to sign with each key this node holds, by sr25519 public key."""


class Conduct(Record):
    """How this node behaves."""

    finalize_own: bool = False
    """Make own blocks final without asking: right only where nobody else has a vote.

    Each becomes final with its child, as on chains that vote: a wallet that looks into a block
    when told of it loses that news if finality is told in the same breath. An instantly sealed
    block, which may never have a child, becomes final when the next slot begins.
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
        self.intake = Intake(store, assemblies, pool, self.verified)

    def handle_all(self, inputs: Sequence[Input]) -> list[Effect]:
        """Handle inputs in order; extrinsics that came together are checked together."""
        effects: list[Effect] = []
        offered: list[ExtrinsicOffered] = []
        for heard in inputs:
            if isinstance(heard, ExtrinsicOffered):
                offered.append(heard)
                continue
            effects += self._offered(offered)
            offered = []
            effects += self.handle(heard)
        return effects + self._offered(offered)

    def handle(self, heard: Input) -> list[Effect]:
        """Handle one input."""
        try:
            match heard:
                case ExtrinsicOffered():
                    return self.intake.offered([heard])
                case SignaturesChecked(batch, answers):
                    effects = self.intake.checked(batch, answers)
                    return effects + (self._author_instantly() if self._conduct.instant else [])
                case SlotStarted(slot, now_ms):
                    return self._slot_started(slot, now_ms)
                case BlockOffered():
                    return self._block_offered(heard)
                case RemovalAsked(offer, extrinsic_hashes):
                    removed, told = self.pool.remove(extrinsic_hashes, self.intake.now_ms)
                    return [*statuses(told), Removed(offer, tuple(removed))]
                case WatchEnded(extrinsic_hash):
                    self.pool.unwatch(extrinsic_hash)
                    return []
        except SpecVersionMissing as missing:
            return [Halted(str(missing))]

    def _offered(self, offered: Sequence[ExtrinsicOffered]) -> list[Effect]:
        try:
            return self.intake.offered(offered) if offered else []
        except SpecVersionMissing as missing:
            return [Halted(str(missing))]

    # -------------------------------------------------------------------------- blocks

    def _slot_started(self, slot: int, now_ms: int) -> list[Effect]:
        self.intake.now_ms = now_ms
        if self._conduct.instant:
            return self._finalize_best() if self._conduct.finalize_own else []
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
            slot = max(best.slot + 1, self.intake.now_ms // duration_ms)
            before = self.pool.ready_count
            effects += self._author(slot, max(slot * duration_ms, self.intake.now_ms), most=1)
            if self.pool.ready_count >= before:
                break  # what is left fits into no block, or the slot is another's
        return effects

    def _author(self, slot: int, now_ms: int, most: int = MAX_EXTRINSICS) -> list[Effect]:
        """Author a block, unless the slot is another's or too many blocks wait for finality."""
        best = self.store.heads.best
        state = self.store.states.executing(best.block_hash)
        schedule, _ = schedule_after(self.assemblies, state)
        sign = self._keys.get(leader(schedule, slot))
        if sign is None or self.store.heads.is_full:
            return []
        effects: list[Effect] = []
        careful = False
        for _ in range(MAX_BROKEN):
            try:
                proposal = propose(
                    self.store,
                    self.assemblies,
                    best.block_hash,
                    slot,
                    now_ms,
                    self.pool.ready(),
                    self.verified,
                    self._is_late,
                    most,
                    careful=careful,
                )
            except ExtrinsicBroken as broken:
                effects += self._taken_out(broken)
            except (StoreError, SpecVersionMissing, MemoryError):
                raise
            except Exception as fault:
                if careful:  # it is no extrinsic's fault: this slot stays empty
                    return [*effects, FaultFound(f"block {best.number + 1}", trace_of(fault))]
                careful = True
            else:
                return effects + self._keep_own(proposal, sign)
        return effects

    def _taken_out(self, broken: ExtrinsicBroken) -> list[Effect]:
        """Ban an extrinsic that brings out a fault, so that it stops nobody's block."""
        told = self.pool.remove_invalid(broken.extrinsic.hash, str(broken), self.intake.now_ms)
        return [FaultFound(str(broken), trace_of(broken)), *statuses(told)]

    def _keep_own(self, proposal: Proposal, sign: Sign) -> list[Effect]:
        effects: list[Effect] = []
        for dropped in proposal.dropped:
            reason = f"{dropped.refused.name}: {dropped.refused}"
            told = self.pool.remove_invalid(dropped.extrinsic.hash, reason, self.intake.now_ms)
            effects += statuses(told)
        final = proposal.header.parent_hash if self._conduct.finalize_own else None
        applied = self.importer.keep(
            proposal.sealed(sign), proposal.slot, proposal.executed, finalize=final
        )
        return effects + self._after(applied, proposal.executed, own=True)

    def _block_offered(self, offered: BlockOffered) -> list[Effect]:
        block_hash = offered.block.header.hash
        self.intake.now_ms = max(self.intake.now_ms, offered.now_ms)
        try:
            applied, executed = self.importer.import_block(offered.block, offered.now_ms)
        except AlreadyKnown:
            return []
        except ExecutionBroken as broken:
            return [
                FaultFound(f"block 0x{block_hash.hex()}", broken.trace),
                BlockRejected(block_hash, offered.source, str(broken)),
            ]
        except (InvalidBlock, UnknownParent, FromTheFuture, TreeFull) as reason:
            return [BlockRejected(block_hash, offered.source, str(reason))]
        return self._after(applied, executed, own=False)

    def _after(self, applied: Applied, executed: Executed, *, own: bool) -> list[Effect]:
        """Tell what keeping a block changed, and let the pool follow the best chain."""
        self.intake.chain_changed()
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
            effects += self.intake.follow(applied, executed.extrinsics)
        if applied.finalized:
            effects += self._finalized(applied)
        return effects

    def _finalize_best(self) -> list[Effect]:
        applied = self.finalizer.finalize(self.store.heads.best.block_hash)
        if applied is None:
            return []
        self.intake.chain_changed()  # what it judged by is folded into the finalized state
        return self._finalized(applied)

    def _finalized(self, applied: Applied) -> list[Effect]:
        number = self.store.heads.finalized.number
        told = self.pool.finalized(applied.finalized)
        return [BlocksFinalized(applied.finalized, number, applied.abandoned), *statuses(told)]


def trace_of(fault: Exception) -> str:
    """Return where a fault was found, as an operator may report it."""
    return "".join(traceback.format_exception(fault))[-MAX_TRACE:]
