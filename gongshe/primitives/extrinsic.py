"""A signed call (extrinsic format v4) and the bytes its signature covers.

    signed:    length ++ 0x84 ++ MultiAddress ++ MultiSignature ++ era ++ nonce ++ tip ++ call
    unsigned:  length ++ 0x04 ++ call        (inherents; length, nonce and tip are compact)

Signed bytes: call ++ era ++ nonce ++ tip ++ spec version ++ transaction version ++ genesis hash
++ birth hash; blake2b-256 of them when they are longer than 256 bytes.
"""

from __future__ import annotations

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.leaves import UNSIGNED
from gongshe.primitives.records import Record
from gongshe.primitives.scale import (
    Budget,
    Case,
    Codec,
    Enumeration,
    Field,
    ScaleError,
    compact,
    read_compact,
)

SIGNED_V4, UNSIGNED_V4 = 0x84, 0x04
ED25519, SR25519, ECDSA = 0, 1, 2
SIGNATURE_LENGTHS = {ED25519: 64, SR25519: 64, ECDSA: 65}
MAX_PLAIN_PAYLOAD = 256
"""Longer payloads are hashed before they are signed, so that small devices can sign them."""


PERIODS = tuple(1 << exponent for exponent in range(2, 17))
"""The lengths an era may have, in blocks."""


class MortalEra(Record):
    """The stretch of blocks in which an extrinsic may be included.

    `period` is a power of two from 4 to 65 536; `phase` is the birth block modulo the period,
    in steps of period / 4096.
    """

    period: int
    phase: int

    def birth(self, current: int) -> int:
        """Return the latest block ≤ `current` at which an era of this phase began."""
        return (max(current, self.phase) - self.phase) // self.period * self.period + self.phase

    def death(self, current: int) -> int:
        """Return the first block in which the extrinsic is no longer valid."""
        return self.birth(current) + self.period

    @staticmethod
    def around(current: int, period: int) -> MortalEra:
        """Return the era of about `period` blocks that begins at `current`."""
        rounded = min(max(1 << (period - 1).bit_length(), 4), 65_536)
        step = max(rounded >> 12, 1)
        return MortalEra(rounded, current % rounded // step * step)


def _write_era(era: MortalEra | None) -> bytes:
    if era is None:
        return b"\x00"
    period, phase = era.period, era.phase
    step = max(period >> 12, 1)
    if period not in PERIODS or not 0 <= phase < period or phase % step:
        raise ScaleError(f"no era has period {period} and phase {phase}; use MortalEra.around")
    return (period.bit_length() - 2 | phase // step << 4).to_bytes(2, "little")


def _read_era(raw: bytes, offset: int, budget: Budget) -> tuple[MortalEra | None, int]:
    first = raw[offset]
    if first == 0:
        return None, offset + 1
    both = first | raw[offset + 1] << 8
    period = 2 << (both & 15)
    phase = (both >> 4) * max(period >> 12, 1)
    if period < 4 or phase >= period:
        raise ScaleError(f"era of period {period} and phase {phase} at byte {offset}")
    return MortalEra(period, phase), offset + 2


ERA = Codec(
    _write_era,
    _read_era,
    1,
    Enumeration(
        "sp_runtime::generic::era::Era",
        (),
        (
            Case("Immortal", 0, (), ""),
            *(
                Case(f"Mortal{index}", index, (Field(None, UNSIGNED[1], "u8"),), "")
                for index in range(1, 256)
            ),
        ),
        "",
    ),
)
"""The era: one zero byte, or two bytes with log2(period) − 1 in the low four bits."""


class Signature(Record):
    """Who signed, how, and until when it holds."""

    signer: bytes
    scheme: int
    value: bytes
    era: MortalEra | None
    nonce: int
    tip: int


class Extrinsic(Record):
    """An extrinsic taken apart; the call is still bytes, since only a runtime can read it."""

    raw: bytes
    signature: Signature | None
    extra: bytes
    """Era, nonce and tip as they stood in the bytes: the part of them that is signed."""
    call: bytes

    @property
    def hash(self) -> bytes:
        """The name of the extrinsic: blake2b-256 of its bytes, length prefix included."""
        return blake2_256(self.raw)


FREE = Budget()
"""For readers that spend nothing: there are no lists outside the call."""


def decode_extrinsic(raw: bytes) -> Extrinsic:
    """Take an extrinsic apart; ScaleError says which part is wrong."""
    length, start = read_compact(raw, 0)
    if start + length != len(raw):
        raise ScaleError(f"extrinsic of {length} bytes announced, {len(raw) - start} found")
    if length < 2:
        raise ScaleError("extrinsic without a call")
    version = raw[start]
    if version == UNSIGNED_V4:
        return Extrinsic(raw, None, b"", raw[start + 1 :])
    if version != SIGNED_V4:
        raise ScaleError(f"extrinsic format 0x84 or 0x04 expected, found {version:#04x}")
    try:
        return _decode_signed(raw, start + 1)
    except IndexError:
        raise ScaleError("extrinsic is cut short") from None


def _decode_signed(raw: bytes, start: int) -> Extrinsic:
    if raw[start] != 0:
        raise ScaleError(f"the signer must be an account id (address kind 0), found {raw[start]}")
    scheme_at = start + 33
    scheme = raw[scheme_at]
    if scheme not in SIGNATURE_LENGTHS:
        raise ScaleError(f"signature scheme 0, 1 or 2 expected, found {scheme}")
    extra_at = scheme_at + 1 + SIGNATURE_LENGTHS[scheme]
    era, position = _read_era(raw, extra_at, FREE)
    nonce, position = read_compact(raw, position)
    tip, position = read_compact(raw, position)
    if nonce >> 32 or tip >> 128:
        raise ScaleError(
            f"Compact<u32> nonce and Compact<u128> tip expected, found {nonce} and {tip}"
        )
    if position >= len(raw):
        raise ScaleError("extrinsic without a call")
    signature = Signature(
        raw[start + 1 : scheme_at], scheme, raw[scheme_at + 1 : extra_at], era, nonce, tip
    )
    return Extrinsic(raw, signature, raw[extra_at:position], raw[position:])


def encode_extra(era: MortalEra | None, nonce: int, tip: int) -> bytes:
    """Return the bytes of era, nonce and tip as they stand in an extrinsic."""
    return _write_era(era) + compact(nonce) + compact(tip)


def signing_payload(call: bytes, extra: bytes, implied: bytes) -> bytes:
    """Return what is signed: `implied` is versions, genesis hash and birth hash."""
    payload = call + extra + implied
    return blake2_256(payload) if len(payload) > MAX_PLAIN_PAYLOAD else payload


def implied_data(
    spec_version: int, transaction_version: int, genesis_hash: bytes, birth_hash: bytes
) -> bytes:
    """Return the bytes that are signed but not sent: they bind the call to chain and rules."""
    return (
        spec_version.to_bytes(4, "little")
        + transaction_version.to_bytes(4, "little")
        + genesis_hash
        + birth_hash
    )


def encode_signed(signer: bytes, scheme: int, signature: bytes, extra: bytes, call: bytes) -> bytes:
    """Return the bytes of a signed extrinsic, length prefix included."""
    body = bytes((SIGNED_V4, 0)) + signer + bytes((scheme,)) + signature + extra + call
    return compact(len(body)) + body


def encode_unsigned(call: bytes) -> bytes:
    """Return the bytes of an unsigned extrinsic, length prefix included."""
    return compact(len(call) + 1) + bytes((UNSIGNED_V4,)) + call
