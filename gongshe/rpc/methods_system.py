"""`system_`: the node, its peers, its chain specification; and an account's next nonce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from gongshe.primitives.records import Record
from gongshe.rpc.errors import invalid_params
from gongshe.rpc.health import Health, health_of
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.methods_state import asked_block
from gongshe.rpc.values import Account, BlockHash, HashText, Hex, HexText, hexadecimal

PeerText = Annotated[str, Meta(min_length=1, max_length=512)]
FilterText = Annotated[str, Meta(min_length=1, max_length=1_024)]

table = MethodTable()


class Peer(Record, rename="camel"):
    """A connected peer."""

    peer_id: str
    roles: str
    best_hash: HashText
    best_number: int


class SyncState(Record, rename="camel"):
    """Where synchronisation began, where it is, and the highest block heard of."""

    starting_block: int
    current_block: int
    highest_block: int


@table.method("system_name")
def name(context: Context) -> str:
    """Return the program's name."""
    return context.backend.node.name


@table.method("system_version")
def version(context: Context) -> str:
    """Return the program's version."""
    return context.backend.node.version


@table.method("system_chain")
def chain(context: Context) -> str:
    """Return the chain's name."""
    return context.backend.node.chain_name


@table.method("system_chainType")
def chain_type(context: Context) -> str:
    """Return the chain's type: Development, Local or Live."""
    return context.backend.node.chain_type


@table.method("system_properties")
def properties(context: Context) -> dict[str, Any]:
    """Return what wallets need to show amounts and addresses."""
    return dict(context.backend.node.properties)


@table.method("system_health")
def health(context: Context) -> Health:
    """Return how many peers there are and whether the node is in step with the chain."""
    return health_of(context.backend.node)


@table.method("system_localPeerId")
def local_peer_id(context: Context) -> str:
    """Return the node's network identity; empty while the network is off."""
    return context.backend.node.peer_id


@table.method("system_localListenAddresses")
def local_listen_addresses(context: Context) -> list[str]:
    """Return the multiaddresses at which other nodes reach this one."""
    return list(context.backend.node.listen_addresses())


@table.method("system_nodeRoles")
def node_roles(context: Context) -> list[str]:
    """Return what this node does: Full or Authority."""
    return list(context.backend.node.roles)


@table.method("system_syncState")
def sync_state(context: Context) -> SyncState:
    """Return how far the node is."""
    facts = context.backend.node.sync_facts()
    return SyncState(facts.starting, facts.current, facts.highest)


@table.method("system_peers", unsafe=True)
def peers(context: Context) -> list[Peer]:
    """Return the connected peers."""
    return [
        Peer(peer.peer_id, peer.roles, hexadecimal(peer.best_hash), peer.best_number)
        for peer in context.backend.node.peers()
    ]


@table.method("system_reservedPeers", unsafe=True)
def reserved_peers(context: Context) -> list[str]:
    """Return the peers that are kept connected."""
    return list(context.backend.node.reserved_peers())


@table.method("system_addReservedPeer", unsafe=True)
def add_reserved_peer(context: Context, peer: PeerText) -> None:
    """Keep a peer connected, given as a multiaddress with its identity."""
    asked(context.backend.node.add_reserved_peer, peer)


@table.method("system_removeReservedPeer", unsafe=True)
def remove_reserved_peer(context: Context, peer_id: PeerText) -> None:
    """Stop keeping a peer connected."""
    asked(context.backend.node.remove_reserved_peer, peer_id)


@table.method("system_addLogFilter", unsafe=True)
def add_log_filter(context: Context, directives: FilterText) -> None:
    """Set log levels, written as target=level and separated by commas."""
    asked(context.backend.node.set_log_filter, directives)


@table.method("system_resetLogFilter", unsafe=True)
def reset_log_filter(context: Context) -> None:
    """Set the log levels back to those the node was started with."""
    context.backend.node.set_log_filter(None)


@table.method("system_accountNextIndex", "account_nextIndex")
def account_next_index(context: Context, account: Account) -> int:
    """Return the nonce for an account's next extrinsic, those in the pool counted."""
    return context.backend.pool.next_index(account)


@table.method("system_dryRun", "system_dryRunAt", unsafe=True, slow=True)
def dry_run(context: Context, extrinsic: Hex, at: BlockHash | None = None) -> HexText:
    """Apply an extrinsic after a block, tell the encoded outcome, and throw it away."""
    block = asked_block(context, at)
    return hexadecimal(context.backend.chain.dry_run(block, extrinsic))


def asked(lever: Callable[[str], None], text: str) -> None:
    """Pull one of the operator's levers; what it cannot read is the caller's fault."""
    try:
        lever(text)
    except ValueError as error:
        raise invalid_params(str(error)) from None
