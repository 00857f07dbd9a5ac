"""What does a command print on, and how does it show how far it is?"""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from harness.verify.progress import Progress as Told


def console_for(*, no_color: bool, silent: bool = False, aside: bool = False) -> Console:
    """The terminal, without colours on request, with NO_COLOR or in CI; `aside` is stderr."""
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("CI") == "true"
    return Console(no_color=plain, highlight=False, quiet=silent, stderr=aside)


@contextlib.contextmanager
def progress_on(console: Console) -> Iterator["Told"]:
    """A bar that tells the step and how much of it is done, where colours and a terminal are."""
    from harness.verify.progress import quiet

    if console.no_color or console.quiet or not console.is_terminal:
        yield quiet
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<14}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)
