"""Signatures checked in worker processes, fed with batches through pipes.

Threads beside a busy interpreter check some 200 signatures a second, processes 20,000 a core. One
input/output thread moves frames; `submit` writes to idle workers itself and never waits for them.

* Bound: a batch is refused with `VerifierBusyError` while as many jobs, or bytes, as the limits
  allow are waiting already. So at most one batch more than the limits is ever held.
* A worker that dies is replaced, and what it had not answered goes to the replacement. A worker
  that cannot start, or a frame that was lost twice, breaks the whole verifier: every ticket and
  every later `submit` raises `VerifierFailedError`, on which a node stops.
* No worker outlives the node: each ends when its input ends, even if the node was killed.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import trio

from gongshe.chain.signatures import (
    AnsweredTicket,
    SignatureJob,
    Ticket,
    VerifierBusyError,
    VerifierFailedError,
)
from gongshe.node.signature_process import Frame, WorkerProcess, WorkersTicket

JOBS_LIMIT = 65_536
"""Jobs waiting before a batch is refused: several full blocks, some seconds of work."""
BYTES_LIMIT = 64 * 1024 * 1024
"""Framed bytes waiting before a batch is refused; long messages reach it before the jobs do."""
FRAME_JOBS = 256
"""Jobs in one frame at most: some ten milliseconds of work, so that workers stay balanced."""
SPLIT_JOBS = 16
"""A batch is not split into frames smaller than this: the pipe would cost more than it saves."""
FRAMES_AHEAD = 2
"""Frames a worker holds, so that it never waits for this interpreter between two."""

log = logging.getLogger(__name__)


class SignatureWorkers:
    """A verifier of `count` worker processes (one per processor unless told otherwise)."""

    def __init__(
        self,
        count: int | None = None,
        jobs_limit: int = JOBS_LIMIT,
        bytes_limit: int = BYTES_LIMIT,
    ) -> None:
        self.restarts = 0
        """Workers replaced since the start; a metric."""
        self._jobs_limit = jobs_limit
        self._bytes_limit = bytes_limit
        self._jobs_waiting = 0
        self._bytes_waiting = 0
        self._queue: deque[Frame] = deque()
        self._failure: VerifierFailedError | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._workers: list[WorkerProcess] = []
        self._count = max(1, count or os.cpu_count() or 1)
        try:
            for _ in range(self._count):
                self._start_worker()
        except OSError as error:
            self._stop()
            raise VerifierFailedError(f"a signature worker could not be started: {error}") from None
        self._thread = threading.Thread(target=self._serve, name="signatures", daemon=True)
        self._thread.start()

    def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
        """Take a batch and return at once; refused as the top of this file says."""
        if not jobs:
            return AnsweredTicket([])
        with self._lock:
            self._refuse_if_full()
        # Framing is the caller's own work; other callers need not wait for it.
        size = min(FRAME_JOBS, max(SPLIT_JOBS, -(-len(jobs) // self._count)))
        starts = range(0, len(jobs), size)
        ticket = WorkersTicket(len(jobs), len(starts))
        frames = [Frame(ticket, start, jobs[start : start + size]) for start in starts]
        with self._lock:
            self._refuse_if_full()
            self._jobs_waiting += len(jobs)
            self._bytes_waiting += sum(len(frame.data) for frame in frames)
            self._queue.extend(frames)
            self._feed()
        return ticket

    def close(self) -> None:
        """Stop the workers; tickets without an answer raise `VerifierFailedError`."""
        with self._lock:
            if self._failure is None:
                self._failure = VerifierFailedError("the signature verifier was closed")
            self._wake()
        self._thread.join()

    @property
    def process_ids(self) -> list[int]:
        """The workers' process ids."""
        with self._lock:
            return [worker.process.pid for worker in self._workers]

    @property
    def jobs_waiting(self) -> int:
        """Jobs submitted and not answered; a metric."""
        return self._jobs_waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _refuse_if_full(self) -> None:
        if self._failure is not None:
            raise VerifierFailedError(str(self._failure))
        if self._jobs_waiting >= self._jobs_limit or self._bytes_waiting >= self._bytes_limit:
            raise VerifierBusyError(
                f"{self._jobs_waiting} signatures ({self._bytes_waiting} bytes) are waiting, the "
                f"limits are {self._jobs_limit} ({self._bytes_limit}); submit the batch again later"
            )

    def _start_worker(self) -> None:
        worker = WorkerProcess()
        self._workers.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)

    def _feed(self) -> None:
        """Hand queued frames to workers with room, one to each in turn. Needs the lock."""
        for _ in range(FRAMES_AHEAD):
            for worker in self._workers:
                if self._queue and len(worker.frames) < FRAMES_AHEAD:
                    worker.take(self._queue.popleft())
        if any(worker.unsent for worker in self._workers):
            self._wake()

    def _wake(self) -> None:
        """Make the thread look again; a full pipe has it awake already. Needs the lock."""
        with suppress(BlockingIOError):
            if not self._stopped:
                os.write(self._wake_write, b"\0")

    def _serve(self) -> None:
        """Move frames and answers until the verifier fails or is closed; the thread's work."""
        try:
            while self._failure is None:
                self._watch_unsent()
                done: list[WorkersTicket] = []
                try:
                    for key, _ in self._selector.select():
                        with self._lock:
                            self._handle(key.fileobj, key.data, done)
                finally:
                    for ticket in done:
                        ticket.finish(None)
        except Exception as error:
            log.exception("the signature verifier broke")
            self._failure = VerifierFailedError(f"the signature verifier broke: {error}")
        finally:
            self._stop()

    def _watch_unsent(self) -> None:
        """Watch the inputs of exactly those workers that have bytes left to be written."""
        watched = self._selector.get_map()
        with self._lock:
            for worker in self._workers:
                if worker.unsent and worker.input not in watched:
                    self._selector.register(worker.input, selectors.EVENT_WRITE, worker)
                elif not worker.unsent and worker.input in watched:
                    self._selector.unregister(worker.input)

    def _handle(
        self, file: object, worker: WorkerProcess | None, done: list[WorkersTicket]
    ) -> None:
        """Act on one ready pipe. Needs the lock."""
        if worker is None:
            os.read(self._wake_read, 4096)
        elif worker not in self._workers:
            pass  # replaced by an earlier event of the same round
        elif file == worker.input:
            if not worker.send():
                self._replace(worker)
        elif (answered := worker.receive()) is None:
            self._replace(worker)
        else:
            for frame in answered:
                self._jobs_waiting -= frame.count
                self._bytes_waiting -= len(frame.data)
                if frame.ticket.complete():
                    done.append(frame.ticket)
            self._feed()

    def _replace(self, worker: WorkerProcess) -> None:
        """Put a new worker in the place of a dead one, or give up. Needs the lock."""
        self._selector.unregister(worker.output)
        with suppress(KeyError):
            self._selector.unregister(worker.input)
        self._workers.remove(worker)
        status = worker.stop()
        lost_again = any(frame.lost for frame in worker.frames)
        self._queue.extendleft(reversed(worker.frames))
        if lost_again or not worker.greeted:
            reason = "twice over the same frame" if lost_again else "before it was ready"
            self._failure = VerifierFailedError(
                f"a signature worker ended {reason} (exit status {status}); "
                "its own message, if any, is on standard error"
            )
            return
        log.warning("a signature worker ended with status %s and is replaced", status)
        for frame in worker.frames:
            frame.lost = True
        self.restarts += 1
        self._start_worker()
        self._feed()

    def _stop(self) -> None:
        """End the workers and fail what is unanswered; the thread's last act."""
        with self._lock:
            failure = self._failure or VerifierFailedError("the signature verifier was closed")
            frames = [*self._queue]
            for worker in self._workers:
                frames.extend(worker.frames)
            self._queue.clear()
            self._selector.close()
            for worker in self._workers:
                worker.hang_up()
            for worker in self._workers:
                worker.stop()
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._stopped = True
        for frame in frames:
            frame.ticket.finish(failure)


async def wait_for(ticket: Ticket) -> list[bool]:
    """Return a ticket's results without holding up trio; may be cancelled, the work goes on."""
    token, done = trio.lowlevel.current_trio_token(), trio.Event()

    def wake() -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    ticket.notify(wake)
    await done.wait()
    return ticket.results()
