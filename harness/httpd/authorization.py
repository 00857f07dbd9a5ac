"""Whom does httpd admit at one path: the access decision as one formula, from every directive that has a say in it?

mod_authz_core, mod_access_compat, mod_ssl, mod_rewrite, mod_setenvif, mod_allowmethods and `<If>`, merged and in the
order of phases as httpd does it (`server/request.c`; core documentation, "How the sections are merged").
"""

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.httpd.conditions import chains, expression
from harness.httpd.directive import Directive, walk
from harness.httpd.environment import Condition, Environment, variables_set
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Atom,
    Formula,
    Operator,
    Term,
    all_of,
    any_of,
    cofactor,
    either,
    negated,
    replaced,
    substituted,
    unknowable,
)
from harness.httpd.merging import (
    CONDITIONAL,
    Reader,
    RuleSet,
    Section,
    State,
    either_state,
    engine_over,
    flat,
    server_rules,
)
from harness.httpd.require import merged_settings, ssl_options
from harness.httpd.rewrite import Rewriting, Way, names_a_file
from harness.httpd.users import Files
from harness.httpd.variables import Origin, Variable, header, variable

__all__ = ["ALWAYS", "Condition", "Decision", "Place", "Section", "decide"]

_MOST_REQUESTS = 12
"""How many internal redirects of one request are followed."""
_LEGACY = {
    variable(f"SSL_CLIENT_{one}_DN"): (Variable(f"SSL_CLIENT_{one}_DN (legacy)", Origin.CERTIFICATE),) for one in "SI"
}
_FILENAMES = ("REQUEST_FILENAME", "SCRIPT_FILENAME")
_OF_USERS = {
    *("authtype", "authuserfile", "authgroupfile", "authbasicprovider", "anonymous", "sslusername"),
}
"""What decides who a user is, besides `SSLOptions +FakeBasicAuth`."""


@dataclass(frozen=True)
class Decision:
    """Who is admitted at a site: the formula, and the conditions that it is made of."""

    formula: Formula = TRUE
    conditions: tuple[Condition, ...] = ()


