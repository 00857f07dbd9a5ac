"""What does a regular expression of httpd's (PCRE) match, and what does one look like that it matches?"""

import functools
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
_DIFFERENT = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?<(?![=!])|\$", re.DOTALL)
"""Where PCRE and Python may differ: escapes, classes, names of groups, the end."""
_ENDS = {"$": r"\Z", r"\z": r"\Z", r"\Z": r"(?=\n?\Z)", r"\h": r"[ \t]", "(?<": "(?P<"}
_WILDCARDS = re.compile(r"\\.|\[[!^]?[^\]\\/]+\]|.", re.DOTALL)
_EXCLUDED = re.compile(r"\(\?!((?:[^()]|\([^()]*\))*)\)")
_REST = re.compile(r"\^?(.*)\(\.[*+]\)\$?")
_SAMPLES = 20
"""How many texts are tried until one matches its expression."""


def search(expression: str, text: str) -> re.Match[str] | None:
    """Find a regular expression in a text; one that is not `readable` is not found."""
    compiled = _compiled(expression)
    return compiled.search(text) if compiled else None


def readable(expression: str) -> bool:
    """Whether Python reads this expression as PCRE does."""
    return _compiled(expression) is not None


def group_count(expression: str) -> int:
    """Return the number of groups that count."""
    compiled = _compiled(expression)
    return compiled.groups if compiled else 0


def excluded(expression: str) -> list[str]:
    """Return what must not follow in an expression: each `(?!…)`."""
    return _EXCLUDED.findall(expression)


def before_rest(expression: str) -> str | None:
    """Return the part of an expression before a last `(.*)` or `(.+)`, which takes all that follows; None without."""
    found = _REST.fullmatch(expression)
    return found[1] if found else None


@functools.lru_cache(4096)
def _compiled(expression: str) -> re.Pattern[str] | None:
    # httpd compiles with PCRE2_DOTALL and PCRE2_DOLLAR_ENDONLY (RegexDefaultOptions).
    try:
        return re.compile(_read(expression), re.ASCII | re.DOTALL)
    except (re.error, OverflowError):
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
    """Write as Python does what PCRE has besides: a second way to name a group, the classes of POSIX, and the ends of
    a text."""
    return _DIFFERENT.sub(_as_python, expression)


def _as_python(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith("["):
        return re.sub(r"\[:(\w+):\]", lambda one: _CLASSES.get(one[1], one[0]), text)
    return _ENDS.get(text, text)


def wildcard(pattern: str, *, any_case: bool = False, path: bool = False) -> str:
    """Return the regular expression of a pattern with `*`, `?` and `[…]` (apr_fnmatch); in that of a path they match
    no slash."""
    any_one = "[^/]" if path else "."
    parts = [
        {"*": f"{any_one}*", "?": any_one}.get(one) or (_character_class(one) if len(one) > 2 else re.escape(one[-1]))
        for one in _WILDCARDS.findall(pattern)
    ]
    return f"{'(?i)' if any_case else ''}(?s)^{''.join(parts)}$"


def _character_class(text: str) -> str:
    inner = text[1:-1]
    sign = "^" if inner[0] in "!^" else ""
    return f"[{sign}{inner[len(sign) :].replace('[', chr(92) + '[')}]"


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
