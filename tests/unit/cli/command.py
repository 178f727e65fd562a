"""Commands run as a person would type them, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from gongshe.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """What a program reads from it."""
        return json.loads(self.output)

    @property
    def error(self) -> dict[str, Any]:
        """What a program reads from its error."""
        found: dict[str, Any] = json.loads(self.errors)
        return found


def gongshe(*words: str, given: str | bytes = "", expect: int = 0) -> Outcome:
    """Run `gongshe` with these words and this standard input; demand an exit code."""
    result = CliRunner().invoke(main, list(words), input=given, catch_exceptions=False)
    outcome = Outcome(result.exit_code, result.stdout, result.stderr)
    assert outcome.code == expect, outcome
    return outcome
