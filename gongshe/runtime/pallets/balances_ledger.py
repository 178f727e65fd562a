"""The ledger of the native token: how amounts move, are held and frozen, and accounts close.

An account exists while it has at least the existential deposit; below that it is reaped and the
dust goes out of issuance. A hold moves an amount from `free` to `reserved`; a freeze only keeps
it from being spent, and overlaps with holds and other freezes.
"""

from __future__ import annotations

from typing import Annotated

from gongshe.primitives.records import replace
from gongshe.primitives.scale import AtMost
from gongshe.primitives.types import (
    AccountId,
    ArithmeticFault,
    Balance,
    ErrorOfArithmetic,
    ErrorOfToken,
    TokenError,
)
from gongshe.runtime.holds import FreezeReason, HoldReason
from gongshe.runtime.items import Blake2_128Concat, Map, Value
from gongshe.runtime.pallet import (
    CallFailed,
    Pallet,
)
from gongshe.runtime.pallets.balances_types import (
    EXISTENTIAL_DEPOSIT,
    MAX_FREEZES,
    MAX_HOLDS,
    MAX_ISSUANCE,
    FrozenAmount,
    IdAmount,
)
from gongshe.runtime.pallets.balances_words import (
    BurnedHeld,
    DeadAccount,
    Deposit,
    DustLost,
    Endowed,
    Frozen,
    Held,
    InsufficientBalance,
    Minted,
    Released,
    Thawed,
    TooManyFreezes,
    TooManyHolds,
    Transfer,
    TransferOnHold,
    Withdraw,
)
from gongshe.runtime.pallets.system import AccountData, AccountInfo, System


class BalanceLedger(Pallet):
    """Storage and movements of the native token."""

    system: System

    total_issuance: Value[Balance] = Value(default=0)
    """The total units issued in the system."""

    holds: Map[AccountId, Annotated[tuple[IdAmount, ...], AtMost(MAX_HOLDS)]] = Map(
        Blake2_128Concat, default=()
    )
    """Holds on account balances."""

    freezes: Map[AccountId, Annotated[tuple[FrozenAmount, ...], AtMost(MAX_FREEZES)]] = Map(
        Blake2_128Concat, default=()
    )
    """Freezes on account balances."""

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
        if total < 0:  # only after Root has adjusted the total to less than there is
            raise CallFailed(
                ErrorOfArithmetic(ArithmeticFault.Underflow), expected="zero or more", found=total
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
