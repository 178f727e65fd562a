"""How commands answer: JSON for programs, aligned text for people, an exit code for scripts.

What was asked for goes to standard output and nothing else does; everything besides, errors first,
goes to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar

import click

DONE, FAILED, USAGE, UNREACHABLE, REFUSED, PROBLEMS = 0, 1, 2, 3, 5, 6
"""Exit codes: done; it could not be done; the words make no command; no node answers; the node or
the chain refused; a check found problems. `dev` and `run` have their own, see `node/run.py`."""

EXIT_CODES = """Exit codes: 0 done, 1 failed, 2 usage, 3 no node answers, 5 refused by the node or
the chain, 6 a check found problems. With --json, an error is one JSON object on standard error."""

F = TypeVar("F", bound=Callable[..., Any])


class Failed(click.ClickException):
    """A command that could not do what was asked: the cause, and the next step."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        exit_code: int = FAILED,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.hint, self.data = hint, data
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance
        context = click.get_current_context(silent=True)
        self.as_json = bool(context and context.params.get("as_json"))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error, as JSON if that was asked for."""
        if self.as_json:
            found: dict[str, Any] = {"error": self.message, "exitCode": self.exit_code}
            if self.hint:
                found["hint"] = self.hint
            if self.data:
                found["data"] = dict(self.data)
            click.echo(json.dumps(found, ensure_ascii=False), err=True)
            return
        click.echo(f"Error: {self.message}", err=True)
        if self.hint:
            click.echo(f"  {self.hint}", err=True)


def json_option(command: F) -> F:
    """Add `--json` to a command, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def answer(value: Any, as_json: bool, lines: Iterable[str] | None = None) -> None:
    """Print a value: as JSON, or as the lines that people read."""
    if as_json:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    for line in described(value) if lines is None else lines:
        click.echo(line)


def described(value: Any, indent: int = 0) -> Iterator[str]:
    """Yield the lines of a value made of objects and lists, names aligned."""
    margin = " " * indent
    if isinstance(value, Mapping):
        width = max((len(str(name)) for name, each in value.items() if is_plain(each)), default=0)
        for name, each in value.items():
            if is_plain(each):
                yield f"{margin}{str(name).ljust(width)}  {plain(each)}"
            else:
                yield f"{margin}{name}"
                yield from described(each, indent + 2)
    elif isinstance(value, list):
        for each in value:
            if is_plain(each):
                yield f"{margin}- {plain(each)}"
            else:
                first, *rest = list(described(each, indent + 2)) or [""]
                yield f"{margin}- {first.strip()}"
                yield from rest
    else:
        yield f"{margin}{plain(value)}"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the lines of a table: columns aligned, numbers to the right."""
    held = [[plain(cell) for cell in row] for row in rows]
    raw = [headings, *held]
    widths = [max(len(row[column]) for row in raw) for column in range(len(headings))]
    numeric = [
        bool(held) and all(row[column].replace("_", "").isdigit() for row in held)
        for column in range(len(headings))
    ]
    for row in raw:
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numeric, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def is_plain(value: Any) -> bool:
    """Tell whether a value fits on the line of its name."""
    return not value or not isinstance(value, Mapping | list)


def plain(value: Any) -> str:
    """Return a value as one word or line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list):
        return "-" if not value else json.dumps(value, ensure_ascii=False)
    return str(value)


def amount(units: int) -> str:
    """Return an amount of the native token in DC, every digit that counts."""
    whole, part = divmod(units, 10**12)
    decimals = f"{part:012d}".rstrip("0")
    return f"{whole:,}{'.' if decimals else ''}{decimals} DC"
