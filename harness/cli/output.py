"""The options that name a file to write."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from harness.report.file import STDOUT


def report_option(name: str, help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option `--NAME FILE`, whose value is a path at which a file can be written; `-` is standard output."""
    path = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
    return click.option(
        f"--{name}", f"{name}_file", type=path, metavar="FILE", callback=writable, help=f"{help_text} (- is stdout)."
    )


def writable(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Path | None:
    """Check a file before the run, so that no run is lost.

    Raises:
        click.BadParameter: its folder does not exist, or it cannot be written.
    """
    if file is None or file == STDOUT:
        return file
    if not file.parent.is_dir():
        raise click.BadParameter(f"{file}: the folder {file.parent} does not exist.")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise click.BadParameter(f"{file} cannot be written: permission denied.")
    return file


def check_distinct(files: Mapping[str, Path | None]) -> None:
    """Refuse two reports in one file.

    Raises:
        click.UsageError: two options name the same file, or both standard output.
    """
    seen: dict[Path, str] = {}
    for name, file in files.items():
        if file is None:
            continue
        where = file if file == STDOUT else file.resolve()
        if where in seen and (file == STDOUT or not file.exists() or file.is_file()):
            place = "standard output" if file == STDOUT else file
            raise click.UsageError(f"--{seen[where]} and --{name} both write to {place}: name a file for one of them.")
        seen[where] = name
