"""A real development node whose process is killed before or after one of its writes.

    python -m tests.processes.dying_node FOLDER PORT WRITE before|after

For tests alone: the node that people run has no such door. Everything but the database's `write`
is the node's own; SIGKILL leaves it no moment to tidy up.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from gongshe.genesis.presets import dev
from gongshe.node.config import NodeConfig
from gongshe.node.run import run_node
from gongshe.storage.leveldb import LevelDatabase


def die_at(number: int, *, after: bool) -> None:
    """Let the process be killed at its n-th write; the first one founds the chain."""
    written, write = count(1), LevelDatabase.write

    def watched(self: LevelDatabase, batch: Mapping[bytes, bytes | None]) -> None:
        dying = next(written) == number
        if dying and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, batch)
        if dying:
            os.kill(os.getpid(), signal.SIGKILL)

    LevelDatabase.write = watched  # type: ignore[method-assign]


def main(folder: str, port: str, number: str, when: str) -> int:
    """Run until killed."""
    die_at(int(number), after=when == "after")
    config = NodeConfig(
        chain=dev(),
        base_path=Path(folder),
        author="//Alice",
        seal="instant",
        rpc_port=int(port),
        workers=1,
    )
    return run_node(config)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
