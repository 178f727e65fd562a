"""Submit signed transfers to a node from another process, and see when blocks include them.

A node with 100 000 accounts is started by the real command, with blocks of one second. The load
process sends transfers that were signed before over eight WebSocket connections, first one by one,
then in batches of 20; the time runs from its first byte to the head that includes the last one.
The limit is a machine that does nothing but check signatures on all its cores.
Run: `python -m benchmarks.end_to_end [--transfers N]`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import Run, ed25519_verify_seconds
from benchmarks.node_process import NodeProcess, chain_options, running_node
from benchmarks.websocket import WebSocket
from benchmarks.workload import Senders

ACCOUNTS = 100_000
TRANSFERS = 40_000
"""Per figure: enough that the wait for the last block is a small part of the run."""

CONNECTIONS, WINDOW = 8, 64
"""Messages on the way per connection; in batches of 20 a quarter as many keep the node busy."""

IDLE_SECONDS = 60
"""Without one more transfer included after so long, the run has failed."""


def main() -> None:
    """Print every figure."""
    run = Run("end_to_end", options)
    verify = ed25519_verify_seconds()
    run.line("limit: ed25519 verify", verify * 1e6, "us")
    limit = (os.cpu_count() or 1) / verify
    senders = Senders(run.scaled(ACCOUNTS))
    count = min(run.scaled(run.options.transfers), len(senders.signers))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with running_node(folder, *chain_options(folder, senders.accounts)) as node:
            node.wait()
            for batch in (1, 20):
                measure(run, node, senders, count, batch, folder, limit)
            alone, together = node.memory()
            run.line("memory of the node after the traffic", alone, "MB")
            run.line("the same with its workers", together, "MB")
    run.finish()


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--transfers", type=int, default=TRANSFERS, help="per figure")


class Submitted(NamedTuple):
    """What one load came to; seconds are of processors, for each transfer."""

    included: float
    """Transfers a second from the load's first byte to the head that includes the last one."""
    accepted: float
    """Transfers a second until the node had answered all."""
    blocks: int
    repeated: int
    node: float
    workers: float
    load: float


def measure(
    run: Run,
    node: NodeProcess,
    senders: Senders,
    count: int,
    batch: int,
    folder: Path,
    limit: float,
) -> None:
    """Print the figures of one way to submit."""
    done = submit(node, senders, count, batch, folder)
    name = "one by one" if batch == 1 else f"in batches of {batch}"
    run.line(f"{name}, to inclusion", done.included, "/s", limit)
    run.line("  submission alone", done.accepted, "/s", limit)
    run.line("  blocks", done.blocks, "")
    run.line("  offered again to a full pool", done.repeated, "")
    run.line("  node's processor time", done.node * 1e6, "us each")
    run.line("  workers' processor time", done.workers * 1e6, "us each")
    run.line("  load's processor time", done.load * 1e6, "us each")


def submit(node: NodeProcess, senders: Senders, count: int, batch: int, folder: Path) -> Submitted:
    """Have another process submit so many transfers, and wait until blocks hold them all."""
    client = WebSocket(node.port)
    genesis = bytes.fromhex(client.ask("chain_getBlockHash", 0)[2:])
    file = folder / "extrinsics"
    file.write_text("\n".join(raw.hex() for raw in senders.transfers(count, genesis)))
    window = WINDOW if batch == 1 else WINDOW // 4
    before = node.processor_seconds()
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.load", str(node.port), str(file)),
            *(str(CONNECTIONS), str(window), str(batch), "author_submitExtrinsic"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        load.stdout.readline()
        head = client.ask("chain_getBlockHash")
        load.stdin.write("go\n")
        load.stdin.flush()
        ended, blocks = wait_until_included(client, head, count)
        said = json.loads(load.stdout.readline())
    after = node.processor_seconds()
    client.close()
    if said["refused"]:
        raise RuntimeError(f"the node refused transfers: {said['refused']}")
    return Submitted(
        count / (ended - said["started"]),
        count / (said["ended"] - said["started"]),
        blocks,
        said["repeated"],
        (after[0] - before[0]) / count,
        (after[1] - before[1]) / count,
        said["processor_seconds"] / count,
    )


def wait_until_included(client: WebSocket, head: str, count: int) -> tuple[float, int]:
    """Return when the block that held the last transfer was told, and how many held any."""
    client.ask("chain_subscribeNewHeads")
    included = blocks = 0
    heard = time.monotonic()
    seen: set[str] = {head}
    while True:
        # What the subscription says is only a hint: a head may have come before it.
        found, latest, told = [], client.ask("chain_getBlockHash"), time.time()
        while latest not in seen:
            found.append(latest)
            seen.add(latest)
            latest = client.ask("chain_getHeader", latest)["parentHash"]
        for block_hash in found:
            block = client.ask("chain_getBlock", block_hash)["block"]
            signed = len(block["extrinsics"]) - 1
            if signed:
                included, blocks, heard = included + signed, blocks + 1, time.monotonic()
        if included >= count:
            return told, blocks
        if time.monotonic() - heard > IDLE_SECONDS:
            raise RuntimeError(f"only {included} of {count} transfers were included")
        client.receive()


if __name__ == "__main__":
    main()
