"""How does a run stand beside what an earlier one recorded?"""

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from harness.report import record
from harness.verify import Run

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def _writable(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Path | None:
    if file and not file.parent.is_dir():
        raise click.BadParameter(f"there is no folder {file.parent}.")
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
    help="Write who gets in where; if FILE is there, any difference fails. Delete it to renew it.",
)


def keeps(run: Run, file: Path, console: Console) -> bool:
    """Write the record, or compare with the one that is there and show what differs; returns whether they agree."""
    if not record.is_whole(run):
        console.print(f"\nNot everything could be told, so {escape(str(file))} is neither written nor compared with.")
        return True
    if not file.exists():
        file.write_text("\n".join([*record.lines(run), ""]), encoding="utf-8")
        console.print(f"\n{escape(str(file))} now says who gets in where.")
        return True
    differing = record.differences(run, file)
    if differing:
        console.print(f"\nWho gets in where is not what {escape(str(file))} says:")
    for line in differing:
        console.print(line, style=_STYLES.get(line[0]), markup=False, soft_wrap=True)
    return not differing
