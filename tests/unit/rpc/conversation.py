"""Methods for talking about the transport alone, and short ways to call a dispatcher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, cast

from msgspec import Meta

from gongshe.rpc import methods_rpc
from gongshe.rpc.backend import Backend
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.dispatcher import Dispatcher
from gongshe.rpc.limits import Limits
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.subscriptions import Hub, Session
from gongshe.rpc.values import Account, BlockHash, Height, Hex

table = MethodTable()

deferred: list[Deferred[str]] = []
"""Answers of `test_later` that the test settles."""


@table.method("test_echo", "test_alias")
def echo(context: Context, text: str, times: Annotated[int, Meta(ge=0, le=9)] = 1) -> str:
    """Repeat a text."""
    return text * times


@table.method("test_values")
def values(
    context: Context,
    raw: Hex,
    block: BlockHash | None = None,
    height: Height | None = None,
    who: Account | None = None,
) -> list[str | int | None]:
    """Show what arrived."""
    number = None if height is None else int(height)
    return [
        raw.hex(),
        None if block is None else block.hex(),
        number,
        None if who is None else who.hex(),
    ]


@table.method("test_unsafe", unsafe=True)
def unsafe(context: Context) -> bool:
    """Do what only operators may."""
    return True


@table.method("test_slow", slow=True)
def slow(context: Context) -> str:
    """Take long."""
    return "done"


@table.method("test_later")
def later(context: Context) -> Deferred[str]:
    """Answer when the test says so."""
    one: Deferred[str] = Deferred()
    deferred.append(one)
    return one


@table.method("test_broken")
def broken(context: Context) -> str:
    """Fail as a bug would."""
    raise KeyError("secret-of-the-inside")


@table.method("test_long")
def long(context: Context, length: Annotated[int, Meta(ge=0, le=100_000)]) -> str:
    """Answer with a long text."""
    return "x" * length


@table.method("test_objects")
def objects(context: Context, items: list[dict[str, int]]) -> int:
    """Count objects."""
    return len(items)


@table.subscription("test_subscribe", notifies="test_news", ends=("test_unsubscribe",))
def subscribe(context: Context, first: list[int]) -> str:
    """Send the numbers given, at once."""
    subscription = context.open("test_news")
    for number in first:
        subscription.notify(str(number).encode())
    return subscription.identifier


@table.subscription("test_events", notifies="test_news", ends=())
def events(context: Context, length: Annotated[int, Meta(ge=0, le=1_000_000)]) -> str:
    """Send a text of this length at each event of the chain."""
    subscription = context.open("test_news")
    payload = b'"%b"' % (b"x" * length)
    subscription.on_end(context.hub.listen(lambda event: subscription.notify(payload)))
    return subscription.identifier


@table.subscription("test_stream", notifies="test_flow", ends=("test_unstream",))
def stream(context: Context, count: int) -> str:
    """Send so many numbers as fast as they are read."""
    subscription = context.open("test_flow")
    subscription.stream(str(number).encode() for number in range(count))
    return subscription.identifier


class Recorder:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def put(self, message: bytes) -> None:
        self.messages.append(message)

    def put_together(self, messages: list[bytes]) -> None:
        self.messages += messages

    def put_stream(self, messages: Iterator[bytes]) -> None:
        self.messages += messages


NO_BACKEND = cast(Backend, None)
"""These methods ask nothing of a chain."""


def make_dispatcher() -> Dispatcher:
    return Dispatcher([table, methods_rpc.table], NO_BACKEND, Hub())


def make_session(**settings: Any) -> Session:
    return Session(settings.pop("limits", Limits()), **settings)


def call(dispatcher: Dispatcher, session: Session, message: object) -> Any:
    """Send a message (bytes, or something to be written as JSON) and return what is answered."""
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer = dispatcher.handle_now(raw, session)
    return None if answer is None else json.loads(answer)


def request(method: str, *params: object, identifier: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": method, "params": list(params), "id": identifier}
