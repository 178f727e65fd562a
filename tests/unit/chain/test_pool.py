"""The pool: what enters, in which order, what leaves, and what is said about it."""

from __future__ import annotations

import pytest

from gongshe.chain.pool import Pool
from gongshe.chain.pool_records import (
    FINALITY_TIMEOUT,
    Dropped,
    FinalityTimeout,
    Finalized,
    Future,
    InBlock,
    Invalid,
    PoolLimits,
    PoolRefused,
    Ready,
    Retracted,
    Told,
    Usurped,
    judged,
    malformed,
)
from gongshe.chain.pool_records import RefusalKind as Kind
from gongshe.primitives.records import replace
from gongshe.rpc import backend
from gongshe.runtime.nesting import nested_calls
from gongshe.runtime.validity import (
    FOREVER,
    LookupFailed,
    Payment,
    Refused,
    ValidTransaction,
    nonce_tag,
)
from tests.unit.chain.offers import (
    ALICE,
    BOB,
    CHARLIE,
    FACTOR,
    RULES,
    TRANSFER,
    Offer,
    judged_at,
    offer,
)

BLOCK, RIVAL_BLOCK = b"\x0b" * 32, b"\x0c" * 32
SECOND = 1_000


def enter(pool: Pool, *offers: Offer, best: int = 10, watched: bool = False) -> None:
    for extrinsic, valid in offers:
        pool.submit(extrinsic, valid, best, 0, watched=watched)


def refusal(pool: Pool, offered: Offer, *, best: int = 10, now_ms: int = 0) -> PoolRefused:
    before = list(pool.ready()), pool.future_count, pool.size
    with pytest.raises(PoolRefused) as raised:
        pool.submit(*offered, best, now_ms)
    assert (list(pool.ready()), pool.future_count, pool.size) == before
    return raised.value


def order(pool: Pool) -> list[tuple[bytes, int]]:
    found = []
    for extrinsic in pool.ready():
        assert extrinsic.signature is not None
        found.append((extrinsic.signature.signer, extrinsic.signature.nonce))
    return found


class TestOrder:
    """In which order a block takes them."""

    def test_higher_priority_comes_first(self) -> None:
        pool = Pool()
        enter(pool, offer(ALICE, 0), offer(BOB, 0, tip=5), offer(CHARLIE, 0, tip=2))
        assert order(pool) == [(BOB, 0), (CHARLIE, 0), (ALICE, 0)]

    def test_then_shorter_life_then_earlier_arrival(self) -> None:
        pool = Pool()
        enter(
            pool,
            offer(ALICE, 0),
            offer(BOB, 0, longevity=64),
            offer(CHARLIE, 0, longevity=8),
            offer(bytes(31) + b"\x09", 0, longevity=64),
        )
        assert [account[-1] for account, _ in order(pool)] == [3, 2, 9, 1]

    def test_a_high_tip_does_not_overtake_what_it_depends_on(self) -> None:
        pool = Pool()
        enter(pool, offer(ALICE, 0), offer(ALICE, 1, tip=100), offer(BOB, 0, tip=1))
        assert order(pool) == [(BOB, 0), (ALICE, 0), (ALICE, 1)]

    def test_what_depends_on_a_refused_one_is_left_out(self) -> None:
        pool = Pool()
        enter(pool, offer(ALICE, 0, tip=9), offer(ALICE, 1), offer(ALICE, 2), offer(BOB, 0))
        ready = pool.ready()
        next(ready)
        ready.leave_out()
        assert [each.signature and each.signature.signer for each in ready] == [BOB]
        assert len(order(pool)) == 4

    def test_what_leaves_while_the_order_is_walked_is_passed_over(self) -> None:
        pool = Pool()
        first, second, third = offer(ALICE, 0, tip=9), offer(ALICE, 1), offer(BOB, 0)
        enter(pool, first, second, third)
        ready = pool.ready()
        assert next(ready) is first[0]
        pool.remove_invalid(first[0].hash, "cannot pay", 0)
        assert list(ready) == [third[0]]


