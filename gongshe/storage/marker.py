"""The marker beside the database: which chain is in it, in which schema, and that it is complete.

Creation writes the marker last. A directory without one is therefore no database, or one whose
creation was interrupted; a node never starts on it.

    chain directory/  marker.json   database/...
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gongshe.storage.database import StoreExists, StoreMismatch, StoreMissing
from gongshe.storage.leveldb import LevelDatabase

SCHEMA_VERSION = 1
"""Of everything in `keyspace`; a higher one cannot be read by this program."""

MARKER = "marker.json"
DATABASE = "database"


def create_store(
    directory: Path, genesis_hash: bytes, founding: Mapping[bytes, bytes | None]
) -> LevelDatabase:
    """Make the chain's database, write what founds the chain, and mark it as complete."""
    if directory.exists() and any(directory.iterdir()):
        raise StoreExists(
            f"{directory} is not empty, and a chain is created only in an empty place. Start the "
            "node without creating, or remove the directory if its chain is no longer needed"
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    database = LevelDatabase.create(directory / DATABASE)
    database.write(founding)
    _write_marker(directory, genesis_hash)
    return database


def open_store(directory: Path, genesis_hash: bytes) -> LevelDatabase:
    """Open the chain's database if it is complete and of this chain and schema."""
    demand_marker(directory, genesis_hash)
    return LevelDatabase.open(directory / DATABASE)


def demand_marker(directory: Path, genesis_hash: bytes) -> None:
    """Refuse a directory that does not hold a complete database of this chain."""
    try:
        text = (directory / MARKER).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StoreMissing(
            f"{directory} has no {MARKER}, which the creation of a chain writes last. "
            + (
                "Its creation was interrupted: remove the directory and create the chain again"
                if (directory / DATABASE).exists()
                else "Create the chain there first"
            )
        ) from None
    try:
        marker = json.loads(text)
        schema, genesis = marker["schema"], marker["genesis"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreMismatch(
            f"{directory / MARKER} cannot be read ({error!r}): a schema version and a genesis hash "
            "were expected. Restore the file, or remove the directory and sync again"
        ) from error
    if schema != SCHEMA_VERSION:
        raise StoreMismatch(
            f"{directory} was written with schema {schema}, this program reads {SCHEMA_VERSION}. "
            "Use the program that wrote it, or remove the directory and sync again"
        )
    if genesis != "0x" + genesis_hash.hex():
        raise StoreMismatch(
            f"{directory} holds the chain with genesis {genesis}, this node was started for "
            f"0x{genesis_hash.hex()}. Give the right chain, or another data directory"
        )


def _write_marker(directory: Path, genesis_hash: bytes) -> None:
    """Write the marker so that it is there whole or not at all, even after a power failure."""
    text = json.dumps({"schema": SCHEMA_VERSION, "genesis": "0x" + genesis_hash.hex()})
    draft = directory / (MARKER + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.rename(directory / MARKER)
    for synced in (directory / DATABASE, directory, directory.parent):
        _sync_directory(synced)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
