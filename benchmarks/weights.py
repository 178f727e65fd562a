"""Measure what kinds of calls cost, and hold the declared weights against it.

Blocks of one kind of call each are executed, their root found and the result committed, on a chain
of 100 000 accounts over LevelDB whose caches are cold. What a block costs beyond an empty one,
divided by its extrinsics, is held against what the weights declare: the call's own plus
BASE_EXTRINSIC. Time is this process's alone, turned into that of the reference core, one that
checks an ed25519 signature in 42 us. At the end stand the constants of `gongshe/runtime/weights.py`
as they would be written today; a person pastes them, since weights are part of the protocol and
change only with a spec version. Run: `python -m benchmarks.weights`.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Run, ed25519_verify_seconds
from benchmarks.workload import AUTHORITY, Chain, Offered
from gongshe.chain.author import propose
from gongshe.chain.importer import Importer
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import Verified
from gongshe.primitives.extrinsic import encode_extra, encode_signed
from gongshe.primitives.types import UNIT, AddressId, Weight
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallet import Call
from gongshe.runtime.pallets.proxy_types import ProxyType
from gongshe.runtime.pallets.system import System
from gongshe.runtime.validity import DecodedExtrinsic, decode
from gongshe.runtime.versions import SHIPPED, VERSION_1
from gongshe.runtime.weights import BASE_BLOCK, BASE_EXTRINSIC, READ, WRITE
from gongshe.storage.marker import open_store

REFERENCE_VERIFY = 42e-6
"""Seconds: what the reference core takes for an ed25519 check."""

ACCOUNTS = 100_000
CALLS = 2_000
"""Per kind: enough that the fixed costs of a block fade, few enough to fit by weight."""

EMPTY_BLOCKS = 20
MARGIN = 1.25
"""Proposed constants are so much above what was measured: a node on a busy core must keep up."""

FULL = Weight(5_000_000_000, 65_536)
"""Given to a multisig's inner call."""

Make = Callable[[int, bytes, bytes], Call]
"""From a number, its sender and another account to a call."""


def call(pallet: str, name: str, *arguments: object) -> Call:
    """Return a call by its names."""
    return VERSION_1.call(pallet, name, *arguments)


def remark(size: int) -> Call:
    """Return the simplest of calls."""
    return call("System", "remark", bytes(size))


def transfer(to: bytes, amount: int = UNIT) -> Call:
    """Return a transfer."""
    return call("Balances", "transfer_keep_alive", AddressId(to), amount)


SETTLEMENT = 1
"""The asset that the calls on assets are about; the first block makes it."""

KINDS: dict[str, Make] = {
    "System.remark, 32 bytes": lambda number, sender, other: remark(32),
    "System.remark, 1 kB": lambda number, sender, other: remark(1_000),
    "System.remark_with_event": lambda number, sender, other: call(
        "System", "remark_with_event", bytes(32)
    ),
    "Balances.transfer_keep_alive": lambda number, sender, other: transfer(other),
    "Balances.transfer_allow_death, new account": lambda number, sender, other: call(
        "Balances", "transfer_allow_death", AddressId(other[::-1]), UNIT
    ),
    "Balances.burn": lambda number, sender, other: call("Balances", "burn", UNIT, True),
    "Assets.create": lambda number, sender, other: call(
        "Assets", "create", SETTLEMENT + 1 + number, AddressId(other), 1
    ),
    "Assets.approve_transfer": lambda number, sender, other: call(
        "Assets", "approve_transfer", SETTLEMENT, AddressId(other), 5
    ),
    "Utility.batch of 10 transfers": lambda number, sender, other: call(
        "Utility", "batch", tuple(transfer(other) for _ in range(10))
    ),
    "Utility.as_derivative of a remark": lambda number, sender, other: call(
        "Utility", "as_derivative", 0, remark(32)
    ),
    "Proxy.add_proxy": lambda number, sender, other: call(
        "Proxy", "add_proxy", AddressId(other), ProxyType.Any, 0
    ),
    "Multisig.as_multi, opened": lambda number, sender, other: call(
        "Multisig", "as_multi", 2, (other,), None, remark(32), FULL
    ),
    "Preimage.note_preimage, 100 bytes": lambda number, sender, other: call(
        "Preimage", "note_preimage", number.to_bytes(100, "big")
    ),
    # The last: it leaves the senders nothing for a fee.
    "Balances.transfer_all": lambda number, sender, other: call(
        "Balances", "transfer_all", AddressId(other), True
    ),
}


