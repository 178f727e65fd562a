"""What a plain spec says of each pallet, checked and turned into the pallet's own words.

Addresses become account ids. Every refusal says where in the document something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from gongshe.genesis.spec import SpecMalformed
from gongshe.primitives.address import AddressError, decode_address, read_account_hex

MAX_BALANCE = (1 << 128) - 1
MAX_SLOT_MS = 60_000
"""Blocks rarer than once a minute would make fees, eras and sessions mean something else."""

MAX_ACCOUNTS = 1_000_000
"""Endowed accounts of one spec; what the size of a document allows."""


def read_parts(patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return each pallet's part, by the pallet's name, with addresses as account ids."""
    unknown = sorted(patch.keys() - READERS.keys())
    if unknown:
        refuse("genesis", f"parts for {', '.join(READERS)}", unknown[0])
    if "aura" not in patch:
        refuse("genesis", "a part for aura: who authors, and how long a slot is", ", ".join(patch))
    parts = {"balances": {"balances": []}, **patch}
    return {READERS[name][0]: READERS[name][1](name, part) for name, part in parts.items()}


def read_account(place: str, text: object) -> bytes:
    """Return the account that an SS58 address or 0x-hexadecimal names."""
    if not isinstance(text, str):
        return refuse(place, "an SS58 address or 0x and 64 digits", text)
    try:
        return read_account_hex(text) if text.startswith("0x") else decode_address(text)
    except AddressError as fault:
        return refuse(place, f"an SS58 address or 0x and 64 digits ({fault})", text)


def _balances(place: str, part: object) -> Any:
    fields = _object(place, part, ("balances",))
    seen: dict[bytes, str] = {}
    balances = []
    for at, row in _rows(f"{place}.balances", fields.get("balances", []), 2):
        account = read_account(f"{at}[0]", row[0])
        if account in seen:
            refuse(at, f"each account once (it stands at {seen[account]} too)", row[0])
        seen[account] = at
        balances.append((account, _number(f"{at}[1]", row[1], MAX_BALANCE)))
    return {"balances": balances}


def _aura(place: str, part: object) -> Any:
    fields = _object(place, part, ("authorities", "slotDuration"))
    keys = fields.get("authorities")
    if not isinstance(keys, list) or not keys:
        refuse(f"{place}.authorities", "a list of at least one sr25519 key", keys)
    authorities = [
        read_account(f"{place}.authorities[{index}]", key) for index, key in enumerate(keys)
    ]
    duration = _number(f"{place}.slotDuration", fields.get("slotDuration"), MAX_SLOT_MS)
    if duration == 0:
        refuse(f"{place}.slotDuration", f"milliseconds from 1 to {MAX_SLOT_MS}", duration)
    return {"authorities": authorities, "slotDuration": duration}


def _sudo(place: str, part: object) -> Any:
    key = _object(place, part, ("key",)).get("key")
    return {"key": None if key is None else read_account(f"{place}.key", key)}


def _transaction_payment(place: str, part: object) -> Any:
    fields = _object(place, part, ("multiplier",))
    if "multiplier" not in fields:
        return {}
    return {"multiplier": _number(f"{place}.multiplier", fields["multiplier"], MAX_BALANCE)}


def _assets(place: str, part: object) -> Any:
    fields = _object(place, part, ("assets", "metadata", "accounts", "nextAssetId"))
    read: dict[str, Any] = {"assets": [], "metadata": [], "accounts": []}
    for at, row in _rows(f"{place}.assets", fields.get("assets", []), 4):
        if not isinstance(row[2], bool):
            refuse(f"{at}[2]", "true or false (isSufficient)", row[2])
        owner = read_account(f"{at}[1]", row[1])
        least = _number(f"{at}[3]", row[3], MAX_BALANCE)
        read["assets"].append((_asset_id(f"{at}[0]", row[0]), owner, row[2], least))
    for at, row in _rows(f"{place}.metadata", fields.get("metadata", []), 4):
        for column in (1, 2):
            if not isinstance(row[column], str):
                refuse(f"{at}[{column}]", "a text", row[column])
        decimals = _number(f"{at}[3]", row[3], 255)
        read["metadata"].append((_asset_id(f"{at}[0]", row[0]), row[1], row[2], decimals))
    for at, row in _rows(f"{place}.accounts", fields.get("accounts", []), 3):
        who, balance = read_account(f"{at}[1]", row[1]), _number(f"{at}[2]", row[2], MAX_BALANCE)
        read["accounts"].append((_asset_id(f"{at}[0]", row[0]), who, balance))
    if fields.get("nextAssetId") is not None:
        read["nextAssetId"] = _asset_id(f"{place}.nextAssetId", fields["nextAssetId"])
    return read


READERS: Mapping[str, tuple[str, Callable[[str, object], Any]]] = {
    "balances": ("Balances", _balances),
    "aura": ("Aura", _aura),
    "assets": ("Assets", _assets),
    "transactionPayment": ("TransactionPayment", _transaction_payment),
    "sudo": ("Sudo", _sudo),
}
"""For each part of a plain spec: the pallet's name, and how its JSON is read."""


def refuse(place: str, expected: str, found: object) -> NoReturn:
    """Refuse a document: where, what was expected, what was found."""
    raise SpecMalformed(f"chain spec, {place}: expected {expected}, found {found!r:.80}")


def _object(place: str, part: object, fields: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(part, dict):
        refuse(place, f"an object with {', '.join(fields)}", part)
    for name in part:
        if name not in fields:
            refuse(place, f"only {', '.join(fields)}", name)
    return part


def _rows(place: str, rows: object, width: int) -> list[tuple[str, list[Any]]]:
    if not isinstance(rows, list) or len(rows) > MAX_ACCOUNTS:
        refuse(place, f"a list of at most {MAX_ACCOUNTS} rows", rows)
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            refuse(f"{place}[{index}]", f"a list of {width}", row)
    return [(f"{place}[{index}]", row) for index, row in enumerate(rows)]


def _number(place: str, value: object, most: int) -> int:
    """Return a whole number, written as one or, for readers that lose digits, as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 40:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        refuse(place, f"a whole number from 0 to {most}", value)
    return value


def _asset_id(place: str, value: object) -> int:
    return _number(place, value, (1 << 32) - 1)
