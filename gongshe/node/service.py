"""The trio shell around the conductor: takes inputs, lets it think, performs its effects.

The conductor thinks in a thread of its own, so that RPC keeps answering from immutable views
while a block is executed. Everything else runs on the event loop. The first error of the store
or of the signature checkers ends the process: nothing is written on a doubtful handle.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from threading import Lock

import trio

from gongshe.chain.pool import Pool
from gongshe.chain.queries import ChainQueries
from gongshe.chain.signatures import (
    SignatureVerifier,
    Ticket,
    VerifierBusyError,
    VerifierFailedError,
)
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import Assemblies, schedule_after
from gongshe.node import memory
from gongshe.node.clock import Deadline, now_ms, tell_slots
from gongshe.node.conductor import Conduct, Conductor, Keys
from gongshe.node.doors import ChainDoor, PoolDoor
from gongshe.node.messages import (
    Answered,
    BestChanged,
    BlockImported,
    BlockRejected,
    BlocksFinalized,
    CheckSignatures,
    Effect,
    ExtrinsicOffered,
    FaultFound,
    Halted,
    Input,
    Removed,
    SignaturesChecked,
    SlotStarted,
    StatusTold,
)
from gongshe.node.status import StatusLine
from gongshe.rpc import backend
from gongshe.rpc.server import Server

MAX_INPUTS = 2_048
"""Inputs the conductor is given at a time: effects go out at least every few tens of ms."""

MAX_INPUT_BYTES = 128 * 1024
"""Bytes of extrinsics among them: nine hundred transfers, or calls nested so densely that reading
them takes a quarter of a second. A slot that begins meanwhile waits no longer than that."""

BUSY_RETRY_SECONDS = 0.02
"""Between two tries to hand a batch to signature checkers that are full."""

log = logging.getLogger(__name__)


class NodeHalted(Exception):
    """The node must stop cleanly; the text says why and what to do."""


class Node:
    """One running node."""

    def __init__(
        self,
        store: ChainStore,
        assemblies: Assemblies,
        verifier: SignatureVerifier,
        pool: Pool,
        keys: Keys,
        conduct: Conduct,
    ) -> None:
        self.store, self.pool = store, pool
        self.queries = ChainQueries(store, assemblies)
        self.deadline = Deadline()
        if conduct.instant:
            self.deadline.lift()
        self.conductor = Conductor(
            store, assemblies, verifier, pool, keys, conduct, self.deadline.is_late
        )
        _, self.slot_ms = schedule_after(
            assemblies, store.states.executing(store.heads.best.block_hash)
        )
        self.chain_door = ChainDoor(self.queries)
        self._busy = Lock()
        self.pool_door = PoolDoor(pool, self.queries, self._busy, self.send)
        self.status = StatusLine(store, pool)
        self._verifier = verifier
        self._inbox: list[Input] = []
        self._failure: VerifierFailedError | None = None
        self._slot: SlotStarted | None = None
        self._wake = trio.Event()
        self._instant = conduct.instant
        self._server: Server | None = None
        self._nursery: trio.Nursery | None = None

    # ------------------------------------------------------------------------------ inbox

    def send(self, heard: Input) -> None:
        """Put an input into the inbox; on the loop's thread. Senders bound what they send."""
        self._inbox.append(heard)
        self._wake.set()

    def slot_started(self, slot: SlotStarted) -> None:
        """Note that a slot has begun; one that was not acted on is overtaken by the next."""
        self._slot = slot
        self._wake.set()

    async def run(self, server: Server) -> None:
        """Think and act until cancelled; NodeHalted if the node must stop."""
        self._server = server
        token = trio.lowlevel.current_trio_token()
        self._token = token
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(tell_slots, self.slot_ms, self.slot_started)
            nursery.start_soon(self.status.tell)
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                while self._slot is not None or self._inbox:
                    await self._step()
                if self._failure is not None:
                    raise self._failure

    async def _step(self) -> None:
        inputs: list[Input] = []
        if self._slot is not None:
            elapsed_ms = now_ms() - self._slot.slot * self.slot_ms
            if not self._instant:
                self.deadline.set_for(elapsed_ms, self.slot_ms)
            inputs.append(self._slot)
            self._slot = None
        taken = one_helping(self._inbox)
        inputs += self._inbox[:taken]
        del self._inbox[:taken]
        for effect in await trio.to_thread.run_sync(self._think, inputs):
            self._perform(effect)

    def _think(self, inputs: Sequence[Input]) -> list[Effect]:
        with self._busy:
            return self.conductor.handle_all(inputs)

    # ---------------------------------------------------------------------------- effects

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StatusTold():
                self.pool_door.told(effect)
            case Answered():
                self.pool_door.answered(effect)
            case CheckSignatures():
                self._have_checked(effect)
            case BlockImported():
                self.queries.remember_changes(effect.block_hash, effect.changed_keys)
                self.status.imported(effect)
                self._announce(
                    backend.BlockImported(effect.block_hash, effect.parent_hash, effect.number)
                )
            case BestChanged():
                self._announce(
                    backend.BestChanged(effect.block_hash, effect.retracted, effect.enacted)
                )
            case BlocksFinalized():
                self._announce(backend.BlocksFinalized(effect.finalized, effect.abandoned))
            case BlockRejected() | FaultFound():
                tell_operator(effect)
            case Halted(reason):
                raise NodeHalted(reason)
            case Removed():
                pass

    def _announce(self, event: backend.ChainEvent) -> None:
        if self._server is not None:
            self._server.announce(event)

    def _have_checked(self, effect: CheckSignatures) -> None:
        try:
            ticket = self._verifier.submit(effect.jobs)
        except VerifierBusyError:
            if self._nursery is not None:
                self._nursery.start_soon(self._retry, effect)
            return
        self._await_ticket(effect.batch, ticket)

    async def _retry(self, effect: CheckSignatures) -> None:
        await trio.sleep(BUSY_RETRY_SECONDS)
        self._have_checked(effect)

    def _await_ticket(self, batch: int, ticket: Ticket) -> None:
        def hear() -> None:  # on the loop's thread, where nothing may be raised
            try:
                answers = ticket.results()
            except VerifierFailedError as failure:
                self._failure = failure
                self._wake.set()
            else:
                self.send(SignaturesChecked(batch, tuple(answers)))

        ticket.notify(lambda: self._token.run_sync_soon(hear))


