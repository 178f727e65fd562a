"""Rules of the house that no linter knows: each reads one file and yields its complaints.

`test_rules.py` holds the whole package to them, and each of them to a planted violation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch

from tests.house.doors import (
    DOORS,
    PURE_EXCEPTIONS,
    PURE_STANDARD_LIBRARY,
    STANDARD_LIBRARY,
)
from tests.house.sets import iterations_over_sets
from tests.house.sources import PURE_ROOMS, Source, functions, imported_modules

FUNCTION_LINES = 70
"""What fits a screen; a function that does not is two functions."""

FILE_LINES = 400
"""Beyond this nobody keeps a file in mind; split it where its caption needs an 'and'."""

GENERATED = ("runtime/weights.py",)
"""Files that programs write: they are checked for being fresh, not for being short."""

UNSTABLE_CALLS = ("hash", "id", "open", "float", "input", "eval", "exec", "__import__")
"""Built-ins whose answer depends on the process, the machine or the hash seed."""

VAGUE_WORDS = {"Manager", "Helper", "Helpers", "Base", "Util", "Utils", "Common"}
"""Names that say nothing of what a thing is."""


def floats(source: Source) -> Iterator[str]:
    """Keep pure rooms to integers: floats differ between machines and lose pennies."""
    if source.room not in PURE_ROOMS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield source.at(node, f"float literal {node.value!r}")
        elif isinstance(getattr(node, "op", None), ast.Div) or _last_name(node) == "truediv":
            yield source.at(node, "true division: use // and say which way it rounds")


def unstable_calls(source: Source) -> Iterator[str]:
    """Refuse calls in runtime and consensus that another machine would answer differently."""
    if source.room not in {"runtime", "consensus"}:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = ast.unparse(node.func).removeprefix("builtins.")
            if name in UNSTABLE_CALLS:
                yield source.at(node, f"{name}() may differ between two machines")


def set_iteration(source: Source) -> Iterator[str]:
    """Refuse walks over sets in pure rooms: their order changes with the hash seed."""
    if source.room in PURE_ROOMS:
        for node in iterations_over_sets(source.tree):
            yield source.at(node, "walks a set: sort it, or keep a dictionary or a tuple")


def pure_imports(source: Source) -> Iterator[str]:
    """Keep clock, chance, machine, threads, logs and network out of pure rooms."""
    if source.room not in PURE_ROOMS:
        return
    allowed = PURE_STANDARD_LIBRARY | PURE_EXCEPTIONS.get(source.place, set())
    for node, module in imported_modules(source):
        top = module.split(".")[0]
        if top in STANDARD_LIBRARY and top not in allowed:
            yield source.at(node, f"imports {module}: a pure room takes it as an argument")


def doors(source: Source) -> Iterator[str]:
    """Let each outside library in by its own door, so that it can be replaced there."""
    for node, module in imported_modules(source):
        top = module.split(".")[0]
        if top == "gongshe" or top in STANDARD_LIBRARY or not top:
            continue
        door = DOORS.get(top)
        if door is None:
            yield source.at(node, f"imports {top}, which has no door in tests/house/doors.py")
        elif not any(fnmatch(source.place, pattern) for pattern in door.places):
            yield source.at(node, f"imports {top} beside its door ({', '.join(door.places)})")


def type_checking(source: Source) -> Iterator[str]:
    """Refuse imports for types only: they hide a circle between modules."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute) and _last_name(node) == "TYPE_CHECKING":
            yield source.at(node, "TYPE_CHECKING hides a circle: move the shared word down a layer")


def bare_packages(source: Source) -> Iterator[str]:
    """Keep each `__init__.py` a caption: importing a room must run nothing."""
    if source.place.split("/")[-1] != "__init__.py":
        return
    if ast.get_docstring(source.tree) is None or len(source.tree.body) != 1:
        yield source.at(source.tree, "__init__.py holds a docstring and nothing else")


def lengths(source: Source) -> Iterator[str]:
    """Keep a function within a screen, a file within a mind."""
    if source.place in GENERATED:
        return
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield source.at(source.tree, f"{lines} lines; a file has at most {FILE_LINES}")
    for function in functions(source.tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_LINES:
            yield source.at(function, f"{function.name}: {length} lines; at most {FUNCTION_LINES}")


def plain_names(source: Source) -> Iterator[str]:
    """Refuse names that say nothing: no Manager, no Helper, no `get_` for show."""
    stem = source.place.split("/")[-1].removesuffix(".py")
    if stem.title() in VAGUE_WORDS:
        yield source.at(source.tree, f"a module called {stem} says nothing")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            vague = VAGUE_WORDS.intersection(re.findall("[A-Z][a-z]+", node.name))
            if vague:
                yield source.at(node, f"class {node.name}: {min(vague)} says nothing")
    for function in functions(source.tree):
        if re.match("_?(get|compute)_", function.name):
            yield source.at(function, f"{function.name}: name the thing or the act itself")


def unfinished(source: Source) -> Iterator[str]:
    """Refuse notes of work to come: what is not done is an issue in the tracker."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b|NotImplementedError", line):
            yield f"gongshe/{source.place}:{number}: unfinished work: {line.strip()}"


RULES = (
    floats,
    unstable_calls,
    set_iteration,
    pure_imports,
    doors,
    type_checking,
    bare_packages,
    lengths,
    plain_names,
    unfinished,
)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
