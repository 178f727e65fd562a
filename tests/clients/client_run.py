"""A client's program run against a node, and the checks that it reported."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent.parent

RUN_SECONDS = 900
"""Each check has its own deadline; this one only ends a program that no longer reports."""


def require_checks(command: Sequence[str | Path], expected: Sequence[str]) -> None:
    """Runs the program and demands that it reported these checks, in this order, all passed."""
    try:
        run = subprocess.run(
            [*command, "--keep-going"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"no end in {RUN_SECONDS} s; so far: {late.stdout!r}") from late
    reported: list[dict[str, Any]] = [json.loads(line) for line in run.stdout.splitlines()]
    failures = [f"{line['check']}: {line['error']}" for line in reported if not line["ok"]]
    assert not failures, "\n".join(failures)
    assert run.returncode == 0, f"exit code {run.returncode}\n{run.stderr[-4_000:]}"
    assert [line["check"] for line in reported] == list(expected), run.stderr[-4_000:]
