"""When do Require, Order, Allow and Deny grant or deny a request (mod_authz_core, mod_access_compat)?"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.httpd.arguments import words
from harness.httpd.directive import Directive
from harness.httpd.environment import Environment
from harness.httpd.expression import parse, require_expression
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Atom,
    Formula,
    Operator,
    all_of,
    any_of,
    either,
    equals,
    negated,
    unknowable,
    variables,
)
from harness.httpd.users import Files, known_users, members
from harness.httpd.variables import BASIC_USER, LEGACY_SUBJECT, USER, VERIFY, Origin, Variable, variable

AUTHORIZING = {"require", "requireall", "requireany", "requirenone"}
LIMITS = {"limit", "limitexcept"}
Settings = Mapping[str, Directive]
"""The directives in force, by their names in lower case."""
OF_USERS = {"user", "valid-user", "group"}
"""What of Require is about a user."""
_METHOD = variable("REQUEST_METHOD")
_LOCAL = ("127.0.0.0/8", "::1/128")
_FROM_ITSELF = Atom((variable("REMOTE_ADDR"),), Operator.IN_NETWORK, (variable("SERVER_ADDR"),))
"""Whether a client has the address of the server itself."""
_ADDRESS = re.compile(r"[\d.:/a-fA-F]*[\d:][\d.:/a-fA-F]*")


@dataclass(frozen=True)
class Result:
    """When a Require, or a block of them, is granted or denied; else it is neutral. `asks` is true if it is denied only
    because no user is known yet (AUTHZ_DENIED_NO_USER)."""

    granted: Formula
    denied: Formula
    asks: Formula = FALSE

    @classmethod
    def from_formula(cls, formula: Formula, *, asks: bool = False) -> "Result":
        """The result that is granted if the formula is true, and else denied."""
        return cls(formula, negated(formula), negated(formula) if asks else FALSE)

    @property
    def never_neutral(self) -> bool:
        """Whether it is always granted or denied."""
        return self.denied == negated(self.granted)

    def inverted(self) -> "Result":
        """`Require not`, `RequireNone`: what was granted is denied, what was denied is neutral."""
        return Result(FALSE, self.granted)


NEUTRAL = Result(FALSE, FALSE)


def every(parts: Sequence[Result]) -> Result:
    """`RequireAll`: denied by any, granted where one grants and none denies."""
    neutral = [part for part in parts if not part.never_neutral]
    certain = [part.granted for part in parts if part.never_neutral]
    granted = certain or [any_of(part.granted for part in neutral)]
    denied_for_any_user = any_of(all_of((part.denied, negated(part.asks))) for part in parts)
    return Result(
        all_of((*granted, *(negated(part.denied) for part in neutral))),
        any_of(part.denied for part in parts),
        all_of((any_of(part.asks for part in parts), negated(denied_for_any_user))),
    )


def some(parts: Sequence[Result]) -> Result:
    """`RequireAny`: granted by any, denied where one denies and none grants."""
    granted = any_of(part.granted for part in parts)
    asks = all_of((negated(granted), any_of(part.asks for part in parts)))
    if any(part.never_neutral for part in parts):
        return Result(granted, negated(granted), asks)
    return Result(granted, all_of((negated(granted), any_of(part.denied for part in parts))), asks)


@dataclass(frozen=True)
class Authorization:
    """The result of the authorization directives of a section (mod_authz_core's `authz_core_dir_conf`).

    `applies` is true for the methods of the directives, `result` is their result for those, `present` is true if there
    is any Require, `configured` if there is any directive at all; `by_and` and `by_or` are AuthMerging.
    """

    applies: Formula = TRUE
    result: Result = NEUTRAL
    present: Formula = FALSE
    configured: Formula = FALSE
    by_and: Formula = FALSE
    by_or: Formula = FALSE

    def within(self, *, every_one: bool) -> Result:
        """The result as a part of several, of which all must be granted (`every_one`), or one."""
        default = TRUE if every_one else FALSE
        if self.applies == TRUE:
            return self.result
        return Result(
            either(self.applies, self.result.granted, default),
            all_of((self.applies, self.result.denied)),
            all_of((self.applies, self.result.asks)),
        )

    @property
    def granted(self) -> Formula:
        """Whether a request is granted."""
        return any_of((negated(self.present), negated(self.applies), self.result.granted))

    @property
    def asks(self) -> Formula:
        """Whether a user name can change the denial: only then httpd requests one."""
        return all_of((self.present, self.applies, self.result.asks))

    def merged_over(self, before: "Authorization") -> "Authorization":
        """The authorization after a merge over the one of the sections before."""
        joined = either_of(self.by_and, self._joined(before, by_and=True), self._joined(before, by_and=False))
        found = either_of(any_of((self.by_and, self.by_or)), joined, self)
        return either_of(self.configured, found, before)

    def _joined(self, before: "Authorization", *, by_and: bool) -> "Authorization":
        parts = [one.within(every_one=by_and) for one in (before, self)]
        both = Authorization(any_of((before.applies, self.applies)), every(parts) if by_and else some(parts), TRUE)
        found = either_of(self.present, either_of(before.present, both, self), before)
        return replace(found, configured=TRUE, by_and=self.by_and, by_or=self.by_or)


NOTHING = Authorization()
"""The authorization of a section without any such directive."""


def either_of(condition: Formula, then: Authorization, otherwise: Authorization) -> Authorization:
    """The authorization `then` if a condition is true, else `otherwise`."""
    if condition in (TRUE, FALSE) or then == otherwise:
        return then if condition != FALSE else otherwise
    result = Result(
        either(condition, then.result.granted, otherwise.result.granted),
        either(condition, then.result.denied, otherwise.result.denied),
        either(condition, then.result.asks, otherwise.result.asks),
    )
    return Authorization(
        either(condition, then.applies, otherwise.applies),
        result,
        either(condition, then.present, otherwise.present),
        either(condition, then.configured, otherwise.configured),
        either(condition, then.by_and, otherwise.by_and),
        either(condition, then.by_or, otherwise.by_or),
    )


@dataclass(frozen=True)
class Requirements:
    """Evaluates the directives of a section, with the variables and the files that rules use.

    With `intended`, an alternative that admits every client is left out beside a stricter rule: it is a mistake.
    """

    environment: Environment
    files: Files
    intended: bool = False

    def of_section(self, body: Sequence[Directive], settings: Settings) -> Authorization:
        """The authorization of one section's Require directives, of which one is enough."""
        parts = self._intended_alternatives([*self._parts(body, settings, TRUE)])
        merging = next((entry.value for entry in reversed([*body]) if entry.kind == "authmerging"), "")
        by_and, by_or = (TRUE if merging == one else FALSE for one in ("and", "or"))
        if not parts:
            return Authorization(configured=TRUE if merging else FALSE, by_and=by_and, by_or=by_or)
        result = some([part.within(every_one=False) for part in parts])
        return Authorization(any_of(part.applies for part in parts), result, TRUE, TRUE, by_and, by_or)

    def _parts(self, body: Iterable[Directive], settings: Settings, applies: Formula) -> Iterator[Authorization]:
        """Yield the authorization of each directive of a section, also of each one in a <Limit>."""
        for entry in body:
            kind = entry.kind
            if kind in LIMITS:
                limited = self.environment.note(entry, limited_to(entry))
                yield from self._parts(entry.body, settings, all_of((applies, limited)))
            elif kind == "requireany":
                # It is a part of the section as if it were not written.
                yield from self._parts(entry.body, settings, applies)
            elif kind in AUTHORIZING:
                yield Authorization(applies, self.result(entry, settings), TRUE)

    def _intended_alternatives(self, alternatives: list[Authorization]) -> list[Authorization]:
        """The alternatives, with `intended` without those that admit every client."""
        asking = [one for one in alternatives if one.result.granted != TRUE]
        return asking if self.intended and asking else alternatives

    def result(self, entry: Directive, settings: Settings) -> Result:
        """The result of one Require, or of a block of them."""
        kind = entry.kind
        if kind != "require":
            parts = [self.result(part, settings) for part in entry.body if part.kind in AUTHORIZING]
            if kind == "requireall":
                return every(parts)
            return some(parts).inverted() if kind == "requirenone" else some(parts)
        first, _, rest = entry.arguments.strip().partition(" ")
        is_negated = first.lower() == "not"
        provider, _, arguments = (rest if is_negated else entry.arguments).strip().partition(" ")
        formula = self._provider(provider.lower(), arguments.strip(), settings)
        asks = provider.lower() in OF_USERS or variable("REMOTE_USER") in variables(formula)
        found = Result.from_formula(self.environment.note(entry, formula), asks=asks)
        return found.inverted() if is_negated else found

    def _provider(self, kind: str, text: str, settings: Settings) -> Formula:
        named = words(text)
        simple: dict[str, Callable[[], Formula]] = {
            "all": lambda: TRUE if text.lower() == "granted" else FALSE,
            "ssl": lambda: equals(variable("HTTPS"), "on"),
            "ssl-verify-client": lambda: equals(variable(VERIFY), "SUCCESS"),
            "expr": lambda: parse(require_expression(text)),
            "env": lambda: any_of(map(self.environment.is_set, named)),
            "method": lambda: one_of(_METHOD, with_head(named)),
            "ip": lambda: any_of(map(_from, named)),
            "local": lambda: any_of((*map(_from, _LOCAL), _FROM_ITSELF)),
            "host": lambda: one_of(variable("REMOTE_HOST"), named),
            "forward-dns": lambda: one_of(variable("REMOTE_HOST"), named),
            "valid-user": lambda: self._user(None, settings),
            "user": lambda: self._user(named, settings),
            "group": lambda: self._user(self._members(named, settings), settings),
        }
        return simple[kind]() if kind in simple else unknowable(f"Require {kind} {text}".strip())

    def _user(self, wanted: Sequence[str] | None, settings: Settings) -> Formula:
        """Whether the request has one of these users (None: any), by certificate (SSLUserName) or `_request_user`."""
        by_request = self._request_user(wanted, settings)
        if not (user_variable := _words(settings, "sslusername")) or "fakebasicauth" in ssl_options(settings):
            # With FakeBasicAuth, mod_ssl leaves SSLUserName alone.
            return by_request
        # httpd requests no password if the certificate has a user name.
        from_certificate = variable(user_variable[0])
        return any_of((one_of(from_certificate, wanted), all_of((equals(from_certificate, ""), by_request))))

    def _request_user(self, wanted: Sequence[str] | None, settings: Settings) -> Formula:
        """Whether the request has one of these users by its Authorization header, or by FakeBasicAuth in its place."""
        kind, providers = next(iter(_words(settings, "authtype")), "None"), _words(settings, "authbasicprovider")
        if kind.lower() == "none":
            return FALSE  # httpd requests no user name.
        if kind.lower() != "basic":
            return unknowable(f"AuthType {kind}")
        if "anon" in providers:
            named = [name for name in _words(settings, "anonymous") if name != "*"]
            return one_of(Variable(BASIC_USER, Origin.REQUEST), named or wanted or [USER])
        if not _words(settings, "authuserfile"):
            return unknowable(f"AuthBasicProvider {' '.join(providers)}")
        by_password, by_subject = Variable(BASIC_USER, Origin.PASSWORD), Variable(LEGACY_SUBJECT, Origin.CERTIFICATE)
        if "fakebasicauth" not in ssl_options(settings):
            known = known_users(self.files, _words(settings, "authuserfile")) or []
            users = [USER, *known] if wanted is None else [*wanted]
            # mod_ssl refuses a subject as the user name of a request.
            return one_of(by_password, [one for one in users if not one.startswith("/")])
        listed = known_users(self.files, _words(settings, "authuserfile"))
        if listed is None:
            return one_of(by_subject, [one for one in wanted or () if one.startswith("/")] or [f"/CN={USER}"])
        counted = [name for name in listed if wanted is None or name in wanted]
        subjects = [name for name in counted if name.startswith("/")]
        # The subject of a certificate replaces the user name of the request.
        others = one_of(by_password, [one for one in counted if one not in subjects])
        return any_of((one_of(by_subject, subjects), all_of((equals(by_subject, ""), others))))

    def _members(self, groups: Sequence[str], settings: Settings) -> list[str]:
        """The members of these groups; for a file that CONFIG does not hold, the good client."""
        paths = _words(settings, "authgroupfile")
        held = any(map(self.files, paths))
        return members(self.files, paths, groups) if held else [USER]

    def access(self, body: Iterable[Directive]) -> Formula:
        """Whether Order, Allow and Deny of one section admit a request."""
        found = [*_with_limits(body)]
        # Deny,Allow is what counts without any Order; each Order is about the methods of its <Limit>.
        allows_first: Formula = FALSE
        for entry, limit in found:
            if entry.kind == "order":
                order = entry.arguments.lower().replace(" ", "")
                allows_first = either(_within(limit), FALSE if order == "deny,allow" else TRUE, allows_first)
        allowed, denied = (
            any_of(
                all_of((_within(limit), self.environment.note(entry, any_of(map(self._host, _hosts(entry))))))
                for entry, limit in found
                if entry.kind == name
            )
            for name in ("allow", "deny")
        )
        return either(allows_first, all_of((allowed, negated(denied))), any_of((allowed, negated(denied))))

    def satisfy_any(self, body: Iterable[Directive]) -> Formula:
        """For which methods of a section access or authorization is enough (`Satisfy any`)."""
        found: Formula = FALSE
        for entry, limit in _with_limits(body):
            if entry.kind == "satisfy":
                found = either(_within(limit), TRUE if entry.value == "any" else FALSE, found)
        return found

    def _host(self, word: str) -> Formula:
        """Whether a client matches an argument of Allow or Deny."""
        if word.lower() == "all":
            return TRUE
        if word.lower().startswith("env="):
            name = word[4:].removeprefix("!")
            return negated(self.environment.is_set(name)) if word[4:5] == "!" else self.environment.is_set(name)
        return _from(word) if _ADDRESS.fullmatch(word) else equals(variable("REMOTE_HOST"), word)


def merged_settings(before: Settings, body: Iterable[Directive]) -> dict[str, Directive]:
    """The settings in force after these directives: the last one counts, and the words of SSLOptions add up."""
    found = dict(before)
    for entry in body:
        name = entry.kind
        adds = name == "ssloptions" and name in found
        if not entry.body:
            found[name] = replace(entry, arguments=f"{found[name].arguments} {entry.arguments}") if adds else entry
    return found


def ssl_options(settings: Settings) -> set[str]:
    """The words of SSLOptions in force, in lower case: a sign changes what was there, a word without takes its
    place."""
    found: set[str] = set()
    for word in map(str.lower, _words(settings, "ssloptions")):
        if word.startswith("-"):
            found.discard(word[1:])
        else:
            found = {*(found if word.startswith("+") else ()), word.removeprefix("+")}
    return found


def limited_to(limit: Directive) -> Formula:
    """Whether a request's method is one that a <Limit> or <LimitExcept> is about."""
    named = one_of(_METHOD, with_head(limit.words))
    return named if limit.kind == "limit" else negated(named)


def _within(limit: Directive | None) -> Formula:
    return limited_to(limit) if limit else TRUE


def one_of(tested: Variable, values: Iterable[str] | None) -> Formula:
    """Whether a variable has one of these values; None is any but none at all."""
    return negated(equals(tested, "")) if values is None else any_of(equals(tested, value) for value in values)


def _from(text: str) -> Formula:
    return Atom((variable("REMOTE_ADDR"),), Operator.IN_NETWORK, (text,))


def with_head(methods: Iterable[str]) -> list[str]:
    """The methods as httpd counts them: GET and HEAD are one."""
    named = [*methods]
    both = [*named, "GET", "HEAD"] if {"GET", "HEAD"} & {*named} else named
    return [*dict.fromkeys(both)]


def _words(settings: Settings, name: str) -> Sequence[str]:
    return settings[name].words if name in settings else ()


def _hosts(entry: Directive) -> Sequence[str]:
    return entry.words[1:] if entry.value == "from" else entry.words


def _with_limits(
    body: Iterable[Directive], limit: Directive | None = None
) -> Iterator[tuple[Directive, Directive | None]]:
    """Yield the directives of a section, each with the <Limit> that it stands in."""
    for entry in body:
        yield entry, limit
        if entry.kind in LIMITS:
            yield from _with_limits(entry.body, entry)
