"""What is final, how much of the past is kept, and the removal of what is older."""

from typing import NamedTuple

from gongshe.storage.database import Database
from gongshe.storage.history import Batch, forget_nodes, forget_values
from gongshe.storage.records import pack_record, unpack_record

RETAINED_STATES = 256
"""Finalized states that can be read unless more are asked for: what a Substrate node keeps."""

RETAINED_TRIES = 256
"""Finalized blocks in whose state proofs are given: light clients ask at recent blocks."""

ARCHIVE = 0
"""As a number of retained states: all of them, for ever."""

PRUNED_AHEAD = 16
"""Blocks of history removed per change beyond the number that it adds: a history that has become
too long shrinks without one change growing large."""


class Status(NamedTuple):
    """The finalized state and how much of the past is kept."""

    block_hash: bytes
    number: int
    root: bytes
    oldest: int
    """Number of the oldest state that can be read."""
    oldest_trie: int
    """Number of the oldest state in which proofs are given."""
    retained: int
    """How many states before the finalized one to keep; 0 keeps all."""


def status_record(status: Status) -> bytes:
    """Return the status as the database keeps it."""
    return pack_record(*status)


def read_status(raw: bytes) -> Status:
    """Return the status that the database keeps."""
    return Status(*unpack_record(raw, "the status of the states", len(Status._fields)))


def prune(database: Database, batch: Batch, present: int, status: Status) -> Status:
    """Add the removal of what is too old for this status to a batch; return the status after it.

    `present` is the number of the finalized block on the disk: what the batch itself adds to the
    history stays until the next change.
    """
    most = status.number - present + PRUNED_AHEAD
    tries = RETAINED_TRIES
    oldest = status.oldest
    if status.retained != ARCHIVE:
        tries = min(tries, status.retained)
        oldest = min(max(oldest, status.number - status.retained), oldest + most, present)
        for number in range(status.oldest + 1, oldest + 1):
            forget_values(database, batch, number)
    oldest_trie = status.oldest_trie
    oldest_trie = min(max(oldest_trie, status.number - tries), oldest_trie + most, present)
    for number in range(status.oldest_trie + 1, oldest_trie + 1):
        forget_nodes(database, batch, number)
    return status._replace(oldest=oldest, oldest_trie=oldest_trie)
