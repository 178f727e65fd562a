"""Values as they stand in JSON: how parameters are read and results are written.

A parameter annotated with one of these classes arrives in its method as bytes or an integer,
already checked. Everything raises ValueError; the dispatcher turns that into `-32602`.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from gongshe.primitives.address import AddressError, decode_address, read_account_hex
from gongshe.rpc.limits import KEYS_PER_QUERY

HexText = Annotated[str, Meta(pattern="^0x([0-9a-f]{2})*$", description="Bytes in hexadecimal.")]
HashText = Annotated[str, Meta(pattern="^0x[0-9a-f]{64}$", description="32 bytes in hexadecimal.")]
QuantityText = Annotated[str, Meta(pattern="^0x[0-9a-f]+$", description="An integer in base 16.")]

MAX_HEIGHT = 2**32 - 1
"""Block numbers are u32."""


class Hex(bytes):
    """Bytes, as hexadecimal text. `0x` may be missing, as Substrate allows; PAPI sends ""."""

    __slots__ = ()

    @classmethod
    def from_json(cls, value: object) -> Hex:
        """Read the text; even length, either case."""
        if not isinstance(value, str):
            raise ValueError(f"expected hexadecimal text, found {_kind(value)}")
        digits = value.removeprefix("0x")
        try:
            return cls(unhexlify(digits))
        except ValueError:
            raise ValueError("expected an even number of hexadecimal digits after 0x") from None


class BlockHash(bytes):
    """The hash of a block."""

    __slots__ = ()

    @classmethod
    def from_json(cls, value: object) -> BlockHash:
        """Read exactly 32 bytes."""
        raw = Hex.from_json(value)
        if len(raw) != 32:
            raise ValueError(f"expected 32 bytes in hexadecimal, found {len(raw)}")
        return cls(raw)


class Account(bytes):
    """An account: an SS58 address (any prefix) or 32 bytes in hexadecimal."""

    __slots__ = ()

    @classmethod
    def from_json(cls, value: object) -> Account:
        """Read the address and check it."""
        if not isinstance(value, str):
            raise ValueError(f"expected an address, found {_kind(value)}")
        try:
            if value.startswith("0x"):
                return cls(read_account_hex(value))
            return cls(decode_address(value))
        except AddressError as error:
            raise ValueError(str(error)) from None


class Height(int):
    """A block number, as a JSON integer or as hexadecimal text (PAPI sends "0x0")."""

    __slots__ = ()

    @classmethod
    def from_json(cls, value: object) -> Height:
        """Read the number; it must fit 32 bits."""
        if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= 2 + 16:
            number = int(value, 16) if value[2:].isalnum() else -1
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        else:
            raise ValueError("expected a block number: an integer or text such as 0x1a")
        if not 0 <= number <= MAX_HEIGHT:
            raise ValueError(f"expected a block number from 0 to {MAX_HEIGHT}")
        return cls(number)


class Heights:
    """One block number or several; the answer has the same form."""

    __slots__ = ("is_list", "numbers")

    def __init__(self, numbers: tuple[int, ...], is_list: bool) -> None:
        self.numbers = numbers
        self.is_list = is_list

    @classmethod
    def from_json(cls, value: object) -> Heights:
        """Read a number or a list of at most a thousand."""
        if not isinstance(value, list):
            return cls((Height.from_json(value),), False)
        if len(value) > KEYS_PER_QUERY:
            raise ValueError(f"expected at most {KEYS_PER_QUERY} block numbers")
        return cls(tuple(Height.from_json(one) for one in value), True)


class BlockHashes:
    """One block hash or several."""

    __slots__ = ("hashes",)

    def __init__(self, hashes: tuple[BlockHash, ...]) -> None:
        self.hashes = hashes

    @classmethod
    def from_json(cls, value: object) -> BlockHashes:
        """Read a hash or a list of at most a thousand."""
        many = value if isinstance(value, list) else [value]
        if len(many) > KEYS_PER_QUERY:
            raise ValueError(f"expected at most {KEYS_PER_QUERY} block hashes")
        return cls(tuple(BlockHash.from_json(one) for one in many))


READERS: dict[type, Callable[[object], Any]] = {
    Hex: Hex.from_json,
    BlockHash: BlockHash.from_json,
    Account: Account.from_json,
    Height: Height.from_json,
    Heights: Heights.from_json,
    BlockHashes: BlockHashes.from_json,
}

HEIGHT_SCHEMA = {
    "oneOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_HEIGHT},
        {"type": "string", "pattern": "^0x[0-9a-fA-F]{1,16}$"},
    ],
    "description": "A block number.",
}

HASH_SCHEMA = {
    "type": "string",
    "pattern": "^(0x)?[0-9a-fA-F]{64}$",
    "description": "32 bytes in hexadecimal.",
}

SCHEMAS: dict[type, dict[str, Any]] = {
    Hex: {
        "type": "string",
        "pattern": "^(0x)?([0-9a-fA-F]{2})*$",
        "description": "Bytes in hexadecimal.",
    },
    BlockHash: HASH_SCHEMA,
    BlockHashes: {
        "oneOf": [
            HASH_SCHEMA,
            {"type": "array", "items": HASH_SCHEMA, "maxItems": KEYS_PER_QUERY},
        ],
        "description": "A block hash, or several.",
    },
    Account: {
        "type": "string",
        "maxLength": 66,
        "description": "An SS58 address, or 32 bytes in hexadecimal.",
    },
    Height: HEIGHT_SCHEMA,
    Heights: {
        "oneOf": [
            *HEIGHT_SCHEMA["oneOf"],
            {"type": "array", "items": HEIGHT_SCHEMA, "maxItems": KEYS_PER_QUERY},
        ],
        "description": "A block number, or several.",
    },
}


def read_value(wanted: type, value: object) -> Any:
    """Read one value of a class above; the hook that msgspec calls."""
    return READERS[wanted](value)


def value_schema(wanted: type) -> dict[str, Any]:
    """Return the JSON schema of a class above."""
    return dict(SCHEMAS[wanted])


def hexadecimal(raw: bytes) -> str:
    """Return bytes as clients read them."""
    return "0x" + raw.hex()


def optional_hexadecimal(raw: bytes | None) -> str | None:
    """Return bytes as clients read them, None as null."""
    return None if raw is None else "0x" + raw.hex()


def _kind(value: object) -> str:
    """Return the JSON name of a value's kind."""
    kinds = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "null" if value is None else "text")
