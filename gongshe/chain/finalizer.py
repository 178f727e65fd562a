"""Makes blocks final: the one door through which finality enters the chain.

Voters will come through here with a justification; on a development chain the single authority
finalizes what it authored. Nothing below the last final block ever changes again.
"""

from __future__ import annotations

from gongshe.chain.store import Applied, ChainStore
from gongshe.chain.transition import Verified


class NotADescendant(Exception):
    """A block that does not descend from the last final one was to become final."""


class Finalizer:
    """Finalizes blocks of one chain."""

    def __init__(self, store: ChainStore, verified: Verified) -> None:
        self.store, self.verified = store, verified

    def finalize(self, block_hash: bytes, justification: bytes | None = None) -> Applied | None:
        """Make a block and its ancestors final; None if it is final already.

        Raises NotADescendant if it would contradict what is final: the caller must stop loudly.
        """
        heads = self.store.heads
        if block_hash == heads.finalized.block_hash:
            return None
        if block_hash not in heads:
            header = self.store.header(block_hash)
            if header is not None and self.store.blocks.canonical(header.number) == block_hash:
                return None
            raise NotADescendant(
                f"block 0x{block_hash.hex()} does not descend from final block"
                f" {heads.finalized.number}, 0x{heads.finalized.block_hash.hex()}"
            )
        applied = self.store.apply(finalize=block_hash, justification=justification)
        self.verified.forget_blocks(self.store.blocks, applied.finalized)
        return applied
