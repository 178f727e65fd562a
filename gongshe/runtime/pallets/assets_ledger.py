"""The ledger of assets: how amounts move between accounts, and why accounts in an asset exist.

An account in an asset exists because the asset is sufficient, because its native account stays
alive for it (a consumer), or by deposit. An account that would fall below the minimum balance is
emptied: what is left goes with the transfer, or is burned with a burn.
"""

from __future__ import annotations

from gongshe.primitives.records import replace
from gongshe.primitives.types import (
    AccountId,
    ArithmeticFault,
    ErrorOfArithmetic,
    ErrorOfToken,
    TokenError,
)
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.items import Blake2_128Concat, DoubleMap, Map, TripleMap, Value
from gongshe.runtime.pallet import CallFailed, Pallet
from gongshe.runtime.pallets.assets_types import (
    CONSUMERS_FOR_ASSETS,
    MAX_BALANCE,
    NO_METADATA,
    AccountStatus,
    Approval,
    AssetAccount,
    AssetDetails,
    AssetId,
    AssetMetadata,
    AssetStatus,
    ByConsumer,
    BySufficient,
    DepositFrom,
    DepositHeld,
    ExistenceReason,
)
from gongshe.runtime.pallets.assets_words import (
    AssetNotLive,
    BalanceLow,
    Frozen,
    Issued,
    NoAccount,
    NoPermission,
    Transferred,
    Unknown,
)
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import System


