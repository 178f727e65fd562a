"""Our SCALE beside that of the `scalecodec` package: same bytes, same values, for types by chance.

A `Twin` is one type under both names, with values and their translation; twins are drawn
together into lists, tuples, options, arrays and maps.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import (
    AtMost,
    Bytes32,
    Compact,
    CompactU32,
    Err,
    FixedBytes,
    Ok,
    Result,
    ScaleError,
    SInt,
    UInt,
    u8,
    u16,
    u32,
)
from gongshe.primitives.schema import codec_of

MOST = 6
"""Elements of a drawn list."""


class Parcel(Record):
    """A struct on both sides."""

    weight: u8
    number: CompactU32
    label: u16 | None
    seal: Bytes32


class Choice(Variants):
    """An enumeration with contents on both sides."""


class Nothing(Choice, index=0):
    """No content."""


class One(Choice, index=1, unnamed=True):
    """A number."""

    number: u32


class Two(Choice, index=2, unnamed=True):
    """A struct."""

    parcel: Parcel


class Plain(enum.IntEnum):
    """A plain enumeration on both sides."""

    A = 0
    B = 1
    C = 2


CONFIGURATION = RuntimeConfigurationObject()
CONFIGURATION.update_type_registry(load_type_registry_preset("core"))
CONFIGURATION.update_type_registry(
    {
        "types": {
            "Parcel": {
                "type": "struct",
                "type_mapping": [
                    ["weight", "u8"],
                    ["number", "Compact<u32>"],
                    ["label", "Option<u16>"],
                    ["seal", "[u8; 32]"],
                ],
            },
            "Choice": {
                "type": "enum",
                "type_mapping": [["Nothing", "Null"], ["One", "u32"], ["Two", "Parcel"]],
            },
            "Plain": {"type": "enum", "value_list": ["A", "B", "C"]},
            "Outcome": {"type": "enum", "type_mapping": [["Ok", "u8"], ["Err", "u16"]]},
        }
    }
)


class Twin(NamedTuple):
    """One type, as we and as `scalecodec` name it."""

    ours: Any
    theirs: str
    values: st.SearchStrategy[Any]
    translated: Callable[[Any], Any]
    may_be_optional: bool = True


def same(value: Any) -> Any:
    """Return the value: both sides have it alike."""
    return value


def hexadecimal(value: bytes) -> str:
    """Return bytes as `scalecodec` has them."""
    return f"0x{value.hex()}"


def parcel_of(value: Parcel) -> dict[str, Any]:
    """Return a struct as `scalecodec` has it."""
    return {
        "weight": value.weight,
        "number": value.number,
        "label": value.label,
        "seal": hexadecimal(value.seal),
    }


def choice_of(value: Any) -> Any:
    """Return an enumeration's value as `scalecodec` has it."""
    match value:
        case One(number):
            return {"One": number}
        case Two(parcel):
            return {"Two": parcel_of(parcel)}
    return "Nothing"


def outcome_of(value: Any) -> dict[str, int]:
    """Return a result as `scalecodec` has it."""
    return {type(value).__name__: value.value}


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    """Return numbers, the edges and powers of two more often than the others."""
    powers = st.integers(0, max(high.bit_length(), 1)).flatmap(
        lambda bits: st.integers(-1, 1).map(lambda step: (1 << bits) + step)
    )
    near = powers.map(lambda number: min(max(number, low), high))
    return st.one_of(st.integers(low, high), near, st.sampled_from([low, high]))


def unsigned(size: int) -> Twin:
    """Return an unsigned integer."""
    values = whole(0, (1 << 8 * size) - 1)
    return Twin(Annotated[int, UInt(size)], f"u{8 * size}", values, same)


def signed(size: int) -> Twin:
    """Return a signed integer."""
    half = 1 << (8 * size - 1)
    return Twin(Annotated[int, SInt(size)], f"i{8 * size}", whole(-half, half - 1), same)


def compacted(size: int) -> Twin:
    """Return a compact integer."""
    values = whole(0, (1 << 8 * size) - 1)
    return Twin(Annotated[int, Compact(size)], f"Compact<u{8 * size}>", values, same)


def fixed(length: int) -> Twin:
    """Return a fixed number of bytes."""
    values = st.binary(min_size=length, max_size=length)
    return Twin(Annotated[bytes, FixedBytes(length)], f"[u8; {length}]", values, hexadecimal)


PARCELS = st.builds(
    Parcel,
    whole(0, 255),
    whole(0, (1 << 32) - 1),
    st.none() | whole(0, 65_535),
    st.binary(min_size=32, max_size=32),
)

