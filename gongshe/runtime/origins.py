"""Origins as bytes: who makes a call that is kept for later or made for somebody else."""

from __future__ import annotations

from typing import Any, ClassVar

from gongshe.primitives.records import Variants
from gongshe.primitives.types import AccountId
from gongshe.runtime.pallet import Origin, Root, Signed, Unsigned


class RawOrigin(Variants, path="frame_support::dispatch::RawOrigin"):
    """Who makes a call, as far as the system itself knows."""

    scale_parameters: ClassVar[dict[str, Any]] = {"AccountId": AccountId}


class RawRoot(RawOrigin, index=0, variant="Root"):
    """The chain itself."""


class RawSigned(RawOrigin, index=1, variant="Signed", unnamed=True):
    """An account."""

    account: AccountId


class RawNone(RawOrigin, index=2, variant="None"):
    """Nobody: the call comes with the block."""


class OriginCaller(Variants, path="gongshe_runtime::OriginCaller"):
    """Every kind of origin that this chain knows; later pallets may add their own."""


class SystemOrigin(OriginCaller, index=0, variant="system", unnamed=True):
    """An origin of the system."""

    origin: RawOrigin


ROOT_CALLER = SystemOrigin(RawRoot())
"""The chain itself, as bytes."""


def origin_of(caller: OriginCaller) -> Origin:
    """Return the origin that was written down."""
    if not isinstance(caller, SystemOrigin):
        raise TypeError(f"no origin is known for {caller}")
    match caller.origin:
        case RawRoot():
            return Root()
        case RawSigned(account):
            return Signed(account)
        case _:
            return Unsigned()


def caller_of(origin: Origin) -> OriginCaller:
    """Return what is written down of an origin; filters cannot be, and must not be there."""
    match origin:
        case Root():
            return ROOT_CALLER
        case Signed(account, ()):
            return SystemOrigin(RawSigned(account))
        case Unsigned():
            return SystemOrigin(RawNone())
        case _:
            raise TypeError(f"{origin} has filters, which would be lost")
