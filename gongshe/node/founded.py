"""The chain that a directory holds: founded once from its spec, then known by its genesis hash.

The spec's digest is noted beside the data with the hash it led to. The same spec opens the chain
again without building its first block, which for a large spec takes seconds and much memory, and
which another release may build otherwise: a chain that exists is not founded anew. Any other spec
must lead to the same genesis block.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from gongshe.genesis.build import build
from gongshe.genesis.spec import ChainSpec, write_spec
from gongshe.node.config import NodeConfig
from gongshe.primitives.crypto import blake2_256
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.database import Database
from gongshe.storage.marker import create_store, open_store

NOTE = "genesis.json"
log = logging.getLogger("gongshe.node")


def open_chain(config: NodeConfig) -> Database:
    """Open the chain's database, or found it where there is none."""
    directory = config.directory
    assembly = SHIPPED[min(SHIPPED)]
    source = digest(config.chain)
    if directory.exists() and any(directory.iterdir()):
        known = noted(directory, source)
        if known is None:
            known = build(config.chain, assembly).block_hash
        database = open_store(directory, known)
        note(directory, source, known)
        return database
    log.info("founding chain %s in %s", config.chain.id, directory)
    genesis = build(config.chain, assembly)
    founding = genesis.founding(config.retained)
    database = create_store(directory, genesis.block_hash, founding)
    note(directory, source, genesis.block_hash)
    return database


def digest(chain: ChainSpec) -> bytes:
    """Return what names a spec, however its file is laid out."""
    return blake2_256(write_spec(chain).encode())


def noted(directory: Path, source: bytes) -> bytes | None:
    """Return the genesis hash that was noted for this digest, or None."""
    try:
        found = json.loads((directory / NOTE).read_text(encoding="utf-8"))
        return bytes.fromhex(found["genesis"]) if found["source"] == source.hex() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(directory: Path, source: bytes, genesis_hash: bytes) -> None:
    """Note which genesis block this digest led to; whole or not at all."""
    if noted(directory, source) == genesis_hash:
        return
    draft = directory / (NOTE + ".new")
    draft.write_text(json.dumps({"source": source.hex(), "genesis": genesis_hash.hex()}))
    os.replace(draft, directory / NOTE)
