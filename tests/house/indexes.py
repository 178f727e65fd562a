"""Indexes: the numbers that pallets, calls, events and errors have, and have ever had.

`indexes.json` remembers them. An entry whose code is gone stays: a wallet or an old block may
still mean it. New ones are added by `.venv/bin/python -m tests.house.indexes`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from gongshe.runtime import pallets
from gongshe.runtime.pallet import Event, Pallet

LEDGER = Path(__file__).parent / "indexes.json"

Ledger = dict[str, dict[str, str]]
"""For each kind ("pallets", "Balances calls", ...): index, as text, to name."""


def declared_indexes() -> Ledger:
    """Return the indexes that the code declares now; two pallets on one index are an error."""
    found: Ledger = {"pallets": {}}
    for pallet in declared_pallets():
        other = found["pallets"].setdefault(str(pallet.index), pallet.name)
        assert other == pallet.name, f"{other} and {pallet.name} both have index {pallet.index}"
        calls = {str(index): call.name for index, call in pallet.declared.calls.items()}
        events = {
            str(index): event.scale_variant for index, event in pallet.declared.events.items()
        }
        errors = {str(index): error.__name__ for index, error in pallet.declared.errors.items()}
        found[f"{pallet.name} calls"] = calls
        found[f"{pallet.name} events"] = events
        found[f"{pallet.name} errors"] = errors
    return found


def declared_pallets() -> Iterator[type[Pallet]]:
    """Yield every pallet of the package, whether or not an assembly uses it; no lower parts."""
    for module in pallet_modules():
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, type) and "declared" in vars(value) and value.__module__ == module:
                yield value


def pallet_modules() -> list[str]:
    """Return the names of the files in `runtime/pallets`."""
    return [f"{pallets.__name__}.{found.name}" for found in pkgutil.iter_modules(pallets.__path__)]


def events_without_index() -> list[str]:
    """Return the events that nothing can emit, because they have no index."""
    return [
        f"{module}.{value.__name__}"
        for module in pallet_modules()
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type)
        and issubclass(value, Event)
        and value.__module__ == module
        and value.scale_index is None
    ]


def remembered_indexes() -> Ledger:
    """Return the ledger."""
    ledger: Ledger = json.loads(LEDGER.read_text("utf-8"))
    return ledger


def complaints(declared: Ledger, remembered: Ledger) -> list[str]:
    """Say where the code gives an index another meaning than it ever had, or a new one."""
    found = []
    for kind, names in declared.items():
        known = remembered.get(kind, {})
        for index, name in names.items():
            if index not in known:
                found.append(f"{kind}: {index} ({name}) is new; run python -m tests.house.indexes")
            elif known[index] != name:
                found.append(f"{kind}: {index} was {known[index]} and may never mean {name}")
    return found


def renew() -> None:
    """Add new indexes to the ledger; refuse to change an old one."""
    declared, remembered = declared_indexes(), remembered_indexes()
    changed = [line for line in complaints(declared, remembered) if " was " in line]
    if changed:
        raise SystemExit("\n".join(changed))
    for kind, names in declared.items():
        both = remembered.get(kind, {}) | names
        remembered[kind] = {index: both[index] for index in sorted(both, key=int)}
    text = json.dumps({kind: names for kind, names in remembered.items() if names}, indent=1)
    LEDGER.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    renew()
