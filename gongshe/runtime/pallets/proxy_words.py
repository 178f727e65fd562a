"""What happens in the proxy pallet, and what can be wrong: its events and errors."""

from __future__ import annotations

from gongshe.primitives.scale import H256, u16
from gongshe.primitives.types import AccountId, BlockNumber, DispatchResult
from gongshe.runtime.pallet import CallError, Event
from gongshe.runtime.pallets.proxy_types import ProxyType


class ProxyExecuted(Event, index=0):
    """A call was made by a proxy."""

    result: DispatchResult


class PureCreated(Event, index=1):
    """A pure account was created."""

    pure: AccountId
    who: AccountId
    proxy_type: ProxyType
    disambiguation_index: u16


class Announced(Event, index=2):
    """A delegate announced a call."""

    real: AccountId
    proxy: AccountId
    call_hash: H256


class ProxyAdded(Event, index=3):
    """A proxy was added."""

    delegator: AccountId
    delegatee: AccountId
    proxy_type: ProxyType
    delay: BlockNumber


class ProxyRemoved(Event, index=4):
    """A proxy was removed."""

    delegator: AccountId
    delegatee: AccountId
    proxy_type: ProxyType
    delay: BlockNumber


class TooMany(CallError, index=0):
    """There are too many proxies registered or too many announcements pending."""


class NotFound(CallError, index=1):
    """Proxy registration not found."""


class NotProxy(CallError, index=2):
    """Sender is not a proxy of the account to be proxied."""


class Duplicate(CallError, index=4):
    """Account is already a proxy."""


class NoPermission(CallError, index=5):
    """Call may not be made by proxy because it may escalate its privileges."""


class Unannounced(CallError, index=6):
    """Announcement, if made at all, was made too recently."""


class NoSelfProxy(CallError, index=7):
    """Cannot add self as proxy."""
