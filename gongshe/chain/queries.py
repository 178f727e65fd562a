"""Reads of the chain for whoever asks: any thread, immutable views, nothing written.

What a caller sees is the chain as it was at one moment; blocks imported or finalized meanwhile
do not disturb it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gongshe.chain.store import ChainStore
from gongshe.chain.transition import Assemblies
from gongshe.consensus.fork_choice import Head
from gongshe.primitives.types import RuntimeVersion
from gongshe.runtime.apis import call_api
from gongshe.runtime.executive import Runtime, assembly_for
from gongshe.runtime.metadata import VERSIONS
from gongshe.runtime.metadata import metadata as encoded_metadata
from gongshe.runtime.overlay import Overlay
from gongshe.storage.views import StateView

MAX_CHANGED_KEYS = 262_144
"""Changed keys remembered over recent blocks, for those who watch values; some 40 MB."""


class UnknownBlock(LookupError):
    """No block of this hash is known."""

    def __init__(self, block_hash: bytes) -> None:
        super().__init__(f"block 0x{block_hash.hex()} is not known to this node")


class ChainQueries:
    """What can be asked about one chain."""

    def __init__(self, store: ChainStore, assemblies: Assemblies) -> None:
        self._store, self._assemblies = store, assemblies
        self._changed: dict[bytes, Collection[bytes]] = {}
        self._changed_count = 0

    def genesis_hash(self) -> bytes:
        """Return the hash of block 0."""
        return self._store.genesis_hash

    def best(self) -> Head:
        """Return the head of the best chain."""
        return self._store.heads.best

    def finalized(self) -> Head:
        """Return the last finalized block."""
        return self._store.heads.finalized

    def unfinalized(self) -> Sequence[bytes]:
        """Return the blocks above the finalized one, all forks, parents before children."""
        return [head.block_hash for head in self._store.heads.unfinalized()]

    def canonical_hash(self, number: int) -> bytes | None:
        """Return the hash at a height of the best chain."""
        return self._store.blocks.canonical(number) if 0 <= number < 1 << 32 else None

    def header(self, block_hash: bytes) -> bytes | None:
        """Return an encoded header, or None for an unknown block."""
        return self._store.blocks.header(block_hash)

    def body(self, block_hash: bytes) -> Sequence[bytes] | None:
        """Return the extrinsics, each with its length prefix; None if unknown."""
        return self._store.blocks.body(block_hash)

    def justification(self, block_hash: bytes) -> bytes | None:
        """Return what proves the block's finality, if it is kept."""
        return self._store.blocks.justification(block_hash)

    def number(self, block_hash: bytes) -> int:
        """Return the height of a known block."""
        stored = self._store.blocks.stored_header(block_hash)
        if stored is None:
            raise UnknownBlock(block_hash)
        return stored.number

    # --------------------------------------------------------------------------- state

    def state(self, block_hash: bytes) -> StateView:
        """Return the state after a block; StateDiscarded if it was pruned."""
        self.number(block_hash)
        return self._store.states.at(block_hash)

    def prove(self, block_hash: bytes, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Return the trie nodes that prove keys, present or absent."""
        return self.state(block_hash).prove(keys)

    def remember_changes(self, block_hash: bytes, keys: Collection[bytes]) -> None:
        """Note which keys a new block wrote; the oldest blocks' notes make room."""
        self._changed[block_hash] = tuple(keys)  # not a view, which would keep the values as well
        self._changed_count += len(keys)
        while self._changed_count > MAX_CHANGED_KEYS and len(self._changed) > 1:
            oldest = next(iter(self._changed))
            self._changed_count -= len(self._changed.pop(oldest))

    def changed_keys(self, block_hash: bytes) -> Collection[bytes] | None:
        """Return the keys that a recent block wrote; None if that is no longer remembered."""
        return self._changed.get(block_hash)

    # ------------------------------------------------------------------------- runtime

    def runtime(self, block_hash: bytes) -> Runtime:
        """Return the pallets over the state after a block; what they write is thrown away.

        It is the runtime of the block's children; SpecVersionMissing if it is not shipped.
        """
        state = self.state(block_hash)
        assembly = assembly_for(self._assemblies, state, self.number(block_hash) + 1)
        return Runtime(assembly, Overlay(state))

    def runtime_version(self, block_hash: bytes) -> RuntimeVersion:
        """Return the version of the runtime of a block's children."""
        return self.runtime(block_hash).assembly.version

    def metadata(self, block_hash: bytes, version: int) -> bytes | None:
        """Return encoded metadata, or None if this metadata version is not offered."""
        if version not in VERSIONS:
            return None
        return encoded_metadata(self.runtime(block_hash).assembly, version)

    def call_runtime(self, block_hash: bytes, name: str, arguments: bytes) -> bytes:
        """Answer a runtime API call on the state after a block; ApiCallFailed if it cannot."""
        return call_api(self.runtime(block_hash), name, arguments, block_hash=block_hash)

    def dry_run(self, block_hash: bytes, raw: bytes) -> bytes:
        """Return the encoded `ApplyExtrinsicResult` of an extrinsic in the next block."""
        return self.call_runtime(block_hash, "BlockBuilder_apply_extrinsic", raw)
