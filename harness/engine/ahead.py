"""Which container starts while something else is done?

The command line imports the rest of the program meanwhile, and whoever verifies many configurations uses another
container meanwhile. A container is never used twice: each configuration finds the image as it is.
"""

import atexit
import contextlib
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from harness.engine.client import ServerError, clear, owner
from harness.engine.container import start
from harness.engine.shell import Shell
from harness.httpd.layout import Layout


@dataclass(frozen=True)
class Starting:
    """A container that starts: of which image, for which folder and environment, with which published ports. `label` is
    the value of `LABEL` on all its parts."""

    image: str
    home: str
    environment: Mapping[str, str]
    ports: tuple[int, ...]
    label: str
    _future: Future[Shell]

    @classmethod
    def begin(cls, image: str, layout: Layout, *, keep: bool = False) -> "Starting":
        """Start one in the background."""
        label = "kept" if keep else owner()
        worker = ThreadPoolExecutor(1)
        future = worker.submit(start, image, layout, label, layout.ports, keep=keep)
        worker.shutdown(wait=False)
        return cls(image, layout.home, layout.environment, layout.ports, label, future)

    def shell(self) -> Shell:
        """Wait until it runs.

        Raises:
            ServerError, APIError: the engine refused it.
        """
        return self._future.result()

    def close(self) -> None:
        """Close the connection to it, once it has come to run or failed to."""
        if not self._future.exception():
            self._future.result().close()

    def fits(self, image: str, layout: Layout) -> bool:
        """Whether this configuration can run in it."""
        same = (self.image, self.home, self.environment) == (image, layout.home, layout.environment)
        return same and {*layout.ports} <= {*self.ports}


_lock = threading.Lock()
_ahead: Starting | None = None


def begin(image: str, layout: Layout) -> None:
    """Start a container for a configuration that is verified next. What is wrong with it shows when it is taken."""
    global _ahead  # noqa: PLW0603 - it is the process's
    with _lock:
        if _ahead is None:
            _ahead = Starting.begin(image, layout)


def take(image: str, layout: Layout, *, keep: bool = False) -> Starting:
    """The container that was started ahead if it fits, else one that starts now."""
    global _ahead  # noqa: PLW0603
    with _lock:
        ready = _ahead
        if ready and not keep and ready.fits(image, layout):
            _ahead = None
            return ready
    return Starting.begin(image, layout, keep=keep)


@atexit.register
def _end() -> None:
    """Remove the container that nobody took."""
    if _ahead:
        with contextlib.suppress(ServerError):
            _ahead.close()
            clear(_ahead.label)
