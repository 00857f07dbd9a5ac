"""What does a regular expression of httpd's (PCRE) match, and what does one look like that it matches?"""

import random
import re
from collections.abc import Iterator

import rstr

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
    "word": r"\w",
    "space": r"\s",
    "blank": r" \t",
    "punct": "!-/:-@\\[-`{-~",
}
_LOOSE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[.*+]")
"""What matches one character (an escaped one, a class, or any), and any number of it."""
_TIGHT = {".": "[a-z]", "[^": "[a-z]", "*": "{1,2}", "+": "{1,2}"}
_SAMPLES = 20
"""How many texts are tried until one matches its expression."""


def search(expression: str, text: str) -> re.Match[str] | None:
    """Find a regular expression in a text; one that Python cannot read is not found."""
    try:
        return re.search(_read(expression), text)
    except re.error:
        return None


def texts(expression: str) -> Iterator[str]:
    """Make texts that an expression may match, always the same ones; none where it cannot be read."""
    maker = rstr.Rstr(random.Random(0))  # noqa: S311 - nothing here is a secret
    # A letter or two will mostly do for what is anything but something; what it must not be is for `search` to tell.
    plain = _LOOSE.sub(lambda one: _TIGHT.get(one[0][:2], one[0]), _read(expression))
    for _ in range(_SAMPLES):
        try:
            text = str(maker.xeger(plain))
        except (re.error, ValueError, KeyError):
            return
        yield text


def _read(expression: str) -> str:
    """Write as Python does what PCRE has besides: a second way to name a group, and the classes of POSIX."""
    named = re.sub(r"\(\?<(?![=!])", "(?P<", expression)
    return re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), named)


def group_filled(expression: str, group: int, text: str) -> str | None:
    """Make a text that an expression matches so that one of its groups is this text; None where none is found."""
    spans = _groups(expression)
    if group == 0 or group > len(spans):
        return text if search(expression, text) else None
    start, end = spans[group - 1]
    filled = f"{expression[:start]}({re.escape(text)}){expression[end:]}"
    for made in texts(filled):
        found = search(expression, made)
        if found and found[group] == text:
            return made
    return None


def _groups(expression: str) -> list[tuple[int, int]]:
    """Where each group that counts begins and ends, brackets included."""
    found: list[tuple[int, int]] = []
    opened: list[int | None] = []
    at = 0
    while at < len(expression):
        if expression[at] == "\\":
            at += 1
        elif expression[at] == "[":
            closing = expression.find("]", at + 2)
            at = closing if closing > 0 else len(expression)
        elif expression[at] == "(":
            counts = not expression.startswith("(?", at) or expression.startswith(("(?<", "(?P<"), at)
            opened.append(len(found) if counts else None)
            if counts:
                found.append((at, at))
        elif expression[at] == ")" and opened:
            number = opened.pop()
            if number is not None:
                found[number] = (found[number][0], at + 1)
        at += 1
    return found
