"""Every table of methods a node offers."""

from __future__ import annotations

from gongshe.rpc import methods_chain, methods_rpc, methods_state

TABLES = (
    methods_chain.table,
    methods_rpc.table,
    methods_state.table,
)
