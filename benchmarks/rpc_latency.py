"""Time a storage read over JSON-RPC, while the node is idle and while it imports.

One client reads random accounts over a WebSocket, one request after another; under import another
process submits transfers, so that the node judges, authors, executes and commits meanwhile. The
limit is a round trip to a process that only echoes the same bytes.
Run: `python -m benchmarks.rpc_latency`.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.harness import Run
from benchmarks.node_process import chain_options, running_node
from benchmarks.websocket import WebSocket
from benchmarks.workload import Senders
from gongshe.runtime.pallets.system import System

ACCOUNTS = 100_000
READS = 5_000
TRANSFERS = 40_000
"""Submitted meanwhile: more than the reads take time for."""

RATE = 2_000
"""Reads are spaced so that they do not become the load themselves, in reads a second."""


def main() -> None:
    """Print every figure."""
    run = Run("rpc_latency")
    echo = percentiles(echo_seconds(run.scaled(READS)))
    run.line("limit: echo over loopback, p50", echo[0] * 1e3, "ms")
    run.line("limit: echo over loopback, p99", echo[1] * 1e3, "ms")
    senders = Senders(run.scaled(ACCOUNTS))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with running_node(folder, *chain_options(folder, senders.accounts)) as node:
            node.wait()
            client = WebSocket(node.port)
            report(run, "idle", reads(client, senders.accounts, run.scaled(READS)), echo)
            genesis = bytes.fromhex(client.ask("chain_getBlockHash", 0)[2:])
            file = folder / "extrinsics"
            count = min(run.scaled(TRANSFERS), len(senders.signers))
            file.write_text("\n".join(raw.hex() for raw in senders.transfers(count, genesis)))
            with subprocess.Popen(
                [
                    *(sys.executable, "-m", "benchmarks.load", str(node.port), str(file)),
                    *("8", "16", "20", "author_submitExtrinsic"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as load:
                assert load.stdin is not None
                assert load.stdout is not None
                load.stdout.readline()
                load.stdin.write("go\n")
                load.stdin.flush()
                found = []
                while load.poll() is None and len(found) < run.scaled(READS):
                    found += reads(client, senders.accounts, 50)
                report(run, "under import", found, echo)
                load.stdout.read()
    run.finish()


def reads(client: WebSocket, accounts: list[bytes], count: int) -> list[float]:
    """Return the seconds that each of some reads took."""
    found = []
    for account in random.Random(count).choices(accounts, k=count):
        key = "0x" + System.account.key(account).hex()
        started = time.perf_counter()
        value = client.ask("state_getStorage", key)
        found.append(time.perf_counter() - started)
        assert value is not None
        time.sleep(max(0.0, 1 / RATE - found[-1]))
    return found


def report(run: Run, name: str, found: list[float], echo: tuple[float, float]) -> None:
    """Print median and 99th percentile."""
    middle, late = percentiles(found)
    run.line(f"storage read, {name}, p50", middle * 1e3, "ms", echo[0] * 1e3)
    run.line(f"storage read, {name}, p99", late * 1e3, "ms", echo[1] * 1e3)


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def echo_seconds(count: int) -> list[float]:
    """Return what round trips of a read's bytes take with a thread that only sends them back."""
    asked = bytes(250)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_echo, args=(server,), daemon=True)
        thread.start()
        found = []
        with socket.create_connection(server.getsockname()) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                started = time.perf_counter()
                client.sendall(asked)
                client.recv(4096)
                found.append(time.perf_counter() - started)
                time.sleep(1 / RATE)
        thread.join()
    return found


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(4096):
            connection.sendall(data)


if __name__ == "__main__":
    main()
