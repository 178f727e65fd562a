"""What happens to balances, and what can be wrong: the events and errors of the pallet."""

from __future__ import annotations

from gongshe.primitives.types import (
    AccountId,
    Balance,
)
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.pallet import (
    CallError,
    Event,
)


class Endowed(Event, index=0):
    """An account was created with some free balance."""

    account: AccountId
    free_balance: Balance


class DustLost(Event, index=1):
    """An account was removed whose balance was below the existential deposit."""

    account: AccountId
    amount: Balance


class Transfer(Event, index=2):
    """Transfer succeeded."""

    from_: AccountId
    to: AccountId
    amount: Balance


class BalanceSet(Event, index=3):
    """A balance was set by root."""

    who: AccountId
    free: Balance


class Deposit(Event, index=7):
    """Some amount was deposited (for example a refund of fees)."""

    who: AccountId
    amount: Balance


class Withdraw(Event, index=8):
    """Some amount was withdrawn from the account (for example for transaction fees)."""

    who: AccountId
    amount: Balance


class Slashed(Event, index=9):
    """Some amount was removed from the account (for example for misbehaviour)."""

    who: AccountId
    amount: Balance


class Minted(Event, index=10):
    """Some amount was minted into an account."""

    who: AccountId
    amount: Balance


class Burned(Event, index=11):
    """Some amount was burned from an account."""

    who: AccountId
    amount: Balance


class Issued(Event, index=15):
    """Total issuance was increased."""

    amount: Balance


class Rescinded(Event, index=16):
    """Total issuance was decreased."""

    amount: Balance


class Frozen(Event, index=19):
    """Some balance was frozen."""

    who: AccountId
    amount: Balance


class Thawed(Event, index=20):
    """Some balance was thawed."""

    who: AccountId
    amount: Balance


class TotalIssuanceForced(Event, index=21):
    """Total issuance was set by root."""

    old: Balance
    new: Balance


class Held(Event, index=22):
    """Some balance was placed on hold."""

    reason: HoldReason
    who: AccountId
    amount: Balance


class BurnedHeld(Event, index=23):
    """Held balance was burned from an account."""

    reason: HoldReason
    who: AccountId
    amount: Balance


class TransferOnHold(Event, index=24):
    """Held balance moved to another account and stays on hold there."""

    reason: HoldReason
    source: AccountId
    dest: AccountId
    amount: Balance


class Released(Event, index=26):
    """Some balance was released from hold."""

    reason: HoldReason
    who: AccountId
    amount: Balance


class LiquidityRestrictions(CallError, index=1):
    """Account liquidity restrictions prevent withdrawal."""


class InsufficientBalance(CallError, index=2):
    """Balance too low to send value."""


class ExistentialDeposit(CallError, index=3):
    """Value too low to create account due to existential deposit."""


class Expendability(CallError, index=4):
    """Transfer or payment would kill the account."""


class DeadAccount(CallError, index=6):
    """Beneficiary account must pre-exist."""


class TooManyHolds(CallError, index=8):
    """Number of holds exceeds the limit."""


class TooManyFreezes(CallError, index=9):
    """Number of freezes exceeds the limit."""


class DeltaZero(CallError, index=11):
    """The delta cannot be zero."""
