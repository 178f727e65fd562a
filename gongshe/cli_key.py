"""`gongshe key`: make keys, look at them, sign and verify. Nothing here asks a node."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import click

from gongshe.cli_output import PROBLEMS, Failed, answer, json_option
from gongshe.cli_secrets import SCHEMES, SOURCE_HELP, keypair_of, read_keypair, read_secret
from gongshe.primitives.address import (
    GENERIC_PREFIX,
    AddressError,
    encode_address,
    read_account_hex,
    split_address,
)
from gongshe.primitives.crypto import verify as verify_signature
from gongshe.primitives.keys import (
    ENTROPY_LENGTHS,
    PHRASE_LENGTHS,
    Keypair,
    SecretError,
    phrase_from_entropy,
    read_uri,
)

MAX_MESSAGE = 16 << 20
"""Bytes of a message to sign; it is held in memory."""

scheme_option = click.option(
    "--scheme",
    type=click.Choice(list(SCHEMES)),
    default="sr25519",
    show_default=True,
    help="Substrate wallets use sr25519, finality votes ed25519.",
)
prefix_option = click.option(
    "--prefix",
    type=click.IntRange(0, 16_383),
    default=GENERIC_PREFIX,
    show_default=True,
    help="SS58 prefix of the addresses shown.",
)


@click.group()
def key() -> None:
    """Make keys, look at them, sign and verify; agrees with subkey and polkadot.js."""


@key.command()
@click.option(
    "--words",
    type=click.Choice([str(length) for length in PHRASE_LENGTHS]),
    default="12",
    show_default=True,
    help="Length of the phrase.",
)
@scheme_option
@prefix_option
@json_option
def generate(words: str, scheme: str, prefix: int, as_json: bool) -> None:
    """Make a new secret phrase and show its key. Write the phrase down: it is the key."""
    entropy = secrets.token_bytes(ENTROPY_LENGTHS[PHRASE_LENGTHS.index(int(words))])
    phrase = phrase_from_entropy(entropy)
    shown = {"secretPhrase": phrase, **described_pair(phrase, scheme, prefix)}
    answer(shown, as_json)


@key.command()
@click.argument("source", default="-")
@click.option("--public", is_flag=True, help="SOURCE is a public key in hexadecimal.")
@click.option("--secret", is_flag=True, help="Show the seed too.")
@scheme_option
@prefix_option
@json_option
def inspect(
    source: str, public: bool, secret: bool, scheme: str, prefix: int, as_json: bool
) -> None:
    """Show the public key and address of a secret, an address or a public key.

    SOURCE: an address; //Alice and the like; @FILE with a secret; or - to be asked.
    """
    if public or is_address(source):
        account, found_prefix = read_public(source)
        shown = described_public(account, prefix)
        if found_prefix is not None:
            shown["givenPrefix"] = found_prefix
        answer(shown, as_json)
        return
    uri = read_secret(source)
    shown = described_pair(uri, scheme, prefix)
    if not secret:
        shown.pop("secretSeed", None)
    answer(shown, as_json)


@key.command()
@click.argument("message", required=False)
@click.option("--from", "source", required=True, help=SOURCE_HELP)
@click.option("--hex", "is_hex", is_flag=True, help="The message is hexadecimal.")
@scheme_option
@json_option
def sign(message: str | None, source: str, is_hex: bool, scheme: str, as_json: bool) -> None:
    """Sign a message; without MESSAGE, what standard input holds, to the last byte."""
    if message is None and source == "-":
        raise Failed("standard input cannot hold both the secret and the message")
    pair = read_keypair(source, scheme)
    signature = pair.sign(read_message(message, is_hex)).hex()
    answer(
        {"signature": f"0x{signature}", "signer": pair.address(), "scheme": scheme},
        as_json,
        [f"0x{signature}"],
    )


@key.command()
@click.argument("signature")
@click.argument("signer")
@click.argument("message", required=False)
@click.option("--hex", "is_hex", is_flag=True, help="The message is hexadecimal.")
@scheme_option
@json_option
def verify(
    signature: str, signer: str, message: str | None, is_hex: bool, scheme: str, as_json: bool
) -> None:
    """Verify a message's signature by SIGNER, an address or public key; exit code 6 if it fails."""
    account, _ = read_public(signer)
    raw = read_hexadecimal(signature, "signature")
    holds = verify_signature(SCHEMES[scheme], account, raw, read_message(message, is_hex))
    if not holds:
        raise Failed(
            f"the signature does not hold for this {scheme} key and message",
            "compare scheme, message (newline and all) and signer",
            PROBLEMS,
        )
    answer({"valid": True}, as_json, ["the signature holds"])


def described_pair(uri: str, scheme: str, prefix: int) -> dict[str, Any]:
    """Return what can be said of a secret: its seed if it has one, public key, addresses."""
    pair: Keypair = keypair_of(uri, scheme)
    shown: dict[str, Any] = {"scheme": scheme}
    try:
        seed, path = read_uri(uri)
    except SecretError as fault:
        raise Failed(f"the secret makes no key: {fault}") from None
    if not path:
        shown["secretSeed"] = f"0x{seed.hex()}"
    return shown | described_public(pair.public, prefix)


def described_public(account: bytes, prefix: int) -> dict[str, Any]:
    """Return the forms in which a public key is written."""
    try:
        address = encode_address(account, prefix)
    except AddressError as fault:
        raise Failed(f"--prefix: {fault}") from None
    return {"publicKey": f"0x{account.hex()}", "accountId": f"0x{account.hex()}", "ss58": address}


def is_address(source: str) -> bool:
    """Tell whether a word can only be an address: 46 characters or more, and no secret's mark."""
    return len(source) >= 46 and source.isalnum() and not source.startswith("0x")


def read_public(text: str) -> tuple[bytes, int | None]:
    """Return the account of an address or of 0x-hexadecimal, and the address's prefix."""
    try:
        if text.startswith("0x"):
            return read_account_hex(text), None
        return split_address(text)
    except AddressError as fault:
        raise Failed(f"an address or a public key in hexadecimal was expected: {fault}") from None


def read_message(message: str | None, is_hex: bool) -> bytes:
    """Return the bytes of a message."""
    if message is None:
        raw = sys.stdin.buffer.read(MAX_MESSAGE + 1)
        if len(raw) > MAX_MESSAGE:
            raise Failed(f"a message has at most {MAX_MESSAGE} bytes; sign its hash instead")
        if is_hex:
            return read_hexadecimal(raw.decode("ascii", "replace").strip(), "message")
        return raw
    return read_hexadecimal(message, "message") if is_hex else message.encode()


def read_hexadecimal(text: str, what: str) -> bytes:
    """Return the bytes of a hexadecimal word, with or without 0x."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise Failed(f"{what}: hexadecimal expected, found {text[:40]!r}") from None
