"""From an annotation to its codec, built once.

`codec_of(AccountInfo)`, `codec_of(Annotated[tuple[u32, ...], AtMost(16)])`, `codec_of(u32 | None)`.
Records and cases become straight-line functions (runs of fixed-size fields are one `struct`
call), so that nothing is looked up by reflection while a block is executed.
"""

from __future__ import annotations

import enum
import itertools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from gongshe.primitives.leaves import BOOL, COMPACT, SIGNED, UNSIGNED, bounded_bytes, fixed_bytes
from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import (
    AtMost,
    Budget,
    Case,
    Codec,
    Compact,
    CompactOf,
    Composite,
    Enumeration,
    Err,
    Field,
    FixedBytes,
    Layout,
    Ok,
    Result,
    ScaleError,
    SequenceOf,
    SInt,
    TupleOf,
    UInt,
    compact,
    read_compact,
)
from gongshe.primitives.straight_line import fresh_name, straight_line, straight_tuple


class Schema:
    """A memo of codecs; `given` supplies codecs for types that only a runtime can know."""

    def __init__(self, given: Mapping[Any, Codec] | None = None) -> None:
        self._codecs: dict[Any, Codec] = dict(given or {})

    def codec_of(self, annotation: Any) -> Codec:
        """Return the codec of an annotation; TypeError at once if it has none."""
        known = self._codecs.get(annotation)
        if known is not None:
            return known
        if isinstance(annotation, type) and issubclass(annotation, Variants):
            return self._variants(annotation)
        codec = self._build(annotation)
        self._codecs[annotation] = codec
        return codec

    def _build(self, annotation: Any) -> Codec:
        if annotation is bool:
            return BOOL
        if isinstance(annotation, type) and issubclass(annotation, enum.IntEnum):
            return plain_enumeration(annotation)
        if isinstance(annotation, type) and issubclass(annotation, Record):
            return self._record(annotation)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._marked(arguments[0], arguments[1])
        if origin is tuple and Ellipsis not in arguments:
            return tuple_of([self.codec_of(part) for part in arguments])
        if origin in {types.UnionType, typing.Union}:
            inner = [part for part in arguments if part is not type(None)]
            if len(inner) == 1 and len(arguments) == 2:
                return option_of(self.codec_of(inner[0]), type_name(inner[0]))
        if annotation in {bytes, str, int} or origin in {tuple, dict}:
            raise TypeError(f"{annotation!r} needs a width or a bound: Annotated[…, AtMost(n)]")
        raise TypeError(f"{annotation!r} has no SCALE codec")

    def _marked(self, base: Any, mark: Any) -> Codec:
        match mark:
            case UInt(size):
                return UNSIGNED[size]
            case SInt(size):
                return SIGNED[size]
            case Compact(size):
                return COMPACT[size]
            case FixedBytes(length, path):
                return fixed_bytes(length, path)
            case Result(ok, err):
                return self._result(ok, err)
            case AtMost(count):
                return self._bounded(base, count)
            case Codec():
                return mark
        raise TypeError(f"{mark!r} does not name a SCALE codec")

    def _bounded(self, base: Any, most: int) -> Codec:
        if base in {bytes, str}:
            return bounded_bytes(most, as_text=base is str)
        arguments = get_args(base)
        if get_origin(base) is dict:
            return map_of(self.codec_of(arguments[0]), self.codec_of(arguments[1]), most)
        if get_origin(base) is tuple and arguments[1:] == (Ellipsis,):
            return sequence_of(self.codec_of(arguments[0]), most)
        raise TypeError(f"AtMost bounds bytes, str, tuple[T, ...] and dict[K, V], not {base!r}")

    def _result(self, ok: Any, err: Any) -> Codec:
        ok_codec, err_codec = self.codec_of(ok), self.codec_of(err)

        def write(value: Ok | Err) -> bytes:
            if isinstance(value, Ok):
                return b"\x00" + ok_codec.write(() if value.value is None else value.value)
            if isinstance(value, Err):
                return b"\x01" + err_codec.write(value.value)
            raise ScaleError(f"Ok or Err expected, found {value!r:.80}")

        def read(raw: bytes, offset: int, budget: Budget) -> tuple[Ok | Err, int]:
            tag = raw[offset]
            if tag > 1:
                raise ScaleError(f"Result expected (0 or 1) at byte {offset}, found {tag}")
            inner, end = (err_codec if tag else ok_codec).read(raw, offset + 1, budget)
            return (Err(inner) if tag else Ok(None if inner == () else inner)), end

        cases = (
            Case("Ok", 0, (Field(None, ok_codec, type_name(ok)),), ""),
            Case("Err", 1, (Field(None, err_codec, type_name(err)),), ""),
        )
        shape = Enumeration("Result", (("T", ok_codec), ("E", err_codec)), cases, "")
        return Codec(write, read, 1 + min(ok_codec.minimum, err_codec.minimum), shape)

    # ------------------------------------------------------------------ records and variants

    def _fields(self, record: type[Record]) -> list[tuple[str, Any, Codec]]:
        hints = typing.get_type_hints(record, include_extras=True)
        names = record.__struct_fields__
        return [(name, hints[name], self.codec_of(hints[name])) for name in names]

    def _parameters(self, record: type[Record]) -> tuple[tuple[str, Codec], ...]:
        declared = record.__dict__.get("scale_parameters", {})
        return tuple((name, self.codec_of(part)) for name, part in declared.items())

    def _record(self, record: type[Record]) -> Codec:
        fields = self._fields(record)
        write, read, layout = straight_line(record, fields)
        shape = Composite(
            record.scale_path or record.__name__,
            self._parameters(record),
            described(fields, unnamed=record.scale_unnamed),
            docs_of(record),
        )
        return Codec(write, read, sum(codec.minimum for _, _, codec in fields), shape, layout)

    def _variants(self, parent: type[Variants]) -> Codec:
        if parent.scale_index is not None:
            raise TypeError(f"{parent.__name__} is one case; use the enumeration it belongs to")
        writers: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {}
        readers: dict[int, Any] = {}

        def write(value: Any) -> bytes:
            found = writers.get(type(value))
            if found is None:
                raise ScaleError(f"a case of {parent.__name__} expected, found {value!r:.80}")
            return found[0] + found[1](value)

        def read(raw: bytes, offset: int, budget: Budget) -> tuple[Any, int]:
            reader = readers.get(raw[offset])
            if reader is None:
                raise ScaleError(
                    f"{parent.__name__} has no case {raw[offset]} (at byte {offset});"
                    f" it has {sorted(readers)}"
                )
            found: tuple[Any, int] = reader(raw, offset + 1, budget)
            return found

        placeholder = Enumeration(parent.scale_path or parent.__name__, (), (), "")
        codec = Codec(write, read, 1, placeholder)
        self._codecs[parent] = codec  # before its cases: an enumeration may hold itself
        cases = []
        for case in sorted(cases_of(parent), key=lambda case: case.scale_index or 0):
            index = case.scale_index
            if index is None or index in readers:
                raise TypeError(f"{case.__name__}: index {index} of {parent.__name__} is taken")
            fields = self._fields(case)
            case_write, case_read, _ = straight_line(case, fields)
            writers[case] = (bytes((index,)), case_write)
            readers[index] = case_read
            shape = described(fields, unnamed=case.scale_unnamed)
            cases.append(Case(case.scale_variant, index, shape, docs_of(case)))
        codec.shape = Enumeration(
            parent.scale_path or parent.__name__,
            self._parameters(parent),
            tuple(cases),
            docs_of(parent),
        )
        return codec


