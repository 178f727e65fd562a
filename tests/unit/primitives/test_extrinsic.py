"""Extrinsics, format 4: eras, what is signed, and what is refused."""

from __future__ import annotations

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.extrinsic import (
    ECDSA,
    ED25519,
    ERA,
    MAX_PLAIN_PAYLOAD,
    SIGNATURE_LENGTHS,
    SR25519,
    MortalEra,
    decode_extrinsic,
    encode_extra,
    encode_signed,
    encode_unsigned,
    implied_data,
    signing_payload,
)
from gongshe.primitives.scale import ScaleError, compact

SIGNER = bytes(range(32))
CALL = b"\x02\x03call"


def signed(scheme: int = SR25519, era: MortalEra | None = None) -> bytes:
    """Return a signed extrinsic; nobody checks its signature here."""
    signature = bytes(range(SIGNATURE_LENGTHS[scheme]))
    return encode_signed(SIGNER, scheme, signature, encode_extra(era, 70, 1 << 70), CALL)


# ---------------------------------------------------------------------------------- eras


@pytest.mark.parametrize(
    ("current", "period", "era"),
    [
        (42, 64, MortalEra(64, 42)),
        (20_000, 32_768, MortalEra(32_768, 20_000)),
        (513, 200, MortalEra(256, 1)),
        (1, 2, MortalEra(4, 1)),
        (5, 4, MortalEra(4, 1)),
        (1_000_001, 1_000_000, MortalEra(65_536, 1_000_001 % 65_536 // 16 * 16)),
    ],
)
def test_eras_are_made_as_substrate_makes_them(current: int, period: int, era: MortalEra) -> None:
    """The cases of `sp_runtime::generic::era`."""
    assert MortalEra.around(current, period) == era


@pytest.mark.parametrize(
    ("era", "encoded"),
    [
        (None, bytes(1)),
        (MortalEra(64, 42), bytes((5 + 42 % 16 * 16, 42 // 16))),
        (MortalEra(32_768, 20_000), bytes((14 + 2_500 % 16 * 16, 2_500 // 16))),
        (MortalEra(4, 3), bytes((0x31, 0))),
        (MortalEra(65_536, 65_520), bytes((0xFF, 0xFF))),
    ],
)
def test_eras_have_their_known_encodings(era: MortalEra | None, encoded: bytes) -> None:
    assert ERA.encode(era) == encoded
    assert ERA.decode(encoded) == era


def test_every_era_that_can_be_read_is_written_alike() -> None:
    readable = 0
    for low in range(1, 256):
        for high in range(256):
            raw = bytes((low, high))
            try:
                era = ERA.decode(raw)
            except ScaleError:
                continue
            readable += 1
            assert ERA.encode(era) == raw
    assert readable == sum(min(1 << exponent, 4_096) for exponent in range(2, 17))


@pytest.mark.parametrize("raw", ["", "01", "1000", "4100", "0500ff", "00ff", "f1ff"])
def test_bytes_that_are_no_era_are_refused(raw: str) -> None:
    with pytest.raises(ScaleError):
        ERA.decode(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "era",
    [
        MortalEra(2, 1),
        MortalEra(100, 1),
        MortalEra(64, 64),
        MortalEra(64, -1),
        MortalEra(65_536, 1),
        MortalEra(1 << 17, 0),
    ],
)
def test_eras_that_nobody_could_read_are_not_written(era: MortalEra) -> None:
    with pytest.raises(ScaleError, match="no era has"):
        encode_extra(era, 0, 0)


def test_an_era_begins_and_ends_as_in_substrate() -> None:
    era = MortalEra.around(6, 4)
    assert [era.birth(current) for current in range(6, 10)] == [6] * 4
    assert [era.death(current) for current in range(6, 10)] == [10] * 4
    assert era.birth(10) == 10
    assert era.birth(5) == 2
    early = MortalEra(4, 3)
    assert [early.birth(current) for current in range(7)] == [3] * 7
    assert early.birth(7) == 7


# ---------------------------------------------------------------------------- extrinsics


@pytest.mark.parametrize("scheme", [ED25519, SR25519, ECDSA])
@pytest.mark.parametrize("era", [None, MortalEra(64, 42)])
def test_a_signed_extrinsic_is_taken_apart(scheme: int, era: MortalEra | None) -> None:
    raw = signed(scheme, era)
    found = decode_extrinsic(raw)
    assert (found.raw, found.call, found.extra) == (raw, CALL, encode_extra(era, 70, 1 << 70))
    assert found.hash == blake2_256(raw)
    signature = found.signature
    assert signature is not None
    assert (signature.signer, signature.scheme) == (SIGNER, scheme)
    assert signature.value == bytes(range(SIGNATURE_LENGTHS[scheme]))
    assert (signature.era, signature.nonce, signature.tip) == (era, 70, 1 << 70)


def test_a_signed_extrinsic_byte_by_byte() -> None:
    body = (
        "84"  # signed, format 4
        + "00" + SIGNER.hex()  # an account id
        + "01" + bytes(range(64)).hex()  # sr25519
        + "a502"  # era 64, phase 42
        + "1901"  # nonce 70
        + "1700000000000000004" + "0"  # tip 2**70
        + CALL.hex()
    )  # fmt: skip
    length = len(bytes.fromhex(body))
    assert signed(era=MortalEra(64, 42)).hex() == compact(length).hex() + body


def test_an_unsigned_extrinsic_is_its_call() -> None:
    raw = encode_unsigned(CALL)
    assert raw.hex() == "1c04" + CALL.hex()
    found = decode_extrinsic(raw)
    assert (found.signature, found.extra, found.call) == (None, b"", CALL)


@pytest.mark.parametrize("raw", [encode_unsigned(CALL), signed(), signed(ECDSA, MortalEra(4, 1))])
def test_cuts_and_additions_are_refused(raw: bytes) -> None:
    for length in range(len(raw)):
        with pytest.raises(ScaleError):
            decode_extrinsic(raw[:length])
    with pytest.raises(ScaleError, match="announced"):
        decode_extrinsic(raw + b"\x00")


def test_a_shorter_body_with_a_true_length_is_refused_up_to_its_call() -> None:
    body = signed()[2:]
    for length in range(len(body) - len(CALL) + 1):
        with pytest.raises(ScaleError):
            decode_extrinsic(compact(length) + body[:length])


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (2, 0x85, "format"),
        (2, 0x05, "format"),
        (2, 0x44, "format"),
        (3, 1, "account id"),
        (36, 3, "scheme"),
        (101, 0x10, "era"),
        (102, 0xFF, "cut short|shortest|Compact"),
    ],
)
def test_unknown_parts_are_named(position: int, value: int, words: str) -> None:
    raw = bytearray(signed())
    raw[position] = value
    with pytest.raises(ScaleError, match=words):
        decode_extrinsic(bytes(raw))


@pytest.mark.parametrize("extra", ["00010000", "00000100", "000003ffffff3f", "00fe3f000000"])
def test_numbers_in_longer_forms_are_refused(extra: str) -> None:
    raw = encode_signed(SIGNER, SR25519, bytes(64), bytes.fromhex(extra), CALL)
    with pytest.raises(ScaleError):
        decode_extrinsic(raw)


def test_a_nonce_beyond_its_width_is_refused() -> None:
    extra = b"\x00" + compact(1 << 32) + b"\x00"
    with pytest.raises(ScaleError, match="Compact<u32>"):
        decode_extrinsic(encode_signed(SIGNER, SR25519, bytes(64), extra, CALL))
    extra = b"\x00\x00" + compact(1 << 128)
    with pytest.raises(ScaleError, match="Compact<u128>"):
        decode_extrinsic(encode_signed(SIGNER, SR25519, bytes(64), extra, CALL))


# ------------------------------------------------------------------------ what is signed


def test_long_payloads_are_hashed_before_they_are_signed() -> None:
    extra = encode_extra(None, 0, 0)
    implied = implied_data(1, 1, bytes(32), bytes(32))
    room = MAX_PLAIN_PAYLOAD - len(extra) - len(implied)
    for length, hashed in ((room, False), (room + 1, True)):
        call = bytes(length)
        whole = call + extra + implied
        expected = blake2_256(whole) if hashed else whole
        assert signing_payload(call, extra, implied) == expected


def test_what_is_implied_binds_rules_chain_and_birth() -> None:
    genesis, birth = bytes(range(32)), bytes(range(32, 64))
    assert implied_data(100, 2, genesis, birth) == (
        b"\x64\x00\x00\x00" + b"\x02\x00\x00\x00" + genesis + birth
    )
