"""May this extrinsic enter: the reasons it may not, and what is signed.

The checks run in FRAME's order (birth, nonce, room in the block, payment). Signatures are not
checked here: this room says *what* must have been signed, `chain` has it checked once.
"""

from __future__ import annotations

from typing import Annotated

from gongshe.primitives.extrinsic import (
    Extrinsic,
    Signature,
    decode_extrinsic,
    implied_data,
    signing_payload,
)
from gongshe.primitives.records import Record, Variants, replace
from gongshe.primitives.scale import AtMost, u8, u64
from gongshe.primitives.types import ZERO_WEIGHT, Weight
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.nesting import reading_weight
from gongshe.runtime.pallet import Call, CallInfo

# ---------------------------------------------------------------------------- the refusals


class InvalidTransaction(Variants, path="sp_runtime::transaction_validity::InvalidTransaction"):
    """An extrinsic that can never, or not yet, enter a block."""


class InvalidCall(InvalidTransaction, index=0, variant="Call"):
    """The call is not one that may come this way."""


class Payment(InvalidTransaction, index=1):
    """The sender cannot pay the fee."""


class Future(InvalidTransaction, index=2):
    """An earlier nonce is missing."""


class Stale(InvalidTransaction, index=3):
    """The nonce was used already."""


class BadProof(InvalidTransaction, index=4):
    """The signature does not hold."""


class AncientBirthBlock(InvalidTransaction, index=5):
    """The era has passed, or began at a block this chain does not know."""


class ExhaustsResources(InvalidTransaction, index=6):
    """It does not fit into the block."""


class CustomInvalid(InvalidTransaction, index=7, variant="Custom", unnamed=True):
    """Another reason, by number."""

    reason: u8


class BadMandatory(InvalidTransaction, index=8):
    """A call that every block must make has failed."""


class MandatoryValidation(InvalidTransaction, index=9):
    """A call that only a block's author may add was submitted."""


class BadSigner(InvalidTransaction, index=10):
    """The sender cannot be anybody."""


class UnknownTransaction(Variants, path="sp_runtime::transaction_validity::UnknownTransaction"):
    """Validity could not be determined."""


class LookupFailed(UnknownTransaction, index=0, variant="CannotLookup"):
    """Something needed to judge it could not be looked up."""


class NoUnsignedValidator(UnknownTransaction, index=1):
    """Unsigned extrinsics are not accepted from outside."""


class CustomUnknown(UnknownTransaction, index=2, variant="Custom", unnamed=True):
    """Another reason, by number."""

    reason: u8


class TransactionValidityError(
    Variants, path="sp_runtime::transaction_validity::TransactionValidityError"
):
    """Why an extrinsic was refused."""


class Invalid(TransactionValidityError, index=0, unnamed=True):
    """It is invalid."""

    reason: InvalidTransaction


class Unknown(TransactionValidityError, index=1, unnamed=True):
    """Its validity is unknown."""

    reason: UnknownTransaction


class Refused(Exception):
    """An extrinsic that may not be included, with what was expected and found, and what to do."""

    def __init__(
        self,
        reason: InvalidTransaction | UnknownTransaction,
        *,
        expected: object = "",
        found: object = "",
        hint: str = "",
    ) -> None:
        super().__init__(f"{type(reason).scale_variant}: expected {expected}, found {found}")
        self.reason, self.expected, self.found, self.hint = reason, expected, found, hint

    @property
    def name(self) -> str:
        """The reason as clients know it: `Stale`, `Payment` and so on."""
        return type(self.reason).scale_variant

    @property
    def error(self) -> TransactionValidityError:
        """The reason as runtime calls answer it."""
        if isinstance(self.reason, InvalidTransaction):
            return Invalid(self.reason)
        return Unknown(self.reason)


class BlockRefused(Exception):
    """A block that breaks a rule: it may not be imported, whoever made it."""

    def __init__(self, expected: object, found: object) -> None:
        super().__init__(f"{expected}, found {found}")
        self.expected, self.found = expected, found


class ValidTransaction(Record, path="sp_runtime::transaction_validity::ValidTransaction"):
    """What the pool must know of a valid extrinsic.

    Tags are opaque bytes: it may enter a block once all it `requires` has been provided.
    `longevity` is a number of blocks.
    """

    priority: u64
    requires: Annotated[tuple[Annotated[bytes, AtMost(64)], ...], AtMost(16)]
    provides: Annotated[tuple[Annotated[bytes, AtMost(64)], ...], AtMost(16)]
    longevity: u64
    propagate: bool


MAX_PRIORITY = (1 << 64) - 1
FOREVER = (1 << 64) - 1
"""Longevity of immortal extrinsics."""


# ------------------------------------------------------------------------- what came from outside


class DecodedExtrinsic(Record, eq=False):
    """An extrinsic whose call has been read by a runtime."""

    raw: bytes
    hash: bytes
    signature: Signature | None
    extra: bytes
    call_bytes: bytes
    call: Call
    info: CallInfo
    """What it may cost: the call, and reading the calls inside it."""
    spec_version: int
    """Of the runtime that read it; another one must read it again."""
    reading: Weight = ZERO_WEIGHT
    """What it cost to read the calls inside the call, whatever becomes of them."""


def decode(assembly: Assembly, raw: bytes, extrinsic_hash: bytes | None = None) -> DecodedExtrinsic:
    """Take an extrinsic apart and read its call; ScaleError says which part is wrong.

    Whoever knows its hash already spares us working it out again.
    """
    extrinsic: Extrinsic = decode_extrinsic(raw)
    call = assembly.call_codec.decode(extrinsic.call)
    info, reading = cost_of(call)
    return DecodedExtrinsic(
        raw,
        extrinsic_hash or extrinsic.hash,
        extrinsic.signature,
        extrinsic.extra,
        extrinsic.call,
        call,
        info,
        assembly.spec_version,
        reading,
    )


def cost_of(call: Call) -> tuple[CallInfo, Weight]:
    """Return what an extrinsic of this call may cost, and the part that reading it takes."""
    info, reading = call.info(), reading_weight(call)
    if reading is ZERO_WEIGHT:
        return info, reading
    return replace(info, weight=info.weight + reading), reading


def signed_message(
    assembly: Assembly, extrinsic: DecodedExtrinsic, genesis_hash: bytes, birth_hash: bytes
) -> bytes:
    """Return the bytes that the sender must have signed."""
    version = assembly.version
    implied = implied_data(
        version.spec_version, version.transaction_version, genesis_hash, birth_hash
    )
    return signing_payload(extrinsic.call_bytes, extrinsic.extra, implied)


def nonce_tag(account: bytes, nonce: int) -> bytes:
    """Return the pool tag that an account's extrinsic of this nonce provides."""
    return account + nonce.to_bytes(4, "little")