STATIC = Schema()
"""Codecs of the types that do not depend on which pallets a runtime has."""


def codec_of(annotation: Any) -> Codec:
    """Return the codec of an annotation that does not depend on a runtime."""
    return STATIC.codec_of(annotation)


def cases_of(parent: type[Variants]) -> list[type[Variants]]:
    """Return the cases of an enumeration in the order they were declared."""
    return [case for case in parent.__subclasses__() if case.scale_index is not None]


# ---------------------------------------------------------------------------- composites


def tuple_of(parts: list[Codec]) -> Codec:
    """Return the codec of a tuple with one value per part."""
    write, read = straight_tuple(parts)
    return Codec(write, read, sum(part.minimum for part in parts), TupleOf(tuple(parts)))


def sequence_of(inner: Codec, most: int) -> Codec:
    """Return the codec of a list with at most `most` elements."""
    if inner.minimum == 0:
        raise TypeError("a list of zero-size elements has no bound in bytes")

    def write(value: tuple[Any, ...]) -> bytes:
        if len(value) > most:
            raise ScaleError(f"at most {most} elements allowed, found {len(value)}")
        return compact(len(value)) + b"".join([inner.write(item) for item in value])

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[tuple[Any, ...], int]:
        count, start = read_compact(raw, offset)
        if count > most:
            raise ScaleError(f"at most {most} elements allowed at byte {offset}, found {count}")
        if count * inner.minimum > len(raw) - start:
            raise ScaleError(f"{count} elements claimed at byte {offset} do not fit in the rest")
        budget.spend(count)
        values, position, each = [], start, inner.read
        for _ in range(count):
            value, position = each(raw, position, budget)
            values.append(value)
        return tuple(values), position

    return Codec(write, read, 1, SequenceOf(inner))


