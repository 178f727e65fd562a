"""SS58 addresses against polkadot.js and scalecodec, and every way to get one wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scalecodec.utils.ss58 import ss58_decode, ss58_encode

from gongshe.primitives.address import (
    ALPHABET,
    RESERVED_PREFIXES,
    AddressError,
    decode_address,
    encode_address,
    read_account_hex,
    split_address,
)

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = json.loads((VECTORS / "addresses.json").read_text(encoding="utf-8"))["cases"]
ALICE = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
ALICE_TEXT = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"

ACCOUNTS = st.binary(min_size=32, max_size=32)
PREFIXES = st.integers(0, 16_383).filter(lambda prefix: prefix not in RESERVED_PREFIXES)


@pytest.mark.parametrize("case", CASES)
def test_addresses_equal_those_of_polkadot_js(case: dict[str, str | int]) -> None:
    account, prefix, text = (
        bytes.fromhex(str(case["account"])),
        int(case["prefix"]),
        case["address"],
    )
    assert encode_address(account, prefix) == text
    assert split_address(str(text)) == (account, prefix)


def test_the_generic_prefix_is_the_default() -> None:
    assert encode_address(ALICE) == ALICE_TEXT
    assert decode_address(ALICE_TEXT) == decode_address(ALICE_TEXT, 42) == ALICE


@settings(max_examples=200, deadline=None)
@given(account=ACCOUNTS, prefix=PREFIXES)
def test_addresses_agree_with_scalecodec_and_read_back(account: bytes, prefix: int) -> None:
    text = encode_address(account, prefix)
    assert text == ss58_encode(account, prefix)
    assert ss58_decode(text, prefix) == account.hex()
    assert split_address(text) == (account, prefix)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=80) | st.text(ALPHABET, max_size=80))
def test_arbitrary_text_is_refused_or_reads_back(text: str) -> None:
    try:
        account, prefix = split_address(text)
    except AddressError:
        return
    assert encode_address(account, prefix) == text


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, len(ALICE_TEXT) - 1), character=st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_noticed(position: int, character: str) -> None:
    text = ALICE_TEXT[:position] + character + ALICE_TEXT[position + 1 :]
    if text != ALICE_TEXT:
        with pytest.raises(AddressError):
            decode_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "1 to 64 characters, found 0"),
        ("1" * 65, "1 to 64 characters, found 65"),
        ("5Grwva0F5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "position 6, found '0'"),
        ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ", "expected checksum"),
        ("1", "at least prefix and checksum"),
        ("25GUyv", "has 35 bytes, found"),
        ("SYXsAycDPUu4z2ZksJD5fh5nTDcH3vCFHnpcVye5XuDq3iLW", "first byte below 128, found 255"),
        ("Zp19SpDEQsqP7kWaM771zhV9PBCK7kKwrZrf6ikdKh5UiVAsv", "prefix 42 fits in one byte"),
        ("aFYgJzBqdGKHBjY96yQE5NBEAdQvPoF96reUiDjGQDyhYXouZ", "found 46"),
    ],
)
def test_a_refusal_says_what_was_expected_and_found(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        decode_address(text)


def test_an_address_of_another_network_is_shown_for_this_one() -> None:
    polkadot = encode_address(ALICE, 0)
    with pytest.raises(AddressError, match=f"expected an address with prefix 42, .*{ALICE_TEXT}"):
        decode_address(polkadot, 42)


@pytest.mark.parametrize("prefix", [-1, 46, 47, 16_384])
def test_prefixes_out_of_range_or_reserved_are_refused(prefix: int) -> None:
    with pytest.raises(AddressError, match="a prefix lies in"):
        encode_address(ALICE, prefix)


def test_only_accounts_of_32_bytes_have_addresses() -> None:
    with pytest.raises(AddressError, match="has 32 bytes, found 20"):
        encode_address(bytes(20))


def test_a_hexadecimal_account_is_read_by_its_own_function() -> None:
    assert read_account_hex("0x" + ALICE.hex()) == ALICE
    assert read_account_hex("0x" + ALICE.hex().upper()) == ALICE
    digits = ALICE.hex()
    for text in ("", digits, "0x", "0x" + digits[:-1], "0x" + digits + "00", ALICE_TEXT):
        with pytest.raises(AddressError, match="expected 0x and 64"):
            read_account_hex(text)
    for text in ("0x" + "g" * 64, "0x" + " " * 64, "0x" + digits[:-2] + "  "):
        with pytest.raises(AddressError, match="hexadecimal digits after 0x"):
            read_account_hex(text)
