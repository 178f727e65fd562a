"""What the assets pallet stores: assets, accounts in them, approvals, metadata; and its limits."""

from __future__ import annotations

import enum
from typing import Annotated, Any, ClassVar

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import AtMost, Compact, UInt, u8, u32
from gongshe.primitives.types import UNIT, AccountId, Balance

SETTLEMENT_ASSET = 1
"""The asset in which experience fees, levy, commissions and rewards are paid; from genesis on."""

STRING_LIMIT = 50
"""Bytes of an asset's name or symbol: what existing chains allow and wallets can show."""

REMOVE_ITEMS_LIMIT = 100
"""Accounts or approvals that one call of a destruction removes: a tenth of a block."""

ASSET_DEPOSIT = 100 * UNIT
"""Held while an asset exists: names are scarce, and a dead asset should be destroyed."""

ASSET_ACCOUNT_DEPOSIT = UNIT // 10
"""Held for an account that exists in an asset by deposit alone; about a hundred bytes of state."""

METADATA_DEPOSIT_BASE = UNIT
"""Held while an asset has metadata."""

METADATA_DEPOSIT_PER_BYTE = UNIT // 100
"""Held for each byte of name and symbol."""

APPROVAL_DEPOSIT = UNIT // 10
"""Held while an approval stands; about a hundred and fifty bytes of state."""

CONSUMERS_FOR_ASSETS = 64
"""Of the things that may need one account, how many may be accounts in assets: anyone can open
such an account for another, and there must stay room for the owner's own holds."""

MAX_ASSET_ID = (1 << 32) - 1
MAX_BALANCE = (1 << 128) - 1

AssetId = Annotated[int, UInt(4, "AssetId")]
AssetIdParameter = Annotated[int, Compact(4, "AssetId")]
Text = Annotated[bytes, AtMost(STRING_LIMIT)]


class AssetStatus(enum.IntEnum):
    """What may be done with an asset."""

    Live = 0
    """Everything."""
    Frozen = 1
    """No transfers."""
    Destroying = 2
    """It is being destroyed, for good."""

    __scale_path__ = enum.nonmember("pallet_assets::types::AssetStatus")


class AssetDetails(Record, path="pallet_assets::types::AssetDetails"):
    """An asset: its team, its supply, and how many accounts and approvals hang on it."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "Balance": Balance,
        "AccountId": AccountId,
        "DepositBalance": Balance,
    }

    owner: AccountId
    issuer: AccountId
    admin: AccountId
    freezer: AccountId
    supply: Balance
    deposit: Balance
    min_balance: Balance
    is_sufficient: bool
    accounts: u32
    sufficients: u32
    approvals: u32
    status: AssetStatus


class AccountStatus(enum.IntEnum):
    """What an account may do in an asset."""

    Liquid = 0
    """Send and receive."""
    Frozen = 1
    """Receive only."""
    Blocked = 2
    """Neither."""

    __scale_path__ = enum.nonmember("pallet_assets::types::AccountStatus")


class ExistenceReason(Variants, path="pallet_assets::types::ExistenceReason"):
    """Why an account in an asset exists."""

    scale_parameters: ClassVar[dict[str, Any]] = {"Balance": Balance, "AccountId": AccountId}


class ByConsumer(ExistenceReason, index=0, variant="Consumer"):
    """It needs its native account to stay alive."""


class BySufficient(ExistenceReason, index=1, variant="Sufficient"):
    """The asset alone is reason enough for the native account to exist."""


class DepositHeld(ExistenceReason, index=2, unnamed=True):
    """Its holder placed a deposit."""

    amount: Balance


class DepositRefunded(ExistenceReason, index=3):
    """Its deposit was given back; existing chains know this passing state, this one has none."""


class DepositFrom(ExistenceReason, index=4, unnamed=True):
    """Somebody else placed a deposit for it."""

    depositor: AccountId
    amount: Balance


class AssetAccount(Record, path="pallet_assets::types::AssetAccount"):
    """An account in an asset."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "Balance": Balance,
        "DepositBalance": Balance,
        "Extra": tuple[()],
        "AccountId": AccountId,
    }

    balance: Balance
    status: AccountStatus
    reason: ExistenceReason
    extra: tuple[()]


class Approval(Record, path="pallet_assets::types::Approval"):
    """How much a delegate may still transfer, and the deposit for remembering it."""

    scale_parameters: ClassVar[dict[str, Any]] = {"Balance": Balance, "DepositBalance": Balance}

    amount: Balance
    deposit: Balance


class AssetMetadata(Record, path="pallet_assets::types::AssetMetadata"):
    """How an asset is shown: name, symbol, decimals."""

    scale_parameters: ClassVar[dict[str, Any]] = {"DepositBalance": Balance, "BoundedString": Text}

    deposit: Balance
    name: Text
    symbol: Text
    decimals: u8
    is_frozen: bool


NO_METADATA = AssetMetadata(0, b"", b"", 0, False)
