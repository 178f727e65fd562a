"""The shapes that several methods answer with: headers, blocks, runtime versions."""

from __future__ import annotations

from typing import Literal

from gongshe.primitives.header import DigestItem, Header
from gongshe.primitives.records import Record
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import RuntimeVersion
from gongshe.rpc.backend import ChainReader, Hash, UnknownBlock
from gongshe.rpc.subscriptions import Hub
from gongshe.rpc.values import HashText, HexText, QuantityText, hexadecimal

DIGEST_ITEM = codec_of(DigestItem)


class DigestShape(Record):
    """A header's digest: each item encoded."""

    logs: list[HexText]


class HeaderShape(Record, rename="camel"):
    """A header; the number is hexadecimal text."""

    parent_hash: HashText
    number: QuantityText
    state_root: HashText
    extrinsics_root: HashText
    digest: DigestShape


class BlockShape(Record):
    """A header and its extrinsics, each with its length prefix."""

    header: HeaderShape
    extrinsics: list[HexText]


class SignedBlockShape(Record):
    """A block and what proves its finality: pairs of engine id and justification."""

    block: BlockShape
    justifications: list[tuple[HexText, HexText]] | None


class RuntimeVersionShape(Record, rename="camel"):
    """A runtime version as the older methods show it: APIs as a list of pairs."""

    spec_name: str
    impl_name: str
    authoring_version: int
    spec_version: int
    impl_version: int
    apis: list[tuple[HexText, int]]
    transaction_version: int
    state_version: int
    system_version: int


class RuntimeSpecShape(Record, rename="camel"):
    """A runtime version as the newer methods show it: APIs as an object."""

    spec_name: str
    impl_name: str
    spec_version: int
    impl_version: int
    transaction_version: int
    apis: dict[str, int]


class ValidRuntimeShape(Record):
    """A runtime that this node can execute."""

    type: Literal["valid"]
    spec: RuntimeSpecShape


def header_shape(raw: bytes) -> HeaderShape:
    """Return an encoded header as clients read it."""
    header = Header.decode(raw)
    return HeaderShape(
        hexadecimal(header.parent_hash),
        hex(header.number),
        hexadecimal(header.state_root),
        hexadecimal(header.extrinsics_root),
        DigestShape([hexadecimal(DIGEST_ITEM.encode(item)) for item in header.digest.logs]),
    )


def header_payload(hub: Hub, chain: ChainReader, block_hash: Hash) -> bytes:
    """Return a header serialised, once for all who hear of the block."""
    return hub.payload(
        ("header", block_hash), lambda: header_shape(known_header(chain, block_hash))
    )


def known_header(chain: ChainReader, block_hash: Hash) -> bytes:
    """Return the encoded header of a block that must be known."""
    raw = chain.header(block_hash)
    if raw is None:
        raise UnknownBlock(hexadecimal(block_hash))
    return raw


def block_number(chain: ChainReader, block_hash: Hash) -> int:
    """Return the height of a block that must be known."""
    return Header.decode(known_header(chain, block_hash)).number


def runtime_version_shape(version: RuntimeVersion) -> RuntimeVersionShape:
    """Return a version as the older methods show it.

    `stateVersion` is what the field was called when it counted the state's layout alone; clients
    read either.
    """
    return RuntimeVersionShape(
        version.spec_name,
        version.impl_name,
        version.authoring_version,
        version.spec_version,
        version.impl_version,
        [(hexadecimal(identifier), number) for identifier, number in version.apis],
        version.transaction_version,
        version.system_version,
        version.system_version,
    )


def runtime_shape(version: RuntimeVersion) -> ValidRuntimeShape:
    """Return a version as the newer methods show it."""
    return ValidRuntimeShape(
        "valid",
        RuntimeSpecShape(
            version.spec_name,
            version.impl_name,
            version.spec_version,
            version.impl_version,
            version.transaction_version,
            {hexadecimal(identifier): number for identifier, number in version.apis},
        ),
    )
