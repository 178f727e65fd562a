"""Which pallets make a runtime, with which index, per spec version.

An assembly is the native runtime of one spec version: its pallets in order, the codec of their
calls and events, its version record. Nothing is ever executed from the chain; a node that lacks
an assembly stops before the block that needs it (`SpecVersionMissing`).
"""

from __future__ import annotations

import typing
from hashlib import blake2b
from typing import Annotated, Any, ClassVar

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import (
    H256,
    AtMost,
    Budget,
    Case,
    Codec,
    Composite,
    Enumeration,
    Field,
    ScaleError,
    u32,
)
from gongshe.primitives.schema import Schema, described, docs_of, sequence_of, tuple_of
from gongshe.primitives.types import RuntimeVersion
from gongshe.runtime.api_declaration import Api
from gongshe.runtime.items import EventRecords
from gongshe.runtime.pallet import EVENT_WRITERS, Call, CallDefinition, Event, Pallet, RuntimeCall

SPEC_NAME = "gongshe"
MAX_EVENTS = 1 << 20
"""Events of one block, for decoding; block weight allows far fewer."""


class SpecVersionMissing(Exception):
    """The chain demands a spec version that this program does not ship."""

    def __init__(self, wanted: int, shipped: list[int]) -> None:
        super().__init__(
            f"the chain asks for spec version {wanted}, this program ships {shipped};"
            f" install a gongshe release that ships {wanted}, then start again: no data is lost"
        )
        self.wanted, self.shipped = wanted, shipped


class RuntimeEvent(Record):
    """Annotates an event of whatever pallets the runtime has."""


class Phase(Variants, path="frame_system::Phase"):
    """Where in a block an event was emitted."""


class ApplyExtrinsic(Phase, index=0, unnamed=True):
    """While this extrinsic was applied."""

    extrinsic: u32


class Finalization(Phase, index=1):
    """After the extrinsics."""


class Initialization(Phase, index=2):
    """Before the extrinsics."""


class EventRecord(Record, path="frame_system::EventRecord"):
    """An event, when it was emitted, and topics to search by (none on this chain)."""

    scale_parameters: ClassVar[dict[str, Any]] = {"E": RuntimeEvent, "T": H256}

    phase: Phase
    event: RuntimeEvent
    topics: Annotated[tuple[H256, ...], AtMost(16)]


class CallCodec(Record):
    """How one call's arguments are written and read."""

    definition: CallDefinition
    prefix: bytes
    arguments: Codec


