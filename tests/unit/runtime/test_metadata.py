"""Metadata says what the declarations say: by our own records, and as `scalecodec` reads it.

What JavaScript libraries make of it is tested in `tests/clients/test_metadata_decoders.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from gongshe.primitives.extrinsic import MortalEra, encode_extra, implied_data
from gongshe.primitives.scale import Budget
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import Address20, Address32, AddressIndex, AddressRaw
from gongshe.runtime.extensions import EXTENSIONS, EXTRA, IMPLIED
from gongshe.runtime.metadata import VERSIONS, describe_v14, describe_v15, describe_v16, metadata
from gongshe.runtime.metadata_layout import MetadataV14, MetadataV15, MetadataV16
from gongshe.runtime.type_registry import EnumerationType, PortableType
from gongshe.runtime.versions import SHIPPED
from tests.house.indexes import remembered_indexes
from tests.samples import Sampler

ASSEMBLY = SHIPPED[max(SHIPPED)]
ODD_ADDRESSES = (AddressIndex, AddressRaw, Address32, Address20)
"""`scalecodec` writes addresses as account ids only."""
LAYOUTS = {14: MetadataV14, 15: MetadataV15, 16: MetadataV16}


@pytest.fixture(scope="module")
def configuration() -> RuntimeConfigurationObject:
    """`scalecodec` with our types, as `substrate-interface` sets it up."""
    made = RuntimeConfigurationObject(ss58_format=42)
    made.update_type_registry(load_type_registry_preset("core"))
    return made


@pytest.fixture(scope="module")
def read(configuration: RuntimeConfigurationObject) -> Any:
    """Metadata V14 (the latest that `scalecodec` knows) as it reads it."""
    raw = ScaleBytes(bytearray(encoded(14)))
    found = configuration.create_scale_object("MetadataVersioned", raw)
    found.decode()
    configuration.add_portable_registry(found)
    return found


def test_names_and_indexes_are_those_for_ever(read: Any) -> None:
    """What an independent decoder finds is what the ledger of indexes remembers."""
    ledger = remembered_indexes()
    for pallet in read.pallets:
        name, index = pallet.name, str(pallet.value["index"])
        assert ledger["pallets"][index] == name
        for kind, cases in (
            ("calls", pallet.calls or []),
            ("events", pallet.events or []),
            ("errors", pallet.errors or []),
        ):
            found = {str(case.value["index"]): case.name for case in cases}
            known = ledger.get(f"{name} {kind}", {})
            assert found.items() <= known.items(), f"{name} {kind}"


def test_every_declared_part_is_found(read: Any) -> None:
    for declared, found in zip(ASSEMBLY.pallets, read.pallets, strict=True):
        assert found.name == declared.name
        assert len(found.calls or []) == len(declared.declared.calls)
        assert len(found.events or []) == len(declared.declared.events)
        assert len(found.errors or []) == len(declared.declared.errors)
        items = [item.name for item in found.storage or [] if not item.name.startswith(":")]
        assert items == [item.name for item in declared.declared.items.values()]
        constants = [constant.value["name"] for constant in found.constants or []]
        assert constants == [constant.name for constant in declared.constants]


def test_every_call_argument_has_a_type_name(read: Any) -> None:
    """`scalecodec` cannot write a call without."""
    for pallet in read.pallets:
        for call in pallet.calls or []:
            assert all(argument.value["typeName"] for argument in call.args), call.name


def test_calls_are_read_and_written_alike_by_scalecodec(
    configuration: RuntimeConfigurationObject, read: Any
) -> None:
    sampler = Sampler(ASSEMBLY, seed=14, without=ODD_ADDRESSES)
    definitions = [
        definition for pallet in ASSEMBLY.pallets for definition in pallet.declared.calls.values()
    ]
    for definition in definitions:
        raw = ASSEMBLY.call_codec.encode(sampler.call_of(definition))
        found = configuration.create_scale_object("Call", ScaleBytes(bytearray(raw)), metadata=read)
        value = found.decode()
        assert value["call_module"] == definition.pallet.name
        assert value["call_function"] == definition.name
        names = [argument["name"] for argument in value["call_args"]]
        assert names == [name.rstrip("_") for name, _ in definition.arguments]
        again = configuration.create_scale_object("Call", metadata=read)
        written = again.encode(writable(value))
        assert bytes(written.data) == raw


@pytest.mark.parametrize("version", VERSIONS)
def test_metadata_reads_back_as_the_record_it_was(version: int) -> None:
    describe = {14: describe_v14, 15: describe_v15, 16: describe_v16}[version]
    raw = encoded(version)
    assert raw[:5] == b"meta" + bytes((version,))
    codec = codec_of(LAYOUTS[version])
    found, end = codec.read(raw, 5, Budget(elements=1_000_000))
    assert end == len(raw)
    assert found == describe(ASSEMBLY)


def test_no_other_version_is_written() -> None:
    assert metadata(ASSEMBLY, 13) is None
    assert metadata(ASSEMBLY, 17) is None


def test_types_are_numbered_without_gaps_and_never_repeated() -> None:
    types = describe_v16(ASSEMBLY).types
    assert [each.number for each in types] == list(range(len(types)))
    recursive = {"RuntimeCall"}
    descriptions = [each.description for each in types if last_name(each) not in recursive]
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        (
            "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
            ["Address", "Call", "Signature", "Extra"],
        ),
        ("frame_system::EventRecord", ["E", "T"]),
        ("sp_runtime::multiaddress::MultiAddress", ["AccountId", "AccountIndex"]),
        ("Option", ["T"]),
        ("Result", ["T", "E"]),
        ("sp_core::crypto::AccountId32", []),
        ("sp_runtime::MultiSignature", []),
        ("sp_runtime::generic::era::Era", []),
        ("primitive_types::H256", []),
        ("sp_weights::weight_v2::Weight", []),
        ("frame_support::dispatch::DispatchClass", []),
        ("sp_runtime::DispatchError", []),
        ("sp_runtime::ModuleError", []),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_types_that_clients_look_for_have_their_paths_and_parameters(
    version: int, path: str, parameters: list[str]
) -> None:
    found = [each for each in types_of(version) if each.description.path == tuple(path.split("::"))]
    assert found
    for each in found:
        assert [one.name for one in each.description.parameters] == parameters


@pytest.mark.parametrize("version", VERSIONS)
def test_signatures_have_the_three_names_that_papi_demands(version: int) -> None:
    (found,) = [each for each in types_of(version) if last_name(each) == "MultiSignature"]
    definition = found.description.definition
    assert isinstance(definition, EnumerationType)
    assert [case.name for case in definition.cases] == ["Ed25519", "Sr25519", "Ecdsa"]


def test_the_constants_that_clients_sign_by_are_there() -> None:
    (system,) = [pallet for pallet in describe_v14(ASSEMBLY).pallets if pallet.name == "System"]
    constants = {constant.name: constant.value for constant in system.constants}
    version = ASSEMBLY.version
    assert constants["Version"] == codec_of(type(version)).encode(version)
    assert constants["SS58Prefix"] == (42).to_bytes(2, "little")


def test_signed_extensions_are_those_wallets_know() -> None:
    expected = [
        "CheckNonZeroSender",
        "CheckSpecVersion",
        "CheckTxVersion",
        "CheckGenesis",
        "CheckMortality",
        "CheckNonce",
        "CheckWeight",
        "ChargeTransactionPayment",
    ]
    assert [each.name for each in EXTENSIONS] == expected
    for described in (describe_v14, describe_v15, describe_v16):
        extensions = described(ASSEMBLY).extrinsic.extensions
        assert [each.name for each in extensions] == expected


def test_declared_extensions_are_the_bytes_that_extrinsics_carry() -> None:
    """The declaration for clients and the code that reads extrinsics may never part."""
    for era in (None, MortalEra.around(1_000, 64)):
        values = [kind.included() for kind in EXTENSIONS[:4]]
        values += [EXTENSIONS[4].included(era), EXTENSIONS[5].included(70)]
        values += [EXTENSIONS[6].included(), EXTENSIONS[7].included(1 << 70)]
        assert EXTRA.encode(tuple(values)) == encode_extra(era, 70, 1 << 70)
    genesis, birth = bytes(range(32)), bytes(range(32, 64))
    implied = ((), 7, 8, genesis, birth, (), (), ())
    assert IMPLIED.encode(implied) == implied_data(7, 8, genesis, birth)


def writable(value: Any) -> Any:
    """Return what `scalecodec` read in the form in which it writes: arguments by name."""
    if isinstance(value, list):
        return [writable(each) for each in value]
    if isinstance(value, dict) and "call_args" in value:
        return {
            "call_module": value["call_module"],
            "call_function": value["call_function"],
            "call_args": {each["name"]: writable(each["value"]) for each in value["call_args"]},
        }
    return value


def encoded(version: int) -> bytes:
    """Return encoded metadata of the latest assembly."""
    found = metadata(ASSEMBLY, version)
    assert found is not None
    return found


def types_of(version: int) -> tuple[PortableType, ...]:
    """Return the registry of one metadata version."""
    describe = {14: describe_v14, 15: describe_v15, 16: describe_v16}[version]
    types: tuple[PortableType, ...] = describe(ASSEMBLY).types  # type: ignore[attr-defined]
    return types


def last_name(each: PortableType) -> str:
    """Return the last part of a type's path."""
    return each.description.path[-1] if each.description.path else ""
