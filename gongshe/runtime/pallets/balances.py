"""Balances: the native token. Its calls, genesis and invariants; the ledger is beside it."""

from __future__ import annotations

from typing import Annotated, Any

from gongshe.primitives.scale import AtMost, Compact, u32
from gongshe.primitives.types import (
    AccountId,
    Balance,
    CompactBalance,
    ErrorOfToken,
    MultiAddress,
    TokenError,
)
from gongshe.runtime.items import Blake2_128Concat, Map, Value
from gongshe.runtime.pallet import (
    CallFailed,
    Constant,
    InvariantBroken,
    Root,
    Signed,
    call,
)
from gongshe.runtime.pallets import balances_words
from gongshe.runtime.pallets.balances_ledger import BalanceLedger
from gongshe.runtime.pallets.balances_types import (
    EXISTENTIAL_DEPOSIT,
    MAX_FREEZES,
    MAX_ISSUANCE,
    AdjustmentDirection,
    BalanceLock,
    ReserveData,
)
from gongshe.runtime.pallets.balances_words import (
    BalanceSet,
    Burned,
    DeltaZero,
    TotalIssuanceForced,
)
from gongshe.runtime.pallets.system import NO_ACCOUNT, AccountData
from gongshe.runtime.weights import cost


class Balances(BalanceLedger, index=2, words=(balances_words,)):
    """The native token."""

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