LEAVES = (
    *(unsigned(size) for size in (1, 2, 4, 8, 16, 32)),
    *(signed(size) for size in (1, 2, 4, 8, 16)),
    *(compacted(size) for size in (1, 2, 4, 8, 16)),
    *(fixed(length) for length in (1, 4, 20, 32, 64)),
    Twin(bool, "bool", st.booleans(), same),
    Twin(Annotated[bytes, AtMost(300)], "HexBytes", st.binary(max_size=300), hexadecimal),
    Twin(
        Annotated[str, AtMost(1_200)],
        "String",
        st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
        same,
    ),
    Twin(Parcel, "Parcel", PARCELS, parcel_of),
    Twin(
        Choice,
        "Choice",
        st.one_of(
            st.just(Nothing()),
            st.builds(One, whole(0, (1 << 32) - 1)),
            st.builds(Two, PARCELS),
        ),
        choice_of,
    ),
    Twin(Plain, "Plain", st.sampled_from(Plain), lambda value: value.name),
    Twin(
        Annotated[Any, Result(u8, u16)],
        "Outcome",
        st.one_of(st.builds(Ok, whole(0, 255)), st.builds(Err, whole(0, 65_535))),
        outcome_of,
    ),
)


NAMES: dict[str, str] = {}


def named(theirs: str) -> str:
    """Return a plain name for a type: `scalecodec` splits nested names at every comma."""
    if theirs not in NAMES:
        NAMES[theirs] = f"Type{len(NAMES)}"
        CONFIGURATION.update_type_registry({"types": {NAMES[theirs]: theirs}})
    return NAMES[theirs]


def list_of(inner: Twin) -> Twin:
    """Return a list of one type; `scalecodec` takes a list of u8 for a text."""
    if inner.theirs == "u8":
        return inner
    element: Any = inner.ours
    return Twin(
        Annotated[tuple[element, ...], AtMost(MOST)],
        named(f"Vec<{inner.theirs}>"),
        st.lists(inner.values, max_size=MOST).map(tuple),
        lambda value: [inner.translated(each) for each in value],
    )


def option_of(inner: Twin) -> Twin:
    """Return a value that may be absent."""
    if not inner.may_be_optional:
        return inner
    return Twin(
        inner.ours | None,
        named(f"Option<{inner.theirs}>"),
        st.none() | inner.values,
        lambda value: None if value is None else inner.translated(value),
        may_be_optional=False,
    )


def tuple_of(inner: list[Twin]) -> Twin:
    """Return several types, one after another."""
    return Twin(
        tuple[tuple(each.ours for each in inner)],  # type: ignore[misc]
        named(f"({', '.join(each.theirs for each in inner)})"),
        st.tuples(*(each.values for each in inner)),
        lambda value: tuple(each.translated(part) for each, part in zip(inner, value, strict=True)),
    )


def map_of(inner: Twin) -> Twin:
    """Return a map from numbers."""
    element: Any = inner.ours
    return Twin(
        Annotated[dict[u16, element], AtMost(MOST)],
        named(f"BTreeMap<u16, {inner.theirs}>"),
        st.dictionaries(whole(0, 65_535), inner.values, max_size=MOST),
        lambda value: [(key, inner.translated(value[key])) for key in sorted(value)],
    )


TWINS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        inner.map(list_of),
        inner.map(option_of),
        inner.map(map_of),
        st.lists(inner, min_size=2, max_size=4).map(tuple_of),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("twin", LEAVES, ids=lambda twin: twin.theirs)
@given(data=st.data())
def test_single_types_agree(twin: Twin, data: st.DataObject) -> None:
    agree(twin, data.draw(twin.values))


@given(data=st.data())
def test_types_made_of_types_agree(data: st.DataObject) -> None:
    twin = data.draw(TWINS)
    agree(twin, data.draw(twin.values))


@given(twin=TWINS, raw=st.binary(max_size=40))
def test_chance_bytes_are_refused_or_are_the_only_encoding(twin: Twin, raw: bytes) -> None:
    codec = codec_of(twin.ours)
    try:
        value = codec.decode(raw)
    except ScaleError:
        return
    assert codec.encode(value) == raw


@given(data=st.data())
def test_every_cut_is_refused(data: st.DataObject) -> None:
    twin = data.draw(TWINS)
    codec = codec_of(twin.ours)
    raw = codec.encode(data.draw(twin.values))
    if raw:
        length = data.draw(st.integers(0, len(raw) - 1))
        with pytest.raises(ScaleError):
            codec.decode(raw[:length])
    with pytest.raises(ScaleError):
        codec.decode(raw + b"\x00")


def agree(twin: Twin, value: Any) -> None:
    """Demand one encoding and one value on both sides."""
    codec = codec_of(twin.ours)
    raw = codec.encode(value)
    written = CONFIGURATION.create_scale_object(twin.theirs).encode(twin.translated(value))
    assert raw == bytes(written.data)
    assert codec.decode(raw) == value
    read = CONFIGURATION.create_scale_object(twin.theirs, ScaleBytes(bytearray(raw))).decode()
    assert read == twin.translated(value)
