"""What every benchmark shares: the limits of this machine in this run, and one form of report.

A wall-clock figure says little on a shared machine, so each line names the limit it is divided by:
a bare library loop measured minutes before in the same process. Typical use:

    run = Run("signatures")                      # parses --json and --quick
    limit = 1 / ed25519_verify_seconds()
    run.line("inline", rate, "/s", limit)        # prints name, value, unit, limit, ratio
    run.finish()                                 # load of the machine, then JSON if asked
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import plyvel
import sr25519
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]

FOREIGN_LOAD_LIMIT = 0.10
"""Above this share of the machine taken by others, a run's figures are not to be quoted."""
REPEATS = 5
"""Samples per figure; the median is reported."""
MESSAGE = bytes(120)
"""The size of a transfer's signed payload."""


class Run:
    """One benchmark run: its options, its lines, and the load it met."""

    def __init__(self, name: str, extend: Callable[[argparse.ArgumentParser], None] | None = None):
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
        parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
        parser.add_argument(
            "--quick", action="store_true", help="fewer samples, only to see it run"
        )
        if extend is not None:
            extend(parser)
        self.name = name
        self.options = parser.parse_args()
        self.lines: list[dict[str, object]] = []
        self._started = _Usage()
        self._say(f"{'name':<44}{'value':>12} {'unit':<10}{'limit':>12}{'ratio':>8}")

    def scaled(self, count: int) -> int:
        """Return `count`, or a tenth of it under `--quick`."""
        return max(1, count // 10) if self.options.quick else count

    def line(self, name: str, value: float, unit: str, limit: float | None = None) -> None:
        """Record and print one figure; `limit` is what the machine could do at best, same unit."""
        ratio = None if limit is None else value / limit
        self.lines.append(
            {"name": name, "value": value, "unit": unit, "limit": limit, "ratio": ratio}
        )
        limit_text = "" if limit is None else _figure(limit)
        ratio_text = "" if ratio is None else f"{ratio:.3f}"
        self._say(f"{name:<44}{_figure(value):>12} {unit:<10}{limit_text:>12}{ratio_text:>8}")

    def finish(self) -> None:
        """Print the load met during the run; under `--json`, print everything as one object."""
        foreign = self._started.foreign_share()
        load = os.getloadavg()[0]
        verdict = "" if foreign <= FOREIGN_LOAD_LIMIT else "  (too busy: do not quote)"
        self._say(
            f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, load average {load:.2f}, "
            f"taken by others {foreign:.0%}{verdict}"
        )
        if self.options.json:
            print(
                json.dumps(
                    {
                        "benchmark": self.name,
                        "cores": os.cpu_count(),
                        "python": sys.version.split()[0],
                        "load_average": load,
                        "foreign_share": foreign,
                        "quotable": foreign <= FOREIGN_LOAD_LIMIT and not self.options.quick,
                        "lines": self.lines,
                    }
                )
            )

    def _say(self, text: str) -> None:
        if not self.options.json:
            print(text, flush=True)


def seconds_each(action: Callable[[], object], count: int, repeats: int = REPEATS) -> float:
    """Return the median over `repeats` of the seconds one call takes in a loop of `count` calls."""
    samples = []
    for _ in range(repeats):
        started = time.perf_counter()
        for _ in range(count):
            action()
        samples.append((time.perf_counter() - started) / count)
    return statistics.median(samples)


def ed25519_verify_seconds(count: int = 1_000, repeats: int = REPEATS) -> float:
    """Limit v: one ed25519 check by the bare library, one core."""
    public = ffi.new("unsigned char[]", 32)
    secret = ffi.new("unsigned char[]", 64)
    signed = ffi.new("unsigned char[]", 64 + len(MESSAGE))
    lib.crypto_sign_seed_keypair(public, secret, bytes(32))
    lib.crypto_sign(signed, ffi.NULL, MESSAGE, len(MESSAGE), secret)
    key, raw, check, null = bytes(ffi.buffer(public)), bytes(ffi.buffer(signed)), _open, ffi.NULL
    assert check(null, null, raw, len(raw), key) == 0
    return seconds_each(lambda: check(null, null, raw, len(raw), key), count, repeats)


def sr25519_verify_seconds(count: int = 1_000, repeats: int = REPEATS) -> float:
    """One sr25519 check by the bare library, one core."""
    pair = sr25519.pair_from_seed(bytes(32))
    signature, check = sr25519.sign(pair, MESSAGE), sr25519.verify
    assert check(signature, MESSAGE, pair[0])
    return seconds_each(lambda: check(signature, MESSAGE, pair[0]), count, repeats)


def hash_seconds(length: int, count: int = 20_000) -> float:
    """Limit h(length): one blake2b-256, of 64 bytes or of 512 (a full trie branch) usually."""
    data = bytes(length)
    return seconds_each(lambda: blake2b(data, digest_size=32).digest(), count)


def database_seconds(records: int = 100_000, directory: Path | None = None) -> tuple[float, float]:
    """Limits g and p: one LevelDB get of a warm key, one put within an unsynced batch of 1,000.

    32-byte keys and 40-byte values; `directory` says on which disk.
    """
    keys = [blake2b(b"%d" % number, digest_size=32).digest() for number in range(records)]
    with tempfile.TemporaryDirectory(dir=directory) as place:
        database = plyvel.DB(place, create_if_missing=True)
        started = time.perf_counter()
        for offset in range(0, records, 1_000):
            with database.write_batch() as batch:
                for key in keys[offset : offset + 1_000]:
                    batch.put(key, key + bytes(8))
        put = (time.perf_counter() - started) / records
        sought = iter(keys * 2)
        get = seconds_each(lambda: database.get(next(sought)), records // REPEATS)
        database.close()
    return get, put


def sync_seconds(count: int = 50, directory: Path | None = None) -> float:
    """Limit f: fdatasync after appending 4 KiB; `directory` says on which disk."""
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        page = bytes(4096)

        def append() -> None:
            file.write(page)
            os.fdatasync(file.fileno())

        return seconds_each(append, count)


def loop_seconds(count: int = 1_000_000) -> float:
    """One turn of an empty-handed Python loop: says how fast the interpreter runs here."""
    started = time.perf_counter()
    total = 0
    for number in range(count):
        total += number
    return (time.perf_counter() - started) / count


def calibrate(run: Run) -> None:
    """Print the machine's limits as lines without a limit of their own."""
    run.line("limit: ed25519 verify", ed25519_verify_seconds() * 1e6, "us")
    run.line("limit: sr25519 verify", sr25519_verify_seconds() * 1e6, "us")
    run.line("limit: blake2b-256 of 64 bytes", hash_seconds(64) * 1e6, "us")
    run.line("limit: blake2b-256 of 512 bytes", hash_seconds(512) * 1e6, "us")
    get, put = database_seconds(run.scaled(100_000))
    run.line("limit: database get", get * 1e6, "us")
    run.line("limit: database put in a batch", put * 1e6, "us")
    run.line("limit: fdatasync of 4 KiB", sync_seconds() * 1e6, "us")
    run.line("limit: Python loop turn", loop_seconds() * 1e9, "ns")


class _Usage:
    """Processor time spent by the machine and by us since construction."""

    def __init__(self) -> None:
        self._busy, self._total = _machine_seconds()
        self._own = _own_seconds()

    def foreign_share(self) -> float:
        """Return which part of the machine's time went to processes other than ours."""
        busy, total = _machine_seconds()
        foreign = (busy - self._busy) - (_own_seconds() - self._own)
        return max(0.0, foreign / max(total - self._total, 1e-9))


def _machine_seconds() -> tuple[float, float]:
    """Return busy and total seconds of all cores since boot; zeros where nothing tells."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except OSError:
        return 0.0, 0.0
    ticks = [int(field) for field in fields]
    idle = ticks[3] + ticks[4]
    hertz = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - idle) / hertz, sum(ticks) / hertz


def _own_seconds() -> float:
    """Return our seconds and those of children already waited for: stop children before finish."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


_open: Callable[[object, object, bytes, int, bytes], int] = lib.crypto_sign_open


def main() -> None:
    """Print this machine's limits alone."""
    run = Run("harness")
    calibrate(run)
    run.finish()


if __name__ == "__main__":
    main()
