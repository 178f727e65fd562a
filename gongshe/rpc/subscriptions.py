"""What a connection has subscribed to, and how news reaches it.

A notification never overtakes the answer that carries its subscription's id: a subscription
holds its news until the dispatcher has handed that answer over. Payloads are serialised once and
shared by everybody who hears the same thing.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec

from gongshe.rpc.backend import ChainEvent, StateUnavailable, UnknownBlock
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.errors import METHOD_NOT_FOUND, TOO_MANY_SUBSCRIPTIONS, RpcError, reasons
from gongshe.rpc.limits import Limits

T = TypeVar("T")

ENCODER = msgspec.json.Encoder()

SHARED_PAYLOADS = 1_024
"""Payloads kept for those who hear the same: what a few blocks bring, each below some kilobytes."""

log = logging.getLogger(__name__)


class Outlet(Protocol):
    """The way to a client. It never blocks: a client that does not read is dropped."""

    def put(self, message: bytes) -> None:
        """Queue one message."""
        ...

    def put_together(self, messages: list[bytes]) -> None:
        """Queue messages that count as one, because they answer one thing the client asked."""
        ...

    def put_stream(self, messages: Iterator[bytes]) -> None:
        """Queue messages that are made as fast as the client reads them."""
        ...


class Subscription:
    """One subscription: an id, and the news sent under it."""

    def __init__(self, name: str, identifier: str, outlet: Outlet, *, passing: bool) -> None:
        self.name = name
        self.passing = passing
        self.identifier = identifier
        self._head = (
            f'{{"jsonrpc":"2.0","method":"{name}",'
            f'"params":{{"subscription":"{identifier}","result":'
        ).encode()
        self._outlet = outlet
        self._held: list[Callable[[], None]] | None = []
        self._endings: list[Callable[[], None]] = []
        self.ended = False
        self.owner: object = None
        """What the namespace keeps for it."""

    def notify(self, payload: bytes) -> None:
        """Send one piece of news, already serialised."""
        self._send(lambda: self._outlet.put(self._wrap(payload)))

    def notify_together(self, payloads: Iterable[bytes]) -> None:
        """Send several that count as one in the client's queue."""
        messages = [self._wrap(payload) for payload in payloads]
        self._send(lambda: self._outlet.put_together(messages))

    def stream(self, payloads: Iterator[bytes]) -> None:
        """Send many, each made when the client has read those before; stops when ended."""
        alive = itertools.takewhile(lambda _: not self.ended, payloads)
        self._send(lambda: self._outlet.put_stream(self._wrap(payload) for payload in alive))

    def release(self) -> None:
        """Send what was held: the client now knows the id."""
        held, self._held = self._held, None
        for send in held or ():
            send()

    def on_end(self, ending: Callable[[], None]) -> None:
        """Call `ending` when the subscription ends, for whatever reason; at once if it has."""
        if self.ended:
            ending()
        else:
            self._endings.append(ending)

    def end(self) -> None:
        """Send nothing more and let go of what feeds it."""
        if self.ended:
            return
        self.ended = True
        for ending in self._endings:
            ending()
        self._endings.clear()

    def _send(self, send: Callable[[], None]) -> None:
        if self.ended:
            return
        if self._held is None:
            send()
        else:
            self._held.append(send)

    def _wrap(self, payload: bytes) -> bytes:
        return self._head + payload + b"}}"


