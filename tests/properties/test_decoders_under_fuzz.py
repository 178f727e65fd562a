"""Whatever bytes arrive: a decoder gives ScaleError, or the value that has exactly these bytes.

Bytes are drawn by chance, or made from valid encodings by flips, cuts, repeats and grafts. The
seed is fixed, so that a failure comes back; `.ci/run` draws fifty times as many.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from gongshe.primitives.extrinsic import (
    MortalEra,
    decode_extrinsic,
    encode_extra,
    encode_signed,
    encode_unsigned,
)
from gongshe.primitives.header import HEADER, Digest, DigestItem, Header
from gongshe.primitives.scale import MAX_DEPTH, ScaleError, compact, read_compact
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import SHIPPED
from tests.samples import Sampler

ASSEMBLY = SHIPPED[max(SHIPPED)]
CASES = 2_000
MANY_CASES = 100_000
SEEDS = 300
"""Valid encodings that mutations start from."""


def again_extrinsic(raw: bytes) -> bytes:
    """Take an extrinsic apart and put it together."""
    found = decode_extrinsic(raw)
    signature = found.signature
    if signature is None:
        return encode_unsigned(found.call)
    extra = encode_extra(signature.era, signature.nonce, signature.tip)
    assert extra == found.extra
    return encode_signed(signature.signer, signature.scheme, signature.value, extra, found.call)


def again_body(raw: bytes) -> bytes:
    """Read an extrinsic without its length, call and all, and put it together."""
    length = compact(len(raw))
    found = decode(ASSEMBLY, length + raw)
    call = ASSEMBLY.call_codec.encode(found.call)
    assert call == found.call_bytes
    return again_extrinsic(length + raw)[len(length) :]


def again_header(raw: bytes) -> bytes:
    """Decode and encode a header."""
    return Header.decode(raw).encode()


def again_call(raw: bytes) -> bytes:
    """Decode and encode a call."""
    return ASSEMBLY.call_codec.encode(ASSEMBLY.call_codec.decode(raw))


def again_event(raw: bytes) -> bytes:
    """Decode and encode an event."""
    return ASSEMBLY.event_codec.encode(ASSEMBLY.event_codec.decode(raw))


def again_events(raw: bytes) -> bytes:
    """Decode and encode a block's events."""
    return ASSEMBLY.records_codec.encode(ASSEMBLY.decode_events(raw))


def extrinsics(sampler: Sampler) -> bytes:
    """Return an extrinsic."""
    chance, call = sampler.chance, ASSEMBLY.call_codec.encode(sampler.call())
    if chance.random() < 0.2:
        return encode_unsigned(call)
    era = chance.choice([None, MortalEra.around(sampler.whole(32), 1 << chance.randint(2, 16))])
    extra = encode_extra(era, sampler.whole(32), sampler.whole(128))
    scheme = chance.randint(0, 2)
    signature = chance.randbytes(65 if scheme == 2 else 64)
    return encode_signed(chance.randbytes(32), scheme, signature, extra, call)


def bodies(sampler: Sampler) -> bytes:
    """Return an extrinsic without its length: mutated bytes get past that first check."""
    raw = extrinsics(sampler)
    _, start = read_compact(raw, 0)
    return raw[start:]


def headers(sampler: Sampler) -> bytes:
    """Return a header."""
    logs = tuple(sampler.value(DigestItem) for _ in range(sampler.chance.randint(0, 5)))
    header = sampler.record(Header)
    return HEADER.encode(
        Header(header.parent_hash, header.number, header.state_root, bytes(32), Digest(logs))
    )


def calls(sampler: Sampler) -> bytes:
    """Return a call."""
    return ASSEMBLY.call_codec.encode(sampler.call())


def events(sampler: Sampler) -> bytes:
    """Return an event."""
    return ASSEMBLY.event_codec.encode(sampler.event())


