"""What a proxy may do: the types of proxies, the calls that each lets pass, what is stored."""

from __future__ import annotations

import enum
from typing import Any, ClassVar

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record
from gongshe.primitives.scale import H256
from gongshe.primitives.types import AccountId, BlockNumber
from gongshe.runtime.pallet import Call

PURE_PREFIX = b"modlpy/proxy____"
"""What Substrate hashes before the circumstances of a pure account's creation."""


class ProxyType(enum.IntEnum):
    """Which calls a delegate may make. Numbers between these are kept for types to come."""

    Any = 0
    """Every call."""
    NonTransfer = 1
    """Calls that move no funds and need nobody's funds to be trusted to the delegate."""
    Governance = 2
    """Proposals and votes, and the texts they need."""
    Assets = 5
    """Everything about assets, transfers included."""
    CancelProxy = 6
    """Nothing but to reject what other delegates have announced."""

    __scale_path__ = enum.nonmember("gongshe_runtime::ProxyType")

    def is_superset(self, other: ProxyType) -> bool:
        """Tell whether this type permits all that the other does."""
        if self in {ProxyType.Any, other}:
            return True
        return self is ProxyType.NonTransfer and other in {
            ProxyType.Governance,
            ProxyType.CancelProxy,
        }

    def permits(self, call: Call) -> bool:
        """Tell whether a call is of this type. What is not listed is not permitted.

        Utility may be listed everywhere, because its inner calls meet the same filter. Multisig
        may not: an approval by hash may be of any call, and nobody here can see which.
        """
        if self is ProxyType.Any:
            return True
        pallet, _, name = call.name.partition(".")
        permitted = PERMITTED[self]
        return pallet in permitted or f"{pallet}.{name}" in permitted


PERMITTED = {
    ProxyType.NonTransfer: ("System", "Utility", "Proxy", "Preimage", "Scheduler"),
    ProxyType.Governance: ("Utility", "Preimage"),
    ProxyType.Assets: ("Utility", "Assets"),
    ProxyType.CancelProxy: ("Utility", "Proxy.reject_announcement"),
}
"""Pallets, or single calls, by proxy type. A new pallet is closed to them until it is listed."""


class ProxyFilter(Record):
    """What the origin of a proxied call was narrowed to."""

    proxy_type: ProxyType

    def allows(self, call: Call) -> bool:
        """Tell whether the call passes; no delegate may widen what delegates may do."""
        match call.name:
            case "Proxy.add_proxy" | "Proxy.remove_proxy" if not self.proxy_type.is_superset(
                call.arguments[1]
            ):
                return False
            case "Proxy.create_pure" if not self.proxy_type.is_superset(call.arguments[0]):
                return False
            case "Proxy.remove_proxies" | "Proxy.kill_pure" | "Proxy.announce":
                # What was announced is later made by anybody, and no filter of today is known then.
                return self.proxy_type is ProxyType.Any
        return self.proxy_type.permits(call)


class ProxyDefinition(Record, path="pallet_proxy::ProxyDefinition"):
    """A delegate, what it may do, and how many blocks ahead it must announce that."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "AccountId": AccountId,
        "ProxyType": ProxyType,
        "BlockNumber": BlockNumber,
    }

    delegate: AccountId
    proxy_type: ProxyType
    delay: BlockNumber


class Announcement(Record, path="pallet_proxy::Announcement"):
    """A call that a delegate means to make."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "AccountId": AccountId,
        "Hash": H256,
        "BlockNumber": BlockNumber,
    }

    real: AccountId
    call_hash: H256
    height: BlockNumber


def pure_account(
    spawner: bytes, proxy_type: ProxyType, index: int, height: int, ext_index: int
) -> bytes:
    """Return the account without a key that is created in these circumstances."""
    return blake2_256(
        PURE_PREFIX
        + spawner
        + height.to_bytes(4, "little")
        + ext_index.to_bytes(4, "little")
        + bytes((proxy_type,))
        + index.to_bytes(2, "little")
    )
