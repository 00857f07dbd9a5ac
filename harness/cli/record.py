"""`verify --record`: write a record of the run, or compare with an earlier one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from harness.verify import Run

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def _writable(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Path | None:
    if file and not file.parent.is_dir():
        raise click.BadParameter(f"the folder {file.parent} does not exist.")
    try:
        if file and file.exists():
            file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} cannot be read: {error}") from None
    return file


option = click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    callback=_writable,
    help="Record which clients are admitted where. If FILE exists, compare: a difference fails.",
)


def keeps(run: "Run", file: Path, console: "Console") -> bool:
    """Write the record, or compare with the existing one and show the differences; returns whether they agree."""
    from rich.markup import escape

    from harness.report import record

    if not record.is_whole(run):
        console.print(f"\nSome probes have no clear outcome, so {escape(str(file))} is neither written nor compared.")
        return True
    if not file.exists():
        file.write_text("\n".join([*record.lines(run), ""]), encoding="utf-8")
        console.print(f"\nRecorded in {escape(str(file))} which clients are admitted where.")
        return True
    differing = record.differences(run, file)
    if differing:
        console.print(f"\nDifferences from the record {escape(str(file))}:")
    for line in differing:
        console.print(line, style=_STYLES.get(line[0]), markup=False, soft_wrap=True)
    return not differing
