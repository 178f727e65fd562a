"""The calls that clients and the node ask a runtime, answered over the state of one block.

Each is a typed function; codec, metadata and documentation follow from its declaration. Names,
versions and types are Substrate's. Nothing asked here is ever written to the chain.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from gongshe.primitives.crypto import verify
from gongshe.primitives.header import Digest, Header
from gongshe.primitives.records import Record, replace
from gongshe.primitives.scale import H256, AtMost, Codec, Err, Ok, ScaleError, u32
from gongshe.primitives.schema import tuple_of, type_name
from gongshe.primitives.types import AccountId, Balance, Nonce, Pays, RuntimeVersion, Weight
from gongshe.runtime.api_declaration import Api, ApiMethod, RuntimeExtrinsic
from gongshe.runtime.api_types import (
    ApplyExtrinsicResult,
    Block,
    ExtrinsicInclusionMode,
    FeeDetails,
    OpaqueMetadata,
    RuntimeDispatchInfo,
    SlotDuration,
    TransactionSource,
    TransactionValidity,
)
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.executive import BlockExecution, Runtime
from gongshe.runtime.metadata import VERSIONS, client_schema
from gongshe.runtime.metadata import metadata as encoded_metadata
from gongshe.runtime.pallet import CallInfo, RuntimeCall
from gongshe.runtime.pallets.aura import MAX_SCHEDULE, Aura, AuthorityId
from gongshe.runtime.pallets.system import System
from gongshe.runtime.pallets.transaction_payment import (
    LENGTH_FEE,
    TransactionPayment,
    weight_fee,
)
from gongshe.runtime.validity import (
    BadProof,
    DecodedExtrinsic,
    InvalidCall,
    Refused,
    cost_of,
    decode,
    signed_message,
)

MAX_TOLD = (1 << 64) - 1
"""The widest part of a weight that the encoding carries; it fits into no block."""


class ApiCallFailed(Exception):
    """A runtime API call that could not be answered; the text is fit for the caller."""


class ApiMissing(ApiCallFailed):
    """The runtime has no call of this name."""


class ApiInputMalformed(ApiCallFailed):
    """The bytes are not the encoding of the call's arguments."""


class ApiRefused(ApiCallFailed):
    """The call exists, and this node does not answer it in this way."""


class Asked(Record, eq=False):
    """What a call is answered from: a runtime bound to a block's state, and the block's hash."""

    runtime: Runtime
    block_hash: bytes | None


def call_api(
    runtime: Runtime, name: str, arguments: bytes, *, block_hash: bytes | None = None
) -> bytes:
    """Answer a call such as `AccountNonceApi_account_nonce`; ApiCallFailed says why it cannot.

    `runtime` is bound to the state after a block, and is of the assembly that the next block is
    executed under; `block_hash` names that block, which only dry runs need.
    """
    entry = _exported(runtime.assembly).get(name)
    if entry is None:
        raise ApiMissing(
            f"no runtime call {name!r} in spec version {runtime.assembly.spec_version};"
            f" there are {', '.join(_exported(runtime.assembly))}"
        )
    method, inputs, output = entry
    try:
        values = inputs.decode(arguments)
    except ScaleError as fault:
        expected = ", ".join(f"{each}: {type_name(hint)}" for each, hint in method.inputs)
        raise ApiInputMalformed(
            f"{name} takes ({expected}), found {len(arguments)} bytes: {fault}"
        ) from None
    return output.encode(method.function(Asked(runtime, block_hash), *values))


@lru_cache(maxsize=16)
def _exported(assembly: Assembly) -> dict[str, tuple[ApiMethod, Codec, Codec]]:
    """Return an assembly's API calls by the names under which they are called."""
    schema = client_schema(assembly)
    return {
        f"{api.name}_{method.name}": (
            method,
            tuple_of([schema.codec_of(hint) for _, hint in method.inputs]),
            schema.codec_of(method.output),
        )
        for api in assembly.apis
        for method in api.methods.values()
    }


# ---------------------------------------------------------------------------------- Core

CORE = Api("Core", 5, "The version of the rules, and the execution of blocks.")


