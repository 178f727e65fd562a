"""The page about pallets, written from what the latest runtime declares.

`test_pallet_docs.py` fails when `docs/pallets.md` is stale; `.venv/bin/python -m
tests.house.pallet_docs` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from gongshe.primitives.records import Record
from gongshe.primitives.scale import AtMost
from gongshe.primitives.schema import docs_of, type_name
from gongshe.primitives.types import Balance, DispatchClass, Pays, Weight
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.items import EventRecords, Item
from gongshe.runtime.pallet import CallDefinition, Constant, Pallet
from gongshe.runtime.versions import SHIPPED
from gongshe.runtime.weights import MICROSECOND
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "pallets.md"

INTRODUCTION = """\
# Pallets

Written by `.venv/bin/python -m tests.house.pallet_docs` from the declarations in
`gongshe/runtime/pallets`; a test fails when it is stale. Edit the docstrings there.

Spec version {spec_version}. Storage items, calls, events, errors and constants appear to clients
under these names, calls, events and errors under these numbers. **Who** is the origin a call
demands: `Signed` an account, `Root` the chain itself, `Unsigned` a block's author. **Weight** is
execution time on the reference core before refunds; *by arguments* means that it grows with them.
"""


def page(assembly: Assembly) -> str:
    """Return the page in Markdown."""
    parts = [INTRODUCTION.format(spec_version=assembly.spec_version)]
    parts.extend(
        f"- [{pallet.name}](#{pallet.name.lower()}): {first_line(pallet.declared.docs)}"
        for pallet in assembly.pallets
    )
    parts.extend("\n".join(section(pallet, assembly)) for pallet in assembly.pallets)
    parts.append("\n".join(runtime_apis(assembly)))
    return "\n".join(parts) + "\n"


def section(pallet: type[Pallet], assembly: Assembly) -> Iterator[str]:
    """Yield the lines about one pallet."""
    declared = pallet.declared
    yield f"\n## {pallet.name}\n"
    yield f"Index {pallet.index}. {declared.docs}"
    if declared.items:
        yield from heading("Storage", "Item", "Keys", "Value", "If absent", "")
        yield from (storage_row(item) for item in declared.items.values())
    if declared.calls:
        yield from heading("Calls", "", "Call", "Who", "Class", "Weight", "")
        yield from (call_row(declared.calls[index]) for index in sorted(declared.calls))
    if declared.events:
        yield from heading("Events", "", "Event", "Fields", "")
        for index, event in sorted(declared.events.items()):
            yield row(index, code(event.scale_variant), fields_of(event), docs_of(event))
    if declared.errors:
        yield from heading("Errors", "", "Error", "")
        for index, error in sorted(declared.errors.items()):
            yield row(index, code(error.__name__), docs_of(error))
    if pallet.constants:
        yield from heading("Constants", "Constant", "Type", "Value", "")
        yield from (constant_row(constant, assembly) for constant in pallet.constants)


def runtime_apis(assembly: Assembly) -> Iterator[str]:
    """Yield the lines about the calls that clients ask of the runtime."""
    yield "\n## Runtime APIs\n"
    yield "Asked with `state_call` or `chainHead_v1_call`, as `Api_method`."
    for api in assembly.apis:
        yield from heading(f"{api.name} {api.version}", "Method", "Arguments", "Answer", "")
        for method in api.methods.values():
            inputs = ", ".join(f"{name}: {shown(hint)}" for name, hint in method.inputs)
            yield row(
                code(method.name),
                code(inputs) if inputs else "",
                code(shown(method.output)),
                method.docs,
            )


# ---------------------------------------------------------------------------------- rows


def heading(title: str, *columns: str) -> Iterator[str]:
    """Yield a heading and the head of a table."""
    yield f"\n### {title}\n"
    yield row(*columns)
    yield row(*("---" for _ in columns))


def row(*cells: object) -> str:
    """Return one row of a table; line breaks and bars would end it."""
    texts = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"


def storage_row(item: Item) -> str:
    """Return the row of a storage item."""
    *keys, value = item.annotations
    hashed = (
        f"{code(shown(key))} {hasher.name}" for key, hasher in zip(keys, item.hashers, strict=True)
    )
    absent = "nothing" if item.default is None else "its default"
    return row(code(item.name), ", ".join(hashed), code(shown(value)), absent, item.docs)


def call_row(definition: CallDefinition) -> str:
    """Return the row of a call."""
    arguments = ", ".join(f"{name}: {shown(hint)}" for name, hint in definition.arguments)
    who = " or ".join(sorted(origin.__name__ for origin in definition.origins))
    pays = "" if definition.pays is Pays.Yes else ", free"
    return row(
        definition.index,
        code(f"{definition.name}({arguments})"),
        who,
        class_of(definition) + pays,
        weight_of(definition),
        definition.docs,
    )


def class_of(definition: CallDefinition) -> str:
    """Return the dispatch class of a call, which may be that of the call it holds."""
    declared = definition._class
    return declared.name if isinstance(declared, DispatchClass) else "by arguments"


def weight_of(definition: CallDefinition) -> str:
    """Return the weight of a call in microseconds."""
    declared = definition._weight
    if not isinstance(declared, Weight):
        return "by arguments"
    return f"{declared.ref_time // MICROSECOND} µs"


def constant_row(constant: Constant, assembly: Assembly) -> str:
    """Return the row of a constant; records are too wide for a table, clients read them."""
    value = constant.value(assembly) if callable(constant.value) else constant.value
    if isinstance(value, Record):
        text = "a record"
    elif isinstance(value, bytes):
        text = code("0x" + value.hex())
    else:
        text = f"{value:_}" if isinstance(value, int) else str(value)
    if constant.annotation == Balance:
        text += " units"
    return row(code(constant.name), code(shown(constant.annotation)), text, constant.docs)


def fields_of(event: type[Record]) -> str:
    """Return the fields of an event and their types."""
    hints = get_type_hints(event, include_extras=True)
    fields = ", ".join(
        f"{name.rstrip('_')}: {shown(hints[name])}" for name in event.__struct_fields__
    )
    return code(fields) if fields else ""


def shown(annotation: Any) -> str:
    """Return a type's name with the bound that its metadata cannot tell."""
    if annotation is EventRecords:
        return "Vec<EventRecord>"
    bound = ""
    if get_origin(annotation) is Annotated:
        mark = get_args(annotation)[1]
        bound = f" ≤ {mark.count:_}" if isinstance(mark, AtMost) else ""
    return type_name(annotation) + bound


def code(text: str) -> str:
    """Return text set as code."""
    return f"`{text}`"


def first_line(docs: str) -> str:
    """Return the first sentence of documentation."""
    return docs.partition("\n")[0]


def renew() -> None:
    """Write the page."""
    PAGE.write_text(page(SHIPPED[max(SHIPPED)]), "utf-8")


if __name__ == "__main__":
    renew()
