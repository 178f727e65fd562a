"""Hashes and signatures, exactly as Substrate defines them.

The only file that imports nacl, sr25519 and xxhash. Nothing here draws entropy: secrets are made
from bytes the caller brings. (An sr25519 signature is randomized inside its library; signing is
never part of a block's execution.)

The ed25519 rule is consensus: canonical S, canonical public key, no small-order key or R, and the
equation without cofactor. That is what libsodium accepts; other libraries accept other sets, so
`self_test` refuses to start on a library that differs.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from hashlib import blake2b
from typing import TypeVar

import sr25519
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]
from nacl.bindings import sodium_init
from xxhash import xxh64_intdigest

from gongshe.primitives import signature_cases

PUBLIC_LENGTH = 32
"""Bytes of a public key, the same for both schemes; it is also the account id."""
SEED_LENGTH = 32
"""Bytes of an ed25519 seed and of an sr25519 mini secret."""
SECRET_LENGTH = 64
"""Bytes of an expanded secret: ed25519 seed and public key, or sr25519 scalar and nonce."""
SIGNATURE_LENGTH = 64
"""Bytes of a signature, the same for both schemes."""
CHAIN_CODE_LENGTH = 32
"""Bytes of one derivation step's code."""
SR25519_IDENTITY = bytes(PUBLIC_LENGTH)
"""The one encoding of the neutral element: a key for which anybody can sign anything."""

Result = TypeVar("Result")


class Scheme(IntEnum):
    """Signature schemes, numbered as in Substrate's `MultiSignature`."""

    ED25519 = 0
    SR25519 = 1


class CryptoError(Exception):
    """Key material cannot be used as asked."""


class CryptoLengthError(CryptoError):
    """Key material has the wrong length."""

    def __init__(self, what: str, expected: int, found: int) -> None:
        super().__init__(f"{what} must have {expected} bytes, found {found}")


class CryptoKeyError(CryptoError):
    """Bytes of the right length that the scheme does not accept as key material."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not usable as an sr25519 key: {reason}; derive it again from its seed")


class SelfTestError(CryptoError):
    """The installed signature libraries do not follow the rule of this chain."""

    def __init__(self, case: str, expected: bool, found: bool) -> None:
        super().__init__(
            f"{case}: expected accepted={expected}, found accepted={found}; "
            "install the pinned versions of pynacl and py-sr25519-bindings"
        )


def blake2_128(data: bytes) -> bytes:
    """Return the 16-byte blake2b digest."""
    return blake2b(data, digest_size=16).digest()


def blake2_256(data: bytes) -> bytes:
    """Return the 32-byte blake2b digest: what names blocks and extrinsics."""
    return blake2b(data, digest_size=32).digest()


def blake2_512(data: bytes) -> bytes:
    """Return the 64-byte blake2b digest."""
    return blake2b(data).digest()


def blake2_128_concat(data: bytes) -> bytes:
    """Return the 16-byte blake2b digest followed by the data itself."""
    return blake2b(data, digest_size=16).digest() + data


def twox_64(data: bytes) -> bytes:
    """Return xxh64 with seed 0, little-endian: 8 bytes, not collision resistant."""
    return xxh64_intdigest(data, 0).to_bytes(8, "little")


def twox_128(data: bytes) -> bytes:
    """Return xxh64 with seeds 0 and 1: 16 bytes, for names that nobody can choose."""
    return (xxh64_intdigest(data, 1) << 64 | xxh64_intdigest(data, 0)).to_bytes(16, "little")


def twox_256(data: bytes) -> bytes:
    """Return xxh64 with seeds 0 to 3: 32 bytes, not collision resistant."""
    return b"".join(xxh64_intdigest(data, seed).to_bytes(8, "little") for seed in range(4))


def twox_64_concat(data: bytes) -> bytes:
    """Return the 8-byte xxh64 followed by the data itself."""
    return xxh64_intdigest(data, 0).to_bytes(8, "little") + data


def verify(scheme: int, public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether `signature` is valid under `scheme`; an unknown scheme accepts nothing."""
    if scheme == Scheme.ED25519:
        return ed25519_verify(public, signature, message)
    if scheme == Scheme.SR25519:
        return sr25519_verify(public, signature, message)
    return False


def ed25519_pair(seed: bytes) -> tuple[bytes, bytes]:
    """Return the public key (32 bytes) and the secret (64 bytes) that belong to a 32-byte seed."""
    _require_length("an ed25519 seed", seed, SEED_LENGTH)
    public = ffi.new("unsigned char[]", PUBLIC_LENGTH)
    secret = ffi.new("unsigned char[]", SECRET_LENGTH)
    lib.crypto_sign_seed_keypair(public, secret, seed)
    return bytes(ffi.buffer(public)), bytes(ffi.buffer(secret))


