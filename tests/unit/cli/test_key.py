"""`gongshe key`: agrees with subkey, and never shows or takes a secret where it should not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.command import gongshe

PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
SEED = "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e"
SR25519 = "0x46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a"
ADDRESS = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV"
"""What `subkey inspect` says of the development phrase."""

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
ALICE_KEY = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"


def test_a_phrase_given_on_standard_input_is_inspected_as_subkey_does() -> None:
    found = gongshe("key", "inspect", "-", "--json", "--secret", given=PHRASE + "\n").json
    assert found == {
        "scheme": "sr25519",
        "secretSeed": SEED,
        "publicKey": SR25519,
        "accountId": SR25519,
        "ss58": ADDRESS,
    }


def test_the_seed_is_shown_only_when_asked_for(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PHRASE + "\n")
    found = gongshe("key", "inspect", f"@{secret}")
    assert ADDRESS in found.output
    for word in (SEED, SEED[2:], "bottom", "curtain"):
        assert word not in found.output + found.errors


def test_development_uris_stand_as_arguments() -> None:
    assert gongshe("key", "inspect", "//Alice", "--json").json["ss58"] == ALICE
    ed25519 = gongshe("key", "inspect", "//Alice", "--scheme", "ed25519", "--json").json
    assert ed25519["ss58"] == "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
    assert "secretSeed" not in ed25519


@pytest.mark.parametrize("secret", [PHRASE, SEED, f"{PHRASE}//hard"])
def test_other_secrets_are_refused_as_arguments_and_not_repeated(secret: str) -> None:
    for words in (("inspect", secret), ("sign", "hello", "--from", secret)):
        refused = gongshe("key", *words, expect=1)
        assert "shell's history" in refused.errors
        assert "@FILE" in refused.errors
        assert secret not in refused.errors


def test_an_address_and_a_public_key_are_inspected_in_other_prefixes() -> None:
    found = gongshe("key", "inspect", ALICE, "--prefix", "0", "--json").json
    assert found["publicKey"] == ALICE_KEY
    assert found["givenPrefix"] == 42
    assert found["ss58"] == "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"
    public = gongshe("key", "inspect", "--public", ALICE_KEY, "--json").json
    assert public["ss58"] == ALICE
    assert "secretSeed" not in public


@pytest.mark.parametrize("words", [12, 15, 18, 21, 24])
@pytest.mark.parametrize("scheme", ["sr25519", "ed25519"])
def test_a_generated_phrase_makes_the_key_that_was_shown(words: int, scheme: str) -> None:
    made = gongshe("key", "generate", "--words", str(words), "--scheme", scheme, "--json").json
    assert len(made["secretPhrase"].split()) == words
    again = gongshe(
        *("key", "inspect", "-", "--secret", "--scheme", scheme, "--json"),
        given=made["secretPhrase"],
    ).json
    assert {**again, "secretPhrase": made["secretPhrase"]} == made
    assert made != gongshe("key", "generate", "--words", str(words), "--json").json


@pytest.mark.parametrize("scheme", ["sr25519", "ed25519"])
def test_what_is_signed_is_verified(scheme: str) -> None:
    by = ("--scheme", scheme)
    signer = gongshe("key", "inspect", "//Bob", *by, "--json").json["ss58"]
    signature = gongshe("key", "sign", "hello", "--from", "//Bob", *by).output.strip()
    assert "holds" in gongshe("key", "verify", signature, signer, "hello", *by).output
    refused = gongshe("key", "verify", signature, signer, "hullo", *by, "--json", expect=6)
    assert refused.error["exitCode"] == 6
    gongshe("key", "verify", signature, ALICE, "hello", *by, expect=6)


def test_messages_come_from_standard_input_to_the_last_byte() -> None:
    raw = b"\x00\xff line\n"
    signature = gongshe("key", "sign", "--from", "//Bob", given=raw).output.strip()
    bob = gongshe("key", "inspect", "//Bob", "--json").json["publicKey"]
    gongshe("key", "verify", signature, bob, given=raw)
    gongshe("key", "verify", signature, bob, "--hex", f"0x{raw.hex()}")
    gongshe("key", "verify", signature, bob, given=raw.strip(), expect=6)


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("inspect", "-"), "", "nothing was given"),
        (("inspect", "-"), "x" * 2_000, "at most 1024 characters"),
        (("inspect", "-"), "bottom drive", "words"),
        (("inspect", "@/nowhere/secret"), "", "cannot be read"),
        (("inspect", "//Alice/soft", "--scheme", "ed25519"), "", "only hard steps"),
        (("inspect", ALICE[:-1] + "Z"), "", "mistyped"),
        (("inspect", "--public", "0x1234"), "", "64 hexadecimal digits"),
        (("inspect", "//Alice", "--prefix", "46"), "", "prefix"),
        (("sign", "--from", "-"), "//Alice", "both the secret and the message"),
        (("sign", "zz", "--hex", "--from", "//Alice"), "", "hexadecimal expected"),
        (("verify", "0x00", "nobody", "hello"), "", "an address or a public key"),
    ],
)
def test_mistakes_are_explained(words: tuple[str, ...], given: str, told: str) -> None:
    assert told in gongshe("key", *words, given=given, expect=1).errors