def main() -> None:
    """Print every figure and the constants."""
    run = Run("weights")
    scale = REFERENCE_VERIFY / ed25519_verify_seconds()
    run.line("this core against the reference core", 1 / scale, "times")
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place), run.scaled(ACCOUNTS))
        empty = bench.empty_block() * scale
        limit = BASE_BLOCK.ref_time / 1e12
        run.line("empty block", empty * 1e6, "us", limit * 1e6)
        read, write = bench.read() * scale, 0.0
        run.line("cold read of an account", read * 1e6, "us", READ.ref_time / 1e6)
        found = {}
        count = run.scaled(CALLS)
        for kind, make in KINDS.items():
            each, declared, written = bench.block_of(make, count)
            found[kind] = (each - empty / scale / count) * scale
            run.line(kind, found[kind] * 1e6, "us", declared / 1e6)
            if kind == "Balances.transfer_keep_alive":
                write = (found[kind] - found["System.remark, 32 bytes"] - read) / (written / count)
        bench.close()
    if not run.options.json:
        propose_constants(empty, read, max(write, 0.0), found["System.remark, 32 bytes"])
    run.finish()


def propose_constants(empty: float, read: float, write: float, extrinsic: float) -> None:
    """Print the constants as they would stand in `gongshe/runtime/weights.py`."""
    print("proposed, with a margin of a quarter (a ratio above 1 means: declared too low):")
    for name, seconds, reads, declared in (
        ("READ", read, ", reads=1", READ),
        ("WRITE", write, "", WRITE),
        ("BASE_BLOCK", empty, "", BASE_BLOCK),
        ("BASE_EXTRINSIC", extrinsic, ", reads=1", BASE_EXTRINSIC),
    ):
        proposed = round(seconds * MARGIN * 1e6)
        print(f"{name} = cost({proposed:_}{reads})  # now {declared.ref_time // 1_000_000:_}")


class Bench:
    """A chain that is opened anew for each kind of call, so that nothing is in its caches."""

    def __init__(self, place: Path, accounts: int) -> None:
        self.chain = Chain(accounts)
        self.place = place
        self.store = self.chain.found(place / "chain")
        self.commit([call("Assets", "create", SETTLEMENT, AddressId(self.accounts[0]), 1)])

    @property
    def accounts(self) -> list[bytes]:
        """The chain's accounts that can sign, in the order of their numbers."""
        return self.chain.senders.accounts

    def close(self) -> None:
        """Close the database."""
        self.store.database.close()

    def reopen(self) -> None:
        """Forget everything that is in memory."""
        self.close()
        database = open_store(self.place / "chain", self.chain.genesis_hash)
        self.store = ChainStore.open(database)
        gc.collect()

    def read(self) -> float:
        """Return the seconds that a cold read of an account takes, decoded."""
        self.reopen()
        state = Overlay(self.store.states.executing(self.store.heads.best.block_hash))
        chosen = self.chain.senders.random.sample(self.accounts, min(5_000, len(self.accounts)))
        account = System(state, None).account  # type: ignore[arg-type]
        started = time.thread_time()
        for each in chosen:
            account[each]
        return (time.thread_time() - started) / len(chosen)

    def empty_block(self) -> float:
        """Return the seconds of a block without signed extrinsics."""
        return sum(self.commit([])[0] for _ in range(EMPTY_BLOCKS)) / EMPTY_BLOCKS

    def block_of(self, make: Make, count: int) -> tuple[float, int, int]:
        """Return seconds and declared picoseconds of each call, and how many keys all changed."""
        self.reopen()
        others = self.chain.senders.random.sample(self.accounts, count)
        calls = [make(number, self.accounts[number], others[number - 1]) for number in range(count)]
        seconds, included, written = self.commit(calls)
        declared = calls[0].info().weight.ref_time + BASE_EXTRINSIC.ref_time
        return seconds / included, declared, written

    def commit(self, calls: list[Call]) -> tuple[float, int, int]:
        """Author and keep a block of these calls; seconds, extrinsics and changed keys."""
        chain = self.chain
        raws = [self.signed(number, each) for number, each in enumerate(calls)]
        chain.slot += 1
        offered: list[DecodedExtrinsic] = []
        importer = Importer(self.store, SHIPPED, InlineVerifier(), Verified())
        started = time.thread_time()
        offered += [decode(VERSION_1, raw) for raw in raws]
        proposal = propose(
            self.store,
            SHIPPED,
            self.store.heads.best.block_hash,
            chain.slot,
            chain.now_ms,
            Offered(offered),  # type: ignore[arg-type]
            Verified(),
            lambda: False,
        )
        header = proposal.sealed(AUTHORITY.sign)
        importer.keep(header, proposal.slot, proposal.executed, finalize=header.hash)
        seconds = time.thread_time() - started
        results = proposal.executed.outcome.results[1:]
        failed = [each.failure for each in results if each.failure is not None]
        if failed or proposal.dropped:
            raise RuntimeError(f"a sample failed: {[*failed, *proposal.dropped][0]!r}")
        chain.senders.take_back(offered[len(results) :])
        return seconds, len(results), len(proposal.executed.outcome.changes)

    def signed(self, number: int, what: Call) -> bytes:
        """Return the sender's next extrinsic; its signature is not looked at here."""
        senders = self.chain.senders
        extra = encode_extra(None, senders.nonces[number], 0)
        senders.nonces[number] += 1
        encoded = VERSION_1.call_codec.encode(what)
        return encode_signed(self.accounts[number], int(senders.scheme), bytes(64), extra, encoded)


if __name__ == "__main__":
    main()
