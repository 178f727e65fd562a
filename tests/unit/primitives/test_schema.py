"""From annotations to codecs: records, cases, bounds, and what clients are told."""

from __future__ import annotations

import enum
from typing import Annotated, Any, ClassVar

import pytest

from gongshe.primitives.records import Record, Variants, replace
from gongshe.primitives.scale import (
    H256,
    ArrayOf,
    AtMost,
    Bytes4,
    Bytes32,
    CompactOf,
    CompactU32,
    Composite,
    Enumeration,
    Primitive,
    Result,
    ScaleError,
    SequenceOf,
    TupleOf,
    u8,
    u16,
    u32,
    u64,
    u128,
)
from gongshe.primitives.schema import Schema, codec_of, type_name
from gongshe.primitives.types import (
    AccountId,
    Balance,
    DispatchClass,
    DispatchResult,
    MultiAddress,
    Weight,
)


class Point(Record, path="map::Point"):
    """A place.

    North is up.
    """

    east: u32
    north: u64


class Parcel(Record):
    """Fixed fields around others that are not."""

    owner: AccountId
    kind: Bytes4
    size: u128
    place: Point
    label: Annotated[str, AtMost(8)]
    next_: CompactU32
    open: bool


class Shape(Variants, path="draw::Shape"):
    """Something drawn."""


class Circle(Shape, index=0):
    """A circle."""

    radius: u16


class Polygon(Shape, index=3, unnamed=True):
    """Several corners."""

    corners: Annotated[tuple[Point, ...], AtMost(4)]


class Group(Shape, index=7, variant="Many"):
    """Shapes within a shape."""

    parts: Annotated[tuple[Shape, ...], AtMost(4)]


class Empty(Record):
    """Nothing."""


PARCEL = Parcel(bytes(range(32)), b"abcd", 1 << 100, Point(7, 9), "föö", 70, True)


def test_a_record_is_its_fields_one_after_another() -> None:
    assert codec_of(Point).encode(Point(1, 2)).hex() == "01000000" + "0200000000000000"
    raw = codec_of(Parcel).encode(PARCEL)
    assert raw == (
        bytes(range(32))
        + b"abcd"
        + (1 << 100).to_bytes(16, "little")
        + codec_of(Point).encode(Point(7, 9))
        + b"\x14f\xc3\xb6\xc3\xb6"
        + b"\x19\x01"
        + b"\x01"
    )
    assert codec_of(Parcel).decode(raw) == PARCEL


def test_every_truncation_of_a_record_is_refused() -> None:
    raw = codec_of(Parcel).encode(PARCEL)
    for length in range(len(raw)):
        with pytest.raises(ScaleError):
            codec_of(Parcel).decode(raw[:length])


def test_cases_are_an_index_and_their_fields() -> None:
    codec = codec_of(Shape)
    drawn = Group((Circle(5), Polygon((Point(1, 1),)), Group(())))
    raw = codec.encode(drawn)
    assert raw.hex() == "070c" + "000500" + "0304" + "01000000" + "0100000000000000" + "0700"
    assert codec.decode(raw) == drawn
    with pytest.raises(ScaleError, match="Shape has no case 1"):
        codec.decode(b"\x01")
    with pytest.raises(ScaleError, match="a case of Shape expected"):
        codec.encode(Point(1, 2))


def test_records_and_enumerations_of_one_name_stay_apart() -> None:
    """Generated code once knew them by name alone."""

    def made(low: int) -> tuple[Any, Any]:
        class Level(enum.IntEnum):
            """A level."""

            Low = low

        class Part(Record):
            """A part."""

            level: Level
            size: u8

        Part.__annotations__["level"] = Level
        return Level, Part

    first_level, first = made(1)
    second_level, second = made(2)

    class Both(Record):
        """Both."""

        one: u8
        two: u8

    Both.__annotations__.update(one=first, two=second)
    codec = codec_of(Both)
    value = Both(first(first_level.Low, 3), second(second_level.Low, 4))
    assert codec.encode(value).hex() == "01030204"
    assert codec.decode(codec.encode(value)) == value
    assert type(codec.decode(codec.encode(value)).two) is second


def test_what_is_written_can_be_read() -> None:
    """A number that is no case is refused in a record too, where fields share one `struct`."""

    class Use(Record):
        """A use."""

        kind: DispatchClass
        size: u8

    codec = codec_of(Use)
    assert codec.decode(codec.encode(Use(DispatchClass.Mandatory, 1))).kind is (
        DispatchClass.Mandatory
    )
    with pytest.raises(ScaleError):
        codec.encode(Use(3, 1))  # type: ignore[arg-type]


def test_an_empty_record_takes_no_bytes() -> None:
    assert codec_of(Empty).encode(Empty()) == b""
    assert codec_of(Empty).decode(b"") == Empty()


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        bytes,
        str,
        float,
        list[u8],
        tuple[u8, ...],
        dict[u8, u8],
        u8 | u16,
        Annotated[int, AtMost(4)],
        Annotated[tuple[u8, u8], AtMost(4)],
        Annotated[tuple[tuple[()], ...], AtMost(4)],
        Annotated[tuple[Empty, ...], AtMost(4)],
        Annotated[bytes, "unknown"],
    ],
)
def test_a_type_without_width_or_bound_fails_at_once(annotation: Any) -> None:
    with pytest.raises(TypeError):
        codec_of(annotation)


