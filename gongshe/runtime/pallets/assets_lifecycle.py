"""How an asset comes, is described, and goes: creation, metadata, destruction in steps."""

from __future__ import annotations

import itertools
from typing import Annotated

from gongshe.primitives.records import replace
from gongshe.primitives.scale import AtMost, u8
from gongshe.primitives.types import Balance, CompactBalance, MultiAddress, Weight
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.pallet import PostDispatch, Root, Signed, call
from gongshe.runtime.pallets.assets_ledger import AssetLedger, require
from gongshe.runtime.pallets.assets_types import (
    ASSET_DEPOSIT,
    MAX_ASSET_ID,
    METADATA_DEPOSIT_BASE,
    METADATA_DEPOSIT_PER_BYTE,
    REMOVE_ITEMS_LIMIT,
    STRING_LIMIT,
    AssetDetails,
    AssetIdParameter,
    AssetMetadata,
    AssetStatus,
)
from gongshe.runtime.pallets.assets_words import (
    AccountsDestroyed,
    ApprovalsDestroyed,
    BadAssetId,
    BadMetadata,
    Created,
    Destroyed,
    DestructionStarted,
    ForceCreated,
    IncorrectStatus,
    InUse,
    MetadataCleared,
    MetadataSet,
    MinBalanceZero,
    NoPermission,
    Unknown,
)
from gongshe.runtime.weights import cost

NameArgument = Annotated[bytes, AtMost(256)]
"""Wider than what is stored, so that a long name meets a named error."""


def cleaning(removed: int) -> Weight:
    """Return what it costs to remove accounts or approvals and give their deposits back."""
    return cost(15 + 45 * removed, reads=2 + 2 * removed)


