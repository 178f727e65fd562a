"""The signed extensions: what an extrinsic carries beside its call, and what is signed unseen.

Names, order, paths and unnamed fields are FRAME's: wallets know these eight and no others. An
invented one would be taken as empty, so that its bytes vanish from what a wallet signs. The bytes
themselves are written and read by `primitives/extrinsic.py`; here they are declared to clients.
"""

from __future__ import annotations

from typing import Annotated, Any

from gongshe.primitives.extrinsic import ERA, MortalEra
from gongshe.primitives.records import Record
from gongshe.primitives.scale import H256, Compact, u32
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import CompactBalance

Era = Annotated[MortalEra | None, ERA]
Nothing = tuple[()]


class CheckNonZeroSender(
    Record, path="frame_system::extensions::check_non_zero_sender::CheckNonZeroSender"
):
    """The sender is not the zero account."""


class CheckSpecVersion(
    Record, path="frame_system::extensions::check_spec_version::CheckSpecVersion"
):
    """The sender signed for these rules."""


class CheckTxVersion(Record, path="frame_system::extensions::check_tx_version::CheckTxVersion"):
    """The sender signed for this format of calls."""


class CheckGenesis(Record, path="frame_system::extensions::check_genesis::CheckGenesis"):
    """The sender signed for this chain."""


class CheckMortality(
    Record, path="frame_system::extensions::check_mortality::CheckMortality", unnamed=True
):
    """The block lies in the era that the sender signed for."""

    era: Era


class CheckNonce(Record, path="frame_system::extensions::check_nonce::CheckNonce", unnamed=True):
    """The sender's extrinsics enter in their order, each once."""

    nonce: Annotated[int, Compact(4, "Nonce")]


class CheckWeight(Record, path="frame_system::extensions::check_weight::CheckWeight"):
    """There is room in the block."""


class ChargeTransactionPayment(
    Record, path="pallet_transaction_payment::ChargeTransactionPayment", unnamed=True
):
    """The sender pays the fee and this tip."""

    tip: CompactBalance


class Extension(Record):
    """One signed extension: the type it adds to an extrinsic, and the type that is only signed."""

    name: str
    included: Any
    implied: Any


EXTENSIONS = (
    Extension("CheckNonZeroSender", CheckNonZeroSender, Nothing),
    Extension("CheckSpecVersion", CheckSpecVersion, u32),
    Extension("CheckTxVersion", CheckTxVersion, u32),
    Extension("CheckGenesis", CheckGenesis, H256),
    Extension("CheckMortality", CheckMortality, H256),
    Extension("CheckNonce", CheckNonce, Nothing),
    Extension("CheckWeight", CheckWeight, Nothing),
    Extension("ChargeTransactionPayment", ChargeTransactionPayment, Nothing),
)
"""In the order in which their data stands in an extrinsic and in what is signed."""

EXTRA = codec_of(tuple[tuple(each.included for each in EXTENSIONS)])  # type: ignore[misc]
"""What stands between signature and call."""

IMPLIED = codec_of(tuple[tuple(each.implied for each in EXTENSIONS)])  # type: ignore[misc]
"""What is signed after the call and EXTRA, but not sent."""
