"""`offchain_`: the local storage, for operators."""

from __future__ import annotations

from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.offchain import Kind
from gongshe.rpc.values import Hex, HexText, optional_hexadecimal

table = MethodTable()


@table.method("offchain_localStorageSet", unsafe=True)
def local_storage_set(context: Context, kind: Kind, key: Hex, value: Hex) -> None:
    """Store a value until the node stops."""
    context.offchain.set(kind, key, value, context.limits)


@table.method("offchain_localStorageGet", unsafe=True)
def local_storage_get(context: Context, kind: Kind, key: Hex) -> HexText | None:
    """Return a value, null if there is none."""
    return optional_hexadecimal(context.offchain.get(kind, key))


@table.method("offchain_localStorageClear", unsafe=True)
def local_storage_clear(context: Context, kind: Kind, key: Hex) -> None:
    """Remove a value."""
    context.offchain.clear(kind, key)
