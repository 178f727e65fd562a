"""`chainHead_v1_`: follow the head of the chain; blocks stay readable until they are unpinned."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from gongshe.primitives.records import Record
from gongshe.rpc.backend import Hash, StateUnavailable
from gongshe.rpc.errors import (
    FOLLOW_LIMIT,
    INVALID_BLOCK_HASH,
    NOTHING_TO_CONTINUE,
    RUNTIME_NOT_FOLLOWED,
    RpcError,
    reasons,
)
from gongshe.rpc.follow import FOLLOW_EVENT, Follower, Operation
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.methods_state import RuntimeCallName
from gongshe.rpc.storage_items import Queries, read_items
from gongshe.rpc.values import (
    BlockHash,
    BlockHashes,
    Hex,
    HexText,
    hexadecimal,
    optional_hexadecimal,
)

Identifier = Annotated[str, Meta(max_length=64)]

table = MethodTable()


class Started(Record, rename="camel", tag_field="result", tag="started"):
    """An operation is under way; its events carry this id."""

    operation_id: str


class StorageStarted(Record, rename="camel", tag_field="result", tag="started"):
    """A storage operation is under way; the last so many items were left out of it."""

    operation_id: str
    discarded_items: int


class LimitReached(Record, tag_field="result", tag="limitReached"):
    """Nothing was started: too much is under way, or following has stopped."""


@table.subscription("chainHead_v1_follow", notifies=FOLLOW_EVENT)
def follow(context: Context, with_runtime: bool) -> str:
    """Follow the chain: blocks as they come, become best, and become final or are dropped."""
    if context.session.count(FOLLOW_EVENT) >= context.limits.follows:
        raise RpcError(
            FOLLOW_LIMIT,
            "Too many chainHead_v1_follow subscriptions on the connection",
            reasons("TooManyFollows", expected=f"at most {context.limits.follows}"),
        )
    return Follower(context, with_runtime).subscription.identifier


@table.method("chainHead_v1_unfollow")
def unfollow(context: Context, follow_subscription: Identifier) -> None:
    """Stop following; every block is unpinned."""
    context.end(follow_subscription, FOLLOW_EVENT)


@table.method("chainHead_v1_header")
def header(
    context: Context, follow_subscription: Identifier, block_hash: BlockHash
) -> HexText | None:
    """Return the encoded header of a pinned block; null once following has stopped."""
    follower = find(context, follow_subscription)
    if follower is None:
        return None
    return optional_hexadecimal(context.backend.chain.header(pinned(follower, block_hash)))


@table.method("chainHead_v1_body")
def body(
    context: Context, follow_subscription: Identifier, block_hash: BlockHash
) -> Started | LimitReached:
    """Begin to fetch the extrinsics of a pinned block."""
    follower = find(context, follow_subscription)
    block = pinned(follower, block_hash)
    chain = context.backend.chain

    def work() -> list[HexText]:
        found = chain.body(block)
        if found is None:
            raise StateUnavailable("the block's body is not kept")
        return [hexadecimal(extrinsic) for extrinsic in found]

    def done(follower: Follower, operation: Operation, value: list[HexText]) -> None:
        follower.finish(operation, {"event": "operationBodyDone", "value": value})

    return begin(context, follower, work, done)


@table.method("chainHead_v1_call")
def call(
    context: Context,
    follow_subscription: Identifier,
    block_hash: BlockHash,
    function: RuntimeCallName,
    call_parameters: Hex,
) -> Started | LimitReached:
    """Begin to ask the runtime of a pinned block."""
    follower = find(context, follow_subscription)
    block = pinned(follower, block_hash)
    if follower is not None and not follower.with_runtime:
        raise RpcError(
            RUNTIME_NOT_FOLLOWED,
            "The chain is followed without its runtime",
            reasons("RuntimeNotFollowed", hint="follow with withRuntime set to true"),
        )
    chain = context.backend.chain

    def work() -> HexText:
        return hexadecimal(chain.call_runtime(block, function, call_parameters))

    def done(follower: Follower, operation: Operation, output: HexText) -> None:
        follower.finish(operation, {"event": "operationCallDone", "output": output})

    return begin(context, follower, work, done)


@table.method("chainHead_v1_storage")
def storage(
    context: Context,
    follow_subscription: Identifier,
    block_hash: BlockHash,
    items: Queries,
    child_trie: Hex | None = None,
) -> StorageStarted | LimitReached:
    """Begin to read storage of a pinned block; a child trie is always empty here."""
    follower = find(context, follow_subscription)
    block = pinned(follower, block_hash)
    chain = context.backend.chain
    operation = None if follower is None else follower.start()
    if follower is None or operation is None:
        return LimitReached()
    following, started = follower, operation
    found = iter(()) if child_trie is not None else read_items(chain, block, items)
    context.afterwards(lambda: following.send_items(started, found))
    return StorageStarted(operation.identifier, 0)


@table.method("chainHead_v1_continue")
def go_on(context: Context, follow_subscription: Identifier, operation_id: Identifier) -> None:
    """Let a storage operation that waits go on."""
    follower = find(context, follow_subscription)
    if follower is None:
        return
    operation = follower.operations.get(operation_id)
    if operation is None or operation.go_on is None:
        raise RpcError(NOTHING_TO_CONTINUE, "The operation does not wait to be continued")
    context.afterwards(operation.go_on)
    operation.go_on = None


@table.method("chainHead_v1_stopOperation")
def stop_operation(
    context: Context, follow_subscription: Identifier, operation_id: Identifier
) -> None:
    """Stop an operation; unknown ones are ignored, since they may just have ended."""
    follower = find(context, follow_subscription)
    operation = None if follower is None else follower.operations.get(operation_id)
    if follower is not None and operation is not None:
        follower.stop(operation)


@table.method("chainHead_v1_unpin")
def unpin(context: Context, follow_subscription: Identifier, hash_or_hashes: BlockHashes) -> None:
    """Let blocks go: one hash or a list of them, all of them pinned."""
    follower = find(context, follow_subscription)
    if follower is None:
        return
    hashes = set(hash_or_hashes.hashes)
    if len(hashes) != len(hash_or_hashes.hashes):
        raise RpcError(-32804, "The list names a block twice")
    for one in hashes:
        pinned(follower, one)
    follower.pinned -= hashes


def find(context: Context, identifier: str) -> Follower | None:
    """Return a follower of this connection; None once it was stopped."""
    subscription = context.session.find(identifier, FOLLOW_EVENT)
    follower = None if subscription is None else subscription.owner
    return follower if isinstance(follower, Follower) else None


def pinned(follower: Follower | None, block: Hash) -> Hash:
    """Return the hash of a block if it may be asked about."""
    if follower is not None and block not in follower.pinned:
        raise RpcError(
            INVALID_BLOCK_HASH,
            "The block is not pinned",
            reasons(
                "NotPinned",
                expected="a block announced by this subscription and not unpinned since",
                found=hexadecimal(block),
            ),
        )
    return block


def begin(
    context: Context, follower: Follower | None, work: Any, done: Any
) -> Started | LimitReached:
    """Start an operation whose one event comes after this answer."""
    operation = None if follower is None else follower.start()
    if follower is None or operation is None:
        return LimitReached()
    following, started = follower, operation
    context.afterwards(
        lambda: following.run(started, work, lambda value: done(following, started, value))
    )
    return Started(operation.identifier)
