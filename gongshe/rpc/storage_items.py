"""Storage as the newer methods ask for it: items of several kinds, read one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, to_builtins

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.header import Header
from gongshe.primitives.records import Record
from gongshe.rpc.backend import ChainReader, Hash
from gongshe.rpc.limits import KEYS_PER_QUERY
from gongshe.rpc.shapes import known_header
from gongshe.rpc.values import Hex, HexText, hexadecimal
from gongshe.storage.trie_nodes import EMPTY_ROOT, HASHED_ENTRY, NIBBLE, read_node

Kind = Literal[
    "value", "hash", "closestDescendantMerkleValue", "descendantsValues", "descendantsHashes"
]


class StorageQuery(Record, rename="camel", forbid_unknown_fields=True):
    """What is asked about a key: itself, or everything under it."""

    key: Hex
    type: Kind
    pagination_start_key: Hex | None = None
    """Of the descendants, only those strictly after this key."""


Queries = Annotated[list[StorageQuery], Meta(max_length=KEYS_PER_QUERY)]


class StorageResult(Record, rename="camel", omit_defaults=True):
    """What was found: one of the three, beside the key."""

    key: HexText
    value: HexText | None = None
    hash: HexText | None = None
    closest_descendant_merkle_value: HexText | None = None

    def to_json(self) -> dict[str, str]:
        """Return it as clients read it."""
        shown: dict[str, str] = to_builtins(self)
        return shown


def read_items(
    chain: ChainReader, block: Hash, queries: list[StorageQuery]
) -> Iterator[StorageResult]:
    """Yield what is found, in the order of the queries; keys without a value yield nothing."""
    state = chain.state(block)
    for query in queries:
        if query.type == "closestDescendantMerkleValue":
            found = closest_merkle_value(chain, block, query.key)
            if found is not None:
                yield StorageResult(
                    hexadecimal(query.key), closest_descendant_merkle_value=hexadecimal(found)
                )
        elif query.type in ("value", "hash"):
            value = state.get(query.key)
            if value is not None:
                yield storage_result(query.key, value, hashed=query.type == "hash")
        else:
            hashed = query.type == "descendantsHashes"
            for key, value in state.pairs(query.key, query.pagination_start_key or None):
                yield storage_result(key, value, hashed=hashed)


def storage_result(key: bytes, value: bytes, *, hashed: bool) -> StorageResult:
    """Return a value or its hash beside its key."""
    if hashed:
        return StorageResult(hexadecimal(key), hash=hexadecimal(blake2_256(value)))
    return StorageResult(hexadecimal(key), value=hexadecimal(value))


def closest_merkle_value(chain: ChainReader, block: Hash, key: bytes) -> bytes | None:
    """Return the Merkle value of the highest trie node at or below `key`; None if there is none.

    It changes exactly when something under the key does. The walk goes through the proof of the
    key, which holds every node that decides it.
    """
    root = Header.decode(known_header(chain, block)).state_root
    if root == EMPTY_ROOT:
        return None
    parts = {blake2_256(node): node for node in chain.prove(block, [key])}
    rest = key.hex()
    entry = b"\x80" + root
    while True:
        held = entry[1:]
        node = read_node(parts[held] if len(entry) == HASHED_ENTRY else held)
        if node.partial.startswith(rest):
            return held
        if not rest.startswith(node.partial) or node.children is None:
            return None
        below = node.children[NIBBLE[rest[len(node.partial)]]]
        if below is None:
            return None
        rest = rest[len(node.partial) + 1 :]
        entry = below
