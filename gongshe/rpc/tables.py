"""Every method of the node, namespace by namespace."""

from __future__ import annotations

from gongshe.rpc import (
    methods_archive,
    methods_author,
    methods_chain,
    methods_chain_head,
    methods_chain_spec,
    methods_childstate,
    methods_offchain,
    methods_payment,
    methods_rpc,
    methods_state,
    methods_system,
    methods_transaction,
)

ALL_TABLES = (
    methods_archive.table,
    methods_author.table,
    methods_chain.table,
    methods_chain_head.table,
    methods_chain_spec.table,
    methods_childstate.table,
    methods_offchain.table,
    methods_payment.table,
    methods_rpc.table,
    methods_state.table,
    methods_system.table,
    methods_transaction.table,
)
