"""The options for a server that is already running."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_OPTIONS = (
    click.option(
        "--url", "running", multiple=True, metavar="URL", help="Verify a running server instead of CONFIG (repeatable)."
    ),
    click.option("--client", type=_FILE, help="With --url: a valid client, as .pfx or certificate (PEM)."),
    click.option("--key", type=_FILE, help="Key of --client (PEM), if it is in another file."),
    click.option("--ca", type=_FILE, help="With --url: the authority whose clients must be admitted (PEM)."),
    click.option("--ca-key", type=_FILE, help="Key of --ca, to issue test clients."),
    click.option(
        "--password-file", type=_FILE, help="File with the password of --client or a key (or set MTLS_PASSWORD)."
    ),
    click.option("--server-ca", type=_FILE, help="With --url: the authority of the server's certificate (PEM)."),
)
_SPELLED = {
    "config": "CONFIG",
    "image": "--image",
    "compose_file": "--compose",
    "urls": "--site",
    "keep": "--keep",
    "pki": "--pki",
}


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them as one argument, `server`: None without --url."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        mine = {
            option: values.pop(option) for option in ("client", "key", "ca", "ca_key", "password_file", "server_ca")
        }
        running = values.pop("running")
        if not running and (conflicting := [name for name, file in mine.items() if file]):
            raise click.UsageError(f"--{conflicting[0].replace('_', '-')} is for a running server: add --url URL.")
        if running and (conflicting := [name for name in _SPELLED if values.get(name)]):
            raise click.UsageError(f"--url replaces the configuration: do not add {_SPELLED[conflicting[0]]}.")
        return command(**values, server=_server(running, mine))

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def _server(urls: tuple[str, ...], files: dict[str, Path | None]) -> Any:
    if not urls:
        return None
    from harness.cli import credentials  # All of cryptography, for this alone.

    return credentials.running(urls, files)
