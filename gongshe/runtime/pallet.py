"""What a pallet is made of: calls, events, errors, constants, hooks, origins.

A pallet is a class with annotated storage items and `@call` methods; the annotations are its
codec and its client metadata. Events and errors are the classes of the same module that extend
`Event` and `CallError`. Every index is explicit: moving lines must never change the protocol.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from gongshe.primitives.records import Record
from gongshe.primitives.scale import Err, Ok
from gongshe.primitives.schema import STATIC
from gongshe.primitives.straight_line import written_between
from gongshe.primitives.types import (
    BadOrigin,
    DispatchClass,
    DispatchError,
    ErrorOfModule,
    ModuleError,
    Pays,
    Weight,
)
from gongshe.runtime.items import Item
from gongshe.runtime.overlay import Overlay

# ------------------------------------------------------------------------------- origins


class CallFilter(typing.Protocol):
    """What an origin was narrowed to, by a proxy for example."""

    def allows(self, call: Call) -> bool:
        """Tell whether the call may be made under this filter."""


class Signed(Record):
    """The call is made by an account.

    Filters travel with the origin and only ever add up: nesting calls never widens them.
    """

    account: bytes
    filters: tuple[CallFilter, ...] = ()

    def named(self, account: bytes, *more: CallFilter) -> Signed:
        """Return the origin of an account that this one may act for, under the same filters."""
        new = tuple(each for each in more if each not in self.filters)
        return Signed(account, self.filters + new)

    def allows(self, call: Call) -> bool:
        """Tell whether every filter lets the call pass."""
        return all(each.allows(call) for each in self.filters)


class Root(Record):
    """The call is made by the chain itself: governance, or sudo on development chains."""


class Unsigned(Record):
    """The call comes with the block (an inherent)."""


Origin = Signed | Root | Unsigned


# ------------------------------------------------------------------------------ outcomes


class Event(Record):
    """A fact that a call left behind; its pallet is the one in the same module."""


class CallFailed(Exception):
    """A call ended in an error: recorded in an event, undone, and the block stays valid.

    `expected`, `found` and `hint` are for the person who asked; they are not part of the state.
    """

    def __init__(
        self,
        error: DispatchError,
        *,
        expected: object = None,
        found: object = None,
        hint: str = "",
        post: PostDispatch | None = None,
    ) -> None:
        super().__init__(error)
        self.error, self.expected, self.found, self.hint = error, expected, found, hint
        self.post = post


class CallError(CallFailed):
    """A pallet's own named error. Subclasses give their `index`; the docstring is the sentence."""

    index: ClassVar[int]
    pallet_index: ClassVar[int]

    def __init_subclass__(cls, *, index: int) -> None:
        cls.index = index

    def __init__(
        self,
        *,
        expected: object = None,
        found: object = None,
        hint: str = "",
        post: PostDispatch | None = None,
    ) -> None:
        error = ErrorOfModule(ModuleError(self.pallet_index, bytes((self.index, 0, 0, 0))))
        super().__init__(error, expected=expected, found=found, hint=hint, post=post)


class PostDispatch(Record):
    """What a call says afterwards: the weight it really used (None: as declared), who pays."""

    weight: Weight | None = None
    pays: Pays = Pays.Yes


class Attempt(Record):
    """How a call that a pallet made on someone's behalf ended, and the weight it used."""

    failure: CallFailed | None
    weight: Weight

    @property
    def result(self) -> Ok | Err:
        """The outcome as events carry it (`DispatchResult`)."""
        return Ok() if self.failure is None else Err(self.failure.error)


class CallInfo(Record):
    """What a call may cost, known before it is made."""

    weight: Weight
    dispatch_class: DispatchClass
    pays: Pays


# --------------------------------------------------------------------------------- calls


