"""What is the progress of a run, and how long did each part of it take?"""

import time
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the current step, how much of it is done and how much there is."""


def quiet(_step: str, _done: int, _total: int) -> None:
    """Show no progress."""


class Clock:
    """Adds up how long each part of a run took, in seconds."""

    def __init__(self) -> None:
        """Start now."""
        self._start = self._last = time.perf_counter()
        self._spent: dict[str, float] = {}

    def lap(self, part: str) -> None:
        """Count the time since the last call for this part."""
        now = time.perf_counter()
        self._spent[part] = self._spent.get(part, 0) + now - self._last
        self._last = now

    def times(self) -> dict[str, float]:
        """The total, and the parts."""
        return {
            name: round(seconds, 3) for name, seconds in [("total", self._last - self._start), *self._spent.items()]
        }
