"""Headers, digests, blocks; and the hash that names them.

Shapes are Substrate's: `parent ++ compact(number) ++ state root ++ extrinsics root ++ digest`,
named by blake2b-256 of that encoding (seal included).
"""

from __future__ import annotations

from typing import Annotated

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record, Variants, replace
from gongshe.primitives.scale import H256, AtMost, Bytes4, CompactU32
from gongshe.primitives.schema import codec_of

MAX_DIGEST_ITEMS = 16
"""A header carries a slot, a VRF proof, at most two changes and a seal."""

MAX_DIGEST_BYTES = 65_536
"""The longest item is a change of authorities: 1 000 of 40 bytes fit."""

DigestData = Annotated[bytes, AtMost(MAX_DIGEST_BYTES)]

AURA = b"aura"
"""Engine id of slot claims, seals and schedule changes."""


class DigestItem(Variants, path="sp_runtime::generic::digest::DigestItem"):
    """One item of a header's digest."""


class Other(DigestItem, index=0, unnamed=True):
    """Data of no engine."""

    data: DigestData


class Consensus(DigestItem, index=4, unnamed=True):
    """A message from the runtime to a consensus engine (a change of authorities)."""

    engine: Bytes4
    data: DigestData


class Seal(DigestItem, index=5, unnamed=True):
    """The author's signature over the header without it."""

    engine: Bytes4
    data: DigestData


class PreRuntime(DigestItem, index=6, unnamed=True):
    """What a consensus engine tells the runtime before execution (the slot)."""

    engine: Bytes4
    data: DigestData


class RuntimeEnvironmentUpdated(DigestItem, index=8):
    """The runtime's version or code changed in this block."""


class Digest(Record, path="sp_runtime::generic::digest::Digest"):
    """The items of a header, in order."""

    logs: Annotated[tuple[DigestItem, ...], AtMost(MAX_DIGEST_ITEMS)] = ()


class Header(Record, path="sp_runtime::generic::header::Header"):
    """What a block says of itself."""

    parent_hash: H256
    number: CompactU32
    state_root: H256
    extrinsics_root: H256
    digest: Digest = Digest()

    def encode(self) -> bytes:
        """Return the bytes that are hashed and sent."""
        return HEADER.encode(self)

    @property
    def hash(self) -> bytes:
        """The name of the block: blake2b-256 of the encoding."""
        return blake2_256(HEADER.encode(self))

    def unsealed(self) -> tuple[Header, Seal | None]:
        """Return the header that the author signed, and the seal (the last item) if any."""
        logs = self.digest.logs
        if logs and isinstance(logs[-1], Seal):
            return replace(self, digest=Digest(logs[:-1])), logs[-1]
        return self, None

    def sealed(self, seal: Seal) -> Header:
        """Return the header with the author's signature as its last item."""
        return replace(self, digest=Digest((*self.digest.logs, seal)))

    @staticmethod
    def decode(raw: bytes) -> Header:
        """Return the header that `raw` encodes; ScaleError otherwise."""
        header: Header = HEADER.decode(raw)
        return header


class Block(Record):
    """A header and its extrinsics, each with its own length prefix."""

    header: Header
    extrinsics: tuple[bytes, ...] = ()


HEADER = codec_of(Header)
