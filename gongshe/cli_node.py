"""Commands that run a node or remove its data."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gongshe.genesis.presets import PRESETS
from gongshe.genesis.spec import ChainSpec, SpecMalformed, read_spec
from gongshe.node.config import ConfigRefused, NodeConfig
from gongshe.node.run import run_node
from gongshe.primitives.keys import SecretError
from gongshe.storage.status import ARCHIVE, RETAINED_STATES

DEFAULT_BASE = Path.home() / ".local" / "share" / "gongshe"
F = TypeVar("F", bound=Callable[..., Any])


def node_options(command: F) -> F:
    """Add the options that `dev` and `run` share."""
    options = [
        click.option(
            "--base-path", "-d", type=click.Path(path_type=Path), help="Where data are kept."
        ),
        click.option("--tmp", is_flag=True, help="Keep data in a folder that is removed at exit."),
        click.option("--rpc-port", default=9944, show_default=True, help="0 takes a free one."),
        click.option("--rpc-host", default="127.0.0.1", show_default=True),
        click.option("--rpc-name", "rpc_hosts", multiple=True, help="A host name clients use."),
        click.option("--rpc-cors", "rpc_origins", multiple=True, help="A site, or * for all."),
        click.option("--rpc-unsafe", is_flag=True, help="Offer operators' methods everywhere."),
        click.option(
            "--pruning", default=str(RETAINED_STATES), show_default=True, help="archive or N."
        ),
        click.option("--workers", default=0, help="Processes that check signatures."),
        click.option("--log", "-l", default="info", show_default=True, help="info,rpc=debug"),
        click.option("--log-json", is_flag=True, help="One JSON object per line."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--seal", type=click.Choice(["slots", "instant"]), default="slots", show_default=True)
@node_options
def dev(seal: str, base_path: Path | None, tmp: bool, **options: Any) -> None:
    """Run a development chain: //Alice authors and finalizes a block a second.

    Data are kept in a temporary folder unless --base-path is given.
    """
    options["rpc_origins"] = options["rpc_origins"] or ("*",)
    start(PRESETS["dev"](), base_path, tmp or base_path is None, "//Alice", seal=seal, **options)


@click.command()
@click.option("--chain", default="local", show_default=True, help="dev, local, or a spec file.")
@click.option("--author", default="", help="Secret URI of the key that authors blocks.")
@node_options
def run(chain: str, author: str, base_path: Path | None, tmp: bool, **options: Any) -> None:
    """Run a node of a chain."""
    start(load_chain(chain), base_path, tmp, author, **options)


@click.command()
@click.option("--chain", default="dev", show_default=True, help="dev, local, or a spec file.")
@click.option("--base-path", "-d", type=click.Path(path_type=Path), default=DEFAULT_BASE)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def purge(chain: str, base_path: Path, yes: bool) -> None:
    """Remove a chain's data; keys are kept elsewhere and stay."""
    directory = base_path / "chains" / load_chain(chain).id
    if not directory.exists():
        raise click.ClickException(f"{directory} does not exist: there is nothing to remove")
    if not yes:
        click.confirm(f"Remove {directory}?", abort=True)
    shutil.rmtree(directory)
    click.echo(f"removed {directory}")


def load_chain(name: str) -> ChainSpec:
    """Return a preset by its name, or the spec in a file."""
    if name in PRESETS:
        return PRESETS[name]()
    path = Path(name)
    if not path.is_file():
        known = ", ".join(PRESETS)
        raise click.ClickException(f"--chain: {known} or a spec file expected, found {name!r}")
    try:
        return read_spec(path.read_bytes())
    except SpecMalformed as fault:
        raise click.ClickException(str(fault)) from None


def start(chain: ChainSpec, base_path: Path | None, tmp: bool, author: str, **options: Any) -> None:
    """Run a node until it is asked to stop and leave with its exit code."""
    pruning = options.pop("pruning")
    if pruning != "archive" and not pruning.isdigit():
        raise click.ClickException(f"--pruning: archive or a number expected, found {pruning!r}")
    retained = ARCHIVE if pruning == "archive" else max(int(pruning), 1)
    folder = tempfile.TemporaryDirectory(prefix="gongshe-") if tmp else None
    base = Path(folder.name) if folder else base_path or DEFAULT_BASE
    try:
        config = NodeConfig(
            chain=chain, base_path=base, author=author, retained=retained, **options
        )
        code = run_node(config)
    except (ConfigRefused, SpecMalformed, SecretError, ValueError) as fault:
        raise click.ClickException(str(fault)) from None
    finally:
        if folder:
            folder.cleanup()
    sys.exit(code)
