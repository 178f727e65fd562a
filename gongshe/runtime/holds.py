"""Why part of a balance is held or frozen: one name per use, so that nobody frees another's."""

from __future__ import annotations

import enum


class HoldReason(enum.IntEnum):
    """Why an amount is held: it stays the holder's, cannot be spent, and may be slashed."""

    Preimage = 0
    """Deposit for bytes kept under a hash."""
    Multisig = 1
    """Deposit for an open multisig operation."""
    Proxy = 2
    """Deposit for registered proxies."""
    ProxyAnnouncement = 3
    """Deposit for announced proxy calls."""
    Assets = 4
    """Deposit for an asset, its metadata, an account in it or an approval."""

    __scale_path__ = enum.nonmember("gongshe_runtime::RuntimeHoldReason")


class FreezeReason(enum.IntEnum):
    """Why an amount is frozen: it may be held or slashed, but not spent. Freezes overlap."""

    Governance = 0
    """Tokens locked behind a vote."""

    __scale_path__ = enum.nonmember("gongshe_runtime::RuntimeFreezeReason")