class TestQueues:
    """Who is ready and who waits."""

    def test_a_future_nonce_waits_and_is_freed_by_the_earlier_one(self) -> None:
        pool = Pool()
        second, third, first = offer(ALICE, 1), offer(ALICE, 2), offer(ALICE, 0)
        for extrinsic, valid in (third, second):
            admission = pool.submit(extrinsic, valid, 10, 0, watched=True)
            assert admission.ready == ()
            assert admission.told == (Told(extrinsic.hash, Future()),)
        admission = pool.submit(*first, 10, 0, watched=True)

        assert admission.ready == (first[0], second[0], third[0])
        assert admission.told == tuple(
            Told(each[0].hash, Ready()) for each in (first, second, third)
        )
        assert order(pool) == [(ALICE, 0), (ALICE, 1), (ALICE, 2)]

    def test_a_block_frees_what_waited_for_an_extrinsic_the_pool_never_saw(self) -> None:
        pool = Pool()
        waiting, unseen = offer(ALICE, 1), offer(ALICE, 0)
        enter(pool, waiting, watched=True)
        admission = pool.block_imported(BLOCK, 11, [unseen[0]])
        assert admission.ready == (waiting[0],)
        assert admission.told == (Told(waiting[0].hash, Ready()),)

    def test_next_index_counts_ready_ones_only(self) -> None:
        pool = Pool()
        assert pool.next_index(ALICE, 7) == 7
        enter(pool, *(offer(ALICE, nonce, chain_nonce=7) for nonce in (7, 8, 10, 11)))
        assert pool.next_index(ALICE, 7) == 9
        enter(pool, offer(ALICE, 9, chain_nonce=7))
        assert pool.next_index(ALICE, 7) == 12
        assert pool.next_index(BOB, 3) == 3

    def test_pending_lists_bytes_of_ready_ones(self) -> None:
        pool = Pool()
        first, future = offer(ALICE, 0), offer(BOB, 4)
        enter(pool, first, future)
        assert pool.pending() == [first[0].raw]
        assert (pool.ready_count, pool.future_count) == (1, 1)
        assert pool.find(future[0].hash) is future[0]
        assert pool.size == len(first[0].raw) + len(future[0].raw)


class TestReplacement:
    """When one takes the place of another."""

    def test_a_tenth_more_replaces_and_keeps_what_depends_on_it(self) -> None:
        pool = Pool()
        first, follower = offer(ALICE, 0, tip=99), offer(ALICE, 1)
        enter(pool, first, follower, watched=True)
        refused = refusal(pool, offer(ALICE, 0, tip=108))
        assert refused.kind is Kind.PRIORITY_TOO_LOW
        assert "needs tip >= 109" in refused.hint
        assert "nonce 0" in refused.hint

        better = offer(ALICE, 0, tip=109)
        admission = pool.submit(*better, 10, 0)
        assert admission.ready == (better[0],)
        assert admission.told == (Told(first[0].hash, Usurped(better[0].hash)),)
        assert [each.hash for each in pool.ready()] == [better[0].hash, follower[0].hash]

    def test_another_signature_of_the_same_words_does_not_replace(self) -> None:
        pool = Pool()
        enter(pool, offer(ALICE, 0))
        refused = refusal(pool, offer(ALICE, 0))
        assert refused.kind is Kind.PRIORITY_TOO_LOW
        assert "needs tip >= 1" in refused.hint

    def test_a_future_one_is_replaced_too(self) -> None:
        pool = Pool()
        enter(pool, offer(ALICE, 5))
        better = offer(ALICE, 5, tip=1)
        enter(pool, better)
        assert pool.future_count == 1
        assert pool.find(better[0].hash) is better[0]

    def test_one_extrinsic_may_replace_several(self) -> None:
        pool = Pool()
        first, second = offer(ALICE, 0), offer(ALICE, 1)
        enter(pool, first, second)
        extrinsic, valid = offer(ALICE, 0, tip=1)
        both = (nonce_tag(ALICE, 0), nonce_tag(ALICE, 1))
        assert (
            refusal(pool, (extrinsic, replace(valid, provides=both))).kind is Kind.PRIORITY_TOO_LOW
        )
        pool.submit(extrinsic, replace(valid, provides=both, priority=2_200), 10, 0)
        assert list(pool.ready()) == [extrinsic]

    def test_a_replacement_that_must_wait_takes_its_followers_along(self) -> None:
        pool = Pool()
        enter(pool, offer(ALICE, 0), offer(ALICE, 1), watched=True)
        extrinsic, valid = offer(ALICE, 0, tip=1)
        admission = pool.submit(extrinsic, replace(valid, requires=(b"unseen",)), 10, 0)
        assert admission.ready == ()
        assert Future() in [told.status for told in admission.told]
        assert (pool.ready_count, pool.future_count) == (0, 2)


