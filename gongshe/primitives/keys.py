"""Keys from phrases and secret URIs, the same keys that Substrate's tools derive.

`phrase//hard/soft///password`, `0xseed//path`, `//Alice` (the public development phrase). Nothing
here draws entropy, and no error, text or copy of a key shows a secret.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import pbkdf2_hmac
from typing import NamedTuple

from mnemonic import Mnemonic

from gongshe.primitives.address import GENERIC_PREFIX, encode_address
from gongshe.primitives.crypto import (
    CHAIN_CODE_LENGTH,
    SEED_LENGTH,
    CryptoLengthError,
    Scheme,
    blake2_256,
    ed25519_pair,
    ed25519_sign,
    sr25519_hard,
    sr25519_pair,
    sr25519_sign,
    sr25519_soft,
)
from gongshe.primitives.scale import compact

DEVELOPMENT_PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
"""Known to everybody: what a URI without a phrase means. Its keys guard nothing."""
PHRASE_LENGTHS = (12, 15, 18, 21, 24)
"""Words of a BIP39 phrase."""
ENTROPY_LENGTHS = (16, 20, 24, 28, 32)
"""Bytes of entropy, one for each of the phrase lengths."""
STRETCHING_ROUNDS = 2048
"""Set by BIP39."""
ED25519_HARD_PREFIX = compact(11) + b"Ed25519HDKD"
"""What Substrate hashes before seed and chain code in a hard ed25519 derivation."""
JUNCTION_NUMBER_LIMIT = 1 << 64
"""A junction below this is a number; digits beyond it are read as text."""
URI_LIMIT = 1_024
"""Characters of a secret URI: a phrase has at most 215, the rest is path and password."""

_URI = re.compile(r"(?P<phrase>[\w ]+)?(?P<path>(?://?[^/]+)*)(?:///(?P<password>.*))?", re.DOTALL)
_JUNCTION = re.compile(r"/(/?)([^/]+)")
_NUMBER = re.compile(r"\+?[0-9]+")


class SecretError(Exception):
    """A phrase, seed or secret URI that makes no key. The text never repeats the secret."""


class SoftDerivationError(SecretError):
    """A soft step in a path for a scheme that has only hard ones."""

    def __init__(self, step: int) -> None:
        super().__init__(
            f"step {step} of the path is soft (one slash), but ed25519 has only hard steps; "
            "write two slashes or use sr25519"
        )


class Junction(NamedTuple):
    """One step of a derivation path."""

    chain_code: bytes
    hard: bool


class Keypair:
    """A key that can sign; equal to another when scheme and public key are.

    Its secret appears in no text, and it can be neither pickled nor copied.
    """

    __slots__ = ("_secret", "public", "scheme")

    def __init__(self, scheme: Scheme, public: bytes, secret: bytes) -> None:
        self.scheme = scheme
        self.public = public
        self._secret = secret

    @classmethod
    def from_seed(cls, seed: bytes, scheme: Scheme) -> Keypair:
        """Return the key of a 32-byte seed (the mini secret, for sr25519)."""
        make = ed25519_pair if scheme == Scheme.ED25519 else sr25519_pair
        try:
            public, secret = make(seed)
        except CryptoLengthError as error:
            raise SecretError(str(error)) from None
        return cls(scheme, public, secret)

    @classmethod
    def from_uri(cls, uri: str, scheme: Scheme) -> Keypair:
        """Return the key that a secret URI describes."""
        seed, path = read_uri(uri)
        if scheme == Scheme.ED25519:
            return cls.from_seed(_ed25519_descendant(seed, path), scheme)
        public, secret = sr25519_pair(seed)
        for junction in path:
            step = sr25519_hard if junction.hard else sr25519_soft
            public, secret = step(public, secret, junction.chain_code)
        return cls(scheme, public, secret)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of exactly these bytes."""
        if self.scheme == Scheme.ED25519:
            return ed25519_sign(self._secret, message)
        return sr25519_sign(self.public, self._secret, message)

    def address(self, prefix: int = GENERIC_PREFIX) -> str:
        """Return the SS58 address of the account that is this public key."""
        return encode_address(self.public, prefix)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Keypair):
            return NotImplemented
        return (self.scheme, self.public) == (other.scheme, other.public)

    def __repr__(self) -> str:
        return f"Keypair({self.scheme.name.lower()}, 0x{self.public.hex()})"

    def __reduce__(self) -> str:
        raise TypeError("a key pair is not copied or written down; keep its secret URI instead")


