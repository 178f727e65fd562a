"""`gongshe dev` and `gongshe run`: a running node."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from gongshe.chain.pool_records import PoolLimits
from gongshe.cli_output import USAGE, Failed, amount, table
from gongshe.cli_places import DEFAULT_BASE
from gongshe.cli_secrets import SOURCE_HELP, keypair_of, read_secret
from gongshe.cli_spec import chain_option, load_chain
from gongshe.genesis.presets import DEV_NAMES, ENDOWMENT, PRESETS
from gongshe.genesis.spec import ChainSpec, SpecMalformed
from gongshe.node.config import DEFAULT_RPC_PORT, ConfigRefused, NodeConfig
from gongshe.node.logs import read_directives
from gongshe.node.run import run_node
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.keys import Keypair
from gongshe.storage.status import ARCHIVE, RETAINED_STATES

EXIT_CODES = """Exit codes: 0 asked to stop, 1 settings refused, 2 the data cannot be used, 3 a
newer program is needed, 4 the disk failed, 5 signature checkers failed, 6 the RPC port could not
be had."""

F = TypeVar("F", bound=Callable[..., Any])


def node_options(command: F) -> F:
    """Add the options that `dev` and `run` share."""
    pool = PoolLimits()
    options = [
        click.option(
            "--base-path", "-d", type=click.Path(path_type=Path), help="Where data are kept."
        ),
        click.option("--tmp", is_flag=True, help="Keep data in a folder that is removed at exit."),
        click.option(
            "--rpc-port", default=DEFAULT_RPC_PORT, show_default=True, help="0 takes a free one."
        ),
        click.option("--rpc-host", default="127.0.0.1", show_default=True),
        click.option("--rpc-name", "rpc_hosts", multiple=True, help="A host name clients use."),
        click.option("--rpc-cors", "rpc_origins", multiple=True, help="A site, or * for all."),
        click.option("--rpc-unsafe", is_flag=True, help="Offer operators' methods everywhere."),
        click.option(
            "--pruning", default=str(RETAINED_STATES), show_default=True, help="archive or N."
        ),
        click.option(
            "--pool-limit",
            type=click.IntRange(1),
            default=pool.count,
            show_default=True,
            help="Extrinsics that may wait.",
        ),
        click.option(
            "--pool-kbytes",
            type=click.IntRange(64),
            default=pool.size >> 10,
            show_default=True,
            help="KiB they may take.",
        ),
        click.option("--workers", default=0, help="Processes that check signatures; 0: as fits."),
        click.option("--log", "-l", default="info", show_default=True, help="info,rpc=debug"),
        click.option("--log-json", is_flag=True, help="One JSON object per line."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(epilog=EXIT_CODES)
@click.option("--seal", type=click.Choice(["slots", "instant"]), default="slots", show_default=True)
@node_options
def dev(seal: str, base_path: Path | None, tmp: bool, **options: Any) -> None:
    """Run a development chain: //Alice authors and finalizes a block a second.

    Data are kept in a temporary folder unless --base-path is given.
    """
    options["rpc_origins"] = options["rpc_origins"] or ("*",)
    for line in table(("account", "address", "endowment"), development_accounts()):
        click.echo(line)
    start(PRESETS["dev"](), base_path, tmp or base_path is None, "//Alice", seal=seal, **options)


@click.command(epilog=EXIT_CODES)
@chain_option
@click.option("--author", default="", help=f"Whose key authors blocks. {SOURCE_HELP}")
@node_options
def run(chain: str, author: str, base_path: Path | None, tmp: bool, **options: Any) -> None:
    """Run a node of a chain; it only follows unless --author names a key of its schedule."""
    secret = read_secret(author) if author else ""
    start(load_chain(chain), base_path, tmp, secret, **options)


def start(chain: ChainSpec, base_path: Path | None, tmp: bool, author: str, **options: Any) -> None:
    """Run a node until it is asked to stop and leave with its exit code."""
    options["retained"] = read_pruning(options.pop("pruning"))
    options["pool"] = PoolLimits(
        count=options.pop("pool_limit"), size=options.pop("pool_kbytes") << 10
    )
    if author:
        keypair_of(author, "sr25519")
    folder = tempfile.TemporaryDirectory(prefix="gongshe-") if tmp else None
    base = Path(folder.name) if folder else base_path or DEFAULT_BASE
    try:
        read_directives(options["log"])
    except ValueError as fault:
        raise Failed(f"--log: {fault}", exit_code=USAGE) from None
    try:
        code = run_node(NodeConfig(chain=chain, base_path=base, author=author, **options).check())
    except (ConfigRefused, SpecMalformed) as fault:
        raise Failed(str(fault)) from None
    finally:
        if folder:
            folder.cleanup()
    sys.exit(code)


def development_accounts() -> Iterator[tuple[str, str, str]]:
    """Yield the accounts that everybody has the keys of, as wallets list them."""
    for name in DEV_NAMES:
        pair = Keypair.from_uri(f"//{name}", Scheme.SR25519)
        yield f"//{name}", pair.address(), amount(ENDOWMENT)


def read_pruning(text: str) -> int:
    """Return how many states to keep."""
    if text == "archive":
        return ARCHIVE
    if not text.isdigit() or int(text) == 0:
        raise Failed(f"--pruning: expected archive or a number from 1, found {text!r}")
    return int(text)
