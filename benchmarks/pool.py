"""What does it cost to keep an extrinsic waiting? To let it in, to order it, to let it go.

The limit is the least any ordered pool does, in the same run: one dictionary entry and one push
(to let in), one pop (to order), one deletion (to let go) for each extrinsic.
Run: python -m benchmarks.pool [--quick] [--json]
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from benchmarks.harness import Run
from gongshe.chain.pool import Pool
from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.extrinsic import Signature
from gongshe.primitives.types import AddressId
from gongshe.runtime.validity import DecodedExtrinsic, ValidTransaction, nonce_tag
from gongshe.runtime.versions import SHIPPED

ASSEMBLY = SHIPPED[max(SHIPPED)]
CALL = ASSEMBLY.call("Balances", "transfer_keep_alive", AddressId(bytes(32)), 10**9)
CALL_BYTES = ASSEMBLY.call_codec.encode(CALL)
INFO = CALL.info()

FULL = 20_000
"""Extrinsics of a full pool."""

BLOCK = 8_000
"""Extrinsics of a full block at the goal of 8 000 a second."""

FACTOR = 6_000
"""Priority of a transfer without a tip."""

Offer = tuple[DecodedExtrinsic, ValidTransaction]


def main() -> None:
    """Print the cost for each extrinsic, by what waits."""
    run = Run("pool")
    full, block = run.scaled(FULL), run.scaled(BLOCK)
    chance = Random(7)
    one = offers(full, accounts=full, tip=lambda: 0)
    tipped = offers(full, accounts=full, tip=lambda: chance.randrange(10**9))
    chains = offers(full, accounts=full // 20, tip=lambda: chance.randrange(10**9))
    for name, given in (
        ("one per account", one),
        ("one per account, tips", tipped),
        ("twenty per account, tips", chains),
    ):
        measure(run, name, given, block)
    pool = Pool()
    for extrinsic, valid in tipped:
        pool.submit(extrinsic, valid, 1, 0)
    better = offers(full // 4, full // 4, lambda: 10**9 + chance.randrange(10**9), first=full)
    if not run.options.quick:
        run.line("full pool, the least gives way", each_submit(pool, better), "µs")
    run.finish()


def measure(run: Run, name: str, given: list[Offer], block: int) -> None:
    """Print three lines for one kind of load."""
    least_in, least_order, least_out = least(given)
    gc.collect()
    pool = Pool()
    taken: list[DecodedExtrinsic] = []
    run.line(f"{name}: submit", each_submit(pool, given), "µs", least_in)

    def order() -> None:
        ready = pool.ready()
        taken.extend(next(ready) for _ in range(block))

    run.line(f"{name}: take a block", each(order, block), "µs", least_order)
    run.line(
        f"{name}: block imported",
        each(lambda: pool.block_imported(bytes(32), 2, taken), block),
        "µs",
        least_out,
    )


def offers(count: int, accounts: int, tip: Callable[[], int], first: int = 0) -> list[Offer]:
    """Return transfers of as many accounts, their nonces in order."""
    made = []
    for index in range(count):
        account = blake2_256((first + index % accounts).to_bytes(4, "little"))
        nonce = index // accounts
        raw = (first + index).to_bytes(8, "little") + bytes(137)
        signature = Signature(account, 1, bytes(64), None, nonce, tip())
        extrinsic = DecodedExtrinsic(
            raw, blake2_256(raw), signature, b"", CALL_BYTES, CALL, INFO, ASSEMBLY.spec_version
        )
        requires = (nonce_tag(account, nonce - 1),) if nonce else ()
        priority = FACTOR * (signature.tip + 1)
        provides = (nonce_tag(account, nonce),)
        made.append((extrinsic, ValidTransaction(priority, requires, provides, 64, True)))
    return made


def submit(pool: Pool, given: list[Offer]) -> None:
    """Let all of them in."""
    for extrinsic, valid in given:
        pool.submit(extrinsic, valid, 1, 0)


def each_submit(pool: Pool, given: list[Offer]) -> float:
    """Return the microseconds of letting one in."""
    return each(lambda: submit(pool, given), len(given))


def least(given: list[Offer]) -> tuple[float, float, float]:
    """Return the microseconds of a dictionary and a heap for one extrinsic: in, order, out."""
    held: dict[bytes, DecodedExtrinsic] = {}
    heap: list[tuple[int, int, bytes]] = []

    def let_in() -> None:
        for index, (extrinsic, valid) in enumerate(given):
            held[extrinsic.hash] = extrinsic
            heappush(heap, (-valid.priority, index, extrinsic.hash))

    def order() -> None:
        while heap:
            heappop(heap)

    def let_go() -> None:
        for extrinsic, _ in given:
            del held[extrinsic.hash]

    count = len(given)
    return each(let_in, count), each(order, count), each(let_go, count)


def each(action: Callable[[], object], count: int) -> float:
    """Return the microseconds that one of `count` takes."""
    before = time.perf_counter()
    action()
    return (time.perf_counter() - before) / count * 1e6


if __name__ == "__main__":
    main()
