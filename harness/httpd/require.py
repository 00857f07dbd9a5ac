"""What do Require, Order, Allow and Deny ask for: granted, denied or neutral (mod_authz_core, mod_access_compat)?"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.httpd.directive import Directive
from harness.httpd.environment import Environment
from harness.httpd.expression import parse
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Atom,
    Formula,
    Operator,
    all_of,
    any_of,
    equals,
    negated,
    unknowable,
)
from harness.httpd.users import Files, known_users, members
from harness.httpd.variables import BASIC_USER, LEGACY_SUBJECT, USER, VERIFY, Origin, Variable, variable

AUTHORIZING = {"require", "requireall", "requireany", "requirenone"}
LIMITS = {"limit", "limitexcept"}
Settings = Mapping[str, Directive]
"""The directives in force, by their names in lower case."""
_METHOD = variable("REQUEST_METHOD")
_LOCAL = ("127.0.0.0/8", "::1/128")
_ADDRESS = re.compile(r"[\d.:/a-fA-F]*[\d:][\d.:/a-fA-F]*")


@dataclass(frozen=True)
class Result:
    """What a Require, or a section of such, comes to: granted, denied, or else neutral."""

    granted: Formula
    denied: Formula

    @classmethod
    def of(cls, formula: Formula) -> "Result":
        """What is granted where the formula is true, and denied where it is not."""
        return cls(formula, negated(formula))

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
    return Result(
        all_of((*granted, *(negated(part.denied) for part in neutral))),
        any_of(part.denied for part in parts),
    )


def some(parts: Sequence[Result]) -> Result:
    """`RequireAny`: granted by any, denied where one denies and none grants."""
    granted = any_of(part.granted for part in parts)
    if any(part.never_neutral for part in parts):
        return Result.of(granted)
    return Result(granted, all_of((negated(granted), any_of(part.denied for part in parts))))


@dataclass(frozen=True)
class Requirements:
    """Reads what is required, with the variables and the files that a rule looks at; `intended` leaves out what lets
    in anybody beside a rule that asks for more, as it does by mistake."""

    environment: Environment
    files: Files
    intended: bool = False

    def of_section(self, body: Iterable[Directive], settings: Settings) -> Result | None:
        """What the Require directives of one section come to; None where it has none."""
        entries = [*_requiring(body)]
        if not entries:
            return None
        found = some(self._meant([self.of(entry, settings) for entry in entries]))
        # Methods that no directive of the section is about are granted.
        applies = any_of(limited_to(entry) if entry.name.lower() in LIMITS else TRUE for entry in entries)
        return Result(any_of((negated(applies), found.granted)), all_of((applies, found.denied)))

    def of(self, entry: Directive, settings: Settings) -> Result:
        """What one Require comes to, or a block of them, or a <Limit> around them."""
        kind = entry.name.lower()
        if kind in LIMITS:
            inside = some([self.of(part, settings) for part in _requiring(entry.body)])
            applies = self.environment.note(entry, limited_to(entry))
            return Result(all_of((applies, inside.granted)), all_of((applies, inside.denied)))
        if kind != "require":
            parts = [self.of(part, settings) for part in _requiring(entry.body)]
            parts = self._meant(parts) if kind == "requireany" else parts
            return (
                every(parts)
                if kind == "requireall"
                else some(parts).inverted()
                if kind == "requirenone"
                else some(parts)
            )
        first, _, rest = entry.arguments.strip().partition(" ")
        turned = first.lower() == "not"
        provider, _, arguments = (rest if turned else entry.arguments).strip().partition(" ")
        found = Result.of(self.environment.note(entry, self._provider(provider.lower(), arguments.strip(), settings)))
        return found.inverted() if turned else found

    def _meant(self, alternatives: Sequence[Result]) -> list[Result]:
        """The alternatives that ask for something, where it is read as it was intended."""
        asking = [one for one in alternatives if one.granted != TRUE]
        return asking if self.intended and asking else list(alternatives)

    def _provider(self, kind: str, text: str, settings: Settings) -> Formula:
        words = Directive("", text, "", 0).words()
        simple: dict[str, Callable[[], Formula]] = {
            "all": lambda: TRUE if text.lower() == "granted" else FALSE,
            "ssl": lambda: equals(variable("HTTPS"), "on"),
            "ssl-verify-client": lambda: equals(variable(VERIFY), "SUCCESS"),
            "expr": lambda: parse(_unquoted(text)),
            "env": lambda: any_of(map(self.environment.is_set, words)),
            "method": lambda: one_of(_METHOD, with_head(words)),
            "ip": lambda: any_of(map(_from, words)),
            "local": lambda: any_of(map(_from, _LOCAL)),
            "host": lambda: one_of(variable("REMOTE_HOST"), words),
            "forward-dns": lambda: one_of(variable("REMOTE_HOST"), words),
            "valid-user": lambda: self._user(None, settings),
            "user": lambda: self._user(words, settings),
            "group": lambda: self._user(self._members(words, settings), settings),
        }
        return simple[kind]() if kind in simple else unknowable(f"Require {kind} {text}".strip())

    def _user(self, wanted: Sequence[str] | None, settings: Settings) -> Formula:
        """Who is a user: by the certificate (SSLUserName, FakeBasicAuth) or by a password; None wants any user."""
        if by := _words(settings, "sslusername"):
            return one_of(variable(by[0]), wanted)
        kind, providers = next(iter(_words(settings, "authtype")), "None"), _words(settings, "authbasicprovider")
        if kind == "None":
            return FALSE  # Nobody is asked who they are.
        if kind.lower() != "basic":
            return unknowable(f"AuthType {kind}")
        if "anon" in providers:
            named = [name for name in _words(settings, "anonymous") if name != "*"]
            return one_of(Variable(BASIC_USER, Origin.REQUEST), named or wanted or [USER])
        if not _words(settings, "authuserfile"):
            return unknowable(f"AuthBasicProvider {' '.join(providers)}")
        by_password, by_subject = Variable(BASIC_USER, Origin.PASSWORD), Variable(LEGACY_SUBJECT, Origin.CERTIFICATE)
        if not any("fakebasicauth" in word.lower() for word in _words(settings, "ssloptions")):
            return one_of(by_password, [USER] if wanted is None else wanted)
        users = known_users(self.files, _words(settings, "authuserfile"))
        if users is None:
            return one_of(by_subject, [one for one in wanted or () if one.startswith("/")] or [f"/CN={USER}"])
        counted = [name for name in users if wanted is None or name in wanted]
        subjects = [name for name in counted if name.startswith("/")]
        return any_of(
            (one_of(by_subject, subjects), one_of(by_password, [one for one in counted if one not in subjects]))
        )

    def _members(self, groups: Sequence[str], settings: Settings) -> list[str]:
        """Who is in any of these groups; of a file that CONFIG does not hold, the good client."""
        paths = _words(settings, "authgroupfile")
        held = any(map(self.files, paths))
        return members(self.files, paths, groups) if held else [USER]

    def access(self, body: Iterable[Directive]) -> Formula:
        """What Order, Allow and Deny of one section come to; outside of their <Limit> they have no say."""
        found = [*_with_limits(body)]
        orders = [entry.arguments.lower().replace(" ", "") for entry, _ in found if entry.name.lower() == "order"]
        allowed, denied = (
            any_of(
                all_of(
                    (
                        limited_to(limit) if limit else TRUE,
                        self.environment.note(entry, any_of(map(self._host, _hosts(entry)))),
                    )
                )
                for entry, limit in found
                if entry.name.lower() == name
            )
            for name in ("allow", "deny")
        )
        formula = any_of((allowed, negated(denied)))
        if orders and orders[-1] != "deny,allow":
            limits = [limit for entry, limit in found if entry.name.lower() == "order" and limit]
            formula = all_of((allowed, negated(denied)))
            formula = any_of((negated(limited_to(limits[-1])), formula)) if limits else formula
        return formula

    def _host(self, word: str) -> Formula:
        """Whether a client is one that Allow or Deny names."""
        if word.lower() == "all":
            return TRUE
        if word.lower().startswith("env="):
            name = word[4:].removeprefix("!")
            return negated(self.environment.is_set(name)) if word[4:5] == "!" else self.environment.is_set(name)
        return _from(word) if _ADDRESS.fullmatch(word) else equals(variable("REMOTE_HOST"), word)


def limited_to(limit: Directive) -> Formula:
    """Whether a request's method is one that a <Limit> or <LimitExcept> is about."""
    named = one_of(_METHOD, with_head(limit.words()))
    return named if limit.name.lower() == "limit" else negated(named)


