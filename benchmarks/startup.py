"""Time the start of a node to its first answer, and weigh the memory it keeps.

A fresh development chain, and a chain of 100 000 accounts: founded, then started again from its
data. The limit of the time is the bare interpreter importing the same libraries.
Run: `python -m benchmarks.startup`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Run
from benchmarks.node_process import NodeProcess, chain_options, running_node
from benchmarks.websocket import WebSocket
from benchmarks.workload import Senders

ACCOUNTS = 100_000
TRANSFERS = 20_000
STARTS = 3

LIBRARIES = "import asyncio, click, h11, msgspec, nacl.bindings, plyvel, sr25519, trio, wsproto"


def main() -> None:
    """Print every figure."""
    run = Run("startup")
    limit = statistics.median(interpreter_seconds() for _ in range(STARTS))
    run.line("limit: interpreter and libraries", limit, "s")
    with tempfile.TemporaryDirectory() as place:
        found = [started(Path(place), "dev", "--tmp") for _ in range(STARTS)]
        seconds = statistics.median(each[0] for each in found)
        run.line("development chain, to the first answer", seconds, "s", limit)
        run.line("  memory at the start", statistics.median(each[1] for each in found), "MB")
    senders = Senders(run.scaled(ACCOUNTS))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        options = chain_options(folder, senders.accounts)
        first = started(folder, *options)
        name = f"{len(senders.accounts)} accounts"
        run.line(f"{name}, founding", first[0], "s")
        with running_node(folder, *options) as node:
            run.line(f"{name}, started again", node.wait(), "s", limit)
            alone, together = node.memory()
            run.line("  memory at the start", alone, "MB")
            count = min(run.scaled(TRANSFERS), len(senders.signers))
            submit(node, senders, folder, count)
            alone, together = node.memory()
            run.line(f"  memory after {count} transfers", alone, "MB")
            run.line("  the same with its workers", together, "MB")
    run.finish()


def interpreter_seconds() -> float:
    """Return what an interpreter takes to import the libraries that a node needs, and to end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    return time.perf_counter() - began


def started(folder: Path, *options: str) -> tuple[float, float]:
    """Start a node, stop it, and return the seconds to its first answer and its megabytes."""
    with running_node(folder, *options) as node:
        return node.wait(), node.memory()[0]


def submit(node: NodeProcess, senders: Senders, folder: Path, count: int) -> None:
    """Have the node take so many transfers, and wait until it has a block after them."""
    client = WebSocket(node.port)
    genesis = bytes.fromhex(client.ask("chain_getBlockHash", 0)[2:])
    file = folder / "extrinsics"
    file.write_text("\n".join(raw.hex() for raw in senders.transfers(count, genesis)))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.load", str(node.port), str(file)),
            *("4", "16", "20", "author_submitExtrinsic"),
        ],
        input="go\n",
        capture_output=True,
        text=True,
        check=True,
    )
    refused = json.loads(done.stdout.splitlines()[-1])["refused"]
    if refused:
        raise RuntimeError(f"the node refused transfers: {refused}")
    client.ask("chain_subscribeNewHeads")
    for _ in range(4):
        client.receive()
    client.close()


if __name__ == "__main__":
    main()