@CORE.method
def version(asked: Asked) -> RuntimeVersion:
    """Return the version of the runtime."""
    return asked.runtime.assembly.version


@CORE.method
def execute_block(asked: Asked, block: Block) -> tuple[()]:
    """Execute a block. This node executes blocks on import only, so the answer is a refusal."""
    raise ApiRefused("blocks are executed when they are imported: announce or submit it instead")


@CORE.method
def initialize_block(asked: Asked, header: Header) -> ExtrinsicInclusionMode:
    """Open a block. This node builds blocks by itself, so the answer is a refusal."""
    raise ApiRefused("no block can be opened by a call: each call has a state of its own")


# ------------------------------------------------------------------------------ Metadata

METADATA = Api("Metadata", 2, "The description of the runtime, from which clients are driven.")


@METADATA.method
def metadata(asked: Asked) -> OpaqueMetadata:
    """Return the metadata of the runtime, version 14."""
    return OpaqueMetadata(encoded_metadata(asked.runtime.assembly, 14) or b"")


@METADATA.method
def metadata_at_version(asked: Asked, version: u32) -> OpaqueMetadata | None:
    """Return the metadata at a given version, or none if that version is not written."""
    encoded = encoded_metadata(asked.runtime.assembly, version)
    return None if encoded is None else OpaqueMetadata(encoded)


@METADATA.method
def metadata_versions(asked: Asked) -> Annotated[tuple[u32, ...], AtMost(16)]:
    """Return the versions of metadata that are written."""
    return VERSIONS


# -------------------------------------------------------------------- extrinsics in advance

BLOCK_BUILDER = Api("BlockBuilder", 6, "Extrinsics applied in advance.")


@BLOCK_BUILDER.method
def apply_extrinsic(asked: Asked, extrinsic: RuntimeExtrinsic) -> ApplyExtrinsicResult:
    """Apply an extrinsic as the next block's first one, and throw the outcome away."""
    if asked.block_hash is None:
        raise ApiRefused("the hash of the block is needed to judge a mortal extrinsic")
    try:
        execution, decoded = _next_block(asked.runtime, extrinsic, asked.block_hash)
        applied = execution.apply(decoded)
    except Refused as refused:
        return Err(refused.error)
    return Ok(Ok() if applied.failure is None else Err(applied.failure.error))


TRANSACTION_QUEUE = Api("TaggedTransactionQueue", 3, "Whether an extrinsic may enter the pool.")


@TRANSACTION_QUEUE.method
def validate_transaction(
    asked: Asked, source: TransactionSource, tx: RuntimeExtrinsic, block_hash: H256
) -> TransactionValidity:
    """Say whether an extrinsic may enter now or later, and after which others."""
    try:
        execution, decoded = _next_block(asked.runtime, tx, block_hash)
        return Ok(execution.validate(decoded))
    except Refused as refused:
        return Err(refused.error)


NONCES = Api("AccountNonceApi", 1, "The next nonce of an account.")


@NONCES.method
def account_nonce(asked: Asked, account: AccountId) -> Nonce:
    """Return the nonce for the account's next extrinsic, waiting ones not counted."""
    return asked.runtime.pallet(System).account[account].nonce


# ---------------------------------------------------------------------------------- fees

FEES = Api("TransactionPaymentApi", 4, "What an extrinsic costs.")


@FEES.method
def query_info(asked: Asked, uxt: RuntimeExtrinsic, len: u32) -> RuntimeDispatchInfo:  # noqa: A002
    """Return the weight, class and fee (without tip) of an extrinsic of this length."""
    decoded = _decoded(asked.runtime, uxt)
    return _dispatch_info(asked.runtime, decoded.info, len, pays=decoded.signature is not None)


@FEES.method
def query_fee_details(asked: Asked, uxt: RuntimeExtrinsic, len: u32) -> FeeDetails:  # noqa: A002
    """Return the parts of the fee of an extrinsic of this length."""
    decoded = _decoded(asked.runtime, uxt)
    return _fee_details(asked.runtime, decoded.info, len, pays=decoded.signature is not None)


@FEES.method
def query_weight_to_fee(asked: Asked, weight: Weight) -> Balance:
    """Return the fee for a weight, before the multiplier."""
    return weight_fee(weight)


