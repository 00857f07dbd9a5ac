"""Whom does httpd admit at one path: the access decision as one formula, from every directive that has a say in it?

mod_authz_core, mod_access_compat, mod_ssl, mod_rewrite, mod_setenvif, mod_allowmethods and `<If>`, merged and in the
order of phases as httpd does it (`server/request.c`; core documentation, "How the sections are merged").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.httpd.directive import Directive
from harness.httpd.environment import Condition, Environment
from harness.httpd.expression import parse
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Atom,
    Formula,
    Operator,
    all_of,
    any_of,
    cofactor,
    either,
    equals,
    renamed,
    replaced,
    unknowable,
)
from harness.httpd.require import AUTHORIZING, LIMITS, Requirements, Result, every, one_of, some, with_head
from harness.httpd.rewrite import Rewriting, Rule, rules
from harness.httpd.users import Files
from harness.httpd.variables import VERIFY, Origin, Variable, header, variable

_MOST_REQUESTS = 4
"""How many internal redirects are followed."""
_LEGACY = {f"SSL_CLIENT_{one}_DN": Variable(f"SSL_CLIENT_{one}_DN (legacy)", Origin.CERTIFICATE) for one in "SI"}
_ACCESS = {"order", "allow", "deny", "satisfy"}


@dataclass(frozen=True)
class Decision:
    """Who is admitted at a site: the formula, and the conditions that it is made of."""

    formula: Formula = TRUE
    conditions: tuple[Condition, ...] = ()


ALWAYS = Decision()
"""The decision of a place that has no guard."""


@dataclass(frozen=True)
class Section:
    """Directives that are merged together: those of the server, of a section about the path, or of an If.

    `folder` is the path that a <Directory> names.
    """

    body: Sequence[Directive]
    kind: str = "server"
    folder: str = ""


@dataclass(frozen=True)
class Place:
    """Where the decision is made: a path of a virtual host.

    `levels` are the directives of the main server and of the virtual host. `sections` yields those that cover a path
    where such content is served, in the order of merging, `content` what is served at a path. `known` are variables
    with the same value for every request, `environment` variables of the environment.
    """

    path: str
    levels: Sequence[Sequence[Directive]]
    sections: Callable[[str, str], Iterable[Section]]
    content: Callable[[str], str]
    known: Mapping[str, str]
    files: Files
    environment: Mapping[str, str] = field(default_factory=dict)
    intended: bool = False


def decide(place: Place) -> Decision:
    """Return the access decision of one path. `place.intended` reads what was meant where that is known not to be what
    httpd does: `Require all granted` as an alternative, and texts that are compared as numbers."""
    reading = _Reading(place, Environment(place.environment))
    known = {header(name[5:]) if name[:5] == "HTTP:" else variable(name): text for name, text in place.known.items()}
    # SSLOptions +LegacyDNStringFormat: names as they were before 2.3.11.
    legacy = reading.has_option("legacydnstringformat")

    def settled(formula: Formula) -> Formula:
        found = cofactor(formula, known)
        found = renamed(found, _LEGACY) if legacy else found
        return replaced(found, _as_text) if place.intended else found

    formula = settled(reading.request(place.path, _MOST_REQUESTS))
    conditions = reading.environment.conditions.values()
    return Decision(formula, tuple(replace(one, formula=settled(one.formula)) for one in conditions))


def _as_text(atom: Atom) -> Formula:
    """Compare as texts what is no number."""
    operand = "".join(part for part in atom.right if isinstance(part, str))
    is_text = atom.operator is Operator.NUMBER_EQUAL and not operand.strip().lstrip("+-").isdigit()
    return replace(atom, operator=Operator.EQUAL) if is_text else atom


@dataclass(frozen=True)
class _State:
    """What the sections that were merged so far come to."""

    authorization: Result | None = None
    access: Formula = TRUE
    satisfy_any: Formula = FALSE
    requirements: Formula = TRUE
    certificate: Formula = TRUE
    methods: Formula = TRUE
    not_redirected: Formula = TRUE
    settings: Mapping[str, Directive] = field(default_factory=dict)
    engine: bool = False
    rules: tuple[Rule, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class _Reading:
    place: Place
    environment: Environment

    def has_option(self, name: str) -> bool:
        """Whether a word of SSLOptions is in force at the path."""
        covering = self.place.sections(self.place.path, self.place.content(self.place.path))
        bodies = [*self.place.levels, *(section.body for section in covering)]
        said = [entry for body in bodies for entry in body if entry.name.lower() == "ssloptions"]
        return any(name in word.lower() and not word.startswith("-") for entry in said for word in entry.words())

    def request(self, path: str, rest: int) -> Formula:
        """Whether a request for a path is admitted; `rest` is how many internal redirects may still come."""
        if rest == 0:
            return unknowable(f"more than {_MOST_REQUESTS} internal redirects, the last to {path}")
        self.environment.take((entry for level in self.place.levels for entry in _flat(level)), in_section=False)
        engine, listed = _server_rules(self.place.levels)
        outcomes: dict[Formula, list[Formula]] = {}
        for way in self._rewriting(listed if engine else (), path).ways(path):
            if way.path is not None:
                url = way.path if way.passes_through else path
                found = self._sections(url, way.path, rest, ends=way.ends)
                outcomes.setdefault(found, []).append(way.condition)
        return any_of(all_of((any_of(conditions), found)) for found, conditions in outcomes.items())

    def _rewriting(self, listed: Sequence[Rule], path: str) -> Rewriting:
        return Rewriting(listed, {**self.place.known, "REQUEST_URI": path}, self.environment)

    def _sections(self, url: str, mapped: str, rest: int, *, ends: bool) -> Formula:
        """What all sections that cover a path come to, `mapped` to what is served."""
        content = self.place.content(mapped)
        covering = [Section(level) for level in self.place.levels]
        covering += self.place.sections(url, content)
        state = _State()
        for section in covering:
            state = self._merged(state, section)
        for section in covering:
            for chain in _chains(section.body):
                state = self._conditional(state, chain)
        return self._outcome(state, url, content, None if ends else rest)

    def _merged(self, state: _State, section: Section) -> _State:
        """Merge the directives of one section into what came before."""
        flat = [*_flat(section.body)]
        by_name = {entry.name.lower(): entry for entry in flat if not entry.body}
        found = replace(state, settings={**state.settings, **by_name})
        required = Requirements(self.environment, self.place.files, self.place.intended)
        if section.kind != "server":
            self.environment.take(flat, in_section=True)
            found = _rewritten(found, section)
            # The rules of a section run after access is decided.
            self.environment.late |= {
                given.partition(":")[0].removeprefix("!") for rule in found.rules for given in rule.variables
            }
        found = replace(
            found, authorization=_authorized(found, required.of_section(section.body, found.settings), by_name)
        )
        if by_name.keys() & _ACCESS:
            any_will_do = "satisfy" in by_name and by_name["satisfy"].value == "any"
            found = replace(found, access=required.access(section.body), satisfy_any=TRUE if any_will_do else FALSE)
        if asked := [self._ssl_requirement(entry) for entry in flat if entry.name.lower().startswith("sslrequire")]:
            found = replace(found, requirements=all_of((state.requirements, *asked)))
        if section.kind != "server" and "sslverifyclient" in by_name:
            wanted = by_name["sslverifyclient"]
            must = wanted.value == "require"
            found = replace(found, certificate=equals(variable(VERIFY), "SUCCESS") if must else TRUE)
        if "allowmethods" in by_name:
            methods = [word.upper() for entry in flat if entry.name.lower() == "allowmethods" for word in entry.words()]
            allowed = TRUE if "RESET" in methods else one_of(variable("REQUEST_METHOD"), with_head(methods))
            found = replace(found, methods=allowed)
        if section.kind == "if" and by_name.keys() & {"redirect", "redirectmatch"}:
            found = replace(found, not_redirected=FALSE)
        return found

    def _ssl_requirement(self, entry: Directive) -> Formula:
        if entry.name.lower() == "sslrequiressl":
            return equals(variable("HTTPS"), "on")
        return self.environment.note(entry, parse(entry.arguments, ssl_require=True))

    def _conditional(self, state: _State, chain: Sequence[Directive]) -> _State:
        """Merge a chain of If, ElseIf and Else: after all sections, the first one that holds."""
        branches: list[tuple[Formula, _State]] = []
        for branch in chain:
            is_else = branch.name.lower() == "else"
            condition = TRUE if is_else else self.environment.note(branch, parse(branch.expression))
            inside = self._merged(state, Section(branch.body, "if"))
            for inner in _chains(branch.body):
                inside = self._conditional(inside, inner)
            branches.append((condition, inside))
        result = state
        for condition, inside in reversed(branches):
            result = self._either(condition, inside, result)
        return result

    def _either(self, condition: Formula, then: _State, otherwise: _State) -> _State:
        """What holds after a conditional section: each field by itself."""
        if condition in (TRUE, FALSE):
            return then if condition == TRUE else otherwise
        fields = ("access", "satisfy_any", "requirements", "certificate", "methods", "not_redirected")
        both = ((name, getattr(then, name), getattr(otherwise, name)) for name in fields)
        changed: dict[str, Any] = {name: either(condition, one, other) for name, one, other in both}
        authorization = then.authorization
        if then.authorization != otherwise.authorization:
            granted = [part.authorization.granted if part.authorization else TRUE for part in (then, otherwise)]
            denied = [part.authorization.denied if part.authorization else FALSE for part in (then, otherwise)]
            authorization = Result(either(condition, *granted), either(condition, *denied))
        if (then.rules, then.engine) != (otherwise.rules, otherwise.engine):
            left = self._left_by_rules(then, self.place.path)
            changed["not_redirected"] = all_of((changed["not_redirected"], either(condition, left, TRUE)))
        return replace(
            otherwise, authorization=authorization, settings={**otherwise.settings, **then.settings}, **changed
        )

    def _left_by_rules(self, state: _State, path: str) -> Formula:
        """What the rules of a conditional section let pass."""
        ways = self._rewriting(state.rules if state.engine else (), path).ways(path)
        return any_of(way.condition for way in ways if way.path is not None)

    def _outcome(self, state: _State, url: str, content: str, rest: int | None) -> Formula:
        """What all phases come to: access, authorization, methods, and the rules of the folder."""
        granted = state.authorization.granted if state.authorization else TRUE
        access = all_of((state.access, state.requirements))
        checked = either(state.satisfy_any, any_of((access, granted)), all_of((access, granted)))
        options = state.settings["ssloptions"].words() if "ssloptions" in state.settings else []
        strict = state.requirements if any("strictrequire" in word.lower() for word in options) else TRUE
        found = all_of((state.certificate, checked, strict, state.methods, state.not_redirected))
        if rest is None or not state.engine or not state.rules or found == FALSE:
            return found
        return all_of((found, self._after_rules(state, url, content, rest)))

    def _after_rules(self, state: _State, url: str, content: str, rest: int) -> Formula:
        """What the rules of a folder let pass: another path is another request."""
        subject = content if content.startswith("/") else url
        folder = f"{state.folder.rstrip('/')}/"
        path = subject.removeprefix(folder) if state.folder else subject
        ways = self._rewriting(state.rules, url).ways(path)
        parts: list[Formula] = []
        for way in ways:
            if way.path is not None:
                base = url[: len(url) - len(path)] if url.endswith(path) else url.rpartition("/")[0] + "/"
                target = way.path if way.path.startswith("/") else f"{base}{way.path}"
                further = TRUE if way.path == path else self.request(target, rest - 1)
                parts.append(all_of((way.condition, further)))
        return any_of(parts)


def _authorized(state: _State, own: Result | None, by_name: Mapping[str, Directive]) -> Result | None:
    """Merge what a section requires with what was required before (AuthMerging)."""
    before, merging = state.authorization, by_name["authmerging"].value if "authmerging" in by_name else ""
    if merging in {"and", "or"}:
        joined = every if merging == "and" else some
        return joined([before, own]) if before and own else own or before
    return own if own or merging == "off" else before


def _rewritten(state: _State, section: Section) -> _State:
    """Take up the rules of a section: they replace those of the sections before, unless they inherit them."""
    engines = [entry.value for entry in section.body if entry.name.lower() == "rewriteengine"]
    options = _options(section.body)
    own = tuple(rules(section.body))
    if not (engines or own or options):
        return state
    inherited = state.rules if options & {"inherit", "inheritbefore"} else ()
    listed = (*inherited, *own) if "inheritbefore" in options else (*own, *inherited)
    folder = section.folder if section.kind == "directory" else ""
    return replace(state, engine=engines[-1] == "on" if engines else state.engine, rules=listed, folder=folder)


def _server_rules(levels: Sequence[Sequence[Directive]]) -> tuple[bool, list[Rule]]:
    """Whether the engine is on, and the rules of the virtual host: with `RewriteOptions Inherit` the main server's."""
    engine = False
    listed: list[Rule] = []
    down: set[str] = set()
    for level in levels:
        engines = [entry.value for entry in level if entry.name.lower() == "rewriteengine"]
        options = _options(level) | down
        own = list(rules(level))
        engine = engines[-1] == "on" if engines else engine
        inherited = listed if options & {"inherit", "inheritbefore"} else []
        listed = [*inherited, *own] if "inheritbefore" in options else [*own, *inherited]
        down = {
            one.removesuffix("down").replace("inheritdownbefore", "inheritbefore") for one in options if "down" in one
        }
    return engine, listed


def _options(body: Iterable[Directive]) -> set[str]:
    return {word.lower() for entry in body if entry.name.lower() == "rewriteoptions" for word in entry.words()}


def _flat(body: Iterable[Directive]) -> Iterator[Directive]:
    """Yield what stands in a section, through containers that are about the same places."""
    for entry in body:
        yield entry
        if entry.name.lower() in AUTHORIZING | LIMITS:
            yield from _flat(entry.body)


def _chains(body: Iterable[Directive]) -> list[tuple[Directive, ...]]:
    """The conditional sections: each If with the ElseIf and Else that follow on it."""
    found: list[list[Directive]] = []
    for entry in body:
        if entry.name.lower() == "if":
            found.append([entry])
        elif entry.name.lower() in {"elseif", "else"} and found:
            found[-1].append(entry)
    return [tuple(chain) for chain in found]
