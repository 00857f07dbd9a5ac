"""Which environment variables are set when a rule looks at them, and by what (mod_setenvif, `RewriteRule [E=…]`)?

Names of environment variables ignore case, as those of headers do (apr_table).
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.httpd.directive import Directive
from harness.httpd.expression import parse_with_groups
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Applied,
    Atom,
    Formula,
    Term,
    all_of,
    any_of,
    either,
    equals,
    matches,
    negated,
    replaced,
    substituted,
    unknowable,
    variables,
)
from harness.httpd.groups import UNCLEARED, Groups, Match, cases, filled, is_uncleared, reference, refers
from harness.httpd.pcre import texts
from harness.httpd.rewrite_rule import flags
from harness.httpd.variables import MAYBE_SET, RAW_PATH, Origin, Variable, environment, extension, header, variable

_SPECIAL = {
    "remote_addr": "REMOTE_ADDR",
    "remote_host": "REMOTE_HOST",
    "server_addr": "SERVER_ADDR",
    "request_method": "REQUEST_METHOD",
    "request_protocol": "SERVER_PROTOCOL",
}
"""What SetEnvIf looks at besides headers and the path."""
_OID = re.compile(r"OID\(\"?([\d.]+)\"?\)")
_EXPRESSION = re.compile(r"[^-A-Za-z0-9_]")
_EXACT = re.compile(r"\^([-A-Za-z0-9_]+)\$")
_OF_PROCESS = {
    *(
        "path",
        "home",
        "hostname",
        "pwd",
        "oldpwd",
        "shell",
        "user",
        "logname",
        "lang",
        "language",
        "tz",
        "term",
        "shlvl",
    ),
    *("tmpdir", "ld_library_path", "invocation_id", "notify_socket", "httpd_prefix"),
}
"""What the process that runs httpd may have in its own environment, besides LC_… and APACHE_…: `%{ENV:…}` finds it."""
_SPECIAL_CHARACTER = re.compile(r"[\^.$|()\[\]*+?{}]")
NO_MATCH: Groups = ()
"""The groups of a text that is no regular expression."""
_BROWSER = {"browsermatch", "browsermatchnocase"}
_SETTERS = {"setenvif", "setenvifnocase", "setenvifexpr", *_BROWSER}


@dataclass(frozen=True)
class Condition:
    """One condition of a site's guard, as httpd traces it: its directive, and the formula that it comes to."""

    directive: Directive
    formula: Formula
    is_asked_once: bool = True
    """Whether httpd comes to it once in every request: not in an If, not after an internal redirect, and not always
    where `Satisfy any` stands. Of what sets a variable, whether nothing else does."""

    def __str__(self) -> str:
        return f"{self.directive.file}:{self.directive.line} {self.directive.name} {self.directive.arguments}"


@dataclass(frozen=True)
class Setter:
    """What sets a variable to a value, or unsets it (None), and when; `directive` is None where a rewrite does it."""

    name: str
    value: Term | None
    condition: Formula
    directive: Directive | None = None


