"""SCALE on the wire: one value, one encoding.

What a codec is, the compact integer, and the marks by which annotations name codecs
(`u32 = Annotated[int, UInt(4)]`). `leaves.py` has the codecs of single values, `schema.py` turns
whole annotations into codecs.

Reading is strict: integers are canonical, nothing may trail, a claimed length must fit
in the bytes that are left, and depth and number of elements have a budget. Every failure
is one typed error, `ScaleError`.
Source: the SCALE specification of the Substrate project (https://docs.substrate.io).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Annotated, Any, Protocol

from gongshe.primitives.records import Record

MAX_DEPTH = 32
"""Nested calls (a batch in a proxy in a batch) that a message may hold; users need four."""

MAX_ELEMENTS = 16_384
"""List elements a message may hold in all: half as many again as the longest batch. Reading so
many calls takes a tenth of a second, before anybody can be made to pay for it."""


class ScaleError(ValueError):
    """Bytes that are not the canonical encoding of what was expected, or a value out of range."""


class Budget:
    """What one message may still spend: depth of nesting and number of list elements."""

    __slots__ = ("depth", "elements")

    def __init__(self, depth: int = MAX_DEPTH, elements: int = MAX_ELEMENTS) -> None:
        self.depth = depth
        self.elements = elements

    def enter(self) -> None:
        """Go one level deeper; `leave` comes back."""
        self.depth -= 1
        if self.depth < 0:
            raise ScaleError(f"calls nested more than {MAX_DEPTH} deep")

    def leave(self) -> None:
        """Come back from one level."""
        self.depth += 1

    def spend(self, count: int) -> None:
        """Take `count` elements from the budget."""
        self.elements -= count
        if self.elements < 0:
            raise ScaleError(f"more than {MAX_ELEMENTS} list elements in one message")


Write = Callable[[Any], bytes]
Read = Callable[[bytes, int, Budget], tuple[Any, int]]


class Layout(Record):
    """How a type of fixed size sits inside a larger `struct` format, as code templates.

    `pack(expression)` gives the `struct` arguments; `unpack(names)` takes as many names and
    gives the expression of the value; `scope` holds what the expressions refer to.
    """

    format: str
    pack: Callable[[str], list[str]]
    unpack: Callable[[list[str]], str]
    scope: dict[str, Any]


class Codec:
    """The encoder and decoder of one type.

    `encode` and `decode` are the whole-value entrances and raise only ScaleError.
    `write` and `read` are the inner parts that codecs call on one another: `read` takes
    an offset and may raise what `decode` turns into ScaleError.
    """

    __slots__ = ("layout", "minimum", "read", "shape", "write")

    write: Write
    read: Read
    minimum: int
    """The fewest bytes an encoding can have; a claimed list length is held against it."""
    shape: Shape
    layout: Layout | None

    def __init__(
        self, write: Write, read: Read, minimum: int, shape: Shape, layout: Layout | None = None
    ) -> None:
        self.write, self.read, self.minimum = write, read, minimum
        self.shape, self.layout = shape, layout

    def encode(self, value: Any) -> bytes:
        """Return the encoding of `value`."""
        try:
            return self.write(value)
        except ScaleError:
            raise
        except ENCODING_FAULTS as fault:
            raise ScaleError(f"cannot encode {value!r:.120}: {fault}") from None

    def decode(self, raw: bytes, budget: Budget | None = None) -> Any:
        """Return the one value that `raw` encodes, whole and without a byte left over."""
        value, end = self.decode_part(raw, 0, budget)
        if end != len(raw):
            raise ScaleError(f"{len(raw) - end} bytes left over after {end}")
        return value

    def decode_part(self, raw: bytes, offset: int, budget: Budget | None = None) -> tuple[Any, int]:
        """Return the value that starts at `offset` and where it ends."""
        try:
            value, end = self.read(raw, offset, budget or Budget())
        except ScaleError:
            raise
        except DECODING_FAULTS as fault:
            raise ScaleError(f"malformed after byte {offset}: {fault}") from None
        if end > len(raw):
            raise ScaleError(f"{end - len(raw)} bytes missing at the end of {len(raw)}")
        return value, end


ENCODING_FAULTS = (struct.error, OverflowError, TypeError, AttributeError, ValueError, KeyError)
DECODING_FAULTS = (struct.error, IndexError, UnicodeDecodeError, OverflowError, RecursionError)


# --------------------------------------------------------------- shapes, for client metadata


class Primitive(Record):
    """A primitive type, by its scale-info name."""

    name: str


class CompactOf(Record):
    """A compact encoding of another type."""

    inner: Codec


class SequenceOf(Record):
    """A list of one type."""

    inner: Codec


class ArrayOf(Record):
    """A fixed number of one type."""

    length: int
    inner: Codec


class TupleOf(Record):
    """Several types, one after another."""

    parts: tuple[Codec, ...]


class Field(Record):
    """A named or positional part of a composite."""

    name: str | None
    codec: Codec
    type_name: str


class Composite(Record):
    """A struct: a path, generic parameters, fields."""

    path: str
    parameters: tuple[tuple[str, Codec], ...]
    fields: tuple[Field, ...]
    docs: str


class Case(Record):
    """One case of an enumeration."""

    name: str
    index: int
    fields: tuple[Field, ...]
    docs: str


class Enumeration(Record):
    """An enum: a path, generic parameters, cases."""

    path: str
    parameters: tuple[tuple[str, Codec], ...]
    cases: tuple[Case, ...]
    docs: str


Shape = Primitive | CompactOf | SequenceOf | ArrayOf | TupleOf | Composite | Enumeration


# ------------------------------------------------------------------------- compact integers


def compact(number: int) -> bytes:
    """Encode a non-negative integer below 2**536 in one, two, four or more bytes."""
    if number < 0x40:
        if number < 0:
            raise ScaleError(f"compact integers are not negative, found {number}")
        return bytes((number << 2,))
    if number < 0x4000:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 0x4000_0000:
        return (number << 2 | 2).to_bytes(4, "little")
    size = (number.bit_length() + 7) >> 3
    if size > 67:
        raise ScaleError(f"compact integers have at most 67 bytes, found {size}")
    return bytes(((size - 4) << 2 | 3,)) + number.to_bytes(size, "little")


def read_compact(raw: bytes, offset: int) -> tuple[int, int]:
    """Return the canonical compact integer at `offset` and where it ends."""
    if offset >= len(raw):
        raise ScaleError(f"compact integer expected at byte {offset}, found the end")
    first = raw[offset]
    mode = first & 3
    if mode == 0:
        return first >> 2, offset + 1
    if mode == 1:
        end, least = offset + 2, 0x40
        number = int.from_bytes(raw[offset:end], "little") >> 2
    elif mode == 2:
        end, least = offset + 4, 0x4000
        number = int.from_bytes(raw[offset:end], "little") >> 2
    else:
        end = offset + 5 + (first >> 2)
        number = int.from_bytes(raw[offset + 1 : end], "little")
        size = end - offset - 1
        least = 0x4000_0000 if size == 4 else 1 << 8 * (size - 1)
    if end > len(raw):
        raise ScaleError(f"compact integer at byte {offset} is cut short")
    if number < least:
        raise ScaleError(f"compact integer at byte {offset} is not in its shortest form")
    return number, end


# ------------------------------------------------------------------------- marks in annotations


class Mark(Protocol):
    """What stands beside a Python type in `Annotated[...]` and names its codec."""

    @property
    def type_name(self) -> str:
        """The name clients show for a field of this type."""


class UInt(Record):
    """An unsigned integer of `size` bytes; `name` is shown to clients (`Balance`)."""

    size: int
    name: str = ""

    @property
    def type_name(self) -> str:
        """The given name, or `u32` and the like."""
        return self.name or f"u{self.size * 8}"


class SInt(Record):
    """A signed integer of `size` bytes."""

    size: int

    @property
    def type_name(self) -> str:
        """`i32` and the like."""
        return f"i{self.size * 8}"


class Compact(Record):
    """An unsigned integer below 2**(8·size) in compact form."""

    size: int
    name: str = ""

    @property
    def type_name(self) -> str:
        """`Compact<u32>` and the like."""
        return f"Compact<{self.name or f'u{self.size * 8}'}>"


class FixedBytes(Record):
    """Exactly `length` bytes; `path` names the newtype clients see, if any."""

    length: int
    path: str = ""

    @property
    def type_name(self) -> str:
        """The last part of the path, or `[u8; n]`."""
        return self.path.rpartition("::")[2] or f"[u8; {self.length}]"


class AtMost(Record):
    """The bound that every text, byte string and list must carry."""

    count: int


class Result(Record):
    """`Result<ok, err>`; values are `Ok(value)` and `Err(value)`."""

    ok: Any
    err: Any


class Ok(Record):
    """Success, with what it gives."""

    value: Any = None


class Err(Record):
    """Failure, with its reason."""

    value: Any


u8 = Annotated[int, UInt(1)]
u16 = Annotated[int, UInt(2)]
u32 = Annotated[int, UInt(4)]
u64 = Annotated[int, UInt(8)]
u128 = Annotated[int, UInt(16)]
i64 = Annotated[int, SInt(8)]
CompactU32 = Annotated[int, Compact(4)]
CompactU64 = Annotated[int, Compact(8)]
CompactU128 = Annotated[int, Compact(16)]
Bytes4 = Annotated[bytes, FixedBytes(4)]
Bytes8 = Annotated[bytes, FixedBytes(8)]
Bytes32 = Annotated[bytes, FixedBytes(32)]
Bytes64 = Annotated[bytes, FixedBytes(64)]
H256 = Annotated[bytes, FixedBytes(32, "primitive_types::H256")]
