"""Assets: fungible assets beside the native token; the settlement asset is one of them.

Whoever holds an asset may transfer it, approve delegates, and open accounts by deposit. The
ledger is in `assets_ledger.py`, creation and destruction in `assets_lifecycle.py`, what the
team may do in `assets_team.py`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from gongshe.primitives.records import replace
from gongshe.primitives.scale import u32
from gongshe.primitives.types import (
    ArithmeticFault,
    Balance,
    CompactBalance,
    ErrorOfArithmetic,
    MultiAddress,
)
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.pallet import CallFailed, Constant, InvariantBroken, Root, Signed, call
from gongshe.runtime.pallets import assets_words
from gongshe.runtime.pallets.assets_ledger import require
from gongshe.runtime.pallets.assets_team import AssetTeam
from gongshe.runtime.pallets.assets_types import (
    APPROVAL_DEPOSIT,
    ASSET_ACCOUNT_DEPOSIT,
    ASSET_DEPOSIT,
    MAX_BALANCE,
    METADATA_DEPOSIT_BASE,
    METADATA_DEPOSIT_PER_BYTE,
    REMOVE_ITEMS_LIMIT,
    STRING_LIMIT,
    AccountStatus,
    Approval,
    AssetAccount,
    AssetIdParameter,
    AssetMetadata,
    ByConsumer,
    BySufficient,
    DepositFrom,
    DepositHeld,
    ExistenceReason,
)
from gongshe.runtime.pallets.assets_words import (
    AlreadyExists,
    ApprovalCancelled,
    ApprovedTransfer,
    Burned,
    Frozen,
    NoDeposit,
    Touched,
    TransferredApproved,
    Unapproved,
    Unknown,
    WouldBurn,
)
from gongshe.runtime.weights import cost


class Assets(AssetTeam, index=15, words=(assets_words,)):
    """Fungible assets."""

    constants = (
        Constant("RemoveItemsLimit", u32, REMOVE_ITEMS_LIMIT, "Items one call may destroy."),
        Constant("AssetDeposit", Balance, ASSET_DEPOSIT, "Held for an asset."),
        Constant(
            "AssetAccountDeposit",
            Balance,
            ASSET_ACCOUNT_DEPOSIT,
            "Held for an account that exists by deposit.",
        ),
        Constant("MetadataDepositBase", Balance, METADATA_DEPOSIT_BASE, "Held for metadata."),
        Constant(
            "MetadataDepositPerByte",
            Balance,
            METADATA_DEPOSIT_PER_BYTE,
            "Held for each byte of metadata.",
        ),
        Constant("ApprovalDeposit", Balance, APPROVAL_DEPOSIT, "Held for an approval."),
        Constant("StringLimit", u32, STRING_LIMIT, "The longest name or symbol."),
    )

    # ------------------------------------------------------------------------- transfers

    @call(8, weight=cost(45, reads=4))
    def transfer(
        self, origin: Signed, id_: AssetIdParameter, target: MultiAddress, amount: CompactBalance
    ) -> None:
        """Move an amount to another account; what would be left below the minimum goes along."""
        receiver = self.system.lookup(target)
        self.transfer_asset(id_, origin.account, receiver, amount, keep_alive=False)

    @call(9, weight=cost(45, reads=4))
    def transfer_keep_alive(
        self, origin: Signed, id_: AssetIdParameter, target: MultiAddress, amount: CompactBalance
    ) -> None:
        """Move an amount to another account and keep at least the minimum."""
        receiver = self.system.lookup(target)
        self.transfer_asset(id_, origin.account, receiver, amount, keep_alive=True)

    @call(32, weight=cost(48, reads=4))
    def transfer_all(
        self, origin: Signed, id_: AssetIdParameter, dest: MultiAddress, keep_alive: bool
    ) -> None:
        """Move everything that may be moved."""
        receiver = self.system.lookup(dest)
        amount = self.reducible(id_, origin.account, keep_alive=keep_alive)
        self.transfer_asset(id_, origin.account, receiver, amount, keep_alive=keep_alive)

    # ------------------------------------------------------------------------- approvals

    @call(22, weight=cost(45, reads=3))
    def approve_transfer(
        self, origin: Signed, id_: AssetIdParameter, delegate: MultiAddress, amount: CompactBalance
    ) -> None:
        """Let a delegate transfer up to an amount, in addition to what it may already."""
        account, owner = self.system.lookup(delegate), origin.account
        details = self._live(id_)
        before = self.approvals.get((id_, owner, account))
        approved = amount + (before.amount if before else 0)
        if approved > MAX_BALANCE:
            raise CallFailed(
                ErrorOfArithmetic(ArithmeticFault.Overflow), expected=f"at most {MAX_BALANCE}"
            )

        if before is None:
            self.balances.hold(HoldReason.Assets, owner, APPROVAL_DEPOSIT)
            self.asset[id_] = replace(details, approvals=details.approvals + 1)
        self.approvals[id_, owner, account] = Approval(approved, APPROVAL_DEPOSIT)
        self.emit(ApprovedTransfer(id_, owner, account, amount))

    @call(23, weight=cost(40, reads=3))
    def cancel_approval(
        self, origin: Signed, id_: AssetIdParameter, delegate: MultiAddress
    ) -> None:
        """Take an approval back."""
        self._cancel(id_, origin.account, self.system.lookup(delegate))

    @call(24, weight=cost(40, reads=3))
    def force_cancel_approval(
        self,
        origin: Signed | Root,
        id_: AssetIdParameter,
        owner: MultiAddress,
        delegate: MultiAddress,
    ) -> None:
        """Take another's approval back; for the admin or root."""
        giver, account = self.system.lookup(owner), self.system.lookup(delegate)
        if isinstance(origin, Signed):
            require(origin.account, self._details(id_).admin)

        self._cancel(id_, giver, account)

    @call(25, weight=cost(60, reads=5))
    def transfer_approved(
        self,
        origin: Signed,
        id_: AssetIdParameter,
        owner: MultiAddress,
        destination: MultiAddress,
        amount: CompactBalance,
    ) -> None:
        """Move an amount that its owner has approved."""
        giver, receiver = self.system.lookup(owner), self.system.lookup(destination)
        delegate = origin.account
        self._live(id_)
        approval = self.approvals.get((id_, giver, delegate))
        if approval is None or approval.amount < amount:
            raise Unapproved(expected=f"{amount} approved", found=approval and approval.amount)

        self.transfer_asset(id_, giver, receiver, amount, keep_alive=False)
        left = approval.amount - amount
        if left:
            self.approvals[id_, giver, delegate] = replace(approval, amount=left)
        else:
            self._forget(id_, giver, delegate, approval)
        self.emit(TransferredApproved(id_, giver, delegate, receiver, amount))

    # ------------------------------------------------------------- accounts by deposit

    @call(26, weight=cost(45, reads=3))
    def touch(self, origin: Signed, id_: AssetIdParameter) -> None:
        """Open one's own account in an asset by deposit."""
        self._touch(id_, origin.account, origin.account)

    @call(27, weight=cost(45, reads=3))
    def refund(self, origin: Signed, id_: AssetIdParameter, allow_burn: bool) -> None:
        """Close one's own account and get the deposit back; a balance is burned if allowed."""
        who = origin.account
        held = self._refundable(id_, who, ByConsumer, DepositHeld)
        if held.balance and not allow_burn:
            raise WouldBurn(expected="a balance of 0", found=held.balance)
        self._not_destroying(id_)

        if held.balance:
            details = self.asset[id_]
            self.asset[id_] = replace(details, supply=details.supply - held.balance)
            self.emit(Burned(id_, who, held.balance))
        self._close(id_, who, held.reason)

    @call(29, weight=cost(45, reads=3))
    def touch_other(self, origin: Signed, id_: AssetIdParameter, who: MultiAddress) -> None:
        """Open another's account in an asset by deposit; for the admin or the freezer."""
        account = self.system.lookup(who)
        details = self._details(id_)
        require(origin.account, details.admin, details.freezer)

        self._touch(id_, account, origin.account)

    @call(30, weight=cost(45, reads=3))
    def refund_other(self, origin: Signed, id_: AssetIdParameter, who: MultiAddress) -> None:
        """Close an empty account that one has opened for another and get the deposit back."""
        account = self.system.lookup(who)
        held = self._refundable(id_, account, DepositFrom)
        details = self._live(id_)
        if isinstance(held.reason, DepositFrom):
            require(origin.account, held.reason.depositor, details.admin)
        if held.balance:
            raise WouldBurn(expected="a balance of 0", found=held.balance)

        self._close(id_, account, held.reason)

    # ----------------------------------------------------------------------------- hooks

    def on_genesis(self, config: Any) -> None:
        """Write the assets of the chain spec.

        `{"assets": [[id, owner, isSufficient, minBalance]], "metadata": [[id, name, symbol,
        decimals]], "accounts": [[id, account, balance]], "nextAssetId": id}`, all optional.
        """
        for asset_id, owner, sufficient, min_balance in config.get("assets", ()):
            self._check_new(asset_id, min_balance)
            self._create(asset_id, owner, owner, 0, min_balance, sufficient=sufficient)
        for asset_id, name, symbol, decimals in config.get("metadata", ()):
            self._details(asset_id)
            words = [word.encode() if isinstance(word, str) else word for word in (name, symbol)]
            self.metadata[asset_id] = AssetMetadata(0, words[0], words[1], decimals, False)
        for asset_id, account, balance in config.get("accounts", ()):
            self.mint_into(asset_id, account, balance)
        if config.get("nextAssetId") is not None:
            self.next_asset_id.value = config["nextAssetId"]

    def check_invariants(self) -> None:
        """Supplies, counters and deposits are what accounts and approvals add up to."""
        deposits: Counter[bytes] = Counter()
        sufficients: Counter[bytes] = Counter()
        consumers: Counter[bytes] = Counter()
        for asset_id, details in self.asset.items():
            held = list(self.account.under(asset_id))
            approvals = list(self.approvals.under(asset_id))
            supply = sum(each.balance for _, each in held)
            own = [who for who, each in held if isinstance(each.reason, BySufficient)]
            found = (supply, len(held), len(own), len(approvals))
            said = (details.supply, details.accounts, details.sufficients, details.approvals)
            if found != said:
                raise InvariantBroken(f"asset {asset_id} says {said}, its entries say {found}")
            deposits[details.owner] += details.deposit + self.metadata[asset_id].deposit
            sufficients.update(own)
            consumers.update(who for who, each in held if isinstance(each.reason, ByConsumer))
            for who, each in held:
                if isinstance(each.reason, DepositHeld):
                    deposits[who] += each.reason.amount
                elif isinstance(each.reason, DepositFrom):
                    deposits[each.reason.depositor] += each.reason.amount
            for (owner, _), approval in approvals:
                deposits[owner] += approval.deposit
        for account, info in self.system.account.items():
            held_for_assets = self.balances.held(HoldReason.Assets, account)
            if deposits[account] != held_for_assets:
                raise InvariantBroken(
                    f"account 0x{account.hex()} has {held_for_assets} held for assets,"
                    f" which record {deposits[account]}"
                )
            if info.sufficients != sufficients[account] or info.consumers < consumers[account]:
                raise InvariantBroken(f"account 0x{account.hex()}: wrong references: {info}")

    # --------------------------------------------------------------------------- helpers

    def _cancel(self, asset_id: int, owner: bytes, delegate: bytes) -> None:
        self._live(asset_id)
        approval = self.approvals.get((asset_id, owner, delegate))
        if approval is None:
            raise Unknown(expected="an approval that stands")
        self._forget(asset_id, owner, delegate, approval)
        self.emit(ApprovalCancelled(asset_id, owner, delegate))

    def _forget(self, asset_id: int, owner: bytes, delegate: bytes, approval: Approval) -> None:
        self.balances.release(HoldReason.Assets, owner, approval.deposit)
        del self.approvals[asset_id, owner, delegate]
        details = self.asset[asset_id]
        self.asset[asset_id] = replace(details, approvals=details.approvals - 1)

    def _refundable(
        self, asset_id: int, account: bytes, *kinds: type[ExistenceReason]
    ) -> AssetAccount:
        held = self.account.get((asset_id, account))
        if held is None or not isinstance(held.reason, kinds):
            raise NoDeposit(expected=" or ".join(kind.scale_variant for kind in kinds))
        if held.status is not AccountStatus.Liquid:
            raise Frozen(expected="a liquid account", found=held.status.name)
        return held

    def _touch(self, asset_id: int, account: bytes, depositor: bytes) -> None:
        if (asset_id, account) in self.account:
            raise AlreadyExists(expected="no account yet")
        self._live(asset_id)

        self.balances.hold(HoldReason.Assets, depositor, ASSET_ACCOUNT_DEPOSIT)
        self._open_by_deposit(asset_id, account, depositor, ASSET_ACCOUNT_DEPOSIT)
        self.emit(Touched(asset_id, account, depositor))
