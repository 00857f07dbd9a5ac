"""What are the configuration's own lines around a line?"""

from dataclasses import dataclass

from harness.verify import Target

AROUND = 1
"""How many lines are shown before and after the line of a finding."""


@dataclass(frozen=True)
class SourceLine:
    """A line of a file: its number, its text, and whether it is the one that is meant."""

    number: int
    text: str
    meant: bool


def text_of(target: Target, file: str) -> list[str]:
    """The lines of a file of the configuration; none if it is not to be had."""
    try:
        return target.path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        layout = target.layout
    inside = layout.path_of(file) if layout else None
    return layout.files[inside].decode(errors="replace").splitlines() if layout and inside else []


def excerpt(target: Target, file: str, line: int) -> list[SourceLine]:
    """Return a line with those around it; nothing if there is no such line."""
    lines = text_of(target, file) if file else []
    if not 1 <= line <= len(lines):
        return []
    shown = range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1)
    return [SourceLine(number, lines[number - 1].expandtabs(4), number == line) for number in shown]
