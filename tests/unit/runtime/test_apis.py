"""Runtime API calls over a first state: what is asked, what is answered, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gongshe.primitives.crypto import Scheme
from gongshe.primitives.extrinsic import (
    MortalEra,
    encode_extra,
    encode_signed,
    encode_unsigned,
    implied_data,
    signing_payload,
)
from gongshe.primitives.keys import Keypair
from gongshe.primitives.scale import Err, Ok, compact
from gongshe.primitives.types import (
    UNIT,
    AddressId,
    DispatchClass,
    ErrorOfToken,
    RuntimeVersion,
    TokenError,
)
from gongshe.runtime.api_types import (
    ApplyExtrinsicResult,
    FeeDetails,
    RuntimeDispatchInfo,
    TransactionValidity,
)
from gongshe.runtime.apis import (
    APIS,
    ApiCallFailed,
    ApiInputMalformed,
    ApiMissing,
    ApiRefused,
    call_api,
)
from gongshe.runtime.assembly import api_id
from gongshe.runtime.executive import Runtime, build_genesis
from gongshe.runtime.metadata import VERSIONS, client_schema, metadata
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.validity import (
    AncientBirthBlock,
    BadProof,
    Future,
    Invalid,
    InvalidCall,
    MandatoryValidation,
    Payment,
    ValidTransaction,
)
from gongshe.runtime.versions import SHIPPED

ASSEMBLY = SHIPPED[min(SHIPPED)]
ALICE = Keypair.from_uri("//Alice", Scheme.SR25519)
BOB = Keypair.from_uri("//Bob", Scheme.ED25519)
PAUPER = Keypair.from_uri("//Pauper", Scheme.SR25519)
GENESIS_HASH = bytes(range(32))
SPECIFICATION = {
    "Balances": {"balances": [[ALICE.public, 1_000 * UNIT], [BOB.public, 1_000 * UNIT]]},
    "Aura": {"authorities": [ALICE.public], "slotDuration": 3_000},
    "Sudo": {"key": ALICE.public},
}


class FirstState:
    """The state of block 0, in memory."""

    def __init__(self) -> None:
        self.values = build_genesis(ASSEMBLY, SPECIFICATION)

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(self.values):
            if key.startswith(prefix) and (after is None or key > after):
                yield key, self.values[key]


STATE = FirstState()


def asked(name: str, arguments: bytes = b"", output: Any = None, **options: Any) -> Any:
    """Return the answer to a call, decoded by the annotation of its output."""
    raw = call_api(Runtime(ASSEMBLY, Overlay(STATE)), name, arguments, **options)
    return raw if output is None else client_schema(ASSEMBLY).codec_of(output).decode(raw)


def transfer(amount: int = UNIT) -> bytes:
    """Return an encoded transfer to Bob."""
    call = ASSEMBLY.call("Balances", "transfer_keep_alive", AddressId(BOB.public), amount)
    return ASSEMBLY.call_codec.encode(call)


def signed(
    pair: Keypair = ALICE,
    *,
    nonce: int = 0,
    era: MortalEra | None = None,
    tip: int = 0,
    amount: int = UNIT,
    genesis_hash: bytes = GENESIS_HASH,
) -> bytes:
    """Return a signed transfer; the block asked about is block 0."""
    call, extra, version = transfer(amount), encode_extra(era, nonce, tip), ASSEMBLY.version
    implied = implied_data(
        version.spec_version, version.transaction_version, genesis_hash, genesis_hash
    )
    signature = pair.sign(signing_payload(call, extra, implied))
    return encode_signed(pair.public, int(pair.scheme), signature, extra, call)


def validity(extrinsic: bytes) -> Any:
    """Return what the pool is told of an extrinsic from outside."""
    return asked(
        "TaggedTransactionQueue_validate_transaction",
        b"\x02" + extrinsic + GENESIS_HASH,
        TransactionValidity,
    )


def applied(extrinsic: bytes) -> Any:
    """Return how an extrinsic would end."""
    return asked(
        "BlockBuilder_apply_extrinsic", extrinsic, ApplyExtrinsicResult, block_hash=GENESIS_HASH
    )


# ---------------------------------------------------------------------- version and metadata


def test_the_version_lists_the_apis_that_metadata_describes() -> None:
    version = asked("Core_version", output=RuntimeVersion)
    assert version == ASSEMBLY.version
    assert version.apis == tuple((api_id(api.name), api.version) for api in APIS)


def test_well_known_api_identifiers() -> None:
    """As every Substrate runtime version spells them."""
    assert api_id("Core").hex() == "df6acb689907609b"
    assert api_id("Metadata").hex() == "37e397fc7c91f5e4"
    assert api_id("TaggedTransactionQueue").hex() == "d2bc9897eed08f15"
    assert api_id("AccountNonceApi").hex() == "bc9d89904f5b923f"
    assert api_id("TransactionPaymentApi").hex() == "37c8bb1350a9a2a8"


def test_metadata_is_answered_in_every_version() -> None:
    assert asked("Metadata_metadata_versions") == compact(3) + b"".join(
        version.to_bytes(4, "little") for version in VERSIONS
    )
    assert asked("Metadata_metadata")[4:] == metadata(ASSEMBLY, 14)
    for version in VERSIONS:
        answer = asked("Metadata_metadata_at_version", version.to_bytes(4, "little"))
        assert (answer[:1], answer[5:]) == (b"\x01", metadata(ASSEMBLY, version))
    assert asked("Metadata_metadata_at_version", (13).to_bytes(4, "little")) == b"\x00"


# ------------------------------------------------------------------------------ extrinsics


def test_a_valid_extrinsic_is_told_with_its_tags() -> None:
    for pair in (ALICE, BOB):
        found = validity(signed(pair)).value
        assert isinstance(found, ValidTransaction)
        assert found.requires == ()
        assert found.provides == (pair.public + bytes(4),)
    (waiting,) = validity(signed(nonce=2)).value.requires
    assert waiting == ALICE.public + (1).to_bytes(4, "little")


def test_a_mortal_extrinsic_lives_as_long_as_its_era() -> None:
    assert validity(signed(era=MortalEra(64, 0))).value.longevity == 63


@pytest.mark.parametrize(
    ("extrinsic", "reason"),
    [
        (signed(genesis_hash=bytes(32)), BadProof()),
        (signed(era=MortalEra(64, 5)), AncientBirthBlock()),
        (signed(PAUPER), Payment()),
        (encode_unsigned(transfer()), MandatoryValidation()),
        (b"\x0c\x04\xfe\xfe", InvalidCall()),
        (compact(len(signed()) - 3) + signed()[2:-1], InvalidCall()),
    ],
)
def test_an_invalid_extrinsic_is_told_why(extrinsic: bytes, reason: Any) -> None:
    assert validity(extrinsic) == Err(Invalid(reason))


def test_a_dry_run_ends_as_the_call_ends() -> None:
    assert applied(signed()) == Ok(Ok())
    poor = ErrorOfToken(TokenError.FundsUnavailable)
    assert applied(signed(amount=10**9 * UNIT)) == Ok(Err(poor))
    assert applied(signed(nonce=1)) == Err(Invalid(Future()))
    assert asked("AccountNonceApi_account_nonce", ALICE.public) == bytes(4), "nothing is written"


def test_a_dry_run_wants_the_block() -> None:
    with pytest.raises(ApiRefused, match="hash of the block"):
        asked("BlockBuilder_apply_extrinsic", signed())


# ------------------------------------------------------------------------------------ fees


def test_the_fee_told_is_the_sum_of_its_parts() -> None:
    extrinsic = signed(tip=5)
    length = len(extrinsic).to_bytes(4, "little")
    info = asked("TransactionPaymentApi_query_info", extrinsic + length, RuntimeDispatchInfo)
    details = asked("TransactionPaymentApi_query_fee_details", extrinsic + length, FeeDetails)
    parts = details.inclusion_fee
    assert info.class_ is DispatchClass.Normal
    assert info.partial_fee == parts.base_fee + parts.len_fee + parts.adjusted_weight_fee
    assert asked("TransactionPaymentApi_query_length_to_fee", length) == parts.len_fee.to_bytes(
        16, "little"
    )
    call_info = asked(
        "TransactionPaymentCallApi_query_call_info", transfer() + length, RuntimeDispatchInfo
    )
    call_details = asked(
        "TransactionPaymentCallApi_query_call_fee_details", transfer() + length, FeeDetails
    )
    assert (call_info, call_details) == (info, details)


def test_nobody_pays_for_what_nobody_signed() -> None:
    call = ASSEMBLY.call_codec.encode(ASSEMBLY.call("Timestamp", "set", 1))
    extrinsic = encode_unsigned(call)
    length = len(extrinsic).to_bytes(4, "little")
    info = asked("TransactionPaymentApi_query_info", extrinsic + length, RuntimeDispatchInfo)
    assert (info.class_, info.partial_fee) == (DispatchClass.Mandatory, 0)
    details = asked("TransactionPaymentApi_query_fee_details", extrinsic + length, FeeDetails)
    assert details == FeeDetails(None, 0)


# --------------------------------------------------------------------------------- authors


def test_authors_and_their_slots() -> None:
    assert asked("AuraApi_slot_duration") == (3_000).to_bytes(8, "little")
    assert asked("AuraApi_authorities") == compact(1) + ALICE.public


# -------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "arguments", "error", "words"),
    [
        ("Core_versions", b"", ApiMissing, "Core_version"),
        ("AccountNonceApi_account_nonce", b"\x01", ApiInputMalformed, "account: AccountId32"),
        ("AccountNonceApi_account_nonce", bytes(33), ApiInputMalformed, "left over"),
        ("Core_version", b"\x00", ApiInputMalformed, "takes ()"),
        ("Core_initialize_block", bytes(98), ApiRefused, "no block can be opened"),
        ("Core_execute_block", bytes(99), ApiRefused, "when they are imported"),
        (
            "TransactionPaymentApi_query_info",
            b"\x08\x04\xfe" + bytes(4),
            ApiInputMalformed,
            "extrinsic cannot be read",
        ),
    ],
)
def test_what_cannot_be_answered_says_why(
    name: str, arguments: bytes, error: type[ApiCallFailed], words: str
) -> None:
    with pytest.raises(error) as caught:
        asked(name, arguments)
    assert words in str(caught.value)


def test_every_input_is_read_strictly() -> None:
    for name, method in (
        (f"{api.name}_{method.name}", method) for api in APIS for method in api.methods.values()
    ):
        if method.inputs:
            with pytest.raises(ApiInputMalformed):
                asked(name, b"")
        assert method.docs
