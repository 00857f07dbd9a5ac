"""In which formats is a finished run written?"""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from harness.verify import Run


def _render(name: str, run: Run, strict: bool) -> str:
    # Imported only when it is asked for: most runs are only shown.
    return str(import_module(f"{__name__}.{name}").render(run, strict))


FORMATS: dict[str, Callable[[Run, bool], str]] = {
    name: partial(_render, name) for name in ("json", "junit", "sarif", "html")
}
"""A function of the finished run, and of whether warnings count, for each format that is written to a file."""

__all__ = ["FORMATS"]
