"""One `chainHead_v1` follower: the blocks it was told of and has not let go, and its operations.

The backend may be ahead of the events it has sent, so a follower remembers what it was told and
is told everything once, parents before children, whichever came first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from gongshe.primitives.header import Header
from gongshe.rpc.backend import (
    BestChanged,
    BlockImported,
    BlocksFinalized,
    ChainEvent,
    ChainReader,
    Hash,
    RuntimeCallFailed,
    StateUnavailable,
    UnknownBlock,
)
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.methods import Context
from gongshe.rpc.shapes import block_number, known_header, runtime_shape
from gongshe.rpc.storage_items import StorageResult
from gongshe.rpc.values import hexadecimal

FOLLOW_EVENT = "chainHead_v1_followEvent"

FINALIZED_AT_FIRST = 8
"""Finalized blocks named when following begins: a client that was away for some seconds finds
its transactions in them."""


log = logging.getLogger(__name__)


class Operation:
    """Something slow that a follower asked for."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.stopped = False
        self.go_on: Callable[[], None] | None = None
        """Set while the operation waits for the client to say `continue`."""


class Follower:
    """A subscription to the chain's head, with its pinned blocks."""

    def __init__(self, context: Context, with_runtime: bool) -> None:
        self.with_runtime = with_runtime
        self.pinned: set[Hash] = set()
        self.operations: dict[str, Operation] = {}
        self._hub = context.hub
        self._chain = context.backend.chain
        self._limits = context.limits
        self._session = context.session
        self._finalized_number = 0
        self._best: Hash = b""
        self._told: set[Hash] = set()
        """Unfinalized blocks the client knows."""

        self.subscription = context.open(FOLLOW_EVENT)
        self.subscription.owner = self
        self.subscription.on_end(self._end)
        self._begin()
        self.subscription.on_end(self._hub.listen(self._hear))

    # ------------------------------------------------------------------------ operations

    def start(self) -> Operation | None:
        """Return a new operation, or None if as many are under way as may be."""
        if len(self.operations) >= self._limits.operations:
            return None
        operation = Operation(self._session.new_identifier())
        self.operations[operation.identifier] = operation
        return operation

    def run(
        self, operation: Operation, work: Callable[[], Any], done: Callable[[Any], None]
    ) -> None:
        """Do slow work for an operation, then `done` with its result; or tell what went wrong."""

        def settled(outcome: Deferred[Any]) -> None:
            if operation.stopped or self.subscription.ended:
                return
            try:
                result = outcome.outcome()
            except (StateUnavailable, UnknownBlock):
                self.finish(operation, {"event": "operationInaccessible"})
            except RuntimeCallFailed as failed:
                self.finish(operation, {"event": "operationError", "error": str(failed)})
            except Exception:
                log.exception("an operation on the chain's head failed")
                self.finish(operation, {"event": "operationError", "error": "internal error"})
            else:
                done(result)

        self._session.offload(work).then(settled)

    def send_items(self, operation: Operation, items: Iterator[StorageResult]) -> None:
        """Send the items of a storage operation, a page at a time, each on the client's word."""
        length = self._limits.items_per_event

        def read() -> list[StorageResult]:
            return list(islice(items, length))

        def done(page: list[StorageResult]) -> None:
            operation.go_on = None
            if page:
                self.tell(operation, {"event": "operationStorageItems", "items": page})
            if len(page) < length:
                self.finish(operation, {"event": "operationStorageDone"})
                return
            operation.go_on = lambda: self.run(operation, read, done)
            self.tell(operation, {"event": "operationWaitingForContinue"})

        self.run(operation, read, done)

    def tell(self, operation: Operation, event: dict[str, Any]) -> None:
        """Send an operation's event."""
        self._notify({**event, "operationId": operation.identifier})

    def finish(self, operation: Operation, event: dict[str, Any]) -> None:
        """Send an operation's last event."""
        self.stop(operation)
        self.tell(operation, event)

    def stop(self, operation: Operation) -> None:
        """Forget an operation; its result, if it still comes, is not sent."""
        operation.stopped = True
        self.operations.pop(operation.identifier, None)

    # ---------------------------------------------------------------------------- events

    def _begin(self) -> None:
        chain = self._chain
        finalized = chain.finalized()
        first = max(0, finalized.number - FINALIZED_AT_FIRST + 1)
        hashes = [chain.canonical_hash(number) for number in range(first, finalized.number)]
        recent = [*(one for one in hashes if one is not None), finalized.block_hash]
        event: dict[str, Any] = {
            "event": "initialized",
            "finalizedBlockHashes": [hexadecimal(one) for one in recent],
        }
        if self.with_runtime:
            version = chain.runtime_version(finalized.block_hash)
            event["finalizedBlockRuntime"] = runtime_shape(version)
        self.pinned.update(recent)
        self._finalized_number = finalized.number
        payloads = [self._hub.encode(event)]
        for block in chain.unfinalized():
            self._pin(block)
            payloads.append(self._new_block(block))
        best = chain.best().block_hash
        if best in self.pinned:
            self._best = best
            payloads.append(self._best_changed(best))
        self.subscription.notify_together(payloads)
        self._stop_if_too_many()

    def _hear(self, event: ChainEvent) -> None:
        match event:
            case BlockImported(block_hash):
                self._import(block_hash)
            case BestChanged(block_hash, _, enacted):
                for one in enacted:
                    self._import(one)
                self._import(block_hash)
                if block_hash != self._best:
                    self._best = block_hash
                    self.subscription.notify(self._best_changed(block_hash))
            case BlocksFinalized(finalized, pruned):
                self._finalize(finalized, pruned)
        self._stop_if_too_many()

    def _import(self, block: Hash) -> None:
        known = block in self._told or block_number(self._chain, block) <= self._finalized_number
        if not known:
            payload = self._new_block(block)  # before pinning: the block may be gone
            self._pin(block)
            self.subscription.notify(payload)

    def _finalize(self, finalized: tuple[Hash, ...], pruned: tuple[Hash, ...]) -> None:
        numbers = {one: block_number(self._chain, one) for one in finalized}
        new = [one for one in finalized if numbers[one] > self._finalized_number]
        if not new:
            return
        for one in new:
            self._import(one)
        gone = [one for one in pruned if one in self._told]
        self._notify(
            {
                "event": "finalized",
                "finalizedBlockHashes": [hexadecimal(one) for one in new],
                "prunedBlockHashes": [hexadecimal(one) for one in gone],
            }
        )
        self._told.difference_update(new, gone)
        self._finalized_number = numbers[new[-1]]

    def _pin(self, block: Hash) -> None:
        self.pinned.add(block)
        self._told.add(block)

    def _new_block(self, block: Hash) -> bytes:
        key = ("new block", block, self.with_runtime)
        return self._hub.payload(key, lambda: new_block(self._chain, block, self.with_runtime))

    def _best_changed(self, block: Hash) -> bytes:
        return self._hub.payload(
            ("best", block),
            lambda: {"event": "bestBlockChanged", "bestBlockHash": hexadecimal(block)},
        )

    def _notify(self, event: dict[str, Any]) -> None:
        self.subscription.notify(self._hub.encode(event))

    def _stop_if_too_many(self) -> None:
        """Say `stop` to a client that does not unpin, or whom the chain has outrun."""
        if len(self.pinned) > self._limits.pinned_blocks:
            self._notify({"event": "stop"})
            self.subscription.end()

    def _end(self) -> None:
        for operation in list(self.operations.values()):
            self.stop(operation)


def new_block(chain: ChainReader, block: Hash, with_runtime: bool) -> dict[str, Any]:
    """Return the event of a block, with its runtime if that is not its parent's."""
    parent = Header.decode(known_header(chain, block)).parent_hash
    event: dict[str, Any] = {
        "event": "newBlock",
        "blockHash": hexadecimal(block),
        "parentBlockHash": hexadecimal(parent),
    }
    if with_runtime:
        version = chain.runtime_version(block)
        changed = version != chain.runtime_version(parent)
        event["newRuntime"] = runtime_shape(version) if changed else None
    return event
