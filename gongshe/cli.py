"""The words a person types: each command parses, calls one function, prints.

Groups live in `cli_*.py` and are loaded when they are called, so that no command waits for what
it does not use.
"""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "dev": "gongshe.cli_node",
    "run": "gongshe.cli_node",
    "purge": "gongshe.cli_node",
}
"""Every command, and the module in which a function of that name is it."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order they are listed above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(importlib.import_module(module), cmd_name.replace("-", "_"))
        return found


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gongshe")
def main() -> None:
    """The node of the Trusted Commercial DC (可信商业数字公社)."""
