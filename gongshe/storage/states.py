"""The states of the chain: the finalized one flat, a layer for each unfinalized block, the past.

The finalized state rests in the database twice: flat, and as branches of its trie by path. Each
unfinalized block is a layer of changes over its parent, in memory and in a journal. Finalizing
folds layers down and appends what they replaced to a history, so any retained block can be read.

Nothing here writes. The protocol of a change, three calls for any mixture of steps:

    prepared = states.prepare(parent_hash, changes)       # the root; nothing is kept
    change = states.change(insert=Insertion(block_hash, number, prepared), finalize=block_hash)
    database.write(change.batch | whatever belongs to the same block)
    states.commit(change)                                 # memory follows the disk, never leads it

If the write fails, the change is dropped and nothing happened. A block that is inserted and
finalized in one change never sees the journal. `at` gives a view that stays as it is while the
chain moves on, for any thread; `executing` gives a quicker one, through the caches, for the thread
that makes changes, valid until the next commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from gongshe.storage.database import ADVICE, Database, Snapshot, StoreDamaged
from gongshe.storage.flat import CachedFlat
from gongshe.storage.history import (
    Batch,
    record_history,
    sweep_values,
)
from gongshe.storage.keyspace import LAYER, NODE, STATE, STATUS, VALUE, end_of
from gongshe.storage.layers import Segment, Stack, stack_over
from gongshe.storage.proofs import RangeProof
from gongshe.storage.records import pack_record, unpack_record
from gongshe.storage.status import ARCHIVE, Status, prune, read_status, status_record
from gongshe.storage.trie import Change, TrieChange, update
from gongshe.storage.trie_nodes import V1, NodeMalformed
from gongshe.storage.views import LayeredView, PastView, StateView, StoredFlat


class StateUnknown(LookupError):
    """No block of this hash has a state here: never imported, or on an abandoned fork."""

    def __init__(self, block_hash: bytes) -> None:
        super().__init__(
            f"no state is known for block 0x{block_hash.hex()}: it was not imported, or its fork "
            "was abandoned. Ask for a block of the present chain"
        )
        self.block_hash = block_hash


class StateDiscarded(LookupError):
    """The state of this block was pruned."""

    def __init__(self, number: int, oldest: int) -> None:
        super().__init__(
            f"the state of block {number} was discarded, the oldest kept is that of block "
            f"{oldest}. Ask a node that keeps an archive"
        )
        self.number = number
        self.oldest = oldest


class PreparedState(NamedTuple):
    """What a child of `parent` would change, and the state root it would have."""

    parent: bytes
    root: bytes
    values: dict[bytes, bytes | None]
    """Only what really changes, in key order."""
    replaced: dict[bytes, bytes | None]
    trie: TrieChange


class Insertion(NamedTuple):
    """A block to be kept as a layer over its parent."""

    block_hash: bytes
    number: int
    prepared: PreparedState


@dataclass(slots=True, frozen=True)
class Layer:
    """The state of an unfinalized block."""

    block_hash: bytes
    number: int
    prepared: PreparedState
    stack: Stack


@dataclass(slots=True, frozen=True)
class StateChange:
    """A change that takes effect in memory by `commit`, once its batch is on the disk."""

    batch: Batch
    status: Status
    inserted: Layer | None
    folded: tuple[Layer, ...]
    dropped: tuple[bytes, ...]
    """Blocks whose layers go because they are not on the finalized chain, or were discarded."""
    values: dict[bytes, bytes | None] = field(default_factory=dict)
    nodes: dict[str, bytes | None] = field(default_factory=dict)


class States:
    """Every state that this node can tell: of the finalized block, of those above, of the past."""

    def __init__(self, database: Database, status: Status) -> None:
        self._database = database
        self._status = status
        self._layers: dict[bytes, Layer] = {}
        self._flat = CachedFlat(database)
        self._lock = Lock()
        self._snapshot: Snapshot = database.snapshot()

    @classmethod
    def open(cls, database: Database) -> "States":
        """Read the status and bring the unfinalized layers back from their journal."""
        raw = database.get(STATUS)
        if raw is None:
            raise StoreDamaged("the database holds no states: create the chain data first")
        states = cls(database, read_status(raw))
        journal = [
            (raw_key[1:], unpack_record(raw, f"the journal of block {raw_key[1:].hex()}", 5))
            for raw_key, raw in database.scan(LAYER, end_of(LAYER))
        ]
        for block_hash, (parent, number, root, keys, values) in sorted(
            journal, key=lambda entry: (entry[1][1], entry[0])
        ):
            prepared = states.prepare(parent, dict(zip(keys, values, strict=True)))
            if prepared.root != root:
                raise StoreDamaged(
                    f"the journal of block {number} (0x{block_hash.hex()}) leads to state root "
                    f"0x{prepared.root.hex()}, 0x{root.hex()} was expected. {ADVICE}"
                )
            states.commit(states.change(insert=Insertion(block_hash, number, prepared)))
        return states

    @property
    def status(self) -> Status:
        """The finalized state and how much of the past is kept."""
        return self._status

    def unfinalized(self) -> list[tuple[int, bytes]]:
        """Return number and hash of the blocks kept as layers, lowest first."""
        return sorted((layer.number, layer.block_hash) for layer in self._layers.values())

    def root(self, block_hash: bytes) -> bytes:
        """Return the state root of a block whose state is retained."""
        layer = self._layers.get(block_hash)
        if layer is not None:
            return layer.prepared.root
        with self._lock:
            return self._finalized(block_hash)[1]

    def prepare(self, parent: bytes, changes: Mapping[bytes, bytes | None]) -> PreparedState:
        """Work out the state of a child of an unfinalized or of the last finalized block."""
        view = self._live(parent)
        layer = self._layers.get(parent)
        get, node = (self._flat.get, self._flat.node) if layer is None else (view.get, view.node)
        keys = sorted(changes)
        effective: list[Change] = [
            (key, old, new)
            for key, old, new in zip(
                keys, map(get, keys), map(changes.__getitem__, keys), strict=True
            )
            if old != new
        ]
        try:
            trie = update(node, view.leaf, effective, V1)
        except NodeMalformed as error:
            raise StoreDamaged(
                f"the trie below block 0x{parent.hex()}: {error}. {ADVICE}"
            ) from error
        return PreparedState(
            parent,
            trie.root,
            {key: new for key, _, new in effective},
            {key: old for key, old, _ in effective},
            trie,
        )

    def change(
        self,
        *,
        insert: Insertion | None = None,
        finalize: bytes | None = None,
        discard: Sequence[bytes] = (),
    ) -> StateChange:
        """Plan to insert a block, to finalize one with its ancestors, to discard forks.

        Finalizing drops every layer that is not on the finalized chain. Discarding a block
        discards what was built on it.
        """
        inserted = None if insert is None else self._layer(insert)
        layers = dict(self._layers)
        if inserted is not None:
            layers[inserted.block_hash] = inserted
        folded = () if finalize is None else self._chain_to(finalize, layers)
        dropped = _dropped(layers, folded, finalize, discard)
        batch: Batch = {LAYER + block_hash: None for block_hash in dropped}
        values: dict[bytes, bytes | None] = {}
        nodes: dict[str, bytes | None] = {}
        status = self._status
        for layer in folded:
            values.update(layer.prepared.values)
            nodes.update(layer.prepared.trie.nodes)
            status = status._replace(
                block_hash=layer.block_hash, number=layer.number, root=layer.prepared.root
            )
            record_history(
                batch,
                layer.number,
                layer.prepared.replaced,
                layer.prepared.trie,
                status.retained == ARCHIVE,
            )
            batch[STATE + layer.block_hash] = pack_record(layer.number, layer.prepared.root)
            if layer is not inserted:
                batch[LAYER + layer.block_hash] = None
        if folded:
            status = prune(self._database, batch, self._status.number, status)
            batch[STATUS] = status_record(status)
            batch.update((VALUE + key, value) for key, value in values.items())
            batch.update((NODE + path.encode(), record) for path, record in nodes.items())
        if inserted is not None and inserted not in folded:
            batch[LAYER + inserted.block_hash] = _journal(inserted)
        return StateChange(batch, status, inserted, folded, dropped, values, nodes)

    def commit(self, change: StateChange) -> None:
        """Let memory follow: call this after the change's batch was written, once."""
        layers = dict(self._layers)
        if change.inserted is not None:
            layers[change.inserted.block_hash] = change.inserted
        for block_hash in change.dropped:
            layers.pop(block_hash, None)
        for layer in change.folded:
            del layers[layer.block_hash]
        snapshot = self._snapshot
        if change.folded:
            self._flat = self._flat.succeed(self._database, change.values, change.nodes)
            snapshot = self._database.snapshot()
        with self._lock:
            self._layers, self._status, self._snapshot = layers, change.status, snapshot

    def at(self, block_hash: bytes) -> StateView:
        """Return a view of a retained state that stays as it is; any thread may use it."""
        with self._lock:
            layer = self._layers.get(block_hash)
            if layer is not None:
                return LayeredView(StoredFlat(self._snapshot), layer.stack)
            if block_hash == self._status.block_hash:
                return LayeredView(StoredFlat(self._snapshot), ())
            status = self._status
            number, _ = self._finalized(block_hash)
            if number < status.oldest:
                raise StateDiscarded(number, status.oldest)
            return PastView(self._snapshot, number, status.number, status.oldest_trie)

    def executing(self, block_hash: bytes) -> StateView:
        """Return a view through the caches, for the thread that makes changes.

        It is for executing a child of this block, and expires when a later block is finalized.
        """
        return self._live(block_hash)

    def prove(self, block_hash: bytes, keys: Sequence[bytes]) -> list[bytes]:
        """Return a read proof of these keys in the state of a recent block."""
        return self.at(block_hash).prove(keys)

    def prove_range(self, block_hash: bytes, start: bytes, limit_bytes: int) -> RangeProof:
        """Return the pairs from a key on in the state of a recent block, with their proof."""
        return self.at(block_hash).prove_range(start, limit_bytes)

    def retain(self, retained: int) -> None:
        """Keep the last so many states from now on, or all (`ARCHIVE`). Writes by itself.

        What was pruned does not come back. Giving up an archive reads all of its history once; if
        that is interrupted, the next call goes on with it.
        """
        status = self._status
        if retained == status.retained:
            return
        if status.retained == ARCHIVE:
            oldest = max(status.oldest, status.number - retained)
            status = status._replace(oldest=oldest)
            self._database.write({STATUS: status_record(status)})
            for batch in sweep_values(self._database, oldest, status.number):
                self._database.write(batch)
        status = status._replace(retained=retained)
        self._database.write({STATUS: status_record(status)})
        with self._lock:
            self._status = status
            self._snapshot = self._database.snapshot()

    def _live(self, block_hash: bytes) -> LayeredView:
        layer = self._layers.get(block_hash)
        if layer is not None:
            return LayeredView(self._flat, layer.stack)
        if block_hash != self._status.block_hash:
            raise StateUnknown(block_hash)
        return LayeredView(self._flat, ())

    def _finalized(self, block_hash: bytes) -> tuple[int, bytes]:
        """Return number and state root of a finalized block."""
        raw = self._snapshot.get(STATE + block_hash)
        if raw is None:
            raise StateUnknown(block_hash)
        number, root = unpack_record(raw, f"the state of block {block_hash.hex()}", 2)
        return number, root

    def _layer(self, insert: Insertion) -> Layer:
        """Return the layer of a block over its parent."""
        prepared = insert.prepared
        parent = self._layers.get(prepared.parent)
        if parent is None and prepared.parent != self._status.block_hash:
            raise StateUnknown(prepared.parent)
        below = self._status.number if parent is None else parent.number
        if insert.number != below + 1 or insert.block_hash in self._layers:
            raise ValueError(
                f"a new child of block {below} was expected, block {insert.number} "
                f"(0x{insert.block_hash.hex()}) was given"
            )
        segment = Segment(
            insert.number, 1, prepared.values, prepared.trie.nodes, list(prepared.values)
        )
        stack = stack_over(parent.stack if parent else (), segment, self._status.number)
        return Layer(insert.block_hash, insert.number, prepared, stack)

    def _chain_to(self, block_hash: bytes, layers: Mapping[bytes, Layer]) -> tuple[Layer, ...]:
        """Return the layers from above the finalized block to this one, lowest first."""
        chain = []
        while block_hash != self._status.block_hash:
            layer = layers.get(block_hash)
            if layer is None:
                raise StateUnknown(block_hash)
            chain.append(layer)
            block_hash = layer.prepared.parent
        return tuple(reversed(chain))


def _dropped(
    layers: Mapping[bytes, Layer],
    folded: Sequence[Layer],
    finalize: bytes | None,
    discard: Sequence[bytes],
) -> tuple[bytes, ...]:
    """Return the blocks whose layers go without being folded, lowest first."""
    if not folded and not discard:
        return ()
    dropped = set(discard) & layers.keys()
    kept = {finalize} if folded else set()
    final = {layer.block_hash for layer in folded}
    if dropped & final:
        raise ValueError("a block cannot be finalized and discarded at once")
    for layer in sorted(layers.values(), key=lambda each: each.number):
        if layer.block_hash in final:
            continue
        if layer.prepared.parent in dropped or (folded and layer.prepared.parent not in kept):
            dropped.add(layer.block_hash)
        elif layer.block_hash not in dropped:
            kept.add(layer.block_hash)
    return tuple(sorted(dropped, key=lambda block_hash: (layers[block_hash].number, block_hash)))


def _journal(layer: Layer) -> bytes:
    """Return what brings an unfinalized layer back after a restart; branches are recomputed."""
    prepared = layer.prepared
    return pack_record(
        prepared.parent,
        layer.number,
        prepared.root,
        list(prepared.values),
        list(prepared.values.values()),
    )
