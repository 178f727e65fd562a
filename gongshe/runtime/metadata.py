"""Client metadata V14, V15 and V16 of an assembly, from its annotations and docstrings alone.

Some types are there for the clients' sake: polkadot.js finds the types of calls, addresses and
signatures by the parameters of `UncheckedExtrinsic`, in every version.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from gongshe.primitives.leaves import bounded_bytes
from gongshe.primitives.records import Record
from gongshe.primitives.scale import (
    Budget,
    Codec,
    Composite,
    Field,
    ScaleError,
    read_compact,
)
from gongshe.primitives.schema import Schema, codec_of
from gongshe.primitives.types import MultiAddress, MultiSignature
from gongshe.runtime.api_declaration import Api, RuntimeExtrinsic
from gongshe.runtime.assembly import Assembly, RuntimeEvent
from gongshe.runtime.extensions import EXTENSIONS, EXTRA
from gongshe.runtime.items import EventRecords, Item
from gongshe.runtime.limits import MAX_LENGTH
from gongshe.runtime.metadata_layout import (
    ApiCall,
    ApiCallV16,
    ApiEntry,
    ApiEntryV16,
    CasesV16,
    ConstantEntry,
    ConstantEntryV16,
    ExtensionEntry,
    ExtrinsicV14,
    ExtrinsicV15,
    ExtrinsicV16,
    MapStorage,
    MetadataV14,
    MetadataV15,
    MetadataV16,
    Modifier,
    OuterEnumerations,
    PalletV14,
    PalletV15,
    PalletV16,
    PlainStorage,
    Storage,
    StorageEntry,
    StorageEntryV16,
    StorageType,
    StorageV16,
)
from gongshe.runtime.metadata_layout import ApiInput as Input
from gongshe.runtime.overlay import RAW
from gongshe.runtime.pallet import Pallet, RuntimeCall
from gongshe.runtime.type_registry import TypeRegistry, lines

VERSIONS = (14, 15, 16)
"""The versions this program writes: every client in use reads one of them."""

MAGIC = b"meta"
"""The first four bytes of metadata of any version."""

FORMAT = 4
"""The extrinsic format."""

ASSEMBLIES_KEPT = 16
"""Assemblies whose metadata is remembered: a program ships fewer."""


@lru_cache(maxsize=len(VERSIONS) * ASSEMBLIES_KEPT)
def metadata(assembly: Assembly, version: int) -> bytes | None:
    """Return the assembly's metadata, magic first; None for a version not in VERSIONS."""
    describe = {14: describe_v14, 15: describe_v15, 16: describe_v16}.get(version)
    if describe is None:
        return None
    described = describe(assembly)
    return MAGIC + bytes((version,)) + codec_of(type(described)).encode(described)


@lru_cache(maxsize=ASSEMBLIES_KEPT)
def client_schema(assembly: Assembly) -> Schema:
    """Return the codecs of what clients exchange with this assembly, extrinsics included."""
    return Schema(
        {
            RuntimeCall: assembly.call_codec,
            RuntimeEvent: assembly.event_codec,
            EventRecords: assembly.records_codec,
            RuntimeExtrinsic: extrinsic_codec(assembly),
        }
    )


def describe_v14(assembly: Assembly) -> MetadataV14:
    """Return metadata V14 as a record."""
    book = Book(assembly)
    pallets = tuple(book.pallet_v14(pallet) for pallet in assembly.pallets)
    extrinsic = ExtrinsicV14(book.number_of(RuntimeExtrinsic), FORMAT, book.extensions())
    runtime = book.registry.number(RUNTIME)
    return MetadataV14(book.registry.types(), pallets, extrinsic, runtime)


def describe_v15(assembly: Assembly) -> MetadataV15:
    """Return metadata V15 as a record."""
    book = Book(assembly)
    pallets = tuple(book.pallet_v15(pallet) for pallet in assembly.pallets)
    outer = book.outer()
    extrinsic = ExtrinsicV15(
        FORMAT,
        book.number_of(MultiAddress),
        outer.call,
        book.number_of(MultiSignature),
        book.registry.number(EXTRA),
        book.extensions(),
    )
    book.number_of(RuntimeExtrinsic)
    runtime = book.registry.number(RUNTIME)
    apis = tuple(book.api(api) for api in assembly.apis)
    return MetadataV15(book.registry.types(), pallets, extrinsic, runtime, apis, outer)


def describe_v16(assembly: Assembly) -> MetadataV16:
    """Return metadata V16 as a record."""
    book = Book(assembly)
    pallets = tuple(book.pallet_v16(pallet) for pallet in assembly.pallets)
    outer = book.outer()
    extensions = book.extensions()
    extrinsic = ExtrinsicV16(
        (FORMAT,),
        book.number_of(MultiAddress),
        outer.call,
        book.number_of(MultiSignature),
        ((0, tuple(range(len(extensions)))),),
        extensions,
    )
    book.number_of(RuntimeExtrinsic)
    apis = tuple(
        ApiEntryV16(
            api.name,
            tuple(upgraded(method, ApiCallV16) for method in book.api(api).methods),
            lines(api.docs),
            api.version,
        )
        for api in assembly.apis
    )
    return MetadataV16(book.registry.types(), pallets, extrinsic, apis, outer)


