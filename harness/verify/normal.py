"""What does an expression (ap_expr, or that of SSLRequire) come to without its negations?"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.httpd.conditions import MARK

_TOKEN = re.compile(
    rf"(['\"])(?:\\.|(?!\1).)*\1|%\{{[^}}]*\}}|\{{[^}}]*\}}|[=!]~\s*m?({MARK})(?:\\.|(?!\2).)*\2i?"
    r"|&&|\|\||[=!]~|[=!<>]=|[=!<>()]|[^\s()=!<>&|'\"%{]+"
)
_AND, _OR, _NOT = {"&&", "and"}, {"||", "or"}, {"!", "not"}
_OPPOSITES = (("==", "!="), ("=", "!="), ("=~", "!~"), ("-eq", "-ne"), ("eq", "ne"), ("-n", "-z"))
_OPPOSITE = {one: other for pair in reversed(_OPPOSITES) for one, other in (pair, pair[::-1])}


@dataclass(frozen=True)
class Comparison:
    """One comparison; `negated` where it must not hold and has no operator that says so."""

    words: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class Joined:
    """What all (`&&`) or any (`||`) of several parts make."""

    by: str
    parts: tuple["Expression", ...]


Expression = Comparison | Joined


def normal(text: str, *, negated: bool = False) -> str:
    """Write an expression as one of comparisons, `&&` and `||` alone, by De Morgan's laws; or the opposite of it.

    A comparison whose opposite has no operator is left out where it is negated.
    """
    return " ".join(_written(read(text, negated=negated)))


def read(text: str, *, negated: bool = False) -> Expression:
    """Read an expression, or the opposite of it."""
    marks = [found[0] for found in _TOKEN.finditer(text)]
    return _either(iter([*marks, ""]), negated=negated)[0]


def _written(expression: Expression) -> list[str]:
    if isinstance(expression, Comparison):
        return [] if expression.negated else [*expression.words]
    known = [part for part in map(_written, expression.parts) if part]
    if len(known) < 2:
        return known[0] if known else []
    return ["(", *(word for at, part in enumerate(known) for word in ([expression.by] if at else []) + part), ")"]


def _either(marks: Iterator[str], *, negated: bool) -> tuple[Expression, str]:
    """Read alternatives, up to what ends them: returns them, and that."""
    return _joined_by(_OR, "&&" if negated else "||", lambda: _all(marks, negated=negated))


def _all(marks: Iterator[str], *, negated: bool) -> tuple[Expression, str]:
    return _joined_by(_AND, "||" if negated else "&&", lambda: _one(marks, negated=negated))


def _joined_by(names: set[str], by: str, part: Callable[[], tuple[Expression, str]]) -> tuple[Expression, str]:
    """Read parts as long as one of these names follows, and join them."""
    first, end = part()
    parts = [first]
    while end.lower() in names:
        another, end = part()
        parts.append(another)
    return (Joined(by, tuple(parts)) if len(parts) > 1 else first), end


def _one(marks: Iterator[str], *, negated: bool) -> tuple[Expression, str]:
    words: list[str] = []
    for mark in marks:
        if not words and mark.lower() in _NOT:
            return _one(marks, negated=not negated)
        if not words and mark == "(":
            inside, _ = _either(marks, negated=negated)
            return inside, next(marks, "")
        if mark == "(":
            # What a function is given.
            words[-1] += "".join(["(", *_until_closed(marks)])
        elif not mark or mark == ")" or mark.lower() in (*_AND, *_OR):
            return (_opposite(words) if negated else Comparison(tuple(words))), mark
        else:
            words.append(mark)
    return Comparison(tuple(words)), ""


def _until_closed(marks: Iterator[str]) -> Iterator[str]:
    depth = 1
    for mark in marks:
        depth += {"(": 1, ")": -1}.get(mark, 0)
        yield mark
        if not depth:
            return


def _opposite(words: list[str]) -> Comparison:
    for number, word in enumerate(words):
        if word.lower() in _OPPOSITE:
            return Comparison((*words[:number], _OPPOSITE[word.lower()], *words[number + 1 :]))
        if word[:2] in {"=~", "!~"}:
            return Comparison((*words[:number], _OPPOSITE[word[:2]] + word[2:], *words[number + 1 :]))
    return Comparison(tuple(words), negated=True)
