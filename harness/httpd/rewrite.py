"""What do the rules of mod_rewrite do with one path: to which target, denied when, with which variables?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.httpd.directive import Directive
from harness.httpd.expression import parse_with_groups
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
    constant_folded,
    matches,
    negated,
    substituted,
    unknowable,
)
from harness.httpd.groups import (
    NO_GROUPS,
    UNCLEARED,
    Groups,
    Match,
    by_match,
    cases,
    filled,
    is_uncleared,
    reference,
    refers,
    where,
)
from harness.httpd.pcre import readable
from harness.httpd.rewrite_rule import Condition, Rule, flags, rules
from harness.httpd.variables import HEADERS, Origin, Variable, environment, header, variable

__all__ = ["Condition", "Rewriting", "Rule", "Way", "flags", "rules"]

_MOST_PATHS = 32
"""How many ways through a list of rules are followed."""
_FOUND = re.compile(r"%\{([^{}]*)\}|\$\{|([$%])(\d)|\\(.)")
_KNOWN = {
    *HEADERS,
    *("REMOTE_ADDR", "CONN_REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_IDENT", "REQUEST_METHOD"),
    *("SCRIPT_FILENAME", "REQUEST_FILENAME", "REQUEST_URI", "PATH_INFO", "QUERY_STRING", "AUTH_TYPE", "DOCUMENT_ROOT"),
    *("SERVER_ADMIN", "SERVER_NAME", "SERVER_ADDR", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "TIME"),
    *("TIME_YEAR", "TIME_MON", "TIME_DAY", "TIME_HOUR", "TIME_MIN", "TIME_SEC", "TIME_WDAY", "API_VERSION", "IPV6"),
    *("THE_REQUEST", "REQUEST_SCHEME", "HTTPS", "IS_SUBREQ", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT"),
    *("REQUEST_STATUS", "REMOTE_USER", "SCRIPT_USER", "SCRIPT_GROUP"),
}
"""What mod_rewrite has a value for without a prefix; any other name is empty."""
_COMPARED = {
    "<=": (Operator.SHORTER_OR_EQUAL, True),
    ">=": (Operator.SHORTER_OR_LESS, False),
    "=": (Operator.EQUAL, True),
    "<": (Operator.SHORTER_OR_LESS, True),
    ">": (Operator.SHORTER_OR_EQUAL, False),
    "-eq": (Operator.NUMBER_EQUAL, True),
    "-ne": (Operator.NUMBER_EQUAL, False),
    "-lt": (Operator.NUMBER_LESS, True),
    "-le": (Operator.NUMBER_LESS_OR_EQUAL, True),
    "-gt": (Operator.NUMBER_LESS_OR_EQUAL, False),
    "-ge": (Operator.NUMBER_LESS, False),
}
"""mod_rewrite compares texts by their length first."""
_BY_LETTER = {Operator.SHORTER_OR_LESS: Operator.LESS, Operator.SHORTER_OR_EQUAL: Operator.LESS_OR_EQUAL}
_FILENAMES = ("REQUEST_FILENAME", "SCRIPT_FILENAME")
_FOLDERS = (
    *("/bin/", "/boot/", "/dev/", "/etc/", "/home/", "/lib/", "/media/", "/mnt/", "/opt/", "/proc/", "/root/", "/run/"),
    *("/sbin/", "/srv/", "/sys/", "/tmp/", "/usr/", "/var/"),  # noqa: S108 - only names
)
"""The folders that every system has (Filesystem Hierarchy Standard 3.0, section 3)."""
_FILE_TEST = re.compile(r"-([dfFhlLsUxH])$")
_ABSOLUTE = re.compile(r"(https?)://([^/:?]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Way:
    """One way through the rules: its condition, and the path at its end, None where `answered_by` answers the request.
    `passes_through` says that the other modules map the path (PT), `query` is the query string if a rule changed it."""

    condition: Formula
    path: str | None
    answered_by: Rule | None = None
    passes_through: bool = False
    ends: bool = False
    query: Term | None = None
    unknown: bool = False
    """Whether the outcome of the request is unknown: `condition` is UNKNOWABLE, and no section is evaluated."""


@dataclass(frozen=True)
class _State:
    """Where a request is on its way through the rules."""

    path: str
    reached: Formula
    query: Term | None = None
    environment: Mapping[Variable, Term] = field(default_factory=dict)
    """The variables that rules have set on this way."""


@dataclass
class Rewriting:
    """What a list of rules makes of one path. `values` are texts known of the request, such as REQUEST_URI. `folder` is
    what the rules of a <Directory> do not see of the path, with a slash at its end. A rule `of_server` puts nothing
    before the path that it leads to."""

    rules: Sequence[Rule]
    values: Mapping[str, str]
    folder: str = ""
    of_server: bool = False
    conditions: list[tuple[Directive, Formula]] = field(default_factory=list)
    """Each condition that was looked at, as a formula."""
    environment: list[tuple[Formula, str, Term | None]] = field(default_factory=list)
    """Each variable that is set (None: unset) and when."""
    failing: list[Formula] = field(default_factory=list)
    """When httpd may fail: as in `Environment.failing`."""
    _fuel: int = _MOST_PATHS * 8

    def ways(self, path: str) -> list[Way]:
        """Follow a path through all rules."""
        self._fuel = _MOST_PATHS * 8
        found = list(self._from(0, _State(path, TRUE)))
        return found if len(found) <= _MOST_PATHS else [Way(unknowable("too many rewrites"), path, unknown=True)]

    def _from(self, at: int, state: _State) -> Iterator[Way]:
        if state.reached == FALSE:
            return
        self._fuel -= 1
        if self._fuel < 0:
            yield Way(all_of((state.reached, unknowable("too many rewrites"))), state.path, unknown=True)
            return
        if at >= len(self.rules):
            yield Way(state.reached, state.path, query=state.query)
            return
        rule = self.rules[at]
        holds, groups = self._holds(rule, state)
        missed = at + 1
        while "C" in self.rules[missed - 1].flags and missed < len(self.rules):
            missed += 1
        if holds != FALSE:
            matched = self._set(rule, replace(state, reached=all_of((state.reached, holds))), groups)
            following = at + 1 + int(rule.flags.get("S") or 0)
            unseen = not rule.variables or not any(map(_looks_at_environment, self.rules))
            if _does_nothing(rule) and following == missed and unseen:
                yield from self._from(missed, state)
                return
            yield from self._matched(rule, following, matched, groups)
        yield from self._from(missed, replace(state, reached=all_of((state.reached, negated(holds)))))

    def _matched(self, rule: Rule, following: int, state: _State, groups: Groups) -> Iterator[Way]:
        """Follow a path on from a rule that holds."""
        if rule.status is not None:
            yield Way(state.reached, None, rule)
            return
        if rule.redirects:
            last = rule.flags.keys() & {"L", "END"} or not any(map(_leads_elsewhere, self.rules[following:]))
            is_own = self._is_own(rule)
            yield Way(state.reached, None, rule) if last and not is_own else self._unknown(rule, state)
            return
        changed = self._substituted(rule, state, groups)
        if changed is None:
            yield self._unknown(rule, state)
        elif rule.flags.keys() & {"L", "END", "P", "PT"}:
            through = "PT" in rule.flags
            yield Way(state.reached, changed.path, None, through, "END" in rule.flags, changed.query)
        elif "N" in rule.flags:
            unchanged = changed == state and not rule.variables
            yield from [Way(state.reached, None, rule)] if unchanged else self._from(0, changed)
        else:
            yield from self._from(following, changed)

    def _unknown(self, rule: Rule, state: _State) -> Way:
        text = f"{rule.directive.name} {rule.directive.arguments}"
        return Way(all_of((state.reached, unknowable(text))), state.path, unknown=True)

    def _is_own(self, rule: Rule) -> bool:
        """Whether a rule leads to a URL of the host's own, which mod_rewrite makes a path of it."""
        found = _ABSOLUTE.match(rule.substitution)
        return found is not None and "R" not in rule.flags and found[2] == self.values.get("SERVER_NAME")

    def _set(self, rule: Rule, state: _State, groups: Groups) -> _State:
        """Take up the variables that a rule sets."""
        values = dict(state.environment)
        for assignment in rule.variables:
            name, _, value = assignment.partition(":")
            text = None if name.startswith("!") else self._term(value, rule, state)
            for condition, match in cases(groups) if text and refers(text) else ((TRUE, None),):
                found = filled(text, match) if text is not None else None
                self.environment.append((all_of((state.reached, condition)), name.removeprefix("!"), found))
            unknown = (Variable(assignment, Origin.UNKNOWABLE),)
            values[environment(name.removeprefix("!"))] = () if text is None else unknown if refers(text) else text
        return replace(state, environment=values)

    def _subject(self, path: str) -> str:
        """What the rules see of a path."""
        return path.removeprefix(self.folder) if self.folder else path

    def _substituted(self, rule: Rule, state: _State, groups: Groups) -> _State | None:
        """Return where a rule leads to; None where that depends on what the client writes."""
        if rule.substitution == "-" or "P" in rule.flags:
            return state
        term = self._term(rule.substitution, rule, state)
        if refers(term) and len(groups) == 1:
            term = filled(term, groups[0][1])
        path, mark, query = "".join(part if isinstance(part, str) else "\0" for part in term).partition("?")
        if "\0" in path:
            return None
        if not path.startswith("/"):
            path = f"{'/' if self.of_server else self.folder}{path}"
        if not mark or query == "":
            # `?` alone takes the query away.
            return replace(state, path=path, query=() if mark or "QSD" in rule.flags else state.query)
        known = "\0" not in query and "QSA" not in rule.flags
        text: Term = (query,) if known else (Variable(f"the query of {rule.substitution}", Origin.UNKNOWABLE),)
        return replace(state, path=path, query=text)

    # --- conditions
    def _holds(self, rule: Rule, state: _State) -> tuple[Formula, Groups]:
        """When a rule holds, and what `%1` is then."""
        if not readable(rule.expression):
            return unknowable(f"{rule.directive.name} {rule.directive.arguments}"), NO_GROUPS
        if rule.match(self._subject(state.path)) is None:
            return FALSE, NO_GROUPS
        found: list[Formula] = []
        alternatives: list[Formula] = []
        groups = NO_GROUPS
        for condition in rule.conditions:
            formula, then = self._condition(condition, rule, state, groups)
            if is_uncleared(formula):
                self.failing.append(all_of((state.reached, formula)))
            self.conditions.append((condition.directive, formula))
            groups = where(any_of(alternatives), groups, then)
            alternatives.append(formula)
            if not condition.joined_by_or:
                found.append(any_of(alternatives))
                alternatives = []
        # An OR that nothing follows is always true.
        return all_of(found), groups

    def _condition(self, condition: Condition, rule: Rule, state: _State, before: Groups) -> tuple[Formula, Groups]:
        """When a condition is true, and what `%1` is after it."""
        pattern, positive = condition.pattern.removeprefix("!"), not condition.pattern.startswith("!")
        if condition.text.lower() == "expr":
            formula, groups = parse_with_groups(pattern, before=UNCLEARED)
            values = {**state.environment, **{variable(name): (state.path,) for name in _FILENAMES}}
            if state.query is not None:
                values[variable("QUERY_STRING")] = state.query
            groups = tuple((substituted(one, values), match) for one, match in groups)
            if is_uncleared(formula):
                return formula, before
            formula = substituted(formula, values)
            return (formula, where(formula, groups, before)) if positive else (negated(formula), before)
        text = self._term(condition.text, rule, state)
        kind = next((one for one in _COMPARED if pattern.startswith(one)), "")
        is_expression = not kind and not _FILE_TEST.match(pattern)

        def build(match: Match | None) -> Formula:
            return self._tested(filled(text, match), pattern, kind, condition)

        formula = by_match(before, build) if refers(text) else build(None)
        if not is_expression or not positive:
            return (formula if positive else negated(formula)), before
        expression = f"(?i){pattern}" if "NC" in condition.flags else pattern
        pairs = tuple((one, Match(filled(text, match), expression)) for one, match in before)
        return formula, where(formula, pairs if refers(text) else ((TRUE, pairs[-1][1]),), before)

    def _tested(self, text: Term, pattern: str, kind: str, condition: Condition) -> Formula:
        """When a text passes the test of a condition."""
        if _FILE_TEST.match(pattern):
            return self._file_test(text, pattern, condition)
        if not kind:
            return matches(text, f"(?i){pattern}" if "NC" in condition.flags else pattern)
        operator, positive = _COMPARED[kind]
        operand = pattern.removeprefix(kind)
        if kind == "=" and operand == '""':
            operand = ""
        if "NC" in condition.flags and not kind.startswith("-"):
            # Without case it compares letter by letter.
            text, operand, operator = (Applied("tolower", text),), operand.lower(), _BY_LETTER.get(operator, operator)
        if all(isinstance(part, str) for part in text):
            text = ("".join(map(str, text)),)
        found = constant_folded(Atom(text, operator, (operand,)))
        return found if positive else negated(found)

    def _file_test(self, text: Term, test: str, condition: Condition) -> Formula:
        """Whether what a path leads to is there: of the paths that are asked for, a folder or a file with an ending
        is; of others it is unknown."""
        path = "".join(part for part in text if isinstance(part, str))
        root, url = self.values.get("DOCUMENT_ROOT", ""), self.values.get("REQUEST_URI", "")
        requested = {url, f"{root}{url}", self.values.get("REQUEST_FILENAME", "")}
        if path not in requested or test not in {"-f", "-d"} or not all(isinstance(part, str) for part in text):
            return unknowable(f"{condition.text} {test}")
        is_folder, is_file = path.endswith("/"), "." in path.rpartition("/")[2]
        return TRUE if (is_folder if test == "-d" else is_file) else FALSE

    def _term(self, text: str, rule: Rule, state: _State) -> Term:
        """Read a text in which variables and references to groups stand."""
        groups = rule.match(self._subject(state.path)) or ()
        found: list[str | Variable | Applied] = []
        at = 0
        for one in _FOUND.finditer(text):
            found.append(text[at : one.start()])
            at = one.end()
            if one[1] is not None:
                found += self._variable(one[1], state)
            elif one[4]:
                found.append(one[4])
            elif one[2] == "$":
                found.append(groups[int(one[3])] if int(one[3]) < len(groups) else "")
            elif one[2] == "%":
                found.append(reference(int(one[3])))
            else:
                return (Variable(text, Origin.UNKNOWABLE),)
        found.append(text[at:])
        return tuple(part for part in found if part != "")

    def _variable(self, name: str, state: _State) -> Term:
        kind, colon, rest = name.partition(":")
        if colon:
            match kind.upper():
                case "SSL":
                    return (variable(rest),)
                case "HTTP":
                    return (header(rest),)
                case "ENV":
                    return state.environment.get(environment(rest), (environment(rest),))
            return (Variable(name, Origin.UNKNOWABLE),)
        known = name.upper()
        if known == "QUERY_STRING" and state.query is not None:
            return state.query
        if known in _FILENAMES:
            return (state.path,)
        if known in self.values:
            return (self.values[known],)
        return (variable(known),) if known in _KNOWN else ()


def names_a_file(path: str) -> bool:
    """Whether a path that a rule of the server leads to is a file's, and no URL's: its first folder is there."""
    return path.startswith(_FOLDERS)


def condition_formula(rule: Rule, condition: Condition) -> Formula:
    """Return one condition of a rule as a formula in which the path is a variable like another."""
    return Rewriting((), {})._condition(condition, rule, _State("", TRUE), NO_GROUPS)[0]


def _does_nothing(rule: Rule) -> bool:
    """Whether the way goes on as before where a rule holds."""
    return rule.substitution == "-" and not rule.responds and not rule.flags.keys() & {"L", "END", "P", "PT", "N"}


def _looks_at_environment(rule: Rule) -> bool:
    """Whether an environment variable may decide about a rule."""
    texts = (rule.substitution, *(part for one in rule.conditions for part in (one.text, one.pattern)))
    return any("env" in text.lower() for text in texts)


def _leads_elsewhere(rule: Rule) -> bool:
    """Whether a rule may make another path of a redirect that came before it."""
    return rule.substitution != "-" and not rule.responds
