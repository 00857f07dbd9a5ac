"""What do the sections that cover a path come to, merged one after the other as httpd does it?

Each module merges in its own way: mod_authz_core by AuthMerging, mod_ssl adds, most others replace.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.httpd.arguments import words
from harness.httpd.directive import Directive
from harness.httpd.environment import Environment
from harness.httpd.expression import parse
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Formula,
    Term,
    all_of,
    any_of,
    either,
    equals,
    negated,
    substituted,
    unknowable,
)
from harness.httpd.pcre import readable, search
from harness.httpd.redirect import Redirect, redirect
from harness.httpd.require import (
    AUTHORIZING,
    LIMITS,
    NOTHING,
    Authorization,
    Requirements,
    Settings,
    either_of,
    merged_settings,
    one_of,
    ssl_options,
    with_head,
)
from harness.httpd.rewrite import Rule, rules
from harness.httpd.users import Files
from harness.httpd.variables import BASIC_USER, LEGACY_SUBJECT, VERIFY, Origin, Variable, variable

CONDITIONAL = "authentication that depends on an If"
_NO_USER: dict[Variable, Term] = {
    Variable(BASIC_USER, Origin.PASSWORD): ("",),
    Variable(BASIC_USER, Origin.REQUEST): ("",),
    Variable(LEGACY_SUBJECT, Origin.CERTIFICATE): ("",),
}
_ACCESS = {"order", "allow", "deny", "satisfy"}


@dataclass(frozen=True)
class Section:
    """Directives that are merged together: those of the server, of a section about the path, or of an If.

    `folder` is what the section names: mod_rewrite takes it for the folder of the rules inside, whatever it is.
    """

    body: Sequence[Directive]
    kind: str = "server"
    folder: str = ""


@dataclass(frozen=True)
class Override:
    """A setting that the last section that has it decides."""

    configured: Formula = FALSE
    value: Formula = TRUE

    def over(self, before: "Override") -> "Override":
        """What it comes to, merged over what was set before."""
        value = either(self.configured, self.value, before.value)
        return Override(any_of((self.configured, before.configured)), value)


@dataclass(frozen=True)
class RuleSet:
    """The rules of mod_rewrite in force; `engine` None is as it was before."""

    engine: bool | None = None
    rules: tuple[Rule, ...] = ()
    folder: str = "/"
    base: str | None = None
    options: frozenset[str] = frozenset()

    def over(self, before: "RuleSet | None") -> "RuleSet":
        """What it comes to, merged over the rules before: it replaces them unless it inherits them."""
        if before is None:
            return self
        options = self.options or before.options
        both = (*before.rules, *self.rules) if "inheritbefore" in options else (*self.rules, *before.rules)
        return replace(
            self,
            engine=before.engine if self.engine is None else self.engine,
            rules=both if options & {"inherit", "inheritbefore"} else self.rules,
            base=before.base if self.base is None else self.base,
            options=options,
        )


Rewrites = tuple[tuple[Formula, RuleSet | None], ...]
"""Which rules are in force: the first ones whose condition holds; the last condition is TRUE."""


@dataclass(frozen=True)
class State:
    """What sections come to."""

    authorization: Authorization = NOTHING
    access: Override = Override()
    satisfy_any: Override = Override(FALSE, FALSE)
    requirements: Formula = TRUE
    strict: Override = Override(FALSE, FALSE)
    certificate: Override = Override()
    methods: Override = Override()
    not_redirected: Formula = TRUE
    rewrites: Rewrites = ((TRUE, None),)

    def over(self, before: "State") -> "State":
        """What they come to, merged over what came before."""
        return State(
            self.authorization.over(before.authorization),
            self.access.over(before.access),
            self.satisfy_any.over(before.satisfy_any),
            all_of((before.requirements, self.requirements)),
            self.strict.over(before.strict),
            self.certificate.over(before.certificate),
            self.methods.over(before.methods),
            all_of((before.not_redirected, self.not_redirected)),
            tuple(
                (all_of((condition, also)), new.over(old) if new else old)
                for condition, new in self.rewrites
                for also, old in before.rewrites
            ),
        )

    def checked(self, settings: Settings) -> Formula:
        """What access and authorization come to."""
        # What is granted without a user is granted before anybody is asked for one, and only who could do is asked.
        at_once, asks = (substituted(one, _NO_USER) for one in (self.authorization.granted, self.authorization.asks))
        granted = any_of((at_once, all_of((asks, self.authorization.granted))))
        if _is_authenticated(settings):
            # A user is asked for, and nothing says which: httpd answers with 500.
            known = settings["authtype"].arguments != CONDITIONAL
            granted = all_of((self.authorization.present if known else unknowable(CONDITIONAL), granted))
        # These modules come before mod_ssl: what they deny never comes to SSLVerifyClient and SSLRequire.
        before = all_of((self.access.value, self.methods.value))
        access = all_of((before, self.certificate.value, self.requirements))
        # StrictRequire has a say where a user is asked for, and only there.
        strict = any_of((negated(self.strict.value), self.requirements, unknowable("SSLOptions +StrictRequire")))
        alone = all_of((granted, strict)) if _is_authenticated(settings) else granted
        if (named := settings.get("sslusername")) and "fakebasicauth" not in ssl_options(settings):
            # Where access is denied, mod_ssl may not have come to the name of the user.
            unnamed = substituted(alone, {variable(words(named.arguments)[0]): ("",)})
            alone = any_of((unnamed, all_of((alone, unknowable("SSLUserName where access is denied")))))
        # A client without a certificate is refused with its connection, or with a status that Satisfy any forgives.
        refused = unknowable("SSLVerifyClient beside Satisfy any")
        alone = all_of((alone, any_of((negated(before), self.certificate.value, refused))))
        checked = either(self.satisfy_any.value, any_of((access, alone)), all_of((access, granted)))
        return all_of((checked, self.not_redirected))


def either_state(condition: Formula, then: State, otherwise: State) -> State:
    """What sections come to where a condition holds, and where it does not."""
    if condition in (TRUE, FALSE):
        return then if condition == TRUE else otherwise

    def override(name: str) -> Override:
        one, other = getattr(then, name), getattr(otherwise, name)
        return Override(either(condition, one.configured, other.configured), either(condition, one.value, other.value))

    rewrites = (*((all_of((condition, also)), one) for also, one in then.rewrites), *otherwise.rewrites)
    return State(
        either_of(condition, then.authorization, otherwise.authorization),
        override("access"),
        override("satisfy_any"),
        either(condition, then.requirements, otherwise.requirements),
        override("strict"),
        override("certificate"),
        override("methods"),
        either(condition, then.not_redirected, otherwise.not_redirected),
        rewrites if then.rewrites != otherwise.rewrites else otherwise.rewrites,
    )


@dataclass(frozen=True)
class Reader:
    """Reads sections for a request for `url`, with the variables and the files that a rule looks at."""

    environment: Environment
    files: Files
    url: str
    intended: bool = False
    may_be_left_out: bool = False
    """Whether httpd may not come to an SSLRequire: `Satisfy any` stands in a section, or a rule leads elsewhere."""

    def state(self, section: Section, settings: Settings) -> State:
        """What the directives of one section come to."""
        entries = [*flat(section.body)]
        by_name = {entry.kind: entry for entry in entries if not entry.body}
        required = Requirements(self.environment, self.files, self.intended)
        once = section.kind != "if" and not self.may_be_left_out
        found = State(authorization=required.of_section(section.body, settings))
        if by_name.keys() & _ACCESS:
            access, satisfy_any = required.access(section.body), required.satisfy_any(section.body)
            found = replace(found, access=Override(TRUE, access), satisfy_any=Override(TRUE, satisfy_any))
        if asked := [one for one in entries if one.kind.startswith("sslrequire")]:
            found = replace(found, requirements=all_of(self._ssl_requirement(one, once) for one in asked))
        if "ssloptions" in by_name:
            found = replace(found, strict=_strict(merged_settings({}, entries)))
        if "allowmethods" in by_name:
            found = replace(found, methods=Override(TRUE, _allowed(entries)))
        if section.kind == "server":
            # The rules themselves are the server's, which come before any section; engine and options are everybody's.
            rule_set = _rule_set(section)
            return replace(found, rewrites=((TRUE, replace(rule_set, rules=())),)) if rule_set else found
        if "sslverifyclient" in by_name:
            must = by_name["sslverifyclient"].value == "require"
            found = replace(found, certificate=Override(TRUE, equals(variable(VERIFY), "SUCCESS") if must else TRUE))
        redirects = [self._not_redirected(one) for one in map(redirect, entries) if one]
        return replace(found, not_redirected=all_of(redirects), rewrites=((TRUE, _rule_set(section)),))

    def _ssl_requirement(self, entry: Directive, once: bool) -> Formula:
        if entry.kind == "sslrequiressl":
            return equals(variable("HTTPS"), "on")
        return self.environment.note(entry, parse(entry.arguments, ssl_require=True), is_asked_once=once)

    def _not_redirected(self, found: Redirect) -> Formula:
        """Whether a Redirect leaves this path alone."""
        if found.directive.kind == "redirectmatch":
            text = f"{found.directive.name} {found.directive.arguments}"
            unreadable = equals(Variable(text, Origin.UNKNOWABLE), "false")
            return (FALSE if search(found.path, self.url) else TRUE) if readable(found.path) else unreadable
        below = self.url == found.path or self.url.startswith(found.path.rstrip("/") + "/")
        return FALSE if below else TRUE


def flat(body: Iterable[Directive]) -> Iterator[Directive]:
    """Yield what stands in a section, through containers that are about the same places."""
    for entry in body:
        yield entry
        if entry.kind in AUTHORIZING | LIMITS:
            yield from flat(entry.body)


def _is_authenticated(settings: Settings) -> bool:
    return "authtype" in settings and settings["authtype"].value != "none"


def _strict(settings: Settings) -> Override:
    """Whether SSLOptions has StrictRequire; options with a sign change what was set before."""
    options = words(settings["ssloptions"].arguments)
    is_set = any(word[:1] not in {"+", "-"} or word[1:].lower() == "strictrequire" for word in options)
    return Override(TRUE if is_set else FALSE, TRUE if "strictrequire" in ssl_options(settings) else FALSE)


def _allowed(entries: Iterable[Directive]) -> Formula:
    """Which methods AllowMethods allows."""
    methods: list[str] = []
    for entry in entries:
        if entry.kind == "allowmethods":
            methods = [] if entry.words == ("reset",) else [*methods, *entry.words]
    return one_of(variable("REQUEST_METHOD"), with_head(methods)) if methods else TRUE


def _rule_set(section: Section) -> RuleSet | None:
    """The rules of a section; None where it has no directive of mod_rewrite."""
    body = section.body
    if not any(entry.kind.startswith("rewrite") for entry in body):
        return None
    engines = _engines(body)
    bases = [entry.words[0] for entry in body if entry.kind == "rewritebase"]
    return RuleSet(
        engines[-1] if engines else None,
        tuple(rules(body)),
        f"{section.folder.rstrip('/')}/",
        bases[-1] if bases else None,
        frozenset(rewrite_options(body)),
    )


def _engines(body: Iterable[Directive]) -> list[bool]:
    return [entry.value == "on" for entry in body if entry.kind == "rewriteengine"]


def engine_over(body: Iterable[Directive], before: Formula, condition: Formula = TRUE) -> Formula:
    """Whether mod_rewrite's engine is on, after a section that is merged where a condition holds."""
    engines = _engines(body)
    return either(condition, TRUE if engines[-1] else FALSE, before) if engines else before


def server_rules(levels: Sequence[Sequence[Directive]]) -> list[Rule]:
    """Return the rules of the virtual host: with `RewriteOptions Inherit` the main server's as well."""
    listed: list[Rule] = []
    down: set[str] = set()
    for level in levels:
        options = rewrite_options(level) | down
        own = list(rules(level))
        inherited = listed if options & {"inherit", "inheritbefore"} else []
        listed = [*inherited, *own] if "inheritbefore" in options else [*own, *inherited]
        down = {
            one.removesuffix("down").replace("inheritdownbefore", "inheritbefore") for one in options if "down" in one
        }
    return listed


def rewrite_options(body: Iterable[Directive]) -> set[str]:
    """The words of RewriteOptions, in lower case."""
    return {word.lower() for entry in body if entry.kind == "rewriteoptions" for word in entry.words}
