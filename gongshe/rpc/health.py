"""Whether the node is well: what `system_health` answers and what load balancers ask."""

from __future__ import annotations

from gongshe.primitives.records import Record
from gongshe.rpc.backend import NodeDoor


class Health(Record, rename="camel"):
    """The three facts that Substrate's clients poll."""

    peers: int
    is_syncing: bool
    should_have_peers: bool


def health_of(node: NodeDoor) -> Health:
    """Return the node's health."""
    return Health(len(node.peers()), node.sync_facts().is_syncing, node.should_have_peers)


def is_ready(health: Health) -> bool:
    """Tell whether requests may be sent here: in step with the chain, and not alone by accident."""
    return not health.is_syncing and (health.peers > 0 or not health.should_have_peers)
