"""What do the rules of mod_rewrite make of one path: where does it lead, who is denied, which variables are set?"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.httpd.directive import Directive
from harness.httpd.environment import Environment
from harness.httpd.expression import parse
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Applied,
    Atom,
    Formula,
    Operator,
    Term,
    all_of,
    any_of,
    applied,
    constant_folded,
    negated,
    unknowable,
)
from harness.httpd.pcre import search
from harness.httpd.variables import HEADERS, Origin, Variable, environment, header, variable

_MOST_PATHS = 32
"""How many ways through a list of rules are followed."""
_FOUND = re.compile(r"%\{([^{}]*)\}|\$\{|([$%])(\d)|\\(.)")
_KNOWN = {
    *HEADERS,
    *("REMOTE_ADDR", "CONN_REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_IDENT", "REQUEST_METHOD"),
    *("SCRIPT_FILENAME", "REQUEST_FILENAME", "REQUEST_URI", "PATH_INFO", "QUERY_STRING", "AUTH_TYPE", "DOCUMENT_ROOT"),
    *("SERVER_ADMIN", "SERVER_NAME", "SERVER_ADDR", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "TIME"),
    *("TIME_YEAR", "TIME_MON", "TIME_DAY", "TIME_HOUR", "TIME_MIN", "TIME_SEC", "TIME_WDAY", "API_VERSION", "IPV6"),
    *(
        "THE_REQUEST",
        "REQUEST_SCHEME",
        "HTTPS",
        "IS_SUBREQ",
        "CONTEXT_PREFIX",
        "CONTEXT_DOCUMENT_ROOT",
        "REQUEST_STATUS",
    ),
}
"""What mod_rewrite has a value for without a prefix; any other name is empty."""
_COMPARED = {
    "=": (Operator.EQUAL, True),
    "<": (Operator.LESS, True),
    ">": (Operator.LESS_OR_EQUAL, False),
    "<=": (Operator.LESS_OR_EQUAL, True),
    ">=": (Operator.LESS, False),
    "-eq": (Operator.NUMBER_EQUAL, True),
    "-ne": (Operator.NUMBER_EQUAL, False),
    "-lt": (Operator.NUMBER_LESS, True),
    "-le": (Operator.NUMBER_LESS_OR_EQUAL, True),
    "-gt": (Operator.NUMBER_LESS_OR_EQUAL, False),
    "-ge": (Operator.NUMBER_LESS, False),
}
_FILE_TEST = re.compile(r"-([dfFhlLsUx])$")


@dataclass(frozen=True)
class Condition:
    """One RewriteCond, read once: the text that is tested, and its pattern; `expression` for `expr`."""

    directive: Directive
    text: str
    pattern: str
    flags: Mapping[str, str]

    @property
    def joined_by_or(self) -> bool:
        """Whether this one or the next is enough."""
        return "OR" in self.flags


@dataclass(frozen=True)
class Rule:
    """One RewriteRule with its conditions, read once. `flags` are by their short names, with their values."""

    directive: Directive
    pattern: str
    substitution: str
    flags: Mapping[str, str]
    conditions: tuple[Condition, ...]
    variables: tuple[str, ...] = ()

    @property
    def responds(self) -> bool:
        """Whether it answers the request itself: by an error's status, or by a redirect."""
        return bool(self.flags.keys() & {"F", "G", "R"}) or (
            re.match(r"https?://", self.substitution) is not None and ("P" not in self.flags)
        )

    @property
    def denies(self) -> bool:
        """Whether it answers by an error's status."""
        code = self.flags.get("R", "")
        return bool(self.flags.keys() & {"F", "G"}) or code[:1] in {"4", "5"}

    def match(self, path: str) -> tuple[str, ...] | None:
        """Match the pattern with a path: its groups, None where it does not match."""
        expression = f"(?i:{self.pattern.removeprefix('!')})" if "NC" in self.flags else self.pattern.removeprefix("!")
        found = search(expression, path) if expression != "^" else re.match("", path)
        if self.pattern.startswith("!"):
            return ("",) if found is None else None
        return None if found is None else (found[0], *found.groups(""))


_LONG_NAMES = {
    "CHAIN": "C",
    "COOKIE": "CO",
    "ENV": "E",
    "FORBIDDEN": "F",
    "GONE": "G",
    "HANDLER": "H",
    "LAST": "L",
    "NEXT": "N",
    "NOCASE": "NC",
    "NOESCAPE": "NE",
    "NOSUBREQ": "NS",
    "ORNEXT": "OR",
    "NOVARY": "NV",
    "PROXY": "P",
    "PASSTHROUGH": "PT",
    "REDIRECT": "R",
    "SKIP": "S",
    "TYPE": "T",
}