class Assembly:
    """The native runtime of one spec version."""

    def __init__(
        self,
        spec_version: int,
        pallets: tuple[type[Pallet], ...],
        apis: tuple[Api, ...] = (),
        transaction_version: int = 1,
    ) -> None:
        self.pallets, self.apis = pallets, apis
        self.by_index = {pallet.index: pallet for pallet in pallets}
        if len(self.by_index) != len(pallets):
            raise TypeError("two pallets share an index")
        for position, pallet in enumerate(pallets):
            for need in pallet.declared.needs.values():
                if need not in pallets[:position]:
                    raise TypeError(f"{pallet.name} needs {need.name} earlier in the list")
        self.version = RuntimeVersion(
            spec_name=SPEC_NAME,
            impl_name=SPEC_NAME,
            authoring_version=1,
            spec_version=spec_version,
            impl_version=1,
            apis=tuple((api_id(api.name), api.version) for api in apis),
            transaction_version=transaction_version,
            system_version=1,
        )
        unshaped = Enumeration("", (), (), "")
        self.call_codec = Codec(self._write_call, self._read_call, 2, unshaped)
        self.event_codec = Codec(self._write_event, self._read_event, 2, unshaped)
        self.error_codec = Codec(_unwritable, _unreadable, 2, unshaped)
        self.schema = Schema({RuntimeCall: self.call_codec, RuntimeEvent: self.event_codec})
        records = sequence_of(self.schema.codec_of(EventRecord), MAX_EVENTS)
        self.schema = Schema(
            {
                RuntimeCall: self.call_codec,
                RuntimeEvent: self.event_codec,
                EventRecords: records,
            }
        )
        self.records_codec = records
        self._calls = {
            (pallet.index, definition.index): CallCodec(
                definition,
                bytes((pallet.index, definition.index)),
                tuple_of([self.schema.codec_of(hint) for _, hint in definition.arguments]),
            )
            for pallet in pallets
            for definition in pallet.declared.calls.values()
        }
        self._by_definition = {codec.definition: codec for codec in self._calls.values()}
        self._events = {
            (pallet.index, index): self.schema.codec_of(event)
            for pallet in pallets
            for index, event in pallet.declared.events.items()
        }
        self._shape()

    def _shape(self) -> None:
        """Describe calls, events and errors to clients: one case per pallet that has any."""
        calls, events, errors = {}, {}, {}
        for pallet in self.pallets:
            if pallet.declared.calls:
                calls[pallet] = self._described("Call", pallet, self._call_cases(pallet))
            if pallet.declared.events:
                events[pallet] = self._described("Event", pallet, self._event_cases(pallet))
            if pallet.declared.errors:
                errors[pallet] = self._described("Error", pallet, error_cases(pallet))
        self.call_codec.shape = outer("RuntimeCall", calls)
        self.event_codec.shape = outer("RuntimeEvent", events)
        self.error_codec.shape = outer("RuntimeError", errors)
        self.pallet_calls, self.pallet_events, self.pallet_errors = calls, events, errors

    def _described(self, kind: str, pallet: type[Pallet], cases: tuple[Case, ...]) -> Codec:
        path = f"pallet_{snake_case(pallet.name)}::pallet::{kind}"
        if pallet.name == "System":
            path = f"frame_system::pallet::{kind}"
        return Codec(_unwritable, _unreadable, 1, Enumeration(path, (), cases, ""))

    def _call_cases(self, pallet: type[Pallet]) -> tuple[Case, ...]:
        return tuple(
            Case(
                definition.name,
                definition.index,
                described(
                    [
                        (name, hint, self.schema.codec_of(hint))
                        for name, hint in definition.arguments
                    ],
                    unnamed=False,
                ),
                definition.docs,
            )
            for definition in sorted(pallet.declared.calls.values(), key=lambda each: each.index)
        )

    def _event_cases(self, pallet: type[Pallet]) -> tuple[Case, ...]:
        return tuple(
            Case(
                event.scale_variant,
                index,
                typing.cast("Composite", self.schema.codec_of(event).shape).fields,
                docs_of(event),
            )
            for index, event in sorted(pallet.declared.events.items())
        )

    # ---------------------------------------------------------------------------- events

    def _write_event(self, event: Event) -> bytes:
        return EVENT_WRITERS[type(event)](event)

    def _read_event(self, raw: bytes, offset: int, budget: Budget) -> tuple[Event, int]:
        codec = self._events.get((raw[offset], raw[offset + 1]))
        if codec is None:
            raise ScaleError(f"no event {raw[offset]}.{raw[offset + 1]} (at byte {offset})")
        found: tuple[Event, int] = codec.read(raw, offset + 2, budget)
        return found

    def decode_events(self, raw: bytes) -> tuple[EventRecord, ...]:
        """Return the records stored under System.Events."""
        records: tuple[EventRecord, ...]
        records = self.records_codec.decode(raw, Budget(elements=2 * MAX_EVENTS))
        return records

    @property
    def spec_version(self) -> int:
        """The version of the rules."""
        return self.version.spec_version

    # ----------------------------------------------------------------------------- calls

    def _write_call(self, call: Call) -> bytes:
        codec = self._by_definition[call.definition]
        return codec.prefix + codec.arguments.write(call.arguments)

    def _read_call(self, raw: bytes, offset: int, budget: Budget) -> tuple[Call, int]:
        codec = self._calls.get((raw[offset], raw[offset + 1]))
        if codec is None:
            raise ScaleError(f"no call {raw[offset]}.{raw[offset + 1]} (at byte {offset})")
        budget.enter()
        arguments, end = codec.arguments.read(raw, offset + 2, budget)
        budget.leave()
        return Call(codec.definition, arguments), end

    def call(self, pallet: str, name: str, *arguments: Any) -> Call:
        """Return a call by the names of its pallet and itself; LookupError if there is none."""
        for codec in self._calls.values():
            if (codec.definition.pallet.name, codec.definition.name) == (pallet, name):
                return Call(codec.definition, arguments)
        raise LookupError(f"no call {pallet}.{name} in spec version {self.spec_version}")


def api_id(name: str) -> bytes:
    """Return the eight bytes by which a runtime version names a runtime API."""
    return blake2b(name.encode(), digest_size=8).digest()


def outer(name: str, inner: dict[type[Pallet], Codec]) -> Enumeration:
    """Return an enumeration with one unnamed field per pallet."""
    cases = tuple(
        Case(pallet.name, pallet.index, (Field(None, codec, f"{pallet.name}{name}"),), "")
        for pallet, codec in inner.items()
    )
    return Enumeration(f"gongshe_runtime::{name}", (), cases, "")


def error_cases(pallet: type[Pallet]) -> tuple[Case, ...]:
    """Return a pallet's errors as clients see them."""
    return tuple(
        Case(error.__name__, index, (), docs_of(error))
        for index, error in sorted(pallet.declared.errors.items())
    )


def snake_case(name: str) -> str:
    """Return `transaction_payment` for `TransactionPayment`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _unwritable(value: Any) -> bytes:
    raise TypeError("described to clients only, never written")


def _unreadable(raw: bytes, offset: int, budget: Budget) -> tuple[Any, int]:
    raise TypeError("described to clients only, never read")