class Book:
    """An assembly's parts, described by numbers in one registry."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.schema = client_schema(assembly)
        self.registry = TypeRegistry()

    def number_of(self, annotation: Any) -> int:
        """Return the number of an annotated type."""
        return self.registry.number(self.schema.codec_of(annotation))

    # --------------------------------------------------------------------------- pallets

    def pallet_v14(self, pallet: type[Pallet]) -> PalletV14:
        """Describe a pallet."""
        items = tuple(self._entry(item) for item in pallet.declared.items.values())
        return PalletV14(
            pallet.name,
            Storage(pallet.name, items) if items else None,
            self._optional(self.assembly.pallet_calls.get(pallet)),
            self._optional(self.assembly.pallet_events.get(pallet)),
            self._constants(pallet),
            self._optional(self.assembly.pallet_errors.get(pallet)),
            pallet.index,
        )

    def pallet_v15(self, pallet: type[Pallet]) -> PalletV15:
        """Describe a pallet as V15 has it."""
        docs = lines(pallet.declared.docs)
        found: PalletV15 = upgraded(self.pallet_v14(pallet), PalletV15, docs)
        return found

    def pallet_v16(self, pallet: type[Pallet]) -> PalletV16:
        """Describe a pallet as V16 has it."""
        old = self.pallet_v14(pallet)
        storage = None
        if old.storage is not None:
            entries = tuple(upgraded(entry, StorageEntryV16) for entry in old.storage.entries)
            storage = StorageV16(old.storage.prefix, entries)
        return PalletV16(
            old.name,
            storage,
            None if old.calls is None else CasesV16(old.calls),
            None if old.event is None else CasesV16(old.event),
            tuple(upgraded(constant, ConstantEntryV16) for constant in old.constants),
            None if old.error is None else CasesV16(old.error),
            (),
            (),
            old.index,
            lines(pallet.declared.docs),
        )

    def _optional(self, codec: Codec | None) -> int | None:
        return None if codec is None else self.registry.number(codec)

    def _entry(self, item: Item) -> StorageEntry:
        *keys, value = (self.number_of(part) for part in item.annotations)
        storage_type: StorageType = PlainStorage(value)
        if keys:
            key = keys[0]
            if len(keys) > 1:
                key = self.number_of(tuple[item.annotations[:-1]])  # type: ignore[misc]
            hashers = tuple(hasher.index for hasher in item.hashers)
            storage_type = MapStorage(hashers, key, value)
        modifier, default = Modifier.Optional, b"\x00"
        if item.default is not None:
            modifier = Modifier.Default
            default = item.default if item.codec is RAW else item.codec.encode(item.default)
        return StorageEntry(item.name, modifier, storage_type, default, lines(item.docs))

    def _constants(self, pallet: type[Pallet]) -> tuple[ConstantEntry, ...]:
        entries = []
        for constant in pallet.constants:
            value = constant.value
            if callable(value):
                value = value(self.assembly)
            codec = self.schema.codec_of(constant.annotation)
            entry = ConstantEntry(
                constant.name,
                self.registry.number(codec),
                codec.encode(value),
                lines(constant.docs),
            )
            entries.append(entry)
        return tuple(entries)

    # ------------------------------------------------------- extrinsics, outer types, APIs

    def outer(self) -> OuterEnumerations:
        """Return the numbers of all calls, all events and all errors."""
        assembly, number = self.assembly, self.registry.number
        return OuterEnumerations(
            number(assembly.call_codec), number(assembly.event_codec), number(assembly.error_codec)
        )

    def extensions(self) -> tuple[ExtensionEntry, ...]:
        """Describe the signed extensions."""
        return tuple(
            ExtensionEntry(each.name, self.number_of(each.included), self.number_of(each.implied))
            for each in EXTENSIONS
        )

    def api(self, api: Api) -> ApiEntry:
        """Describe a runtime API."""
        methods = tuple(
            ApiCall(
                method.name,
                tuple(Input(name, self.number_of(hint)) for name, hint in method.inputs),
                self.number_of(method.output),
                lines(method.docs),
            )
            for method in api.methods.values()
        )
        return ApiEntry(api.name, methods, lines(api.docs))


# ----------------------------------------------------------------- types for clients' sake


def extrinsic_codec(assembly: Assembly) -> Codec:
    """Return the codec of whole extrinsics, kept as bytes, with the type that clients look for."""
    body = Field(None, bounded_bytes(MAX_LENGTH, as_text=False), "")
    parameters = (
        ("Address", codec_of(MultiAddress)),
        ("Call", assembly.call_codec),
        ("Signature", codec_of(MultiSignature)),
        ("Extra", EXTRA),
    )
    path = "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic"
    shape = Composite(path, parameters, (body,), "")
    return Codec(bytes, read_extrinsic, 1, shape)


def read_extrinsic(raw: bytes, offset: int, budget: Budget) -> tuple[bytes, int]:
    """Return the extrinsic at `offset`, its length prefix included, and where it ends."""
    length, start = read_compact(raw, offset)
    end = start + length
    if length > MAX_LENGTH or end > len(raw):
        raise ScaleError(
            f"extrinsic of {length} bytes claimed at byte {offset}, {len(raw) - start} left,"
            f" at most {MAX_LENGTH} allowed"
        )
    return raw[offset:end], end


def _never_read(raw: bytes, offset: int, budget: Budget) -> tuple[Any, int]:
    raise ScaleError("the runtime type only names the chain; it has no values")


RUNTIME = Codec(bytes, _never_read, 0, Composite("gongshe_runtime::Runtime", (), (), ""))
"""The type that stands for the runtime itself in V14 and V15."""


def upgraded(record: Record, kind: type[Any], *added: Any) -> Any:
    """Return the record as a later version has it, with what was added there."""
    return kind(*(getattr(record, name) for name in record.__struct_fields__), *added)
