"""`gongshe purge`: remove a chain's data from this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from gongshe.cli_output import Failed, answer, json_option
from gongshe.cli_places import base_path_option, data_directory
from gongshe.cli_spec import chain_option, load_chain
from gongshe.storage.database import StoreError, StoreLocked
from gongshe.storage.leveldb import LevelDatabase
from gongshe.storage.marker import DATABASE


@click.command()
@chain_option
@base_path_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def purge(chain: str, base_path: Path, yes: bool, as_json: bool) -> None:
    """Remove a chain's data; keys are kept elsewhere and stay. The node must be stopped."""
    directory = data_directory(base_path, load_chain(chain))
    if not directory.exists():
        raise Failed(
            f"{directory} does not exist: there is nothing to remove",
            "--chain and --base-path say which data are meant",
        )
    refuse_running(directory)
    if not yes:
        click.confirm(f"Remove {directory} and all blocks in it?", abort=True, err=True)
    try:
        shutil.rmtree(directory)
    except OSError as fault:
        raise Failed(f"not everything could be removed: {fault}") from None
    answer({"removed": str(directory)}, as_json)


def refuse_running(directory: Path) -> None:
    """Refuse while a node has the data open; data that cannot be opened at all may go."""
    try:
        LevelDatabase.open(directory / DATABASE).close()
    except StoreLocked as locked:
        raise Failed(str(locked), "stop the node first") from None
    except StoreError:
        return