@dataclass
class Environment:
    """What sets variables, in httpd's order, and the conditions of the guard that were noted so far.

    `known` are variables with the same value for every request, such as the named groups of a <LocationMatch>.
    `values` are what other variables hold at this point of a request, such as the path.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    setters: list[Setter] = field(default_factory=list)
    conditions: dict[tuple[str, int, str], Condition] = field(default_factory=dict)
    values: Mapping[Variable, Term] = field(default_factory=dict)
    mentioned: Mapping[str, int] = field(default_factory=dict)
    """By how many directives in the configuration a variable is set, sooner or later; names in lower case."""
    failing: list[Formula] = field(default_factory=list)
    """When httpd may answer with 500: `$1` is looked up, and no group was found before (its memory is not cleared)."""

    def branch(self, values: Mapping[Variable, Term]) -> "Environment":
        """Return one that goes on from here, where other variables have these values."""
        return replace(self, setters=[*self.setters], values={**self.values, **values}, failing=[*self.failing])

    def redirected(self, values: Mapping[Variable, Term]) -> "Environment":
        """Return what is left after an internal redirect: each variable has another name."""
        renamed = [replace(setter, name=f"REDIRECT_{setter.name}") for setter in self.setters]
        renamed.append(Setter("REDIRECT_STATUS", ("200",), TRUE))
        return replace(self, setters=renamed, values=values, failing=[])

    def state(self) -> Hashable:
        """What a request begins with, as far as rules look at it: no variable of a redirect before the last one."""
        kept = (setter for setter in self.setters if not setter.name.startswith("REDIRECT_REDIRECT_"))
        return frozenset((one.name, one.value, one.condition) for one in kept), frozenset(self.values.items())

    def note(self, directive: Directive, formula: Formula, *, is_asked_once: bool = True) -> Formula:
        """Note a condition of the guard; returns it without environment variables."""
        found = self.resolved(formula)
        key = (directive.file, directive.line, f"{directive.name} {directive.arguments}")
        before = self.conditions.get(key)
        if before and directive.kind not in _SETTERS:
            is_asked_once &= before.is_asked_once and before.formula == found
        self.conditions[key] = Condition(directive, found, is_asked_once)
        return found

    def is_set(self, name: str) -> Formula:
        """Whether a variable is set, whatever its value."""
        if self._is_unknown(name):
            return unknowable(f"{MAYBE_SET}{name}")
        found: Formula = TRUE if name.lower() in map(str.lower, self.known) else FALSE
        for setter in self._setters(name):
            unset = all_of((negated(setter.condition), found))
            found = unset if setter.value is None else any_of((setter.condition, found))
        return found

    def resolved(self, formula: Formula) -> Formula:
        """Return a formula with what sets them in the place of environment variables."""

        def change(atom: Atom) -> Formula:
            one = next((one for one in atom.variables if one.name.startswith("ENV:")), None)
            if one is None:
                return atom
            found = self.resolved(substituted(atom, {one: self._unset(one.name[4:])}))
            for setter in self._setters(one.name[4:]):
                value = self.resolved(substituted(atom, {one: setter.value or ("",)}))
                found = either(setter.condition, value, found)
            return found

        formula = substituted(formula, self.values)
        if not any(one.name.startswith("ENV:") for one in variables(formula)):
            return formula
        return replaced(formula, change)

    def _is_unknown(self, name: str) -> bool:
        """Whether nothing in the configuration sets a variable: a module may. What redirects leave is not there yet."""
        key = name.lower()
        known = key in map(str.lower, self.known) or key in self.mentioned or key.startswith("redirect_")
        return not known and not any(setter.name.lower() == key for setter in self.setters)

    def _unset(self, name: str) -> Term:
        """What a variable holds that nothing sets."""
        unknown = Variable(f"{MAYBE_SET}{name}", Origin.UNKNOWABLE)
        is_of_process = name.lower() in _OF_PROCESS or name.lower().startswith(("lc_", "apache_"))
        return (unknown,) if is_of_process or self._is_unknown(name) else (self._known(name),)

    def _known(self, name: str) -> str:
        return next((value for key, value in self.known.items() if key.lower() == name.lower()), "")

    def _setters(self, name: str) -> Iterator[Setter]:
        named = [setter for setter in self.setters if setter.name.lower() == name.lower()]
        for setter in named:
            if setter.directive:
                # One directive may set several values, each by a condition of its own.
                together = (one.condition for one in named if one.directive is setter.directive)
                names = {one.name.lower() for one in self.setters if one.directive is setter.directive}
                is_alone = all(self.mentioned.get(one, 1) == 1 for one in names)
                self.note(setter.directive, any_of(together), is_asked_once=is_alone)
            yield setter

    def add(self, name: str, value: Term | None, condition: Formula, directive: Directive | None = None) -> None:
        """Take up what sets a variable; the variables in its value have the value that they have now."""
        pairs = self._fixed(value) if value is not None else [(TRUE, None)]
        resolved = self.resolved(condition)
        self.setters += [Setter(name, one, all_of((resolved, when)), directive) for when, one in pairs]

    def _fixed(self, value: Term) -> list[tuple[Formula, Term | None]]:
        """What a value is without environment variables, and when."""
        found: list[tuple[Formula, Term]] = [(TRUE, ())]
        for part in value:
            pieces = self._pieces(part)
            found = [(all_of((when, one)), (*before, *term)) for when, before in found for one, term in pieces]
        return [(when, term) for when, term in found if when != FALSE]

    def _pieces(self, part: str | Variable | Applied) -> list[tuple[Formula, Term]]:
        if isinstance(part, Applied):
            return [(when, (replace(part, argument=term or ()),)) for when, term in self._fixed(part.argument)]
        if isinstance(part, Variable) and part in self.values:
            return [(TRUE, self.values[part])]
        if isinstance(part, str) or not part.name.startswith("ENV:"):
            return [(TRUE, (part,))]
        found: list[tuple[Formula, Term]] = [(TRUE, self._unset(part.name[4:]))]
        for setter in self._setters(part.name[4:]):
            others = [(all_of((negated(setter.condition), when)), term) for when, term in found]
            found = [(setter.condition, setter.value or ("",)), *others]
        return found

    def take(self, body: Iterable[Directive], condition: Formula = TRUE, *, path: Variable | None = None) -> None:
        """Take up what sets variables in a section, where `condition` holds; `path` is what Request_URI is there."""
        entries = [entry for entry in body if entry.kind in _SETTERS]
        last, attribute = "", ""
        before: Environment = self
        for entry in entries:
            kind, given = entry.kind, [*entry.words]
            attribute = "User-Agent" if kind in _BROWSER else "" if kind == "setenvifexpr" else given.pop(0)
            expression, *names = given
            if attribute.lower() != last.lower():
                # httpd looks up an attribute once for all directives in a row that are about it.
                last, before = attribute, self.branch({})
            if kind == "setenvifexpr":
                formula, groups = parse_with_groups(expression, before=UNCLEARED)
                # It is evaluated once, before any of its variables is set.
                formula = self.resolved(formula)
                found = [(formula, tuple((self.resolved(when), match) for when, match in groups))]
                if is_uncleared(formula):
                    self.failing.append(all_of((condition, formula)))
            else:
                pattern = f"(?i){expression}" if kind.endswith("nocase") else expression
                is_plain = not _SPECIAL_CHARACTER.search(re.sub(r"\\.", "", expression))
                found = [
                    (
                        all_of((when, before.resolved(matches(term, pattern)))),
                        NO_MATCH if is_plain else ((TRUE, Match(term, pattern)),),
                    )
                    for when, term in before.attribute(
                        attribute,
                        path or Variable(RAW_PATH, Origin.REQUEST),
                        any_case=kind.endswith("nocase"),
                    )
                ]
            for name in names:
                self._take(name, found, condition, entry)

    def _take(
        self, word: str, found: Iterable[tuple[Formula, Groups]], condition: Formula, directive: Directive
    ) -> None:
        """Take up one variable that a directive sets, or unsets."""
        name, _, text = word.partition("=")
        value = None if name.startswith("!") or text.startswith("!") else _value(text or "1")
        for formula, groups in found:
            holds = all_of((condition, formula))
            if value is None or not refers(value):
                self.add(name.removeprefix("!"), value, holds, directive)
                continue
            if groups == NO_MATCH:
                # What is no expression has no groups, and `$1` means nothing.
                self.add(name.removeprefix("!"), (text,), holds, directive)
                continue
            for when, match in cases(groups):
                unset = unknowable(f"{directive.name} {directive.arguments}")
                if match and match != UNCLEARED[0][1]:
                    unset = all_of((negated(matches(match.text, match.pattern)), unset))
                self.failing.append(self.resolved(all_of((holds, when, unset))))
                self.add(name.removeprefix("!"), filled(value, match), all_of((holds, when)), directive)

    def attribute(self, name: str, path: Variable, *, any_case: bool = False) -> list[tuple[Formula, Term]]:
        """What SetEnvIf looks at, and when: a part of the request, a header, or where that is not sent a variable."""
        kind = name.lower()
        if kind == "request_uri":
            return [(TRUE, (path,))]
        if kind in _SPECIAL:
            return [(TRUE, (variable(_SPECIAL[kind]),))]
        if found := _OID.fullmatch(name):
            return [(TRUE, (extension(found[1]),))]
        if _EXPRESSION.search(name):
            return _headers(name, any_case=any_case)
        if not any(setter.name.lower() == kind for setter in self.setters):
            return [(TRUE, (header(name),))]
        sent = negated(equals(header(name), ""))
        values = self._fixed((environment(name),))
        return [(sent, (header(name),)), *((all_of((negated(sent), when)), term or ()) for when, term in values)]


def _headers(expression: str, *, any_case: bool) -> list[tuple[Formula, Term]]:
    """What an expression for the names of headers finds, and when: a client may send another one than the example, or
    write its name in other letters, and the last one of several counts."""
    if any_case and (exact := _EXACT.fullmatch(expression)):
        return [(TRUE, (header(exact[1]),))]
    example = next((text for text in texts(expression) if re.fullmatch(r"[\w-]+", text)), None)
    other = negated(equals(Variable(f"another header that {expression} names", Origin.REQUEST), ""))
    unknown: Term = (Variable(f"a header that {expression} names", Origin.UNKNOWABLE),)
    return [(negated(other), (header(example),)), (other, unknown)] if example else [(TRUE, unknown)]


def variables_set(body: Iterable[Directive]) -> Iterator[str]:
    """Yield the variables that directives set, at whatever time (mod_env, mod_setenvif, mod_rewrite), in lower case."""
    for entry in body:
        if entry.kind in {"setenv", "passenv", *_SETTERS}:
            named = entry.words[:1] if entry.kind == "setenv" else entry.words
            yield from (name.partition("=")[0].lstrip("!").lower() for name in named)
        elif entry.kind == "rewriterule":
            values = (value for name, value in flags(entry) if name == "E")
            yield from (value.partition(":")[0].lstrip("!").lower() for value in values)
        yield from variables_set(entry.body)


def _value(text: str) -> Term:
    """The value that a variable is given: `$1` is what the pattern found, a backslash takes away what `$` means."""
    pieces = re.findall(r"\\(.)|\$(\d)|([^\\$]+|.)", text, re.DOTALL)
    return tuple(reference(int(number)) if number else escaped or plain for escaped, number, plain in pieces)
