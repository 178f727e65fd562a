"""What does the state root of a block cost? Random accounts of many in LevelDB are changed.

Every line is the time of `States.prepare`, divided by this machine's limits in the same run:
hashing exactly the bytes that this root hashes, and reading exactly the values that it replaces.
Run: python benchmarks/state_root.py [--million] [--profile]
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
    """Print one line per size of state and of block."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--million", action="store_true", help="go on to 1 000 000 accounts")
    options.add_argument("--profile", action="store_true", help="profile the largest block")
    chosen = options.parse_args()
    measure_ordered_root()
    with tempfile.TemporaryDirectory() as place:
        chain = Chain(Path(place) / "state")
        for accounts in (100_000, 1_000_000) if chosen.million else (100_000,):
            chain.grow_to(accounts)
            gc.collect()
            gc.freeze()
            for changed in (200, 1_000, 2_000, 20_000):
                for read_before in (True, False):
                    measure(chain, changed, read_before)
        if chosen.profile:
            keys = chain.choose(20_000)
            profile = cProfile.Profile()
            profile.enable()
            chain.prepare(keys)
            profile.disable()
            profile.print_stats("tottime")
        chain.database.close()


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

    def grow_to(self, accounts: int) -> None:
        """Add accounts block by block until there are so many."""
        started = time.perf_counter()
        added = accounts - len(self.keys)
        while len(self.keys) < accounts:
            fresh = [account_key(self.random.randbytes(32)) for _ in range(STEP)]
            self.finalize(self.prepare(fresh))
            self.keys += fresh
        seconds = time.perf_counter() - started
        print(f"{accounts:>9} accounts: {seconds / added * 1e6:.1f} us to add one, with its writes")

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


def measure(chain: Chain, changed: int, read_before: bool) -> None:
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
    cost, limit = statistics.median(spent), statistics.median(hashed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{changed:>6} changed, {'read before' if read_before else 'not read   '}: "
        f"{cost * 1e3:7.1f} ms  {cost / changed * 1e6:5.1f} us/key  {nodes:>6} branches  "
        f"x{cost / limit:4.1f} hashing  x{cost / statistics.median(read):4.1f} reading   "
        f"then change, write, commit {statistics.median(stored) / changed * 1e6:5.1f} us/key   "
        f"peak {peak} MB"
    )


def hashing_time(prepared: PreparedState) -> float:
    """Return the time to hash the bytes that this root depends on and that changed, and no more."""
    parts = [record[2:] for record in prepared.trie.nodes.values() if record]
    parts += [value for value in prepared.values.values() if value]
    parts += [bytes(78)] * len(prepared.values)
    started = time.thread_time()
    for part in parts:
        hash_256(part)
    return time.thread_time() - started


def measure_ordered_root() -> None:
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
    print(
        f"extrinsics root of 10 000 x 145 bytes: {best * 1e3:.1f} ms, x{best / limit:.1f} hashing"
    )


def account_key(account: bytes) -> bytes:
    """Return the key of System.Account: the hash of the account keeps the trie even."""
    return PREFIX + blake2b(account, digest_size=16).digest() + account


if __name__ == "__main__":
    main()