ALWAYS = Decision()
"""The decision of a place that has no guard."""


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
    httpd does: `Require all granted` as an alternative, texts that are compared as numbers, and rules of mod_rewrite
    without `RewriteEngine on`."""
    covering = place.sections(place.path, place.content(place.path))
    bodies = (*place.levels, *(section.body for section in covering))
    environment = Environment(
        place.environment, mentioned=Counter(one for body in bodies for one in variables_set(body))
    )
    known = {header(name[5:]) if name[:5] == "HTTP:" else variable(name): text for name, text in place.known.items()}
    # SSLOptions +LegacyDNStringFormat: names as they were before 2.3.11.
    in_force: Mapping[str, Directive] = {}
    for one in bodies:
        in_force = merged_settings(in_force, one)
    names = _LEGACY if "legacydnstringformat" in ssl_options(in_force) else {}

    def settled(formula: Formula) -> Formula:
        found = cofactor(substituted(formula, names), known)
        return replaced(found, _as_text) if place.intended else found

    formula = settled(_request(place, place.path, environment, _Trail()))
    conditions = environment.conditions.values()
    return Decision(formula, tuple(replace(one, formula=settled(one.formula)) for one in conditions))


def _as_text(atom: Atom) -> Formula:
    """Compare as texts what is no number."""
    operand = "".join(part for part in atom.right if isinstance(part, str))
    is_text = atom.operator is Operator.NUMBER_EQUAL and not operand.strip().lstrip("+-").isdigit()
    return replace(atom, operator=Operator.EQUAL) if is_text else atom


@dataclass(frozen=True)
class _Trail:
    """The requests that internal redirects have made of one: those before this one, and how many in all."""

    before: frozenset[Hashable] = frozenset()
    ended: bool = False
    """Whether a rule has ended all rewriting (END)."""
    made: Iterator[int] = field(default_factory=itertools.count)

    def after(self, request: Hashable) -> "_Trail":
        """The trail of what comes after a request."""
        return replace(self, before=self.before | {request})

    def of(self, way: Way) -> "_Trail":
        """The trail of what comes after a way through rules."""
        return replace(self, ended=self.ended or way.ends)


def _request(place: Place, path: str, environment: Environment, trail: _Trail) -> Formula:
    """Whether a request for a path is admitted, after those of the trail."""
    key = (path, environment.state())
    if key in trail.before:
        # It goes round in a circle, which httpd ends with 500.
        return FALSE
    if next(trail.made) >= _MOST_REQUESTS:
        return unknowable(f"more than {_MOST_REQUESTS} internal redirects, the last to {path}")
    trail = trail.after(key)
    here = environment.branch(_path_values(path))
    here.take(entry for level in place.levels for entry in flat(level))
    intended = place.intended and server_rules(place.levels)
    engine = FALSE if trail.ended else TRUE if intended else _engine(place, path, here)
    off: Formula = FALSE
    if engine != TRUE:
        off = _Sections(place, here, path, Way(TRUE, path, ends=trail.ended), trail).formula()
    if engine == FALSE:
        return off
    rewriting = Rewriting(server_rules(place.levels), {**place.known, "REQUEST_URI": path}, of_server=True)
    ways = rewriting.ways(path)
    followed = here.branch({})
    conditions = _followed(followed, rewriting, ways)
    only = len(ways) == 1
    on = any_of(
        condition
        if way.unknown
        else all_of((condition, _Sections(place, followed, path, way, trail, is_only_way=only).formula()))
        for condition, way in zip(conditions, ways, strict=True)
        # What is no path is a bad request.
        if way.path is not None and way.path.startswith("/")
    )
    return either(engine, on, off)


def _engine(place: Place, path: str, environment: Environment) -> Formula:
    """Whether the rules of the server are followed: each <Location> about the path as it was asked for has a say."""
    found: Formula = FALSE
    covering = [Section(level) for level in place.levels]
    covering += [one for one in place.sections(path, place.content(path)) if one.kind == "location"]
    for section in covering:
        found = engine_over(section.body, found)
    for one in _walks(covering, environment.branch(_path_values(path))):
        for chain in one:
            for branch in chain:
                found = engine_over(branch.body, found, branch.chosen)
    return found


def _followed(
    environment: Environment, rewriting: Rewriting, ways: Sequence[Way], *, once: bool = True
) -> list[Formula]:
    """Take up what rules have looked at and set; returns when each way through them is gone."""
    # After a redirect that ends no list, the rules see a URL.
    redirects = [rule for rule in rewriting.rules if rule.redirects and not rule.flags.keys() & {"L", "END"}]
    for directive, formula in rewriting.conditions:
        environment.note(directive, formula, is_asked_once=once and not redirects)
    environment.failing += map(environment.resolved, rewriting.failing)
    found = [environment.resolved(way.condition) for way in ways]
    for condition, name, value in rewriting.environment:
        environment.add(name, value, condition)
    return found


def _path_values(path: str) -> dict[Variable, Term]:
    return {variable("REQUEST_URI"): (path,), variable("DOCUMENT_URI"): (path,)}


@dataclass(frozen=True)
class _Branch:
    """An If, ElseIf or Else, and when it is chosen."""

    body: Sequence[Directive]
    chosen: Formula


Walk = list[list[_Branch]]
"""All chains of If, ElseIf and Else that are chosen from together."""


def _walks(covering: Iterable[Section], environment: Environment) -> list[Walk]:
    """The conditional sections: all chains, then those inside of them, and so on."""
    found: list[Walk] = []
    walk = [_chosen(chain, TRUE, environment) for section in covering for chain in chains(section.body)]
    while walk:
        found.append(walk)
        branches = [branch for chain in walk for branch in chain]
        walk = [_chosen(inner, branch.chosen, environment) for branch in branches for inner in chains(branch.body)]
    return found


def _chosen(chain: Sequence[Directive], reached: Formula, environment: Environment) -> list[_Branch]:
    """Tell when each branch of a chain counts: its condition holds, and none before."""
    found: list[_Branch] = []
    before: list[Formula] = []
    for branch in chain:
        condition = TRUE if branch.kind == "else" else environment.note(branch, expression(branch))
        found.append(_Branch(branch.body, all_of((reached, negated(any_of(before)), condition))))
        before.append(condition)
    return found


class _Sections:
    """The sections that cover a path, which the rules of the server have led to somewhere."""

    def __init__(
        self, place: Place, environment: Environment, path: str, way: Way, trail: _Trail, *, is_only_way: bool = True
    ) -> None:
        assert way.path is not None
        self.place, self.trail, self.ends, self.is_only_way = place, trail, way.ends, is_only_way
        self.url = way.path if way.passes_through else path
        # A rule of the server may lead to a file: then no other module maps the path.
        is_file = way.path != path and not way.passes_through and names_a_file(way.path)
        self.content = way.path if is_file else place.content(way.path)
        values = _path_values(self.url)
        if way.query is not None:
            values[variable("QUERY_STRING")] = way.query
        if self.content.startswith("/"):
            values |= {variable(name): (self.content,) for name in _FILENAMES}
        self.environment = environment.branch(values)
        self.covering = [*(Section(level) for level in place.levels), *place.sections(self.url, self.content)]
        entries = (entry for section in self.covering for part in section.body for entry in (part, *walk(part)))
        by_any = any(entry.kind == "satisfy" and entry.value == "any" for entry in entries)
        # Another way through the rules may lead to other sections.
        self.reader = Reader(self.environment, place.files, self.url, place.intended, by_any or not is_only_way)
        self.settings: dict[str, Directive] = {}

    def formula(self) -> Formula:
        """What all sections come to, in the order of httpd's phases."""
        # Conditional sections are chosen before the variables of the other sections are set.
        walks = _walks(self.covering, self.environment)
        for section in self.covering:
            self.settings = merged_settings(self.settings, flat(section.body))
        branches = [branch for walk in walks for chain in walk for branch in chain]
        if conditional := [one for branch in branches for one in flat(branch.body) if _decides_users(one)]:
            self.settings["authtype"] = replace(conditional[0], name="AuthType", arguments=CONDITIONAL)
        for section in self.covering:
            if section.kind != "server":
                self.environment.take(flat(section.body), path=variable("REQUEST_URI"))
        for branch in branches:
            self.environment.take(flat(branch.body), branch.chosen, path=variable("REQUEST_URI"))
        state = State()
        # Sections of one kind are merged with each other first.
        for kind, sections in itertools.groupby(self.covering, lambda section: section.kind.removesuffix("match")):
            found = state if kind == "server" else State()
            for section in sections:
                found = self.reader.state(section, self.settings).over(found)
            state = found if kind == "server" else found.over(state)
        for one in walks:
            together = State()
            for chain in one:
                together = self._conditional(chain).over(together)
            state = together.over(state)
        checked = all_of((negated(any_of(self.environment.failing)), state.checked(self.settings)))
        return checked if self.ends or checked == FALSE else all_of((checked, self._after_all_rules(state)))

    def _conditional(self, chain: Sequence["_Branch"]) -> State:
        """What a chain comes to."""
        result = State()
        for branch in reversed(chain):
            own = merged_settings(self.settings, flat(branch.body))
            inside = self.reader.state(Section(branch.body, "if", "*If"), own)
            result = either_state(branch.chosen, inside, result)
        return result

    def _after_all_rules(self, state: State) -> Formula:
        """What the rules of folders let pass, whichever are in force."""
        found: Formula = TRUE
        for condition, one in reversed(state.rewrites):
            found = either(condition, self._after_rules(one) if one and one.engine and one.rules else TRUE, found)
        return found

    def _after_rules(self, rule_set: RuleSet) -> Formula:
        """What the rules of a folder let pass: another path is another request."""
        subject = self.content if self.content.startswith("/") else self.url
        rewriting = Rewriting(rule_set.rules, {**self.place.known, "REQUEST_URI": self.url}, rule_set.folder)
        ways = rewriting.ways(subject)
        environment = self.environment.branch({})
        conditions = _followed(environment, rewriting, ways, once=self.is_only_way)
        parts: list[Formula] = []
        for condition, way in zip(conditions, ways, strict=True):
            if way.unknown:
                parts.append(condition)
            elif way.path is not None and way.path.startswith("/"):
                further = TRUE if way.path == subject else self._redirected(way, rule_set, environment)
                parts.append(all_of((condition, further)))
        return all_of((negated(any_of(environment.failing)), any_of(parts)))

    def _redirected(self, way: Way, rule_set: RuleSet, environment: Environment) -> Formula:
        """Whether the request is admitted that the rules of a folder make of this one."""
        assert way.path is not None
        target, folder = way.path, rule_set.folder
        root = f"{self.place.known.get('DOCUMENT_ROOT', '').rstrip('/')}/"
        inside = self.content.removeprefix(folder)
        if rule_set.base:
            if target.startswith(folder):
                target = f"{rule_set.base.rstrip('/')}/{target.removeprefix(folder)}"
        elif root != "/" and target.startswith(root):
            target = f"/{target.removeprefix(root)}"
        elif inside != self.content and self.url.endswith(f"/{inside}") and target.startswith(folder):
            # What an Alias leads to has a URL as well.
            target = self.url.removesuffix(inside) + target.removeprefix(folder)
        query = variable("QUERY_STRING")
        values = {query: environment.values[query]} if query in environment.values else {}
        if way.query is not None:
            values[query] = way.query
        return _request(self.place, target, environment.redirected(values), self.trail.of(way))


def _decides_users(entry: Directive) -> bool:
    return entry.kind in _OF_USERS or (entry.kind == "ssloptions" and entry.mentions("fakebasicauth"))