def ed25519_sign(secret: bytes, message: bytes) -> bytes:
    """Return the one deterministic signature under a secret made by `ed25519_pair`.

    A secret whose two halves do not belong together would betray its key, so none is ever
    assembled by hand.
    """
    _require_length("an ed25519 secret", secret, SECRET_LENGTH)
    signed = ffi.new("unsigned char[]", SIGNATURE_LENGTH + len(message))
    lib.crypto_sign(signed, ffi.NULL, message, len(message), secret)
    return bytes(ffi.buffer(signed, SIGNATURE_LENGTH))


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether `signature` is in the accept set described at the top of this file."""
    if len(public) != PUBLIC_LENGTH or len(signature) != SIGNATURE_LENGTH:
        return False
    return ed25519_verify_signed(public, signature + message)


def ed25519_verify_signed(public: bytes, signed: bytes) -> bool:
    """Say whether `signed`, a signature followed by its message, is valid under a 32-byte key."""
    # Both output pointers are null: nothing is copied out and threads share no buffer.
    return bool(lib.crypto_sign_open(ffi.NULL, ffi.NULL, signed, len(signed), public) == 0)


def ed25519_in_main_subgroup(public: bytes) -> bool:
    """Say whether a public key is canonical, of large order and free of any small-order part.

    Signatures under other keys verify by luck (one in eight), so validator and session keys are
    asked for this when they are registered.
    """
    if len(public) != PUBLIC_LENGTH:
        return False
    return bool(lib.crypto_core_ed25519_is_valid_point(public) == 1)


def sr25519_pair(seed: bytes) -> tuple[bytes, bytes]:
    """Return public key and 64-byte secret of a mini secret, expanded as Substrate's tools do."""
    _require_length("an sr25519 mini secret", seed, SEED_LENGTH)
    public, secret = _called(lambda: sr25519.pair_from_seed(seed))
    return public, secret


def sr25519_sign(public: bytes, secret: bytes, message: bytes) -> bytes:
    """Return a signature in the context `substrate`; each call gives a different one."""
    _require_length("an sr25519 public key", public, PUBLIC_LENGTH)
    _require_length("an sr25519 secret", secret, SECRET_LENGTH)
    return _called(lambda: bytes(sr25519.sign((public, secret), message)))


def sr25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether `signature` signs exactly these bytes in the context `substrate`.

    A wallet that signs arbitrary text wraps it in `<Bytes>`; such a signature is none for the bare
    text. The all-zero key is refused: anybody could sign for it.
    """
    if len(public) != PUBLIC_LENGTH or len(signature) != SIGNATURE_LENGTH:
        return False
    if public == SR25519_IDENTITY:
        return False
    try:
        return bool(sr25519.verify(signature, message, public))
    except ValueError:
        # The binding's answer to bytes that are no curve point, no scalar or carry no marker.
        return False
    except BaseException as error:
        if _is_panic(error):
            return False
        raise


def sr25519_hard(public: bytes, secret: bytes, chain_code: bytes) -> tuple[bytes, bytes]:
    """Return the pair one hard derivation step away: nothing public leads back or across."""
    return _derived(sr25519.hard_derive_keypair, public, secret, chain_code)


def sr25519_soft(public: bytes, secret: bytes, chain_code: bytes) -> tuple[bytes, bytes]:
    """Return the pair one soft derivation step away.

    The public key can also be found without the secret, by `sr25519_soft_public`. The last 32
    bytes of the secret (its nonce) are random and differ between calls; the key does not.
    """
    return _derived(sr25519.derive_keypair, public, secret, chain_code)


def sr25519_soft_public(public: bytes, chain_code: bytes) -> bytes:
    """Return the public key one soft derivation step away."""
    _require_length("an sr25519 public key", public, PUBLIC_LENGTH)
    _require_length("a chain code", chain_code, CHAIN_CODE_LENGTH)
    _, child = _called(lambda: sr25519.derive_pubkey((chain_code, public), b""))
    return bytes(child)


def self_test() -> None:
    """Refuse, by `SelfTestError`, libraries that accept another set of signatures than this chain.

    Takes some ten milliseconds; every process that verifies signatures calls it once at start.
    """
    for number, (public, signature, message) in enumerate(signature_cases.SPECCHECK):
        expected = number == signature_cases.SPECCHECK_ACCEPTED
        _expect(f"ed25519 speccheck {number}", expected, ed25519_verify(public, signature, message))
    for public in signature_cases.SMALL_ORDER:
        for commitment in signature_cases.SMALL_ORDER:
            found = ed25519_verify(public, commitment + bytes(32), b"Zcash")
            _expect(f"small order {public.hex()} {commitment.hex()}", False, found)
    for label, expected, public, signature, message in signature_cases.SR25519:
        _expect(f"sr25519 {label}", expected, sr25519_verify(public, signature, message))


def _expect(case: str, expected: bool, found: bool) -> None:
    if found is not expected:
        raise SelfTestError(case, expected, found)


def _derived(
    step: Callable[[tuple[bytes, bytes, bytes], bytes], tuple[bytes, bytes, bytes]],
    public: bytes,
    secret: bytes,
    chain_code: bytes,
) -> tuple[bytes, bytes]:
    _require_length("an sr25519 public key", public, PUBLIC_LENGTH)
    _require_length("an sr25519 secret", secret, SECRET_LENGTH)
    _require_length("a chain code", chain_code, CHAIN_CODE_LENGTH)
    _, child_public, child_secret = _called(lambda: step((chain_code, public, secret), b""))
    return child_public, child_secret


def _called(function: Callable[[], Result]) -> Result:
    """Return the binding's answer, or turn its refusal or panic into `CryptoKeyError`."""
    try:
        return function()
    except (ValueError, IndexError) as error:
        raise CryptoKeyError(str(error)) from None
    except BaseException as error:
        if _is_panic(error):
            raise CryptoKeyError("the library panicked") from None
        raise


def _is_panic(error: BaseException) -> bool:
    """Say whether a Rust panic crossed the binding: a BaseException of no importable type."""
    return type(error).__name__ == "PanicException"


def _require_length(what: str, value: bytes, expected: int) -> None:
    if len(value) != expected:
        raise CryptoLengthError(what, expected, len(value))


# libsodium picks its processor-specific code here; calling it again does nothing.
sodium_init()
