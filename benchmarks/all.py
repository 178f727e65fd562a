"""Run every benchmark, one after another, and say at the end which could not be run.

`python -m benchmarks.all [--quick] [--json]`; with --json each prints one object on a line.
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "harness",
    "codec",
    "codec",
    "signatures",
    "state_root",
    "block_import",
    "weights",
    "startup",
    "rpc_latency",
    "end_to_end",
    "peers",
)
"""From the smallest part to the whole, and at last beside others' nodes."""


def main() -> None:
    """Run all; the exit code is 1 if one failed."""
    failed = []
    for name in BENCHMARKS:
        if "--json" not in sys.argv:
            print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]])
        if done.returncode:
            failed.append(name)
    if failed:
        sys.exit(f"benchmarks that failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
