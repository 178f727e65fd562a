"""`childstate_`: child tries, of which this chain has none; every answer says so."""

from __future__ import annotations

from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.methods_state import Keys, PageLength, asked_block
from gongshe.rpc.values import BlockHash, HashText, Hex, HexText

table = MethodTable()


@table.method("childstate_getStorage")
def child_storage(
    context: Context, child_key: Hex, key: Hex, at: BlockHash | None = None
) -> HexText | None:
    """Return null: this chain has no child tries."""
    asked_block(context, at)
    return None


@table.method("childstate_getStorageEntries")
def child_storage_entries(
    context: Context, child_key: Hex, keys: Keys, at: BlockHash | None = None
) -> list[HexText | None]:
    """Return null for each key: this chain has no child tries."""
    asked_block(context, at)
    return [None] * len(keys)


@table.method("childstate_getStorageHash")
def child_storage_hash(
    context: Context, child_key: Hex, key: Hex, at: BlockHash | None = None
) -> HashText | None:
    """Return null: this chain has no child tries."""
    asked_block(context, at)
    return None


@table.method("childstate_getStorageSize")
def child_storage_size(
    context: Context, child_key: Hex, key: Hex, at: BlockHash | None = None
) -> int | None:
    """Return null: this chain has no child tries."""
    asked_block(context, at)
    return None


@table.method("childstate_getKeys")
def child_keys(
    context: Context, child_key: Hex, prefix: Hex, at: BlockHash | None = None
) -> list[HexText]:
    """Return an empty list: this chain has no child tries."""
    asked_block(context, at)
    return []


@table.method("childstate_getKeysPaged", "childstate_getKeysPagedAt")
def child_keys_paged(
    context: Context,
    child_key: Hex,
    prefix: Hex | None,
    count: PageLength,
    start_key: Hex | None = None,
    at: BlockHash | None = None,
) -> list[HexText]:
    """Return an empty list: this chain has no child tries."""
    asked_block(context, at)
    return []