def one_helping(inbox: Sequence[Input]) -> int:
    """Return how many inputs the conductor is given at once: one at least, none too much."""
    size = 0
    for count, heard in enumerate(inbox[:MAX_INPUTS]):
        if isinstance(heard, ExtrinsicOffered):
            size += len(heard.raw)
            if size > MAX_INPUT_BYTES and count:
                return count
    return min(len(inbox), MAX_INPUTS)


def tell_operator(trouble: BlockRejected | FaultFound) -> None:
    """Write into the log what somebody should look at."""
    match trouble:
        case BlockRejected(block_hash, source, reason):
            log.warning("block 0x%s from %s refused: %s", block_hash.hex(), source, reason)
        case FaultFound(where, trace):
            log.error("a fault of this program, please report it: %s\n%s", where, trace)


async def serve(
    node: Node, server: Server, ready: Callable[[str, int], None] | None = None
) -> None:
    """Run a node and its RPC until a signal asks it to stop; `ready` is told the RPC address."""
    memory.settle()
    async with trio.open_nursery() as nursery:
        for host, port in await nursery.start(server.run):
            log.info("RPC at http://%s:%d and ws://%s:%d", host, port, host, port)
            if ready is not None:
                ready(host, port)
        working = trio.CancelScope()
        nursery.start_soon(_work, node, server, working)
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                log.info("%s: stopping", signal.Signals(number).name)
                break
        working.cancel()
        server.stop()  # clients are told; the nursery waits until the server has closed


async def _work(node: Node, server: Server, working: trio.CancelScope) -> None:
    with working:
        await node.run(server)
