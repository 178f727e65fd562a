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
    """Where a running node listens, and where it writes what it does."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_CHARACTERS:]


@contextmanager
def running_node(folder: Path, *options: str) -> Iterator[RunningNode]:
    """Starts a development node, yields it once it answers, stops it and demands a clean exit."""
    port = free_port()
    node = RunningNode(port, folder / "node.log")
    command: list[str | Path] = [
        COMMAND,
        "dev",
        "--base-path",
        folder / "chain",
        "--rpc-port",
        str(port),
        *options,
    ]
    with node.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_answer(process, node)
        yield node
        assert process.poll() is None, f"the node ended by itself\n{node.log_tail()}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert process.returncode == 0, f"exit code {process.returncode}\n{node.log_tail()}"


def wait_for_answer(process: subprocess.Popen[bytes], node: RunningNode) -> None:
    """Returns at the first RPC answer; fails as soon as the process has ended."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(node.port):
        try:
            code = process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            assert time.monotonic() < deadline, f"no RPC answer in time\n{node.log_tail()}"
        else:
            raise AssertionError(f"the node ended with {code} at start\n{node.log_tail()}")


def answers(port: int) -> bool:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "chain_getHeader", "params": []})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}",
        data=body.encode(),
        headers={"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return "result" in json.load(response)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
