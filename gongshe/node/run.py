"""From settings to a running node, and from whatever ends it to an exit code."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping

import trio

from gongshe.chain.pool import Pool
from gongshe.chain.signatures import VerifierFailedError
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import schedule_after
from gongshe.node import memory
from gongshe.node.conductor import Conduct
from gongshe.node.config import NodeConfig
from gongshe.node.doors import NodeDoor
from gongshe.node.founded import open_chain
from gongshe.node.logs import Logs
from gongshe.node.service import Node, NodeHalted, serve
from gongshe.node.verifier import SignatureWorkers
from gongshe.primitives.crypto import Scheme, self_test
from gongshe.primitives.keys import Keypair
from gongshe.rpc.backend import Backend
from gongshe.rpc.server import Server
from gongshe.rpc.tables import ALL_TABLES
from gongshe.runtime.assembly import SpecVersionMissing
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.database import StoreError, StoreFailed

STOPPED, STORE_REFUSED, UPGRADE_NEEDED, STORE_FAILED, VERIFIER_FAILED, PORT_TAKEN = 0, 2, 3, 4, 5, 6
"""Exit codes: asked to stop; the data cannot be used; a newer program is needed; the disk failed
under way (restart when it is well); signature checkers failed; the RPC port could not be had."""

log = logging.getLogger("gongshe.node")

Found = tuple[int, str]


def run_node(config: NodeConfig, ready: Callable[[str, int], None] | None = None) -> int:
    """Run a node until it is asked to stop; return the exit code.

    `ready` is told the RPC address once it answers.
    """
    config.check()
    logs = Logs(config.log, as_json=config.log_json)
    os.umask(0o077)
    memory.give_back_freed()
    self_test()
    try:
        trio.run(_run, config, logs, ready)
    except KeyboardInterrupt:
        return STOPPED
    except Exception as failure:
        code, reason = explain(failure)
        log.error("%s", reason)
        return code
    return STOPPED


def explain(ended: Exception) -> Found:
    """Return the exit code and the sentence for what ended a node; bugs go up as they are."""
    for failure in flattened(ended):
        match failure:
            case StoreFailed():
                return STORE_FAILED, f"{failure}: nothing more is written; restart the node"
            case StoreError():
                return STORE_REFUSED, str(failure)
            case SpecVersionMissing() | NodeHalted():
                return UPGRADE_NEEDED, str(failure)
            case VerifierFailedError():
                return VERIFIER_FAILED, f"{failure}: restart the node"
            case OSError() if failure.errno is not None:
                return PORT_TAKEN, f"{failure}; choose another --rpc-port, or stop who has it"
    raise ended


def flattened(failures: BaseException) -> list[BaseException]:
    """Return the single failures inside nested groups."""
    if isinstance(failures, BaseExceptionGroup):
        return [each for inner in failures.exceptions for each in flattened(inner)]
    return [failures]


def authoring_keys(config: NodeConfig) -> Mapping[bytes, Callable[[bytes], bytes]]:
    """Return how to sign with each key of this node, by public key."""
    if not config.author:
        return {}
    pair = Keypair.from_uri(config.author, Scheme.SR25519)
    return {pair.public: pair.sign}


async def _run(config: NodeConfig, logs: Logs, ready: Callable[[str, int], None] | None) -> None:
    database = open_chain(config)
    try:
        store = ChainStore.open(database)
        store.states.retain(config.retained)
        keys = authoring_keys(config)
        best = store.heads.best
        schedule, _ = schedule_after(SHIPPED, store.states.executing(best.block_hash))
        conduct = Conduct(
            finalize_own=bool(keys) and all(each in keys for each in schedule),
            instant=config.seal == "instant",
        )
        log.info(
            "%s  genesis 0x%s  best %d  final %d",
            config.chain.name,
            store.genesis_hash.hex()[:16],
            best.number,
            store.heads.finalized.number,
        )
        with SignatureWorkers(config.worker_count) as workers:
            node = Node(store, SHIPPED, workers, Pool(config.pool), keys, conduct)
            facts = NodeDoor(
                node.queries,
                config.chain.name,
                config.chain.chain_type,
                config.chain.properties,
                authoring=bool(keys),
                set_log_filter=logs.filter,
            )
            backend = Backend(node.chain_door, node.pool_door, facts)
            server = Server(backend, [config.listener], ALL_TABLES, config.rpc_limits)
            await serve(node, server, ready)
    finally:
        database.close()
