"""Which conditions are about the path of a request, and so about some paths only: in <If>, and before a RewriteRule?"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from harness.httpd.directive import Directive, walk
from harness.httpd.pcre import search

Test = tuple[str, bool]
"""A regular expression, and whether a text has to match it or must not."""
CONDITIONS = {"if", "elseif", "else"}
ELSEWHERE = {"F", "G", "R"}
"""Flags of a RewriteRule that serves nothing itself."""

MARK = r"(?:/|(?<=m)[#$%^|?!'\",;:._-])"
"""What a regular expression stands between (ap_expr): slashes, or after an `m` any of these."""
_EXPRESSION = rf"m?(?P<mark>{MARK})(?P<expression>(?:(?!(?P=mark)).)+)(?P=mark)(?P<flags>i?)"
_TEXT = r"(?P<quote>['\"])(?P<text>.*?)(?P=quote)"
_NEVER = "(?!)"
_VARIABLE = re.compile(r"%\{[^}]*\}")
OPERATORS = rf"(?P<operator>=~|!~|==?|!=|-eq|-ne|-strc?match)\s*(?:{_EXPRESSION}|{_TEXT})"
"""What follows on a variable that is compared (ap_expr); `as_expression` reads it."""
_TEST = re.compile(rf"(?P<not>!\s*)?(?P<open>\(\s*)?%\{{REQUEST_URI\}}\s*{OPERATORS}(?(open)\s*\))")
_AND = re.compile(r"\s*(?:&&|\band\b)\s*")
_OR = re.compile(r"\s*(?:\|\||\bor\b)\s*")
_SOME = ("/", "/q/q")
_ANY_PATH = {"", "^", ".", ".*", ".?", "^.*", "^.*$", "(.*)", "^(.*)$", "^/", "^/.*", "^/(.*)", "^/(.*)$", "^/.*$"}


def split_by_path(
    body: tuple[Directive, ...],
) -> tuple[tuple[Directive, ...], list[tuple[Directive, tuple[Test, ...]]]]:
    """Tell apart what a section says of all that it is about, and what only of some paths: each with its tests.

    What is about some paths stands in a section of its own, without these tests.
    """
    if not any(entry.name.lower() in {"if", "rewritecond"} for entry in body):
        return body, []
    everywhere: list[Directive] = []
    somewhere: list[tuple[Directive, tuple[Test, ...]]] = []
    conditions: list[Directive] = []
    before: tuple[Test, ...] = ()
    for entry in body:
        name = entry.name.lower()
        if name == "rewritecond":
            conditions.append(entry)
            continue
        if name == "rewriterule":
            block, conditions = (*conditions, entry), []
            rest, tests = _of_a_rule(block)
            section = replace(entry, body=rest)
        elif name in CONDITIONS:
            own, stripped = _of_a_section(entry)
            block, section = (entry,), replace(stripped, body=(stripped,))
            before = () if name == "if" else before
            tests = (*own, *before)
            # What follows is about the other paths, where this is about paths alone, and by one test.
            if len(own) == 1 and not stripped.arguments:
                before = (*before, (own[0][0], not own[0][1]))
        else:
            block, tests = (entry,), ()
        if tests:
            somewhere.append((section, tests))
        else:
            everywhere += block
    return (*everywhere, *conditions), somewhere


def of_paths(text: str) -> list[Test]:
    """Read every test of the path in an expression."""
    return [_test(found) for found in _TEST.finditer(text)]


def _of_a_section(entry: Directive) -> tuple[tuple[Test, ...], Directive]:
    """Read the tests of an If or ElseIf; an Else has none of its own."""
    text = entry.expression
    tests: list[Test] = []
    while found := _TEST.search(text):
        start, end, group = found.start(), found.end(), [_test(found)]
        while (either := _OR.match(text, end)) and (another := _TEST.match(text, either.end())):
            group.append(_test(another))
            end = another.end()
        before, after = text[:start].rstrip(), text[end:].lstrip()
        if len(group) > 1 and (before or after):
            if not (before.endswith("(") and after.startswith(")")):
                return (), entry
            before, after = before[:-1], after[1:]
        if len(group) > 1 and not all(wanted for _, wanted in group):
            return (), entry
        tests.append(_any(group))
        text = f"{before} {after}"
    rest = [part for part in _AND.split(text) if part.strip()]
    if not tests or _OR.search(text) or "REQUEST_URI" in text:
        return (), entry
    return tuple(tests), replace(entry, arguments=" && ".join(part.strip() for part in rest))


def _any(tests: list[Test]) -> Test:
    """One test that is passed by what passes any of these; of several, each is one that the path has to match."""
    return tests[0] if len(tests) == 1 else ("|".join(f"(?:{expression})" for expression, _ in tests), True)


def _test(found: re.Match[str]) -> Test:
    return as_expression(found), (found["operator"] not in {"!~", "!=", "-ne"}) != bool(found["not"])


def as_expression(found: re.Match[str]) -> str:
    """Read what a variable is compared with (`OPERATORS`) as a regular expression."""
    operator, expression = found["operator"], found["expression"]
    if expression is not None:
        return f"(?i:{expression})" if found["flags"] else expression
    if operator.endswith("match"):
        return _like(found["text"])
    return found["text"] if operator in {"=~", "!~"} else f"^{re.escape(found['text'])}$"


def _like(pattern: str) -> str:
    """A regular expression for a pattern with wildcards."""
    return "^" + "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern) + "$"


def _of_a_rule(block: tuple[Directive, ...]) -> tuple[tuple[Directive, ...], tuple[Test, ...]]:
    """Read the tests of a RewriteRule and the conditions before it, where one of these is about a certificate."""
    *conditions, rule = block
    asks = any("ssl_client" in entry.arguments.lower() for entry in conditions)
    # An OR that nothing follows on makes any path pass.
    if not asks or "OR" in flags(conditions[-1]):
        return block, ()
    tests: list[Test] = []
    rest: list[Directive] = []
    for group in or_groups(conditions):
        about = [entry for entry in group if entry.words()[:1] == ["%{REQUEST_URI}"]]
        of_path = [*map(cond_pattern, about)]
        if about and (about != group or (len(group) > 1 and not all(wanted for _, wanted in of_path))):
            return block, ()
        tests += [_any(of_path)] if of_path else []
        rest += [] if about else group
    tests += _pattern(rule)
    of_any_path = replace(rule, arguments=" ".join(["^", *rule.words()[1:]]))
    return (*rest, of_any_path), tuple(tests)


def or_groups(conditions: Iterable[Directive]) -> Iterator[list[Directive]]:
    """Yield the conditions of a RewriteRule in groups: those that `OR` joins, of which any is enough."""
    group: list[Directive] = []
    for condition in conditions:
        group.append(condition)
        if "OR" not in flags(condition):
            yield group
            group = []
    if group:
        yield group


def passes(test: Test, text: str) -> bool:
    """Whether a text passes a test."""
    expression, wanted = test
    return (search(expression, text) is not None) == wanted


def cond_pattern(condition: Directive) -> Test:
    """Read what a RewriteCond asks of its text; what it compares otherwise (`-f`, `>x`) is met by no text."""
    pattern = (condition.words()[1:2] or [""])[0]
    expression = pattern.removeprefix("!")
    if expression.startswith("="):
        expression = f"^{re.escape(expression[1:])}$"
    elif re.match(r"[<>]|-\w\w?$", expression):
        expression = _NEVER
    return in_any_case(expression, condition), not pattern.startswith("!")


def split_by_variable(text: str, value: str) -> list[tuple[str, str]]:
    """Part a value among the variables of a text (`%{A}:%{B}`), as each is where the text has this value; nothing where
    it can never have it."""
    found = re.fullmatch("(.*)".join(map(re.escape, _VARIABLE.split(text))), value)
    return [*zip(_VARIABLE.findall(text), found.groups(), strict=True)] if found else []


def _pattern(rule: Directive) -> Iterator[Test]:
    """Yield the pattern of a rule, if it has one; in a folder's own rules paths have no slash in front."""
    pattern = rule.value and rule.words()[0]
    expression = pattern.removeprefix("!")
    if expression not in _ANY_PATH and not all(search(expression, path) for path in _SOME) and expression != "^$":
        yield in_any_case(re.sub(r"^\^(?=\w)", "/", expression), rule), not pattern.startswith("!")


