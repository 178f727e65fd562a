"""Headers: the hashes that real chains gave theirs, seals, and what is refused."""

from __future__ import annotations

import pytest

from gongshe.primitives.header import (
    AURA,
    MAX_DIGEST_ITEMS,
    Consensus,
    Digest,
    Header,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)
from gongshe.primitives.records import replace
from gongshe.primitives.scale import ScaleError

NO_EXTRINSICS = "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"
"""The root of an empty trie."""

GENESIS_BLOCKS = {
    "Polkadot": (
        "29d0d972cd27cbc511e9589fcb7a4506d5eb6a9e8df205f00472e5ab354a4e17",
        "91b171bb158e2d3848fa23a9f1c25182fb8e20313b2c1eb49219da7a70ce90c3",
    ),
    "Kusama": (
        "b0006203c3a6e6bd2c6a17b1d4ae8ca49a31da0f4579da950b127774b44aef6b",
        "b0a8d493285c2df73290dfb7e61f870f17b41801197a149ca93654499ea3dafe",
    ),
}
"""State root and hash of block 0."""

FULL = Header(
    bytes(range(32)),
    1_000_000,
    bytes(32),
    bytes.fromhex(NO_EXTRINSICS),
    Digest(
        (
            PreRuntime(AURA, (7).to_bytes(8, "little")),
            Consensus(b"FRNK", b"change"),
            Other(b"note"),
            RuntimeEnvironmentUpdated(),
            Seal(AURA, bytes(64)),
        )
    ),
)


@pytest.mark.parametrize("chain", GENESIS_BLOCKS)
def test_first_blocks_have_the_hashes_their_chains_gave_them(chain: str) -> None:
    state_root, block_hash = GENESIS_BLOCKS[chain]
    header = Header(bytes(32), 0, bytes.fromhex(state_root), bytes.fromhex(NO_EXTRINSICS))
    assert header.hash.hex() == block_hash
    assert len(header.encode()) == 98


def test_digest_items_have_their_substrate_numbers() -> None:
    digest = FULL.encode()[32 + 4 + 64 :]
    assert digest == (
        bytes((5 << 2,))
        + b"\x06aura\x20\x07\x00\x00\x00\x00\x00\x00\x00"
        + b"\x04FRNK\x18change"
        + b"\x00\x10note"
        + b"\x08"
        + b"\x05aura\x01\x01"
        + bytes(64)
    )
    assert Header.decode(FULL.encode()) == FULL


def test_the_author_signs_the_header_without_its_seal() -> None:
    unsealed, seal = FULL.unsealed()
    assert seal == Seal(AURA, bytes(64))
    assert unsealed.digest.logs == FULL.digest.logs[:-1]
    assert unsealed.sealed(seal) == FULL
    assert unsealed.hash != FULL.hash
    assert unsealed.unsealed() == (unsealed, None)


def test_only_the_last_item_is_the_seal() -> None:
    twice = FULL.sealed(Seal(AURA, bytes(range(64))))
    assert twice.unsealed() == (FULL, Seal(AURA, bytes(range(64))))


def test_every_cut_and_every_addition_is_refused() -> None:
    raw = FULL.encode()
    for length in range(len(raw)):
        with pytest.raises(ScaleError):
            Header.decode(raw[:length])
    with pytest.raises(ScaleError, match="left over"):
        Header.decode(raw + b"\x00")


def test_headers_beyond_their_bounds_are_refused() -> None:
    with pytest.raises(ScaleError, match="Compact<u32>"):
        replace(FULL, number=1 << 32).encode()
    with pytest.raises(ScaleError, match="at most"):
        replace(FULL, digest=Digest((Other(b""),) * (MAX_DIGEST_ITEMS + 1))).encode()
    empty = Header(bytes(32), 0, bytes(32), bytes(32)).encode()
    with pytest.raises(ScaleError, match="at most"):
        Header.decode(empty[:-1] + bytes(((MAX_DIGEST_ITEMS + 1) << 2,)) + b"\x08" * 99)
    with pytest.raises(ScaleError, match="DigestItem has no case 1"):
        Header.decode(empty[:-1] + b"\x04\x01")
