"""The state trie's node format, Substrate's: headers, packed nibbles, values, children.

A node is `header ++ partial key ++ [bitmap of children] ++ [value] ++ children`. Paths of nibbles
are hexadecimal strings here, so that prefix tests and slices run in C. What a parent holds of a
child is the child's *entry*: 0x80 and the hash, or, below 32 bytes, the length and the node itself.

A branch is kept in the database as a *record*: a 16-bit mask of the children that are leaves, then
the encoded node. Leaves have no record: a leaf is its key and value, which the flat state has.
Format: https://spec.polkadot.network/chap-state#sect-state-storage-trie-structure
"""

from enum import IntEnum
from hashlib import blake2b

from gongshe.primitives.scale import ScaleError, compact, read_compact

EMPTY_ROOT = bytes.fromhex("03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314")
"""blake2b-256 of the single byte 0: the root of a trie without keys."""

INLINE_VALUE_LIMIT = 33
"""Layout version 1 replaces values of this length and above by their hash."""

HASHED_ENTRY = 33
"""Length of the entry of a hashed child: the compact length 32, then the hash."""

NIBBLE = {digit: number for number, digit in enumerate("0123456789abcdef")}
BIT = {digit: 1 << number for digit, number in NIBBLE.items()}
DIGITS = "0123456789abcdef"

LEAF = 0x40
LEAF_HASHED = 0x20
BRANCH = 0x80
BRANCH_VALUE = 0xC0
BRANCH_HASHED = 0x10
KIND_BITS = {LEAF: 2, LEAF_HASHED: 3, BRANCH: 2, BRANCH_VALUE: 2, BRANCH_HASHED: 4}
"""How many high bits of the header name the kind; the others begin the count of nibbles."""

TABLED_NIBBLES = 512
"""Headers up to this count of nibbles are looked up; longer partial keys are computed."""


class Layout(IntEnum):
    """State version of the trie: under V1 long values are kept apart from their nodes."""

    V0 = 0
    V1 = 1


V0 = Layout.V0
V1 = Layout.V1

Value = tuple[bool, bytes]
"""A value as its node holds it: whether it is a hash, then the hash or length ++ bytes."""


class NodeMalformed(ValueError):
    """These bytes are not a trie node; the message says where they end to make sense."""


new_hash = blake2b(digest_size=32).copy
"""Starts a blake2b-256 hash: copying an empty one costs half of what naming its size does."""


def hash_256(data: bytes) -> bytes:
    """Return the blake2b-256 hash by which nodes and long values are named."""
    hashing = new_hash()
    hashing.update(data)
    return hashing.digest()


def node_value(value: bytes, layout: Layout) -> Value:
    """Return the value as a node of this layout holds it."""
    if layout and len(value) >= INLINE_VALUE_LIMIT:
        return True, hash_256(value)
    return False, compact(len(value)) + value


def header(kind: int, nibbles: int) -> bytes:
    """Return the header of a node: its kind and the number of nibbles in its partial key."""
    most = 255 >> KIND_BITS[kind]
    if nibbles < most:
        return bytes((kind | nibbles,))
    full, rest = divmod(nibbles - most, 255)
    return bytes((kind | most,)) + b"\xff" * full + bytes((rest,))


LOW_NIBBLE = tuple(bytes((byte & 15,)) for byte in range(256))
LEAF_HEADERS = tuple(header(LEAF, count) for count in range(TABLED_NIBBLES))
LEAF_HASHED_HEADERS = tuple(header(LEAF_HASHED, count) for count in range(TABLED_NIBBLES))


def encode_leaf(key: bytes, depth: int, value: Value) -> bytes:
    """Encode the leaf of this key below `depth` nibbles of path."""
    hashed, held = value
    nibbles = 2 * len(key) - depth
    half = depth >> 1
    packed = bytes((key[half] & 15,)) + key[half + 1 :] if nibbles & 1 else key[half:]
    if nibbles < TABLED_NIBBLES:
        return (LEAF_HASHED_HEADERS if hashed else LEAF_HEADERS)[nibbles] + packed + held
    return header(LEAF_HASHED if hashed else LEAF, nibbles) + packed + held


def leaf_with(key: bytes, depth: int, value: bytes, layout: Layout) -> bytes:
    """Return the entry of the leaf of this key and value; quick for the usual ones."""
    nibbles = 2 * len(key) - depth
    if layout != V1 or len(value) < INLINE_VALUE_LIMIT or nibbles >= TABLED_NIBBLES:
        return entry_of(encode_leaf(key, depth, node_value(value, layout)))
    half = depth >> 1
    packed = LOW_NIBBLE[key[half]] + key[half + 1 :] if nibbles & 1 else key[half:]
    hashing = new_hash()
    hashing.update(value)
    encoded = LEAF_HASHED_HEADERS[nibbles] + packed + hashing.digest()
    hashing = new_hash()
    hashing.update(encoded)
    return b"\x80" + hashing.digest()


def entry_of(encoded: bytes) -> bytes:
    """Return what a parent holds of a node: its hash, or the node itself when it is short."""
    size = len(encoded)
    if size >= 32:
        return b"\x80" + hash_256(encoded)
    return bytes((size << 2,)) + encoded


