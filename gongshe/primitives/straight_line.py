"""Functions that write and read a record, made as source text once.

Runs of fixed-size fields become one `struct` call; nothing is looked up by reflection later.
"""

from __future__ import annotations

import itertools
import struct
from typing import Any, cast

from gongshe.primitives.records import Record
from gongshe.primitives.scale import Codec, Layout, ScaleError, Write

NUMBERS = itertools.count()
"""Tells apart what two records of one name bring into the same function."""


def straight_line(
    record: type[Record], fields: list[tuple[str, Any, Codec]]
) -> tuple[Any, Any, Layout | None]:
    """Return write and read of a record as generated functions, and its layout if it is fixed."""
    layouts = [codec.layout for _, _, codec in fields]
    if fields and None not in layouts:
        layout = _joined_layout(record, fields)
        write, read = _fixed_functions(layout)
        return write, read, layout
    scope: dict[str, Any] = {"record": record}
    for position, (_, _, codec) in enumerate(fields):
        scope[f"write_{position}"], scope[f"read_{position}"] = codec.write, codec.read
    parts = [f"write_{position}(value.{name})" for position, (name, _, _) in enumerate(fields)]
    steps = [
        f"    value_{position}, offset = read_{position}(raw, offset, budget)\n"
        for position in range(len(fields))
    ]
    made = ", ".join(f"value_{position}" for position in range(len(fields)))
    source = (
        f"def write(value):\n    return {' + '.join(parts) or repr(b'')}\n"
        f"def read(raw, offset, budget):\n{''.join(steps)}    return record({made}), offset\n"
    )
    exec(source, scope)  # the text above is made from field positions and names alone
    return scope["write"], scope["read"], None


def straight_tuple(parts: list[Codec]) -> tuple[Any, Any]:
    """Return write and read of a tuple as generated functions: every call's arguments are one."""
    scope: dict[str, Any] = {"ScaleError": ScaleError}
    for position, codec in enumerate(parts):
        scope[f"write_{position}"], scope[f"read_{position}"] = codec.write, codec.read
    names = "".join(f"value_{position}, " for position in range(len(parts)))
    written = " + ".join(f"write_{position}(value_{position})" for position in range(len(parts)))
    steps = [
        f"    value_{position}, offset = read_{position}(raw, offset, budget)\n"
        for position in range(len(parts))
    ]
    source = (
        f"def write(values):\n"
        f"    if len(values) != {len(parts)}:\n"
        f"        raise ScaleError(f'{len(parts)} values expected, found {{len(values)}}')\n"
        f"    ({names}) = values\n"
        f"    return {written or repr(b'')}\n"
        f"def read(raw, offset, budget):\n{''.join(steps)}    return ({names}), offset\n"
    )
    exec(source, scope)  # the text above is made from positions alone
    return scope["write"], scope["read"]


def _joined_layout(record: type[Record], fields: list[tuple[str, Any, Codec]]) -> Layout:
    parts = [(name, codec.layout) for name, _, codec in fields if codec.layout is not None]
    maker = fresh_name("make")
    scope: dict[str, Any] = {maker: record}
    for _, layout in parts:
        scope.update(layout.scope)

    def pack(value: str) -> list[str]:
        return [piece for name, layout in parts for piece in layout.pack(f"{value}.{name}")]

    def unpack(names: list[str]) -> str:
        return f"{maker}({', '.join(layout.unpack(names) for _, layout in parts)})"

    return Layout(" ".join(layout.format for _, layout in parts), pack, unpack, scope)


def _fixed_functions(layout: Layout) -> tuple[Any, Any]:
    form = struct.Struct("<" + layout.format)
    names = [f"part_{position}" for position in range(len(layout.pack("value")))]
    scope = {**layout.scope, "unpack": form.unpack_from}
    source = (
        f"def read(raw, offset, budget):\n"
        f"    ({', '.join(names)},) = unpack(raw, offset)\n"
        f"    return {layout.unpack(list(names))}, offset + {form.size}\n"
    )
    exec(source, scope)  # the text above is made from field positions and names alone
    return _fixed_writer(b"", layout, b""), scope["read"]


def written_between(before: bytes, codec: Codec, after: bytes) -> Write:
    """Return what writes a value with constant bytes around it."""
    if codec.layout is not None:
        return _fixed_writer(before, codec.layout, after)
    write = codec.write
    return lambda value: before + write(value) + after


def _fixed_writer(before: bytes, layout: Layout, after: bytes) -> Write:
    """Return a single `struct` call that writes a value of fixed size and what surrounds it."""
    form = struct.Struct(f"<{len(before)}s {layout.format} {len(after)}s")
    arguments = ["before", *layout.pack("value"), "after"]
    scope = {**layout.scope, "pack": form.pack, "before": before, "after": after}
    source = f"def write(value):\n    return pack({', '.join(arguments)})\n"
    exec(source, scope)  # the text above is made from field names alone
    return cast("Write", scope["write"])


def fresh_name(word: str) -> str:
    """Return a name that no other scope has."""
    return f"{word}_{next(NUMBERS)}"