def read_uri(uri: str) -> tuple[bytes, tuple[Junction, ...]]:
    """Return the 32-byte seed and the derivation path of a secret URI."""
    if len(uri) > URI_LIMIT:
        raise SecretError(f"a secret URI has at most {URI_LIMIT} characters, found {len(uri)}")
    parts = _URI.fullmatch(uri)
    if parts is None:
        raise SecretError(
            "expected phrase//hard/soft///password; every part is optional, no path step is empty"
        )
    phrase = parts["phrase"] or DEVELOPMENT_PHRASE
    password = parts["password"] or ""
    path = tuple(
        Junction(junction_code(text), hard == "/")
        for hard, text in _JUNCTION.findall(parts["path"])
    )
    if phrase.startswith("0x"):
        return read_seed(phrase), path
    return mini_secret(phrase, password), path


def read_seed(text: str) -> bytes:
    """Return the seed written as `0x` and 64 hexadecimal digits."""
    digits = text[2:]
    if text[:2] != "0x" or not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        raise SecretError(
            f"expected a seed of 0x and {2 * SEED_LENGTH} hexadecimal digits, "
            f"found {len(text)} characters or others than digits"
        )
    return bytes.fromhex(digits)


def mini_secret(phrase: str, password: str = "") -> bytes:
    """Return the 32-byte seed of a BIP39 phrase under Substrate's rule.

    The entropy itself is stretched, not the text of the phrase as in BIP39, so the seed does not
    depend on the language of the words; the first half of the 64 bytes is taken.
    """
    salt = _utf8("mnemonic" + password)
    stretched = pbkdf2_hmac("sha512", phrase_entropy(phrase), salt, STRETCHING_ROUNDS)
    return stretched[:SEED_LENGTH]


def phrase_entropy(phrase: str) -> bytes:
    """Return the entropy behind an English BIP39 phrase, its checksum verified."""
    words = phrase.split()
    if len(words) not in PHRASE_LENGTHS:
        raise SecretError(f"a phrase has one of {PHRASE_LENGTHS} words, found {len(words)}")
    known = _known_words()
    for position, word in enumerate(words, start=1):
        if word not in known:
            raise SecretError(
                f"word {position} is not in the English BIP39 list; check its letters"
            )
    try:
        return bytes(_english().to_entropy(words))
    except ValueError:
        raise SecretError(
            "the checksum of the phrase does not fit; a word is wrong or two are swapped"
        ) from None


def phrase_from_entropy(entropy: bytes) -> str:
    """Return the English BIP39 phrase that spells 16 to 32 bytes of entropy from the caller."""
    if len(entropy) not in ENTROPY_LENGTHS:
        raise SecretError(f"entropy has one of {ENTROPY_LENGTHS} bytes, found {len(entropy)}")
    return _english().to_mnemonic(entropy)


def junction_code(text: str) -> bytes:
    """Return the 32-byte chain code of one path step: a number below 2**64, or else text."""
    if _NUMBER.fullmatch(text) and int(text) < JUNCTION_NUMBER_LIMIT:
        encoded = int(text).to_bytes(8, "little")
    else:
        raw = _utf8(text)
        encoded = compact(len(raw)) + raw
    if len(encoded) > CHAIN_CODE_LENGTH:
        return blake2_256(encoded)
    return encoded.ljust(CHAIN_CODE_LENGTH, b"\0")


def _ed25519_descendant(seed: bytes, path: tuple[Junction, ...]) -> bytes:
    for step, junction in enumerate(path, start=1):
        if not junction.hard:
            raise SoftDerivationError(step)
        seed = blake2_256(ED25519_HARD_PREFIX + seed + junction.chain_code)
    return seed


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise SecretError("expected text, found half a surrogate pair; type it again") from None


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")


@cache
def _known_words() -> frozenset[str]:
    return frozenset(_english().wordlist)