class AssetLifecycle(AssetLedger):
    """Calls that create, describe and destroy assets."""

    # --------------------------------------------------------------- coming and going

    @call(0, weight=cost(60, reads=4))
    def create(
        self, origin: Signed, id_: AssetIdParameter, admin: MultiAddress, min_balance: Balance
    ) -> None:
        """Create an asset against a deposit; the sender owns it, `admin` is its first team."""
        team, owner = self.system.lookup(admin), origin.account
        self._check_new(id_, min_balance)
        following = self.next_asset_id.get()
        if following is not None and id_ != following:
            raise BadAssetId(expected=following, found=id_)

        self.balances.hold(HoldReason.Assets, owner, ASSET_DEPOSIT)
        self._create(id_, owner, team, ASSET_DEPOSIT, min_balance, sufficient=False)
        self.emit(Created(id_, owner, team))

    @call(1, weight=cost(40, reads=3))
    def force_create(
        self,
        origin: Root,
        id_: AssetIdParameter,
        owner: MultiAddress,
        is_sufficient: bool,
        min_balance: CompactBalance,
    ) -> None:
        """Create an asset by root, without a deposit; it may be sufficient."""
        account = self.system.lookup(owner)
        self._check_new(id_, min_balance)

        self._create(id_, account, account, 0, min_balance, sufficient=is_sufficient)
        self.emit(ForceCreated(id_, account))

    @call(2, weight=cost(30, reads=2))
    def start_destroy(self, origin: Signed | Root, id_: AssetIdParameter) -> None:
        """Begin to destroy an asset: nothing else can be done with it from now on."""
        details = self._details(id_)
        if isinstance(origin, Signed):
            require(origin.account, details.owner)

        self.asset[id_] = replace(details, status=AssetStatus.Destroying)
        self.emit(DestructionStarted(id_))

    @call(3, weight=cleaning(REMOVE_ITEMS_LIMIT))
    def destroy_accounts(self, origin: Signed, id_: AssetIdParameter) -> PostDispatch:
        """Remove some accounts of an asset that is being destroyed; their deposits go back."""
        details = self._destroying(id_)

        most = min(details.accounts, REMOVE_ITEMS_LIMIT)  # none to find, none to look for
        doomed = list(itertools.islice(self.account.under(id_), most))
        for account, held in doomed:
            details = self.asset[id_]
            self.asset[id_] = replace(details, supply=details.supply - held.balance)
            self._close(id_, account, held.reason)
        self.emit(AccountsDestroyed(id_, len(doomed), self.asset[id_].accounts))
        return PostDispatch(cleaning(len(doomed)))

    @call(4, weight=cleaning(REMOVE_ITEMS_LIMIT))
    def destroy_approvals(self, origin: Signed, id_: AssetIdParameter) -> PostDispatch:
        """Remove some approvals of an asset that is being destroyed; their deposits go back."""
        details = self._destroying(id_)

        most = min(details.approvals, REMOVE_ITEMS_LIMIT)
        doomed = list(itertools.islice(self.approvals.under(id_), most))
        for (owner, delegate), approval in doomed:
            self.balances.release(HoldReason.Assets, owner, approval.deposit)
            del self.approvals[id_, owner, delegate]
        left = details.approvals - len(doomed)
        self.asset[id_] = replace(details, approvals=left)
        self.emit(ApprovalsDestroyed(id_, len(doomed), left))
        return PostDispatch(cleaning(len(doomed)))

    @call(5, weight=cost(50, reads=4))
    def finish_destroy(self, origin: Signed, id_: AssetIdParameter) -> None:
        """Remove an asset without accounts and approvals; its deposits go back to the owner."""
        details = self._destroying(id_)
        if details.accounts or details.approvals:
            raise InUse(
                expected="no accounts and no approvals",
                found=f"{details.accounts} and {details.approvals}",
                hint="call destroy_accounts and destroy_approvals first",
            )

        self._change_deposit(details.owner, details.deposit + self.metadata[id_].deposit, 0)
        if id_ in self.metadata:
            del self.metadata[id_]
        del self.asset[id_]
        self.emit(Destroyed(id_))

    # --------------------------------------------------------------------------- metadata

    @call(17, weight=cost(45, reads=3))
    def set_metadata(
        self,
        origin: Signed,
        id_: AssetIdParameter,
        name: NameArgument,
        symbol: NameArgument,
        decimals: u8,
    ) -> None:
        """Describe an asset against a deposit by length; for the owner."""
        details, before = self._live(id_), self.metadata[id_]
        require(origin.account, details.owner)
        if before.is_frozen:
            raise NoPermission(expected="metadata that root has not frozen")
        check_metadata(name, symbol)

        length = len(name) + len(symbol)
        deposit = METADATA_DEPOSIT_BASE + METADATA_DEPOSIT_PER_BYTE * length
        self._change_deposit(details.owner, before.deposit, deposit)
        self.metadata[id_] = AssetMetadata(deposit, name, symbol, decimals, False)
        self.emit(MetadataSet(id_, name, symbol, decimals, False))

    @call(18, weight=cost(40, reads=3))
    def clear_metadata(self, origin: Signed, id_: AssetIdParameter) -> None:
        """Remove an asset's metadata; for the owner."""
        details = self._live(id_)
        require(origin.account, details.owner)
        if self.metadata[id_].is_frozen:
            raise NoPermission(expected="metadata that root has not frozen")

        self._clear_metadata(id_, details)

    @call(19, weight=cost(30, reads=2))
    def force_set_metadata(
        self,
        origin: Root,
        id_: AssetIdParameter,
        name: NameArgument,
        symbol: NameArgument,
        decimals: u8,
        is_frozen: bool,
    ) -> None:
        """Describe an asset by root, without a deposit."""
        self._details(id_)
        check_metadata(name, symbol)

        deposit = self.metadata[id_].deposit
        self.metadata[id_] = AssetMetadata(deposit, name, symbol, decimals, is_frozen)
        self.emit(MetadataSet(id_, name, symbol, decimals, is_frozen))

    @call(20, weight=cost(40, reads=3))
    def force_clear_metadata(self, origin: Root, id_: AssetIdParameter) -> None:
        """Remove an asset's metadata by root."""
        self._clear_metadata(id_, self._details(id_))

    # ------------------------------------------------------------------------- helpers

    def _check_new(self, asset_id: int, min_balance: int) -> None:
        if asset_id in self.asset:
            raise InUse(expected="a number that no asset has", found=asset_id)
        if not min_balance:
            raise MinBalanceZero(expected="1 or more")

    def _create(
        self,
        asset_id: int,
        owner: bytes,
        team: bytes,
        deposit: int,
        min_balance: int,
        *,
        sufficient: bool,
    ) -> None:
        self.asset[asset_id] = AssetDetails(
            owner, team, team, team, 0, deposit, min_balance, sufficient, 0, 0, 0, AssetStatus.Live
        )
        following = self.next_asset_id.get()
        if following is not None and asset_id >= following:
            self.next_asset_id.value = min(asset_id + 1, MAX_ASSET_ID)

    def _destroying(self, asset_id: int) -> AssetDetails:
        details = self._details(asset_id)
        if details.status is not AssetStatus.Destroying:
            raise IncorrectStatus(
                expected="an asset that is being destroyed",
                found=details.status.name,
                hint="call start_destroy first",
            )
        return details

    def _clear_metadata(self, asset_id: int, details: AssetDetails) -> None:
        metadata = self.metadata.get(asset_id)
        if metadata is None:
            raise Unknown(expected="an asset with metadata", found=asset_id)
        self._change_deposit(details.owner, metadata.deposit, 0)
        del self.metadata[asset_id]
        self.emit(MetadataCleared(asset_id))


def check_metadata(name: bytes, symbol: bytes) -> None:
    """Raise BadMetadata unless name and symbol fit."""
    if max(len(name), len(symbol)) > STRING_LIMIT:
        raise BadMetadata(
            expected=f"at most {STRING_LIMIT} bytes each", found=f"{len(name)} and {len(symbol)}"
        )