def flags(directive: Directive) -> list[tuple[str, str]]:
    """Read the flags of a RewriteRule or RewriteCond by their short names, each with its value."""
    words = [word for word in directive.words()[2:] if word.startswith("[")]
    given = (flag.strip() for word in words for flag in word.strip("[]").split(","))
    pairs = (flag.partition("=") for flag in given if flag)
    return [(_LONG_NAMES.get(name.upper(), name.upper()), value) for name, _, value in pairs]


def rules(body: Iterable[Directive]) -> Iterator[Rule]:
    """Yield the rules that stand in a section, each with the conditions before it."""
    conditions: list[Condition] = []
    for entry in body:
        words = [*entry.words(), "", ""]
        if entry.name.lower() == "rewritecond":
            conditions.append(Condition(entry, words[0], words[1], dict(flags(entry))))
        elif entry.name.lower() == "rewriterule":
            given = flags(entry)
            variables = tuple(value for name, value in given if name == "E")
            yield Rule(entry, words[0], words[1], dict(given), tuple(conditions), variables)
            conditions = []


@dataclass(frozen=True)
class Way:
    """One way through the rules: what must hold for it, and where it ends: a path, or None where the request is
    answered by `answered_by`. `passes_through` says that the other modules map the path (PT)."""

    condition: Formula
    path: str | None
    answered_by: Rule | None = None
    passes_through: bool = False
    ends: bool = False


