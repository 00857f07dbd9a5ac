"""Which value had each condition in one request, by httpd's own log?

At the levels of LOG_LEVEL httpd logs each condition with its result (measured on 2.4.71). A client's words stand in
some of these messages. Each form is therefore read from the message's first character on, and to its last.
"""

import functools
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.httpd.directive import Directive, Places
from harness.httpd.environment import Condition
from harness.httpd.log_line import LogLine, unescaped

LOG_LEVEL = (
    "LogLevel warn ssl:debug core:trace4",
    *(
        line
        for module, level in (("authz_core", "debug"), ("rewrite", "trace4"), ("setenvif", "trace4"))
        for line in (f"<IfModule {module}_module>", f"LogLevel {module}:{level}", "</IfModule>")
    ),
)
"""The directives that make httpd log its conditions; a module that is not loaded has no level."""


class Kind(StrEnum):
    """What was evaluated."""

    REQUIRE = "require"
    EXPRESSION = "expression"
    REWRITE_CONDITION = "rewrite-condition"
    VARIABLE = "variable"
    SSL_REQUIRE = "ssl-require"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    REFUSAL = "refusal"


@dataclass(frozen=True)
class TraceEntry:
    """One evaluation: `text` is the directive as httpd prints it, the pattern of a RewriteCond, the place of an
    expression (file and line), the name of a variable that was set, or the number of httpd's message about a password;
    `result` as httpd says it."""

    kind: Kind
    text: str
    result: str


Trace = tuple[TraceEntry, ...]
"""The evaluations of one request, in httpd's order."""

_EXPRESSION = re.compile(r"Evaluation of expression from (.+:\d+) gave: (-?\d+)$")
_REQUIRE = re.compile(
    r"AH0162[56]: authorization result of (.+?) ?: (granted|denied|neutral)(?: \(no authenticated.*)?$"
)
_NO_REQUIRE = re.compile(r"AH01628: authorization (result): (granted) \(no directives\)$")
# Before the first bracket stand the client's address and its user: a name with a bracket in it is not read.
_BY_REWRITE = r"[^\[]*\[[^\[\]/]*/sid#\w+\]\[rid#\w+/(?:initial|subreq)(?:/redir#\d+)?\] (?:\[perdir [^\]]*\] )?"
_REWRITE = re.compile(rf"{_BY_REWRITE}RewriteCond: input='.*' pattern='(.*)'(?: \[NC\])? => (matched|not-matched)$")
_FORBIDDEN = re.compile(rf"{_BY_REWRITE}(forcing) responsecode \d+ for ")
_NOT = re.compile(r"Require not\s+", re.IGNORECASE)
_VARIABLE = re.compile(r"Setting (\S+)")
_SSL_REQUIRE = re.compile(r"AH02228: Failed expression: (.*)$")
_FORMS: Mapping[tuple[str, str | None], Sequence[tuple[re.Pattern[str], Kind]]] = {
    ("authz_core", "mod_authz_core"): [(_REQUIRE, Kind.REQUIRE), (_NO_REQUIRE, Kind.REQUIRE)],
    ("authz_core", None): [(re.compile(r"(AH01630): "), Kind.REFUSAL)],
    ("rewrite", "mod_rewrite"): [(_REWRITE, Kind.REWRITE_CONDITION), (_FORBIDDEN, Kind.REFUSAL)],
    ("setenvif", "mod_setenvif"): [(_VARIABLE, Kind.VARIABLE)],
    ("ssl", None): [(_SSL_REQUIRE, Kind.SSL_REQUIRE), (re.compile(r"(AH02229): "), Kind.REFUSAL)],
    ("auth_basic", None): [(re.compile(r"(AH0161[78]): user "), Kind.PASSWORD)],
}
_EXPRESSIONS = "util_expr_eval"
"""The source file that evaluates expressions, for every module."""


def entry_of(line: LogLine) -> TraceEntry | None:
    """Return the evaluation that a line logs; None if it logs none."""
    forms = _FORMS.get((line.module, line.source), ())
    if line.source == _EXPRESSIONS:
        forms = [(_EXPRESSION, Kind.EXPRESSION)]
    for form, kind in forms:
        if found := form.match(line.message):
            result = found[2] if form.groups > 1 else str(kind is Kind.VARIABLE)
            return TraceEntry(kind, unescaped(found[1]).strip(), result)
    return None


def of_request(entries: Sequence[TraceEntry], *, error_document: bool) -> Trace:
    """Return the evaluations of the request itself. An ErrorDocument is served by a guard of its own: what is evaluated
    after the refusal belongs to that."""
    refusals = [number for number, entry in enumerate(entries) if entry.kind is Kind.REFUSAL]
    own = entries[: refusals[0]] if error_document and refusals else entries
    return tuple(entry for entry in own if entry.kind is not Kind.REFUSAL)


