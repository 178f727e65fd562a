"""`gongshe chain-spec`: the description by which the nodes of a chain agree on its beginning."""

from __future__ import annotations

from pathlib import Path

import click

from gongshe.cli_output import Failed, answer, json_option
from gongshe.genesis.build import Genesis, build
from gongshe.genesis.presets import PRESETS
from gongshe.genesis.spec import MAX_SPEC_BYTES, ChainSpec, SpecMalformed, read_spec, write_spec
from gongshe.runtime.versions import SHIPPED

chain_option = click.option(
    "--chain", default="dev", show_default=True, help="dev, local, or a spec file."
)
output_option = click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file."
)


@click.group(name="chain-spec")
def chain_spec() -> None:
    """Write a chain's genesis as JSON, for people (plain) or for machines (raw)."""


@chain_spec.command()
@chain_option
@click.option("--raw", is_flag=True, help="Storage keys and values instead of pallets' words.")
@output_option
@json_option
def export(chain: str, raw: bool, output: Path | None, as_json: bool) -> None:
    """Write a preset, or a spec read and written anew, as a chain spec file."""
    write(load_chain(chain), raw, output, as_json)


@chain_spec.command(name="raw")
@click.argument("spec")
@output_option
@json_option
def raw_(spec: str, output: Path | None, as_json: bool) -> None:
    """Turn a spec (a file, dev or local) into the raw form that the nodes of a chain exchange."""
    write(load_chain(spec), True, output, as_json)


@chain_spec.command()
@click.argument("spec", default="dev")
@json_option
def show(spec: str, as_json: bool) -> None:
    """Say what a spec describes: its names, its genesis hash, its authorities."""
    chain = load_chain(spec)
    genesis = founded(chain)
    answer(
        {
            "name": chain.name,
            "id": chain.id,
            "chainType": chain.chain_type,
            "genesisHash": f"0x{genesis.block_hash.hex()}",
            "stateRoot": f"0x{genesis.header.state_root.hex()}",
            "storageKeys": len(genesis.pairs),
            "properties": dict(chain.properties),
            "bootNodes": list(chain.boot_nodes),
        },
        as_json,
    )


def load_chain(name: str) -> ChainSpec:
    """Return a preset by its name, or the spec in a file."""
    if name in PRESETS:
        return PRESETS[name]()
    path = Path(name)
    if not path.is_file():
        raise Failed(
            f"chain: expected {', '.join(PRESETS)} or a spec file, found {name!r}",
            "`gongshe chain-spec export --chain local -o mine.json` writes one to begin with",
        )
    if path.stat().st_size > MAX_SPEC_BYTES:
        raise Failed(f"{name}: a chain spec has at most {MAX_SPEC_BYTES} bytes")
    try:
        return read_spec(path.read_bytes())
    except (SpecMalformed, OSError) as fault:
        raise Failed(f"{name}: {fault}") from None


def founded(chain: ChainSpec) -> Genesis:
    """Return the genesis block of a spec."""
    try:
        return build(chain, SHIPPED[min(SHIPPED)])
    except SpecMalformed as fault:
        raise Failed(str(fault)) from None


def write(chain: ChainSpec, raw: bool, output: Path | None, as_json: bool) -> None:
    """Write a spec to standard output or a file, and say which genesis it leads to."""
    genesis = founded(chain)
    if raw:
        chain = chain.with_raw(genesis.pairs)
    text = write_spec(chain)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise Failed(f"the spec cannot be written: {fault}") from None
    told = {"file": str(output), "genesisHash": f"0x{genesis.block_hash.hex()}"}
    answer(told, as_json)