def in_any_case(expression: str, entry: Directive) -> str:
    """The expression of a RewriteRule or RewriteCond, so that it does not care about case where its flags say so."""
    return f"(?i:{expression})" if "NC" in flags(entry) else expression


_TELLS = {"header", "requestheader", "directoryindex"}
DECIDING = {"rewritecond", "require", "if", "elseif", "sslrequire", "setenvif", "setenvifexpr"}
"""What asks for headers and variables."""
_ASKS = {*DECIDING, "allow", "deny"}


def forwards_identity(entry: Directive) -> bool:
    """Whether a directive tells an application who came."""
    return entry.name.lower() == "requestheader" and "SSL_CLIENT_" in entry.arguments


def telling(level: Directive, whole: Sequence[Directive]) -> Iterator[Directive]:
    """Yield the conditions that decide about nobody: of an If and its Else that only set headers, and of a RewriteRule
    that only sets a variable which nothing in the `whole` asks for."""
    chain: list[Directive] = []
    block: list[Directive] = []
    for entry in (*level.body, Directive("", "", "", 0)):
        name = entry.name.lower()
        if name == "if" or name not in CONDITIONS:
            if chain and all(inner.name.lower() in _TELLS for part in chain for inner in walk(part)):
                yield from chain
            chain = []
        if name in CONDITIONS:
            chain.append(entry)
        if name == "rewritecond":
            block.append(entry)
        elif name == "rewriterule":
            if _only_sets(entry, whole):
                yield from block
            block = []
        yield from telling(entry, whole) if entry.body else ()


def _only_sets(rule: Directive, whole: Sequence[Directive]) -> bool:
    """Whether a RewriteRule does nothing but set variables, and nothing asks for them."""
    if rule.words()[1:2] != ["-"] or not {"E"} <= flags(rule) <= {"E", "NE", "NC"}:
        return False
    names = [flag[2:].partition(":")[0].lstrip("!") for flag in _given(rule) if flag.upper().startswith("E=")]
    asking = [entry for entry in whole if entry.name.lower() in _ASKS]
    return not any(name in entry.arguments for name in names for entry in asking)


def flags(entry: Directive) -> set[str]:
    """The flags of a RewriteRule or RewriteCond, without their values."""
    return {flag.partition("=")[0].strip().upper() for flag in _given(entry)}


def _given(entry: Directive) -> Iterator[str]:
    words = (word for word in entry.words()[2:] if word.startswith("["))
    return (flag.strip() for word in words for flag in word.strip("[]").split(","))