def root_of(entry: bytes) -> bytes:
    """Return the root hash of a trie whose topmost node has this entry: always a hash."""
    return entry[1:] if len(entry) == HASHED_ENTRY else hash_256(entry[1:])


def pack_nibbles(path: str) -> bytes:
    """Pack nibbles two to a byte; an odd one comes first, in a byte of its own."""
    return bytes.fromhex("0" + path if len(path) & 1 else path)


class Branch:
    """A branch taken apart: what it adds to the path, its value, its children's entries."""

    __slots__ = ("children", "leaves", "partial", "value")

    def __init__(
        self, partial: str, value: Value | None, children: list[bytes | None], leaves: int
    ) -> None:
        self.partial = partial
        self.value = value
        self.children = children
        self.leaves = leaves

    @classmethod
    def decode(cls, record: bytes) -> "Branch":
        """Take a branch record apart."""
        node = read_node(record[2:])
        if node.children is None:
            raise NodeMalformed("a branch record was expected, it holds a leaf")
        return cls(node.partial, node.value, node.children, int.from_bytes(record[:2], "little"))

    def record(self) -> bytes:
        """Return the record of the branch: mask of leaves, then the encoded node."""
        return self.leaves.to_bytes(2, "little") + encode_branch(
            self.partial, self.value, self.children
        )


def encode_branch(partial: str, value: Value | None, children: list[bytes | None]) -> bytes:
    """Encode a branch from the entries of its sixteen children."""
    kind = BRANCH if value is None else BRANCH_HASHED if value[0] else BRANCH_VALUE
    bitmap = 0
    bit = 1
    for child in children:
        if child is not None:
            bitmap |= bit
        bit <<= 1
    return b"".join(
        (
            header(kind, len(partial)),
            pack_nibbles(partial),
            bitmap.to_bytes(2, "little"),
            b"" if value is None else value[1],
            *[child for child in children if child is not None],
        )
    )


class Node:
    """A decoded node: a leaf has no children, a branch has sixteen places for their entries."""

    __slots__ = ("children", "partial", "value")

    def __init__(
        self, partial: str, value: Value | None, children: list[bytes | None] | None
    ) -> None:
        self.partial = partial
        self.value = value
        self.children = children


def read_node(raw: bytes) -> Node:
    """Decode a node strictly: every byte accounted for, one encoding per node."""
    try:
        kind, nibbles, offset = _read_header(raw)
        width = (nibbles + 1) >> 1
        packed = raw[offset : offset + width]
        offset += width
        if len(packed) != width or (nibbles & 1 and packed[0] & 0xF0):
            raise NodeMalformed(f"the partial key of {nibbles} nibbles is cut or badly padded")
        bitmap = 0
        if kind in {BRANCH, BRANCH_VALUE, BRANCH_HASHED}:
            bitmap = raw[offset] | raw[offset + 1] << 8
            offset += 2
            if not bitmap:
                raise NodeMalformed("a branch has no children")
        value, offset = _read_value(raw, offset, kind)
        children, offset = _read_children(raw, offset, bitmap)
    except ScaleError as error:
        raise NodeMalformed(f"the length of a value cannot be read: {error}") from error
    except IndexError:
        raise NodeMalformed(f"the node ends early, after {len(raw)} bytes") from None
    if offset != len(raw):
        raise NodeMalformed(f"the node ends at byte {offset}, {len(raw)} bytes were given")
    return Node(packed.hex()[nibbles & 1 :], value, children if bitmap else None)


def _read_header(raw: bytes) -> tuple[int, int, int]:
    """Return the kind, the number of nibbles, and the offset after the header."""
    first = raw[0]
    for kind in (BRANCH_VALUE, BRANCH, LEAF, LEAF_HASHED, BRANCH_HASHED):
        most = 255 >> KIND_BITS[kind]
        if first & ~most & 0xFF == kind:
            break
    else:
        raise NodeMalformed(f"no kind of node has the header byte {first:#04x}")
    nibbles = first & most
    offset = 1
    if nibbles == most:
        while True:
            nibbles += raw[offset]
            offset += 1
            if raw[offset - 1] != 255:
                break
    return kind, nibbles, offset


def _read_value(raw: bytes, offset: int, kind: int) -> tuple[Value | None, int]:
    """Return the value as the node holds it and the offset after it."""
    if kind == BRANCH:
        return None, offset
    hashed = kind in {LEAF_HASHED, BRANCH_HASHED}
    end = offset + 32 if hashed else sum(read_compact(raw, offset))
    if end > len(raw):
        raise NodeMalformed(f"the value ends at byte {end}, the node at byte {len(raw)}")
    return (hashed, raw[offset:end]), end


def _read_children(raw: bytes, offset: int, bitmap: int) -> tuple[list[bytes | None], int]:
    """Return the sixteen children's entries and the offset after them."""
    children: list[bytes | None] = [None] * 16
    for number in range(16):
        if bitmap >> number & 1:
            size = raw[offset] >> 2
            end = offset + 1 + size
            if raw[offset] & 3 or not 0 < size <= 32 or end > len(raw):
                raise NodeMalformed(f"no entry of a child at byte {offset}")
            children[number] = raw[offset:end]
            offset = end
    return children, offset
