"""Import a full block of signed transfers over LevelDB, and see where the time goes.

Blocks of random transfers are authored on one store and imported into another, first with
signatures that two worker processes must check, then with signatures that the pool had checked.
The limit of the first is two cores that do nothing but check signatures; of the second, one core
that does only what no node can avoid: two reads, the writes, the hashes. Processor time of this
process is printed beside, since neighbours on a shared machine lengthen the clock's time alone.
Run: `python -m benchmarks.block_import [--million] [--profile]`.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import (
    Run,
    calibrate,
    database_seconds,
    ed25519_verify_seconds,
    hash_seconds,
)
from benchmarks.workload import Chain
from gongshe.chain import importer as importing
from gongshe.chain import store as storing
from gongshe.chain import transition
from gongshe.chain.importer import Importer
from gongshe.chain.signatures import InlineVerifier, SignatureVerifier
from gongshe.chain.transition import Verified
from gongshe.node import memory
from gongshe.node.verifier import SignatureWorkers
from gongshe.primitives.header import Block
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import SHIPPED, VERSION_1
from gongshe.storage.states import States

BLOCKS = 5
"""Blocks per figure; the median is printed."""

OFFERED = 16_000
"""Transfers offered to each block: more than fit by weight."""

WORKERS = 2
"""Verifier processes, as on the two cores that the goals speak of."""

STAGES = (
    ("body root", importing, "check_body"),
    ("decode and send off", transition, "_decode_all"),
    ("execute", transition, "_apply_all"),
    ("encode changes", BlockExecution, "finish"),
    ("state root", States, "prepare"),
    ("commit", storing.ChainStore, "apply"),
)
"""What an import spends its time on: a name for people, and the function whose time it is."""


def main() -> None:
    """Print every figure."""
    run = Run("block_import", options)
    calibrate(run)
    sizes = (100_000, 1_000_000) if run.options.million else (run.scaled(100_000),)
    for accounts in sizes:
        with tempfile.TemporaryDirectory() as place, SignatureWorkers(WORKERS) as workers:
            measure(run, Chain(accounts), Path(place), workers)
    run.finish()


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--million", action="store_true", help="also with 1 000 000 accounts")
    parser.add_argument("--profile", action="store_true", help="print a profile of one import")


def measure(run: Run, chain: Chain, place: Path, workers: SignatureVerifier) -> None:
    """Print the figures of one size of chain."""
    accounts = len(chain.senders.accounts)
    rounds = 2 * BLOCKS + (3 if run.options.profile else 1)
    store = chain.found(place / "importer")
    blocks = authored(chain, place / "author", rounds, run.scaled(OFFERED))
    verified = Verified()
    importer = Importer(store, SHIPPED, workers, verified)
    importer.import_block(blocks.pop(0), chain.now_ms, final=True)
    memory.settle()
    for known in (False, True):
        samples = []
        for _ in range(BLOCKS):
            block = blocks.pop(0)
            if known:
                remember(verified, block, chain.genesis_hash)
            samples.append(import_one(importer, block, chain.now_ms))
        report(run, f"{accounts} accounts, {'known' if known else 'unknown'}", samples, known)
    for known in (False, True)[: len(blocks)]:
        block = blocks.pop(0)
        if known:
            remember(verified, block, chain.genesis_hash)
        with profiled():
            importer.import_block(block, chain.now_ms, final=True)
    store.database.close()


def authored(chain: Chain, place: Path, count: int, offered: int) -> list[Block]:
    """Return consecutive blocks, authored on a store of their own that is closed again.

    Otherwise its compaction would go on beside the imports that are measured.
    """
    store = chain.found(place)
    own = Importer(store, SHIPPED, InlineVerifier(), Verified())
    blocks = []
    for _ in range(count):
        block, proposal = chain.next_block(store, offered)
        own.keep(block.header, proposal.slot, proposal.executed, finalize=block.header.hash)
        blocks.append(block)
    store.database.close()
    return blocks


def remember(verified: Verified, block: Block, birth_hash: bytes) -> None:
    """Do what the pool does once the signatures have been found valid."""
    for raw in block.extrinsics[1:]:
        verified.add(decode(VERSION_1, raw), birth_hash)


class Sample:
    """One import: transfers, seconds by the clock, seconds of this process, seconds by stage."""

    def __init__(self, transfers: int) -> None:
        self.transfers = transfers
        self.wall = 0.0
        self.own = 0.0
        self.stages = dict.fromkeys((name for name, _, _ in STAGES), 0.0)


def import_one(importer: Importer, block: Block, now_ms: int) -> Sample:
    """Import a block and return what it took."""
    sample = Sample(len(block.extrinsics) - 1)
    with staged(sample.stages):
        started, own = time.perf_counter(), time.process_time()
        importer.import_block(block, now_ms, final=True)
        sample.wall, sample.own = time.perf_counter() - started, time.process_time() - own
    return sample


@contextmanager
def staged(stages: dict[str, float]) -> Iterator[None]:
    """Count the time of the functions named above, this thread's alone, while inside."""

    def counted(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            started = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                stages[name] += time.thread_time() - started

        return call

    kept = [(owner, attribute, getattr(owner, attribute)) for _, owner, attribute in STAGES]
    for (name, owner, attribute), (_, _, function) in zip(STAGES, kept, strict=True):
        setattr(owner, attribute, counted(name, function))
    try:
        yield
    finally:
        for owner, attribute, function in kept:
            setattr(owner, attribute, function)


def report(run: Run, title: str, samples: list[Sample], known: bool) -> None:
    """Print the medians of some imports."""
    rates = [sample.transfers / sample.wall for sample in samples]
    run.line(f"{title}: transfers in a block", statistics.median(s.transfers for s in samples), "")
    limit = bare_rate() if known else WORKERS / ed25519_verify_seconds()
    run.line(title, statistics.median(rates), "/s", limit)
    own = statistics.median(sample.own / sample.transfers for sample in samples)
    run.line("  processor time of this process", own * 1e6, "us each")
    for name, _, _ in STAGES:
        share = statistics.median(sample.stages[name] / sample.transfers for sample in samples)
        run.line(f"  {name}", share * 1e6, "us each")


def bare_rate() -> float:
    """Return the transfers a second of a core that only reads, writes and hashes.

    Each transfer names its extrinsic and two accounts' places by hashes, reads two accounts,
    writes both, what they were, and its index entry, and changes at least two trie nodes.
    """
    get, put = database_seconds(50_000)
    return 1 / (2 * get + 5 * put + 3 * hash_seconds(64) + 2 * hash_seconds(512))


@contextmanager
def profiled() -> Iterator[None]:
    """Print where the processor was while inside."""
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
