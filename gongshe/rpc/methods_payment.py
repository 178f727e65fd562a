"""`payment_`: what an extrinsic costs."""

from __future__ import annotations

from typing import Literal

from gongshe.primitives.records import Record
from gongshe.primitives.scale import u32
from gongshe.primitives.schema import codec_of
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.methods_state import asked_block
from gongshe.rpc.values import BlockHash, Hex, QuantityText
from gongshe.runtime.api_types import FeeDetails, RuntimeDispatchInfo

LENGTH = codec_of(u32)
DISPATCH_INFO = codec_of(RuntimeDispatchInfo)
FEE_DETAILS = codec_of(FeeDetails)

CLASSES: tuple[Literal["normal", "operational", "mandatory"], ...] = (
    "normal",
    "operational",
    "mandatory",
)

table = MethodTable()


class WeightShape(Record):
    """Execution in picoseconds and bytes of proof."""

    ref_time: int
    proof_size: int


class QueryInfo(Record, rename={"class_": "class", "partial_fee": "partialFee"}):
    """What an extrinsic weighs, and its fee without the tip, in decimal digits."""

    weight: WeightShape
    class_: Literal["normal", "operational", "mandatory"]
    partial_fee: str


class InclusionFee(Record, rename="camel"):
    """The parts of a fee."""

    base_fee: QuantityText
    len_fee: QuantityText
    adjusted_weight_fee: QuantityText


class QueryFeeDetails(Record, rename="camel"):
    """The parts of a fee; null for what nobody pays for."""

    inclusion_fee: InclusionFee | None


@table.method("payment_queryInfo", slow=True)
def query_info(context: Context, extrinsic: Hex, at: BlockHash | None = None) -> QueryInfo:
    """Return an extrinsic's weight, class and fee."""
    info: RuntimeDispatchInfo = DISPATCH_INFO.decode(
        asked(context, "TransactionPaymentApi_query_info", extrinsic, at)
    )
    return QueryInfo(
        WeightShape(info.weight.ref_time, info.weight.proof_size),
        CLASSES[info.class_],
        str(info.partial_fee),
    )


@table.method("payment_queryFeeDetails", slow=True)
def query_fee_details(
    context: Context, extrinsic: Hex, at: BlockHash | None = None
) -> QueryFeeDetails:
    """Return the parts of an extrinsic's fee."""
    details: FeeDetails = FEE_DETAILS.decode(
        asked(context, "TransactionPaymentApi_query_fee_details", extrinsic, at)
    )
    fee = details.inclusion_fee
    if fee is None:
        return QueryFeeDetails(None)
    return QueryFeeDetails(
        InclusionFee(hex(fee.base_fee), hex(fee.len_fee), hex(fee.adjusted_weight_fee))
    )


def asked(context: Context, name: str, extrinsic: bytes, at: BlockHash | None) -> bytes:
    """Return the runtime's answer about an extrinsic, whose length it wants to know."""
    arguments = extrinsic + LENGTH.encode(len(extrinsic))
    return context.backend.chain.call_runtime(asked_block(context, at), name, arguments)
