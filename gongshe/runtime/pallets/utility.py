"""Utility: several calls in one, and calls in the name of derived accounts.

Nothing is authenticated anew: every inner call has the origin of the outer one, with all its
filters, so a batch can do nothing that its calls could not do one by one.
"""

from __future__ import annotations

from typing import Annotated

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.scale import AtMost, u16, u32
from gongshe.primitives.types import DispatchClass, DispatchError, DispatchResult, Weight
from gongshe.runtime.origins import OriginCaller, origin_of
from gongshe.runtime.pallet import (
    Call,
    CallError,
    Constant,
    Event,
    Pallet,
    PostDispatch,
    Root,
    RuntimeCall,
    Signed,
    Unsigned,
    bad_origin,
    call,
)
from gongshe.runtime.weights import cost

BATCHED_CALLS_LIMIT = 10_922
"""Calls of one batch: the number that existing chains have, which wallets and scripts rely on."""

BATCH = cost(5)
PER_CALL = cost(4)
"""A call's own storage transaction and its event."""

DERIVATION = cost(8)
"""Hashing the account of a derived sender."""

DERIVATIVE_PREFIX = b"modlpy/utilisuba"
"""What Substrate hashes before an account and an index; wallets compute the same accounts."""

Calls = Annotated[tuple[RuntimeCall, ...], AtMost(BATCHED_CALLS_LIMIT)]


class BatchInterrupted(Event, index=0):
    """A batch stopped at the first call that failed; what earlier calls did stays."""

    index: u32
    error: DispatchError


class BatchCompleted(Event, index=1):
    """All calls of a batch succeeded."""


class BatchCompletedWithErrors(Event, index=2):
    """All calls of a batch were made and some failed."""


class ItemCompleted(Event, index=3):
    """One call of a batch succeeded."""


class ItemFailed(Event, index=4):
    """One call of a batch failed."""

    error: DispatchError


class DispatchedAs(Event, index=5):
    """A call was made as another origin."""

    result: DispatchResult


class TooManyCalls(CallError, index=0):
    """Too many calls batched."""


def batch_weight(calls: tuple[Call, ...]) -> Weight:
    """Return what a batch may cost: all its calls, and making each of them."""
    ref_time, proof_size = BATCH.ref_time, BATCH.proof_size
    for each in calls:
        weight = each.info().weight
        ref_time += weight.ref_time + PER_CALL.ref_time
        proof_size += weight.proof_size
    return Weight(ref_time, proof_size)


def batch_class(calls: tuple[Call, ...]) -> DispatchClass:
    """Return the class of a batch: operational only if every one of its calls is."""
    if calls and all(each.info().dispatch_class is DispatchClass.Operational for each in calls):
        return DispatchClass.Operational
    return DispatchClass.Normal


def inner_class(inner: Call) -> DispatchClass:
    """Return the class of a call that makes another; no user's call is mandatory."""
    return batch_class((inner,))


class Utility(Pallet, index=10):
    """Batches, derived accounts, calls as another origin."""

    constants = (
        Constant(
            "batched_calls_limit",
            u32,
            BATCHED_CALLS_LIMIT,
            "The limit on the number of batched calls.",
        ),
    )

    @call(0, weight=batch_weight, dispatch_class=batch_class)
    def batch(self, origin: Signed | Root, calls: Calls) -> PostDispatch:
        """Make several calls and stop at the first that fails; the batch itself succeeds."""
        used = BATCH
        for index, each in enumerate(calls):
            attempt = self.attempt(each, origin)
            used += attempt.weight + PER_CALL
            if attempt.failure is not None:
                self.emit(BatchInterrupted(index, attempt.failure.error))
                return PostDispatch(used)
            self.emit(ItemCompleted())
        self.emit(BatchCompleted())
        return PostDispatch(used)

    @call(
        1,
        weight=lambda index, call: DERIVATION + call.info().weight,
        dispatch_class=lambda index, call: inner_class(call),
    )
    def as_derivative(self, origin: Signed, index: u16, call: RuntimeCall) -> PostDispatch:
        """Make a call in the name of an account derived from the sender's; filters stay."""
        account = derivative_account(origin.account, index)
        attempt = self.attempt(call, origin.named(account))
        post = PostDispatch(DERIVATION + attempt.weight)
        if attempt.failure is not None:
            attempt.failure.post = post
            raise attempt.failure
        return post

    @call(2, weight=batch_weight, dispatch_class=batch_class)
    def batch_all(self, origin: Signed | Root, calls: Calls) -> PostDispatch:
        """Make several calls; if one fails, none of them happened."""
        used = BATCH
        for each in calls:
            attempt = self.attempt(each, origin)
            used += attempt.weight + PER_CALL
            if attempt.failure is not None:
                attempt.failure.post = PostDispatch(used)
                raise attempt.failure
            self.emit(ItemCompleted())
        self.emit(BatchCompleted())
        return PostDispatch(used)

    @call(
        3,
        weight=lambda as_origin, call: DERIVATION + call.info().weight,
        dispatch_class=lambda as_origin, call: inner_class(call),
    )
    def dispatch_as(self, origin: Root, as_origin: OriginCaller, call: RuntimeCall) -> PostDispatch:
        """Make a call as another origin, without filters; its result is in the event."""
        caller = origin_of(as_origin)
        if isinstance(caller, Unsigned):
            raise bad_origin("Root or Signed: inherents come with the block", caller)

        attempt = self.attempt(call, caller)
        self.emit(DispatchedAs(attempt.result))
        return PostDispatch(DERIVATION + attempt.weight)

    @call(4, weight=batch_weight, dispatch_class=batch_class)
    def force_batch(self, origin: Signed | Root, calls: Calls) -> PostDispatch:
        """Make several calls, going on after failures."""
        used, failed = BATCH, False
        for each in calls:
            attempt = self.attempt(each, origin)
            used += attempt.weight + PER_CALL
            if attempt.failure is None:
                self.emit(ItemCompleted())
            else:
                self.emit(ItemFailed(attempt.failure.error))
                failed = True
        self.emit(BatchCompletedWithErrors() if failed else BatchCompleted())
        return PostDispatch(used)

    @call(
        5,
        weight=lambda call, weight: weight,
        dispatch_class=lambda call, weight: inner_class(call),
    )
    def with_weight(self, origin: Root, call: RuntimeCall, weight: Weight) -> PostDispatch:
        """Make a call under a weight that the sender states in place of the declared one."""
        attempt = self.attempt(call, origin)
        if attempt.failure is not None:
            raise attempt.failure
        return PostDispatch(weight)


def derivative_account(account: bytes, index: int) -> bytes:
    """Return the account that `account` controls under an index, as Substrate derives it."""
    return blake2_256(DERIVATIVE_PREFIX + account + index.to_bytes(2, "little"))
