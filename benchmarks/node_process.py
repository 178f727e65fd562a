"""A real node for benchmarks: started by the real command, looked at from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.websocket import WebSocket
from benchmarks.workload import spec
from gongshe.genesis.spec import write_spec

COMMAND = Path(sys.executable).with_name("gongshe")
START_SECONDS = 120
"""Until a node must answer; far above the goal, which is measured and not enforced here."""
POLL_SECONDS = 0.01
MEBIBYTE = 1 << 20


class NodeProcess:
    """A running node."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log
        self.started = time.perf_counter()

    def wait(self) -> float:
        """Return the seconds from the start of the process to its first answer."""
        while True:
            try:
                client = WebSocket(self.port)
                client.ask("system_chain")
                client.close()
                return time.perf_counter() - self.started
            except OSError:
                waited = time.perf_counter() - self.started
                if self.process.poll() is not None or waited > START_SECONDS:
                    tail = self.log.read_text(errors="replace")[-2_000:]
                    raise RuntimeError(f"the node does not answer:\n{tail}") from None
                time.sleep(POLL_SECONDS)

    @property
    def processes(self) -> list[int]:
        """Return the node's process id and those of its children."""
        return [self.process.pid, *children_of(self.process.pid)]

    def memory(self) -> tuple[float, float]:
        """Return the resident mebibytes of the node alone and with its workers."""
        sizes = [resident_bytes(each) / MEBIBYTE for each in self.processes]
        return sizes[0], sum(sizes)

    def processor_seconds(self) -> tuple[float, float]:
        """Return processor time of the node alone and of its workers."""
        seconds = [spent_seconds(each) for each in self.processes]
        return seconds[0], sum(seconds[1:])


@contextmanager
def running_node(folder: Path, *options: str) -> Iterator[NodeProcess]:
    """Start a node, yield it at once, and stop it again."""
    port = free_port()
    log = folder / f"node-{port}.log"
    command = [str(COMMAND), *options, "--rpc-port", str(port), "--log", "warn"]
    with log.open("wb") as output:
        node = NodeProcess(subprocess.Popen(command, stdout=output, stderr=output), port, log)
    try:
        yield node
    finally:
        node.process.terminate()
        try:
            node.process.wait(30)
        except subprocess.TimeoutExpired:
            node.process.kill()
            node.process.wait()


def chain_options(folder: Path, accounts: list[bytes]) -> list[str]:
    """Write a chain spec with these accounts and return the options of a node that runs it."""
    file = folder / "spec.json"
    file.write_text(write_spec(spec(accounts)), encoding="utf-8")
    data = str(folder / "data")
    return ["run", "--chain", str(file), "--author", "//Alice", "--base-path", data]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(process: int) -> list[int]:
    """Return the ids of a process's children; none where the system does not tell."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
        return [int(each) for each in text.split()]
    except OSError:
        return []


def resident_bytes(process: int) -> int:
    """Return the memory of a process that is in use."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def spent_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
