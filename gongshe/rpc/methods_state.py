"""`state_`: what the chain holds, its runtime, and news of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Annotated, TypeVar

from msgspec import Meta

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record
from gongshe.rpc.backend import BestChanged, ChainEvent, Hash
from gongshe.rpc.errors import METHOD_NOT_FOUND, RpcError, invalid_params, reasons
from gongshe.rpc.limits import KEYS_PER_PAGE, KEYS_PER_QUERY
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.shapes import RuntimeVersionShape, block_number, runtime_version_shape
from gongshe.rpc.values import (
    BlockHash,
    HashText,
    Hex,
    HexText,
    hexadecimal,
    optional_hexadecimal,
)

METADATA_VERSION = 14
"""What `state_getMetadata` answers: clients of newer versions ask by runtime call."""

RuntimeCallName = Annotated[str, Meta(min_length=1, max_length=128)]
Keys = Annotated[list[Hex], Meta(max_length=KEYS_PER_QUERY)]
PageLength = Annotated[int, Meta(ge=0, le=KEYS_PER_PAGE)]

table = MethodTable()

T = TypeVar("T")


class StorageChanges(Record):
    """Values in one block: pairs of key and value, null where there is none."""

    block: HashText
    changes: list[tuple[HexText, HexText | None]]


class ReadProof(Record):
    """The trie nodes that prove values in one block."""

    at: HashText
    proof: list[HexText]


@table.method("state_call", "state_callAt", slow=True)
def call(
    context: Context, name: RuntimeCallName, data: Hex, at: BlockHash | None = None
) -> HexText:
    """Ask the runtime; arguments and answer are SCALE."""
    return hexadecimal(context.backend.chain.call_runtime(asked_block(context, at), name, data))


@table.method("state_getMetadata", slow=True)
def metadata(context: Context, at: BlockHash | None = None) -> HexText:
    """Return the runtime's metadata, version 14."""
    found = context.backend.chain.metadata(asked_block(context, at), METADATA_VERSION)
    return hexadecimal(found or b"")


@table.method("state_getRuntimeVersion", "chain_getRuntimeVersion")
def runtime_version(context: Context, at: BlockHash | None = None) -> RuntimeVersionShape:
    """Return the version of the runtime in force after a block."""
    chain = context.backend.chain
    return runtime_version_shape(chain.runtime_version(asked_block(context, at)))


@table.method("state_getStorage", "state_getStorageAt")
def storage(context: Context, key: Hex, at: BlockHash | None = None) -> HexText | None:
    """Return the value of a key, null if it has none."""
    return optional_hexadecimal(read(context, key, at))


@table.method("state_getStorageHash", "state_getStorageHashAt")
def storage_hash(context: Context, key: Hex, at: BlockHash | None = None) -> HashText | None:
    """Return the hash (blake2b-256) of a key's value."""
    value = read(context, key, at)
    return None if value is None else hexadecimal(blake2_256(value))


@table.method("state_getStorageSize", "state_getStorageSizeAt")
def storage_size(context: Context, key: Hex, at: BlockHash | None = None) -> int | None:
    """Return the length of a key's value."""
    value = read(context, key, at)
    return None if value is None else len(value)


@table.method("state_getKeysPaged", "state_getKeysPagedAt", slow=True)
def keys_paged(
    context: Context,
    prefix: Hex | None,
    count: PageLength,
    start_key: Hex | None = None,
    at: BlockHash | None = None,
) -> list[HexText]:
    """Return keys under a prefix in ascending order, those after `start_key`."""
    state = context.backend.chain.state(asked_block(context, at))
    found = state.keys(prefix or b"", start_key or None)
    return [hexadecimal(key) for key in islice(found, count)]


@table.method("state_getKeys", unsafe=True, slow=True)
def keys(context: Context, prefix: Hex, at: BlockHash | None = None) -> list[HexText]:
    """Return every key under a prefix, if they are not too many; prefer `state_getKeysPaged`."""
    state = context.backend.chain.state(asked_block(context, at))
    found = list(islice(state.keys(prefix), context.limits.keys_listed + 1))
    return [hexadecimal(key) for key in checked_length(context, found)]


@table.method("state_getPairs", unsafe=True, slow=True)
def pairs(
    context: Context, prefix: Hex, at: BlockHash | None = None
) -> list[tuple[HexText, HexText]]:
    """Return every key and value under a prefix, if they are not too many."""
    state = context.backend.chain.state(asked_block(context, at))
    found = list(islice(state.pairs(prefix), context.limits.keys_listed + 1))
    checked_length(context, found)
    return [(hexadecimal(key), hexadecimal(value)) for key, value in found]


@table.method("state_queryStorageAt", slow=True)
def query_storage_at(
    context: Context, keys: Keys, at: BlockHash | None = None
) -> list[StorageChanges]:
    """Return the values of several keys in one block."""
    block = asked_block(context, at)
    state = context.backend.chain.state(block)
    return [StorageChanges(hexadecimal(block), [value_pair(key, state.get(key)) for key in keys])]


@table.method("state_queryStorage", unsafe=True, slow=True)
def query_storage(
    context: Context, keys: Keys, from_block: BlockHash, to_block: BlockHash | None = None
) -> list[StorageChanges]:
    """Return the values of several keys in a block, then what changed up to another.

    Both stand on the best chain; their distance is bounded.
    """
    route = canonical_route(context, from_block, to_block, len(keys))
    chain = context.backend.chain
    known: dict[bytes, bytes | None] = {}
    answer: list[StorageChanges] = []
    for block in route:
        state = chain.state(block)
        changed = news_of(known, {bytes(key): state.get(key) for key in keys})
        if changed:
            answer.append(StorageChanges(hexadecimal(block), changed))
    return answer


