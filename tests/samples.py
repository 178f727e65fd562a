"""Values of any declared type, drawn by chance from a seed: edges more often than the middle."""

from __future__ import annotations

import enum
import types
import typing
from random import Random
from typing import Annotated, Any, get_args, get_origin

from gongshe.primitives.extrinsic import ERA, MortalEra
from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import (
    AtMost,
    Codec,
    Compact,
    Err,
    FixedBytes,
    Ok,
    Result,
    SInt,
    UInt,
)
from gongshe.primitives.schema import cases_of
from gongshe.primitives.types import ModuleError
from gongshe.runtime.assembly import Assembly, EventRecord, RuntimeEvent
from gongshe.runtime.pallet import Call, CallDefinition, Event, RuntimeCall

LONGEST = 4
"""Elements of a list; longer ones say nothing new."""

DEEPEST = 3
"""Calls within calls."""


class Sampler:
    """Draws values from one seed."""

    def __init__(self, assembly: Assembly, seed: int, without: tuple[type, ...] = ()) -> None:
        self.assembly, self.chance = assembly, Random(seed)
        self.without = without
        """Cases of enumerations that are not drawn."""
        self.depth = 0

    def call(self) -> Call:
        """Return a call with arguments; calls that hold calls only near the surface."""
        definitions = [
            definition
            for pallet in self.assembly.pallets
            for definition in pallet.declared.calls.values()
            if self.depth < DEEPEST or not holds_calls(definition)
        ]
        return self.call_of(self.chance.choice(definitions))

    def call_of(self, definition: CallDefinition) -> Call:
        """Return a call of this kind."""
        self.depth += 1
        arguments = tuple(self.value(hint) for _, hint in definition.arguments)
        self.depth -= 1
        return Call(definition, arguments)

    def event(self) -> Event:
        """Return an event of any pallet."""
        declared = [
            event for pallet in self.assembly.pallets for event in pallet.declared.events.values()
        ]
        found: Event = self.record(self.chance.choice(declared))
        return found

    def event_records(self, count: int) -> tuple[EventRecord, ...]:
        """Return what a block might leave under System.Events."""
        return tuple(self.value(EventRecord) for _ in range(count))

    def module_error(self) -> ModuleError:
        """Return an error that some pallet declares: clients refuse to read any other."""
        pallet = self.chance.choice(
            [each for each in self.assembly.pallets if each.declared.errors]
        )
        error = self.chance.choice(sorted(pallet.declared.errors))
        return ModuleError(pallet.index, bytes((error, 0, 0, 0)))

    def value(self, annotation: Any) -> Any:
        """Return a value of an annotated type."""
        if annotation is RuntimeCall:
            return self.call()
        if annotation is RuntimeEvent:
            return self.event()
        if annotation is bool:
            return self.chance.random() < 0.5
        if isinstance(annotation, type):
            return self._of_class(annotation)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._marked(arguments[0], arguments[1])
        if origin is tuple:
            return tuple(self.value(part) for part in arguments)
        if origin in {types.UnionType, typing.Union}:
            return None if self.chance.random() < 0.5 else self.value(arguments[0])
        raise TypeError(f"no values of {annotation!r}")

    def record(self, kind: type[Record]) -> Any:
        """Return a record with every field drawn."""
        hints = typing.get_type_hints(kind, include_extras=True)
        return kind(*(self.value(hints[name]) for name in kind.__struct_fields__))

    def _of_class(self, kind: type[Any]) -> Any:
        if issubclass(kind, enum.IntEnum):
            return self.chance.choice(list(kind))
        if kind is ModuleError:
            return self.module_error()
        if issubclass(kind, Variants):
            cases = [case for case in cases_of(kind) if case not in self.without]
            return self.record(self.chance.choice(cases))
        return self.record(kind)

    def _marked(self, base: Any, mark: Any) -> Any:
        match mark:
            case UInt(size) | Compact(size):
                return self.whole(8 * size)
            case SInt(size):
                return self.whole(8 * size) - (1 << 8 * size - 1)
            case FixedBytes(length):
                return self.chance.randbytes(length)
            case Result(ok, err):
                return (
                    Ok(self.value(ok) or None)
                    if self.chance.random() < 0.5
                    else Err(self.value(err))
                )
            case AtMost(count):
                return self._bounded(base, min(count, LONGEST))
            case Codec():
                return self._era() if mark is ERA else self.whole(64)
        raise TypeError(f"no values of {mark!r}")

    def _bounded(self, base: Any, most: int) -> Any:
        length = self.chance.randint(0, most)
        if base is bytes:
            return self.chance.randbytes(length)
        if base is str:
            return "公" if length == 3 else "aZ9_"[:length]
        arguments = get_args(base)
        if get_origin(base) is dict:
            return {self.value(arguments[0]): self.value(arguments[1]) for _ in range(length)}
        return tuple(self.value(arguments[0]) for _ in range(length))

    def _era(self) -> MortalEra | None:
        if self.chance.random() < 0.5:
            return None
        return MortalEra.around(self.whole(32), 1 << self.chance.randint(2, 16))

    def whole(self, bits: int) -> int:
        """Return a number of at most so many bits: small, large, or beside a power of two."""
        power = 1 << self.chance.randint(0, bits)
        return min(max(power + self.chance.randint(-2, 2), 0), (1 << bits) - 1)


def holds_calls(definition: CallDefinition) -> bool:
    """Tell whether an argument is a call or a list of calls."""
    return any(
        hint is RuntimeCall or RuntimeCall.__qualname__ in str(hint)
        for _, hint in definition.arguments
    )
