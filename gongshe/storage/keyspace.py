"""Every key in the database: one prefix byte, then what tells the entries of a kind apart.

Numbers are four bytes big-endian, so that order by key is order by number.
"""

from gongshe.storage.database import after_prefix

STATUS = b"!"
"""The finalized state's name, what of its past is kept, and how much should be."""

VALUE = b"v"
"""key -> value: the finalized state, flat."""
NODE = b"t"
"""path in hexadecimal -> branch record: the finalized state's trie."""
LAYER = b"u"
"""block hash -> journal of an unfinalized block's changes."""
STATE = b"s"
"""block hash -> number and root of a finalized block's state."""

PAST_VALUE = b"p"
"""escaped key, number -> the value that the block of this number replaced."""
PAST_KEYS = b"k"
"""number -> keys of the PAST_VALUE entries of this block; not written by an archive."""
PAST_NODE = b"q"
"""number, path -> branch records that the block replaced, many to a chunk, in order of path."""
PAST_PATHS = b"r"
"""number -> first paths of the PAST_NODE chunks of this block."""

HEADER = b"h"
"""block hash -> number, parent hash, header."""
BODY = b"b"
"""block hash -> extrinsics."""
JUSTIFICATION = b"j"
"""block hash -> justification of its finality."""
CANONICAL = b"n"
"""number -> hash of the block on the best chain."""
LEAF = b"l"
"""number, block hash -> nothing: the blocks without children."""
EXTRINSIC = b"x"
"""8 bytes of extrinsic hash, 8 bytes of block hash -> block number and index of the extrinsic."""
BEST = b"*"
"""The best block: number and hash."""
FINALIZED = b"="
"""The last finalized block: number and hash."""

PREFIXES = (
    STATUS, VALUE, NODE, LAYER, STATE, PAST_VALUE, PAST_KEYS, PAST_NODE, PAST_PATHS,
    HEADER, BODY, JUSTIFICATION, CANONICAL, LEAF, EXTRINSIC, BEST, FINALIZED,
)  # fmt: skip
"""All of them; a test holds that no two are equal."""

KEY_END = b"\x00\x00"
"""Ends an escaped key: below every continuation, so a key sorts before the keys it begins."""
KEY_PAST = b"\x00\x01"
"""Follows every entry of an escaped key and comes before the next key's first."""


def number_key(number: int) -> bytes:
    """Return a block number so that numbers sort."""
    return number.to_bytes(4, "big")


def escape(key: bytes) -> bytes:
    """Escape a key so that something can follow it and order by key is kept."""
    return key.replace(b"\x00", b"\x00\xff")


def unescape(escaped: bytes) -> bytes:
    """Return the key that was escaped."""
    return escaped.replace(b"\x00\xff", b"\x00")


def past_value_key(key: bytes, number: int) -> bytes:
    """Return where the value that a block replaced is kept."""
    return PAST_VALUE + escape(key) + KEY_END + number.to_bytes(4, "big")


def read_past_value_key(raw: bytes) -> tuple[bytes, int]:
    """Return the key and the number of the block that replaced its value."""
    return unescape(raw[1:-6]), int.from_bytes(raw[-4:], "big")


def past_node_key(number: int, path: str) -> bytes:
    """Return where a chunk of replaced branch records is kept, by its first path."""
    return PAST_NODE + number.to_bytes(4, "big") + path.encode()


def leaf_key(number: int, block_hash: bytes) -> bytes:
    """Return the key that marks a block as being without children."""
    return LEAF + number.to_bytes(4, "big") + block_hash


def end_of(prefix: bytes) -> bytes:
    """Return the first key after all keys of a kind."""
    end = after_prefix(prefix)
    assert end is not None  # no prefix byte is 0xff
    return end
