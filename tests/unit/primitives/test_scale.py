"""SCALE on the wire: known encodings, and everything that is refused."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import pytest

from gongshe.primitives.scale import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    AtMost,
    Budget,
    Bytes4,
    CompactU32,
    CompactU64,
    CompactU128,
    Err,
    Ok,
    Result,
    ScaleError,
    SInt,
    compact,
    i64,
    read_compact,
    u8,
    u16,
    u32,
    u64,
    u128,
)
from gongshe.primitives.schema import codec_of

COMPACT_VECTORS = [
    (0, "00"),
    (1, "04"),
    (42, "a8"),
    (63, "fc"),
    (64, "0101"),
    (69, "1501"),
    (16_383, "fdff"),
    (16_384, "02000100"),
    (65_535, "feff0300"),
    (1_073_741_823, "feffffff"),
    (1_073_741_824, "0300000040"),
    (100_000_000_000_000, "0b00407a10f35a"),
    ((1 << 64) - 1, "13ffffffffffffffff"),
    ((1 << 128) - 1, "33" + "ff" * 16),
    ((1 << 536) - 1, "ff" + "ff" * 67),
]
"""From the SCALE specification, and the edges of each form."""


@pytest.mark.parametrize(("number", "encoded"), COMPACT_VECTORS)
def test_compact_integers_have_their_known_encodings(number: int, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    assert compact(number) == raw
    assert read_compact(raw, 0) == (number, len(raw))
    assert read_compact(b"\xff" + raw + b"\xff", 1) == (number, len(raw) + 1)


@pytest.mark.parametrize(
    "encoded",
    [
        "0100",  # 0 in two bytes
        "fd00",  # 63 in two bytes
        "02000000",  # 0 in four bytes
        "feff0000",  # 16 383 in four bytes
        "0300000000",  # 0 in five bytes
        "03ffffff3f",  # 2**30 - 1 in five bytes
        "070000004000",  # 2**30 with a leading zero
        "13" + "ff" * 7 + "00",  # 2**56 - 1 with a leading zero
        "ff" + "ff" * 66 + "00",
    ],
)
def test_compact_integers_in_longer_forms_are_refused(encoded: str) -> None:
    with pytest.raises(ScaleError, match="shortest form"):
        read_compact(bytes.fromhex(encoded), 0)


@pytest.mark.parametrize(("_number", "encoded"), COMPACT_VECTORS)
def test_compact_integers_cut_short_are_refused(_number: int, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    for length in range(len(raw)):
        with pytest.raises(ScaleError):
            read_compact(raw[:length], 0)


def test_compact_integers_beyond_the_format_are_refused() -> None:
    with pytest.raises(ScaleError, match="67 bytes"):
        compact(1 << 536)
    with pytest.raises(ScaleError, match="negative"):
        compact(-1)


class Colour(enum.IntEnum):
    """A plain enumeration with a gap."""

    Red = 0
    Blue = 5


KNOWN: list[tuple[Any, Any, str]] = [
    (u8, 69, "45"),
    (u16, 42, "2a00"),
    (u32, 16_777_215, "ffffff00"),
    (u64, 1, "0100000000000000"),
    (u128, 1, "01" + "00" * 15),
    (i64, -2, "feffffffffffffff"),
    (Annotated[int, SInt(1)], -128, "80"),
    (bool, True, "01"),
    (bool, False, "00"),
    (Annotated[bytes, AtMost(9)], b"\x01\x02", "080102"),
    (Annotated[str, AtMost(9)], "公社", "18e585ace7a4be"),
    (Bytes4, b"aura", "61757261"),
    (u8 | None, None, "00"),
    (u8 | None, 1, "0101"),
    (bool | None, False, "0100"),
    (Annotated[tuple[u16, ...], AtMost(9)], (4, 8, 15, 16, 23, 42), "18040008000f00100017002a00"),
    (tuple[CompactU32, bool], (3, False), "0c00"),
    (tuple[()], (), ""),
    (Annotated[Any, Result(u8, bool)], Ok(42), "002a"),
    (Annotated[Any, Result(u8, bool)], Ok(0), "0000"),
    (Annotated[Any, Result(tuple[()], bool)], Ok(), "00"),
    (Annotated[Any, Result(u8, bool)], Err(False), "0100"),
    (Annotated[dict[u8, u16], AtMost(9)], {2: 3, 1: 1}, "0801010002" + "0300"),
    (Colour, Colour.Blue, "05"),
]


@pytest.mark.parametrize(("annotation", "value", "encoded"), KNOWN)
def test_values_have_their_known_encodings(annotation: Any, value: Any, encoded: str) -> None:
    codec = codec_of(annotation)
    assert codec.encode(value).hex() == encoded
    assert codec.decode(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize(("annotation", "value", "encoded"), KNOWN)
def test_every_cut_and_every_addition_is_refused(annotation: Any, value: Any, encoded: str) -> None:
    codec, raw = codec_of(annotation), bytes.fromhex(encoded)
    for length in range(len(raw)):
        with pytest.raises(ScaleError):
            codec.decode(raw[:length])
    with pytest.raises(ScaleError, match="1 bytes left over"):
        codec.decode(raw + b"\x00")


@pytest.mark.parametrize(
    ("annotation", "encoded", "words"),
    [
        (bool, "02", "bool expected"),
        (u8 | None, "02", "Option expected"),
        (Annotated[Any, Result(u8, u8)], "0200", "Result expected"),
        (Colour, "01", "Colour has no case 1"),
        (tuple[Colour, u8], "0101", "Colour has no case 1"),
        (Annotated[str, AtMost(9)], "08c328", "utf-8"),
        (Annotated[str, AtMost(9)], "0ceda080", "utf-8"),
        (Annotated[bytes, AtMost(2)], "0c010203", "at most 2 bytes"),
        (Annotated[bytes, AtMost(1 << 50)], "0b00000000ff0f", "bytes claimed"),
        (Annotated[tuple[u8, ...], AtMost(2)], "0c010203", "at most 2 elements"),
        (Annotated[tuple[u64, ...], AtMost(99)], "0c0102030405060708", "do not fit"),
        (Annotated[tuple[u64, ...], AtMost(1 << 70)], "13ffffffffffffff7f", "do not fit"),
        (Annotated[dict[u8, u8], AtMost(9)], "0802000100", "ascending"),
        (Annotated[dict[u8, u8], AtMost(9)], "0801000101", "ascending"),
        (CompactU32, "0300000080" + "01", "left over"),
        (CompactU32, "070000000001", "Compact<u32> expected"),
        (CompactU64, "17" + "00" * 8 + "01", "Compact<u64> expected"),
        (CompactU128, "37" + "00" * 16 + "01", "Compact<u128> expected"),
    ],
)
def test_bytes_that_are_no_encoding_are_refused(annotation: Any, encoded: str, words: str) -> None:
    with pytest.raises(ScaleError, match=words):
        codec_of(annotation).decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (u8, 256),
        (u8, -1),
        (u8, "1"),
        (u8, 1.0),
        (u64, 1 << 64),
        (u128, 1 << 128),
        (u128, -1),
        (i64, 1 << 63),
        (CompactU32, 1 << 32),
        (CompactU32, -1),
        (Bytes4, b"abc"),
        (Bytes4, "abcd"),
        (Annotated[bytes, AtMost(2)], b"abc"),
        (Annotated[str, AtMost(5)], "公社"),
        (Annotated[str, AtMost(9)], "\ud800"),
        (Annotated[str, AtMost(9)], b"text"),
        (Annotated[tuple[u8, ...], AtMost(2)], (1, 2, 3)),
        (Annotated[dict[u8, u8], AtMost(1)], {1: 1, 2: 2}),
        (tuple[u8, u8], (1,)),
        (tuple[u8, u8], (1, 2, 3)),
        (Colour, 1),
        (Annotated[Any, Result(u8, u8)], 1),
        (u8 | None, 256),
    ],
)
def test_values_out_of_range_are_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(ScaleError):
        codec_of(annotation).encode(value)


def test_a_message_has_a_budget_of_elements() -> None:
    inner = Annotated[tuple[u8, ...], AtMost(MAX_ELEMENTS)]
    codec = codec_of(Annotated[tuple[inner, ...], AtMost(9)])
    most = (bytes(MAX_ELEMENTS - 2), b"")
    assert len(codec.decode(codec.encode(most))[0]) == MAX_ELEMENTS - 2
    with pytest.raises(ScaleError, match="elements in one message"):
        codec.decode(codec.encode((bytes(MAX_ELEMENTS - 2), b"\x00")))
    assert codec.decode(codec.encode((bytes(MAX_ELEMENTS - 2), b"\x00")), Budget(elements=99_999))


def test_a_message_has_a_budget_of_depth() -> None:
    budget = Budget()
    for _ in range(MAX_DEPTH):
        budget.enter()
    with pytest.raises(ScaleError, match="deep"):
        budget.enter()
