"""Extrinsics as the pool is offered them: decoded, with what validity says of them."""

from __future__ import annotations

from itertools import count

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.extrinsic import Signature
from gongshe.primitives.types import AddressId
from gongshe.runtime.pallet import Call
from gongshe.runtime.validity import FOREVER, DecodedExtrinsic, ValidTransaction, nonce_tag
from gongshe.runtime.versions import SHIPPED

FACTOR = 1_000
"""Priority of an extrinsic without a tip, as FRAME has it: how often it fits into a block."""

ALICE, BOB, CHARLIE = (bytes((index,)) * 32 for index in (1, 2, 3))
RULES = SHIPPED[1]
TRANSFER = RULES.call("Balances", "transfer_keep_alive", AddressId(BOB), 5)
TRANSFER_BYTES = RULES.call_codec.encode(TRANSFER)

Offer = tuple[DecodedExtrinsic, ValidTransaction]

_salts = count()


def offer(
    account: bytes,
    nonce: int,
    *,
    tip: int = 0,
    chain_nonce: int = 0,
    longevity: int = FOREVER,
    length: int = 145,
    call: Call = TRANSFER,
    call_bytes: bytes = TRANSFER_BYTES,
) -> Offer:
    """A signed transfer, never the same bytes twice, valid while the chain's nonce is this."""
    raw = next(_salts).to_bytes(8, "little").ljust(length, b"\x00")
    signature = Signature(account, 1, bytes(64), None, nonce, tip)
    extrinsic = DecodedExtrinsic(
        raw, blake2_256(raw), signature, b"", call_bytes, call, call.info(), 1
    )
    return extrinsic, judged_at(extrinsic, chain_nonce, longevity)


def judged_at(
    extrinsic: DecodedExtrinsic, chain_nonce: int, longevity: int = FOREVER
) -> ValidTransaction:
    """What validity says of it while the account's nonce on the chain is this."""
    signature = extrinsic.signature
    assert signature is not None
    account, nonce = signature.signer, signature.nonce
    requires = (nonce_tag(account, nonce - 1),) if nonce > chain_nonce else ()
    return ValidTransaction(
        FACTOR * (signature.tip + 1), requires, (nonce_tag(account, nonce),), longevity, True
    )
