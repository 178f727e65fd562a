"""The past of the finalized state: what each block replaced, so that older states can be read.

A value is kept under its key and the number of the block that replaced it; to read a key as it was
after block n, take the first such entry above n, or the present value if there is none. Branches
of the trie are kept for recent blocks only, in chunks by block: writing them one by one would
cost more than all other writes of a full block together.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gongshe.storage.database import ADVICE, Database, StoreDamaged
from gongshe.storage.keyspace import (
    PAST_KEYS,
    PAST_PATHS,
    PAST_VALUE,
    end_of,
    number_key,
    past_node_key,
    past_value_key,
    read_past_value_key,
)
from gongshe.storage.records import pack_record, unpack_record
from gongshe.storage.trie import TrieChange

CHUNK_NODES = 64
"""Branches to a chunk: about 16 KB, four table blocks, read as one."""

SWEEP_ENTRIES = 10_000
"""Entries looked at for one batch when the whole history is swept: a few megabytes."""

Batch = dict[bytes, bytes | None]


def record_history(
    batch: Batch,
    number: int,
    replaced: Mapping[bytes, bytes | None],
    trie: TrieChange,
    archive: bool,
) -> None:
    """Add to a batch what the block of this number replaces."""
    for key, value in replaced.items():
        batch[past_value_key(key, number)] = b"" if value is None else b"\x01" + value
    if not archive:
        batch[PAST_KEYS + number_key(number)] = pack_record(list(replaced))
    old = trie.replaced
    paths = sorted(path for path, record in trie.nodes.items() if record or path in old)
    starts = []
    for at in range(0, len(paths), CHUNK_NODES):
        chunk = paths[at : at + CHUNK_NODES]
        batch[past_node_key(number, chunk[0])] = pack_record(chunk, [old.get(p) for p in chunk])
        starts.append(chunk[0])
    batch[PAST_PATHS + number_key(number)] = pack_record(starts)


def forget_values(database: Database, batch: Batch, number: int) -> None:
    """Add to a batch the removal of the values that the block of this number replaced."""
    for key in _listed(database, PAST_KEYS, number):
        batch[past_value_key(key, number)] = None
    batch[PAST_KEYS + number_key(number)] = None


def forget_nodes(database: Database, batch: Batch, number: int) -> None:
    """Add to a batch the removal of the branches that the block of this number replaced."""
    for path in _listed(database, PAST_PATHS, number):
        batch[past_node_key(number, path)] = None
    batch[PAST_PATHS + number_key(number)] = None


def sweep_values(database: Database, upto: int, present: int) -> Iterator[Batch]:
    """Yield batches that turn an archive up to block `present` into a history above `upto` only.

    The last batch writes the lists of keys by which later blocks are pruned one by one.
    """
    keys: dict[int, list[bytes]] = {number: [] for number in range(upto + 1, present + 1)}
    batch: Batch = {}
    for seen, (raw, _) in enumerate(database.scan(PAST_VALUE, end_of(PAST_VALUE)), 1):
        key, number = read_past_value_key(raw)
        if number <= upto:
            batch[raw] = None
        else:
            keys[number].append(key)
        if seen % SWEEP_ENTRIES == 0 and batch:
            yield batch
            batch = {}
    for raw, _ in database.scan(PAST_KEYS, end_of(PAST_KEYS)):
        batch[raw] = None
    for number, listed in keys.items():
        batch[PAST_KEYS + number_key(number)] = pack_record(listed)
    yield batch


def _listed(database: Database, kind: bytes, number: int) -> list[Any]:
    raw = database.get(kind + number_key(number))
    if raw is None:
        raise StoreDamaged(f"the history of block {number} was expected and is missing. {ADVICE}")
    listed = unpack_record(raw, f"the history of block {number}", 1)[0]
    assert isinstance(listed, list)
    return listed
