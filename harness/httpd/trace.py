"""What did httpd make of each condition of one request, by its own log?

At the levels of LOG_LEVEL httpd logs each condition with its result (measured on 2.4.71). A client's words stand in
some of these messages. Each form is therefore read from the message's first character on, and to its last.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.httpd.directive import Directive
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
# Before the first bracket stand the client's address and its user: a name with a bracket in it is not read.
_BY_REWRITE = r"[^\[]*\[[^\[\]/]*/sid#\w+\]\[rid#\w+/(?:initial|subreq)(?:/redir#\d+)?\] (?:\[perdir [^\]]*\] )?"
_REWRITE = re.compile(rf"{_BY_REWRITE}RewriteCond: input='.*' pattern='(.*)'(?: \[NC\])? => (matched|not-matched)$")
_FORBIDDEN = re.compile(rf"{_BY_REWRITE}(forcing) responsecode \d+ for ")
_NOT = re.compile(r"Require not\s+", re.IGNORECASE)
_VARIABLE = re.compile(r"Setting (\S+)")
_SSL_REQUIRE = re.compile(r"AH02228: Failed expression: (.*)$")
_FORMS: Mapping[tuple[str, str | None], Sequence[tuple[re.Pattern[str], Kind]]] = {
    ("authz_core", "mod_authz_core"): [(_REQUIRE, Kind.REQUIRE)],
    ("authz_core", None): [(re.compile(r"(AH01630): "), Kind.REFUSAL)],
    ("rewrite", "mod_rewrite"): [(_REWRITE, Kind.REWRITE_CONDITION), (_FORBIDDEN, Kind.REFUSAL)],
    ("setenvif", "mod_setenvif"): [(_VARIABLE, Kind.VARIABLE)],
    ("ssl", None): [(_SSL_REQUIRE, Kind.SSL_REQUIRE), (re.compile(r"(AH02229): "), Kind.REFUSAL)],
    ("auth_basic", None): [(re.compile(r"(AH0161[78]): user "), Kind.PASSWORD)],
}
_EXPRESSIONS = "util_expr_eval"
"""The source file that evaluates expressions, for every module."""


def entry_of(line: LogLine) -> TraceEntry | None:
    """Return what was evaluated; None where the line tells of no condition."""
    forms = _FORMS.get((line.module, line.source), ())
    if line.source == _EXPRESSIONS:
        forms = [(_EXPRESSION, Kind.EXPRESSION)]
    for form, kind in forms:
        if said := form.match(line.message):
            result = said[2] if form.groups > 1 else str(kind is Kind.VARIABLE)
            return TraceEntry(kind, unescaped(said[1]).strip(), result)
    return None


def of_request(entries: Sequence[TraceEntry], *, error_document: bool) -> Trace:
    """Return the evaluations of the request itself. An ErrorDocument is served by a guard of its own: what is evaluated
    after the refusal belongs to that."""
    refusals = [number for number, entry in enumerate(entries) if entry.kind is Kind.REFUSAL]
    own = entries[: refusals[0]] if error_document and refusals else entries
    return tuple(entry for entry in own if entry.kind is not Kind.REFUSAL)


@dataclass(frozen=True)
class Index:
    """The conditions of one site, by how httpd's trace names them. `names` are the files of the configuration as the
    reader knows them, by their paths in the container."""

    conditions: Sequence[Condition]
    names: Mapping[str, str]

    def evaluated(self, trace: Trace) -> dict[Condition, bool]:
        """What httpd made of each condition in one request; the last time where it was evaluated several times."""
        found: dict[Condition, bool] = {}
        if not trace:
            return found
        variables = {entry.text for entry in trace if entry.kind is Kind.VARIABLE}
        failed = {entry.text for entry in trace if entry.kind is Kind.SSL_REQUIRE}
        for condition in self.conditions:
            name, words = condition.directive.name.lower(), condition.directive.words()
            if name.startswith(("setenvif", "browsermatch")) and name != "setenvifexpr":
                found[condition] = any(word.partition("=")[0].lstrip("!") in variables for word in words[1:])
            elif name == "sslrequire" and (failed or not self._was_denied(trace)):
                found[condition] = condition.directive.arguments not in failed
        for entry in trace:
            for condition in self._named_by(entry):
                found[condition] = _holds(entry)
        return found

    def _named_by(self, entry: TraceEntry) -> Iterator[Condition]:
        """The conditions that an entry is about."""
        for condition in self.conditions:
            if is_about(entry, condition.directive, self.names):
                yield condition

    @staticmethod
    def _was_denied(trace: Trace) -> bool:
        """Whether authorization had denied before SSLRequire could."""
        whole = [entry for entry in trace if entry.kind is Kind.REQUIRE]
        return bool(whole) and whole[-1].result == "denied"


def is_about(entry: TraceEntry, directive: Directive, names: Mapping[str, str]) -> bool:
    """Whether an entry of the trace tells of this directive; `names` are as in an `Index`."""
    name = directive.name.lower()
    match entry.kind:
        case Kind.REQUIRE:
            return name == "require" and _provider(entry.text) == _provider(f"Require {directive.arguments.strip()}")
        case Kind.EXPRESSION:
            file, _, line = entry.text.rpartition(":")
            expression = name in {"if", "elseif", "setenvifexpr"} or _is_expression(directive)
            return expression and (names.get(file, file), int(line)) == (directive.file, directive.line)
        case Kind.REWRITE_CONDITION:
            return name == "rewritecond" and not _is_expression(directive) and entry.text == directive.words()[1]
        case Kind.SSL_REQUIRE:
            return name == "sslrequire" and entry.text == directive.arguments
    return False


def _provider(text: str) -> str:
    """What a Require asks for, negated or not."""
    return _NOT.sub("Require ", text)


def _is_expression(directive: Directive) -> bool:
    return directive.name.lower() == "rewritecond" and directive.words()[:1] == ["expr"]


def _holds(entry: TraceEntry) -> bool:
    """Whether the condition of an entry was true. httpd writes the parts of a RequireNone as `Require not`: what that
    denies is true, what it is neutral to is not."""
    if entry.kind is Kind.REQUIRE:
        return entry.result == ("denied" if _NOT.match(entry.text) else "granted")
    return entry.result in {"matched", "1"}


def deciding(index: Index, trace: Trace) -> Condition | None:
    """The condition that denied a request: the last Require that denied, else an SSLRequire that failed, else the last
    condition that matched before a rule; None where httpd tells of none."""
    denied = [entry for entry in trace if entry.kind is Kind.REQUIRE and entry.result == "denied"]
    failed = [entry for entry in trace if entry.kind is Kind.SSL_REQUIRE]
    matched = [entry for entry in trace if entry.result in {"matched", "1"}]
    for entry in (*reversed(denied), *reversed(failed), *reversed(matched)):
        for condition in index.conditions:
            if is_about(entry, condition.directive, index.names):
                return condition
    return None
