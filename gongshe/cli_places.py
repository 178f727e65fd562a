"""Where a chain's data lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gongshe.genesis.spec import ChainSpec

DEFAULT_BASE = Path.home() / ".local" / "share" / "gongshe"
"""Where programs of a user keep their data."""

F = TypeVar("F", bound=Callable[..., Any])


def base_path_option(command: F) -> F:
    """Add `--base-path` to a command that looks at data."""
    return click.option(
        "--base-path",
        "-d",
        type=click.Path(path_type=Path),
        default=DEFAULT_BASE,
        show_default="~/.local/share/gongshe",
        help="Where the data are.",
    )(command)


def data_directory(base_path: Path, chain: ChainSpec) -> Path:
    """Return the folder of a chain's data."""
    return base_path / "chains" / chain.id
