"""What happens in the assets pallet, and what can be wrong: its events and errors."""

from __future__ import annotations

from gongshe.primitives.scale import u8, u32
from gongshe.primitives.types import AccountId, Balance
from gongshe.runtime.pallet import CallError, Event
from gongshe.runtime.pallets.assets_types import AssetId, Text


class Created(Event, index=0):
    """An asset was created."""

    asset_id: AssetId
    creator: AccountId
    owner: AccountId


class Issued(Event, index=1):
    """An amount was issued."""

    asset_id: AssetId
    owner: AccountId
    amount: Balance


class Transferred(Event, index=2):
    """An amount was transferred."""

    asset_id: AssetId
    from_: AccountId
    to: AccountId
    amount: Balance


class Burned(Event, index=3):
    """An amount was destroyed."""

    asset_id: AssetId
    owner: AccountId
    balance: Balance


class TeamChanged(Event, index=4):
    """The management team changed."""

    asset_id: AssetId
    issuer: AccountId
    admin: AccountId
    freezer: AccountId


class OwnerChanged(Event, index=5):
    """The owner changed."""

    asset_id: AssetId
    owner: AccountId


class AccountFrozen(Event, index=6, variant="Frozen"):
    """An account was frozen."""

    asset_id: AssetId
    who: AccountId


class Thawed(Event, index=7):
    """An account was thawed."""

    asset_id: AssetId
    who: AccountId


class AssetFrozen(Event, index=8):
    """An asset was frozen."""

    asset_id: AssetId


class AssetThawed(Event, index=9):
    """An asset was thawed."""

    asset_id: AssetId


class AccountsDestroyed(Event, index=10):
    """Accounts in an asset were destroyed."""

    asset_id: AssetId
    accounts_destroyed: u32
    accounts_remaining: u32


class ApprovalsDestroyed(Event, index=11):
    """Approvals of an asset were destroyed."""

    asset_id: AssetId
    approvals_destroyed: u32
    approvals_remaining: u32


class DestructionStarted(Event, index=12):
    """An asset is being destroyed."""

    asset_id: AssetId


class Destroyed(Event, index=13):
    """An asset was destroyed."""

    asset_id: AssetId


class ForceCreated(Event, index=14):
    """An asset was created by root."""

    asset_id: AssetId
    owner: AccountId


class MetadataSet(Event, index=15):
    """An asset has new metadata."""

    asset_id: AssetId
    name: Text
    symbol: Text
    decimals: u8
    is_frozen: bool


class MetadataCleared(Event, index=16):
    """An asset has no metadata any more."""

    asset_id: AssetId


class ApprovedTransfer(Event, index=17):
    """A delegate may transfer (more of) an amount."""

    asset_id: AssetId
    source: AccountId
    delegate: AccountId
    amount: Balance


class ApprovalCancelled(Event, index=18):
    """A delegate may no longer transfer."""

    asset_id: AssetId
    owner: AccountId
    delegate: AccountId


class TransferredApproved(Event, index=19):
    """A delegate transferred an amount."""

    asset_id: AssetId
    owner: AccountId
    delegate: AccountId
    destination: AccountId
    amount: Balance


class AssetStatusChanged(Event, index=20):
    """Root changed an asset's attributes."""

    asset_id: AssetId


class AssetMinBalanceChanged(Event, index=21):
    """The minimum balance of an asset changed."""

    asset_id: AssetId
    new_min_balance: Balance


class Touched(Event, index=22):
    """An account in an asset was opened by deposit."""

    asset_id: AssetId
    who: AccountId
    depositor: AccountId


class Blocked(Event, index=23):
    """An account was blocked."""

    asset_id: AssetId
    who: AccountId


class BalanceLow(CallError, index=0):
    """Account balance must be greater than or equal to the transfer amount."""


class NoAccount(CallError, index=1):
    """The account to alter does not exist."""


class NoPermission(CallError, index=2):
    """The signing account has no permission to do the operation."""


class Unknown(CallError, index=3):
    """The given asset ID is unknown."""


class Frozen(CallError, index=4):
    """The origin account is frozen."""


class InUse(CallError, index=5):
    """The asset ID is already taken, or something still hangs on the asset."""


class MinBalanceZero(CallError, index=7):
    """Minimum balance should be non-zero."""


class BadMetadata(CallError, index=9):
    """Invalid metadata given."""


class Unapproved(CallError, index=10):
    """No approval exists that would allow the transfer."""


class AlreadyExists(CallError, index=12):
    """The asset-account already exists."""


class NoDeposit(CallError, index=13):
    """The asset-account doesn't have an associated deposit."""


class WouldBurn(CallError, index=14):
    """The operation would result in funds being burned."""


class AssetNotLive(CallError, index=16):
    """The asset is not live, and likely being destroyed."""


class IncorrectStatus(CallError, index=17):
    """The asset status is not the expected status."""


class BadAssetId(CallError, index=20):
    """The asset ID must be equal to the next one."""