def test_one_case_is_no_type_of_its_own() -> None:
    with pytest.raises(TypeError, match="one case"):
        codec_of(Circle)


def test_an_index_taken_twice_fails_at_once() -> None:
    class Twice(Variants):
        """Two cases with one number."""

    class One(Twice, index=1):
        """The first."""

    class Two(Twice, index=1):
        """The second."""

    with pytest.raises(TypeError, match="taken"):
        codec_of(Twice)


def test_a_given_codec_stands_for_a_type_only_the_caller_knows() -> None:
    class Unknown(Record):
        """Known to the caller."""

    schema = Schema({Unknown: codec_of(u16)})
    assert schema.codec_of(tuple[Unknown, u8]).encode((2, 1)) == b"\x02\x00\x01"


# ------------------------------------------------------------------ what clients are told


def test_shapes_name_paths_fields_and_documentation() -> None:
    shape = codec_of(Point).shape
    assert isinstance(shape, Composite)
    assert (shape.path, shape.docs) == ("map::Point", "A place.\n\nNorth is up.")
    assert [(field.name, field.type_name) for field in shape.fields] == [
        ("east", "u32"),
        ("north", "u64"),
    ]
    assert shape.fields[0].codec.shape == Primitive("u32")


def test_shapes_of_cases() -> None:
    shape = codec_of(Shape).shape
    assert isinstance(shape, Enumeration)
    assert [(case.name, case.index, case.docs) for case in shape.cases] == [
        ("Circle", 0, "A circle."),
        ("Polygon", 3, "Several corners."),
        ("Many", 7, "Shapes within a shape."),
    ]
    assert [field.name for field in shape.cases[1].fields] == [None]
    assert [field.name for field in shape.cases[0].fields] == ["radius"]


def test_a_trailing_underscore_is_ours_alone() -> None:
    shape = codec_of(Parcel).shape
    assert isinstance(shape, Composite)
    assert "next" in [field.name for field in shape.fields]


def test_shapes_of_everything_else() -> None:
    def shape_of(annotation: Any) -> Any:
        return codec_of(annotation).shape

    assert isinstance(shape_of(CompactU32), CompactOf)
    assert isinstance(shape_of(Annotated[bytes, AtMost(3)]), SequenceOf)
    assert shape_of(Annotated[str, AtMost(3)]) == Primitive("str")
    assert isinstance(shape_of(Bytes32), ArrayOf)
    assert shape_of(H256).path == "primitive_types::H256"
    assert isinstance(shape_of(tuple[u8, u16]), TupleOf)
    assert shape_of(DispatchClass).path == "frame_support::dispatch::DispatchClass"
    option = shape_of(u8 | None)
    assert (option.path, [name for name, _ in option.parameters]) == ("Option", ["T"])
    result = shape_of(DispatchResult)
    assert (result.path, [name for name, _ in result.parameters]) == ("Result", ["T", "E"])
    assert [case.name for case in result.cases] == ["Ok", "Err"]


def test_generic_parameters_are_declared() -> None:
    class Pair(Record, path="pair::Pair"):
        """A pair."""

        scale_parameters: ClassVar[dict[str, Any]] = {"T": u8}

        one: u8
        two: u8

    shape = codec_of(Pair).shape
    assert isinstance(shape, Composite)
    assert [name for name, _ in shape.parameters] == ["T"]
    assert [field.name for field in shape.fields] == ["one", "two"]


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (u32, "u32"),
        (Balance, "Balance"),
        (CompactU32, "Compact<u32>"),
        (AccountId, "AccountId32"),
        (Bytes4, "[u8; 4]"),
        (bool, "bool"),
        (Annotated[bytes, AtMost(9)], "Vec<u8>"),
        (Annotated[str, AtMost(9)], "Text"),
        (Annotated[tuple[Point, ...], AtMost(9)], "Vec<Point>"),
        (Annotated[dict[u8, u16], AtMost(9)], "BTreeMap<u8, u16>"),
        (u8 | None, "Option<u8>"),
        (tuple[u8, Point], "(u8, Point)"),
        (tuple[()], "()"),
        (MultiAddress, "MultiAddress"),
        (Annotated[Any, Result(u8, DispatchClass)], "Result<u8, DispatchClass>"),
    ],
)
def test_every_type_has_a_name_for_clients(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name


# ------------------------------------------------------------------------------ records


def test_records_never_change() -> None:
    point = Point(1, 2)
    with pytest.raises(AttributeError):
        point.east = 3
    assert replace(point, east=3) == Point(3, 2)
    assert point == Point(1, 2)
    assert len({Point(1, 2), Point(1, 2)}) == 1


def test_weights_add_and_never_fall_below_zero() -> None:
    assert Weight(1, 2) + Weight(3, 4) == Weight(4, 6)
    assert Weight(1, 9) - Weight(3, 4) == Weight(0, 5)
    assert Weight(1, 2).fits(Weight(1, 2))
    assert not Weight(2, 1).fits(Weight(1, 2))
    assert not Weight(1, 3).fits(Weight(1, 2))
