"""The chain that a directory holds: found once from its spec, then known by its genesis hash.

Building the first block of a large spec takes seconds and much memory, so that the hash it led to
is noted beside the data, under a digest of everything that it follows from. If the note is missing
or does not fit, the genesis is built again: it saves time and decides nothing.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import gongshe.genesis
import gongshe.primitives
import gongshe.runtime
from gongshe.genesis.build import build
from gongshe.genesis.spec import ChainSpec, write_spec
from gongshe.node.config import NodeConfig
from gongshe.primitives.crypto import blake2_256
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.database import Database
from gongshe.storage.marker import create_store, open_store

NOTE = "genesis.json"
ROOMS = (gongshe.primitives, gongshe.runtime, gongshe.genesis)
"""What the first state follows from, besides the spec."""

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
    """Return what names a spec together with the program that turns it into a state.

    The source is read as bytes: that takes milliseconds, and any change makes the genesis anew.
    """
    parts = [write_spec(chain).encode()]
    for room in ROOMS:
        for folder in sorted(room.__path__):
            parts += [file.read_bytes() for file in sorted(Path(folder).rglob("*.py"))]
    return blake2_256(b"".join(blake2_256(part) for part in parts))


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
