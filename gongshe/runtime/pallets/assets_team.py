"""What an asset's team may do: mint, burn, freeze, and hand the asset on."""

from __future__ import annotations

from gongshe.primitives.records import replace
from gongshe.primitives.types import Balance, CompactBalance, MultiAddress
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.pallet import Root, Signed, call
from gongshe.runtime.pallets.assets_ledger import require
from gongshe.runtime.pallets.assets_lifecycle import AssetLifecycle
from gongshe.runtime.pallets.assets_types import (
    AccountStatus,
    AssetDetails,
    AssetIdParameter,
    AssetStatus,
)
from gongshe.runtime.pallets.assets_words import (
    AccountFrozen,
    AssetFrozen,
    AssetMinBalanceChanged,
    AssetNotLive,
    AssetStatusChanged,
    AssetThawed,
    Blocked,
    Burned,
    IncorrectStatus,
    MinBalanceZero,
    NoPermission,
    OwnerChanged,
    TeamChanged,
    Thawed,
)
from gongshe.runtime.weights import cost


class AssetTeam(AssetLifecycle):
    """Calls of the team, and of root in its place."""

    # ------------------------------------------------------------------ supply and freezing

    @call(6, weight=cost(45, reads=3))
    def mint(
        self,
        origin: Signed,
        id_: AssetIdParameter,
        beneficiary: MultiAddress,
        amount: CompactBalance,
    ) -> None:
        """Issue an amount to an account; for the issuer."""
        account = self.system.lookup(beneficiary)
        require(origin.account, self._live(id_).issuer)

        self.mint_into(id_, account, amount)

    @call(7, weight=cost(45, reads=3))
    def burn(
        self, origin: Signed, id_: AssetIdParameter, who: MultiAddress, amount: CompactBalance
    ) -> None:
        """Destroy up to an amount of an account's; for the admin."""
        account = self.system.lookup(who)
        require(origin.account, self._live(id_).admin)

        self.emit(Burned(id_, account, self.burn_from(id_, account, amount)))

    @call(10, weight=cost(50, reads=4))
    def force_transfer(
        self,
        origin: Signed,
        id_: AssetIdParameter,
        source: MultiAddress,
        dest: MultiAddress,
        amount: CompactBalance,
    ) -> None:
        """Move an amount between two accounts; for the admin."""
        sender, receiver = self.system.lookup(source), self.system.lookup(dest)
        require(origin.account, self._live(id_).admin)

        self.transfer_asset(id_, sender, receiver, amount, keep_alive=False)

    @call(11, weight=cost(25, reads=2))
    def freeze(self, origin: Signed, id_: AssetIdParameter, who: MultiAddress) -> None:
        """Forbid an account to send; for the freezer."""
        account = self.system.lookup(who)
        require(origin.account, self._not_destroying(id_).freezer)

        self._set_status(id_, account, AccountStatus.Frozen)
        self.emit(AccountFrozen(id_, account))

    @call(12, weight=cost(25, reads=2))
    def thaw(self, origin: Signed, id_: AssetIdParameter, who: MultiAddress) -> None:
        """Allow an account everything again; for the admin."""
        account = self.system.lookup(who)
        require(origin.account, self._not_destroying(id_).admin)

        self._set_status(id_, account, AccountStatus.Liquid)
        self.emit(Thawed(id_, account))

    @call(13, weight=cost(20, reads=1))
    def freeze_asset(self, origin: Signed, id_: AssetIdParameter) -> None:
        """Forbid all transfers of an asset; for the freezer."""
        details = self._live(id_)
        require(origin.account, details.freezer)

        self.asset[id_] = replace(details, status=AssetStatus.Frozen)
        self.emit(AssetFrozen(id_))

    @call(14, weight=cost(20, reads=1))
    def thaw_asset(self, origin: Signed, id_: AssetIdParameter) -> None:
        """Allow transfers of an asset again; for the admin."""
        details = self._details(id_)
        if details.status is not AssetStatus.Frozen:
            raise IncorrectStatus(expected="a frozen asset", found=details.status.name)
        require(origin.account, details.admin)

        self.asset[id_] = replace(details, status=AssetStatus.Live)
        self.emit(AssetThawed(id_))

    @call(31, weight=cost(25, reads=2))
    def block(self, origin: Signed, id_: AssetIdParameter, who: MultiAddress) -> None:
        """Forbid an account to send and to receive; for the freezer."""
        account = self.system.lookup(who)
        require(origin.account, self._not_destroying(id_).freezer)

        self._set_status(id_, account, AccountStatus.Blocked)
        self.emit(Blocked(id_, account))

    # --------------------------------------------------------------------- owner and team

    @call(15, weight=cost(60, reads=4))
    def transfer_ownership(
        self, origin: Signed, id_: AssetIdParameter, owner: MultiAddress
    ) -> None:
        """Give an asset, with the deposits held for it, to another account."""
        account = self.system.lookup(owner)
        details = self._live(id_)
        require(origin.account, details.owner)

        held = details.deposit + self.metadata[id_].deposit
        self.balances.transfer_held(HoldReason.Assets, details.owner, account, held)
        self.asset[id_] = replace(details, owner=account)
        self.emit(OwnerChanged(id_, account))

    @call(16, weight=cost(25, reads=1))
    def set_team(
        self,
        origin: Signed,
        id_: AssetIdParameter,
        issuer: MultiAddress,
        admin: MultiAddress,
        freezer: MultiAddress,
    ) -> None:
        """Name another issuer, admin and freezer; for the owner."""
        team = [self.system.lookup(each) for each in (issuer, admin, freezer)]
        details = self._live(id_)
        require(origin.account, details.owner)

        self.asset[id_] = replace(details, issuer=team[0], admin=team[1], freezer=team[2])
        self.emit(TeamChanged(id_, *team))

    @call(28, weight=cost(20, reads=1))
    def set_min_balance(self, origin: Signed, id_: AssetIdParameter, min_balance: Balance) -> None:
        """Lower the minimum balance, or raise it while there are no accounts; for the owner."""
        details = self._live(id_)
        require(origin.account, details.owner)
        if not min_balance:
            raise MinBalanceZero(expected="1 or more")
        if details.is_sufficient or (min_balance >= details.min_balance and details.accounts):
            raise NoPermission(
                expected=f"less than {details.min_balance} while there are accounts",
                found=min_balance,
            )

        self.asset[id_] = replace(details, min_balance=min_balance)
        self.emit(AssetMinBalanceChanged(id_, min_balance))

    @call(21, weight=cost(50, reads=3))
    def force_asset_status(
        self,
        origin: Root,
        id_: AssetIdParameter,
        owner: MultiAddress,
        issuer: MultiAddress,
        admin: MultiAddress,
        freezer: MultiAddress,
        min_balance: CompactBalance,
        is_sufficient: bool,
        is_frozen: bool,
    ) -> None:
        """Change everything about an asset by root; a former owner gets the deposits back."""
        team = [self.system.lookup(each) for each in (owner, issuer, admin, freezer)]
        details, metadata = self._details(id_), self.metadata[id_]
        if details.status is AssetStatus.Destroying:
            raise AssetNotLive(expected="an asset that is not being destroyed")
        if not min_balance:
            raise MinBalanceZero(expected="1 or more")

        deposit = details.deposit
        if details.owner != team[0]:
            self._change_deposit(details.owner, deposit + metadata.deposit, 0)
            deposit = 0
            if metadata.deposit:
                self.metadata[id_] = replace(metadata, deposit=0)
        self.asset[id_] = replace(
            details,
            owner=team[0],
            issuer=team[1],
            admin=team[2],
            freezer=team[3],
            deposit=deposit,
            min_balance=min_balance,
            is_sufficient=is_sufficient,
            status=AssetStatus.Frozen if is_frozen else AssetStatus.Live,
        )
        self.emit(AssetStatusChanged(id_))

    # ------------------------------------------------------------------------- helpers

    def _not_destroying(self, asset_id: int) -> AssetDetails:
        details = self._details(asset_id)
        if details.status is AssetStatus.Destroying:
            raise IncorrectStatus(expected="an asset that is not being destroyed")
        return details

    def _set_status(self, asset_id: int, account: bytes, status: AccountStatus) -> None:
        held = self._held(asset_id, account)
        self.account[asset_id, account] = replace(held, status=status)
