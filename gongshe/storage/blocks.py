"""Blocks at rest: headers, bodies, justifications, and which of them the chain consists of.

Nothing here writes: methods that change something return a batch, so that the importer commits
all that belongs to a block at once. Batches of one block may be joined in any order, for their keys
do not overlap.
"""

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from gongshe.storage.database import ADVICE, Reader, StoreDamaged
from gongshe.storage.keyspace import (
    BEST,
    BODY,
    CANONICAL,
    EXTRINSIC,
    FINALIZED,
    HEADER,
    JUSTIFICATION,
    LEAF,
    end_of,
    leaf_key,
    number_key,
)

Batch = dict[bytes, bytes | None]

INDEX_BYTES = 8
"""Of an extrinsic's hash in the index: collisions are found out by hashing, and are rare."""


class Tip(NamedTuple):
    """A block by number and hash."""

    number: int
    block_hash: bytes


class StoredHeader(NamedTuple):
    """A header with what the store itself needs to know of it."""

    number: int
    parent: bytes
    header: bytes


class Located(NamedTuple):
    """Where an extrinsic is on the best chain."""

    block_hash: bytes
    number: int
    position: int


class Blocks:
    """Every block that this node has kept; reads come straight from the database."""

    def __init__(self, database: Reader) -> None:
        self._database = database

    def stored_header(self, block_hash: bytes) -> StoredHeader | None:
        """Return the header with its number and parent, or None if the block is not known."""
        raw = self._database.get(HEADER + block_hash)
        if raw is None:
            return None
        if len(raw) < 36:
            raise StoreDamaged(f"the header of 0x{block_hash.hex()} is cut. {ADVICE}")
        return StoredHeader(int.from_bytes(raw[:4], "big"), raw[4:36], raw[36:])

    def header(self, block_hash: bytes) -> bytes | None:
        """Return the encoded header, or None if the block is not known."""
        raw = self._database.get(HEADER + block_hash)
        return None if raw is None else raw[36:]

    def body(self, block_hash: bytes) -> tuple[bytes, ...] | None:
        """Return the encoded extrinsics, or None if the block is not known."""
        raw = self._database.get(BODY + block_hash)
        return None if raw is None else _split_body(raw)

    def justification(self, block_hash: bytes) -> bytes | None:
        """Return the justification kept for this block, or None."""
        return self._database.get(JUSTIFICATION + block_hash)

    def canonical(self, number: int) -> bytes | None:
        """Return the hash of the block of this number on the best chain."""
        return self._database.get(CANONICAL + number_key(number))

    def best(self) -> Tip | None:
        """Return the best block; None before the chain is founded."""
        return self._tip(BEST)

    def finalized(self) -> Tip | None:
        """Return the last finalized block; None before the chain is founded."""
        return self._tip(FINALIZED)

    def leaves(self) -> list[Tip]:
        """Return the blocks without children, lowest first."""
        return [
            Tip(int.from_bytes(key[1:5], "big"), key[5:])
            for key, _ in self._database.scan(LEAF, end_of(LEAF))
        ]

    def locate(self, extrinsic_hash: bytes) -> Located | None:
        """Return where the extrinsic of this hash is on the best chain, if it was indexed."""
        prefix = EXTRINSIC + extrinsic_hash[:INDEX_BYTES]
        for key, place in self._database.scan(prefix, end_of(prefix)):
            number, position = struct.unpack(">II", place)
            block_hash = self.canonical(number)
            if block_hash is None or block_hash[:INDEX_BYTES] != key[-INDEX_BYTES:]:
                continue
            body = self.body(block_hash)
            if body is not None and _hash(body[position]) == extrinsic_hash:
                return Located(block_hash, number, position)
        return None

    def ancestors(self, block_hash: bytes) -> Iterator[tuple[bytes, StoredHeader]]:
        """Yield this block and its ancestors with their hashes, down to the oldest known."""
        while (stored := self.stored_header(block_hash)) is not None:
            yield block_hash, stored
            block_hash = stored.parent

    def put(
        self,
        block_hash: bytes,
        header: StoredHeader,
        extrinsics: Sequence[bytes],
        extrinsic_hashes: Sequence[bytes] = (),
    ) -> Batch:
        """Keep a block; give the hashes of its extrinsics to have them indexed."""
        number, parent, encoded = header
        batch: Batch = {
            HEADER + block_hash: number_key(number) + parent + encoded,
            BODY + block_hash: _join_body(extrinsics),
            leaf_key(number, block_hash): b"",
        }
        if number:
            batch[leaf_key(number - 1, parent)] = None
        mark = block_hash[:INDEX_BYTES]
        for position, extrinsic_hash in enumerate(extrinsic_hashes):
            place = struct.pack(">II", number, position)
            batch[EXTRINSIC + extrinsic_hash[:INDEX_BYTES] + mark] = place
        return batch

    def put_justification(self, block_hash: bytes, justification: bytes) -> Batch:
        """Keep the proof of a block's finality."""
        return {JUSTIFICATION + block_hash: justification}

    def set_best(self, block_hash: bytes, number: int, parent: bytes) -> Batch:
        """Make this block, known or being put in the same batch, the head of the best chain."""
        batch: Batch = {BEST: number_key(number) + block_hash}
        former = self.best()
        for above in range(number + 1, former.number + 1 if former else 0):
            batch[CANONICAL + number_key(above)] = None
        while self.canonical(number) != block_hash:
            batch[CANONICAL + number_key(number)] = block_hash
            if not number:
                break
            number, block_hash = number - 1, parent
            stored = self.stored_header(block_hash)
            if stored is None:
                raise StoreDamaged(
                    f"block {number} (0x{block_hash.hex()}) is the parent of a block that was to "
                    f"become the best one, and is missing. {ADVICE}"
                )
            parent = stored.parent
        return batch

    def set_finalized(self, block_hash: bytes, number: int) -> Batch:
        """Record how far the chain is final."""
        return {FINALIZED: number_key(number) + block_hash}

    def drop(self, block_hashes: Sequence[bytes]) -> Batch:
        """Remove the blocks of forks that finality abandons, every descendant with its ancestor.

        No parent becomes a leaf by it: where a fork leaves the final chain, that chain goes on.
        """
        batch: Batch = {}
        for block_hash in block_hashes:
            stored = self.stored_header(block_hash)
            if stored is None:
                continue
            for kind in (HEADER, BODY, JUSTIFICATION):
                batch[kind + block_hash] = None
            batch[leaf_key(stored.number, block_hash)] = None
            for extrinsic in self.body(block_hash) or ():
                key = EXTRINSIC + _hash(extrinsic)[:INDEX_BYTES] + block_hash[:INDEX_BYTES]
                batch[key] = None
        return batch

    def _tip(self, key: bytes) -> Tip | None:
        raw = self._database.get(key)
        return None if raw is None else Tip(int.from_bytes(raw[:4], "big"), raw[4:])


def _hash(extrinsic: bytes) -> bytes:
    return blake2b(extrinsic, digest_size=32).digest()


def _join_body(extrinsics: Sequence[bytes]) -> bytes:
    """Return the extrinsics as one value: their number, their lengths, then all of them."""
    lengths = [len(extrinsic) for extrinsic in extrinsics]
    return struct.pack(f"<{len(lengths) + 1}I", len(lengths), *lengths) + b"".join(extrinsics)


def _split_body(raw: bytes) -> tuple[bytes, ...]:
    count = int.from_bytes(raw[:4], "little")
    offset = 4 + 4 * count
    if offset > len(raw):
        raise StoreDamaged(f"the body of a block is cut. {ADVICE}")
    lengths = struct.unpack_from(f"<{count}I", raw, 4)
    if offset + sum(lengths) != len(raw):
        raise StoreDamaged(f"the body of a block has not the length it says. {ADVICE}")
    extrinsics = []
    for length in lengths:
        extrinsics.append(raw[offset : offset + length])
        offset += length
    return tuple(extrinsics)
