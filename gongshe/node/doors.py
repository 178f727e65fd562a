"""The doors through which the RPC room reaches the node: chain, pool, node.

They translate: the chain's words into RPC's, and calls on the event loop's thread into inputs of
the conductor.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from threading import Lock
from typing import Any

from gongshe.chain import pool_records
from gongshe.chain.pool import Pool
from gongshe.chain.queries import ChainQueries, UnknownBlock
from gongshe.node.messages import (
    Answered,
    ExtrinsicOffered,
    Input,
    RemovalAsked,
    StatusTold,
    WatchEnded,
)
from gongshe.primitives.types import RuntimeVersion
from gongshe.rpc import backend
from gongshe.rpc.backend import BlockReference, Refusal, Submitted, SyncFacts
from gongshe.runtime.apis import ApiCallFailed
from gongshe.runtime.assembly import SpecVersionMissing
from gongshe.runtime.executive import Runtime
from gongshe.runtime.overlay import CorruptState
from gongshe.runtime.pallets.system import System
from gongshe.runtime.validity import BlockRefused
from gongshe.storage.states import StateDiscarded, StateUnknown
from gongshe.storage.views import ProofUnavailable, StateView

MAX_OFFERS = 65_536
"""Submissions waiting for an answer, over all connections; then more are refused at once."""

MAX_OFFERED = 64 << 20
"""Bytes of them: several times what fits into blocks while they wait."""


@contextmanager
def in_clients_words() -> Iterator[None]:
    """Turn what the chain says of unknown blocks and missing states into RPC's errors."""
    try:
        yield
    except (UnknownBlock, StateUnknown) as unknown:
        raise backend.UnknownBlock(str(unknown)) from None
    except (StateDiscarded, ProofUnavailable) as gone:
        raise backend.StateUnavailable(str(gone)) from None
    except (ApiCallFailed, SpecVersionMissing, BlockRefused, CorruptState) as failed:
        raise backend.RuntimeCallFailed(str(failed)) from None


