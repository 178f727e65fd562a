"""Hashes and signatures against libraries and vectors that others made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sr25519
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gongshe.primitives import crypto, signature_cases
from gongshe.primitives.crypto import (
    CryptoKeyError,
    CryptoLengthError,
    Scheme,
    SelfTestError,
    ed25519_in_main_subgroup,
    ed25519_pair,
    ed25519_sign,
    ed25519_verify,
    ed25519_verify_signed,
    sr25519_hard,
    sr25519_pair,
    sr25519_sign,
    sr25519_soft,
    sr25519_soft_public,
    sr25519_verify,
    verify,
)

VECTORS = Path(__file__).parents[2] / "vectors"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def read_vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


HASH_CASES = read_vectors("hashes.json")["cases"]
SIGNATURE_CASES = read_vectors("signatures.json")["cases"]
SPECCHECK = read_vectors("ed25519_speccheck.json")
SMALL_ORDER = read_vectors("ed25519_small_order.json")


@pytest.mark.parametrize("case", HASH_CASES)
def test_hashes_equal_those_of_polkadot_js(case: dict[str, str]) -> None:
    data = bytes.fromhex(case["input"])
    for name in ("blake2_128", "blake2_256", "blake2_512", "twox_64", "twox_128", "twox_256"):
        assert getattr(crypto, name)(data).hex() == case[name]
    assert crypto.blake2_128_concat(data).hex() == case["blake2_128"] + case["input"]
    assert crypto.twox_64_concat(data).hex() == case["twox_64"] + case["input"]


@pytest.mark.parametrize("case", SIGNATURE_CASES)
def test_signatures_of_polkadot_js_verify_for_their_exact_message(case: dict[str, str]) -> None:
    scheme = Scheme[case["scheme"].upper()]
    public, message = bytes.fromhex(case["public"]), bytes.fromhex(case["message"])
    signature, wrapped = (bytes.fromhex(case[key]) for key in ("signature", "wrapped_signature"))

    assert verify(scheme, public, signature, message)
    assert not verify(scheme, public, signature, message + b"\0")
    assert verify(scheme, public, wrapped, b"<Bytes>" + message + b"</Bytes>")
    assert not verify(scheme, public, wrapped, message), "a wallet's text is no transaction"
    other = Scheme.SR25519 if scheme == Scheme.ED25519 else Scheme.ED25519
    assert not verify(other, public, signature, message)
    assert not verify(2, public, signature, message), "ecdsa is not a scheme of this chain"


def test_the_self_test_carries_the_published_cases() -> None:
    published = [
        tuple(bytes.fromhex(case[key]) for key in ("pub_key", "signature", "message"))
        for case in SPECCHECK["cases"]
    ]
    assert list(signature_cases.SPECCHECK) == published
    assert SPECCHECK["accepted_by_our_rule"] == [signature_cases.SPECCHECK_ACCEPTED]
    assert [point.hex() for point in signature_cases.SMALL_ORDER] == SMALL_ORDER["encodings"]
    assert SMALL_ORDER["message_utf8"] == "Zcash"
    crypto.self_test()


@pytest.mark.parametrize(
    ("name", "answer"),
    [("ed25519_verify", True), ("ed25519_verify", False), ("sr25519_verify", True)],
)
def test_the_self_test_refuses_a_library_with_another_accept_set(
    monkeypatch: pytest.MonkeyPatch, name: str, answer: bool
) -> None:
    monkeypatch.setattr(crypto, name, lambda public, signature, message: answer)
    with pytest.raises(SelfTestError, match="expected accepted="):
        crypto.self_test()


@settings(max_examples=30, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_ed25519_signs_what_it_verifies(seed: bytes, message: bytes) -> None:
    public, secret = ed25519_pair(seed)
    signature = ed25519_sign(secret, message)
    assert signature == ed25519_sign(secret, message), "deterministic"
    assert ed25519_verify(public, signature, message)
    assert ed25519_verify_signed(public, signature + message)
    assert ed25519_in_main_subgroup(public)

    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert not ed25519_verify(public, signature[:32] + scalar.to_bytes(32, "little"), message)


def test_ed25519_agrees_with_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public, secret = ed25519_pair(seed)
    assert public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert ed25519_sign(secret, b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_the_subgroup_check_refuses_every_key_with_a_small_order_part() -> None:
    for point in signature_cases.SMALL_ORDER:
        assert not ed25519_in_main_subgroup(point)
    mixed_key, signature, message = signature_cases.SPECCHECK[signature_cases.SPECCHECK_ACCEPTED]
    assert ed25519_verify(mixed_key, signature, message)
    assert not ed25519_in_main_subgroup(mixed_key), "verifies by luck, may not be registered"
    assert not ed25519_in_main_subgroup(b"")
    assert not ed25519_in_main_subgroup(bytes(33))


@settings(max_examples=30, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_sr25519_signs_what_it_verifies(seed: bytes, message: bytes) -> None:
    public, secret = sr25519_pair(seed)
    signature = sr25519_sign(public, secret, message)
    assert sr25519_verify(public, signature, message)
    assert not sr25519_verify(public, signature, b"<Bytes>" + message + b"</Bytes>")
    wrapped = sr25519_sign(public, secret, b"<Bytes>" + message + b"</Bytes>")
    assert not sr25519_verify(public, wrapped, message)


@settings(max_examples=200, deadline=None)
@given(
    public=st.binary(max_size=40) | st.binary(min_size=32, max_size=32),
    signature=st.binary(max_size=70) | st.binary(min_size=64, max_size=64),
    message=st.binary(max_size=40),
)
@example(public=bytes(32), signature=bytes(63) + b"\x80", message=b"")
@example(public=b"\xff" * 32, signature=b"\xff" * 64, message=b"")
@example(public=b"", signature=b"", message=b"")
def test_arbitrary_bytes_are_never_a_signature_and_never_an_error(
    public: bytes, signature: bytes, message: bytes
) -> None:
    assert not ed25519_verify(public, signature, message)
    assert not sr25519_verify(public, signature, message)


def test_the_neutral_sr25519_key_speaks_for_nobody() -> None:
    forged = bytes(63) + b"\x80"
    assert sr25519.verify(forged, b"anything", bytes(32)), "the library itself accepts it"
    assert not sr25519_verify(bytes(32), forged, b"anything")


@settings(max_examples=20, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), code=st.binary(min_size=32, max_size=32))
def test_soft_steps_can_be_followed_without_the_secret(seed: bytes, code: bytes) -> None:
    public, secret = sr25519_pair(seed)
    soft, soft_secret = sr25519_soft(public, secret, code)
    hard, hard_secret = sr25519_hard(public, secret, code)
    assert soft == sr25519_soft_public(public, code) != hard
    assert sr25519_verify(soft, sr25519_sign(soft, soft_secret, b"m"), b"m")
    assert sr25519_verify(hard, sr25519_sign(hard, hard_secret, b"m"), b"m")


def test_unusable_key_material_is_refused_by_name() -> None:
    public, secret = sr25519_pair(bytes(32))
    with pytest.raises(CryptoLengthError, match="must have 32 bytes, found 31"):
        ed25519_pair(bytes(31))
    with pytest.raises(CryptoLengthError, match="must have 64 bytes, found 32"):
        ed25519_sign(bytes(32), b"")
    with pytest.raises(CryptoLengthError, match="mini secret must have 32 bytes, found 33"):
        sr25519_pair(bytes(33))
    with pytest.raises(CryptoLengthError, match="chain code"):
        sr25519_hard(public, secret, b"")
    with pytest.raises(CryptoKeyError, match="not usable"):
        sr25519_sign(public, b"\xff" * 64, b"")
    with pytest.raises(CryptoKeyError, match="not usable"):
        sr25519_soft_public(b"\xff" * 32, bytes(32))


def test_a_panic_of_the_library_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {})

    def panicking(*arguments: object) -> None:
        raise panic("index out of bounds")

    monkeypatch.setattr(sr25519, "verify", panicking)
    monkeypatch.setattr(sr25519, "pair_from_seed", panicking)
    assert not sr25519_verify(b"\1" * 32, bytes(64), b"")
    with pytest.raises(CryptoKeyError, match="panicked"):
        sr25519_pair(bytes(32))


def test_an_interruption_is_not_taken_for_a_bad_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sr25519, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sr25519_verify(b"\1" * 32, bytes(64), b"")