class AssetLedger(Pallet):
    """Storage and movements of the assets pallet."""

    system: System
    balances: Balances

    asset: Map[AssetId, AssetDetails] = Map(Blake2_128Concat)
    """Details of an asset."""

    account: DoubleMap[AssetId, AccountId, AssetAccount] = DoubleMap(
        Blake2_128Concat, Blake2_128Concat
    )
    """The holdings of a specific account for a specific asset."""

    approvals: TripleMap[AssetId, AccountId, AccountId, Approval] = TripleMap(
        Blake2_128Concat, Blake2_128Concat, Blake2_128Concat
    )
    """Approved balance transfers, by asset, owner and delegate."""

    metadata: Map[AssetId, AssetMetadata] = Map(Blake2_128Concat, default=NO_METADATA)
    """Metadata of an asset."""

    next_asset_id: Value[AssetId] = Value()
    """The only number that the next asset may have, if there is one; it then moves on."""

    # -------------------------------------------------------- what other pallets may ask

    def balance(self, asset_id: int, account: bytes) -> int:
        """Return what an account has of an asset."""
        held = self.account.get((asset_id, account))
        return held.balance if held else 0

    def transfer_asset(
        self, asset_id: int, source: bytes, dest: bytes, amount: int, *, keep_alive: bool
    ) -> int:
        """Move an amount and return what moved: more, if less than the minimum would be left."""
        if not amount:
            self.emit(Transferred(asset_id, source, dest, 0))
            return 0
        moved = self._debit(asset_id, source, amount, keep_alive=keep_alive)
        self._check_credit(asset_id, dest, moved, more_supply=False)

        if source != dest:
            self._take(asset_id, source, moved)
            self._give(asset_id, dest, moved)
        self.emit(Transferred(asset_id, source, dest, moved))
        return moved

    def mint_into(self, asset_id: int, account: bytes, amount: int) -> None:
        """Issue an amount to an account."""
        if amount:
            details = self._live(asset_id)
            self._check_credit(asset_id, account, amount, more_supply=True)

            self.asset[asset_id] = replace(details, supply=details.supply + amount)
            self._give(asset_id, account, amount)
        self.emit(Issued(asset_id, account, amount))

    def burn_from(self, asset_id: int, account: bytes, amount: int) -> int:
        """Destroy an amount, or what there is if it is less; return what was destroyed."""
        reducible = self.reducible(asset_id, account, keep_alive=False)
        burned = self._debit(asset_id, account, min(amount, reducible), keep_alive=False)

        self._take(asset_id, account, burned)
        details = self.asset[asset_id]
        self.asset[asset_id] = replace(details, supply=details.supply - burned)
        return burned

    def reducible(self, asset_id: int, account: bytes, *, keep_alive: bool) -> int:
        """Return the largest amount that an account may send."""
        details = self._live(asset_id)
        held = self._held(asset_id, account)
        if held.status is not AccountStatus.Liquid:
            raise Frozen(expected="a liquid account", found=held.status.name)
        if keep_alive:
            return max(held.balance - details.min_balance, 0)
        return held.balance

    # ------------------------------------------------------------------------- looking up

    def _details(self, asset_id: int) -> AssetDetails:
        details = self.asset.get(asset_id)
        if details is None:
            raise Unknown(expected="an asset that exists", found=asset_id)
        return details

    def _live(self, asset_id: int) -> AssetDetails:
        details = self._details(asset_id)
        if details.status is not AssetStatus.Live:
            raise AssetNotLive(expected="a live asset", found=details.status.name)
        return details

    def _held(self, asset_id: int, account: bytes) -> AssetAccount:
        held = self.account.get((asset_id, account))
        if held is None:
            raise NoAccount(expected=f"an account in asset {asset_id}")
        return held

    # ------------------------------------------------------------------------- movements

    def _debit(self, asset_id: int, account: bytes, amount: int, *, keep_alive: bool) -> int:
        """Return what a debit of `amount` really takes; BalanceLow if it cannot be made."""
        reducible = self.reducible(asset_id, account, keep_alive=keep_alive)
        if amount > reducible:
            raise BalanceLow(
                expected=f"{amount} or more", found=reducible, hint=f"send at most {reducible}"
            )
        balance = self.account[asset_id, account].balance
        left = balance - amount
        if amount and left < self.asset[asset_id].min_balance:
            return balance
        return amount

    def _check_credit(
        self, asset_id: int, account: bytes, amount: int, *, more_supply: bool
    ) -> None:
        details = self._details(asset_id)
        if more_supply and details.supply + amount > MAX_BALANCE:
            raise CallFailed(
                ErrorOfArithmetic(ArithmeticFault.Overflow), expected=f"at most {MAX_BALANCE}"
            )
        held = self.account.get((asset_id, account))
        if held is None:
            if amount < details.min_balance:
                raise CallFailed(
                    ErrorOfToken(TokenError.BelowMinimum),
                    expected=f"{details.min_balance} or more to open an account",
                    found=amount,
                )
            if not details.is_sufficient:
                self._check_consumer(account)
        elif held.status is AccountStatus.Blocked:
            raise CallFailed(ErrorOfToken(TokenError.Blocked), expected="an account not blocked")

    def _check_consumer(self, account: bytes) -> None:
        info = self.system.account[account]
        if not info.providers or info.consumers >= CONSUMERS_FOR_ASSETS:
            raise CallFailed(
                ErrorOfToken(TokenError.CannotCreate),
                expected="an existing native account with room for one more asset",
                found=f"{info.providers} providers, {info.consumers} consumers",
                hint="fund the account in the native token, or open it by deposit (touch)",
            )

    def _give(self, asset_id: int, account: bytes, amount: int) -> None:
        held = self.account.get((asset_id, account))
        if held is None:
            reason = self._open(asset_id, account)
            held = AssetAccount(0, AccountStatus.Liquid, reason, ())
        self.account[asset_id, account] = replace(held, balance=held.balance + amount)

    def _take(self, asset_id: int, account: bytes, amount: int) -> None:
        held = replace(
            self.account[asset_id, account],
            balance=self.account[asset_id, account].balance - amount,
        )
        if not held.balance and isinstance(held.reason, ByConsumer | BySufficient):
            self._close(asset_id, account, held.reason)
        else:
            self.account[asset_id, account] = held

    # ------------------------------------------------------------- why an account exists

    def _open(self, asset_id: int, account: bytes) -> ExistenceReason:
        """Count one more account, kept alive by the asset or by its native account."""
        details = self.asset[asset_id]
        if details.is_sufficient:
            self.system.add_sufficient(account)
            self.asset[asset_id] = replace(
                details, accounts=details.accounts + 1, sufficients=details.sufficients + 1
            )
            return BySufficient()
        self.system.add_consumer(account)
        self.asset[asset_id] = replace(details, accounts=details.accounts + 1)
        return ByConsumer()

    def _open_by_deposit(
        self, asset_id: int, account: bytes, depositor: bytes, deposit: int
    ) -> None:
        own = account == depositor
        reason = DepositHeld(deposit) if own else DepositFrom(depositor, deposit)
        details = self.asset[asset_id]
        self.asset[asset_id] = replace(details, accounts=details.accounts + 1)
        self.account[asset_id, account] = AssetAccount(0, AccountStatus.Liquid, reason, ())

    def _close(self, asset_id: int, account: bytes, reason: ExistenceReason) -> None:
        """Remove an account from an asset and give back what kept it there."""
        details = self.asset[asset_id]
        sufficients = details.sufficients
        match reason:
            case ByConsumer():
                self.system.remove_consumer(account)
            case BySufficient():
                self.system.remove_sufficient(account)
                sufficients -= 1
            case DepositHeld(amount):
                self.balances.release(HoldReason.Assets, account, amount)
            case DepositFrom(depositor, amount):
                self.balances.release(HoldReason.Assets, depositor, amount)
        self.asset[asset_id] = replace(
            details, accounts=details.accounts - 1, sufficients=sufficients
        )
        del self.account[asset_id, account]

    # ------------------------------------------------------------------------- deposits

    def _change_deposit(self, account: bytes, before: int, after: int) -> None:
        """Hold more or release some, so that `after` stands in the place of `before`."""
        if after > before:
            self.balances.hold(HoldReason.Assets, account, after - before)
        elif after < before:
            self.balances.release(HoldReason.Assets, account, before - after)


def require(account: bytes, *allowed: bytes) -> None:
    """Raise NoPermission unless the account is one of those allowed."""
    if account not in allowed:
        raise NoPermission(hint="ask the asset's team")