class CallDefinition:
    """A `@call` method: its place in the protocol and the types of its arguments."""

    def __init__(
        self,
        method: Callable[..., Any],
        index: int,
        weight: Weight | Callable[..., Weight],
        dispatch_class: DispatchClass | Callable[..., DispatchClass],
        pays: Pays,
    ) -> None:
        self.method, self.index, self.pays = method, index, pays
        self.name = method.__name__
        self.docs = inspect.cleandoc(method.__doc__ or "")
        self._weight, self._class = weight, dispatch_class
        self._same: CallInfo | None = None
        """What every call of this definition may cost, if it does not depend on arguments."""
        if isinstance(weight, Weight) and isinstance(dispatch_class, DispatchClass):
            self._same = CallInfo(weight, dispatch_class, pays)
        self.pallet: type[Pallet]

    def complete(self, pallet: type[Pallet]) -> None:
        """Resolve the annotations, which may name types declared later in the module."""
        self.pallet = pallet
        hints = typing.get_type_hints(self.method, include_extras=True)
        names = list(inspect.signature(self.method).parameters)[1:]
        origin = hints[names[0]]
        self.origins: tuple[type, ...] = typing.get_args(origin) or (origin,)
        self.arguments = tuple((name, hints[name]) for name in names[1:])

    def info(self, arguments: tuple[Any, ...]) -> CallInfo:
        """Return what the call may cost with these arguments."""
        if self._same is not None:
            return self._same
        weight = self._weight if isinstance(self._weight, Weight) else self._weight(*arguments)
        if isinstance(self._class, DispatchClass):
            return CallInfo(weight, self._class, self.pays)
        return CallInfo(weight, self._class(*arguments), self.pays)


class Call:
    """A call with its arguments, not yet made."""

    __slots__ = ("_info", "arguments", "definition")

    def __init__(self, definition: CallDefinition, arguments: tuple[Any, ...]) -> None:
        self.definition, self.arguments = definition, arguments
        self._info: CallInfo | None = None

    @property
    def name(self) -> str:
        """`Balances.transfer_allow_death` and the like."""
        return f"{self.definition.pallet.__name__}.{self.definition.name}"

    def info(self) -> CallInfo:
        """Return what the call may cost.

        It is worked out once: a call that holds others would otherwise ask all of them again
        at every level of nesting.
        """
        if self._info is None:
            self._info = self.definition.info(self.arguments)
        return self._info


RuntimeCall = Call
"""Annotates an argument that is itself a call of whatever pallets the runtime has."""


Method = TypeVar("Method", bound=Callable[..., Any])


def call(
    index: int,
    *,
    weight: Weight | Callable[..., Weight],
    dispatch_class: DispatchClass | Callable[..., DispatchClass] = DispatchClass.Normal,
    pays: Pays = Pays.Yes,
) -> Callable[[Method], Method]:
    """Mark a method as a call: `index` is its number for ever, `weight` its cost before refunds.

    The first argument's annotation is who may call: `Signed`, `Root`, `Unsigned` or a union.
    """

    def mark(method: Method) -> Method:
        definition = CallDefinition(method, index, weight, dispatch_class, pays)
        method.definition = definition  # type: ignore[attr-defined]
        return method

    return mark


# ------------------------------------------------------------------------------- pallets


class Constant(Record):
    """A value that clients may read from metadata."""

    name: str
    annotation: Any
    value: Any
    docs: str


class Dispatcher(typing.Protocol):
    """Makes calls on behalf of a pallet; what a failed call wrote is undone."""

    def dispatch(self, call: Call, origin: Origin) -> PostDispatch:
        """Make a call inside a transaction of its own; CallFailed if it ends in an error."""

    def encode_call(self, call: Call) -> bytes:
        """Return the encoding of a call."""

    def decode_call(self, raw: bytes) -> Call:
        """Return the call that `raw` encodes; ScaleError otherwise."""


class Declaration(Record):
    """What a pallet's class and module declare, by attribute name or index."""

    docs: str
    items: dict[str, Item]
    calls: dict[int, CallDefinition]
    events: dict[int, type[Event]]
    errors: dict[int, type[CallError]]
    needs: dict[str, type[Pallet]]