class TestRefusals:
    """Why one does not enter."""

    def test_what_is_here_is_refused(self) -> None:
        pool = Pool()
        offered = offer(ALICE, 0)
        enter(pool, offered)
        assert refusal(pool, offered).kind is Kind.ALREADY_IMPORTED

    def test_the_unsigned_the_expired_the_tagless_and_the_circular_are_refused(self) -> None:
        pool = Pool()
        extrinsic, valid = offer(ALICE, 1)
        unsigned = replace(extrinsic, signature=None)
        circular = replace(valid, requires=valid.provides)
        for offered, kind, error in (
            ((unsigned, valid), Kind.UNKNOWN_VALIDITY, "NoUnsignedValidator"),
            ((extrinsic, replace(valid, longevity=0)), Kind.INVALID, "AncientBirthBlock"),
            ((extrinsic, replace(valid, provides=())), Kind.NO_TAGS, "NoTags"),
            ((extrinsic, circular), Kind.CYCLE, "CycleDetected"),
        ):
            refused = refusal(pool, offered)
            assert (refused.kind, refused.error) == (kind, error)

    def test_every_kind_has_its_code_in_the_rpc_room(self) -> None:
        assert {kind.name for kind in Kind} == {kind.name for kind in backend.RefusalKind}

    def test_every_status_has_its_twin_in_the_rpc_room(self) -> None:
        for status in (
            Future, Ready, InBlock, Retracted, FinalityTimeout, Finalized, Usurped, Dropped, Invalid
        ):  # fmt: skip
            twin = getattr(backend, status.__name__)
            assert twin.__struct_fields__ == status.__struct_fields__

    def test_refusals_of_the_runtime_and_the_codec_keep_their_reason(self) -> None:
        refused = judged(Refused(Payment(), expected="a fee of 5", found="3", hint="fund it"))
        assert (refused.kind, refused.error) == (Kind.INVALID, "Payment")
        assert (refused.expected, refused.found, refused.hint) == ("a fee of 5", "3", "fund it")
        assert judged(Refused(LookupFailed())).kind is Kind.UNKNOWN_VALIDITY
        assert malformed(ValueError("cut short")).kind is Kind.BAD_FORMAT


class TestBans:
    """What was found invalid stays away."""

    def test_an_invalid_one_is_banned_for_a_while(self) -> None:
        pool = Pool(PoolLimits(ban_ms=60 * SECOND))
        offered = offer(ALICE, 0)
        enter(pool, offered, watched=True)
        told = pool.remove_invalid(offered[0].hash, "cannot pay", 5 * SECOND)
        assert told == (Told(offered[0].hash, Invalid("cannot pay")),)

        refused = refusal(pool, offered, now_ms=64 * SECOND + 1)
        assert refused.kind is Kind.BANNED
        assert "1 s more" in refused.found
        pool.submit(*offered, 10, 65 * SECOND)
        assert pool.ready_count == 1

    def test_the_oldest_ban_goes_first(self) -> None:
        pool = Pool(PoolLimits(banned=2))
        hashes = [bytes((index,)) * 32 for index in range(3)]
        for extrinsic_hash in (*hashes, hashes[1]):
            pool.ban(extrinsic_hash, 0)
        pool.screen(hashes[0], 1)
        for extrinsic_hash in hashes[1:]:
            with pytest.raises(PoolRefused):
                pool.screen(extrinsic_hash, 1)

    def test_what_follows_an_invalid_one_waits_for_another_in_its_place(self) -> None:
        pool = Pool()
        first, second = offer(ALICE, 0), offer(ALICE, 1)
        enter(pool, first, second, watched=True)
        told = pool.remove_invalid(first[0].hash, "cannot pay", 0, ban=False)
        assert [each.status for each in told] == [Invalid("cannot pay"), Future()]
        assert (pool.ready_count, pool.future_count) == (0, 1)
        pool.screen(first[0].hash, 0)
        enter(pool, offer(ALICE, 0))
        assert order(pool) == [(ALICE, 0), (ALICE, 1)]

    def test_an_operator_removes(self) -> None:
        pool = Pool()
        offered = offer(ALICE, 0)
        enter(pool, offered, watched=True)
        found, told = pool.remove([offered[0].hash, bytes(32)], 0)
        assert found == [offered[0].hash]
        assert isinstance(told[0].status, Invalid)
        with pytest.raises(PoolRefused):
            pool.screen(bytes(32), 1)


