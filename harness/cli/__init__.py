"""The command line."""

from importlib import import_module
from typing import Any

import click

from harness.cli.ending import no_traceback

_COMMANDS = {
    "cases": "List the catalogue, or show one case in full.",
    "check": "Examine real certificates, CRLs and configurations, without Docker.",
    "compare": "Show which clients NEW admits that OLD refuses, and which it no longer admits.",
    "demo": "Visit the reference deployment with a real browser, and show which clients are admitted.",
    "explain": "Explain why a client is refused, by its files or by an error message: no server, no Docker.",
    "findings": "List the kinds of finding, or explain one in full.",
    "pki": "Manage a certificate authority: issue, revoke, export.",
    "verify": "Prove which clients CONFIG admits, and which it refuses.",
}
"""Each command, and the first line of its help; the command itself is in the module of its name."""


class _Commands(click.Group):
    """Imports a command only when it is used: all of them together take half a second."""

    def invoke(self, ctx: click.Context) -> Any:
        with no_traceback():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        found = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mtls-harness")
def main() -> None:
    """Prove which clients an Apache httpd with mutual TLS admits, and which it refuses.

    Exit codes: 0 pass; 1 fail; 2 wrong command line, policy or configuration; 3 no verdict.
    """
