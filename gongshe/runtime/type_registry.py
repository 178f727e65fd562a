"""The portable registry of client metadata (scale-info): every type once, by number.

Types are described by the shapes of their codecs. Two codecs that describe the same type share
one number, so that the registry does not grow with the number of places that name a type.
Source: https://docs.rs/scale-info, `PortableRegistry`.
"""

from __future__ import annotations

import enum
from typing import Annotated

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import (
    ArrayOf,
    AtMost,
    Case,
    Codec,
    CompactOf,
    CompactU32,
    Composite,
    Enumeration,
    Field,
    Primitive,
    SequenceOf,
    Shape,
    TupleOf,
    u8,
    u32,
)

MAX_TEXT = 65_536
"""Bytes of one name or one line of documentation."""

MAX_PARTS = 65_536
"""Types, fields, pallets: a bound that no assembly comes near."""

Text = Annotated[str, AtMost(MAX_TEXT)]
Texts = Annotated[tuple[Text, ...], AtMost(MAX_PARTS)]
TypeNumber = CompactU32


class PrimitiveKind(enum.IntEnum):
    """The primitive types, by their names in shapes."""

    bool = 0
    char = 1
    str = 2
    u8 = 3
    u16 = 4
    u32 = 5
    u64 = 6
    u128 = 7
    u256 = 8
    i8 = 9
    i16 = 10
    i32 = 11
    i64 = 12
    i128 = 13
    i256 = 14


class TypeParameter(Record):
    """A generic parameter of a type."""

    name: Text
    type_number: TypeNumber | None


class TypeField(Record):
    """A field of a struct or of a case."""

    name: Text | None
    type_number: TypeNumber
    type_name: Text | None
    docs: Texts


TypeFields = Annotated[tuple[TypeField, ...], AtMost(MAX_PARTS)]


class TypeCase(Record):
    """A case of an enumeration."""

    name: Text
    fields: TypeFields
    index: u8
    docs: Texts


class TypeDefinition(Variants):
    """What a type is made of."""


class CompositeType(TypeDefinition, index=0):
    """A struct."""

    fields: TypeFields


class EnumerationType(TypeDefinition, index=1):
    """An enumeration."""

    cases: Annotated[tuple[TypeCase, ...], AtMost(256)]


class SequenceType(TypeDefinition, index=2):
    """A list."""

    inner: TypeNumber


class ArrayType(TypeDefinition, index=3):
    """A fixed number of values."""

    length: u32
    inner: TypeNumber


class TupleType(TypeDefinition, index=4):
    """Several values."""

    parts: Annotated[tuple[TypeNumber, ...], AtMost(MAX_PARTS)]


class PrimitiveType(TypeDefinition, index=5):
    """A number, a truth value, a text."""

    kind: PrimitiveKind


class CompactType(TypeDefinition, index=6):
    """A number in compact form."""

    inner: TypeNumber


class TypeDescription(Record):
    """A type without its number: equal descriptions are one type."""

    path: Texts
    parameters: Annotated[tuple[TypeParameter, ...], AtMost(MAX_PARTS)]
    definition: TypeDefinition
    docs: Texts


class PortableType(Record):
    """A type and its number."""

    number: TypeNumber
    description: TypeDescription


PortableTypes = Annotated[tuple[PortableType, ...], AtMost(MAX_PARTS)]


class TypeRegistry:
    """The types named so far, numbered in the order in which their descriptions were complete."""

    def __init__(self) -> None:
        self._numbers: dict[Codec, int] = {}
        self._same: dict[TypeDescription, int] = {}
        self._descriptions: list[TypeDescription | None] = []
        self._open: list[Codec] = []

    def number(self, codec: Codec) -> int:
        """Return the number of the type that `codec` encodes, entering it if it is new."""
        known = self._numbers.get(codec)
        if known is not None:
            return known
        if codec in self._open:  # the type holds itself: a batch is a call that holds calls
            return self._reserve(codec)
        self._open.append(codec)
        description = self._described(codec.shape)
        self._open.remove(codec)
        reserved = self._numbers.get(codec)
        if reserved is None:
            same = self._same.get(description)
            if same is not None:
                self._numbers[codec] = same
                return same
            reserved = self._reserve(codec)
        self._descriptions[reserved] = description
        self._same[description] = reserved
        return reserved

    def types(self) -> tuple[PortableType, ...]:
        """Return all types by number."""
        return tuple(
            PortableType(number, description)
            for number, description in enumerate(self._descriptions)
            if description is not None
        )

    def _reserve(self, codec: Codec) -> int:
        number = self._numbers[codec] = len(self._descriptions)
        self._descriptions.append(None)
        return number

    def _described(self, shape: Shape) -> TypeDescription:
        path, parameters, docs = "", (), ""  # type: str, tuple[tuple[str, Codec], ...], str
        if isinstance(shape, Composite | Enumeration):
            path, parameters, docs = shape.path, shape.parameters, shape.docs
        return TypeDescription(
            tuple(path.split("::")) if path else (),
            tuple(TypeParameter(name, self.number(codec)) for name, codec in parameters),
            self._definition(shape),
            lines(docs),
        )

    def _definition(self, shape: Shape) -> TypeDefinition:
        match shape:
            case Primitive(name):
                return PrimitiveType(PrimitiveKind[name])
            case CompactOf(inner):
                return CompactType(self.number(inner))
            case SequenceOf(inner):
                return SequenceType(self.number(inner))
            case ArrayOf(length, inner):
                return ArrayType(length, self.number(inner))
            case TupleOf(parts):
                return TupleType(tuple(self.number(part) for part in parts))
            case Composite():
                return CompositeType(tuple(self._field(field) for field in shape.fields))
            case Enumeration():
                return EnumerationType(tuple(self._case(case) for case in shape.cases))

    def _case(self, case: Case) -> TypeCase:
        fields = tuple(self._field(field) for field in case.fields)
        return TypeCase(case.name, fields, case.index, lines(case.docs))

    def _field(self, field: Field) -> TypeField:
        return TypeField(field.name, self.number(field.codec), field.type_name or None, ())


def lines(docs: str) -> tuple[str, ...]:
    """Return documentation as clients carry it: line by line."""
    return tuple(docs.splitlines())