class TestLimits:
    """Who gives way when there is no room."""

    def test_the_least_gives_way_with_its_dependants(self) -> None:
        pool = Pool(PoolLimits(count=3))
        low, follower, high = offer(ALICE, 0, tip=1), offer(ALICE, 1, tip=50), offer(BOB, 0, tip=9)
        enter(pool, low, follower, high, watched=True)
        refused = refusal(pool, offer(CHARLIE, 0, tip=1))
        assert refused.kind is Kind.POOL_FULL
        assert "needs tip >= 2" in refused.hint
        better = offer(CHARLIE, 0, tip=2)
        admission = pool.submit(*better, 10, 0)
        assert admission.told == (
            Told(follower[0].hash, Dropped()),
            Told(low[0].hash, Dropped()),
        )
        assert list(pool.ready()) == [high[0], better[0]]

    def test_of_equals_the_latest_gives_way(self) -> None:
        pool = Pool(PoolLimits(count=2))
        first, second = offer(ALICE, 0), offer(BOB, 0)
        enter(pool, first, second, offer(CHARLIE, 0, tip=1))
        assert pool.find(first[0].hash) is not None
        assert pool.find(second[0].hash) is None

    def test_nothing_is_pushed_out_by_what_does_not_enter(self) -> None:
        pool = Pool(PoolLimits(size=1_000))
        enter(pool, offer(ALICE, 0, length=300), offer(BOB, 0, length=600, tip=9))
        refused = refusal(pool, offer(CHARLIE, 0, length=500, tip=3))
        assert refused.kind is Kind.POOL_FULL
        assert "needs tip >= 10" in refused.hint

    def test_one_that_no_pool_of_this_size_holds_is_told_so(self) -> None:
        pool = Pool(PoolLimits(size=1_000))
        enter(pool, offer(ALICE, 0))
        refused = refusal(pool, offer(CHARLIE, 0, length=2_000, tip=3))
        assert "split it" in refused.hint

    def test_an_extrinsic_does_not_push_out_what_it_depends_on(self) -> None:
        pool = Pool(PoolLimits(count=2))
        enter(pool, offer(ALICE, 0), offer(BOB, 0, tip=9))
        assert refusal(pool, offer(ALICE, 1, tip=5)).kind is Kind.POOL_FULL

    def test_a_replacement_in_a_full_pool_needs_no_room(self) -> None:
        pool = Pool(PoolLimits(count=2))
        enter(pool, offer(ALICE, 0), offer(BOB, 0, tip=9))
        enter(pool, offer(ALICE, 0, tip=1))
        assert pool.ready_count == 2

    def test_the_future_has_its_own_share(self) -> None:
        pool = Pool(PoolLimits(count=20))
        low, high = offer(ALICE, 5, tip=1), offer(BOB, 5, tip=7)
        enter(pool, low, high)
        refused = refusal(pool, offer(CHARLIE, 5, tip=1))
        assert "send the earlier nonces first" in refused.hint
        enter(pool, offer(CHARLIE, 5, tip=2))
        assert pool.find(low[0].hash) is None
        assert pool.future_count == 2

    def test_followers_of_an_invalid_one_are_dropped_beyond_the_future_share(self) -> None:
        pool = Pool(PoolLimits(count=20))
        offers = [offer(ALICE, nonce, tip=9 - nonce) for nonce in range(5)]
        enter(pool, *offers, watched=True)
        told = pool.remove_invalid(offers[0][0].hash, "gone", 0)
        assert [each.extrinsic_hash for each in told if each.status == Dropped()] == [
            offers[4][0].hash,
            offers[3][0].hash,
        ]
        assert pool.future_count == 2

    def test_an_account_has_its_share(self) -> None:
        pool = Pool(PoolLimits(per_account=2))
        enter(pool, offer(ALICE, 0), offer(ALICE, 1), offer(BOB, 0))
        refused = refusal(pool, offer(ALICE, 2))
        assert refused.kind is Kind.POOL_FULL
        assert "batch" in refused.hint
        enter(pool, offer(ALICE, 1, tip=1))

    def test_nested_calls_are_charged_with_their_memory(self) -> None:
        pool = Pool()
        inner = RULES.call("Utility", "batch", (TRANSFER,) * 1_000)
        nested = RULES.call("Utility", "batch_all", (inner,))
        assert nested_calls(nested) == 1_001
        enter(pool, offer(ALICE, 0, call=nested, call_bytes=bytes(3_000), length=3_100))
        assert pool.size > 100_000


