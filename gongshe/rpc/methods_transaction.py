"""`transaction_v1_` and `transactionWatch_v1_`: send an extrinsic, and hear what becomes of it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from gongshe.rpc import backend
from gongshe.rpc.backend import (
    LAST_STATUSES,
    BestChanged,
    ChainEvent,
    Hash,
    Refusal,
    RefusalKind,
    Status,
    Submitted,
)
from gongshe.rpc.errors import invalid_params, refused
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.values import Hex, hexadecimal

WATCH_EVENT = "transactionWatch_v1_watchEvent"

HOPELESS = (RefusalKind.BAD_FORMAT, RefusalKind.VERIFICATION, RefusalKind.ALREADY_IMPORTED)
"""Refusals that no later block changes: nothing is offered again after them."""

Identifier = Annotated[str, Meta(max_length=64)]

table = MethodTable()


@table.method("transaction_v1_broadcast")
def broadcast(context: Context, transaction: Hex) -> str | None:
    """Keep offering an extrinsic until told to stop; null if too many are being offered.

    Whether it is valid is not told. It is offered again at each new best block while the pool
    refuses it, for the refusal may have been a matter of time.
    """
    broadcasts = context.session.broadcasts
    if len(broadcasts) >= context.limits.broadcasts:
        return None
    identifier = context.session.new_identifier()
    broadcasts[identifier] = Broadcasting(context, transaction).stop
    return identifier


@table.method("transaction_v1_stop")
def stop(context: Context, operation_id: Identifier) -> None:
    """Stop offering an extrinsic."""
    ending = context.session.broadcasts.pop(operation_id, None)
    if ending is None:
        raise invalid_params("no broadcast of this connection has this id")
    ending()


@table.subscription("transactionWatch_v1_submitAndWatch", notifies=WATCH_EVENT)
def submit_and_watch(context: Context, transaction: Hex) -> str:
    """Offer an extrinsic and send what becomes of it; a refusal comes as an event too."""
    subscription = context.open(WATCH_EVENT, passing=True)
    pool, hub = context.backend.pool, context.hub

    def tell(event: dict[str, Any]) -> None:
        subscription.notify(hub.encode(event))
        if event["event"] in ("finalized", "error", "invalid", "dropped"):
            subscription.end()

    def watch(status: Status) -> None:
        event = watch_event(status)
        if event is not None:
            tell(event)
        elif isinstance(status, LAST_STATUSES):
            subscription.end()

    def hear(outcome: Submitted | Refusal) -> None:
        if isinstance(outcome, Refusal):
            tell(refusal_event(outcome))

    subscription.on_end(lambda: pool.unwatch(watch))
    pool.submit(transaction, hear, watch)
    return subscription.identifier


@table.method("transactionWatch_v1_unwatch")
def unwatch(context: Context, subscription: Identifier) -> None:
    """Hear no more of an extrinsic; it stays in the pool."""
    context.end(subscription, WATCH_EVENT)


class Broadcasting:
    """An extrinsic that is offered until somebody takes it or the client says stop."""

    def __init__(self, context: Context, transaction: bytes) -> None:
        self._pool = context.backend.pool
        self._transaction = transaction
        self._waiting = True
        self.stop = context.hub.listen(self._hear)
        self._offer()

    def _offer(self) -> None:
        self._waiting = True
        self._pool.submit(self._transaction, self._answered)

    def _answered(self, outcome: Submitted | Refusal) -> None:
        self._waiting = False
        if isinstance(outcome, Submitted) or outcome.kind in HOPELESS:
            self.stop()

    def _hear(self, event: ChainEvent) -> None:
        if isinstance(event, BestChanged) and not self._waiting:
            self._offer()


def watch_event(status: Status) -> dict[str, Any] | None:
    """Return a status in the newer words; None for those that have none."""
    match status:
        case backend.Ready() | backend.Future():
            return {"event": "validated"}
        case backend.InBlock(block_hash, index):
            return {"event": "bestChainBlockIncluded", "block": place(block_hash, index)}
        case backend.Retracted():
            return {"event": "bestChainBlockIncluded", "block": None}
        case backend.Finalized(block_hash, index):
            return {"event": "finalized", "block": place(block_hash, index)}
        case backend.Invalid(reason):
            return {"event": "invalid", "error": reason}
        case backend.Usurped(by):
            return {"event": "invalid", "error": f"replaced by {hexadecimal(by)}"}
        case backend.Dropped():
            return {"event": "dropped", "error": "the pool has no room for it"}
        case backend.FinalityTimeout():
            return {"event": "dropped", "error": "its block was not finalized for too long"}
        case _:
            return None


def refusal_event(refusal: Refusal) -> dict[str, Any]:
    """Return the event of an extrinsic that never entered the pool."""
    dropped = refusal.kind in (RefusalKind.POOL_FULL, RefusalKind.PRIORITY_TOO_LOW)
    return {"event": "dropped" if dropped else "invalid", "error": refused(refusal).message}


def place(block_hash: Hash, index: int) -> dict[str, Any]:
    """Return where an extrinsic stands."""
    return {"hash": hexadecimal(block_hash), "index": index}
