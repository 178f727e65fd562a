"""`chain_`: headers, blocks, hashes, and news of them."""

from __future__ import annotations

from collections.abc import Callable

from gongshe.rpc.backend import BestChanged, BlockImported, BlocksFinalized, ChainEvent, Hash
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.shapes import (
    BlockShape,
    HeaderShape,
    SignedBlockShape,
    header_payload,
    header_shape,
)
from gongshe.rpc.subscriptions import Subscription
from gongshe.rpc.values import BlockHash, HashText, Heights, hexadecimal, optional_hexadecimal

table = MethodTable()


@table.method("chain_getHeader")
def header(context: Context, block_hash: BlockHash | None = None) -> HeaderShape | None:
    """Return a header; of the best block if no hash is given, null if it is not known."""
    chain = context.backend.chain
    raw = chain.header(block_hash or chain.best().block_hash)
    return None if raw is None else header_shape(raw)


@table.method("chain_getBlock", slow=True)
def block(context: Context, block_hash: BlockHash | None = None) -> SignedBlockShape | None:
    """Return a block and its justifications; null if it is not known."""
    chain = context.backend.chain
    wanted = block_hash or chain.best().block_hash
    raw, body = chain.header(wanted), chain.body(wanted)
    if raw is None or body is None:
        return None
    found = chain.justifications(wanted) or []
    return SignedBlockShape(
        BlockShape(header_shape(raw), [hexadecimal(extrinsic) for extrinsic in body]),
        [(hexadecimal(engine), hexadecimal(proof)) for engine, proof in found] or None,
    )


@table.method("chain_getBlockHash", "chain_getHead")
def block_hash(
    context: Context, number: Heights | None = None
) -> str | list[HashText | None] | None:
    """Return the hash at a height of the best chain, or of several; of its head without one."""
    chain = context.backend.chain
    if number is None:
        return hexadecimal(chain.best().block_hash)
    hashes = [optional_hexadecimal(chain.canonical_hash(one)) for one in number.numbers]
    return hashes if number.is_list else hashes[0]


@table.method("chain_getFinalizedHead", "chain_getFinalisedHead")
def finalized_head(context: Context) -> HashText:
    """Return the hash of the last finalized block."""
    return hexadecimal(context.backend.chain.finalized().block_hash)


@table.subscription(
    "chain_subscribeNewHeads",
    "chain_subscribeNewHead",
    "subscribe_newHead",
    notifies="chain_newHead",
    ends=("chain_unsubscribeNewHeads", "chain_unsubscribeNewHead", "unsubscribe_newHead"),
)
def subscribe_new_heads(context: Context) -> str:
    """Send the header of the best block, now and whenever another takes its place."""
    heads = Heads(context, "chain_newHead")

    def hear(event: ChainEvent) -> None:
        if isinstance(event, BestChanged):
            heads.tell(event.block_hash)

    return heads.follow(context.backend.chain.best().block_hash, hear)


@table.subscription(
    "chain_subscribeAllHeads", notifies="chain_allHead", ends=("chain_unsubscribeAllHeads",)
)
def subscribe_all_heads(context: Context) -> str:
    """Send the header of the best block now, and of every imported block from now on."""
    heads = Heads(context, "chain_allHead")

    def hear(event: ChainEvent) -> None:
        if isinstance(event, BlockImported):
            heads.tell(event.block_hash)

    return heads.follow(context.backend.chain.best().block_hash, hear)


@table.subscription(
    "chain_subscribeFinalizedHeads",
    "chain_subscribeFinalisedHeads",
    notifies="chain_finalizedHead",
    ends=("chain_unsubscribeFinalizedHeads", "chain_unsubscribeFinalisedHeads"),
)
def subscribe_finalized_heads(context: Context) -> str:
    """Send the header of the last finalized block, now and of each that follows, in order."""
    heads = Heads(context, "chain_finalizedHead")

    def hear(event: ChainEvent) -> None:
        if isinstance(event, BlocksFinalized):
            for one in event.finalized:
                heads.tell(one)

    return heads.follow(context.backend.chain.finalized().block_hash, hear)


class Heads:
    """A subscription to headers, none sent twice running."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._subscription: Subscription = context.open(name)
        self._last: Hash = b""

    def follow(self, first: Hash, hear: Callable[[ChainEvent], None]) -> str:
        """Send the first header, then those that `hear` finds in events; return the id."""
        self.tell(first)
        self._subscription.on_end(self._context.hub.listen(hear))
        return self._subscription.identifier

    def tell(self, wanted: Hash) -> None:
        """Send a header."""
        if wanted != self._last:
            self._last = wanted
            chain = self._context.backend.chain
            self._subscription.notify(header_payload(self._context.hub, chain, wanted))