class ChainDoor:
    """Reads of the chain in RPC's words."""

    def __init__(self, queries: ChainQueries) -> None:
        self._queries = queries

    def genesis_hash(self) -> bytes:
        """Return the hash of block 0."""
        return self._queries.genesis_hash()

    def best(self) -> BlockReference:
        """Return the head of the best chain."""
        head = self._queries.best()
        return BlockReference(head.block_hash, head.number)

    def finalized(self) -> BlockReference:
        """Return the last finalized block."""
        head = self._queries.finalized()
        return BlockReference(head.block_hash, head.number)

    def unfinalized(self) -> Sequence[bytes]:
        """Return the blocks above the finalized one, parents before children."""
        return self._queries.unfinalized()

    def canonical_hash(self, number: int) -> bytes | None:
        """Return the hash at a height of the best chain."""
        return self._queries.canonical_hash(number)

    def header(self, block_hash: bytes) -> bytes | None:
        """Return an encoded header, or None."""
        return self._queries.header(block_hash)

    def body(self, block_hash: bytes) -> Sequence[bytes] | None:
        """Return the extrinsics of a block, or None."""
        return self._queries.body(block_hash)

    def justifications(self, block_hash: bytes) -> Sequence[tuple[bytes, bytes]] | None:
        """Return the GRANDPA justification of a block, if one is kept."""
        found = self._queries.justification(block_hash)
        return None if found is None else [(b"FRNK", found)]

    def state(self, block_hash: bytes) -> StateView:
        """Return the state after a block."""
        with in_clients_words():
            return self._queries.state(block_hash)

    def changed_keys(self, block_hash: bytes) -> Collection[bytes]:
        """Return the keys a recent block wrote."""
        found = self._queries.changed_keys(block_hash)
        if found is None:
            raise backend.StateUnavailable(
                f"what block 0x{block_hash.hex()} changed is no longer remembered"
            )
        return found

    def prove(self, block_hash: bytes, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Return the nodes that prove keys."""
        with in_clients_words():
            return self._queries.prove(block_hash, keys)

    def runtime_version(self, block_hash: bytes) -> RuntimeVersion:
        """Return the version of the runtime of a block's children."""
        with in_clients_words():
            return self._queries.runtime_version(block_hash)

    def metadata(self, block_hash: bytes, version: int) -> bytes | None:
        """Return encoded metadata, or None."""
        with in_clients_words():
            return self._queries.metadata(block_hash, version)

    def call_runtime(self, block_hash: bytes, name: str, arguments: bytes) -> bytes:
        """Answer a runtime API call."""
        with in_clients_words():
            return self._queries.call_runtime(block_hash, name, arguments)

    def dry_run(self, block_hash: bytes, extrinsic: bytes) -> bytes:
        """Return the encoded result that applying this extrinsic would have."""
        with in_clients_words():
            return self._queries.dry_run(block_hash, extrinsic)


Answer = Callable[[Submitted | Refusal], None]
Watch = Callable[[backend.Status], None]


class PoolDoor:
    """The way into the pool: offers go to the conductor, its effects come back to who asked.

    All methods run on the event loop's thread. `busy` is held while the conductor thinks: only
    a listing of the whole pool waits for it.
    """

    def __init__(
        self, pool: Pool, queries: ChainQueries, busy: Lock, send: Callable[[Input], None]
    ) -> None:
        self._pool, self._queries, self._busy, self._send = pool, queries, busy, send
        self._numbers = itertools.count(1)
        self._offers: dict[int, tuple[Answer, Watch | None, int]] = {}
        self._offered = 0
        self._watches: dict[bytes, list[Watch]] = {}
        """By extrinsic; more than one where a re-organization let it be submitted again."""
        self._watched: dict[Watch, bytes | None] = {}
        """For each watcher its extrinsic's hash, None until the pool has answered."""

    def submit(self, extrinsic: bytes, answer: Answer, watch: Watch | None = None) -> None:
        """Offer an extrinsic to the pool."""
        size = len(extrinsic)
        if len(self._offers) >= MAX_OFFERS or self._offered + size > MAX_OFFERED:
            answer(
                Refusal(
                    backend.RefusalKind.POOL_FULL,
                    "Busy",
                    f"at most {MAX_OFFERS} submissions of {MAX_OFFERED} bytes under way",
                    f"{len(self._offers)} of {self._offered} bytes",
                    "submit it again in a second",
                )
            )
            return
        offer = next(self._numbers)
        self._offers[offer] = (answer, watch, size)
        self._offered += size
        if watch is not None:
            self._watched[watch] = None
        self._send(ExtrinsicOffered(offer, extrinsic, watch is not None))

    def unwatch(self, watch: Watch) -> None:
        """Stop telling a watcher."""
        extrinsic_hash = self._watched.pop(watch, None)
        if extrinsic_hash is not None:
            self._watches[extrinsic_hash].remove(watch)
            self._forget_unless_watched(extrinsic_hash)

    def pending(self) -> Sequence[bytes]:
        """Return the ready extrinsics in the order of a block."""
        with self._busy:
            return self._pool.pending()

    def next_index(self, account: bytes) -> int:
        """Return the nonce for the account's next extrinsic."""
        best = self._queries.best().block_hash
        with in_clients_words():
            runtime: Runtime = self._queries.runtime(best)
            nonce = runtime.pallet(System).account[account].nonce
        return self._pool.next_index(account, nonce)

    def remove(self, extrinsic_hashes: Collection[bytes]) -> Sequence[bytes]:
        """Ban extrinsics; return those that were in the pool."""
        found = [each for each in extrinsic_hashes if self._pool.find(each) is not None]
        self._send(RemovalAsked(0, tuple(extrinsic_hashes)))
        return found

    # ------------------------------------------------------------- what the conductor says

    def answered(self, effect: Answered) -> None:
        """Tell whoever offered an extrinsic what became of it."""
        answer, watch, size = self._offers.pop(effect.offer)
        self._offered -= size
        refusal = effect.refusal
        if refusal is None:
            if watch is not None:
                self._begin_watch(effect.extrinsic_hash, watch)
            answer(Submitted(effect.extrinsic_hash))
            return
        if watch is not None:
            self._watched.pop(watch, None)
        answer(
            Refusal(
                backend.RefusalKind[refusal.kind.name],
                refusal.error,
                refusal.expected,
                refusal.found,
                refusal.hint,
            )
        )

    def told(self, effect: StatusTold) -> None:
        """Tell its watchers that an extrinsic changed its status."""
        watches = self._watches.get(effect.extrinsic_hash)
        if watches is None:
            return
        status = translated(effect.status)
        if isinstance(status, backend.LAST_STATUSES):
            del self._watches[effect.extrinsic_hash]
            for watch in watches:
                del self._watched[watch]
        for watch in tuple(watches):
            watch(status)

    def _begin_watch(self, extrinsic_hash: bytes, watch: Watch) -> None:
        if watch in self._watched:
            self._watched[watch] = extrinsic_hash
            self._watches.setdefault(extrinsic_hash, []).append(watch)
        else:  # it was given up before the pool answered
            self._forget_unless_watched(extrinsic_hash)

    def _forget_unless_watched(self, extrinsic_hash: bytes) -> None:
        """Have the pool say no more of an extrinsic that nobody watches."""
        if not self._watches.get(extrinsic_hash):
            self._watches.pop(extrinsic_hash, None)
            self._send(WatchEnded(extrinsic_hash))


def translated(status: pool_records.Status) -> backend.Status:
    """Return a pool's status in RPC's words; both sides use the same names and fields."""
    kind = getattr(backend, type(status).__name__)
    fields = [getattr(status, name) for name in status.__struct_fields__]
    said: backend.Status = kind(*fields)
    return said


class NodeDoor:
    """Facts about this node."""

    name = "gongshe"
    version = installed_version("gongshe")
    peer_id = ""
    """The network is still to come; an empty identity says so."""

    def __init__(
        self,
        queries: ChainQueries,
        chain_name: str,
        chain_type: str,
        properties: Mapping[str, Any],
        *,
        authoring: bool,
        set_log_filter: Callable[[str | None], None],
    ) -> None:
        self._queries = queries
        self.chain_name, self.chain_type, self.properties = chain_name, chain_type, properties
        self.roles: Sequence[str] = ["Authority" if authoring else "Full"]
        self.should_have_peers = False
        self._starting = queries.best().number
        self._set_log_filter = set_log_filter

    def listen_addresses(self) -> Sequence[str]:
        """Return the addresses of the network: none yet."""
        return []

    def peers(self) -> Sequence[backend.PeerFacts]:
        """Return the connected peers: none yet."""
        return []

    def reserved_peers(self) -> Sequence[str]:
        """Return the reserved peers: none yet."""
        return []

    def add_reserved_peer(self, address: str) -> None:
        """Refuse: this node has no network."""
        raise ValueError("this node runs without a network, so it cannot keep a peer connected")

    def remove_reserved_peer(self, peer_id: str) -> None:
        """Refuse: this node has no network."""
        raise ValueError("this node runs without a network and reserves no peers")

    def sync_facts(self) -> SyncFacts:
        """Return how far the node is."""
        best = self._queries.best().number
        return SyncFacts(self._starting, best, best, False)

    def set_log_filter(self, directives: str | None) -> None:
        """Set log levels; ValueError for directives that cannot be read."""
        self._set_log_filter(directives)
