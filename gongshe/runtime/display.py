"""Decoded values as plain JSON, for people and for programs that know no SCALE.

Accounts are SS58 addresses, other bytes 0x-hexadecimal, amounts (128 bits) decimal text since JSON
readers lose digits of large numbers, cases of an enumeration their name or `{name: content}`.
`arguments.py` reads the same words back.
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from gongshe.primitives.address import encode_address
from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import AtMost, Compact, Err, FixedBytes, Ok, Result, ScaleError, UInt
from gongshe.primitives.schema import docs_of
from gongshe.primitives.types import AddressId, ErrorOfModule, ModuleError
from gongshe.runtime.assembly import ApplyExtrinsic, Assembly, EventRecord
from gongshe.runtime.items import Item
from gongshe.runtime.pallet import Call, Event
from gongshe.runtime.validity import DecodedExtrinsic

ACCOUNT_PATH = "sp_core::crypto::AccountId32"
"""The path by which an annotation says that 32 bytes are an account."""

TEXT_FROM_BYTES = 16
"""Integers of so many bytes are shown as text: JSON readers keep 53 bits."""

SCHEMES = ("ed25519", "sr25519", "ecdsa")
"""Signature schemes by their number in an extrinsic."""


def show_extrinsic(assembly: Assembly, extrinsic: DecodedExtrinsic) -> dict[str, Any]:
    """Return an extrinsic in words."""
    shown: dict[str, Any] = {"hash": hexadecimal(extrinsic.hash), "length": len(extrinsic.raw)}
    signature = extrinsic.signature
    if signature is not None:
        era = signature.era
        shown |= {
            "signer": encode_address(signature.signer),
            "nonce": signature.nonce,
            "tip": str(signature.tip),
            "era": None if era is None else {"period": era.period, "phase": era.phase},
            "scheme": SCHEMES[signature.scheme],
            "signature": hexadecimal(signature.value),
        }
    return shown | show_call(assembly, extrinsic.call)


def show_call(assembly: Assembly, call: Call) -> dict[str, Any]:
    """Return a call in words: its pallet, its name, its arguments by name."""
    definition = call.definition
    return {
        "pallet": definition.pallet.name,
        "call": definition.name,
        "args": {
            name.rstrip("_"): show(assembly, value, hint)
            for (name, hint), value in zip(definition.arguments, call.arguments, strict=True)
        },
    }


def show_event(assembly: Assembly, event: Event) -> dict[str, Any]:
    """Return an event in words: its pallet, its name, its fields."""
    return {
        "pallet": _emitters(assembly)[type(event)],
        "event": type(event).scale_variant,
        "fields": _fields(assembly, event),
    }


def show_records(assembly: Assembly, raw: bytes) -> list[dict[str, Any]]:
    """Return the events of a block (the value of System.Events) in words."""
    return [_show_record(assembly, record) for record in assembly.decode_events(raw)]


def _show_record(assembly: Assembly, record: EventRecord) -> dict[str, Any]:
    phase: Any = record.phase
    position = phase.extrinsic if isinstance(phase, ApplyExtrinsic) else None
    event: Any = record.event
    return {
        "extrinsic": position,
        "phase": type(phase).scale_variant,
        **show_event(assembly, event),
    }


def show_stored(assembly: Assembly, item: Item, raw: bytes) -> Any:
    """Return the value stored under an item, in words; ScaleError if the bytes are not one."""
    if item.prefix == _events_prefix(assembly):
        return show_records(assembly, raw)
    return show(assembly, item.codec.decode(raw), item.annotations[-1])


def show_keys(assembly: Assembly, item: Item, place: bytes) -> list[Any]:
    """Return the keys of a map that are written in a storage key, in words."""
    keys, position = [], len(item.prefix)
    parts = zip(item.hashers, item.key_codecs, item.annotations[:-1], strict=True)
    for hasher, codec, hint in parts:
        key, position = codec.decode_part(place, position + hasher.prefix)
        keys.append(show(assembly, key, hint))
    if position != len(place):
        raise ScaleError(f"{len(place) - position} bytes left over after the keys")
    return keys


def show_error(assembly: Assembly, error: ModuleError) -> dict[str, Any]:
    """Return a pallet's own error by name, with its sentence."""
    pallet = assembly.by_index.get(error.index)
    named = pallet.declared.errors.get(error.error[0]) if pallet else None
    if pallet is None or named is None:
        return {"index": error.index, "error": hexadecimal(error.error)}
    return {"pallet": pallet.name, "error": named.__name__, "docs": docs_of(named)}