def one_of(by: Variable, values: Iterable[str] | None) -> Formula:
    """Whether a variable has one of these values; None is any but none at all."""
    return negated(equals(by, "")) if values is None else any_of(equals(by, value) for value in values)


def _from(text: str) -> Formula:
    return Atom((variable("REMOTE_ADDR"),), Operator.IN_NETWORK, (text,))


def with_head(methods: Iterable[str]) -> list[str]:
    """The methods as httpd counts them: what is said of GET is said of HEAD."""
    named = [word.upper() for word in methods]
    return [*named, *(["HEAD"] if "GET" in named and "HEAD" not in named else [])]


def _unquoted(text: str) -> str:
    """The expression of a Require: httpd takes the quotes around it away, and no backslash."""
    quoted = len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]
    return text[1:-1] if quoted else text


def _words(settings: Settings, name: str) -> list[str]:
    return settings[name].words() if name in settings else []


def _hosts(entry: Directive) -> list[str]:
    words = entry.words()
    return words[1:] if words[:1] and words[0].lower() == "from" else words


def _requiring(body: Iterable[Directive]) -> Iterator[Directive]:
    """Yield the directives that authorize in a section, with those of a <Limit> as one."""
    for entry in body:
        if entry.name.lower() in AUTHORIZING or (entry.name.lower() in LIMITS and any(_requiring(entry.body))):
            yield entry


def _with_limits(
    body: Iterable[Directive], limit: Directive | None = None
) -> Iterator[tuple[Directive, Directive | None]]:
    """Yield the directives of a section, each with the <Limit> that it stands in."""
    for entry in body:
        yield entry, limit
        if entry.name.lower() in LIMITS:
            yield from _with_limits(entry.body, entry)
