"""The codecs of single values: whole numbers, truth values, bytes and texts."""

from __future__ import annotations

import struct
from typing import Any

from gongshe.primitives.scale import (
    ArrayOf,
    Budget,
    Codec,
    CompactOf,
    Composite,
    Field,
    Layout,
    Primitive,
    ScaleError,
    SequenceOf,
    Shape,
    compact,
    read_compact,
)

STRUCT_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _unsigned(size: int) -> Codec:
    shape = Primitive(f"u{size * 8}")
    letter = STRUCT_LETTERS.get(size)
    if letter:
        form = struct.Struct("<" + letter)
        unpack_from = form.unpack_from

        def read_small(raw: bytes, offset: int, budget: Budget) -> tuple[int, int]:
            return unpack_from(raw, offset)[0], offset + size

        layout = Layout(letter, lambda value: [value], lambda names: names.pop(0), {})
        return Codec(form.pack, read_small, size, shape, layout)

    def write(value: int) -> bytes:
        return value.to_bytes(size, "little")

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[int, int]:
        end = offset + size
        if end > len(raw):
            raise ScaleError(f"u{size * 8} at byte {offset} is cut short")
        return int.from_bytes(raw[offset:end], "little"), end

    layout = Layout(
        f"{size}s",
        lambda value: [f"{value}.to_bytes({size}, 'little')"],
        lambda names: f"from_bytes({names.pop(0)}, 'little')",
        {"from_bytes": int.from_bytes},
    )
    return Codec(write, read, size, shape, layout)


def _signed(size: int) -> Codec:
    def write(value: int) -> bytes:
        return value.to_bytes(size, "little", signed=True)

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[int, int]:
        end = offset + size
        if end > len(raw):
            raise ScaleError(f"i{size * 8} at byte {offset} is cut short")
        return int.from_bytes(raw[offset:end], "little", signed=True), end

    return Codec(write, read, size, Primitive(f"i{size * 8}"))


UNSIGNED = {size: _unsigned(size) for size in (1, 2, 4, 8, 16, 32)}
SIGNED = {size: _signed(size) for size in (1, 2, 4, 8, 16)}


def _compact(size: int) -> Codec:
    limit = 1 << size * 8

    def write(value: int) -> bytes:
        if value >= limit:
            raise ScaleError(f"Compact<u{size * 8}> expected, found {value}")
        return compact(value)

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[int, int]:
        value, end = read_compact(raw, offset)
        if value >= limit:
            raise ScaleError(f"Compact<u{size * 8}> expected at byte {offset}, found {value}")
        return value, end

    return Codec(write, read, 1, CompactOf(UNSIGNED[size]))


COMPACT = {size: _compact(size) for size in (1, 2, 4, 8, 16)}


def _check_bool(byte: int) -> bool:
    if byte > 1:
        raise ScaleError(f"bool expected (0 or 1), found {byte}")
    return byte == 1


BOOL = Codec(
    lambda value: b"\x01" if value else b"\x00",
    lambda raw, offset, budget: (_check_bool(raw[offset]), offset + 1),
    1,
    Primitive("bool"),
    Layout(
        "B",
        lambda value: [f"(1 if {value} else 0)"],
        lambda names: f"check_bool({names.pop(0)})",
        {"check_bool": _check_bool},
    ),
)


def fixed_bytes(length: int, path: str) -> Codec:
    """Return the codec of exactly `length` bytes; `path` names the newtype clients see."""

    def check(value: bytes) -> bytes:
        if len(value) != length:
            raise ScaleError(f"{length} bytes expected, found {len(value)}")
        return bytes(value)

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[bytes, int]:
        end = offset + length
        if end > len(raw):
            raise ScaleError(f"{length} bytes expected at byte {offset}, found {len(raw) - offset}")
        return raw[offset:end], end

    name = f"check_{length}"
    layout = Layout(
        f"{length}s",
        # The check stands in the line itself: a call for each account of an event would show.
        lambda value: [f"({value} if len({value}) == {length} else {name}({value}))"],
        lambda names: names.pop(0),
        {name: check},
    )
    shape: Shape = ArrayOf(length, UNSIGNED[1])
    if path:
        array = Codec(check, read, length, shape, layout)
        shape = Composite(path, (), (Field(None, array, f"[u8; {length}]"),), "")
    return Codec(check, read, length, shape, layout)


def bounded_bytes(most: int, *, as_text: bool) -> Codec:
    """Return the codec of at most `most` bytes, as `bytes` or as UTF-8 text."""

    def write(value: Any) -> bytes:
        body = value.encode() if as_text else bytes(value)
        if len(body) > most:
            raise ScaleError(f"at most {most} bytes allowed, found {len(body)}")
        return compact(len(body)) + body

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[Any, int]:
        length, start = read_compact(raw, offset)
        end = start + length
        if length > most:
            raise ScaleError(f"at most {most} bytes allowed at byte {offset}, found {length}")
        if end > len(raw):
            raise ScaleError(f"{length} bytes claimed at byte {offset}, {len(raw) - start} left")
        body = raw[start:end]
        return (body.decode() if as_text else body), end

    return Codec(write, read, 1, Primitive("str") if as_text else SequenceOf(UNSIGNED[1]))
