"""A client's program run against a node, and the checks that it reported."""

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.clients.running_node import RunningNode

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent.parent

RUN_SECONDS = 900
"""Each check has its own deadline; this one only ends a program that no longer reports."""

LOOK_SECONDS = 1
"""How often the node is looked at: clients wait patiently for a node that has died."""


def require_checks(
    node: RunningNode, command: Sequence[str | Path], expected: Sequence[str]
) -> None:
    """Runs the program and demands that it reported these checks, in this order, all passed."""
    client = subprocess.Popen(
        [*command, "--keep-going"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output, complaints, end = read_to_end(client, node)
    reported: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    failures = [f"{line['check']}: {line['error']}" for line in reported if not line["ok"]]
    assert not end, "\n".join([end, *failures])
    assert not failures, "\n".join(failures)
    assert client.returncode == 0, f"exit code {client.returncode}\n{complaints[-4_000:]}"
    names = [line["check"] for line in reported]
    assert names == list(expected), f"reported, in this order: {names}"


def read_to_end(client: subprocess.Popen[str], node: RunningNode) -> tuple[str, str, str]:
    """What the program wrote to both streams, and why it was stopped, empty if it was not."""
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        try:
            return *client.communicate(timeout=LOOK_SECONDS), ""
        except subprocess.TimeoutExpired:
            end = f"no end in {RUN_SECONDS} s" if time.monotonic() > deadline else ""
            if not node.is_running():
                end = "the node ended by itself"
            if end:
                client.kill()
                return *client.communicate(), end
