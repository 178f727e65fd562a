"""`chainSpec_v1_`: what the chain is called."""

from __future__ import annotations

from typing import Any

from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.values import HashText, hexadecimal

table = MethodTable()


@table.method("chainSpec_v1_chainName")
def chain_name(context: Context) -> str:
    """Return the chain's name."""
    return context.backend.node.chain_name


@table.method("chainSpec_v1_genesisHash")
def genesis_hash(context: Context) -> HashText:
    """Return the hash of block 0."""
    return hexadecimal(context.backend.chain.genesis_hash())


@table.method("chainSpec_v1_properties")
def properties(context: Context) -> dict[str, Any]:
    """Return what wallets need to show amounts and addresses."""
    return dict(context.backend.node.properties)
