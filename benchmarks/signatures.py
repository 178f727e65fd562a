"""How fast signatures are checked: in this process, by workers, and beside a busy interpreter.

The limit of each line is the bare library's rate in one process times the processes that may run
at once; for the busy interpreter one core is taken. Run: `python -m benchmarks.signatures`.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Sequence

from benchmarks.harness import (
    MESSAGE,
    REPEATS,
    Run,
    ed25519_verify_seconds,
    seconds_each,
    sr25519_verify_seconds,
)
from gongshe.chain.signatures import InlineVerifier, SignatureJob, SignatureVerifier, job_digest
from gongshe.node.signature_process import frame_bytes
from gongshe.node.verifier import SignatureWorkers
from gongshe.primitives.crypto import Scheme, self_test
from gongshe.primitives.keys import Keypair

BATCH = 4_000
"""Jobs per batch: a large block."""


def main() -> None:
    """Print every figure."""
    run = Run("signatures")
    cores = os.cpu_count() or 1
    for scheme in Scheme:
        name, jobs = scheme.name.lower(), signed_jobs(scheme, run.scaled(BATCH))
        # The limit is measured between the samples it is compared with: neighbours come and go.
        bare, inline = interleaved(scheme, InlineVerifier(), jobs)
        run.line(f"{name} bare library, one process", bare, "/s")
        run.line(f"{name} inline", inline, "/s", bare)
        for count in sorted({1, 2, cores}):
            with SignatureWorkers(count) as workers:
                workers.submit(jobs[:100]).results()
                bare, found = interleaved(scheme, workers, jobs)
                run.line(f"{name} worker processes: {count}", found, "/s", bare * min(count, cores))
    beside_busy_interpreter(run)
    costs(run)
    run.finish()


def beside_busy_interpreter(run: Run) -> None:
    """Compare one worker with one thread while this interpreter runs Python all the time."""
    jobs = signed_jobs(Scheme.ED25519, run.scaled(BATCH))
    bare = 1 / ed25519_verify_seconds()
    with SignatureWorkers(1) as workers, BusyInterpreter():
        workers.submit(jobs[:100]).results()
        found = statistics.median(rate(workers, jobs) for _ in range(REPEATS))
    run.line("beside a busy interpreter, 1 worker", found, "/s", bare)
    few = jobs[: run.scaled(200)]
    with BusyInterpreter():
        found = statistics.median(rate(InlineVerifier(), few) for _ in range(REPEATS))
    run.line("beside a busy interpreter, 1 thread", found, "/s", bare)


def costs(run: Run) -> None:
    """Print what a signature costs the interpreter that hands it over, and one round trip."""
    verify_us = ed25519_verify_seconds() * 1e6
    jobs = signed_jobs(Scheme.ED25519, 1_000)
    framed = seconds_each(lambda: frame_bytes(jobs), 20) / len(jobs)
    run.line("framing, per signature", framed * 1e6, "us", verify_us)
    digest = seconds_each(lambda: job_digest(jobs[0]), 20_000)
    run.line("cache digest, per signature", digest * 1e6, "us", verify_us)
    with SignatureWorkers(1) as workers:
        workers.submit(jobs).results()
        started = time.thread_time()
        for _ in range(REPEATS):
            workers.submit(jobs).results()
        spent = (time.thread_time() - started) / (REPEATS * len(jobs))
        run.line("submit and results, processor time each", spent * 1e6, "us", verify_us)
        trip = seconds_each(lambda: workers.submit(jobs[:1]).results(), 100)
        run.line("round trip of a single signature", trip * 1e6, "us", verify_us)
    started = time.perf_counter()
    with SignatureWorkers(1) as workers:
        workers.submit(jobs[:1]).results()
        run.line(
            "a worker's start to its first answer", (time.perf_counter() - started) * 1e3, "ms"
        )
    run.line("self-test at start", seconds_each(self_test, 5) * 1e3, "ms")


class BusyInterpreter:
    """Keeps a thread of this interpreter in pure Python code until left."""

    def __enter__(self) -> None:
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._leave.set()
        self._thread.join()

    def _spin(self) -> None:
        total = 0
        while not self._leave.is_set():
            for number in range(1_000):
                total += number


def signed_jobs(scheme: Scheme, count: int) -> list[SignatureJob]:
    """Return `count` valid jobs with messages of the harness's size, each signed by itself."""
    key = Keypair.from_uri("//Alice", scheme)
    messages = [number.to_bytes(4, "little") + MESSAGE[4:] for number in range(count)]
    return [SignatureJob(scheme, key.public, key.sign(message), message) for message in messages]


def interleaved(
    scheme: Scheme, verifier: SignatureVerifier, jobs: Sequence[SignatureJob]
) -> tuple[float, float]:
    """Return the medians of the bare library's rate and of the verifier's, sampled in turn."""
    seconds = ed25519_verify_seconds if scheme == Scheme.ED25519 else sr25519_verify_seconds
    pairs = [(1 / seconds(1_000, 1), rate(verifier, jobs)) for _ in range(REPEATS)]
    return (
        statistics.median(bare for bare, _ in pairs),
        statistics.median(found for _, found in pairs),
    )


def rate(verifier: SignatureVerifier, jobs: Sequence[SignatureJob]) -> float:
    """Return the jobs answered in a second, all of them valid."""
    started = time.perf_counter()
    answers = verifier.submit(jobs).results()
    seconds = time.perf_counter() - started
    assert all(answers)
    return len(jobs) / seconds


if __name__ == "__main__":
    main()
