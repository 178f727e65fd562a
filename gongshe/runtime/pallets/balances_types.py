"""What balances are recorded in: holds, freezes, and the limits on them."""

from __future__ import annotations

import enum

from gongshe.primitives.records import Record
from gongshe.primitives.scale import Bytes8
from gongshe.primitives.types import (
    UNIT,
    Balance,
)
from gongshe.runtime.holds import FreezeReason, HoldReason

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
