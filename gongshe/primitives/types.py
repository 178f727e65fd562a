"""The words every room shares: accounts, balances, weights, errors a call may end in.

Paths (`sp_core::crypto::AccountId32`) are those of Substrate: clients give meaning by them.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, ClassVar

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import (
    H256,
    AtMost,
    Bytes4,
    Bytes8,
    Codec,
    Compact,
    CompactOf,
    CompactU64,
    FixedBytes,
    Result,
    UInt,
    compact,
    read_compact,
    u8,
    u32,
)
from gongshe.primitives.schema import codec_of

Hash = H256
AccountId = Annotated[bytes, FixedBytes(32, "sp_core::crypto::AccountId32")]
Balance = Annotated[int, UInt(16, "Balance")]
CompactBalance = Annotated[int, Compact(16, "Balance")]
BlockNumber = Annotated[int, UInt(4, "BlockNumber")]
Nonce = Annotated[int, UInt(4, "Nonce")]

UNIT = 10**12
"""One DC token in its smallest units: the native token has 12 decimals."""

SS58_PREFIX = 42
"""The address prefix of Substrate chains without one of their own: every wallet shows it."""


class Weight(Record, path="sp_weights::weight_v2::Weight"):
    """What a call may cost: execution in picoseconds of one core, and bytes of proof."""

    ref_time: CompactU64
    proof_size: CompactU64

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.ref_time + other.ref_time, self.proof_size + other.proof_size)

    def __sub__(self, other: Weight) -> Weight:
        return Weight(
            max(self.ref_time - other.ref_time, 0), max(self.proof_size - other.proof_size, 0)
        )

    def fits(self, limit: Weight) -> bool:
        """Tell whether neither part exceeds the limit's."""
        return self.ref_time <= limit.ref_time and self.proof_size <= limit.proof_size


ZERO_WEIGHT = Weight(0, 0)


class DispatchClass(enum.IntEnum):
    """Which share of a block a call may use."""

    Normal = 0
    Operational = 1
    Mandatory = 2

    __scale_path__ = enum.nonmember("frame_support::dispatch::DispatchClass")


class Pays(enum.IntEnum):
    """Whether the sender pays for a call."""

    Yes = 0
    No = 1

    __scale_path__ = enum.nonmember("frame_support::dispatch::Pays")


class DispatchInfo(Record, path="frame_system::DispatchEventInfo"):
    """The weight, class and payment of a call, as events show it."""

    weight: Weight
    class_: DispatchClass
    pays_fee: Pays


# ---------------------------------------------------------------------- how a call may end


class ModuleError(Record, path="sp_runtime::ModuleError"):
    """A pallet's own error: the pallet's index and, first of four bytes, the error's."""

    index: u8
    error: Bytes4


class TokenError(enum.IntEnum):
    """Why an amount could not be moved."""

    FundsUnavailable = 0
    OnlyProvider = 1
    BelowMinimum = 2
    CannotCreate = 3
    UnknownAsset = 4
    Frozen = 5
    Unsupported = 6
    CannotCreateHold = 7
    NotExpendable = 8
    Blocked = 9

    __scale_path__ = enum.nonmember("sp_runtime::TokenError")


class ArithmeticFault(enum.IntEnum):
    """Which arithmetic rule was broken."""

    Underflow = 0
    Overflow = 1
    DivisionByZero = 2

    __scale_path__ = enum.nonmember("sp_arithmetic::ArithmeticError")


class DispatchError(Variants, path="sp_runtime::DispatchError"):
    """Why a call failed."""


class OtherError(DispatchError, index=0, variant="Other"):
    """Some error."""


class CannotLookup(DispatchError, index=1):
    """The address names no account that this chain can look up."""


class BadOrigin(DispatchError, index=2):
    """The sender may not make this call."""


class ErrorOfModule(DispatchError, index=3, variant="Module", unnamed=True):
    """A pallet's own error."""

    error: ModuleError


class ConsumerRemaining(DispatchError, index=4):
    """Something still needs the account to exist."""


class NoProviders(DispatchError, index=5):
    """Nothing provides for the account to exist."""


class TooManyConsumers(DispatchError, index=6):
    """Too many things need the account to exist."""


class ErrorOfToken(DispatchError, index=7, variant="Token", unnamed=True):
    """An amount could not be moved."""

    error: TokenError


class ErrorOfArithmetic(DispatchError, index=8, variant="Arithmetic", unnamed=True):
    """An arithmetic rule was broken."""

    error: ArithmeticFault


class Exhausted(DispatchError, index=10):
    """The block has no room left for this call."""


class Unavailable(DispatchError, index=12):
    """Something needed is missing for now."""


class RootNotAllowed(DispatchError, index=13):
    """Root may not make this call."""


DispatchResult = Annotated[Any, Result(tuple[()], DispatchError)]
"""`Ok()` or `Err(DispatchError)`, as events carry it."""


# ------------------------------------------------------------------- addresses and signatures

AccountIndex = Annotated[
    int,
    Codec(
        compact,
        lambda raw, offset, budget: read_compact(raw, offset),
        1,
        CompactOf(codec_of(tuple[()])),
    ),
]
"""An account by number: known to the format, not used by this chain."""


class MultiAddress(Variants, path="sp_runtime::multiaddress::MultiAddress"):
    """How a call names an account."""

    scale_parameters: ClassVar[dict[str, Any]] = {
        "AccountId": AccountId,
        "AccountIndex": tuple[()],
    }


class AddressId(MultiAddress, index=0, variant="Id", unnamed=True):
    """The account id itself: the only form this chain looks up."""

    account: AccountId


class AddressIndex(MultiAddress, index=1, variant="Index", unnamed=True):
    """An account by number."""

    number: AccountIndex


class AddressRaw(MultiAddress, index=2, variant="Raw", unnamed=True):
    """Raw bytes."""

    raw: Annotated[bytes, AtMost(256)]


class Address32(MultiAddress, index=3, unnamed=True):
    """Thirty-two bytes of another kind."""

    raw: Annotated[bytes, FixedBytes(32)]


class Address20(MultiAddress, index=4, unnamed=True):
    """Twenty bytes, as Ethereum has them."""

    raw: Annotated[bytes, FixedBytes(20)]


class MultiSignature(Variants, path="sp_runtime::MultiSignature"):
    """A signature under one of the schemes the format knows."""


class SignatureEd25519(MultiSignature, index=0, variant="Ed25519", unnamed=True):
    """An ed25519 signature, under the rule of libsodium."""

    value: Annotated[bytes, FixedBytes(64)]


class SignatureSr25519(MultiSignature, index=1, variant="Sr25519", unnamed=True):
    """An sr25519 signature, context `substrate`."""

    value: Annotated[bytes, FixedBytes(64)]


class SignatureEcdsa(MultiSignature, index=2, variant="Ecdsa", unnamed=True):
    """A secp256k1 signature: known to the format, refused by this chain."""

    value: Annotated[bytes, FixedBytes(65)]


# ------------------------------------------------------------------------------ the runtime


class RuntimeVersion(Record, path="sp_version::RuntimeVersion"):
    """Which rules a block is executed under, and which runtime API calls they answer."""

    spec_name: Annotated[str, AtMost(64)]
    impl_name: Annotated[str, AtMost(64)]
    authoring_version: u32
    spec_version: u32
    impl_version: u32
    apis: Annotated[tuple[tuple[Bytes8, u32], ...], AtMost(64)]
    transaction_version: u32
    system_version: u8
