"""Sources: the package's files as the house rules read them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gongshe"

PURE_ROOMS = ("primitives", "runtime", "consensus")
"""Rooms whose results must be equal on every machine, at every time, under every hash seed."""


@dataclass(frozen=True)
class Source:
    """One file: its place inside the package (`runtime/overlay.py`), its text and its tree."""

    place: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder directly under the package, or the file's own name beside the rooms."""
        return self.place.split("/", maxsplit=1)[0]

    def at(self, node: ast.AST, complaint: str) -> str:
        """Name the place of a complaint so that an editor can jump to it."""
        return f"gongshe/{self.place}:{getattr(node, 'lineno', 1)}: {complaint}"


def read_source(place: str, text: str) -> Source:
    """Parse a file's text as if it lay at `place`."""
    return Source(place, text, ast.parse(text))


def package_sources() -> list[Source]:
    """Return every file of the package, in the order of their names."""
    return [
        read_source(path.relative_to(PACKAGE).as_posix(), path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def imported_modules(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import anywhere in the file, also inside functions, with its full module name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")


def functions(tree: ast.Module) -> Iterable[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
