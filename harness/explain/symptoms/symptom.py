"""What is known about one message?"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One possible cause of a message, the experiment that shows whether it is this one, and what to do."""

    text: str
    check: str
    remedy: str


@dataclass(frozen=True)
class Symptom:
    """A message by a regular expression, what it means, and its causes, the most likely one first."""

    id: str
    program: str
    """Who writes the message."""
    pattern: re.Pattern[str]
    meaning: str
    causes: tuple[Cause, ...]
    source: str


def symptom(name: str, program: str, pattern: str, meaning: str, *causes: Cause, source: str) -> Symptom:
    """Make a symptom. The pattern is searched in one line, without regard to case."""
    return Symptom(name, program, re.compile(pattern, re.IGNORECASE), meaning, causes, source)
