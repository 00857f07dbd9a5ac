"""In which formats is a finished run written?"""

from collections.abc import Callable

from harness.report import html, json, junit, sarif
from harness.verify import Run

FORMATS: dict[str, Callable[[Run, bool], str]] = {
    "json": json.render,
    "junit": junit.render,
    "sarif": sarif.render,
    "html": html.render,
}
"""A function of the finished run, and of whether warnings count, for each format that is written to a file."""

__all__ = ["FORMATS"]
