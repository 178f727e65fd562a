"""Balances: the native token. Transfers, holds, freezes, total issuance.

An account exists while it has at least the existential deposit; below that it is reaped and the
dust goes out of issuance. A hold moves an amount from `free` to `reserved`; a freeze only keeps
it from being spent, and overlaps with holds and other freezes.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

from gongshe.primitives.records import Record, replace
from gongshe.primitives.scale import AtMost, Bytes8, Compact, u32
from gongshe.primitives.types import (
    UNIT,
    AccountId,
    Balance,
    CompactBalance,
    ErrorOfToken,
    MultiAddress,
    TokenError,
)
from gongshe.runtime.holds import FreezeReason, HoldReason
from gongshe.runtime.items import Blake2_128Concat, Map, Value
from gongshe.runtime.pallet import (
    CallError,
    CallFailed,
    Constant,
    Event,
    InvariantBroken,
    Pallet,
    Root,
    Signed,
    call,
)
from gongshe.runtime.pallets.system import NO_ACCOUNT, AccountData, AccountInfo, System
from gongshe.runtime.weights import cost

EXISTENTIAL_DEPOSIT = UNIT // 1_000
"""Keeps the state free of accounts that hold less than it costs to store them."""

MAX_HOLDS = 16
"""Holds on one account: one per reason, with room for those to come."""

MAX_FREEZES = 16
"""Freezes on one account."""

MAX_ISSUANCE = (1 << 128) - 1
"""The widest amount the encoding carries."""


class IdAmount(Record, path="frame_support::traits::tokens::misc::IdAmount"):
    """An amount held for a reason."""

    id: HoldReason
    amount: Balance


class FrozenAmount(Record, path="frame_support::traits::tokens::misc::IdAmount"):
    """An amount frozen for a reason."""

    id: FreezeReason
    amount: Balance


class Reasons(enum.IntEnum):
    """What a lock forbids."""

    Fee = 0
    Misc = 1
    All = 2

    __scale_path__ = enum.nonmember("pallet_balances::types::Reasons")


class BalanceLock(Record, path="pallet_balances::types::BalanceLock"):
    """A lock, as older runtimes had them."""

    id: Bytes8
    amount: Balance
    reasons: Reasons


class ReserveData(Record, path="pallet_balances::types::ReserveData"):
    """A named reserve, as older runtimes had them."""

    id: Bytes8
    amount: Balance


class AdjustmentDirection(enum.IntEnum):
    """Whether to raise or lower."""

    Increase = 0
    Decrease = 1

    __scale_path__ = enum.nonmember("pallet_balances::types::AdjustmentDirection")


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


class Balances(Pallet, index=2):
    """The native token."""

    system: System

    constants = (
        Constant(
            "ExistentialDeposit",
            Balance,
            EXISTENTIAL_DEPOSIT,
            "The minimum amount required to keep an account open.",
        ),
        Constant("MaxLocks", u32, 0, "This chain has no locks; freezes take their place."),
        Constant("MaxReserves", u32, 0, "This chain has no reserves; holds take their place."),
        Constant("MaxFreezes", u32, MAX_FREEZES, "The maximum number of freezes on an account."),
    )

    total_issuance: Value[Balance] = Value(default=0)
    """The total units issued in the system."""

    inactive_issuance: Value[Balance] = Value(default=0)
    """The total units of outstanding deactivated balance in the system."""

    account: Map[AccountId, AccountData] = Map(Blake2_128Concat, default=NO_ACCOUNT.data)
    """Always empty: balances live in System.Account; kept because clients look for it."""

    locks: Map[AccountId, Annotated[tuple[BalanceLock, ...], AtMost(50)]] = Map(
        Blake2_128Concat, default=()
    )
    """Always empty: this chain has freezes instead of locks; kept because clients look for it."""

    reserves: Map[AccountId, Annotated[tuple[ReserveData, ...], AtMost(50)]] = Map(
        Blake2_128Concat, default=()
    )
    """Always empty: this chain has holds instead of reserves; kept because clients look for it."""

    holds: Map[AccountId, Annotated[tuple[IdAmount, ...], AtMost(MAX_HOLDS)]] = Map(
        Blake2_128Concat, default=()
    )
    """Holds on account balances."""

    freezes: Map[AccountId, Annotated[tuple[FrozenAmount, ...], AtMost(MAX_FREEZES)]] = Map(
        Blake2_128Concat, default=()
    )
    """Freezes on account balances."""

    # --------------------------------------------------------------------------- calls

    @call(0, weight=cost(28, reads=2))
    def transfer_allow_death(
        self, origin: Signed, dest: MultiAddress, value: CompactBalance
    ) -> None:
        """Transfer some liquid free balance to another account; the sender may be reaped."""
        self.transfer(origin.account, self.system.lookup(dest), value, keep_alive=False)

    @call(2, weight=cost(32, reads=2))
    def force_transfer(
        self, origin: Root, source: MultiAddress, dest: MultiAddress, value: CompactBalance
    ) -> None:
        """Transfer between two accounts by root."""
        sender, receiver = self.system.lookup(source), self.system.lookup(dest)
        self.transfer(sender, receiver, value, keep_alive=False)

    @call(3, weight=cost(28, reads=2))
    def transfer_keep_alive(
        self, origin: Signed, dest: MultiAddress, value: CompactBalance
    ) -> None:
        """Transfer some liquid free balance to another account; the sender stays alive."""
        self.transfer(origin.account, self.system.lookup(dest), value, keep_alive=True)

    @call(4, weight=cost(30, reads=2))
    def transfer_all(self, origin: Signed, dest: MultiAddress, keep_alive: bool) -> None:
        """Transfer the entire transferable balance from the caller account."""
        receiver = self.system.lookup(dest)
        value = self.spendable(origin.account, keep_alive=keep_alive)
        self.transfer(origin.account, receiver, value, keep_alive=keep_alive)

    @call(8, weight=cost(30, reads=1))
    def force_set_balance(self, origin: Root, who: MultiAddress, new_free: CompactBalance) -> None:
        """Set the free balance of an account by root; issuance follows."""
        account = self.system.lookup(who)
        before = self.system.account[account].data.free
        target = new_free if new_free >= EXISTENTIAL_DEPOSIT else 0

        if target > before:
            self.mint(account, target - before)
        elif target < before:
            self._set_free(account, target)
            self._change_issuance(target - before)
        self.emit(BalanceSet(account, target))

    @call(9, weight=cost(15, reads=1))
    def force_adjust_total_issuance(
        self,
        origin: Root,
        direction: AdjustmentDirection,
        delta: Annotated[int, Compact(16, "Balance")],
    ) -> None:
        """Adjust the total issuance by root, to repair a known mistake."""
        if not delta:
            raise DeltaZero
        old = self.total_issuance.value
        new = old + delta if direction is AdjustmentDirection.Increase else max(old - delta, 0)
        if new > MAX_ISSUANCE:
            raise CallFailed(ErrorOfToken(TokenError.Unsupported), expected=MAX_ISSUANCE, found=new)

        self.total_issuance.value = new
        self.emit(TotalIssuanceForced(old, new))

    @call(10, weight=cost(25, reads=1))
    def burn(self, origin: Signed, value: CompactBalance, keep_alive: bool) -> None:
        """Burn the caller's own liquid balance; total issuance falls with it."""
        self._check_spend(origin.account, value, keep_alive=keep_alive)

        self._set_free(origin.account, self.system.account[origin.account].data.free - value)
        self._change_issuance(-value)
        self.emit(Burned(origin.account, value))

    # -------------------------------------------------------- what other pallets may ask

    def spendable(self, account: bytes, *, keep_alive: bool) -> int:
        """Return the largest amount that could be transferred away."""
        return self._spendable(account, self.system.account[account], keep_alive=keep_alive)

    def transfer(self, sender: bytes, receiver: bytes, value: int, *, keep_alive: bool) -> None:
        """Move an amount; the receiver must end with at least the existential deposit."""
        accounts = self.system.account
        source = accounts[sender]
        self._check(sender, source, value, keep_alive=keep_alive)
        if sender != receiver:
            target = accounts[receiver]
            received = target.data.free + value
            if not target.providers and received < EXISTENTIAL_DEPOSIT and value:
                raise CallFailed(
                    ErrorOfToken(TokenError.BelowMinimum),
                    expected=f"at least {EXISTENTIAL_DEPOSIT} for an account that does not exist",
                    found=received,
                    hint=f"send {EXISTENTIAL_DEPOSIT - target.data.free} or more",
                )

            self._put(sender, source, source.data.free - value)
            if value:
                self._put(receiver, target, received)
        self.emit(Transfer(sender, receiver, value))

    def withdraw(self, account: bytes, amount: int) -> None:
        """Take an amount out of an account for a fee; whoever takes it must deposit it again."""
        info = self.system.account[account]
        self._check(account, info, amount, keep_alive=True)
        self.take(account, info, amount)

    def take(self, account: bytes, info: AccountInfo, amount: int) -> None:
        """Do what `withdraw` does to an account that was read, and found able to pay, before."""
        self._put(account, info, info.data.free - amount)
        self.in_transit += amount
        self.emit(Withdraw(account, amount))

    def deposit(self, account: bytes, amount: int) -> None:
        """Put an amount that was withdrawn before into an account."""
        info = self.system.account[account]
        self.in_transit -= amount
        self._put(account, info, info.data.free + amount)
        self.emit(Deposit(account, amount))

    def mint(self, account: bytes, amount: int) -> None:
        """Create an amount in an account; total issuance rises with it."""
        info = self.system.account[account]
        free = info.data.free + amount
        if not info.providers and free < EXISTENTIAL_DEPOSIT:
            raise CallFailed(
                ErrorOfToken(TokenError.BelowMinimum), expected=EXISTENTIAL_DEPOSIT, found=free
            )
        self._change_issuance(amount)
        self._put(account, info, free)
        self.emit(Minted(account, amount))

    def hold(self, reason: HoldReason, account: bytes, amount: int) -> None:
        """Keep an amount of an account for a reason; `release` gives it back."""
        info = self.system.account[account]
        holds = self.holds[account]
        known = any(each.id == reason for each in holds)
        room = info.data.free - EXISTENTIAL_DEPOSIT
        if amount > room:
            raise InsufficientBalance(
                expected=f"{amount} free above the existential deposit",
                found=max(room, 0),
                hint="fund the account or free another deposit first",
            )
        if not known and len(holds) >= MAX_HOLDS:
            raise TooManyHolds(expected=f"at most {MAX_HOLDS}")

        self._add_hold(reason, account, amount)
        self._move_reserved(account, amount)
        self.emit(Held(reason, account, amount))

    def release(self, reason: HoldReason, account: bytes, amount: int) -> None:
        """Give back an amount held for a reason."""
        self._unhold(reason, account, amount)
        self._move_reserved(account, -amount)
        self.emit(Released(reason, account, amount))

    def transfer_held(self, reason: HoldReason, source: bytes, dest: bytes, amount: int) -> None:
        """Move a held amount to another account, where it stays on hold."""
        if source == dest or not amount:
            return
        if not self.system.account[dest].providers:
            raise DeadAccount(expected="an account that exists", hint="fund it first")

        self._unhold(reason, source, amount)
        self._change_reserved(source, -amount)
        self._add_hold(reason, dest, amount)
        self._change_reserved(dest, amount)
        self.emit(TransferOnHold(reason, source, dest, amount))

    def slash_held(self, reason: HoldReason, account: bytes, amount: int) -> None:
        """Burn an amount held for a reason."""
        self._unhold(reason, account, amount)
        self._change_reserved(account, -amount)
        self._change_issuance(-amount)
        self.emit(BurnedHeld(reason, account, amount))

    def held(self, reason: HoldReason, account: bytes) -> int:
        """Return the amount held for a reason."""
        return next((each.amount for each in self.holds[account] if each.id == reason), 0)

    def set_freeze(self, reason: FreezeReason, account: bytes, amount: int) -> None:
        """Freeze an amount for a reason in place of what was frozen for it before; 0 thaws."""
        before = self.freezes[account]
        others = tuple(each for each in before if each.id != reason)
        if amount and len(others) >= MAX_FREEZES:
            raise TooManyFreezes(expected=f"at most {MAX_FREEZES}")

        after = (*others, FrozenAmount(reason, amount)) if amount else others
        if after and not before:
            self.system.add_consumer(account)
        if before and not after:
            self.system.remove_consumer(account)
        if after:
            self.freezes[account] = tuple(sorted(after, key=lambda each: each.id))
        elif before:
            del self.freezes[account]
        info = self.system.account[account]
        frozen = max((each.amount for each in after), default=0)
        change = frozen - info.data.frozen
        self.system.account[account] = replace(info, data=replace(info.data, frozen=frozen))
        if change:
            self.emit(Frozen(account, change) if change > 0 else Thawed(account, -change))

    # --------------------------------------------------------------------------- hooks

    def on_genesis(self, config: Any) -> None:
        """Write the balances of the chain spec: `{"balances": [[account id, amount], …]}`."""
        for account, amount in config["balances"]:
            self.mint(account, amount)

    def check_invariants(self) -> None:
        """Issuance is the sum of all accounts; holds and freezes are what accounts record."""
        total = 0
        for account, info in self.system.account.items():
            data = info.data
            total += data.free + data.reserved
            holds = sum(each.amount for each in self.holds[account])
            frozen = max((each.amount for each in self.freezes[account]), default=0)
            if holds != data.reserved or frozen != data.frozen:
                raise InvariantBroken(
                    f"account 0x{account.hex()}: holds {holds} of {data.reserved} reserved,"
                    f" freezes {frozen} of {data.frozen} frozen"
                )
            if info.providers and data.free + data.reserved < EXISTENTIAL_DEPOSIT:
                raise InvariantBroken(f"account 0x{account.hex()} is below the deposit: {data}")
        if total + self.in_transit != self.total_issuance.value:
            raise InvariantBroken(
                f"accounts hold {total}, {self.in_transit} is in transit,"
                f" issuance says {self.total_issuance.value}"
            )

    # ------------------------------------------------------------------------- helpers

    in_transit: int = 0
    """Fees withdrawn in this block and not yet deposited; not state, zero between blocks."""

    def _spendable(self, account: bytes, info: AccountInfo, *, keep_alive: bool) -> int:
        data = info.data
        must_stay = keep_alive or info.consumers > 0
        untouchable = data.frozen - data.reserved
        if must_stay and untouchable < EXISTENTIAL_DEPOSIT:
            untouchable = EXISTENTIAL_DEPOSIT
        if untouchable <= 0:
            return data.free
        return data.free - untouchable if data.free > untouchable else 0

    def _check_spend(self, account: bytes, value: int, *, keep_alive: bool) -> None:
        self._check(account, self.system.account[account], value, keep_alive=keep_alive)

    def _check(self, account: bytes, info: AccountInfo, value: int, *, keep_alive: bool) -> None:
        if value <= self._spendable(account, info, keep_alive=keep_alive):
            return
        limit = self._spendable(account, info, keep_alive=keep_alive)
        found = f"{limit} spendable of {info.data.free} free"
        if value > info.data.free:
            reason = TokenError.FundsUnavailable
        elif info.data.frozen > info.data.reserved:
            reason = TokenError.Frozen
        else:
            reason = TokenError.NotExpendable if keep_alive else TokenError.OnlyProvider
        raise CallFailed(
            ErrorOfToken(reason),
            expected=f"{value} or more",
            found=found,
            hint=f"send at most {limit}",
        )

    def _set_free(self, account: bytes, free: int) -> None:
        self._put(account, self.system.account[account], free)

    def _put(self, account: bytes, info: AccountInfo, free: int) -> None:
        """Store a new free balance; open or reap the account where that follows."""
        data = info.data
        system = self.system
        if info.providers:
            system.account[account] = AccountInfo(
                info.nonce,
                info.consumers,
                info.providers,
                info.sufficients,
                AccountData(free, data.reserved, data.frozen, data.flags),
            )
            if free + data.reserved < EXISTENTIAL_DEPOSIT:
                self._reap(account, free)
        elif free >= EXISTENTIAL_DEPOSIT:
            system.account[account] = info  # it may carry a nonce that was just counted
            system.add_provider(account)
            info = system.account[account]
            system.account[account] = replace(info, data=replace(data, free=free))
            self.emit(Endowed(account, free))
        elif free:
            self._lose_dust(account, free)

    def _reap(self, account: bytes, dust: int) -> None:
        info = self.system.account[account]
        self.system.account[account] = replace(info, data=replace(info.data, free=0))
        self.system.remove_provider(account)
        if dust:
            self._lose_dust(account, dust)

    def _lose_dust(self, account: bytes, amount: int) -> None:
        self._change_issuance(-amount)
        self.emit(DustLost(account, amount))

    def _change_issuance(self, change: int) -> None:
        total = self.total_issuance.value + change
        if total > MAX_ISSUANCE:
            raise CallFailed(
                ErrorOfToken(TokenError.Unsupported), expected=MAX_ISSUANCE, found=total
            )
        self.total_issuance.value = total

    def _move_reserved(self, account: bytes, amount: int) -> None:
        info = self.system.account[account]
        data = replace(
            info.data, free=info.data.free - amount, reserved=info.data.reserved + amount
        )
        self.system.account[account] = replace(info, data=data)

    def _change_reserved(self, account: bytes, amount: int) -> None:
        info = self.system.account[account]
        data = replace(info.data, reserved=info.data.reserved + amount)
        self.system.account[account] = replace(info, data=data)

    def _add_hold(self, reason: HoldReason, account: bytes, amount: int) -> None:
        holds = self.holds[account]
        if not holds:
            self.system.add_consumer(account)
        others = tuple(each for each in holds if each.id != reason)
        known = sum(each.amount for each in holds if each.id == reason)
        self.holds[account] = _sorted((*others, IdAmount(reason, known + amount)))

    def _unhold(self, reason: HoldReason, account: bytes, amount: int) -> None:
        holds = self.holds[account]
        known = self.held(reason, account)
        if amount > known:
            raise InsufficientBalance(expected=f"{amount} held for {reason.name}", found=known)
        others = tuple(each for each in holds if each.id != reason)
        if known > amount:
            others = _sorted((*others, IdAmount(reason, known - amount)))
        if others:
            self.holds[account] = others
        elif holds:
            del self.holds[account]
            self.system.remove_consumer(account)


def _sorted(holds: tuple[IdAmount, ...]) -> tuple[IdAmount, ...]:
    return tuple(sorted(holds, key=lambda each: each.id))
