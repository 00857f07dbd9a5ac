"""The option `--record`: write a record of the run, or compare with an earlier one."""

from pathlib import Path

import click

from harness.cli.output import writable


def _readable(context: click.Context, parameter: click.Parameter, file: Path | None) -> Path | None:
    if file and file.exists() and not file.is_file():
        raise click.BadParameter(f"{file} is no regular file, so it keeps no record.")
    try:
        if file and file.exists():
            file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} cannot be read: {error}") from None
    return writable(context, parameter, file)


option = click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    callback=_readable,
    help="Record which clients are admitted where. If FILE exists, compare: a difference fails.",
)