def blocks_of_events(sampler: Sampler) -> bytes:
    """Return a block's events."""
    return ASSEMBLY.records_codec.encode(sampler.event_records(sampler.chance.randint(0, 5)))


DECODERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[Sampler], bytes]]] = {
    "extrinsic": (again_extrinsic, extrinsics),
    "body": (again_body, bodies),
    "header": (again_header, headers),
    "call": (again_call, calls),
    "event": (again_event, events),
    "events": (again_events, blocks_of_events),
}


@cache
def valid(decoder: str) -> tuple[bytes, ...]:
    """Return valid encodings, the same in every run."""
    sampler = Sampler(ASSEMBLY, seed=list(DECODERS).index(decoder))
    return tuple(DECODERS[decoder][1](sampler) for _ in range(SEEDS))


@pytest.mark.parametrize("decoder", DECODERS)
def test_valid_encodings_come_back(decoder: str) -> None:
    for raw in valid(decoder):
        assert DECODERS[decoder][0](raw) == raw


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_cut_of_a_valid_encoding_is_refused(decoder: str) -> None:
    again = DECODERS[decoder][0]
    for raw in valid(decoder)[:20]:
        for length in range(len(raw)):
            with pytest.raises(ScaleError):
                again(raw[:length])


def test_calls_within_calls_have_a_depth() -> None:
    innermost = ASSEMBLY.call("System", "remark", b"")
    last = ASSEMBLY.call_codec.encode(innermost)
    batch = ASSEMBLY.call_codec.encode(ASSEMBLY.call("Utility", "batch", (innermost,)))
    step = batch.removesuffix(last)
    assert again_call(step * (MAX_DEPTH - 1) + last)
    for depth in (MAX_DEPTH, 10 * MAX_DEPTH, 100_000):
        with pytest.raises(ScaleError, match="deep"):
            again_call(step * depth + last)


@pytest.mark.parametrize("decoder", DECODERS)
def test_mutated_and_chance_bytes(decoder: str) -> None:
    survive(decoder, CASES, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
def test_very_many_mutated_and_chance_bytes(decoder: str) -> None:
    survive(decoder, MANY_CASES, seed=2)


def survive(decoder: str, cases: int, seed: int) -> None:
    """Demand a refusal by name or the only encoding, case by case."""
    again, chance = DECODERS[decoder][0], Random(seed)
    refused = 0
    for _ in range(cases):
        raw = mutated(chance, valid(decoder))
        try:
            found = again(raw)
        except ScaleError:
            refused += 1
            continue
        except Exception as fault:
            raise AssertionError(f"{decoder} 0x{raw.hex()}: {fault!r}") from fault
        assert found == raw, f"{decoder} 0x{raw.hex()} comes back as 0x{found.hex()}"
    assert 0 < refused < cases, "the bytes are all good or all bad: they look nowhere"


def mutated(chance: Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return chance bytes, or a valid encoding with up to four wounds."""
    if chance.random() < 0.1:
        return chance.randbytes(chance.randint(0, 200))
    raw = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 4)):
        wound(chance, raw, seeds)
    return bytes(raw)


def wound(chance: Random, raw: bytearray, seeds: tuple[bytes, ...]) -> None:
    """Change something somewhere."""
    start = chance.randint(0, len(raw))
    stop = min(len(raw), start + chance.randint(0, 8))
    match chance.randint(0, 5):
        case 0 if raw:
            raw[min(start, len(raw) - 1)] ^= 1 << chance.randint(0, 7)
        case 1 if raw:
            raw[min(start, len(raw) - 1)] = chance.choice(
                [0, 1, 2, 3, 4, 0xFC, 0xFD, 0xFE, 0xFF, chance.randint(0, 255)]
            )
        case 2:
            del raw[start:stop]
        case 3:
            raw[start:start] = raw[start:stop]
        case 4:
            raw[start:start] = chance.randbytes(chance.randint(1, 4))
        case _:
            other = chance.choice(seeds)
            raw[start:] = other[min(start, len(other)) :]