@table.method("state_getReadProof", slow=True)
def read_proof(context: Context, keys: Keys, at: BlockHash | None = None) -> ReadProof:
    """Return the trie nodes that prove the values of keys, or that they have none."""
    block = asked_block(context, at)
    proof = context.backend.chain.prove(block, keys)
    return ReadProof(hexadecimal(block), [hexadecimal(node) for node in proof])


@table.subscription(
    "state_subscribeRuntimeVersion",
    "chain_subscribeRuntimeVersion",
    notifies="state_runtimeVersion",
    ends=("state_unsubscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion"),
)
def subscribe_runtime_version(context: Context) -> str:
    """Send the runtime's version, now and whenever it changes."""
    chain, hub = context.backend.chain, context.hub
    subscription = context.open("state_runtimeVersion")
    told: list[bytes] = []

    def tell(block: Hash) -> None:
        payload = hub.payload(
            ("runtime version", block),
            lambda: runtime_version_shape(chain.runtime_version(block)),
        )
        if told != [payload]:
            told[:] = [payload]
            subscription.notify(payload)

    def hear(event: ChainEvent) -> None:
        if isinstance(event, BestChanged):
            tell(event.block_hash)

    tell(chain.best().block_hash)
    subscription.on_end(hub.listen(hear))
    return subscription.identifier


@table.subscription(
    "state_subscribeStorage", notifies="state_storage", ends=("state_unsubscribeStorage",)
)
def subscribe_storage(context: Context, keys: Keys | None = None) -> str:
    """Send the values of keys in the best block, now and whenever one changes.

    Without keys every change of every block is sent, which only operators may ask for.
    """
    if not keys:
        return subscribe_all_changes(context)
    chain, hub = context.backend.chain, context.hub
    subscription = context.open("state_storage")
    known: dict[bytes, bytes | None] = {}

    def tell(block: Hash) -> None:
        state = chain.state(block)
        changed = news_of(known, {bytes(key): state.get(key) for key in keys})
        if changed:
            subscription.notify(hub.encode(StorageChanges(hexadecimal(block), changed)))

    def hear(event: ChainEvent) -> None:
        if isinstance(event, BestChanged):
            tell(event.block_hash)

    tell(chain.best().block_hash)
    subscription.on_end(hub.listen(hear))
    return subscription.identifier


def subscribe_all_changes(context: Context) -> str:
    """Send every change of every block of the best chain from now on."""
    if not context.session.unsafe_allowed:
        raise RpcError(
            METHOD_NOT_FOUND,
            "Without keys this subscription is for operators and is not offered here",
            reasons("Unsafe", expected="a list of keys", hint="name the keys to watch"),
        )
    chain, hub = context.backend.chain, context.hub
    subscription = context.open("state_storage")

    def changes(block: Hash) -> StorageChanges:
        state = chain.state(block)
        written = sorted(chain.changed_keys(block))
        return StorageChanges(
            hexadecimal(block), [value_pair(key, state.get(key)) for key in written]
        )

    def hear(event: ChainEvent) -> None:
        if isinstance(event, BestChanged):
            for block in event.enacted or (event.block_hash,):
                subscription.notify(hub.payload(("changes", block), partial(changes, block)))

    subscription.on_end(hub.listen(hear))
    return subscription.identifier


def asked_block(context: Context, at: BlockHash | None) -> Hash:
    """Return the block that was asked for; the best one if none was."""
    chain = context.backend.chain
    if at is None:
        return chain.best().block_hash
    block_number(chain, at)
    return at


def read(context: Context, key: bytes, at: BlockHash | None) -> bytes | None:
    """Return one value."""
    return context.backend.chain.state(asked_block(context, at)).get(key)


def value_pair(key: bytes, value: bytes | None) -> tuple[HexText, HexText | None]:
    """Return a key and its value as clients read them."""
    return hexadecimal(key), optional_hexadecimal(value)


def news_of(
    known: dict[bytes, bytes | None], values: dict[bytes, bytes | None]
) -> list[tuple[HexText, HexText | None]]:
    """Return the values that are not known yet, and note them as known."""
    changed = {
        key: value for key, value in values.items() if key not in known or known[key] != value
    }
    known.update(changed)
    return [value_pair(key, value) for key, value in changed.items()]


def checked_length(context: Context, found: Sequence[T]) -> Sequence[T]:
    """Return the entries unless they are too many to answer at once."""
    limit = context.limits.keys_listed
    if len(found) > limit:
        raise invalid_params(f"more than {limit} keys; use state_getKeysPaged")
    return found


def canonical_route(context: Context, first: Hash, last: Hash | None, keys: int) -> list[Hash]:
    """Return the blocks of the best chain from one to another, both included."""
    chain, limits = context.backend.chain, context.limits
    start = block_number(chain, first)
    stop = chain.best().number if last is None else block_number(chain, last)
    length = stop - start + 1
    if length < 1:
        raise invalid_params("the first block comes after the last")
    if length > limits.blocks_per_query or length * keys > limits.reads_per_query:
        raise invalid_params(
            f"expected at most {limits.blocks_per_query} blocks and"
            f" {limits.reads_per_query} keys times blocks, found {length} blocks, {keys} keys"
        )
    route = [chain.canonical_hash(number) for number in range(start, stop + 1)]
    if route[0] != first or (last is not None and route[-1] != last):
        raise invalid_params("both blocks must stand on the best chain")
    return [one for one in route if one is not None]
