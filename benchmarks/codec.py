"""How fast are bytes read and written? Beside `scalecodec`, the package that clients use.

Each line is our time for one value; the limit is that of `scalecodec` on the same bytes in the
same run, so a ratio of 0.01 means a hundredth of its time. Both know the types beforehand.
Run: python -m benchmarks.codec [--quick] [--json]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from benchmarks.harness import Run, seconds_each
from gongshe.primitives.extrinsic import MortalEra, encode_extra, encode_signed
from gongshe.primitives.header import AURA, HEADER, Digest, Header, PreRuntime, Seal
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import UNIT, AddressId, DispatchClass, DispatchInfo, Pays, Weight
from gongshe.runtime.assembly import ApplyExtrinsic, EventRecord
from gongshe.runtime.metadata import metadata
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import NO_ACCOUNT, AccountInfo, ExtrinsicSuccess
from gongshe.runtime.pallets.transaction_payment import TransactionFeePaid
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import SHIPPED

ASSEMBLY = SHIPPED[max(SHIPPED)]
ALICE, BOB = bytes(range(32)), bytes(range(32, 64))

TRANSFERS = 100
"""Transfers in the measured block; each leaves four events."""


class Theirs:
    """`scalecodec` with our metadata, as `substrate-interface` sets it up."""

    def __init__(self) -> None:
        self.types = RuntimeConfigurationObject(ss58_format=42)
        self.types.update_type_registry(load_type_registry_preset("core"))
        raw = ScaleBytes(bytearray(metadata(ASSEMBLY, 14) or b""))
        self.metadata = self.types.create_scale_object("MetadataVersioned", raw)
        self.metadata.decode()
        self.types.add_portable_registry(self.metadata)
        # Metadata V14 names no header; these are its parts.
        parts = [["parent_hash", "H256"], ["number", "Compact<u32>"], ["state_root", "H256"]]
        parts += [["extrinsics_root", "H256"], ["digest", self.storage_type("System", "Digest")]]
        self.types.update_type_registry(
            {"types": {"Header": {"type": "struct", "type_mapping": parts}}}
        )

    def read(self, name: str, raw: bytes) -> Any:
        """Return the object that `raw` decodes to."""
        found = self.types.create_scale_object(
            name, ScaleBytes(bytearray(raw)), metadata=self.metadata
        )
        found.decode()
        return found

    def write(self, name: str, value: Any) -> bytes:
        """Return the encoding of a value."""
        made = self.types.create_scale_object(name, metadata=self.metadata)
        return bytes(made.encode(value).data)

    def storage_type(self, pallet: str, item: str) -> str:
        """Return the name of the type of a storage item."""
        name: str = (
            self.metadata.get_metadata_pallet(pallet)
            .get_storage_function(item)
            .get_value_type_string()
        )
        return name


def main() -> None:
    """Measure what a node reads and writes most."""
    run = Run("codec")
    theirs = Theirs()
    measure_extrinsic(run, theirs)
    measure_account(run, theirs)
    measure_header(run, theirs)
    measure_events(run, theirs)
    run.finish()


def measure_extrinsic(run: Run, theirs: Theirs) -> None:
    """A signed transfer, mortal, as wallets send it."""
    call = ASSEMBLY.call("Balances", "transfer_keep_alive", AddressId(BOB), UNIT)
    extra = encode_extra(MortalEra.around(1_000, 64), 7, 0)
    encoded = ASSEMBLY.call_codec.encode(call)
    raw = encode_signed(ALICE, 1, bytes(range(64)), extra, encoded)
    assert theirs.read("Extrinsic", raw).value["call"]["call_function"] == "transfer_keep_alive"
    compare(
        run,
        "extrinsic, decode",
        lambda: decode(ASSEMBLY, raw),
        lambda: theirs.read("Extrinsic", raw),
    )
    value = {
        "call_module": "Balances",
        "call_function": "transfer_keep_alive",
        "call_args": {"dest": f"0x{BOB.hex()}", "value": UNIT},
    }
    assert theirs.write("Call", value) == encoded
    compare(
        run,
        "call, encode",
        lambda: ASSEMBLY.call_codec.encode(call),
        lambda: theirs.write("Call", value),
    )


def measure_account(run: Run, theirs: Theirs) -> None:
    """What is stored of an account."""
    codec, name = codec_of(AccountInfo), theirs.storage_type("System", "Account")
    raw = codec.encode(NO_ACCOUNT)
    value = theirs.read(name, raw).value
    assert theirs.write(name, value) == raw
    compare(run, "account, decode", lambda: codec.decode(raw), lambda: theirs.read(name, raw))
    compare(
        run,
        "account, encode",
        lambda: codec.encode(NO_ACCOUNT),
        lambda: theirs.write(name, value),
    )


def measure_header(run: Run, theirs: Theirs) -> None:
    """A sealed header."""
    seal = Seal(AURA, bytes(64))
    digest = Digest((PreRuntime(AURA, bytes(8)), seal))
    header = Header(ALICE, 1_000_000, BOB, ALICE, digest)
    raw = HEADER.encode(header)
    value = theirs.read("Header", raw).value
    assert value["number"] == header.number
    compare(run, "header, decode", lambda: HEADER.decode(raw), lambda: theirs.read("Header", raw))
    compare(
        run,
        "header, encode",
        lambda: HEADER.encode(header),
        lambda: theirs.write("Header", value),
    )


def measure_events(run: Run, theirs: Theirs) -> None:
    """The events of a block of transfers."""
    info = DispatchInfo(Weight(40_000_000, 384), DispatchClass.Normal, Pays.Yes)
    kinds = {kind.scale_variant: kind for kind in Balances.declared.events.values()}
    record: Callable[..., Any] = EventRecord
    records = tuple(
        record(ApplyExtrinsic(position), event, ())
        for position in range(TRANSFERS)
        for event in (
            kinds["Withdraw"](ALICE, UNIT),
            kinds["Transfer"](ALICE, BOB, UNIT),
            TransactionFeePaid(ALICE, UNIT, 0),
            ExtrinsicSuccess(info),
        )
    )
    codec, name = ASSEMBLY.records_codec, theirs.storage_type("System", "Events")
    raw = codec.encode(records)
    assert len(theirs.read(name, raw).value) == len(records)
    compare(
        run,
        f"{len(records)} events, decode",
        lambda: ASSEMBLY.decode_events(raw),
        lambda: theirs.read(name, raw),
        count=20,
    )
    run.line(
        f"{len(records)} events, encode",
        seconds_each(lambda: codec.encode(records), run.scaled(100)) * 1e6,
        "us",
    )


def compare(
    run: Run,
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    count: int = 20_000,
) -> None:
    """Print our time for one value with theirs as its limit."""
    limit = seconds_each(theirs, max(1, run.scaled(count) // 20))
    run.line(name, seconds_each(ours, run.scaled(count)) * 1e6, "us", limit * 1e6)


if __name__ == "__main__":
    main()
