"""What does an expression (ap_expr, or that of SSLRequire) come to without its negations?"""

import re
from collections.abc import Callable, Iterator

_TOKEN = re.compile(
    r"(['\"])(?:\\.|(?!\1).)*\1|%\{[^}]*\}|\{[^}]*\}|[=!]~\s*m?([/#|,])(?:\\.|(?!\2).)*\2i?"
    r"|&&|\|\||[=!]~|[=!<>]=|[=!<>()]|[^\s()=!<>&|'\"%{]+"
)
_AND, _OR, _NOT = {"&&", "and"}, {"||", "or"}, {"!", "not"}
_OPPOSITES = (("==", "!="), ("=", "!="), ("=~", "!~"), ("-eq", "-ne"), ("eq", "ne"), ("-n", "-z"))
_OPPOSITE = {one: other for pair in reversed(_OPPOSITES) for one, other in (pair, pair[::-1])}


def normal(text: str, *, negated: bool = False) -> str:
    """Write an expression as one of comparisons, `&&` and `||` alone, by De Morgan's laws; or the opposite of it.

    A comparison whose opposite has no operator is left out where it is negated.
    """
    marks = [found[0] for found in _TOKEN.finditer(text)]
    return " ".join(_either(iter([*marks, ""]), negated=negated)[0])


def _either(marks: Iterator[str], *, negated: bool) -> tuple[list[str], str]:
    """Read alternatives, up to what ends them: returns them, and that."""
    return _joined_by(_OR, "&&" if negated else "||", lambda: _all(marks, negated=negated))


def _all(marks: Iterator[str], *, negated: bool) -> tuple[list[str], str]:
    return _joined_by(_AND, "||" if negated else "&&", lambda: _one(marks, negated=negated))


def _joined_by(names: set[str], by: str, read: Callable[[], tuple[list[str], str]]) -> tuple[list[str], str]:
    """Read parts as long as one of these names follows, and join what is known of them."""
    part, end = read()
    known = [part]
    while end.lower() in names:
        part, end = read()
        known.append(part)
    known = [part for part in known if part]
    if len(known) < 2:
        return (known[0] if known else []), end
    return ["(", *(word for number, part in enumerate(known) for word in ([by] if number else []) + part), ")"], end


def _one(marks: Iterator[str], *, negated: bool) -> tuple[list[str], str]:
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
            return (_opposite(words) if negated else words), mark
        else:
            words.append(mark)
    return words, ""


def _until_closed(marks: Iterator[str]) -> Iterator[str]:
    depth = 1
    for mark in marks:
        depth += {"(": 1, ")": -1}.get(mark, 0)
        yield mark
        if not depth:
            return


def _opposite(words: list[str]) -> list[str]:
    for number, word in enumerate(words):
        if word.lower() in _OPPOSITE:
            return [*words[:number], _OPPOSITE[word.lower()], *words[number + 1 :]]
        if word[:2] in {"=~", "!~"}:
            return [*words[:number], _OPPOSITE[word[:2]] + word[2:], *words[number + 1 :]]
    return []
