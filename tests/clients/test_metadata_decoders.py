"""Metadata, calls, events and extrinsics, read and written again by decoders made elsewhere."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import Any

import pytest

from gongshe.primitives.extrinsic import MortalEra, encode_extra, encode_signed
from gongshe.primitives.types import (
    Address20,
    Address32,
    AddressIndex,
    AddressRaw,
    ErrorOfModule,
)
from gongshe.runtime.extensions import EXTENSIONS
from gongshe.runtime.metadata import VERSIONS, metadata
from gongshe.runtime.pallet import Pallet
from gongshe.runtime.versions import SHIPPED
from tests.clients.client_run import FOLDER
from tests.samples import Sampler

ASSEMBLY = SHIPPED[max(SHIPPED)]
SAMPLES = 400
DECODER_SECONDS = 300
ODD_ADDRESSES = (AddressIndex, AddressRaw, Address32, Address20)

pytestmark = pytest.mark.clients

LIBRARIES = ("@polkadot/types", "papi")


@cache
def samples() -> dict[str, Any]:
    """Return metadata in all versions, and calls, events and extrinsics to go with it.

    Left out is what a library reads but writes differently: @polkadot/types addresses that are
    no account ids, PAPI the errors of pallets (their three bytes of padding).
    """
    sampler = Sampler(ASSEMBLY, seed=20, without=ODD_ADDRESSES)
    plain = Sampler(ASSEMBLY, seed=21, without=(*ODD_ADDRESSES, ErrorOfModule))
    calls = [ASSEMBLY.call_codec.encode(sampler.call()) for _ in range(SAMPLES)]
    eras = (None, MortalEra.around(1_000, 64), MortalEra(65_536, 16))
    extras = [encode_extra(eras[position % 3], position, 7) for position in range(30)]
    extrinsics = [
        encode_signed(bytes((7,)) * 32, 1, bytes((9,)) * 64, extra, call)
        for extra, call in zip(extras, calls[:30], strict=True)
    ]
    events = sampler.event_records(SAMPLES)
    return {
        "metadata": {version: _hex(metadata(ASSEMBLY, version) or b"") for version in VERSIONS},
        "calls": [_hex(call) for call in calls],
        "events": _hex(ASSEMBLY.records_codec.encode(events)),
        "plainEvents": _hex(ASSEMBLY.records_codec.encode(plain.event_records(SAMPLES))),
        "extrinsics": [_hex(each) for each in extrinsics],
    }


@pytest.fixture(scope="module")
def found(javascript: str) -> dict[str, Any]:
    """What the JavaScript libraries made of the samples."""
    run = subprocess.run(
        [javascript, FOLDER / "metadata_decoders.mjs"],
        input=json.dumps(samples()),
        capture_output=True,
        text=True,
        timeout=DECODER_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4_000:]
    read: dict[str, Any] = json.loads(run.stdout)
    return read


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_structure_is_read_as_declared(found: dict[str, Any], library: str, version: int) -> None:
    read = found[library][str(version)]
    assert read["pallets"] == {pallet.name: declared(pallet) for pallet in ASSEMBLY.pallets}
    assert read["extensions"] == [each.name for each in EXTENSIONS]
    expected = {api.name: sorted(api.methods) for api in ASSEMBLY.apis} if version > 14 else {}
    assert {name: sorted(methods) for name, methods in read["apis"].items()} == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_values_come_back_unchanged(found: dict[str, Any], library: str, version: int) -> None:
    read, sent = found[library][str(version)], samples()
    assert read["calls"] == sent["calls"]
    assert read["plainEvents"] == sent["plainEvents"]
    assert read["eventCount"] == SAMPLES
    assert read.get("extrinsics", sent["extrinsics"]) == sent["extrinsics"]
    assert read.get("again", sent["metadata"][version]) == sent["metadata"][version]


def declared(pallet: type[Pallet]) -> dict[str, Any]:
    """Return a pallet's structure as the JavaScript program tells it."""
    known = pallet.declared
    return {
        "index": pallet.index,
        "calls": {str(index): each.name for index, each in known.calls.items()},
        "events": {str(index): each.scale_variant for index, each in known.events.items()},
        "errors": {str(index): each.__name__ for index, each in known.errors.items()},
        "storage": [item.name for item in known.items.values()],
        "constants": [each.name for each in pallet.constants],
    }


def _hex(raw: bytes) -> str:
    return f"0x{raw.hex()}"
