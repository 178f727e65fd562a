"""Takes a block through its stages: received, header checked, body checked, executed, kept.

Own and foreign blocks end in the same `keep`; a foreign one was executed here, an own one by
`author.py`, both through `transition.py`. A function that needs a later stage cannot be handed
an earlier one.
"""

from __future__ import annotations

from collections import OrderedDict

from gongshe.chain.signatures import SignatureVerifier
from gongshe.chain.store import Applied, ChainStore
from gongshe.chain.transition import (
    Assemblies,
    Executed,
    ForeignBody,
    InvalidBlock,
    Verified,
    check_body,
    check_header,
    execute,
    schedule_after,
    sealed_block,
)
from gongshe.consensus.slots import slot_at
from gongshe.primitives.header import Block, Header

MAX_BAD_BLOCKS = 1_024
"""Hashes of invalid blocks remembered, so that each costs its execution once."""

SLOTS_AHEAD = 2
"""How far a block's slot may lie ahead of this node's clock before it is refused."""


class AlreadyKnown(Exception):
    """The block is in the tree, or final, already."""


class FromTheFuture(Exception):
    """The block claims a slot that has not begun; offer it again when it has."""


class Importer:
    """Imports blocks into one chain."""

    def __init__(
        self,
        store: ChainStore,
        assemblies: Assemblies,
        verifier: SignatureVerifier,
        verified: Verified,
    ) -> None:
        self.store, self.assemblies, self.verifier = store, assemblies, verifier
        self.verified = verified
        self._bad: OrderedDict[bytes, tuple[str, str, str]] = OrderedDict()

    def import_block(
        self, block: Block, now_ms: int, *, final: bool = False
    ) -> tuple[Applied, Executed]:
        """Check, execute and keep a block that somebody sent.

        Raises AlreadyKnown, FromTheFuture, UnknownParent (import its parent first), TreeFull or
        InvalidBlock (never offer it again); nothing has changed then.
        """
        block_hash = block.header.hash
        if block_hash in self._bad:
            raise InvalidBlock(*self._bad[block_hash])
        if self.store.blocks.header(block_hash) is not None:
            raise AlreadyKnown(f"block 0x{block_hash.hex()} is known")
        try:
            slot, executed = self._execute(block, now_ms)
        except ForeignBody:
            raise  # anybody can send a valid header with another body
        except InvalidBlock as invalid:
            self._remember(block_hash, invalid)
            raise
        finalize = block_hash if final else None
        return self.keep(block.header, slot, executed, finalize=finalize), executed

    def keep(
        self, header: Header, slot: int, executed: Executed, *, finalize: bytes | None = None
    ) -> Applied:
        """Keep an executed block; the same write makes it or an ancestor final if that is asked."""
        applied = self.store.apply(insert=sealed_block(header, slot, executed), finalize=finalize)
        self.verified.forget_blocks(self.store.blocks, applied.finalized)
        return applied

    def _execute(self, block: Block, now_ms: int) -> tuple[int, Executed]:
        parent = self.store.heads.head(block.header.parent_hash)
        self.store.heads.check_room()
        slot = check_header(self.store, self.assemblies, parent, block.header)
        state = self.store.states.executing(parent.block_hash)
        now = slot_at(now_ms, schedule_after(self.assemblies, state)[1])
        if slot > now + SLOTS_AHEAD:
            raise FromTheFuture(f"slot {slot} claimed in slot {now}")
        check_body(block.header, block.extrinsics)
        return slot, execute(self.store, self.assemblies, block, self.verifier, self.verified)

    def _remember(self, block_hash: bytes, invalid: InvalidBlock) -> None:
        """Keep the words only: an exception would keep alive all that was executed."""
        self._bad[block_hash] = invalid.rule, invalid.expected, invalid.found
        if len(self._bad) > MAX_BAD_BLOCKS:
            self._bad.popitem(last=False)
