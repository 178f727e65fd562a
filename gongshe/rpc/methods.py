"""Tables of methods: typed Python functions under their JSON-RPC names.

A method is a function whose first parameter is the `Context` and whose other parameters are
annotated; from the annotations come the reading of its parameters and its entry in the OpenRPC
document. Its docstring is its documentation.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from gongshe.primitives.records import Record
from gongshe.rpc.backend import Backend
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.errors import invalid_params
from gongshe.rpc.limits import Limits
from gongshe.rpc.offchain import OffchainStorage
from gongshe.rpc.subscriptions import Hub, Session, Subscription
from gongshe.rpc.values import read_value

F = TypeVar("F", bound=Callable[..., Any])


class Method:
    """One method: how its parameters are read, what may call it, and what it is documented as."""

    def __init__(
        self,
        names: tuple[str, ...],
        function: Callable[..., Any],
        *,
        unsafe: bool,
        slow: bool,
        notifies: str | None,
    ) -> None:
        self.name = names[0]
        self.aliases = names[1:]
        self.function = function
        self.unsafe = unsafe
        """Refused unless the listener was opened for operators."""
        self.slow = slow
        """May take more than a fraction of a millisecond; runs beside the loop."""
        self.notifies = notifies
        """The name of its notifications, if it opens a subscription."""

        if not function.__doc__:
            raise TypeError(f"{self.name} has no docstring, hence no documentation")
        self.documentation = inspect.cleandoc(function.__doc__)
        fields, self.result = _signature(self.name, function)
        self.parameters = msgspec.defstruct(
            "Parameters", fields, forbid_unknown_fields=True, rename="camel"
        )
        positional = msgspec.defstruct(
            "PositionalParameters", fields, forbid_unknown_fields=True, array_like=True
        )
        self._by_name = msgspec.json.Decoder(self.parameters, dec_hook=read_value)
        self._by_position = msgspec.json.Decoder(positional, dec_hook=read_value)
        self._defaults = self._by_position.decode(b"[]") if _all_optional(fields) else None

    def read(self, raw: bytes) -> tuple[Any, ...]:
        """Return the arguments that `raw` (an array, an object, null or nothing) stands for."""
        lead = raw[:1]
        try:
            if lead == b"[":
                parameters = self._by_position.decode(raw)
            elif lead == b"{":
                parameters = self._by_name.decode(raw)
            elif raw in (b"", b"null"):
                parameters = self._defaults or self._by_position.decode(b"[]")
            else:
                raise invalid_params("expected an array or an object")
        except msgspec.ValidationError as error:
            raise invalid_params(str(error)) from None
        if b"{" in raw:
            _refuse_repeated_members(raw)
        return msgspec.structs.astuple(parameters)


class MethodTable:
    """The methods of one namespace, filled by decorators."""

    def __init__(self) -> None:
        self.methods: list[Method] = []

    def method(self, *names: str, unsafe: bool = False, slow: bool = False) -> Callable[[F], F]:
        """Enter a function under its name and its aliases."""

        def enter(function: F) -> F:
            self.methods.append(Method(names, function, unsafe=unsafe, slow=slow, notifies=None))
            return function

        return enter

    def subscription(
        self, *names: str, notifies: str, ends: tuple[str, ...] = ()
    ) -> Callable[[F], F]:
        """Enter a function that opens a subscription, and the methods that end it.

        Without `ends` the namespace enters its own.
        """

        def enter(function: F) -> F:
            @functools.wraps(function)
            def opening(context: Context, *arguments: object) -> object:
                with context.undone_on_error():
                    return function(context, *arguments)

            self.methods.append(Method(names, opening, unsafe=False, slow=False, notifies=notifies))
            return function

        def end(context: Context, subscription: str) -> bool:
            return context.end(subscription, notifies)

        end.__doc__ = f"End a subscription opened by `{names[0]}`; true if there was one."
        if ends:
            self.method(*ends)(end)
        return enter


class Shared(Record, eq=False):
    """What every message works with."""

    backend: Backend
    hub: Hub
    methods: Mapping[str, Method]
    offchain: OffchainStorage
    descriptions: dict[str, Any]
    """What `rpc.discover` has made, once."""


class Context:
    """What a method works with while it answers one message."""

    __slots__ = ("_afterwards", "_opened", "_shared", "session")

    def __init__(self, shared: Shared, session: Session) -> None:
        self._shared = shared
        self.session = session
        self._opened: list[Subscription] = []
        self._afterwards: list[Callable[[], None]] = []

    @property
    def backend(self) -> Backend:
        """The node behind the methods."""
        return self._shared.backend

    @property
    def hub(self) -> Hub:
        """The chain's news."""
        return self._shared.hub

    @property
    def methods(self) -> Mapping[str, Method]:
        """Every method by name and alias."""
        return self._shared.methods

    @property
    def offchain(self) -> OffchainStorage:
        """The off-chain local storage."""
        return self._shared.offchain

    @property
    def descriptions(self) -> dict[str, Any]:
        """Documents made once for everybody."""
        return self._shared.descriptions

    @property
    def limits(self) -> Limits:
        """What this connection may ask for."""
        return self.session.limits

    def open(self, name: str, *, passing: bool = False) -> Subscription:
        """Open a subscription; its news waits until this message is answered."""
        subscription = self.session.open(name, passing=passing)
        self._opened.append(subscription)
        return subscription

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """End the subscriptions opened within, if that fails."""
        before = len(self._opened)
        try:
            yield
        except Exception:
            for subscription in self._opened[before:]:
                subscription.end()
            raise

    def end(self, identifier: str, name: str) -> bool:
        """End a subscription; false if there is none of this id and kind."""
        subscription = self.session.find(identifier, name)
        if subscription is None:
            return False
        subscription.end()
        return True

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do `work` once this message is answered."""
        self._afterwards.append(work)

    def answered(self) -> None:
        """Let the news of new subscriptions flow: their ids are on the way."""
        for subscription in self._opened:
            subscription.release()
        self._opened.clear()
        for work in self._afterwards:
            work()
        self._afterwards.clear()


def _signature(
    name: str, function: Callable[..., Any]
) -> tuple[list[tuple[str, Any, Any] | tuple[str, Any]], Any]:
    """Return the fields of the parameters and the annotation of the result."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    if hints.get(parameters[0].name) is not Context:
        raise TypeError(f"the first parameter of {name} is not the context")
    if "return" not in hints:
        raise TypeError(f"{name} does not say what it returns")
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    for parameter in parameters[1:]:
        if parameter.default is inspect.Parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    result = hints["return"]
    if typing.get_origin(result) is Deferred:
        (result,) = typing.get_args(result)
    for annotation in [*(field[1] for field in fields), result]:
        refuse_unsafe_union(name, annotation)
    return fields, result


def refuse_unsafe_union(name: str, annotation: Any) -> None:
    """Refuse a union of a text with a pattern and a list, anywhere in an annotation.

    msgspec 0.20 to 0.22 corrupts memory when it describes one, and any client may ask for that:
    `schema(Annotated[str, Meta(pattern="a")] | list[int])`, repeated, ends the process.
    """
    parts = typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        patterned = any(
            isinstance(meta, msgspec.Meta) and meta.pattern is not None
            for part in parts
            for meta in getattr(part, "__metadata__", ())
        )
        if patterned and any(typing.get_origin(part) is list for part in parts):
            raise TypeError(f"{name}: write the text beside the list without its pattern")
    for part in parts:
        refuse_unsafe_union(name, part)


def _all_optional(fields: list[tuple[str, Any, Any] | tuple[str, Any]]) -> bool:
    return all(len(field) == 3 for field in fields)


def _refuse_repeated_members(raw: bytes) -> None:
    """Refuse an object that names a member twice: readers disagree on which one counts.

    Called only after the typed reading succeeded, so the text is well-formed and means something;
    only parameters with objects in them pay for the second reading.
    """

    def check(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise invalid_params("an object names a member twice")

    json.loads(raw, object_pairs_hook=check)
