"""The same blocks lead to the same states in every process, whatever its hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(hash_seed: str, *words: str) -> list[str]:
    """Run the script in a process of its own; return the lines it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.processes.replayed_chain", *words],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def demand_equal_replays(folder: Path, blocks: int, seed: int) -> None:
    file = str(folder / "chain.txt")
    made = run("1", "make", file, str(blocks), str(seed))
    assert len(made) == blocks + 1
    for hash_seed in ("0", "4242"):
        assert run(hash_seed, "replay", file) == made


def test_a_chain_with_calls_of_every_kind_replays_alike(tmp_path: Path) -> None:
    demand_equal_replays(tmp_path, blocks=60, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_long_chain_with_calls_of_every_kind_replays_alike(tmp_path: Path, seed: int) -> None:
    demand_equal_replays(tmp_path, blocks=1_000, seed=seed)
