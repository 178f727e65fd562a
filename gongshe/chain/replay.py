"""Blocks of the past executed again, on any state that is still kept; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping

from gongshe.chain.signatures import SignatureVerifier
from gongshe.chain.store import BEFORE_SLOTS, ChainStore
from gongshe.chain.transition import (
    Assemblies,
    Executed,
    InvalidBlock,
    Verified,
    check_body,
    check_header,
    execute,
)
from gongshe.consensus.fork_choice import Head
from gongshe.consensus.slots import claimed_slot
from gongshe.primitives.header import Block, Header
from gongshe.storage.database import Database
from gongshe.storage.states import PreparedState, States
from gongshe.storage.trie import TrieChange, trie_root, update
from gongshe.storage.trie_nodes import V1
from gongshe.storage.views import ProofUnavailable, StateView


class PastStates(States):
    """States on any of which a block can be executed, not only on the last ones."""

    def executing(self, block_hash: bytes) -> StateView:
        """Return a view of any retained state."""
        return self.at(block_hash)

    def prepare(self, parent: bytes, changes: Mapping[bytes, bytes | None]) -> PreparedState:
        """Work out the state of a child of any block whose state is retained.

        Where branches of the trie are no longer kept, all of it is built anew from its pairs.
        """
        view = self.at(parent)
        before = {key: view.get(key) for key in changes}
        changed = {key: value for key, value in changes.items() if value != before[key]}
        try:
            effective = [(key, before[key], changed[key]) for key in sorted(changed)]
            trie = update(view.node, view.leaf, effective, V1)
        except ProofUnavailable:
            pairs = {**dict(view.pairs(b"")), **changed}
            held = ((key, value) for key, value in sorted(pairs.items()) if value is not None)
            trie = TrieChange(trie_root(held, V1), {}, {})
        replaced = {key: before[key] for key in changed}
        return PreparedState(parent, trie.root, changed, replaced, trie)


def replay(database: Database) -> ChainStore:
    """Open a chain for executing its blocks again; it must not be written through."""
    store = ChainStore.open(database)
    return ChainStore(database, store.blocks, PastStates.open(database), store.heads)


def execute_again(
    store: ChainStore, assemblies: Assemblies, block_hash: bytes, verifier: SignatureVerifier
) -> Executed:
    """Check and execute a kept block as if a stranger had sent it.

    `store` comes from `replay`. Raises LookupError where the block or its parent's state is not
    kept, InvalidBlock if the block breaks a rule.
    """
    header, body = store.header(block_hash), store.blocks.body(block_hash)
    if header is None or body is None:
        raise LookupError(f"block 0x{block_hash.hex()} is not kept")
    if header.number == 0:
        raise LookupError("the genesis block was founded, not executed")
    parent = store.header(header.parent_hash)
    if parent is None:
        raise LookupError(f"the parent of block {header.number} is not kept")
    if header.hash != block_hash:
        raise InvalidBlock("hash", block_hash.hex(), header.hash.hex())
    check_header(store, assemblies, _head(parent), header)
    check_body(header, body)
    return execute(store, assemblies, Block(header, body), verifier, Verified())


def _head(header: Header) -> Head:
    slot = claimed_slot(header) if header.number else BEFORE_SLOTS
    return Head(header.hash, header.number, header.parent_hash, slot)
