"""How often was each guard condition true and false, shown beside its line of the configuration?"""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.report.source import text_of
from harness.verify import Covered, Run

_AROUND = 2
"""How many lines are shown before and after a condition."""


@dataclass(frozen=True)
class Line:
    """A line of a file: its number, its text, and the coverage of its condition, if it has one."""

    number: int
    text: str
    covered: Covered | None = None


def listings(run: Run) -> list[tuple[str, list[Line]]]:
    """Return the lines around the conditions of each file, by its name; of several sites, the lowest counts."""
    files: dict[str, dict[int, Covered]] = {}
    for one in run.coverage:
        directive = one.condition.directive
        known = files.setdefault(directive.file, {})
        if directive.line not in known or _seldom(one) < _seldom(known[directive.line]):
            known[directive.line] = one
    return [(file, _lines(run, file, known)) for file, known in files.items()]


def _seldom(one: Covered) -> tuple[bool, int]:
    return one.complete, min(one.true, one.false)


def _lines(run: Run, file: str, known: dict[int, Covered]) -> list[Line]:
    text = text_of(run.target, file)
    if not text:  # The file is not on this machine: show the conditions alone.
        return [Line(number, str(one.condition), one) for number, one in sorted(known.items())]
    shown = sorted({at for number in known for at in _around(number, len(text))})
    return [Line(at, text[at - 1], known.get(at)) for at in shown]


def _around(number: int, last: int) -> Iterable[int]:
    return range(max(1, number - _AROUND), min(last, number + _AROUND) + 1)
