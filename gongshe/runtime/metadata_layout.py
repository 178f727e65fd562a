"""The layout of client metadata V14, V15 and V16, as records.

Source: https://docs.rs/frame-metadata, modules `v14`, `v15`, `v16`. Fields stand in the order of
their encoding; types are numbers in the registry that comes first.
"""

from __future__ import annotations

import enum
from typing import Annotated

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import AtMost, u8
from gongshe.runtime.type_registry import MAX_PARTS, PortableTypes, Text, Texts, TypeNumber

MAX_CONSTANT = 1 << 20
"""Bytes of one constant or one default."""

Encoded = Annotated[bytes, AtMost(MAX_CONSTANT)]
Empty = Annotated[tuple[u8, ...], AtMost(0)]
"""A list that this chain has nothing to put into."""


class Deprecation(enum.IntEnum):
    """Whether something will go away; nothing is announced to."""

    NotDeprecated = 0


class Modifier(enum.IntEnum):
    """What an absent value reads as: nothing, or the default."""

    Optional = 0
    Default = 1


# ------------------------------------------------------------------------------- pallets


class StorageType(Variants):
    """One value, or values by keys."""


class PlainStorage(StorageType, index=0):
    """One value."""

    value: TypeNumber


class MapStorage(StorageType, index=1):
    """Values by keys, each hashed in its own way; several keys are one tuple."""

    hashers: Annotated[tuple[u8, ...], AtMost(8)]
    key: TypeNumber
    value: TypeNumber


class StorageEntry(Record):
    """A storage item."""

    name: Text
    modifier: Modifier
    storage_type: StorageType
    default: Encoded
    docs: Texts


class StorageEntryV16(StorageEntry):
    """A storage item, from V16 on."""

    deprecation: Deprecation = Deprecation.NotDeprecated


class Storage(Record):
    """A pallet's storage items."""

    prefix: Text
    entries: Annotated[tuple[StorageEntry, ...], AtMost(MAX_PARTS)]


class StorageV16(Record):
    """A pallet's storage items, from V16 on."""

    prefix: Text
    entries: Annotated[tuple[StorageEntryV16, ...], AtMost(MAX_PARTS)]


class ConstantEntry(Record):
    """A constant and its value."""

    name: Text
    type_number: TypeNumber
    value: Encoded
    docs: Texts


class ConstantEntryV16(ConstantEntry):
    """A constant and its value, from V16 on."""

    deprecation: Deprecation = Deprecation.NotDeprecated


class CasesV16(Record):
    """A pallet's calls, events or errors, and which of them will go away."""

    type_number: TypeNumber
    deprecated: Empty = ()


class PalletV14(Record):
    """A pallet."""

    name: Text
    storage: Storage | None
    calls: TypeNumber | None
    event: TypeNumber | None
    constants: Annotated[tuple[ConstantEntry, ...], AtMost(MAX_PARTS)]
    error: TypeNumber | None
    index: u8


class PalletV15(PalletV14):
    """A pallet and what it says of itself."""

    docs: Texts


class PalletV16(Record):
    """A pallet, from V16 on."""

    name: Text
    storage: StorageV16 | None
    calls: CasesV16 | None
    event: CasesV16 | None
    constants: Annotated[tuple[ConstantEntryV16, ...], AtMost(MAX_PARTS)]
    error: CasesV16 | None
    associated_types: Empty
    view_functions: Empty
    index: u8
    docs: Texts
    deprecation: Deprecation = Deprecation.NotDeprecated


# ---------------------------------------------------------------------------- extrinsics


class ExtensionEntry(Record):
    """A signed extension: the type it adds to an extrinsic, and the type that is only signed."""

    name: Text
    included: TypeNumber
    implied: TypeNumber


ExtensionEntries = Annotated[tuple[ExtensionEntry, ...], AtMost(64)]


class ExtrinsicV14(Record):
    """The extrinsic format, by the type that holds its parts as parameters."""

    type_number: TypeNumber
    version: u8
    extensions: ExtensionEntries


class ExtrinsicV15(Record):
    """The extrinsic format, by its parts."""

    version: u8
    address: TypeNumber
    call: TypeNumber
    signature: TypeNumber
    extra: TypeNumber
    extensions: ExtensionEntries


class ExtrinsicV16(Record):
    """The extrinsic formats, and the extensions of each version of their extension part."""

    versions: Annotated[tuple[u8, ...], AtMost(8)]
    address: TypeNumber
    call: TypeNumber
    signature: TypeNumber
    extensions_by_version: Annotated[
        tuple[tuple[u8, Annotated[tuple[TypeNumber, ...], AtMost(64)]], ...], AtMost(8)
    ]
    extensions: ExtensionEntries


# -------------------------------------------------------------------------- runtime APIs


class ApiInput(Record):
    """A parameter of a runtime API call."""

    name: Text
    type_number: TypeNumber


class ApiCall(Record):
    """A call of a runtime API."""

    name: Text
    inputs: Annotated[tuple[ApiInput, ...], AtMost(64)]
    output: TypeNumber
    docs: Texts


class ApiCallV16(ApiCall):
    """A call of a runtime API, from V16 on."""

    deprecation: Deprecation = Deprecation.NotDeprecated


class ApiEntry(Record):
    """A runtime API."""

    name: Text
    methods: Annotated[tuple[ApiCall, ...], AtMost(MAX_PARTS)]
    docs: Texts


class ApiEntryV16(Record):
    """A runtime API, from V16 on."""

    name: Text
    methods: Annotated[tuple[ApiCallV16, ...], AtMost(MAX_PARTS)]
    docs: Texts
    version: TypeNumber
    deprecation: Deprecation = Deprecation.NotDeprecated


# --------------------------------------------------------------------------- the versions


class OuterEnumerations(Record):
    """All calls, all events, all errors."""

    call: TypeNumber
    event: TypeNumber
    error: TypeNumber


class MetadataV14(Record):
    """What clients need in order to read state and events, and to write calls."""

    types: PortableTypes
    pallets: Annotated[tuple[PalletV14, ...], AtMost(256)]
    extrinsic: ExtrinsicV14
    runtime: TypeNumber


class MetadataV15(Record):
    """The same, with runtime APIs and documentation of pallets."""

    types: PortableTypes
    pallets: Annotated[tuple[PalletV15, ...], AtMost(256)]
    extrinsic: ExtrinsicV15
    runtime: TypeNumber
    apis: Annotated[tuple[ApiEntry, ...], AtMost(256)]
    outer: OuterEnumerations
    custom: Empty = ()


class MetadataV16(Record):
    """The same, with versions of extensions and announcements of what will go away."""

    types: PortableTypes
    pallets: Annotated[tuple[PalletV16, ...], AtMost(256)]
    extrinsic: ExtrinsicV16
    apis: Annotated[tuple[ApiEntryV16, ...], AtMost(256)]
    outer: OuterEnumerations
    custom: Empty = ()
