"""`mtls-harness compare`."""

import sys
from pathlib import Path

import click

from harness.cli.difference import show
from harness.cli.ending import EXIT
from harness.cli.terminal import console_for, progress_on
from harness.verify import Target
from harness.verify.diff import compare as compare_configurations


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--image", help="Run httpd from this image instead of the project's own.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Number of parallel probes.")
@click.option("--no-color", is_flag=True, help="No colours; also with NO_COLOR, CI=true or a pipe.")
def compare(old: Path, new: Path, image: str | None, jobs: int, no_color: bool) -> None:
    """Show which clients NEW admits that OLD refuses, and which it no longer admits.

    Exit codes: 0 no new client is admitted, and no valid one is newly refused; 1 otherwise; 2 and 3 as for verify.
    """
    console = console_for(no_color=no_color)
    subjects = (Target.from_path(old), Target.from_path(new))
    with progress_on(console) as progress:
        found = compare_configurations(*subjects, of_image=image, jobs=jobs, progress=progress)
    show(found, console)
    sys.exit(EXIT[found.verdict()])