@dataclass(frozen=True)
class Index:
    """The conditions of one site, by how httpd's trace names them."""

    conditions: Sequence[Condition]
    places: Places
    _named: dict[TraceEntry, tuple[Condition, ...]] = field(default_factory=dict, compare=False)
    """What was found by entry: the same one comes in the trace of many requests."""

    def evaluated(self, trace: Trace) -> dict[Condition, bool]:
        """The value of each condition in one request: the last one if it was evaluated several times. Conditions that
        the trace does not distinguish are left out."""
        if not trace:
            return {}
        variables = {entry.text.lower() for entry in trace if entry.kind is Kind.VARIABLE}
        found: dict[Condition, bool] = {}
        for condition in self.conditions:
            value = self._of_request(condition, trace, variables)
            if value is not None and (not value or condition not in self.twins):
                found[condition] = value
        for entry in trace:
            for condition in self.named_by(entry):
                if entry.kind is Kind.EXPRESSION or condition not in self.twins:
                    found[condition] = _holds(entry) is not _is_negated(condition.directive)
        return found

    def _of_request(self, condition: Condition, trace: Trace, variables: Collection[str]) -> bool | None:
        """The value of a condition by the trace as a whole: httpd logs a SetEnvIf that is true, and an SSLRequire that
        is false. None if the trace does not show it."""
        reached = any(entry.kind is Kind.REQUIRE for entry in trace)
        names = _sets(condition.directive)
        if names and condition.directive.kind != "setenvifexpr":
            # Where a rule answered first, no section was evaluated.
            if names.issubset(variables):
                return True if condition.is_evaluated_once else None
            return False if reached else None
        if condition.directive.kind != "sslrequire":
            return None
        failed = {entry.text for entry in trace if entry.kind is Kind.SSL_REQUIRE}
        if condition.directive.arguments in failed:
            return False
        # Authorization is evaluated after SSLRequire; httpd stops at the first one that fails.
        return True if reached and not failed and condition.is_evaluated_once else None

    def named_by(self, entry: TraceEntry) -> tuple[Condition, ...]:
        """The conditions that an entry is about."""
        if entry not in self._named:
            found = (one for one in self.conditions if is_about(entry, one.directive, self.places))
            self._named[entry] = tuple(found)
        return self._named[entry]

    @functools.cached_property
    def twins(self) -> Mapping[Condition, Condition]:
        """For a condition, another one of which httpd logs the same: a SetEnvIf of the same variable, or a RewriteCond
        with the same pattern for another text."""
        pairs = itertools.permutations(self.conditions, 2)
        return {one: other for one, other in pairs if _are_twins(one.directive, other.directive)}


def _are_twins(one: Directive, other: Directive) -> bool:
    if names := _sets(one):
        return not names.isdisjoint(_sets(other)) and (one.file, one.line) != (other.file, other.line)
    if not one.kind == other.kind == "rewritecond" or _is_expression(one) or _is_expression(other):
        return False
    return one.words[1:2] == other.words[1:2] and one.words[:1] != other.words[:1]


@functools.cache
def _sets(directive: Directive) -> frozenset[str]:
    """The variables that a SetEnvIf or BrowserMatch sets, in lower case."""
    name, words = directive.kind, directive.words
    if not name.startswith(("setenvif", "browsermatch")):
        return frozenset()
    named = words[2:] if name in {"setenvif", "setenvifnocase"} else words[1:]
    return frozenset(word.partition("=")[0].removeprefix("!").lower() for word in named)


def is_about(entry: TraceEntry, directive: Directive, places: Places) -> bool:
    """Whether an entry of the trace is about this directive."""
    name = directive.kind
    match entry.kind:
        case Kind.REQUIRE:
            return name == "require" and _provider(entry.text) == _provider(f"Require {directive.arguments}")
        case Kind.EXPRESSION:
            file, _, line = entry.text.rpartition(":")
            expression = name in {"if", "elseif", "setenvifexpr"} or _is_expression(directive)
            return expression and places.locate(file, int(line)) == (directive.file, directive.line)
        case Kind.REWRITE_CONDITION:
            return name == "rewritecond" and not _is_expression(directive) and entry.text == directive.words[1]
        case Kind.SSL_REQUIRE:
            return name == "sslrequire" and entry.text == directive.arguments
    return False


def _provider(text: str) -> str:
    """The provider and the arguments of a Require, negated or not."""
    return _NOT.sub("Require ", text.strip())


def _is_expression(directive: Directive) -> bool:
    return directive.kind == "rewritecond" and directive.value == "expr"


def _is_negated(directive: Directive) -> bool:
    """Whether a RewriteCond is true where its expression is not: httpd logs the expression."""
    return _is_expression(directive) and directive.words[1].startswith("!")


def _holds(entry: TraceEntry) -> bool:
    """Whether the condition of an entry was true. httpd writes the parts of a RequireNone as `Require not`: what that
    denies is true, what it is neutral to is not."""
    if entry.kind is Kind.REQUIRE:
        return entry.result == ("denied" if _NOT.match(entry.text) else "granted")
    return entry.result in {"matched", "1"}


def deciding(index: Index, trace: Trace) -> Condition | None:
    """The condition that denied a request: the last Require that denied, else an SSLRequire that failed, else the last
    condition that matched before a rule; None if httpd logs none."""
    denied = [entry for entry in trace if entry.kind is Kind.REQUIRE and entry.result == "denied"]
    failed = [entry for entry in trace if entry.kind is Kind.SSL_REQUIRE]
    matched = [entry for entry in trace if entry.result in {"matched", "1"}]
    found = (
        one for entry in (*reversed(denied), *reversed(failed), *reversed(matched)) for one in index.named_by(entry)
    )
    return next(found, None)


def password_error(trace: Trace) -> str | None:
    """The number of httpd's message that a password or its user was not accepted."""
    return next((entry.text for entry in reversed(trace) if entry.kind is Kind.PASSWORD), None)