def show(assembly: Assembly, value: Any, hint: Any) -> Any:
    """Return a value of the type that `hint` annotates, in words."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, enum.IntEnum):
        return value.name
    if isinstance(value, int):
        return str(value) if _width(hint) >= TEXT_FROM_BYTES else value
    if isinstance(value, bytes):
        return encode_address(value) if is_account(hint) else hexadecimal(value)
    if isinstance(value, tuple):
        return _show_list(assembly, value, hint)
    if isinstance(value, Mapping):
        key_hint, value_hint = get_args(bare(hint))
        return [
            [show(assembly, key, key_hint), show(assembly, each, value_hint)]
            for key, each in value.items()
        ]
    return _show_record_like(assembly, value, hint)


def _show_record_like(assembly: Assembly, value: Any, hint: Any) -> Any:
    match value:
        case Call():
            return show_call(assembly, value)
        case Event():
            return show_event(assembly, value)
        case Ok() | Err():
            return _show_result(assembly, value, hint)
        case Variants():
            return _show_case(assembly, value)
        case Record():
            return _fields(assembly, value)
    raise TypeError(f"{value!r:.80} is nothing that is stored, called or emitted")


def hexadecimal(raw: bytes) -> str:
    """Return bytes as clients write them."""
    return f"0x{raw.hex()}"


def is_account(hint: Any) -> bool:
    """Tell whether an annotation, an optional one included, says that bytes are an account."""
    return any(isinstance(mark, FixedBytes) and mark.path == ACCOUNT_PATH for mark in marks(hint))


def bare(hint: Any) -> Any:
    """Return an annotation without its option and its mark."""
    if type(None) in get_args(hint):
        hint = next(part for part in get_args(hint) if part is not type(None))
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def marks(hint: Any) -> tuple[Any, ...]:
    """Return the marks of an annotation, an optional one included."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1:]
    if type(None) in get_args(hint):
        return marks(next(part for part in get_args(hint) if part is not type(None)))
    return ()


@cache
def hints_of(record: type) -> dict[str, Any]:
    """Return the annotations of a record's fields."""
    return typing.get_type_hints(record, include_extras=True)


@cache
def _emitters(assembly: Assembly) -> dict[type, str]:
    """Return which pallet an event is of, by the event's class."""
    return {
        event: pallet.name
        for pallet in assembly.pallets
        for event in pallet.declared.events.values()
    }


def _show_list(assembly: Assembly, value: tuple[Any, ...], hint: Any) -> list[Any]:
    parts = get_args(bare(hint))
    if len(parts) == 2 and parts[1] is Ellipsis:
        return [show(assembly, each, parts[0]) for each in value]
    return [show(assembly, each, part) for each, part in zip(value, parts, strict=True)]


def _show_case(assembly: Assembly, value: Variants) -> Any:
    if isinstance(value, AddressId):
        return encode_address(value.account)
    name = type(value).scale_variant
    if isinstance(value, ErrorOfModule):
        return {name: show_error(assembly, value.error)}
    if not value.__struct_fields__:
        return name
    return {name: _fields(assembly, value)}


def _fields(assembly: Assembly, value: Record) -> Any:
    hints = hints_of(type(value))
    shown = {
        name.rstrip("_"): show(assembly, getattr(value, name), hints[name])
        for name in value.__struct_fields__
    }
    if type(value).scale_unnamed:
        inner = list(shown.values())
        return inner[0] if len(inner) == 1 else inner
    return shown


def _show_result(assembly: Assembly, value: Ok | Err, hint: Any) -> dict[str, Any]:
    mark = next(each for each in marks(hint) if isinstance(each, Result))
    inner = mark.ok if isinstance(value, Ok) else mark.err
    return {type(value).__name__: show(assembly, value.value, inner)}


def _width(hint: Any) -> int:
    for mark in marks(hint):
        if isinstance(mark, UInt | Compact):
            return mark.size
        if isinstance(mark, AtMost):
            break
    return 0


def _events_prefix(assembly: Assembly) -> bytes:
    return assembly.pallets[0].declared.items["events"].prefix
