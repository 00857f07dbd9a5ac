"""The options for what CONFIG needs and does not hold."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.httpd.layout import ConfigurationError
from harness.httpd.supplied import Supplied, read_environment

_OPTIONS = (
    click.option(
        "--include-dir",
        "include_folders",
        multiple=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR",
        help="Take included files that CONFIG lacks from here (repeatable).",
    ),
    click.option("--ignore-missing", is_flag=True, help="Run without included files that are nowhere (no full pass)."),
    click.option("--define", "defines", multiple=True, metavar="NAME[=VALUE]", help="Define a variable (repeatable)."),
    click.option(
        "--env-file",
        "environment_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Take httpd's environment from lines NAME=VALUE (repeatable).",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them as one argument, `supplied`."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        folders, missing = values.pop("include_folders"), values.pop("ignore_missing")
        defines, files = values.pop("defines"), values.pop("environment_files")
        return command(**values, supplied=_supplied(folders, defines, files, ignore_missing=missing))

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def _supplied(
    folders: tuple[Path, ...], defines: tuple[str, ...], files: tuple[Path, ...], *, ignore_missing: bool
) -> Supplied:
    named = dict(_definition(one) for one in defines)
    try:
        environment = {name: value for file in files for name, value in read_environment(file).items()}
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    return Supplied(folders, named, environment, ignore_missing)


def _definition(text: str) -> tuple[str, str | None]:
    name, sign, value = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise click.UsageError(f"--define {text}: write NAME=VALUE, or NAME alone for <IfDefine NAME>.")
    return name, value if sign else None
