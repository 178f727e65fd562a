"""`gongshe check-block` and `check-state`: a stopped node's data against the rules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gongshe.chain.replay import execute_again, replay
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import InvalidBlock
from gongshe.cli_output import PROBLEMS, Failed, answer, json_option
from gongshe.cli_places import base_path_option, data_directory
from gongshe.cli_spec import chain_option, founded, load_chain
from gongshe.runtime.assembly import SpecVersionMissing
from gongshe.runtime.executive import Runtime, assembly_for
from gongshe.runtime.overlay import CorruptState, Overlay
from gongshe.runtime.pallet import InvariantBroken
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.database import StoreError
from gongshe.storage.marker import open_store
from gongshe.storage.states import StateDiscarded, StateUnknown


@click.command(name="check-block")
@click.argument("block", default="finalized")
@chain_option
@base_path_option
@json_option
def check_block(block: str, chain: str, base_path: Path, as_json: bool) -> None:
    """Execute a stored block again and compare everything with its header.

    The node must be stopped. BLOCK is best, finalized, a number or a hash; the state before it must
    still be kept (see --pruning).
    """
    with opened(chain, base_path) as store:
        answer(executed_again(store, hash_of(store, block)), as_json)


@click.command(name="check-state")
@click.argument("block", default="finalized")
@chain_option
@base_path_option
@json_option
def check_state(block: str, chain: str, base_path: Path, as_json: bool) -> None:
    """Check a stored state: every pallet's invariants, and that it belongs to its block.

    The node must be stopped. Exit code 6 if anything is found.
    """
    with opened(chain, base_path) as store:
        found = checked_state(store, hash_of(store, block))
        if found["problems"]:
            count = len(found["problems"])
            raise Failed(
                f"{count} of {found['pallets']} pallets break their invariants: "
                + "; ".join(found["problems"]),
                "keep a copy of the data and report it; the chain must not go on from here",
                PROBLEMS,
                found,
            )
        answer(found, as_json)


@contextmanager
def opened(chain: str, base_path: Path) -> Iterator[ChainStore]:
    """Open a chain's data; opening checks that head, parents and state belong together."""
    spec = load_chain(chain)
    directory = data_directory(base_path, spec)
    try:
        database = open_store(directory, founded(spec).block_hash)
    except StoreError as fault:
        raise Failed(
            str(fault), "stop the node first; --chain and --base-path say which data"
        ) from None
    try:
        yield replay(database)
    except StoreError as fault:
        raise Failed(str(fault), exit_code=PROBLEMS) from None
    finally:
        database.close()


def hash_of(store: ChainStore, block: str) -> bytes:
    """Return the hash of the block that `best`, `finalized`, a number or a hash means."""
    if block == "best":
        return store.heads.best.block_hash
    if block == "finalized":
        return store.heads.finalized.block_hash
    found = None
    if block.isdigit():
        found = store.blocks.canonical(int(block))
    elif block.startswith("0x") and len(block) == 66:
        try:
            found = bytes.fromhex(block[2:])
        except ValueError:
            found = None
    else:
        raise Failed(f"block: expected best, finalized, a number or a hash, found {block!r}")
    if found is None or store.blocks.header(found) is None:
        raise Failed(f"there is no block {block}; the best one is {store.heads.best.number}")
    return found


def executed_again(store: ChainStore, block_hash: bytes) -> dict[str, Any]:
    """Execute a stored block on its parent's state; Failed if anything differs."""
    before = time.perf_counter()
    try:
        executed = execute_again(store, SHIPPED, block_hash, InlineVerifier())
    except InvalidBlock as invalid:
        raise Failed(f"the block is not valid: {invalid}", exit_code=PROBLEMS) from None
    except LookupError as missing:
        raise Failed(
            f"the block cannot be executed again: {missing}",
            "keep more states (--pruning), or choose a later block",
        ) from None
    except SpecVersionMissing as missing:
        raise Failed(str(missing)) from None
    seconds = time.perf_counter() - before
    return {
        "number": number_of(store, block_hash),
        "hash": f"0x{block_hash.hex()}",
        "extrinsics": len(executed.extrinsics),
        "stateRoot": f"0x{executed.prepared.root.hex()}",
        "milliseconds": round(seconds * 1_000, 1),
        "valid": True,
    }


def checked_state(store: ChainStore, block_hash: bytes) -> dict[str, Any]:
    """Return which pallets break their invariants in the state after a block."""
    try:
        state = store.states.at(block_hash)
    except (StateUnknown, StateDiscarded) as missing:
        raise Failed(f"that state cannot be read: {missing}") from None
    number = number_of(store, block_hash)
    try:
        rules = assembly_for(SHIPPED, state, number)
    except SpecVersionMissing as missing:
        raise Failed(str(missing)) from None
    problems = []
    runtime = Runtime(rules, Overlay(state))
    for pallet in runtime.pallets:
        try:
            pallet.check_invariants()
        except (InvariantBroken, CorruptState, LookupError) as broken:
            problems.append(f"{pallet.name}: {broken}")
    return {
        "number": number,
        "hash": f"0x{block_hash.hex()}",
        "specVersion": rules.spec_version,
        "pallets": len(rules.pallets),
        "problems": problems,
    }


def number_of(store: ChainStore, block_hash: bytes) -> int:
    """Return the height of a known block."""
    header = store.header(block_hash)
    return 0 if header is None else header.number
