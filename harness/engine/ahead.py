"""Which container starts while something else is done?

Meanwhile the command line imports the rest of the program, or a run examines the configuration before. No container is
used for two configurations.
"""

import atexit
import contextlib
import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engine.client import ServerError, clear, owner
from harness.engine.container import start
from harness.engine.shell import Shell
from harness.httpd.layout import Layout

if TYPE_CHECKING:
    from harness.engine.filesystem import Filesystem
    from harness.engine.httpd_image import HttpdImage


@dataclass(frozen=True)
class Starting:
    """A container that starts for a configuration and receives its files. `ports` are the published ports, `label` is
    the value of `LABEL` on all its parts."""

    image: str
    layout: Layout
    ports: tuple[int, ...]
    label: str
    _shell: Future[Shell]
    _filled: "Future[tuple[HttpdImage, Filesystem]]"

    @classmethod
    def begin(
        cls, image: str, layout: Layout, *, modules: Collection[str] = (), label: str = "", keep: bool = False
    ) -> "Starting":
        """Start a container in the background. `modules` are the module files that a snippet needs besides the usual
        ones. Without `label`, its parts have a label of their own."""
        label = label or ("kept" if keep else owner())
        worker = ThreadPoolExecutor(1)
        shell = worker.submit(start, image, layout, label, layout.ports, keep=keep)
        filled = worker.submit(_fill, image, layout, modules, shell)
        worker.shutdown(wait=False)
        return cls(image, layout, layout.ports, label, shell, filled)

    def shell(self) -> Shell:
        """Wait until it runs.

        Raises:
            ServerError, APIError: the engine refused it.
        """
        return self._shell.result()

    def filled(self) -> "tuple[HttpdImage, Filesystem]":
        """Wait until it has its files; returns what the image holds, and what was added.

        Raises:
            ServerError, APIError: the engine refused it, or the image holds no httpd.
        """
        return self._filled.result()

    def close(self) -> None:
        """Close the connection to it, once nothing uses it any more."""
        self._filled.exception()
        if not self._shell.exception():
            self._shell.result().close()


def _fill(
    image: str, layout: Layout, modules: Collection[str], started: Future[Shell]
) -> "tuple[HttpdImage, Filesystem]":
    shell = started.result()
    from harness.engine.httpd_image import inspect
    from harness.engine.supplement import initial_filesystem

    found = inspect(shell, image)
    filesystem = initial_filesystem(layout, found, modules)
    shell.container.put_archive("/", filesystem.archive(filesystem.files))
    return found, filesystem


_lock = threading.Lock()
_ahead: Starting | None = None


def begin(image: str, layout: Layout) -> None:
    """Start a container for the configuration that is verified next. Its errors are raised by `take`."""
    global _ahead  # noqa: PLW0603 - it is the process's
    with _lock:
        if _ahead is None:
            _ahead = Starting.begin(image, layout)


def take(image: str, layout: Layout, *, keep: bool = False) -> Starting:
    """The container that was started ahead for this configuration, else one that starts now."""
    global _ahead  # noqa: PLW0603
    with _lock:
        ready = _ahead
        if ready and not keep and (ready.image, ready.layout) == (image, layout):
            _ahead = None
            return ready
    return Starting.begin(image, layout, keep=keep)


@atexit.register
def _end() -> None:
    """Remove the container if it was never taken."""
    if _ahead:
        with contextlib.suppress(ServerError):
            _ahead.close()
            clear(_ahead.label)
