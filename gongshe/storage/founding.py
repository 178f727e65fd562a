"""The states of a chain that is about to be created: its genesis state and nothing else."""

from collections.abc import Iterable
from typing import NamedTuple

from gongshe.storage.history import Batch
from gongshe.storage.keyspace import NODE, STATE, STATUS, VALUE
from gongshe.storage.records import pack_record
from gongshe.storage.status import RETAINED_STATES, Status, status_record
from gongshe.storage.trie import build_trie
from gongshe.storage.trie_nodes import V1


class FoundedStates(NamedTuple):
    """The states of a chain that does not exist yet: the root goes into the genesis header."""

    root: bytes
    batch: Batch
    retained: int

    def batch_for(self, block_hash: bytes) -> Batch:
        """Return all writes that found the states, given the hash of the genesis block."""
        status = Status(block_hash, 0, self.root, 0, 0, self.retained)
        return self.batch | {
            STATUS: status_record(status),
            STATE + block_hash: pack_record(0, self.root),
        }


def found_states(
    pairs: Iterable[tuple[bytes, bytes]], retained: int = RETAINED_STATES
) -> FoundedStates:
    """Prepare the genesis state from its pairs."""
    held = dict(pairs)
    nodes: dict[str, bytes | None] = {}
    root = build_trie(held.items(), V1, nodes)
    batch: Batch = {VALUE + key: value for key, value in held.items()}
    batch.update((NODE + path.encode(), record) for path, record in nodes.items())
    return FoundedStates(root, batch, retained)