@dataclass
class Rewriting:
    """What a list of rules makes of one path. `values` are texts known of the request, such as REQUEST_URI."""

    rules: Sequence[Rule]
    values: Mapping[str, str]
    environment: Environment

    def ways(self, path: str) -> list[Way]:
        """Follow a path through all rules."""
        found = list(self._from(0, path, TRUE, passes_through=False, fuel=[_MOST_PATHS * 8]))
        return found if len(found) <= _MOST_PATHS else [Way(unknowable("too many rewrites"), path)]

    def _from(self, at: int, path: str, reached: Formula, *, passes_through: bool, fuel: list[int]) -> Iterator[Way]:
        if reached == FALSE:
            return
        fuel[0] -= 1
        if at >= len(self.rules) or fuel[0] < 0:
            yield Way(reached, path, passes_through=passes_through)
            return
        rule = self.rules[at]
        groups = rule.match(path)
        holds = FALSE if groups is None else self._conditions(rule, groups)
        missed = at + 1
        while "C" in self.rules[missed - 1].flags and missed < len(self.rules):
            missed += 1
        if holds == FALSE:
            yield from self._from(missed, path, reached, passes_through=passes_through, fuel=fuel)
            return
        matched = all_of((reached, holds))
        for given in rule.variables:
            name, _, value = given.partition(":")
            text = None if name.startswith("!") else self._term(value, groups or (), rule.conditions)
            self.environment.add(name.removeprefix("!"), text, matched)
        if rule.responds:
            yield Way(matched, None, rule)
            yield from self._from(
                missed, path, all_of((reached, negated(holds))), passes_through=passes_through, fuel=fuel
            )
            return
        changed = self._substituted(rule, groups or (), path)
        following = at + 1 + int(rule.flags.get("S") or rule.flags.get("SKIP") or 0)
        through = passes_through or "PT" in rule.flags
        if changed is None:
            yield Way(all_of((matched, unknowable(f"{rule.directive.name} {rule.directive.arguments}"))), path)
        elif rule.flags.keys() & {"L", "END", "P"}:
            yield Way(matched, changed, passes_through=through, ends="END" in rule.flags)
        elif changed == path and following == missed and through == passes_through:
            yield from self._from(missed, path, reached, passes_through=passes_through, fuel=fuel)
            return
        else:
            yield from self._from(following, changed, matched, passes_through=through, fuel=fuel)
        yield from self._from(missed, path, all_of((reached, negated(holds))), passes_through=passes_through, fuel=fuel)

    def _substituted(self, rule: Rule, groups: Sequence[str], path: str) -> str | None:
        """Return the path that a rule leads to; None where it depends on what the client writes."""
        if rule.substitution in {"-", ""} or "P" in rule.flags:
            return path
        term = self._term(rule.substitution, groups, rule.conditions)
        if not all(isinstance(part, str) for part in term):
            return None
        text = "".join(map(str, term)).partition("?")[0]
        return text if text.startswith("/") else f"{path.rpartition('/')[0]}/{text}"

    def _conditions(self, rule: Rule, groups: Sequence[str]) -> Formula:
        found: list[Formula] = []
        alternatives: list[Formula] = []
        for number, condition in enumerate(rule.conditions):
            formula = self._condition(condition, groups, rule.conditions[:number])
            formula = self.environment.note(condition.directive, formula)
            alternatives.append(formula)
            if not condition.joined_by_or:
                found.append(any_of(alternatives))
                alternatives = []
        # An OR that nothing follows is always true.
        return all_of(found)

    def _condition(self, condition: Condition, groups: Sequence[str], before: Sequence[Condition]) -> Formula:
        if condition.text == "expr":
            return parse(condition.pattern)
        pattern, positive = condition.pattern.removeprefix("!"), not condition.pattern.startswith("!")
        text = self._term(condition.text, groups, before)
        if _FILE_TEST.match(pattern):
            formula = self._file_test(text, pattern, condition)
            return formula if positive else negated(formula)
        compared = next(
            (
                one
                for one in ("<=", ">=", "<", ">", "=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge")
                if pattern.startswith(one)
            ),
            "",
        )
        if compared:
            operator, holds = _COMPARED[compared]
            operand = self._term(pattern[len(compared) :], groups, before)
            # `=""` compares with nothing.
            operand = () if operand == ('""',) else operand
            if "NC" in condition.flags and operator is Operator.EQUAL:
                text, operand = applied("tolower", text), applied("tolower", operand)
            return _folded(Atom(text, operator, operand), positive=positive == holds)
        used = f"(?i){pattern}" if "NC" in condition.flags else pattern
        return _folded(Atom(text, Operator.MATCHES, (used,)), positive=positive)

    def _file_test(self, text: Term, test: str, condition: Condition) -> Formula:
        """Whether what a path leads to is there: of the paths that are asked for, a folder or a file with an ending
        is; of others nobody knows."""
        path = "".join(part for part in text if isinstance(part, str))
        root, url = self.values.get("DOCUMENT_ROOT", ""), self.values.get("REQUEST_URI", "")
        asked = {url, f"{root}{url}", self.values.get("REQUEST_FILENAME", "")}
        if path not in asked or test not in {"-f", "-d"} or not all(isinstance(part, str) for part in text):
            return unknowable(f"{condition.text} {test}")
        is_folder, is_file = path.endswith("/"), "." in path.rpartition("/")[2]
        return TRUE if (is_folder if test == "-d" else is_file) else FALSE

    def _term(self, text: str, groups: Sequence[str], before: Sequence[Condition]) -> Term:
        """Read a text in which variables and references to groups stand."""
        found: list[str | Variable | Applied] = []
        at = 0
        for one in _FOUND.finditer(text):
            found.append(text[at : one.start()])
            at = one.end()
            if one[1] is not None:
                found.append(self._variable(one[1]))
            elif one[4]:
                found.append(one[4])
            elif one[2] == "$":
                found.append(groups[int(one[3])] if int(one[3]) < len(groups) else "")
            elif one[2] == "%":
                found.append(self._reference(int(one[3]), groups, before))
            else:
                return (Variable(text, Origin.UNKNOWABLE),)
        found.append(text[at:])
        return tuple(part for part in found if part != "")

    def _reference(self, group: int, groups: Sequence[str], before: Sequence[Condition]) -> str | Variable | Applied:
        """What a group of the last condition's pattern holds; one that was negated has none."""
        if not before or before[-1].text == "expr" or before[-1].pattern.startswith(("!", "=", "<", ">", "-")):
            return Variable(f"%{group}", Origin.UNKNOWABLE)
        last = before[-1]
        pattern = f"(?i){last.pattern}" if "NC" in last.flags else last.pattern
        term = self._term(last.text, groups, before[:-1])
        part = Applied("match", term, pattern, group)
        if all(isinstance(one, str) for one in term):
            return part.value("".join(map(str, term)))
        return part

    def _variable(self, name: str) -> str | Variable:
        kind, colon, rest = name.partition(":")
        if not colon:
            if name in self.values:
                return self.values[name]
            return variable(name) if name in _KNOWN else ""
        match kind.upper():
            case "SSL":
                return variable(rest)
            case "HTTP":
                return header(rest)
            case "ENV":
                return environment(rest)
        return Variable(name, Origin.UNKNOWABLE)


def _folded(atom: Atom, *, positive: bool) -> Formula:
    found = constant_folded(atom)
    return found if positive else negated(found)
