"""Where does a command print, and how does it show its progress?"""

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from harness.verify.progress import Progress as ProgressCallback


def console_for(*, no_color: bool, aside: bool = False) -> Console:
    """The terminal, without colours on request, with NO_COLOR or in CI; `aside` is stderr."""
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("CI") == "true"
    return _Terminal(no_color=plain, highlight=False, stderr=aside)


class _Terminal(Console):
    """A console whose reader may go away (`| head`): that is an error like a full disk, not exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@contextlib.contextmanager
def progress_on(console: Console, *, silent: bool = False) -> Iterator["ProgressCallback"]:
    """Yield a progress callback: a bar with the current step on a terminal with colours, else nothing."""
    from harness.verify.progress import quiet

    if silent or console.no_color or not console.is_terminal:
        yield quiet
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<14}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)
