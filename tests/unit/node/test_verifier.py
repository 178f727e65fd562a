"""Worker processes: answers, bounds, crashes and ends. The processes are real."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio

from gongshe.chain.signatures import (
    InlineVerifier,
    SignatureJob,
    VerifierBusyError,
    VerifierFailedError,
)
from gongshe.node import signature_process, signature_worker
from gongshe.node.signature_process import frame_bytes
from gongshe.node.verifier import SignatureWorkers, wait_for
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.keys import Keypair
from gongshe.primitives.records import replace

ENDED_WITHIN_SECONDS = 30
"""Far above what an exit takes; only a process that never ends reaches it."""

KEYS = [Keypair.from_uri("//Alice", scheme) for scheme in Scheme]


def mixed_jobs(count: int) -> list[SignatureJob]:
    """Return valid, forged and malformed jobs of both schemes, each sort in every frame."""
    sorts = []
    for key in KEYS:
        for message in (b"", b"transfer", bytes(5_000)):
            good = SignatureJob(key.scheme, key.public, key.sign(message), message)
            sorts += [
                good,
                replace(good, message=message + b"\0"),
                replace(good, scheme=signature_worker.REFUSED),
                replace(good, scheme=-1),
                replace(good, scheme=2),
                replace(good, public=b"\1" * 31),
                replace(good, signature=good.signature[:-1]),
                replace(good, public=b"", signature=b"", message=b""),
            ]
    return [sorts[index % len(sorts)] for index in range(count)]


def inline(jobs: Sequence[SignatureJob]) -> list[bool]:
    return InlineVerifier().submit(jobs).results()


def wait_for_end(process_id: int) -> None:
    """Return when a process, ours or not, has ended."""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], ENDED_WITHIN_SECONDS)
        assert ready, f"process {process_id} still runs"
    finally:
        os.close(descriptor)


@pytest.fixture(scope="module")
def workers() -> Iterator[SignatureWorkers]:
    with SignatureWorkers(2) as workers:
        yield workers


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 33, 256, 257, 1_500])
def test_answers_equal_those_of_the_inline_verifier(workers: SignatureWorkers, count: int) -> None:
    jobs = mixed_jobs(count)
    assert workers.submit(jobs).results() == inline(jobs)
    assert workers.jobs_waiting == 0


def test_many_threads_may_submit_at_once(workers: SignatureWorkers) -> None:
    batches = [mixed_jobs(count)[count % 7 :] for count in range(20, 320, 20)]
    found: dict[int, list[bool]] = {}

    def ask(index: int) -> None:
        found[index] = workers.submit(batches[index]).results()

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(len(batches))] == [inline(jobs) for jobs in batches]


def test_messages_larger_than_any_pipe_pass(workers: SignatureWorkers) -> None:
    message = bytes(3_000_000)
    key = KEYS[0]
    job = SignatureJob(key.scheme, key.public, key.sign(message), message)
    jobs = [job, replace(job, message=message[1:])] * 4
    tickets = [workers.submit(jobs) for _ in range(3)]
    assert [ticket.results() for ticket in tickets] == [[True, False] * 4] * 3


def test_a_ticket_can_be_awaited(workers: SignatureWorkers) -> None:
    jobs = mixed_jobs(100)

    async def ask_twice() -> list[list[bool]]:
        found = []

        async def ask() -> None:
            found.append(await wait_for(workers.submit(jobs)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
        return found

    assert trio.run(ask_twice) == [inline(jobs)] * 2


def test_waiting_may_be_cancelled_and_the_loop_may_be_gone() -> None:
    async def give_up() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await wait_for(ticket)
        assert scope.cancelled_caught

    with SignatureWorkers(1) as workers:
        os.kill(workers.process_ids[0], signal.SIGSTOP)
        ticket = workers.submit(mixed_jobs(300))
        trio.run(give_up)
        os.kill(workers.process_ids[0], signal.SIGCONT)
        assert ticket.results() == inline(mixed_jobs(300))
        assert workers.submit(mixed_jobs(20)).results() == inline(mixed_jobs(20))


def test_a_full_verifier_refuses_and_recovers() -> None:
    jobs = mixed_jobs(40)
    with SignatureWorkers(1, jobs_limit=100) as workers:
        (process_id,) = workers.process_ids
        assert workers.submit(jobs).results() == inline(jobs)
        os.kill(process_id, signal.SIGSTOP)
        tickets = [workers.submit(jobs) for _ in range(3)]
        with pytest.raises(VerifierBusyError, match=r"120 signatures .* the limits are 100"):
            workers.submit(jobs)
        os.kill(process_id, signal.SIGCONT)
        assert [ticket.results() for ticket in tickets] == [inline(jobs)] * 3
        assert workers.submit(jobs).results() == inline(jobs)


def test_long_messages_count_by_their_bytes() -> None:
    with SignatureWorkers(1, bytes_limit=100_000) as workers:
        (process_id,) = workers.process_ids
        os.kill(process_id, signal.SIGSTOP)
        job = replace(mixed_jobs(1)[0], message=bytes(100_000))
        ticket = workers.submit([job])
        with pytest.raises(VerifierBusyError, match="submit the batch again later"):
            workers.submit([job])
        os.kill(process_id, signal.SIGCONT)
        assert ticket.results() == [False]


def test_a_killed_worker_is_replaced_and_no_answer_is_lost() -> None:
    jobs = mixed_jobs(2_000)
    with SignatureWorkers(2) as workers:
        assert workers.submit(jobs[:40]).results() == inline(jobs[:40])
        victim, survivor = workers.process_ids
        os.kill(victim, signal.SIGSTOP)
        ticket = workers.submit(jobs)
        os.kill(victim, signal.SIGKILL)
        assert ticket.results() == inline(jobs)
        assert workers.restarts == 1
        assert victim not in workers.process_ids
        assert survivor in workers.process_ids
        wait_for_end(victim)


def test_an_idle_worker_may_be_killed_again_and_again() -> None:
    with SignatureWorkers(1) as workers:
        for round_number in range(1, 4):
            assert workers.submit(mixed_jobs(20)).results() == inline(mixed_jobs(20))
            os.kill(workers.process_ids[0], signal.SIGKILL)
            assert workers.submit(mixed_jobs(20)).results() == inline(mixed_jobs(20))
            assert workers.restarts == round_number


def pretend_worker(monkeypatch: pytest.MonkeyPatch, place: Path, script: str) -> None:
    """Start a shell script in the place of every worker."""
    program = place / "worker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


GREETS = f"echo '{signature_worker.GREETING.decode().strip()}'"


def test_a_frame_lost_twice_breaks_the_verifier(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_worker(monkeypatch, tmp_path, f"{GREETS}; head -c 1 > {os.devnull}; exit 9")
    with SignatureWorkers(1) as workers:
        broken = r"ended twice over the same frame \(exit status 9\)"
        with pytest.raises(VerifierFailedError, match=broken):
            workers.submit(mixed_jobs(20)).results()
        assert workers.restarts == 1
        with pytest.raises(VerifierFailedError, match=broken):
            workers.submit(mixed_jobs(20))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", r"ended before it was ready \(exit status 3\)"),
        ("echo 'some quite different program'; cat", "expected greeting"),
        (
            f"{GREETS}; head -c 12 > {os.devnull}; echo 'nonsense'; cat",
            "the signature verifier broke",
        ),
    ],
)
def test_workers_that_are_none_break_the_verifier(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    monkeypatch.setattr(signature_process, "STOP_SECONDS", 1)
    pretend_worker(monkeypatch, tmp_path, script)
    workers = SignatureWorkers(2)
    with pytest.raises(VerifierFailedError, match=reason):
        workers.submit(mixed_jobs(1)).results()
    workers.close()


def test_a_worker_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(VerifierFailedError, match="could not be started"):
        SignatureWorkers(1)


def test_closing_fails_what_is_unanswered_and_ends_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signature_process, "STOP_SECONDS", 0.01)
    workers = SignatureWorkers(2)
    process_ids = workers.process_ids
    assert workers.submit(mixed_jobs(40)).results() == inline(mixed_jobs(40))
    for process_id in process_ids:
        os.kill(process_id, signal.SIGSTOP)  # so it neither answers nor ends by itself
    ticket = workers.submit(mixed_jobs(4_000))
    called = threading.Event()
    ticket.notify(called.set)
    workers.close()
    workers.close()

    assert called.is_set()
    with pytest.raises(VerifierFailedError, match="was closed"):
        ticket.results()
    with pytest.raises(VerifierFailedError, match="was closed"):
        workers.submit(mixed_jobs(1))
    for process_id in process_ids:
        wait_for_end(process_id)


def test_no_worker_outlives_a_killed_node() -> None:
    node = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from gongshe.node.verifier import SignatureWorkers\n"
            "workers = SignatureWorkers(2)\n"
            "print(*workers.process_ids, flush=True)\n"
            "sys.stdin.read()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with node:
        assert node.stdout is not None
        process_ids = [int(word) for word in node.stdout.readline().split()]
        assert len(process_ids) == 2
        node.kill()
    for process_id in process_ids:
        wait_for_end(process_id)


def start_worker() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gongshe.node.signature_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_worker_ignores_the_signals_meant_for_its_node() -> None:
    with start_worker() as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == signature_worker.GREETING
        for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            worker.send_signal(sent)
        jobs = mixed_jobs(10)
        found, _ = worker.communicate(frame_bytes(jobs))
        assert found == struct.pack("<I", 10) + bytes(inline(jobs))
        assert worker.returncode == 0


@pytest.mark.parametrize("length", [1, 11, 12, 40])
def test_a_worker_ends_quietly_when_its_input_ends_within_a_frame(length: int) -> None:
    with start_worker() as worker:
        found, _ = worker.communicate(frame_bytes(mixed_jobs(1))[:length])
        assert found == signature_worker.GREETING
        assert worker.returncode == 0


def test_a_worker_carries_little() -> None:
    program = (
        "import sys, gongshe.node.signature_worker\n"
        "print(*(name for name in sys.modules if name.startswith('gongshe')))\n"
        "print([line for line in open('/proc/self/status') if line.startswith('VmRSS')][0])\n"
    )
    listing = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert set(listing[0].split()) == {
        "gongshe",
        "gongshe.node",
        "gongshe.node.signature_worker",
        "gongshe.primitives",
        "gongshe.primitives.crypto",
        "gongshe.primitives.signature_cases",
    }
    assert int(listing[1].split()[1]) < 25 * 1024, "kilobytes of resident memory"