def map_of(key: Codec, value: Codec, most: int) -> Codec:
    """Return the codec of a mapping in ascending key order (`BTreeMap`)."""
    pairs = sequence_of(tuple_of([key, value]), most)

    def write(mapping: dict[Any, Any]) -> bytes:
        return pairs.write(tuple(sorted(mapping.items(), key=lambda pair: pair[0])))

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[dict[Any, Any], int]:
        found, end = pairs.read(raw, offset, budget)
        for (earlier, _), (later, _) in itertools.pairwise(found):
            if not earlier < later:
                raise ScaleError(f"keys of the map at byte {offset} are not in ascending order")
        return dict(found), end

    shape = Composite("BTreeMap", (("K", key), ("V", value)), (Field(None, pairs, ""),), "")
    return Codec(write, read, 1, shape)


def option_of(inner: Codec, name: str) -> Codec:
    """Return the codec of a value that may be absent (`Option`)."""

    def write(value: Any) -> bytes:
        return b"\x00" if value is None else b"\x01" + inner.write(value)

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[Any, int]:
        tag = raw[offset]
        if tag == 0:
            return None, offset + 1
        if tag != 1:
            raise ScaleError(f"Option expected (0 or 1) at byte {offset}, found {tag}")
        return inner.read(raw, offset + 1, budget)

    cases = (Case("None", 0, (), ""), Case("Some", 1, (Field(None, inner, name),), ""))
    return Codec(write, read, 1, Enumeration("Option", (("T", inner),), cases, ""))


def plain_enumeration(members: type[enum.IntEnum]) -> Codec:
    """Return the codec of an enumeration whose cases carry nothing."""
    by_index = {int(member): member for member in members}

    def read(raw: bytes, offset: int, budget: Budget) -> tuple[Any, int]:
        member = by_index.get(raw[offset])
        if member is None:
            raise ScaleError(f"{members.__name__} has no case {raw[offset]} (at byte {offset})")
        return member, offset + 1

    def check(byte: int) -> enum.IntEnum:
        return read(bytes((byte,)), 0, Budget())[0]  # type: ignore[no-any-return]

    path = members.__dict__.get("__scale_path__", members.__name__)
    path = getattr(path, "value", path)  # `nonmember` keeps a dunder name wrapped
    cases = tuple(Case(member.name, int(member), (), "") for member in members)
    index_of, case_of = fresh_name("index_of"), fresh_name("case_of")
    layout = Layout(
        "B",
        lambda value: [f"{index_of}[{value}]"],
        lambda names: f"{case_of}({names.pop(0)})",
        {index_of: {index: index for index in by_index}, case_of: check},
    )
    shape = Enumeration(path, (), cases, docs_of(members))
    return Codec(lambda value: bytes((by_index[value],)), read, 1, shape, layout)


# -------------------------------------------------------------------- descriptions for clients


def described(fields: list[tuple[str, Any, Codec]], *, unnamed: bool) -> tuple[Field, ...]:
    """Return the fields as clients see them."""
    return tuple(
        Field(None if unnamed else name.rstrip("_"), codec, type_name(annotation))
        for name, annotation, codec in fields
    )


def docs_of(owner: Any) -> str:
    """Return the docstring written on a class itself, without the indentation of its source."""
    text = owner.__dict__.get("__doc__") or ""
    return "\n".join(line.strip() for line in text.strip().splitlines())


def type_name(annotation: Any) -> str:
    """Return the name clients show for a field; some demand that every argument has one."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        mark = arguments[1]
        if isinstance(mark, AtMost):
            return type_name(arguments[0])
        if isinstance(mark, Result):
            return f"Result<{type_name(mark.ok)}, {type_name(mark.err)}>"
        if isinstance(mark, Codec):
            return shape_name(mark)
        return str(mark.type_name)
    inner = [type_name(part) for part in arguments if part not in {type(None), Ellipsis}]
    if origin in {types.UnionType, typing.Union}:
        return f"Option<{inner[0]}>"
    if origin is tuple:
        return f"Vec<{inner[0]}>" if Ellipsis in arguments else f"({', '.join(inner)})"
    if origin is dict:
        return f"BTreeMap<{', '.join(inner)}>"
    return {bytes: "Vec<u8>", str: "Text"}.get(annotation, getattr(annotation, "__name__", "Type"))


def shape_name(codec: Codec) -> str:
    """Return the name clients show for a type that is declared by its codec alone."""
    shape = codec.shape
    if isinstance(shape, Composite | Enumeration):
        return shape.path.rpartition("::")[2]
    return f"Compact<{shape_name(shape.inner)}>" if isinstance(shape, CompactOf) else "()"
