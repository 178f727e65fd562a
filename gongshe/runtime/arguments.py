"""Words into values: call arguments and storage keys as people and JSON write them.

What `display.py` shows, this reads back. Accounts are SS58 addresses, 0x-hexadecimal or a
development URI such as //Alice; amounts may carry their unit (`1.5DC`); nested calls are objects
`{"pallet": …, "call": …, "args": {…}}` or their bytes in hexadecimal.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, NoReturn, get_args, get_origin

from gongshe.primitives.address import AddressError, decode_address, read_account_hex
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.keys import Keypair, SecretError
from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import AtMost, Compact, FixedBytes, ScaleError, SInt, UInt
from gongshe.primitives.schema import cases_of
from gongshe.primitives.types import UNIT, AddressId, MultiAddress
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.display import ACCOUNT_PATH, hints_of
from gongshe.runtime.items import Item
from gongshe.runtime.pallet import Call, CallDefinition, Pallet, RuntimeCall

TOKEN = "DC"
DECIMALS = len(str(UNIT)) - 1

_AMOUNT = re.compile(r"(?P<whole>[0-9][0-9_]*)(?:\.(?P<part>[0-9]+))?\s*(?P<unit>[A-Za-z]*)")


class ArgumentRefused(ValueError):
    """Words that are no value of the wanted type: where, what was expected, what was found."""

    def __init__(self, place: str, expected: str, found: object) -> None:
        super().__init__(f"{place}: expected {expected}, found {found!r:.80}")


def read_call(
    assembly: Assembly, name: str, words: Sequence[Any] | Mapping[str, Any], place: str = ""
) -> Call:
    """Return the call `Pallet.call` with arguments in order or by name."""
    definition = find_call(assembly, name)
    place = place or name
    names = [argument.rstrip("_") for argument, _ in definition.arguments]
    if isinstance(words, Mapping):
        unknown = [each for each in words if each not in names]
        missing = [each for each in names if each not in words]
        if unknown or missing:
            _refuse(place, f"the arguments {', '.join(names) or '(none)'}", ", ".join(words))
        words = [words[each] for each in names]
    if len(words) != len(names):
        _refuse(place, f"{len(names)} arguments ({', '.join(names)})", f"{len(words)} arguments")
    values = tuple(
        read_value(assembly, word, hint, f"{place}, {argument}")
        for argument, word, (_, hint) in zip(names, words, definition.arguments, strict=True)
    )
    call = Call(definition, values)
    try:
        assembly.call_codec.encode(call)
    except ScaleError as fault:
        raise ArgumentRefused(place, "arguments within their bounds", str(fault)) from None
    return call


def find_call(assembly: Assembly, name: str) -> CallDefinition:
    """Return a call by `Pallet.call`; the refusal names what comes close."""
    pallet = find_pallet(assembly, name)
    wanted = name.partition(".")[2]
    by_name = {each.name: each for each in pallet.declared.calls.values()}
    return by_name[_known(f"call of {pallet.name}", wanted, list(by_name))]


def find_item(assembly: Assembly, name: str) -> Item:
    """Return a storage item by `Pallet.Item`; the refusal names what comes close."""
    pallet = find_pallet(assembly, name)
    wanted = name.partition(".")[2]
    by_name = {item.name: item for item in pallet.declared.items.values()}
    return by_name[_known(f"storage item of {pallet.name}", wanted, list(by_name))]


def find_pallet(assembly: Assembly, name: str) -> type[Pallet]:
    """Return the pallet before the dot of `Pallet.something`."""
    wanted = name.partition(".")[0]
    by_name = {pallet.name: pallet for pallet in assembly.pallets}
    return by_name[_known("pallet", wanted, list(by_name))]


def storage_key(assembly: Assembly, item: Item, words: Sequence[Any]) -> bytes:
    """Return the storage key of an item under some or all of its keys, in order."""
    hints = item.annotations[:-1]
    place = f"{item.pallet_name}.{item.name}"
    if len(words) > len(hints):
        _refuse(place, f"at most {len(hints)} keys", f"{len(words)} keys")
    key = item.prefix
    for number, (word, hint) in enumerate(zip(words, hints, strict=False)):
        value = read_value(assembly, word, hint, f"{place}, key {number + 1}")
        key += item.hashers[number].function(item.key_codecs[number].encode(value))
    return key


def read_value(assembly: Assembly, word: Any, hint: Any, place: str) -> Any:
    """Return the value of the annotated type that a word or a piece of JSON means."""
    if hint is RuntimeCall:
        return _read_nested(assembly, word, place)
    if get_origin(hint) is Annotated:
        return _read_marked(assembly, word, hint, place)
    if type(None) in get_args(hint):
        if word is None or (isinstance(word, str) and word in {"none", "null"}):
            return None
        inner = next(part for part in get_args(hint) if part is not type(None))
        return read_value(assembly, word, inner, place)
    if hint is bool:
        return _read_bool(word, place)
    if get_origin(hint) is tuple:
        return _read_tuple(assembly, word, get_args(hint), place)
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        names = [member.name for member in hint]
        return hint[_known(place, word, names)]
    if isinstance(hint, type) and issubclass(hint, Variants):
        return _read_case(assembly, word, hint, place)
    if isinstance(hint, type) and issubclass(hint, Record):
        return _read_record(assembly, word, hint, place)
    raise TypeError(f"{place}: {hint!r} has no words")


def read_amount(word: Any, place: str) -> int:
    """Return a whole number: `1500`, `1_500`, `0x5dc`, or an amount with its unit, `1.5DC`."""
    if isinstance(word, int) and not isinstance(word, bool):
        return word
    text = str(word).strip()
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return int(text, 16)
    found = _AMOUNT.fullmatch(text)
    if found is None or (found["unit"] and found["unit"].upper() != TOKEN):
        _refuse(place, f"a whole number, or an amount such as 1.5{TOKEN}", word)
    part = found["part"] or ""
    whole = int(found["whole"].replace("_", ""))
    if not found["unit"]:
        if part:
            _refuse(
                place, f"a whole number of the smallest unit, or 1.5{TOKEN} with its unit", word
            )
        return whole
    if len(part) > DECIMALS:
        _refuse(place, f"at most {DECIMALS} decimals", word)
    return whole * UNIT + int(part.ljust(DECIMALS, "0") or 0)


def read_account(word: Any, place: str) -> bytes:
    """Return the account that an address, 0x-hexadecimal or a development URI means."""
    text = word if isinstance(word, str) else ""
    try:
        if text.startswith("//"):
            return Keypair.from_uri(text, Scheme.SR25519).public
        return read_account_hex(text) if text.startswith("0x") else decode_address(text)
    except (AddressError, SecretError) as fault:
        raise ArgumentRefused(place, f"an address ({fault})", word) from None


def _read_marked(assembly: Assembly, word: Any, hint: Any, place: str) -> Any:
    base, mark = get_args(hint)[:2]
    match mark:
        case FixedBytes(32, path) if path == ACCOUNT_PATH:
            return read_account(word, place)
        case FixedBytes(length, _):
            raw = _read_hexadecimal(word, place)
            if len(raw) != length:
                _refuse(place, f"{length} bytes in hexadecimal", word)
            return raw
        case UInt(size) | Compact(size):
            number = read_amount(word, place)
            if not 0 <= number < 1 << 8 * size:
                _refuse(place, f"a number below 2^{8 * size}", word)
            return number
        case AtMost():
            return _read_bounded(assembly, word, base, place)
        case SInt():
            return _read_signed(word, place)
    return read_amount(word, place)  # the one Codec among marks is that of account indexes


def _read_bounded(assembly: Assembly, word: Any, base: Any, place: str) -> Any:
    if get_origin(base) is tuple:
        return _read_tuple(assembly, word, get_args(base), place)
    if not isinstance(word, str):
        _refuse(place, "a text", word)
    if base is str:
        return word
    return _read_hexadecimal(word, place) if word.startswith("0x") else word.encode()


def _read_nested(assembly: Assembly, word: Any, place: str) -> Call:
    if isinstance(word, str) and word.startswith("0x"):
        try:
            call: Call = assembly.call_codec.decode(_read_hexadecimal(word, place))
        except ScaleError as fault:
            raise ArgumentRefused(place, f"an encoded call ({fault})", word) from None
        return call
    if not isinstance(word, Mapping) or not {"pallet", "call"} <= word.keys():
        _refuse(place, 'a call: {"pallet": …, "call": …, "args": {…}} or its bytes', word)
    arguments = word.get("args", {})
    if not isinstance(arguments, Mapping | list):
        _refuse(place, "args as an object or a list", arguments)
    name = f"{word['pallet']}.{word['call']}"
    return read_call(assembly, name, arguments, f"{place}, {name}")


def _read_tuple(
    assembly: Assembly, word: Any, parts: tuple[Any, ...], place: str
) -> tuple[Any, ...]:
    if not isinstance(word, list):
        _refuse(place, "a list in JSON, such as [1, 2]", word)
    if len(parts) == 2 and parts[1] is Ellipsis:
        parts = (parts[0],) * len(word)
    if len(parts) != len(word):
        _refuse(place, f"a list of {len(parts)}", word)
    return tuple(
        read_value(assembly, each, part, f"{place}[{index}]")
        for index, (each, part) in enumerate(zip(word, parts, strict=True))
    )


def _read_case(assembly: Assembly, word: Any, parent: type[Variants], place: str) -> Any:
    if parent is MultiAddress and isinstance(word, str):
        return AddressId(read_account(word, place))
    name, content = word, None
    if isinstance(word, Mapping) and len(word) == 1:
        name, content = next(iter(word.items()))
    cases = {case.scale_variant: case for case in cases_of(parent)}
    case = cases[_known(place, name, list(cases))]
    return _read_record(assembly, {} if content is None else content, case, f"{place}, {name}")


def _read_record(assembly: Assembly, word: Any, record: type[Record], place: str) -> Any:
    hints = hints_of(record)
    fields = record.__struct_fields__
    if record.scale_unnamed and fields:
        words = [word] if len(fields) == 1 else word
        if not isinstance(words, list) or len(words) != len(fields):
            _refuse(place, f"a list of {len(fields)}", word)
    else:
        names = [name.rstrip("_") for name in fields]
        if not isinstance(word, Mapping) or set(word) != set(names):
            _refuse(place, f"an object with {', '.join(names) or 'nothing'}", word)
        words = [word[name] for name in names]
    return record(
        *(
            read_value(assembly, each, hints[name], f"{place}, {name.rstrip('_')}")
            for name, each in zip(fields, words, strict=True)
        )
    )


def _read_bool(word: Any, place: str) -> bool:
    known = {"true": True, "false": False}
    if isinstance(word, bool):
        return word
    if isinstance(word, str) and word in known:
        return known[word]
    return _refuse(place, "true or false", word)


def _read_signed(word: Any, place: str) -> int:
    try:
        return int(word)
    except (TypeError, ValueError):
        return _refuse(place, "a whole number", word)


def _read_hexadecimal(word: Any, place: str) -> bytes:
    if isinstance(word, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", word):
        return bytes.fromhex(word[2:])
    return _refuse(place, "bytes in hexadecimal, 0x first", word)


def _known(what: str, wanted: Any, names: Sequence[str]) -> str:
    """Return the name that is meant, its case aside; refuse with those that come close."""
    for name in names:
        if isinstance(wanted, str) and name.lower() == wanted.lower():
            return name
    close = get_close_matches(str(wanted), names, n=3)
    return _refuse(what, f"one of {', '.join(close or names)}", wanted)


def _refuse(place: str, expected: str, found: object) -> NoReturn:
    raise ArgumentRefused(place, expected, found)
