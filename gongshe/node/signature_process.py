"""One signature worker as the node sees it: the process, its frames, the tickets they answer."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gongshe.chain.signatures import SignatureJob, VerifierFailedError
from gongshe.node.signature_worker import ANSWER_HEADER, GREETING, QUESTION_HEADER, REFUSED

PIPE_BYTES = 1024 * 1024
"""Asked for each worker's input, so that a frame is written at once; refusal only costs speed."""
STOP_SECONDS = 5.0
"""A worker told to stop finishes one frame first; after this it is killed."""


class WorkersTicket:
    """A batch whose frames are answered one by one, in any order."""

    def __init__(self, jobs: int, frames: int) -> None:
        self.answers = bytearray(jobs)
        self._frames_left = frames
        self._failure: VerifierFailedError | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._finished = threading.Event()

    def results(self) -> list[bool]:
        """Wait for every frame, then return one answer per job, in order."""
        self._finished.wait()
        if self._failure is not None:
            raise VerifierFailedError(str(self._failure))
        return [answer == 1 for answer in self.answers]

    def notify(self, callback: Callable[[], None]) -> None:
        """Call `callback` once every frame is answered, from the thread that noticed."""
        with self._lock:
            if not self._finished.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def complete(self) -> bool:
        """Count one answered frame and say whether it was the last."""
        self._frames_left -= 1
        return self._frames_left == 0

    def finish(self, failure: VerifierFailedError | None) -> None:
        """Let `results` return or raise; only the first call counts."""
        with self._lock:
            if self._finished.is_set():
                return
            self._failure = failure
            self._finished.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Frame:
    """A part of a batch, ready for the pipe."""

    __slots__ = ("count", "data", "lost", "start", "ticket")

    def __init__(self, ticket: WorkersTicket, start: int, jobs: Sequence[SignatureJob]) -> None:
        self.ticket = ticket
        self.start = start
        self.count = len(jobs)
        self.data = frame_bytes(jobs)
        self.lost = False


class WorkerProcess:
    """One process, the frames it holds, and the ends of its pipes, which never block."""

    def __init__(self) -> None:
        # The package's own place comes first on the path: a worker must run this very code.
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gongshe.node.signature_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input = self.process.stdin.fileno()
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)
        with suppress(OSError, AttributeError):
            fcntl.fcntl(self.input, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.frames: deque[Frame] = deque()
        self.unsent: deque[memoryview] = deque()
        self.greeted = False
        self._received = b""

    def take(self, frame: Frame) -> None:
        """Hold a frame and write what the pipe accepts; a dead worker is noticed by the thread."""
        self.frames.append(frame)
        self.unsent.append(memoryview(frame.data))
        self.send()

    def send(self) -> bool:
        """Write what the pipe accepts; False says that nobody reads any more."""
        while self.unsent:
            try:
                written = os.write(self.input, self.unsent[0])
            except BlockingIOError:
                break
            except BrokenPipeError:
                return False
            rest = self.unsent.popleft()[written:]
            if rest:
                self.unsent.appendleft(rest)
        return True

    def receive(self) -> list[Frame] | None:
        """Read what is there and return the frames it answers; None says that the worker ended."""
        try:
            found = os.read(self.output, 65_536)
        except BlockingIOError:
            return []
        if not found:
            return None
        self._received += found
        if not self.greeted:
            if len(self._received) < len(GREETING):
                return []
            greeting, self._received = _split(self._received, len(GREETING))
            if greeting != GREETING:
                raise VerifierFailedError(f"expected greeting {GREETING!r}, found {greeting!r}")
            self.greeted = True
        answered = []
        while len(self._received) >= ANSWER_HEADER.size:
            (count,) = ANSWER_HEADER.unpack_from(self._received)
            expected = self.frames[0].count if self.frames else 0
            if count != expected:
                raise VerifierFailedError(f"expected {expected} answers in order, found {count}")
            if len(self._received) < ANSWER_HEADER.size + count:
                break
            answer, self._received = _split(self._received, ANSWER_HEADER.size + count)
            frame = self.frames.popleft()
            frame.ticket.answers[frame.start : frame.start + count] = answer[ANSWER_HEADER.size :]
            answered.append(frame)
        return answered

    def hang_up(self) -> None:
        """Close both pipes, on which the worker ends by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self) -> int:
        """Wait for the end of the process, kill it when it takes too long, return its status."""
        self.hang_up()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def frame_bytes(jobs: Sequence[SignatureJob]) -> bytes:
    """Return the question frame of some jobs; a malformed job is framed as one to be refused."""
    schemes = bytearray()
    lengths = []
    parts: list[bytes] = []
    for job in jobs:
        if len(job.public) == 32 and len(job.signature) == 64 and 0 <= job.scheme < REFUSED:
            schemes.append(job.scheme)
            lengths.append(len(job.message))
            parts += (job.public, job.signature, job.message)
        else:
            schemes.append(REFUSED)
            lengths.append(0)
            parts.append(bytes(96))
    body = b"".join((schemes, struct.pack(f"<{len(lengths)}I", *lengths), *parts))
    return QUESTION_HEADER.pack(len(lengths), len(body)) + body


def _split(data: bytes, length: int) -> tuple[bytes, bytes]:
    return data[:length], data[length:]
