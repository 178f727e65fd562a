"""Who checks signatures: the interface, a checker in this process, and what was checked before.

`node/verifier.py` keeps the same interface with worker processes. A signature job may come from
anybody, so a job with a wrong length or an unknown scheme is answered False, never an error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from gongshe.primitives.crypto import blake2_256, verify
from gongshe.primitives.records import Record

CACHE_LIMIT = 65_536
"""Signatures remembered: several times what a pool holds, some 12 MB."""


class SignatureJob(Record):
    """One question: whether the holder of `public` signed `message`.

    `scheme` is numbered as in `crypto.Scheme`; `public` has 32 bytes, `signature` 64.
    """

    scheme: int
    public: bytes
    signature: bytes
    message: bytes


class VerifierError(Exception):
    """Signatures could not be checked: says nothing about whether they are valid."""


class VerifierBusyError(VerifierError):
    """Too much is waiting already; the batch was not taken. Submit it again later."""


class VerifierFailedError(VerifierError):
    """The checker is broken or closed and will answer nothing more. A node stops on this."""


class Ticket(Protocol):
    """A batch on its way."""

    def results(self) -> list[bool]:
        """Wait, then return one answer per job, in order.

        Raises `VerifierFailedError` if the checker broke or was closed meanwhile.
        """

    def notify(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when `results` no longer waits: at once, or from another thread.

        The callback must be short and must not raise.
        """


class SignatureVerifier(Protocol):
    """Checks batches of signatures, in processes of its own or here."""

    def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
        """Take a batch and return at once.

        Raises `VerifierBusyError` or `VerifierFailedError`; then none of the jobs was taken.
        """


class InlineVerifier:
    """Checks in the calling process, before `submit` returns: for tests, tools and small nodes."""

    def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
        """Check the whole batch and return the answers as a finished ticket."""
        return AnsweredTicket(
            [verify(job.scheme, job.public, job.signature, job.message) for job in jobs]
        )


class VerifiedCache:
    """The signatures most recently found valid, so that none is checked twice.

    Invalid ones are not kept: they are free to make and would push the others out. One thread at
    a time may use it.
    """

    def __init__(self, limit: int = CACHE_LIMIT) -> None:
        self.limit = limit
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, digest: bytes) -> bool:
        if digest not in self._digests:
            return False
        self._digests.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        """Remember a digest made by `job_digest`; the one longest unused makes room."""
        self._digests[digest] = None
        self._digests.move_to_end(digest)
        if len(self._digests) > self.limit:
            self._digests.popitem(last=False)


class CachedVerifier:
    """Answers from a cache what was found valid before and asks another checker for the rest."""

    def __init__(self, verifier: SignatureVerifier, cache: VerifiedCache) -> None:
        self._verifier = verifier
        self._cache = cache

    def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
        """Pass on the jobs not found in the cache; a batch wholly known is answered at once."""
        digests = [job_digest(job) for job in jobs]
        unknown = [index for index, digest in enumerate(digests) if digest not in self._cache]
        if not unknown:
            return AnsweredTicket([True] * len(digests))
        inner = self._verifier.submit([jobs[index] for index in unknown])
        return _MergedTicket(inner, self._cache, digests, unknown)


def job_digest(job: SignatureJob) -> bytes:
    """Return the 32 bytes that name a job in the cache.

    Every part before the message has a fixed length or its length in front, so two different jobs
    never hash the same bytes.
    """
    lengths = b"%d,%d,%d;" % (job.scheme, len(job.public), len(job.signature))
    return blake2_256(lengths + job.public + job.signature + job.message)


class AnsweredTicket:
    """A batch whose answers are known already."""

    def __init__(self, answers: list[bool]) -> None:
        self._answers = answers

    def results(self) -> list[bool]:
        """Return one answer per job, in order."""
        return self._answers

    def notify(self, callback: Callable[[], None]) -> None:
        """Call `callback` at once."""
        callback()


class _MergedTicket:
    """The answers of a checker filled in between those of a cache; valid ones are remembered."""

    def __init__(
        self, inner: Ticket, cache: VerifiedCache, digests: list[bytes], unknown: list[int]
    ) -> None:
        self._inner = inner
        self._cache = cache
        self._digests = digests
        self._unknown = unknown
        self.notify = inner.notify

    def results(self) -> list[bool]:
        answers = [True] * len(self._digests)
        for index, valid in zip(self._unknown, self._inner.results(), strict=True):
            answers[index] = valid
            if valid:
                self._cache.add(self._digests[index])
        return answers
