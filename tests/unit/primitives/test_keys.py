"""Phrases, secret URIs and derivation against polkadot.js and substrate-interface."""

from __future__ import annotations

import copy
import json
import pickle
import unicodedata
from pathlib import Path

import bip39  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from substrateinterface import Keypair as InterfaceKeypair

from gongshe.primitives.crypto import Scheme, blake2_256, verify
from gongshe.primitives.keys import (
    DEVELOPMENT_PHRASE,
    Keypair,
    SecretError,
    SoftDerivationError,
    junction_code,
    mini_secret,
    phrase_entropy,
    phrase_from_entropy,
    read_uri,
)

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = json.loads((VECTORS / "secret_uris.json").read_text(encoding="utf-8"))["cases"]

ENTROPY = st.sampled_from([16, 20, 24, 28, 32]).flatmap(
    lambda length: st.binary(min_size=length, max_size=length)
)
STEP_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["Cc", "Zl", "Zp"]),
    min_size=1,
    max_size=40,
).filter(lambda text: not text.isdigit() and not text.startswith("+"))
STEPS = st.tuples(st.sampled_from(["/", "//"]), st.integers(0, 2**64 - 1).map(str) | STEP_TEXT).map(
    "".join
)


@pytest.mark.parametrize("case", CASES, ids=[case["uri"] for case in CASES])
@pytest.mark.parametrize("scheme", list(Scheme))
def test_keys_equal_those_of_polkadot_js(case: dict[str, str | None], scheme: Scheme) -> None:
    uri, public = str(case["uri"]), case[scheme.name.lower()]
    if public is None:
        with pytest.raises(SoftDerivationError, match="ed25519 has only hard steps"):
            Keypair.from_uri(uri, scheme)
    else:
        assert Keypair.from_uri(uri, scheme).public.hex() == public


@settings(max_examples=30, deadline=None)
@given(entropy=ENTROPY, path=st.lists(STEPS, max_size=4).map("".join))
def test_sr25519_keys_equal_those_of_substrate_interface(entropy: bytes, path: str) -> None:
    phrase = phrase_from_entropy(entropy)
    theirs = InterfaceKeypair.create_from_uri(phrase + path)
    ours = Keypair.from_uri(phrase + path, Scheme.SR25519)
    assert ours.public == theirs.public_key
    assert ours.address() == theirs.ss58_address
    assert verify(Scheme.SR25519, ours.public, theirs.sign(b"message"), b"message")
    assert theirs.verify(b"message", ours.sign(b"message"))


@settings(max_examples=30, deadline=None)
@given(entropy=ENTROPY, password=st.text(max_size=30))
def test_phrases_and_passwords_agree_with_the_bip39_bindings(entropy: bytes, password: str) -> None:
    phrase = phrase_from_entropy(entropy)
    assert bip39.bip39_validate(phrase, "en")
    assert phrase_entropy(phrase) == entropy
    assert mini_secret(phrase, password) == bytes(
        bip39.bip39_to_mini_secret(phrase, password, "en")
    )


def test_a_password_is_taken_as_typed() -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    assert mini_secret(DEVELOPMENT_PHRASE, composed) != mini_secret(DEVELOPMENT_PHRASE, decomposed)


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_key_signs_and_names_its_account(scheme: Scheme) -> None:
    alice = Keypair.from_uri("//Alice", scheme)
    assert verify(scheme, alice.public, alice.sign(b"message"), b"message")
    assert alice == Keypair.from_uri(DEVELOPMENT_PHRASE + "//Alice", scheme)
    assert alice != Keypair.from_uri("//Bob", scheme)
    assert alice != "alice"


def test_the_same_uri_gives_another_key_under_another_scheme() -> None:
    one, other = (Keypair.from_uri("//Alice", scheme) for scheme in Scheme)
    assert one != other
    assert other.address() == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


@pytest.mark.parametrize("scheme", list(Scheme))
def test_no_text_and_no_copy_shows_the_secret(scheme: Scheme) -> None:
    seed = blake2_256(b"a secret")
    key = Keypair.from_seed(seed, scheme)
    for text in (repr(key), str(key), f"{key}", f"{key!r}", f"{[key]}"):
        assert text.strip("[]") == f"Keypair({scheme.name.lower()}, 0x{key.public.hex()})"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="keep its secret URI"):
            attempt(key)


def test_numbers_and_text_are_different_steps() -> None:
    assert junction_code("7") == (7).to_bytes(32, "little") == junction_code("007")
    assert junction_code("+7") == junction_code("7"), "as Substrate's own tools read it"
    assert junction_code(str(2**64 - 1)) == b"\xff" * 8 + bytes(24)
    assert junction_code(str(2**64)) == b"\x50" + b"18446744073709551616" + bytes(11)
    assert junction_code("Alice") == b"\x14Alice" + bytes(26)
    assert junction_code("a" * 31) == b"\x7c" + b"a" * 31
    assert junction_code("a" * 32) == blake2_256(b"\x80" + b"a" * 32)
    assert junction_code("٣") == b"\x08" + "٣".encode() + bytes(29), "only ASCII digits count"


def test_the_parts_of_a_uri_are_told_apart() -> None:
    seed, path = read_uri("0x" + "ab" * 32 + "//hard/soft///a/b//c")
    assert seed == b"\xab" * 32
    assert [(step.hard, step.chain_code[1:5]) for step in path] == [
        (True, b"hard"),
        (False, b"soft"),
    ]
    assert read_uri("///secret") == (mini_secret(DEVELOPMENT_PHRASE, "secret"), ())
    assert read_uri("") == (mini_secret(DEVELOPMENT_PHRASE), ())
    assert read_uri(DEVELOPMENT_PHRASE.replace(" ", "  ") + "////") == (
        mini_secret(DEVELOPMENT_PHRASE, "/"),
        (),
    )


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("//Alice//", "no path step is empty"),
        ("/", "no path step is empty"),
        ("bottom-drive", "expected phrase//hard/soft///password"),
        ("bottom drive obey", r"found 3"),
        (DEVELOPMENT_PHRASE.replace("smoke", "smoky"), "word 6 is not in the English BIP39 list"),
        (DEVELOPMENT_PHRASE.replace("walk", "bottom"), "checksum of the phrase does not fit"),
        ("0x12", "expected a seed of 0x and 64 hexadecimal digits"),
        ("0x" + "zz" * 32, "expected a seed of 0x and 64 hexadecimal digits"),
        ("a" * 1_025, "at most 1024 characters, found 1025"),
        ("//\ud800", "half a surrogate pair"),
        ("///\ud800", "half a surrogate pair"),
    ],
)
def test_a_refused_uri_is_not_repeated_in_the_error(uri: str, reason: str) -> None:
    with pytest.raises(SecretError, match=reason) as refusal:
        Keypair.from_uri(uri, Scheme.SR25519)
    shown = str(refusal.value)
    assert len(uri) < 5 or uri not in shown
    assert "smoky" not in shown
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_wrong_lengths_are_refused_by_name() -> None:
    with pytest.raises(SecretError, match="must have 32 bytes, found 31"):
        Keypair.from_seed(bytes(31), Scheme.ED25519)
    with pytest.raises(SecretError, match="entropy has one of"):
        phrase_from_entropy(bytes(15))
