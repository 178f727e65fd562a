"""The words a person types: each command parses, calls one function, prints.

Groups live in `cli_*.py` and are loaded when they are called, so that no command waits for what
it does not use.
"""

from __future__ import annotations

import importlib

import click

from gongshe.cli_output import EXIT_CODES

COMMANDS = {
    "dev": ("gongshe.cli_node", "Run a development chain."),
    "run": ("gongshe.cli_node", "Run a node of a chain."),
    "key": ("gongshe.cli_key", "Make keys, look at them, sign and verify."),
    "chain-spec": ("gongshe.cli_spec", "Write a chain's genesis as JSON, plain or raw."),
    "block": ("gongshe.cli_block", "Show a block: header, extrinsics, what became of them."),
    "extrinsic": ("gongshe.cli_block", "Say in words what an extrinsic does."),
    "events": ("gongshe.cli_block", "Show the events of a block, or follow them."),
    "state": ("gongshe.cli_state", "Read the state, now or as it was."),
    "call": ("gongshe.cli_call", "Show, try or submit a call."),
    "check-block": ("gongshe.cli_check", "Execute a stored block again (node stopped)."),
    "check-state": ("gongshe.cli_check", "Check every pallet's invariants (node stopped)."),
    "purge": ("gongshe.cli_purge", "Remove a chain's data."),
}
"""Every command: the module in which a function of that name is it, and what it does."""


class LazyCommands(dict[str, click.Command]):
    """Commands whose module is imported when one of them is asked for."""

    def get(  # type: ignore[override]  # no other default is ever asked for
        self, name: str, default: click.Command | None = None
    ) -> click.Command | None:
        """Return a command, importing its module."""
        if name not in COMMANDS:
            return default
        module = importlib.import_module(COMMANDS[name][0])
        found: click.Command = getattr(module, name.replace("-", "_"))
        return found


class Overview(click.Group):
    """The group of all commands, which lists them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order they are listed above."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(
    cls=Overview,
    commands=LazyCommands(),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(package_name="gongshe", prog_name="gongshe")
def main() -> None:
    """The node of the Trusted Commercial DC (可信商业数字公社)."""