@FEES.method
def query_length_to_fee(asked: Asked, length: u32) -> Balance:
    """Return the fee for a number of bytes."""
    return length * LENGTH_FEE


CALL_FEES = Api("TransactionPaymentCallApi", 3, "What a call would cost, were it signed.")


@CALL_FEES.method
def query_call_info(asked: Asked, call: RuntimeCall, len: u32) -> RuntimeDispatchInfo:  # noqa: A002
    """Return the weight, class and fee of a call whose extrinsic has this length."""
    return _dispatch_info(asked.runtime, _info(call), len, pays=True)


@CALL_FEES.method
def query_call_fee_details(asked: Asked, call: RuntimeCall, len: u32) -> FeeDetails:  # noqa: A002
    """Return the parts of the fee of a call whose extrinsic has this length."""
    return _fee_details(asked.runtime, _info(call), len, pays=True)


# ---------------------------------------------------------------------------------- Aura

AURA = Api("AuraApi", 1, "Who may author blocks, and when.")


@AURA.method
def slot_duration(asked: Asked) -> SlotDuration:
    """Return the length of a slot."""
    return SlotDuration(asked.runtime.pallet(Aura).slot_duration.value)


@AURA.method
def authorities(asked: Asked) -> Annotated[tuple[AuthorityId, ...], AtMost(MAX_SCHEDULE)]:
    """Return the slot schedule: the author of a slot is the entry at slot modulo length."""
    return asked.runtime.pallet(Aura).authorities.value


APIS = (CORE, METADATA, BLOCK_BUILDER, TRANSACTION_QUEUE, NONCES, FEES, CALL_FEES, AURA)
"""Every API of the present runtime."""


# ------------------------------------------------------------------------------- helpers


def _decoded(runtime: Runtime, extrinsic: Any) -> DecodedExtrinsic:
    try:
        return decode(runtime.assembly, extrinsic)
    except ScaleError as fault:
        raise ApiInputMalformed(f"the extrinsic cannot be read: {fault}") from None


def _info(call: Any) -> CallInfo:
    return cost_of(call)[0]


def _next_block(
    runtime: Runtime, extrinsic: Any, block_hash: bytes
) -> tuple[BlockExecution, DecodedExtrinsic]:
    """Return the block after the one asked about, unopened, and an extrinsic truly signed.

    Refused where the extrinsic cannot be read (as a call that may not come this way) or where
    its signature does not hold.
    """
    assembly = runtime.assembly
    try:
        decoded = decode(assembly, extrinsic)
    except ScaleError as fault:
        raise Refused(InvalidCall(), expected="a readable extrinsic", found=fault) from None
    number = runtime.pallet(System).number.value + 1
    execution = BlockExecution(
        {assembly.spec_version: assembly}, runtime.state.parent, number, block_hash, Digest()
    )
    signature = decoded.signature
    if signature is not None:
        genesis_hash = execution.runtime.pallet(System).block_hash[0]
        message = signed_message(assembly, decoded, genesis_hash, execution.birth_hash(decoded))
        if not verify(signature.scheme, signature.signer, signature.value, message):
            raise Refused(BadProof(), expected="a signature by the sender", found="another")
    return execution, decoded


def _dispatch_info(
    runtime: Runtime, info: CallInfo, length: int, *, pays: bool
) -> RuntimeDispatchInfo:
    weight = _tellable(info.weight)
    billed = replace(info, weight=weight)
    fee = runtime.pallet(TransactionPayment).fee(length, billed, 0) if pays else 0
    return RuntimeDispatchInfo(weight, info.dispatch_class, fee)


def _fee_details(runtime: Runtime, info: CallInfo, length: int, *, pays: bool) -> FeeDetails:
    if not pays or info.pays is Pays.No:
        return FeeDetails(None, 0)
    weight = _tellable(info.weight)
    return FeeDetails(runtime.pallet(TransactionPayment).inclusion_fee(length, weight), 0)


def _tellable(weight: Weight) -> Weight:
    """Return a weight that can be encoded: whoever states one of their own may state too much."""
    return Weight(min(weight.ref_time, MAX_TOLD), min(weight.proof_size, MAX_TOLD))