class Pallet:
    """One module of the runtime, bound to the state of one block."""

    index: ClassVar[int]
    name: ClassVar[str]
    constants: ClassVar[tuple[Constant, ...]] = ()
    declared: ClassVar[Declaration]

    state: Overlay
    dispatcher: Dispatcher

    def __init_subclass__(
        cls, *, index: int | None = None, words: tuple[types.ModuleType, ...] = ()
    ) -> None:
        """Declare a pallet; `words` are further modules with its events and errors.

        Without an index: the lower part (storage, mechanics) of a pallet too long for one file.
        """
        if index is None:
            return
        cls.index, cls.name = index, cls.__name__
        cls.declared = declare(cls, words)

    def __init__(self, state: Overlay, dispatcher: Dispatcher) -> None:
        self.state = state
        self.dispatcher = dispatcher

    def attempt(self, call: Call, origin: Origin) -> Attempt:
        """Make a call on someone's behalf and say how it ended and what it used."""
        declared = call.info().weight
        failure: CallFailed | None = None
        try:
            used = self.dispatcher.dispatch(call, origin).weight
        except CallFailed as failed:
            failure, used = failed, failed.post.weight if failed.post else None
        if used is None or not used.fits(declared):
            used = declared
        return Attempt(failure, used)

    def emit(self, event: Event) -> None:
        """Record a fact; it vanishes if the call fails."""
        state = self.state
        state.events.append(state.phase + RECORD_WRITERS[type(event)](event))

    # Hooks. A pallet overrides what it needs; weights are returned so that nothing is free.

    def on_genesis(self, config: Any) -> None:
        """Write the first state from this pallet's part of the chain spec."""

    def on_runtime_upgrade(self, previous: int) -> None:
        """Migrate the state once, in the first block of a new spec version."""

    def on_initialize(self, number: int) -> Weight | None:
        """Work before the first extrinsic of a block; returns the weight used."""
        return None

    def on_finalize(self, number: int) -> None:
        """Work after the last extrinsic; its weight was reserved by on_initialize."""

    def check_invariants(self) -> None:
        """Raise InvariantBroken if what must hold between any two extrinsics does not."""


class InvariantBroken(AssertionError):
    """What must always hold does not: a bug, never a user's fault."""


NO_TOPICS = b"\x00"
EVENT_WRITERS: dict[type[Event], Callable[[Any], bytes]] = {}
"""For each event class, what writes pallet index, event index and fields."""

RECORD_WRITERS: dict[type[Event], Callable[[Any], bytes]] = {}
"""The same with the empty list of topics behind: an event record without its phase."""


def declare(pallet: type[Pallet], words: tuple[types.ModuleType, ...]) -> Declaration:
    """Read a pallet's class once: items, calls, needs, and the events and errors of its modules."""
    hints = typing.get_type_hints(pallet, include_extras=True)
    declared = Declaration(inspect.cleandoc(pallet.__doc__ or ""), {}, {}, {}, {}, {})
    for name, hint in hints.items():
        if isinstance(hint, type) and issubclass(hint, Pallet):
            declared.needs[name] = hint
    parts = [part for part in reversed(pallet.__mro__) if issubclass(part, Pallet)]
    for part in parts[1:]:
        for name, value in list(vars(part).items()):
            if isinstance(value, Item):
                value.declare(pallet.name, name, hints[name], part)
                declared.items[name] = value
            definition = getattr(value, "definition", None)
            if isinstance(definition, CallDefinition):
                definition.complete(pallet)
                register(declared.calls, definition.index, definition, f"{pallet.name}.{name}")
    for module in (sys.modules[pallet.__module__], *words):
        declare_words(pallet, declared, module)
    return declared


def declare_words(pallet: type[Pallet], declared: Declaration, module: types.ModuleType) -> None:
    """Enter the events and errors that a module defines."""
    for value in vars(module).values():
        if not isinstance(value, type) or value.__module__ != module.__name__:
            continue
        if issubclass(value, Event) and value.scale_index is not None:
            register(declared.events, value.scale_index, value, value.__name__)
            prefix, codec = bytes((pallet.index, value.scale_index)), STATIC.codec_of(value)
            EVENT_WRITERS[value] = written_between(prefix, codec, b"")
            RECORD_WRITERS[value] = written_between(prefix, codec, NO_TOPICS)
        elif issubclass(value, CallError):
            register(declared.errors, value.index, value, value.__name__)
            value.pallet_index = pallet.index


def register(table: dict[int, Any], index: int, value: Any, name: str) -> None:
    """Enter one definition; an index is used once, for ever."""
    if index in table:
        raise TypeError(f"{name}: index {index} is taken")
    table[index] = value


def bad_origin(expected: str, found: Origin) -> CallFailed:
    """Return the refusal of a call that this origin may not make."""
    return CallFailed(BadOrigin(), expected=expected, found=type(found).__name__)
