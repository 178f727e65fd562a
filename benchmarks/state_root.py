"""Measure the state root of a block: random accounts of many in LevelDB are changed.

Every line is the time of `States.prepare` beside this machine's limit in the same run: hashing
exactly the bytes that this root hashes. Beside it stand the time of reading exactly the values
that it replaces, and of everything that follows until the block is kept.
Run: `python -m benchmarks.state_root [--million] [--profile]`.
"""

import argparse
import cProfile
import gc
import random
import resource
import statistics
import tempfile
import time
from hashlib import blake2b
from pathlib import Path

from benchmarks.harness import Run
from gongshe.storage.founding import found_states
from gongshe.storage.leveldb import LevelDatabase
from gongshe.storage.states import Insertion, PreparedState, States
from gongshe.storage.trie import ordered_root
from gongshe.storage.trie_nodes import hash_256

PREFIX = bytes.fromhex("26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9")
"""twox128("System") ++ twox128("Account")."""

ROUNDS = 7
"""Blocks measured per line; the median is printed."""

STEP = 10_000
"""Accounts added per block while the state is built."""


def main() -> None:
    """Print some lines per size of state and of block."""
    run = Run("state_root", options)
    measure_ordered_root(run)
    with tempfile.TemporaryDirectory() as place:
        chain = Chain(Path(place) / "state")
        first = run.scaled(100_000)
        for accounts in (first, 1_000_000) if run.options.million else (first,):
            each = chain.grow_to(accounts)
            run.line(f"{accounts} accounts: to add one, with its writes", each * 1e6, "us")
            gc.collect()
            gc.freeze()
            for changed in (200, 1_000, 2_000, run.scaled(20_000)):
                for read_before in (True, False):
                    measure(run, chain, changed, read_before)
        if run.options.profile:
            keys = chain.choose(run.scaled(20_000))
            profile = cProfile.Profile()
            profile.enable()
            chain.prepare(keys)
            profile.disable()
            profile.print_stats("tottime")
        chain.database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    run.line("memory of this process at its peak", peak, "MB")
    run.finish()


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--million", action="store_true", help="go on to 1 000 000 accounts")
    parser.add_argument("--profile", action="store_true", help="profile the largest block")


class Chain:
    """A development chain of blocks that write accounts."""

    def __init__(self, directory: Path) -> None:
        self.random = random.Random(20_240_229)
        self.database = LevelDatabase.create(directory)
        founded = found_states([(b":code", bytes(1000))])
        self.head = bytes(32)
        self.database.write(founded.batch_for(self.head))
        self.states = States.open(self.database)
        self.keys: list[bytes] = []

    def grow_to(self, accounts: int) -> float:
        """Add accounts block by block until there are so many; return the seconds for each."""
        started = time.perf_counter()
        added = accounts - len(self.keys)
        while len(self.keys) < accounts:
            fresh = [account_key(self.random.randbytes(32)) for _ in range(STEP)]
            self.finalize(self.prepare(fresh))
            self.keys += fresh
        return (time.perf_counter() - started) / added

    def choose(self, count: int) -> list[bytes]:
        """Return keys of accounts at random."""
        return self.random.sample(self.keys, count)

    def prepare(self, keys: list[bytes]) -> PreparedState:
        """Work out the root after a write to each key."""
        changes: dict[bytes, bytes | None] = {key: self.random.randbytes(80) for key in keys}
        return self.states.prepare(self.head, changes)

    def finalize(self, prepared: PreparedState) -> None:
        """Insert and finalize a block at once."""
        number = self.states.status.number + 1
        self.head = number.to_bytes(32, "big")
        insertion = Insertion(self.head, number, prepared)
        change = self.states.change(insert=insertion, finalize=self.head)
        self.database.write(change.batch)
        self.states.commit(change)


def measure(run: Run, chain: Chain, changed: int, read_before: bool) -> None:
    """Print the median cost of blocks that change so many accounts."""
    spent, hashed, read, stored = [], [], [], []
    nodes = 0
    for _ in range(ROUNDS):
        keys = chain.choose(changed)
        values: dict[bytes, bytes | None] = {key: chain.random.randbytes(80) for key in keys}
        if read_before:
            view = chain.states.executing(chain.head)
            for key in keys:
                view.get(key)
        started = time.thread_time()
        prepared = chain.states.prepare(chain.head, values)
        spent.append(time.thread_time() - started)
        nodes = len(prepared.trie.nodes)
        hashed.append(hashing_time(prepared))
        started = time.thread_time()
        for key in keys:
            chain.database.get(b"v" + key)
        read.append(time.thread_time() - started)
        started = time.thread_time()
        chain.finalize(prepared)
        stored.append(time.thread_time() - started)
    title = f"{changed} changed, {'read before' if read_before else 'not read'}"
    run.line(title, statistics.median(spent) * 1e3, "ms", statistics.median(hashed) * 1e3)
    run.line("  each", statistics.median(spent) / changed * 1e6, "us")
    run.line("  limit: reading the values", statistics.median(read) * 1e3, "ms")
    run.line("  then change, write, commit", statistics.median(stored) / changed * 1e6, "us each")
    run.line("  branches", nodes, "")


def hashing_time(prepared: PreparedState) -> float:
    """Return the time to hash the bytes that this root depends on and that changed, and no more."""
    parts = [record[2:] for record in prepared.trie.nodes.values() if record]
    parts += [value for value in prepared.values.values() if value]
    parts += [bytes(78)] * len(prepared.values)
    started = time.thread_time()
    for part in parts:
        hash_256(part)
    return time.thread_time() - started


def measure_ordered_root(run: Run) -> None:
    """Print the cost of an extrinsics root."""
    items = [random.Random(number).randbytes(145) for number in range(10_000)]
    spent = []
    for _ in range(5):
        started = time.thread_time()
        ordered_root(items)
        spent.append(time.thread_time() - started)
    started = time.thread_time()
    for item in items:
        hash_256(item)
    limit = time.thread_time() - started
    best = statistics.median(spent)
    run.line("extrinsics root of 10 000 x 145 bytes", best * 1e3, "ms", limit * 1e3)


def account_key(account: bytes) -> bytes:
    """Return the key of System.Account: the hash of the account keeps the trie even."""
    return PREFIX + blake2b(account, digest_size=16).digest() + account


if __name__ == "__main__":
    main()