class TestBlocks:
    """What blocks, forks and finality do to the pool."""

    def test_a_watched_one_is_followed_to_finality(self) -> None:
        pool = Pool()
        first, second = offer(ALICE, 0), offer(BOB, 0)
        enter(pool, first, second, watched=True)
        admission = pool.block_imported(BLOCK, 11, [first[0], second[0]])
        assert admission.told == (
            Told(first[0].hash, InBlock(BLOCK, 0)),
            Told(second[0].hash, InBlock(BLOCK, 1)),
        )
        assert pool.ready_count == 0
        pool.unwatch(second[0].hash)
        assert pool.finalized([BLOCK]) == (Told(first[0].hash, Finalized(BLOCK, 0)),)
        assert pool.finalized([BLOCK]) == ()

    def test_a_rival_in_a_block_usurps(self) -> None:
        pool = Pool()
        ours, theirs = offer(ALICE, 0), offer(ALICE, 0)
        follower = offer(ALICE, 1)
        enter(pool, ours, follower, watched=True)
        admission = pool.block_imported(BLOCK, 11, [theirs[0]])
        assert admission.told == (Told(ours[0].hash, Usurped(theirs[0].hash)),)
        assert list(pool.ready()) == [follower[0]]

    def test_what_has_lived_too_long_leaves(self) -> None:
        pool = Pool()
        mortal, follower = offer(ALICE, 0, longevity=3), offer(ALICE, 1)
        enter(pool, mortal, follower, best=10, watched=True)
        assert pool.block_imported(BLOCK, 12, []).told == ()
        told = pool.block_imported(RIVAL_BLOCK, 13, []).told
        assert [type(each.status) for each in told] == [Invalid, Future]
        assert (pool.ready_count, pool.future_count) == (0, 1)

    def test_followers_of_an_expired_one_are_dropped_beyond_the_future_share(self) -> None:
        pool = Pool(PoolLimits(count=20))
        mortal = offer(ALICE, 0, tip=9, longevity=1)
        enter(pool, mortal, *(offer(ALICE, nonce) for nonce in range(1, 5)), watched=True)
        told = pool.block_imported(BLOCK, 11, []).told
        assert [each.status for each in told].count(Dropped()) == 2
        assert (pool.ready_count, pool.future_count) == (0, 2)

    def test_a_reorganisation_retracts_and_takes_back(self) -> None:
        pool = Pool()
        first, second, third = (offer(ALICE, nonce) for nonce in range(3))
        enter(pool, first, second, third, watched=True)
        pool.block_imported(BLOCK, 11, [first[0], second[0]])
        assert order(pool) == [(ALICE, 2)]

        told = pool.retracted(BLOCK, [first[0], second[0]])
        assert told == (
            Told(first[0].hash, Retracted(BLOCK)),
            Told(second[0].hash, Retracted(BLOCK)),
            Told(third[0].hash, Future()),
        )
        assert pool.ready_count == 0
        pool.block_imported(RIVAL_BLOCK, 11, [first[0]])
        admission = pool.submit(second[0], judged_at(second[0], chain_nonce=1), 11, 0)
        assert admission.ready == (second[0], third[0])
        assert pool.finalized([RIVAL_BLOCK]) == (Told(first[0].hash, Finalized(RIVAL_BLOCK, 0)),)

    def test_what_cannot_come_back_is_given_up(self) -> None:
        pool = Pool()
        first = offer(ALICE, 0)
        enter(pool, first, watched=True)
        pool.block_imported(BLOCK, 11, [first[0]])
        pool.retracted(BLOCK, [first[0]])
        assert pool.give_up(first[0].hash, "Payment") == (Told(first[0].hash, Invalid("Payment")),)
        assert pool.give_up(first[0].hash, "Payment") == ()

    def test_watching_ends_when_finality_does_not_come(self) -> None:
        pool = Pool()
        first = offer(ALICE, 0)
        enter(pool, first, watched=True)
        pool.block_imported(BLOCK, 11, [first[0]])
        assert pool.block_imported(bytes(32), 10 + FINALITY_TIMEOUT, []).told == ()
        assert pool.block_imported(bytes(32), 11 + FINALITY_TIMEOUT, []).told == (
            Told(first[0].hash, FinalityTimeout(BLOCK)),
        )

    def test_inherents_are_no_business_of_the_pool(self) -> None:
        pool = Pool()
        inherent = replace(offer(ALICE, 0)[0], signature=None)
        assert pool.block_imported(BLOCK, 11, [inherent]).told == ()
        assert pool.retracted(BLOCK, [inherent]) == ()


def test_priority_beyond_a_tip_is_asked_for_as_priority() -> None:
    pool = Pool()
    extrinsic, valid = offer(ALICE, 0, tip=2)
    pool.submit(extrinsic, replace(valid, priority=FACTOR), 10, 0)
    again = ValidTransaction(FACTOR, (), (nonce_tag(ALICE, 0),), FOREVER, True)
    assert "needs priority >= 1100" in refusal(pool, (offer(ALICE, 0, tip=2)[0], again)).hint
