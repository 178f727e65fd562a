"""Multisig: calls made by an account that several others control together.

The account follows from its signatories and threshold alone; nothing is registered beforehand.
The first approval opens an operation against a deposit, the last one makes the call.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record, replace
from gongshe.primitives.scale import AtMost, Bytes32, compact, u16, u32
from gongshe.primitives.types import (
    UNIT,
    AccountId,
    Balance,
    BlockNumber,
    DispatchClass,
    DispatchResult,
    Weight,
)
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.items import Blake2_128Concat, DoubleMap, Twox64Concat
from gongshe.runtime.pallet import (
    Call,
    CallError,
    Constant,
    Event,
    InvariantBroken,
    Pallet,
    PostDispatch,
    RuntimeCall,
    Signed,
    call,
)
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import System
from gongshe.runtime.pallets.utility import inner_class
from gongshe.runtime.weights import cost

DEPOSIT_BASE = UNIT // 5
"""Held while an operation is open: an entry of some two hundred bytes."""

DEPOSIT_FACTOR = UNIT // 25
"""Held for each approval that is needed: 32 bytes each."""

MAX_SIGNATORIES = 100
"""Accounts of one multisig: what existing chains allow."""

MULTISIG_PREFIX = b"modlpy/utilisuba"
"""What Substrate hashes before signatories and threshold; wallets compute the same accounts."""

OPERATION = cost(60, reads=4)
"""Everything about an approval but the call itself, with the longest list of signatories."""

Signatories = Annotated[tuple[AccountId, ...], AtMost(MAX_SIGNATORIES)]


class Timepoint(Record, path="pallet_multisig::Timepoint"):
    """The extrinsic that opened an operation: it tells apart two with the same call."""

    scale_parameters: ClassVar[dict[str, Any]] = {"BlockNumber": BlockNumber}

    height: BlockNumber
    index: u32


class OpenMultisig(Record, path="pallet_multisig::Multisig"):
    """An open operation. Approvals are sorted."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "BlockNumber": BlockNumber,
        "Balance": Balance,
        "AccountId": AccountId,
    }

    when: Timepoint
    deposit: Balance
    depositor: AccountId
    approvals: Signatories


class NewMultisig(Event, index=0):
    """An operation was opened."""

    approving: AccountId
    multisig: AccountId
    call_hash: Bytes32


class MultisigApproval(Event, index=1):
    """An operation was approved by one more."""

    approving: AccountId
    timepoint: Timepoint
    multisig: AccountId
    call_hash: Bytes32


class MultisigExecuted(Event, index=2):
    """The call of an operation was made."""

    approving: AccountId
    timepoint: Timepoint
    multisig: AccountId
    call_hash: Bytes32
    result: DispatchResult


class MultisigCancelled(Event, index=3):
    """An operation was cancelled."""

    cancelling: AccountId
    timepoint: Timepoint
    multisig: AccountId
    call_hash: Bytes32


class MinimumThreshold(CallError, index=0):
    """Threshold must be 2 or greater."""


class AlreadyApproved(CallError, index=1):
    """Call is already approved by this signatory."""


class TooFewSignatories(CallError, index=3):
    """There are too few signatories in the list."""


class TooManySignatories(CallError, index=4):
    """There are too many signatories in the list."""


class SignatoriesOutOfOrder(CallError, index=5):
    """The signatories were provided out of order; they should be ordered."""


class SenderInSignatories(CallError, index=6):
    """The sender was contained in the other signatories; it shouldn't be."""


class NotFound(CallError, index=7):
    """Multisig operation not found in storage."""


class NotOwner(CallError, index=8):
    """Only the account that originally created the multisig is able to cancel it."""


class NoTimepoint(CallError, index=9):
    """No timepoint was given, yet the multisig operation is already underway."""


class WrongTimepoint(CallError, index=10):
    """A different timepoint was given to the multisig operation that is underway."""


class UnexpectedTimepoint(CallError, index=11):
    """A timepoint was given, yet no multisig operation is underway."""


class MaxWeightTooLow(CallError, index=12):
    """The maximum weight information provided was too low."""


