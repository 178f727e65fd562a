"""The checker in this process and the memory of what was found valid."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongshe.chain.signatures import (
    CachedVerifier,
    InlineVerifier,
    SignatureJob,
    Ticket,
    VerifiedCache,
    VerifierBusyError,
    job_digest,
)
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.keys import Keypair
from gongshe.primitives.records import replace

ALICE = Keypair.from_uri("//Alice", Scheme.ED25519)
BOB = Keypair.from_uri("//Bob", Scheme.SR25519)


def signed_job(key: Keypair, message: bytes) -> SignatureJob:
    return SignatureJob(key.scheme, key.public, key.sign(message), message)


class CountingVerifier(InlineVerifier):
    """The real checker, which also notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[SignatureJob] = []

    def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
        self.asked.extend(jobs)
        return super().submit(jobs)


def test_each_job_is_answered_in_its_place() -> None:
    good, other = signed_job(ALICE, b"one"), signed_job(BOB, b"two")
    jobs = [
        good,
        replace(good, message=b"three"),
        other,
        replace(other, scheme=Scheme.ED25519),
        replace(other, scheme=2),
        replace(other, public=b""),
        replace(good, signature=good.signature + b"\0"),
    ]
    ticket = InlineVerifier().submit(jobs)
    called = []
    ticket.notify(lambda: called.append(True))
    assert ticket.results() == [True, False, True, False, False, False, False]
    assert called == [True]
    assert InlineVerifier().submit([]).results() == []


def test_a_valid_signature_is_checked_once_and_an_invalid_one_each_time() -> None:
    counting, cache = CountingVerifier(), VerifiedCache()
    verifier = CachedVerifier(counting, cache)
    good, other = signed_job(ALICE, b"one"), signed_job(BOB, b"two")
    bad = replace(good, message=b"three")

    assert verifier.submit([good, bad]).results() == [True, False]
    assert verifier.submit([bad, other, good]).results() == [False, True, True]
    assert verifier.submit([good, other]).results() == [True, True]

    assert counting.asked == [good, bad, bad, other]
    assert len(cache) == 2


def test_a_refused_batch_leaves_the_cache_as_it_was() -> None:
    class Busy:
        def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
            raise VerifierBusyError("full")

    cache = VerifiedCache()
    with pytest.raises(VerifierBusyError):
        CachedVerifier(Busy(), cache).submit([signed_job(ALICE, b"one")])
    assert len(cache) == 0


def test_the_cache_forgets_what_was_longest_unused() -> None:
    cache = VerifiedCache(limit=2)
    cache.add(b"a")
    cache.add(b"b")
    assert b"a" in cache
    cache.add(b"c")
    assert [digest in cache for digest in (b"a", b"b", b"c")] == [True, False, True]
    cache.add(b"a")
    assert len(cache) == 2


SHORT = st.binary(max_size=3)
JOBS = st.builds(SignatureJob, st.integers(0, 3), SHORT, SHORT, SHORT)


@settings(max_examples=300, deadline=None)
@given(one=JOBS, other=JOBS)
def test_two_jobs_have_one_digest_only_when_they_are_the_same(
    one: SignatureJob, other: SignatureJob
) -> None:
    assert (job_digest(one) == job_digest(other)) == (one == other)


def test_moving_bytes_between_the_parts_changes_the_digest() -> None:
    assert job_digest(SignatureJob(0, b"ab", b"c", b"d")) != job_digest(
        SignatureJob(0, b"a", b"bc", b"d")
    )
