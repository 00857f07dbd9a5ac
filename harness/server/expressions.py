"""What does a regular expression of httpd's (PCRE) match, and what does one look like that it matches?"""

import random
import re
from collections.abc import Iterator

import rstr

_SAMPLES = 20
"""How many texts are tried until one matches its expression."""


def search(expression: str, text: str) -> re.Match[str] | None:
    """Find a regular expression in a text; one that Python cannot read is not found."""
    try:
        return re.search(_named(expression), text)
    except re.error:
        return None


def texts(expression: str) -> Iterator[str]:
    """Make texts that an expression may match, always the same ones; none where it cannot be read."""
    maker = rstr.Rstr(random.Random(0))  # noqa: S311 - nothing here is a secret
    for _ in range(_SAMPLES):
        try:
            text = str(maker.xeger(_named(expression)))
        except (re.error, ValueError, KeyError):
            return
        yield text


def _named(expression: str) -> str:
    """Write the second way that PCRE has to name a group as Python's one."""
    return re.sub(r"\(\?<(?![=!])", "(?P<", expression)
