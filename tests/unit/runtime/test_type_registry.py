"""Each type has one number, however many codecs describe it, and may hold itself."""

from __future__ import annotations

from typing import Annotated

from gongshe.primitives.records import Record
from gongshe.primitives.scale import (
    AtMost,
    Case,
    Codec,
    Enumeration,
    Field,
    SequenceOf,
    u8,
    u32,
)
from gongshe.primitives.schema import Schema
from gongshe.runtime.type_registry import (
    CompositeType,
    EnumerationType,
    SequenceType,
    TypeRegistry,
)


class Parcel(Record, path="post::Parcel"):
    """A parcel.

    With two lines of documentation.
    """

    weight: u32
    labels: Annotated[tuple[u8, ...], AtMost(9)]


def test_codecs_of_the_same_type_share_a_number() -> None:
    registry = TypeRegistry()
    assert registry.number(Schema().codec_of(Parcel)) == registry.number(Schema().codec_of(Parcel))
    few = Schema().codec_of(Annotated[bytes, AtMost(3)])
    many = Schema().codec_of(Annotated[bytes, AtMost(300)])
    listed = Schema().codec_of(Annotated[tuple[u8, ...], AtMost(4)])
    assert registry.number(few) == registry.number(many) == registry.number(listed)


def test_a_record_is_described_with_names_and_documentation() -> None:
    registry = TypeRegistry()
    number = registry.number(Schema().codec_of(Parcel))
    description = registry.types()[number].description
    assert description.path == ("post", "Parcel")
    assert description.docs == ("A parcel.", "", "With two lines of documentation.")
    assert isinstance(description.definition, CompositeType)
    fields = description.definition.fields
    assert [(field.name, field.type_name) for field in fields] == [
        ("weight", "u32"),
        ("labels", "Vec<u8>"),
    ]


def test_a_type_may_hold_itself() -> None:
    codec = Codec(bytes, lambda raw, offset, budget: (raw, offset), 1, Enumeration("", (), (), ""))
    listed = Codec(bytes, codec.read, 1, SequenceOf(codec))
    cases = (Case("Many", 0, (Field(None, listed, ""),), ""),)
    codec.shape = Enumeration("tree::Tree", (), cases, "")
    registry = TypeRegistry()
    tree = registry.number(codec)
    types = registry.types()
    definition = types[tree].description.definition
    assert isinstance(definition, EnumerationType)
    inner = types[definition.cases[0].fields[0].type_number].description.definition
    assert inner == SequenceType(tree)
    assert [each.number for each in types] == list(range(len(types)))
