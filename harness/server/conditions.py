"""Which conditions are about the path of a request, and so about some paths only: in <If>, and before a RewriteRule?"""

import re
from collections.abc import Iterator
from dataclasses import replace

from harness.server.configuration import Directive

Test = tuple[str, bool]
"""A regular expression, and whether the path has to match it or must not."""

_PATH = r"%\{REQUEST_URI\}"
_EXPRESSION = r"m?(?P<mark>[/#|,])(?P<expression>(?:(?!(?P=mark)).)+)(?P=mark)(?P<flags>i?)"
_TEXT = r"(?P<quote>['\"])(?P<text>.*?)(?P=quote)"
_TEST = re.compile(
    rf"(?P<not>!\s*)?(?P<open>\(\s*)?{_PATH}\s*"
    rf"(?P<operator>=~|!~|==?|!=|-eq|-ne|-strc?match)\s*(?:{_EXPRESSION}|{_TEXT})(?(open)\s*\))"
)
_AND = re.compile(r"\s*(?:&&|\band\b)\s*")
_ALTERNATIVE = re.compile(r"\|\||\bor\b")
_ANY_PATH = {"", "^", ".", ".*", ".?", "^.*", "^.*$", "(.*)", "^(.*)$", "^/", "^/.*", "^/(.*)", "^/(.*)$", "^/.*$"}


def told_apart(body: tuple[Directive, ...]) -> tuple[tuple[Directive, ...], list[tuple[Directive, tuple[Test, ...]]]]:
    """Tell apart what a section says of all that it is about, and what only of some paths: each with its tests.

    What is about some paths stands in a section of its own, without these tests.
    """
    if not any(entry.name.lower() in {"if", "rewritecond"} for entry in body):
        return body, []
    everywhere: list[Directive] = []
    somewhere: list[tuple[Directive, tuple[Test, ...]]] = []
    conditions: list[Directive] = []
    before: tuple[Test, ...] | None = None
    for entry in body:
        name = entry.name.lower()
        if name == "rewritecond":
            conditions.append(entry)
            continue
        if name == "rewriterule":
            block, conditions = (*conditions, entry), []
            rest, tests = _of_a_rule(block)
            if tests:
                somewhere.append((replace(entry, body=rest), tests))
            else:
                everywhere += block
            continue
        tests, rest_of_it = _of_a_section(entry, before) if name in {"if", "else"} else ((), entry)
        before = tests if name == "if" and rest_of_it.arguments == "" else None
        if tests:
            somewhere.append((replace(rest_of_it, body=(rest_of_it,)), tests))
        else:
            everywhere.append(entry)
    return (*everywhere, *conditions), somewhere


def _of_a_section(entry: Directive, before: tuple[Test, ...] | None) -> tuple[tuple[Test, ...], Directive]:
    """Read the tests of an If; those of an Else are what the If before it asks for alone, the other way round."""
    if entry.name.lower() == "else":
        return (tuple((one, not wanted) for one, wanted in before) if before and len(before) == 1 else ()), entry
    text = entry.expression
    found = [*_TEST.finditer(text)]
    rest = _TEST.sub("", text)
    if not found or _ALTERNATIVE.search(rest) or "REQUEST_URI" in rest:
        return (), entry
    left = [part for part in _AND.split(rest) if part.strip()]
    return tuple(map(_test, found)), replace(entry, arguments=" && ".join(left))


def _test(found: re.Match[str]) -> Test:
    operator, expression = found["operator"], found["expression"]
    if expression is None and operator.endswith("match"):
        expression = _like(found["text"])
    elif expression is None:
        expression = found["text"] if operator in {"=~", "!~"} else f"^{re.escape(found['text'])}$"
    elif found["flags"]:
        expression = f"(?i){expression}"
    return expression, (operator not in {"!~", "!=", "-ne"}) != bool(found["not"])


def _like(pattern: str) -> str:
    """A regular expression for a pattern with wildcards."""
    return "^" + "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern) + "$"


def _of_a_rule(block: tuple[Directive, ...]) -> tuple[tuple[Directive, ...], tuple[Test, ...]]:
    """Read the tests of a RewriteRule and the conditions before it, where one of these is about a certificate."""
    *conditions, rule = block
    asks = any("ssl_client" in entry.arguments.lower() for entry in conditions)
    if not asks or any("OR" in flags(entry) for entry in conditions):
        return block, ()
    about = [entry for entry in conditions if entry.words()[:1] == ["%{REQUEST_URI}"]]
    tests = (*map(_tested, about), *_pattern(rule))
    of_any_path = replace(rule, arguments=" ".join(["^", *rule.words()[1:]]))
    return (*(entry for entry in conditions if entry not in about), of_any_path), tests


def _tested(condition: Directive) -> Test:
    pattern = (condition.words()[1:2] or [""])[0]
    wanted = not pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    expression = f"^{re.escape(pattern[1:])}$" if pattern.startswith("=") else pattern
    return (f"(?i){expression}" if "NC" in flags(condition) else expression), wanted


def _pattern(rule: Directive) -> Iterator[Test]:
    """Yield the pattern of a rule, where it is one of whole paths: in a folder's own rules they have no slash."""
    pattern = rule.value and rule.words()[0]
    wanted = not pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    if pattern not in _ANY_PATH and re.match(r"\^\(?\??:?/", pattern):
        yield (f"(?i){pattern}" if "NC" in flags(rule) else pattern), wanted


def flags(entry: Directive) -> set[str]:
    """The flags of a RewriteRule or RewriteCond, without their values."""
    given = [word for word in entry.words()[2:] if word.startswith("[")]
    return {flag.partition("=")[0].strip().upper() for word in given for flag in word.strip("[]").split(",")}
