"""What this node offers: the list of methods and their description."""

from __future__ import annotations

from typing import Any

from gongshe.primitives.records import Record
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.openrpc import describe

table = MethodTable()


class Methods(Record):
    """The names a client may call."""

    methods: list[str]


@table.method("rpc_methods")
def rpc_methods(context: Context) -> Methods:
    """List every method and alias that this connection may call."""
    unsafe = context.session.unsafe_allowed
    return Methods(
        sorted(name for name, method in context.methods.items() if unsafe or not method.unsafe)
    )


@table.method("rpc.discover", "rpc_discover")
def discover(context: Context) -> dict[str, Any]:
    """Describe every method in the OpenRPC format."""
    made = context.descriptions.get("openrpc")
    if made is None:
        node = context.backend.node
        methods = {id(method): method for method in context.methods.values()}
        made = describe(methods.values(), title=f"{node.name} JSON-RPC", version=node.version)
        context.descriptions["openrpc"] = made
    found: dict[str, Any] = made
    return found