class Session:
    """One connection as the methods see it: its rights, its limits, its subscriptions."""

    def __init__(
        self,
        limits: Limits,
        *,
        outlet: Outlet | None = None,
        unsafe_allowed: bool = False,
        charge: Callable[[int], float] = lambda cost: 0.0,
        offload: Callable[[Callable[[], object], Deferred[object]], None] | None = None,
    ) -> None:
        self.limits = limits
        self.outlet = outlet
        self.unsafe_allowed = unsafe_allowed
        self.charge = charge
        """Takes a number of calls from the caller's allowance; returns seconds to wait, or 0."""

        self._offload = offload
        self._subscriptions: dict[str, Subscription] = {}
        self._prefix = secrets.token_urlsafe(6)
        self._numbers = itertools.count(1)
        self.broadcasts: dict[str, Callable[[], None]] = {}
        """Transactions this client broadcasts, and how to stop each."""

    def new_identifier(self) -> str:
        """Return an id that no other connection, before or after, uses."""
        return f"{self._prefix}{next(self._numbers)}"

    def open(self, name: str, *, passing: bool = False) -> Subscription:
        """Open a subscription whose notifications are called `name`.

        A passing one ends by itself, as the watch of an extrinsic does; many may be open.
        """
        if self.outlet is None:
            raise RpcError(
                METHOD_NOT_FOUND,
                "Subscriptions need a WebSocket connection",
                reasons("NoSubscriptions", hint="connect to the same port with ws://"),
            )
        limit = self.limits.watches if passing else self.limits.subscriptions
        if sum(one.passing == passing for one in self._subscriptions.values()) >= limit:
            raise RpcError(
                TOO_MANY_SUBSCRIPTIONS,
                "Too many subscriptions on the connection",
                reasons(
                    "TooManySubscriptions",
                    expected=f"at most {limit}",
                    hint="end one, or open another connection",
                ),
            )
        subscription = Subscription(name, self.new_identifier(), self.outlet, passing=passing)
        self._subscriptions[subscription.identifier] = subscription
        subscription.on_end(lambda: self._forget(subscription))
        return subscription

    def find(self, identifier: str, name: str) -> Subscription | None:
        """Return the live subscription of this id and kind."""
        found = self._subscriptions.get(identifier)
        return found if found is not None and found.name == name else None

    def count(self, name: str) -> int:
        """Return how many subscriptions of a kind are open."""
        return sum(one.name == name for one in self._subscriptions.values())

    def offload(self, work: Callable[[], T]) -> Deferred[T]:
        """Do slow work beside the loop and return its outcome to come."""
        deferred: Deferred[T] = Deferred()
        if self._offload is None:
            run_now(work, deferred)
        else:
            self._offload(work, deferred)  # type: ignore[arg-type]
        return deferred

    def close(self) -> None:
        """End everything the connection holds."""
        for subscription in list(self._subscriptions.values()):
            subscription.end()
        for stop in list(self.broadcasts.values()):
            stop()
        self.broadcasts.clear()

    def _forget(self, subscription: Subscription) -> None:
        self._subscriptions.pop(subscription.identifier, None)


class Hub:
    """Passes on what happens to the chain, in order, to everybody who listens."""

    def __init__(self) -> None:
        self._listeners: dict[int, Callable[[ChainEvent], None]] = {}
        self._numbers = itertools.count()
        self._payloads: OrderedDict[Hashable, bytes] = OrderedDict()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def listen(self, hear: Callable[[ChainEvent], None]) -> Callable[[], None]:
        """Call `hear` with each event from now on, until what is returned is called."""
        number = next(self._numbers)
        self._listeners[number] = hear

        def stop() -> None:
            self._listeners.pop(number, None)

        return stop

    def announce(self, event: ChainEvent) -> None:
        """Tell everybody. One listener's fault costs that listener its news, nothing else.

        A block may be imported and abandoned before anybody is told; then there is nothing to tell.
        """
        for number, hear in list(self._listeners.items()):
            try:
                hear(event)
            except (UnknownBlock, StateUnavailable) as gone:
                log.debug("nothing is told of a block that is gone already: %s", gone)
            except Exception:
                log.exception("a subscription could not be told of %s", type(event).__name__)
                self._listeners.pop(number, None)

    def encode(self, value: object) -> bytes:
        """Return a value serialised."""
        return ENCODER.encode(value)

    def payload(self, key: Hashable, make: Callable[[], object]) -> bytes:
        """Return what `make` returns, serialised: once for everybody who asks by the same key."""
        found = self._payloads.get(key)
        if found is None:
            found = self._payloads[key] = ENCODER.encode(make())
            if len(self._payloads) > SHARED_PAYLOADS:
                self._payloads.popitem(last=False)
        return found


def run_now(work: Callable[[], T], deferred: Deferred[T]) -> None:
    """Do the work here and settle its outcome."""
    try:
        value = work()
    except Exception as error:
        deferred.refuse(error)
    else:
        deferred.resolve(value)
