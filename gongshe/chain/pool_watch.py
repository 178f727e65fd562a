"""Who is told what becomes of an extrinsic, from the pool to finality."""

from __future__ import annotations

from collections.abc import Iterable

from gongshe.chain.pool_records import (
    FINALITY_TIMEOUT,
    LAST_STATUSES,
    FinalityTimeout,
    Finalized,
    InBlock,
    Retracted,
    Status,
    Told,
)


class Watch:
    """Watched extrinsics, and the unfinalized blocks in which they stand."""

    def __init__(self) -> None:
        self.watched: set[bytes] = set()
        self._told: list[Told] = []
        self._blocks: dict[bytes, tuple[int, dict[bytes, int]]] = {}
        """For each block with watched extrinsics: its number, and their index by hash."""

    def tell(self, extrinsic_hash: bytes, status: Status) -> None:
        """Note a status if somebody watches; a last one ends the watch."""
        if extrinsic_hash in self.watched:
            self._told.append(Told(extrinsic_hash, status))
            if isinstance(status, LAST_STATUSES):
                self.watched.discard(extrinsic_hash)

    def news(self) -> tuple[Told, ...]:
        """Return what was noted since the last time."""
        if not self._told:
            return ()
        told, self._told = tuple(self._told), []
        return told

    def enter_block(self, block_hash: bytes, number: int, found: dict[bytes, int]) -> None:
        """Note that watched extrinsics stand in a block, at an index each."""
        self._blocks[block_hash] = (number, found)
        for extrinsic_hash, index in found.items():
            self.tell(extrinsic_hash, InBlock(block_hash, index))

    def retract(self, block_hash: bytes) -> None:
        """Note that a block left the best chain."""
        _, found = self._blocks.pop(block_hash, (0, {}))
        for extrinsic_hash in found:
            self.tell(extrinsic_hash, Retracted(block_hash))

    def finalize(self, block_hashes: Iterable[bytes]) -> None:
        """Note that blocks are final."""
        for block_hash in block_hashes:
            _, found = self._blocks.pop(block_hash, (0, {}))
            for extrinsic_hash, index in found.items():
                self.tell(extrinsic_hash, Finalized(block_hash, index))

    def time_out(self, number: int) -> None:
        """Give up blocks that have not become final by this height."""
        for block_hash, (imported, found) in list(self._blocks.items()):
            if imported > number - FINALITY_TIMEOUT:
                break
            del self._blocks[block_hash]
            for extrinsic_hash in found:
                self.tell(extrinsic_hash, FinalityTimeout(block_hash))
