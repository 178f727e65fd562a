"""A real node, started by the real command on a free port."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("gongshe")

START_SECONDS = 60
"""Far above the goal of three seconds: this suite judges what is answered, not how soon."""

STOP_SECONDS = 30
"""A node that does not stop in this time would be killed by a service manager too."""

POLL_SECONDS = 0.05

LOG_CHARACTERS = 8_000
"""The end of the log that a failed test shows."""


@dataclass(frozen=True)
class RunningNode:
    """A running node: where it listens, and where it writes what it does."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def is_running(self) -> bool:
        return self.process.poll() is None

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_CHARACTERS:]


@contextmanager
def running_node(folder: Path, *options: str) -> Iterator[RunningNode]:
    """Starts a development node, yields it once it has blocks, and demands a clean exit."""
    port, log = free_port(), folder / "node.log"
    command: list[str | Path] = [COMMAND, "dev"]
    command += ["--base-path", folder / "chain", "--rpc-port", str(port), *options]
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
    node = RunningNode(port, log, process)
    try:
        wait_for_blocks(node)
        yield node
        assert node.is_running(), f"the node ended by itself\n{node.log_tail()}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert process.returncode == 0, f"exit code {process.returncode}\n{node.log_tail()}"


def wait_for_blocks(node: RunningNode) -> None:
    """Returns once a block after genesis is final; fails as soon as the process has ended."""
    deadline = time.monotonic() + START_SECONDS
    while finalized_number(node.port) < 1:
        try:
            code = node.process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            assert time.monotonic() < deadline, f"no finalized block in time\n{node.log_tail()}"
        else:
            raise AssertionError(f"the node ended with {code} at start\n{node.log_tail()}")


def finalized_number(port: int) -> int:
    """The height of the finalized head, 0 while nobody answers."""
    try:
        head = ask(port, "chain_getFinalizedHead")
        return int(ask(port, "chain_getHeader", head)["number"], 16)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0


def ask(port: int, method: str, *parameters: object) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}",
        data=body.encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)["result"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