class Multisig(Pallet, index=11):
    """Accounts controlled by several others together."""

    system: System
    balances: Balances

    constants = (
        Constant("DepositBase", Balance, DEPOSIT_BASE, "Held for an open operation."),
        Constant("DepositFactor", Balance, DEPOSIT_FACTOR, "Held for each approval needed."),
        Constant("MaxSignatories", u32, MAX_SIGNATORIES, "The most signatories of a multisig."),
    )

    multisigs: DoubleMap[AccountId, Bytes32, OpenMultisig] = DoubleMap(
        Twox64Concat, Blake2_128Concat
    )
    """The set of open multisig operations."""

    @call(
        0,
        weight=lambda other_signatories, call: OPERATION + call.info().weight,
        dispatch_class=lambda other_signatories, call: inner_class(call),
    )
    def as_multi_threshold_1(
        self, origin: Signed, other_signatories: Signatories, call: RuntimeCall
    ) -> PostDispatch:
        """Make a call at once as a multisig of which any one signatory suffices."""
        signatories = self._signatories(origin.account, other_signatories)

        attempt = self.attempt(call, origin.named(multisig_account(signatories, 1)))
        post = PostDispatch(OPERATION + attempt.weight)
        if attempt.failure is not None:
            attempt.failure.post = post
            raise attempt.failure
        return post

    @call(
        1,
        weight=lambda threshold, others, timepoint, call, max_weight: OPERATION + max_weight,
        dispatch_class=DispatchClass.Normal,
    )
    def as_multi(
        self,
        origin: Signed,
        threshold: u16,
        other_signatories: Signatories,
        maybe_timepoint: Timepoint | None,
        call: RuntimeCall,
        max_weight: Weight,
    ) -> PostDispatch:
        """Approve a call, and make it if this is the last approval that it needs."""
        call_hash = blake2_256(self.dispatcher.encode_call(call))
        account = self._account(origin, threshold, other_signatories)
        operation = self._current(account, call_hash, maybe_timepoint)
        if operation is None:
            return self._open(origin.account, threshold, account, call_hash)

        more = 0 if origin.account in operation.approvals else 1
        if len(operation.approvals) + more < threshold:
            return self._approve(origin.account, account, call_hash, operation)
        return self._execute(origin, account, call_hash, operation, call, max_weight)

    @call(2, weight=OPERATION)
    def approve_as_multi(
        self,
        origin: Signed,
        threshold: u16,
        other_signatories: Signatories,
        maybe_timepoint: Timepoint | None,
        call_hash: Bytes32,
        max_weight: Weight,
    ) -> PostDispatch:
        """Approve a call by its hash; whoever makes it needs `as_multi`."""
        account = self._account(origin, threshold, other_signatories)
        operation = self._current(account, call_hash, maybe_timepoint)
        if operation is None:
            return self._open(origin.account, threshold, account, call_hash)
        if len(operation.approvals) >= threshold:
            raise AlreadyApproved(expected="an operation that needs approvals", hint="use as_multi")
        return self._approve(origin.account, account, call_hash, operation)

    @call(3, weight=OPERATION)
    def cancel_as_multi(
        self,
        origin: Signed,
        threshold: u16,
        other_signatories: Signatories,
        timepoint: Timepoint,
        call_hash: Bytes32,
    ) -> None:
        """Close an operation that one has opened, and get the deposit back."""
        account = self._account(origin, threshold, other_signatories)
        operation = self.multisigs.get((account, call_hash))
        if operation is None:
            raise NotFound(expected="an open operation")
        if operation.when != timepoint:
            raise WrongTimepoint(expected=operation.when, found=timepoint)
        if operation.depositor != origin.account:
            raise NotOwner(expected="the account that opened it")

        self._close(account, call_hash, operation)
        self.emit(MultisigCancelled(origin.account, timepoint, account, call_hash))

    def check_invariants(self) -> None:
        """What is held is what open operations record; approvals are sorted and distinct."""
        deposits: Counter[bytes] = Counter()
        for (account, _), operation in self.multisigs.items():
            deposits[operation.depositor] += operation.deposit
            approvals = operation.approvals
            if not approvals or list(approvals) != sorted(dict.fromkeys(approvals)):
                raise InvariantBroken(f"approvals of 0x{account.hex()} are out of order")
        for who in self.system.account:
            held = self.balances.held(HoldReason.Multisig, who)
            if held != deposits[who]:
                raise InvariantBroken(
                    f"account 0x{who.hex()} has {held} held for multisigs, they say {deposits[who]}"
                )

    # ------------------------------------------------------------------------- helpers

    def _account(self, origin: Signed, threshold: int, others: tuple[bytes, ...]) -> bytes:
        if threshold < 2:
            raise MinimumThreshold(expected="2 or more", found=threshold)
        return multisig_account(self._signatories(origin.account, others), threshold)

    def _signatories(self, sender: bytes, others: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return all signatories in order; a named error if the others are not as they must be."""
        if not others:
            raise TooFewSignatories(expected="at least one other signatory")
        if len(others) >= MAX_SIGNATORIES:
            raise TooManySignatories(expected=f"less than {MAX_SIGNATORIES}", found=len(others))
        if list(others) != sorted(dict.fromkeys(others)):
            raise SignatoriesOutOfOrder(expected="ascending order, each once")
        if sender in others:
            raise SenderInSignatories(expected="the others only")
        return tuple(sorted((*others, sender)))

    def _current(
        self, account: bytes, call_hash: bytes, timepoint: Timepoint | None
    ) -> OpenMultisig | None:
        operation = self.multisigs.get((account, call_hash))
        if operation is None:
            if timepoint is not None:
                raise UnexpectedTimepoint(expected="none: nothing is open", found=timepoint)
            return None
        if timepoint is None:
            raise NoTimepoint(expected=operation.when)
        if timepoint != operation.when:
            raise WrongTimepoint(expected=operation.when, found=timepoint)
        return operation

    def _open(self, who: bytes, threshold: int, account: bytes, call_hash: bytes) -> PostDispatch:
        deposit = DEPOSIT_BASE + DEPOSIT_FACTOR * threshold
        self.balances.hold(HoldReason.Multisig, who, deposit)
        when = Timepoint(self.system.number.value, self.system.extrinsic_index())
        self.multisigs[account, call_hash] = OpenMultisig(when, deposit, who, (who,))
        self.emit(NewMultisig(who, account, call_hash))
        return PostDispatch(OPERATION)

    def _approve(
        self, who: bytes, account: bytes, call_hash: bytes, operation: OpenMultisig
    ) -> PostDispatch:
        if who in operation.approvals:
            raise AlreadyApproved(expected="a signatory who has not approved yet")
        approvals = tuple(sorted((*operation.approvals, who)))
        self.multisigs[account, call_hash] = replace(operation, approvals=approvals)
        self.emit(MultisigApproval(who, operation.when, account, call_hash))
        return PostDispatch(OPERATION)

    def _execute(
        self,
        origin: Signed,
        account: bytes,
        call_hash: bytes,
        operation: OpenMultisig,
        inner: Call,
        max_weight: Weight,
    ) -> PostDispatch:
        needed = inner.info().weight
        if not needed.fits(max_weight):
            raise MaxWeightTooLow(expected=f"{needed} or more", found=max_weight)

        # Closed before the call is made, so that the call cannot meet its own operation.
        self._close(account, call_hash, operation)
        attempt = self.attempt(inner, origin.named(account))
        self.emit(
            MultisigExecuted(origin.account, operation.when, account, call_hash, attempt.result)
        )
        return PostDispatch(OPERATION + attempt.weight)

    def _close(self, account: bytes, call_hash: bytes, operation: OpenMultisig) -> None:
        self.balances.release(HoldReason.Multisig, operation.depositor, operation.deposit)
        del self.multisigs[account, call_hash]


def multisig_account(signatories: tuple[bytes, ...], threshold: int) -> bytes:
    """Return the account of sorted signatories and a threshold, as Substrate derives it."""
    listed = compact(len(signatories)) + b"".join(signatories)
    return blake2_256(MULTISIG_PREFIX + listed + threshold.to_bytes(2, "little"))
