"""What an operator reads while the node runs: a line per block, and one in between."""

from __future__ import annotations

import logging
import time

import trio

from gongshe.chain.pool import Pool
from gongshe.chain.store import ChainStore
from gongshe.node.messages import BlockImported

EVERY_SECONDS = 5.0
"""Often enough to see that the node lives, rarely enough to read."""

log = logging.getLogger("gongshe")


class StatusLine:
    """Counts blocks and extrinsics and says how fast they come."""

    def __init__(self, store: ChainStore, pool: Pool) -> None:
        self._store, self._pool = store, pool
        self._extrinsics = self._blocks = 0

    def imported(self, block: BlockImported) -> None:
        """Note a block and say so."""
        self._blocks += 1
        self._extrinsics += block.extrinsics
        verb = "authored" if block.own else "imported"
        log.info(
            "%s block %d  0x%s…  %d extrinsics",
            verb,
            block.number,
            block.block_hash.hex()[:12],
            block.extrinsics,
        )

    async def tell(self) -> None:
        """Say how far and how fast the node is, for ever."""
        while True:
            before = time.monotonic()
            await trio.sleep(EVERY_SECONDS)
            seconds = time.monotonic() - before
            heads = self._store.heads
            log.info(
                "best %d  final %d  %.1f blocks/s  %.0f extrinsics/s  pool %d ready, %d future",
                heads.best.number,
                heads.finalized.number,
                self._blocks / seconds,
                self._extrinsics / seconds,
                self._pool.ready_count,
                self._pool.future_count,
            )
            self._extrinsics = self._blocks = 0
