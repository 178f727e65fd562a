"""SS58 addresses: an account id with a network prefix and a checksum, in base 58."""

from __future__ import annotations

from gongshe.primitives.crypto import blake2_512

GENERIC_PREFIX = 42
"""Substrate's prefix for any network; what wallets show when they know nothing else."""
PREFIX_LIMIT = 16_384
"""Two bytes carry fourteen bits; prefixes from 64 up take both."""
RESERVED_PREFIXES = (46, 47)
"""Kept free by the SS58 registry."""
ACCOUNT_LENGTH = 32
"""Bytes of an account id."""
CHECKSUM_LENGTH = 2
"""Bytes of checksum behind a 32-byte account."""
CHECKSUM_CONTEXT = b"SS58PRE"
"""What the checksum hashes before prefix and account."""
TEXT_LIMIT = 64
"""Characters read at most; a two-byte prefix needs 50, so longer text names no account."""
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Base 58 leaves out 0, O, I and l."""
DIGITS = {character: value for value, character in enumerate(ALPHABET)}


class AddressError(Exception):
    """Text that is not the address of an account."""


def encode_address(account: bytes, prefix: int = GENERIC_PREFIX) -> str:
    """Return the SS58 text of a 32-byte account id."""
    if len(account) != ACCOUNT_LENGTH:
        raise AddressError(f"an account id has {ACCOUNT_LENGTH} bytes, found {len(account)}")
    payload = _prefix_bytes(prefix) + account
    return _base58(payload + _checksum(payload))


def decode_address(text: str, prefix: int | None = None) -> bytes:
    """Return the account id behind an SS58 text; with `prefix`, refuse those of other networks."""
    account, found = split_address(text)
    if prefix is not None and found != prefix:
        raise AddressError(
            f"expected an address with prefix {prefix}, found {found}; "
            f"the same account is written {encode_address(account, prefix)} here"
        )
    return account


def split_address(text: str) -> tuple[bytes, int]:
    """Return the account id and the prefix of an SS58 text."""
    raw = _from_base58(text)
    prefix, prefix_length = _read_prefix(raw)
    expected = prefix_length + ACCOUNT_LENGTH + CHECKSUM_LENGTH
    if len(raw) != expected:
        raise AddressError(
            f"an address with prefix {prefix} has {expected} bytes, found {len(raw)}; "
            "it names no 32-byte account or was cut"
        )
    payload, checksum = raw[:-CHECKSUM_LENGTH], raw[-CHECKSUM_LENGTH:]
    if _checksum(payload) != checksum:
        raise AddressError(
            f"expected checksum {_checksum(payload).hex()}, found {checksum.hex()}; "
            "the address was mistyped, copy it again"
        )
    return payload[prefix_length:], prefix


def read_account_hex(text: str) -> bytes:
    """Return the account id written as `0x` and 64 hexadecimal digits."""
    digits = text[2:]
    # bytes.fromhex would also take spaces between the digits, so the length is checked first.
    if text[:2] != "0x" or len(digits) != 2 * ACCOUNT_LENGTH:
        raise AddressError(
            f"expected 0x and {2 * ACCOUNT_LENGTH} hexadecimal digits, found {len(text)} characters"
        )
    try:
        account = bytes.fromhex(digits)
    except ValueError:
        raise AddressError("expected hexadecimal digits after 0x, found others") from None
    if len(account) != ACCOUNT_LENGTH:
        raise AddressError("expected hexadecimal digits after 0x, found spaces among them")
    return account


def _prefix_bytes(prefix: int) -> bytes:
    if not 0 <= prefix < PREFIX_LIMIT or prefix in RESERVED_PREFIXES:
        raise AddressError(
            f"a prefix lies in 0..{PREFIX_LIMIT - 1} and is none of {RESERVED_PREFIXES}, "
            f"found {prefix}"
        )
    if prefix < 64:
        return bytes([prefix])
    # Bits 2 to 7 come first under the marker 01, then bits 0 and 1 above bits 8 to 13.
    return bytes([0x40 | (prefix & 0xFC) >> 2, prefix >> 8 | (prefix & 3) << 6])


def _read_prefix(raw: bytes) -> tuple[int, int]:
    """Return the prefix and how many bytes it took."""
    if len(raw) < 2:
        raise AddressError(f"expected at least prefix and checksum, found {len(raw)} bytes")
    first, second = raw[0], raw[1]
    if first < 64:
        prefix, length = first, 1
    elif first < 128:
        prefix, length = (first & 0x3F) << 2 | second >> 6 | (second & 0x3F) << 8, 2
    else:
        raise AddressError(f"expected a first byte below 128, found {first}")
    if _prefix_bytes(prefix) != raw[:length]:
        raise AddressError(f"prefix {prefix} fits in one byte, found it in two")
    return prefix, length


def _checksum(payload: bytes) -> bytes:
    return blake2_512(CHECKSUM_CONTEXT + payload)[:CHECKSUM_LENGTH]


def _base58(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    characters = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(ALPHABET[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return ALPHABET[0] * zeros + "".join(reversed(characters))


def _from_base58(text: str) -> bytes:
    if not 0 < len(text) <= TEXT_LIMIT:
        raise AddressError(f"an address has 1 to {TEXT_LIMIT} characters, found {len(text)}")
    number = 0
    for position, character in enumerate(text):
        digit = DIGITS.get(character)
        if digit is None:
            raise AddressError(
                f"expected a base-58 character at position {position}, found {character!r}"
            )
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
