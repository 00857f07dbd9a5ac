"""Which known messages does a text hold?"""

import re
from dataclasses import dataclass

from harness.explain.symptoms import SYMPTOMS
from harness.explain.symptoms.symptom import Symptom

LIMIT = 1 << 18
"""Bytes of text that are examined: the lines of some hundred connections."""
_LINE = 1 << 13
"""Characters of a line that are examined: httpd's own lines are not longer (MAX_STRING_LEN)."""
_HINT = re.compile(
    r"\bAH\d{5}\b|alert number \d+|\bx509[^\n]{0,40}|\b\w*ERR_\w+|\b\w*_ERROR_\w+|\bHTTP/\d(?:\.\d)? \d{3}\b"
    r"|error:[0-9A-F]{8}:[^\n]{0,80}|curl: \(\d+\)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recognised:
    """A known message, and the first line that has it (from 1)."""

    symptom: Symptom
    line: int
    text: str


def recognise(text: str) -> tuple[Recognised, ...]:
    """The known messages of a text, each once. What tells most stands first: the order of SYMPTOMS."""
    found: dict[str, Recognised] = {}
    for number, line in enumerate(text.splitlines(), 1):
        known = next((one for one in SYMPTOMS if one.pattern.search(line[:_LINE])), None)
        if known and known.id not in found:
            found[known.id] = Recognised(known, number, line.strip())
    return tuple(found[one.id] for one in SYMPTOMS if one.id in found)


def observed(text: str) -> tuple[str, ...]:
    """What looks like an error in a text without a known message: numbers and names of errors, each once."""
    return tuple(dict.fromkeys(found.group(0).strip() for found in _HINT.finditer(text)))
