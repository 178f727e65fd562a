"""`archive_v1_`: blocks and state of any height that is kept, without following the chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from gongshe.primitives.header import Header
from gongshe.primitives.records import Record
from gongshe.rpc.backend import RuntimeCallFailed, StateUnavailable, UnknownBlock
from gongshe.rpc.limits import KEYS_PER_QUERY
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.methods_state import RuntimeCallName
from gongshe.rpc.shapes import block_number, known_header
from gongshe.rpc.storage_diff import Difference, DiffQuery, compare
from gongshe.rpc.storage_items import Queries, StorageResult, read_items
from gongshe.rpc.subscriptions import ENCODER
from gongshe.rpc.values import (
    BlockHash,
    HashText,
    Height,
    Hex,
    HexText,
    hexadecimal,
    optional_hexadecimal,
)

STORAGE_EVENT = "archive_v1_storageEvent"
DIFF_EVENT = "archive_v1_storageDiffEvent"

DiffQueries = Annotated[list[DiffQuery], Meta(max_length=KEYS_PER_QUERY)]

table = MethodTable()


class Called(Record, omit_defaults=True):
    """The runtime's answer, or why there is none."""

    success: bool
    value: HexText | None = None
    error: str | None = None


@table.method("archive_v1_genesisHash")
def genesis_hash(context: Context) -> HashText:
    """Return the hash of block 0."""
    return hexadecimal(context.backend.chain.genesis_hash())


@table.method("archive_v1_finalizedHeight")
def finalized_height(context: Context) -> int:
    """Return the height of the last finalized block."""
    return context.backend.chain.finalized().number


@table.method("archive_v1_hashByHeight")
def hash_by_height(context: Context, height: Height) -> list[HashText]:
    """Return the hashes of all blocks at a height: one when final, any number above."""
    chain = context.backend.chain
    if height > chain.finalized().number:
        return [
            hexadecimal(one) for one in chain.unfinalized() if block_number(chain, one) == height
        ]
    found = chain.canonical_hash(height)
    return [] if found is None else [hexadecimal(found)]


@table.method("archive_v1_header")
def header(context: Context, block_hash: BlockHash) -> HexText | None:
    """Return an encoded header, null for an unknown block."""
    return optional_hexadecimal(context.backend.chain.header(block_hash))


@table.method("archive_v1_body", slow=True)
def body(context: Context, block_hash: BlockHash) -> list[HexText] | None:
    """Return a block's extrinsics, null if they are not known."""
    found = context.backend.chain.body(block_hash)
    return None if found is None else [hexadecimal(extrinsic) for extrinsic in found]


@table.method("archive_v1_call", slow=True)
def call(
    context: Context, block_hash: BlockHash, function: RuntimeCallName, call_parameters: Hex
) -> Called | None:
    """Ask the runtime as it was after a block; null for an unknown block."""
    chain = context.backend.chain
    if chain.header(block_hash) is None:
        return None
    try:
        answer = chain.call_runtime(block_hash, function, call_parameters)
    except (RuntimeCallFailed, StateUnavailable) as failed:
        return Called(False, error=str(failed))
    return Called(True, hexadecimal(answer))


@table.subscription("archive_v1_storage", notifies=STORAGE_EVENT, ends=("archive_v1_stopStorage",))
def storage(
    context: Context, block_hash: BlockHash, items: Queries, child_trie: Hex | None = None
) -> str:
    """Send storage of a block, item by item, as fast as it is read; then say it is done."""
    chain = context.backend.chain
    subscription = context.open(STORAGE_EVENT)

    def found() -> Iterator[dict[str, Any]]:
        if child_trie is None:
            for item in read_items(chain, block_hash, items):
                yield event("storage", item)

    subscription.stream(told(found(), "storageDone", "storageError", subscription.end))
    return subscription.identifier


@table.subscription(
    "archive_v1_storageDiff",
    notifies=DIFF_EVENT,
    ends=("archive_v1_stopStorageDiff", "archive_v1_storageDiff_stopStorageDiff"),
)
def storage_diff(
    context: Context,
    block_hash: BlockHash,
    items: DiffQueries | None = None,
    previous_hash: BlockHash | None = None,
) -> str:
    """Send what differs between the states after two blocks; of a block and its parent at least.

    Without items everything is compared. Entries read are bounded; ask for prefixes if it ends
    with an error.
    """
    chain = context.backend.chain
    subscription = context.open(DIFF_EVENT)

    def found() -> Iterator[dict[str, Any]]:
        raw = known_header(chain, block_hash)
        before = chain.state(previous_hash or Header.decode(raw).parent_hash)
        queries = items if items is not None else [DiffQuery(Hex(), "value")]
        reads = context.limits.reads_per_query
        for difference in compare(before, chain.state(block_hash), queries, reads):
            yield event("storageDiff", difference)

    subscription.stream(told(found(), "storageDiffDone", "storageDiffError", subscription.end))
    return subscription.identifier


def event(name: str, item: StorageResult | Difference) -> dict[str, Any]:
    """Return an item as an event."""
    return {"event": name, **item.to_json()}


def told(events: Iterator[dict[str, Any]], done: str, failed: str, end: Any) -> Iterator[bytes]:
    """Yield events serialised, then the one that says how it ended."""
    try:
        for one in events:
            yield ENCODER.encode(one)
    except (UnknownBlock, StateUnavailable, ValueError) as error:
        yield ENCODER.encode({"event": failed, "error": str(error)})
    else:
        yield ENCODER.encode({"event": done})
    end()
