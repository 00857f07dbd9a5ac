"""Which clients does a site's access decision call for? Each question is a query on its formula."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.directive import Directive
from harness.httpd.environment import Condition
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Atom,
    Formula,
    Network,
    Operator,
    Values,
    all_of,
    atoms,
    cofactor,
    decided,
    depends_on,
    equals,
    holds,
    negated,
    network,
    variables,
)
from harness.httpd.site import Site
from harness.httpd.variables import MAYBE_SET, OUTSIDE, USER, VERIFY, Origin, Variable, variable
from harness.httpd.witness import Domains, TooLargeError, assignments, domains, solutions, witnesses
from harness.pki.template import Part
from harness.verify.request_input import (
    AUTHORIZATION,
    USUAL,
    RequestInput,
    other_spellings,
    request_with,
    usual_values,
    values_of,
)
from harness.verify.subject import (
    ANYBODY,
    NAMELESS,
    NAMELESS_SUBJECT,
    UNNAMED,
    Subject,
    alternative_name_like,
    can_be_made,
    extensions_of,
    subject_with,
    text_of,
)

_ADDRESS, _METHOD = variable("REMOTE_ADDR"), variable("REQUEST_METHOD")
_OUTSIDE = (OUTSIDE, "198.51.100.7", "192.0.2.7")
"""Addresses that nobody has (RFC 5737)."""
_READING = {"HEAD", "OPTIONS", "TRACE", "CONNECT"}
"""The methods by which nothing is changed: anybody may use them on purpose, or httpd itself answers."""
_WRITES = all_of(negated(equals(_METHOD, method)) for method in sorted(_READING))
_SETTERS = ("setenvif", "browsermatch")
_WRITING = ("POST", "PUT", "DELETE", "PATCH")
_MOST_TRIED = 200
"""How many witnesses are tried until one can be made a client."""
_MOST_REQUESTS = 40
"""How many requests are made for one site."""


@dataclass(frozen=True)
class GoodClient:
    """What the decision wants of a client: its certificate, its request, and the parts of the certificate without any
    one of which nobody is admitted; `certain` says that nobody is who has none of them. `writing_method` is the method
    of those who need the certificate, where anybody may read. `unread` are the conditions that could not be met for
    certain."""

    subject: Subject = ANYBODY
    request: RequestInput = USUAL
    needed: frozenset[Part] = frozenset()
    certain: bool = False
    similar: tuple[tuple[x509.ObjectIdentifier, str], ...] = ()
    similar_names: tuple[tuple[x509.GeneralName, x509.GeneralName], ...] = ()
    writing_method: str | None = None
    unread: tuple[Condition, ...] = ()

    def template(self) -> dict[str, Any]:
        """The same for a `ClientTemplate`."""
        return {
            "subject": self.subject.subject,
            "issuer": self.subject.issuer,
            "names": self.subject.names,
            "extensions": tuple(extensions_of(self.subject.extensions)),
            "needed": self.needed,
            "certain": self.certain,
            "similar": self.similar,
            "similar_names": self.similar_names,
            "unread": bool(self.unread),
        }


@dataclass(frozen=True)
class ChosenRequest:
    """A request by which a client without a certificate may be admitted, and the directive that asks for it."""

    written: RequestInput
    directive: Directive


@dataclass(frozen=True)
class CoverageClient:
    """A client that turns one condition of the guard: its certificate (None has none), its request, and whether the
    decision admits it."""

    subject: Subject | None
    request: RequestInput
    condition: Condition
    admits: bool


@dataclass(frozen=True)
class Query:
    """The questions that are asked of one site's decision."""

    site: Site

    @property
    def formula(self) -> Formula:
        """The decision."""
        return self.site.decision.formula

    # --- the good client
    @functools.cached_property
    def good_client(self) -> GoodClient:
        """A witness with a verified certificate, as near to the usual client as possible."""
        wanted = all_of((self.formula, self.site.intention))
        writing = self._writing_method()
        usual = {**self._usual, **({_METHOD: writing} if writing else {})}
        found = next(self._clients(wanted, usual), None)
        if found is None:
            open_conditions = tuple(
                one for one in self.site.decision.conditions if depends_on(one.formula, Origin.CERTIFICATE)
            )
            return GoodClient(request=RequestInput(address=usual[_ADDRESS]), unread=open_conditions)
        subject, request, certain = found
        request_values = {**usual, **values_of(self.site, request), _ADDRESS: request.address or usual[_ADDRESS]}
        if writing:
            request_values[_METHOD] = writing

        def admits(one: Subject) -> bool | None:
            return holds(self.site.intention, {**self._certificate_values(one), **request_values})

        if not subject.subject and not (admits(UNNAMED) and admits(NAMELESS_SUBJECT)):
            # The usual name is one that is wanted.
            subject = replace(subject, subject=((NameOID.COMMON_NAME, USER),))
        needed = frozenset(part for part in subject.parts if admits(subject.lacking(part)) is False)
        open_conditions = () if certain else tuple(self._open_conditions())
        return GoodClient(
            subject,
            _without_method(request, writing) if writing else request,
            needed,
            bool(subject.parts) and admits(NAMELESS) is False,
            tuple(_similar(subject, self.site.intention, admits)),
            tuple(_similar_names(subject, admits)),
            writing,
            open_conditions,
        )

    def _clients(self, wanted: Formula, usual: Values) -> Iterator[tuple[Subject, RequestInput, bool]]:
        """Yield clients with a verified certificate for which the decision is true: those first that differ least from
        the usual one, and those for which it is certain."""
        own = {Origin.CERTIFICATE}
        # Where no certificate is asked for, an address or a password is not one's that has a certificate.
        asked = depends_on(wanted, Origin.CERTIFICATE) or self._is_required
        beside = {Origin.PASSWORD, Origin.ADDRESS} if asked else set()
        levels = (own, own | {*beside} - {Origin.ADDRESS}, own | beside, own | beside | {Origin.REQUEST})
        certain, possible = decided(wanted, _is_open), _possible(wanted)
        for formula, is_certain in ((certain, True), (possible, False)):
            for free in levels:
                fixed = {one: usual.get(one, one.default) for one in variables(formula) if one.origin not in free}
                fixed[variable(VERIFY)] = "SUCCESS"
                for choices in self._solutions(formula, fixed, {**ANYBODY.values(), **usual}):
                    made = (self._client(formula, values, usual) for values in assignments(choices))
                    if found := next(filter(None, made), None):
                        yield found[0] or ANYBODY, found[1], is_certain

    def _client(
        self, formula: Formula, values: Values, usual: Values, *, has_certificate: bool = True
    ) -> tuple[Subject | None, RequestInput] | None:
        """Make a client of a witness, and see that httpd then has the values that count."""
        request = request_with(self.site, values)
        if request is None:
            return None
        request = _at(request, usual[_ADDRESS])
        seen = {**usual, **values_of(self.site, request), _ADDRESS: request.address}
        seen[_METHOD] = values.get(_METHOD, usual[_METHOD])
        for subject in subject_with(values) if has_certificate else [None]:
            certificate = self._certificate_values(subject) if subject else self._nobody
            if holds(formula, {**seen, **certificate}) is not False:
                return subject, request
        return None

    def _certificate_values(self, subject: Subject) -> Values:
        """The values of every variable about certificates: of what a certificate has not, none."""
        asked = variables(self.formula) | variables(self.site.intention)
        known = {one: "" for one in asked if one.origin is Origin.CERTIFICATE and can_be_made(one)}
        return {**known, **subject.values()}

    def _writing_method(self) -> str | None:
        """The method of those who need a certificate, where the decision lets anybody read."""
        intention = self.site.intention
        if _METHOD not in variables(intention):
            return None
        unknown = {**self._usual, **self._nobody}

        def admits(method: str) -> bool | None:
            return holds(decided(intention, _is_open), {**unknown, _METHOD: method})

        asked = [value for one, value in self._compared() if one == _METHOD and value not in {"GET", "HEAD"}]
        if not admits("GET"):
            return None

        def admits_verified(method: str) -> bool:
            return self._any_witness(intention, {variable(VERIFY): "SUCCESS", _METHOD: method})

        return next((one for one in (*_WRITING, *asked) if admits(one) is False and admits_verified(one)), None)

    # --- clients without a certificate
    @property
    def opens_to_all(self) -> bool:
        """Whether the decision admits a client that has no certificate and writes nothing special."""
        unset = {one: "" for one in variables(self.formula) if one.name.startswith(MAYBE_SET)}
        return holds(self.formula, {**self._usual, **self._nobody, **unset}) is True

    @functools.cached_property
    def chosen_requests(self) -> list[ChosenRequest]:
        """Requests of a client without a certificate: such as the decision admits, and such as turn one of its
        conditions."""
        found: dict[RequestInput, Directive] = {}
        usual = {**self._usual, **self._nobody}
        depending = [one for one in self.site.decision.conditions if self._can_choose(one.formula)]
        # What sets a variable decides, not the rule that asks for it.
        conditions = sorted(depending, key=lambda one: not one.directive.name.lower().startswith(_SETTERS))
        if not conditions:
            return []
        for formula in (decided(self.formula, _is_open), _possible(self.formula)):
            for request in self._requests(formula, usual):
                found.setdefault(request, self._responsible(request, usual, conditions).directive)
        for condition in conditions:
            now = holds(condition.formula, usual)
            formula = negated(condition.formula) if now else condition.formula
            for request in itertools.islice(self._requests(formula, usual), 4):
                found.setdefault(request, condition.directive)
        chosen = (self._forwarded(request, directive) for request, directive in found.items())
        # Where the handshake wants a certificate, nobody comes as far as a request without: one shows that.
        most = 1 if self.site.guard.in_handshake and self.site.tls else _MOST_REQUESTS
        return [one for one in chosen if one][:most]

    def _can_choose(self, formula: Formula) -> bool:
        """Whether a client chooses what a formula looks at: in its request, or its address by a header."""
        by_header = self._address_header and depends_on(formula, Origin.ADDRESS)
        return depends_on(formula, Origin.REQUEST) or bool(by_header)

    @property
    def _address_header(self) -> Directive | None:
        """What lets a client say where it comes from (mod_remoteip)."""
        return next((one for one in self.site.guard.directives if one.name.lower() == "remoteipheader"), None)

    def _forwarded(self, request: RequestInput, directive: Directive) -> ChosenRequest | None:
        """Write an address into the header that httpd believes; None where it believes none."""
        if not request.address:
            return ChosenRequest(request, directive)
        if not (believed := self._address_header):
            return None
        headers = (*request.headers, (believed.words()[0], request.address))
        return ChosenRequest(replace(request, address="", headers=headers), believed)

    def _requests(self, formula: Formula, usual: Values) -> Iterator[RequestInput]:
        """Yield requests under which a formula is true for a client without a certificate, from outside."""
        fixed = {
            one: usual.get(one, one.default)
            for one in variables(formula)
            if one.origin not in self._chosen_origins and one.origin is not Origin.UNKNOWABLE
        }
        for choices in self._solutions(formula, fixed, usual):
            made = (self._request(formula, values, usual) for values in assignments(choices))
            if found := next(filter(None, made), None):
                yield found

    def _request(self, formula: Formula, values: Values, usual: Values) -> RequestInput | None:
        """Make a request of a witness, and see that httpd then has the values that count."""
        chosen = {one: value for one, value in values.items() if one.origin in self._chosen_origins}
        request = request_with(self.site, chosen)
        if request is None or request == USUAL or request.method in _READING:
            return None
        if AUTHORIZATION in chosen and chosen[AUTHORIZATION] and "://" in self.site.content:
            return None  # Of a token the application decides.
        return request if holds(formula, {**usual, **values_of(self.site, request)}) is not False else None

    @property
    def _chosen_origins(self) -> set[Origin]:
        return {Origin.REQUEST, *([Origin.ADDRESS] if self._address_header else [])}

    def _responsible(self, request: RequestInput, usual: Values, conditions: list[Condition]) -> Condition:
        """The condition that such a request turns, and a usual one does not."""
        seen = {**usual, **values_of(self.site, request)}
        turned = (one for one in conditions if holds(one.formula, seen) != holds(one.formula, usual))
        return next(turned, conditions[0])

    @property
    def _is_required(self) -> bool:
        """Whether no request comes without a certificate that was verified."""
        return self.site.guard.verify_client == "require"

    def untestable_grants(self) -> list[Condition]:
        """The conditions that nobody here can bring about, and that may admit a client without a certificate."""
        if self._is_required or self.opens_to_all:
            return []
        usual = {**self._usual, **self._nobody}
        possible = cofactor(_possible(self.formula), {**self._nobody})
        if depends_on(self.formula, Origin.UNKNOWABLE):
            fixed = {one: usual.get(one, one.default) for one in variables(possible) if one.origin is Origin.SERVER}
            certain = cofactor(decided(self.formula, _is_open), self._nobody)
            if self._any_witness(possible, fixed) and not self._any_witness(certain, fixed):
                return self._open_conditions()
        return []

    def needs_words(self) -> list[Condition]:
        """The conditions by which a request alone admits, according to the decision."""
        if self._is_required:
            return []
        usual = {**self._usual, **self._nobody}
        fixed = {
            one: usual.get(one, one.default) for one in variables(self.formula) if one.origin is not Origin.REQUEST
        }
        fixed |= {one: "" for one in variables(self.formula) if one.name == "HTTP:authorization"}
        if self._any_witness(all_of((decided(self.formula, _is_open), _WRITES)), fixed):
            return [one for one in self.site.decision.conditions if depends_on(one.formula, Origin.REQUEST)]
        return []

    def address_grants(self) -> list[Condition]:
        """The conditions by which an address admits a client without a certificate."""
        if self._is_required:
            return []
        formula = cofactor(decided(self.formula, _is_open), self._nobody)
        fixed = {
            one: self._usual.get(one, one.default) for one in variables(formula) if one.origin is not Origin.ADDRESS
        }
        if holds(formula, {**self._usual, **self._nobody}) is not True and self._any_witness(formula, fixed):
            return [one for one in self.site.decision.conditions if depends_on(one.formula, Origin.ADDRESS)]
        return []

    # --- each condition, seen true and seen false
    @functools.cached_property
    def coverage_clients(self) -> list[CoverageClient]:
        """A client for each condition that no other client turns: with a certificate or without, from another address,
        with a password; what the request alone can do is in `chosen_requests`."""
        known = [*self._known_values()]
        found: list[CoverageClient] = []
        for condition in self.site.decision.conditions:
            for wanted in (condition.formula, negated(condition.formula)):
                if wanted in (TRUE, FALSE) or any(self._shows(wanted, values) for values in known):
                    continue
                if made := self._coverage_client(condition, decided(wanted, _is_open)):
                    found.append(made)
                    known.append(self._seen(made.subject, made.request))
        return found

    def _shows(self, wanted: Formula, seen: Values) -> bool:
        """Whether a condition is as wanted for a client, and by that alone decides about it: were it otherwise, the
        decision would be another."""
        if holds(wanted, seen) is not True:
            return False
        for other in self._usual_and_good:
            changed = {**seen, **{one: other.get(one, "") for one in variables(wanted)}}
            if holds(wanted, changed) is False and holds(self.formula, changed) != holds(self.formula, seen):
                return True
        return False

    def can_be(self, wanted: Formula) -> bool:
        """Whether some client makes a formula true at this site, among them such as nobody here can make."""
        handshake = self.site.guard.in_handshake and self.site.tls
        fixed = {one: value for one, value in self._usual.items() if one.origin is Origin.SERVER}
        return self._any_witness(wanted, {**fixed, **({variable(VERIFY): "SUCCESS"} if handshake else {})})

    def _known_values(self) -> Iterator[Values]:
        """What httpd sees of the clients that are made in any case."""
        good = self.good_client
        yield self._seen(good.subject, good.request)
        yield self._seen(NAMELESS, good.request)
        yield from (self._seen(good.subject.lacking(part), good.request) for part in good.needed)
        if not self.site.guard.in_handshake:
            yield self._seen(None, good.request.without_credentials())
            yield from (self._seen(None, chosen.written) for chosen in self.chosen_requests)

    def _seen(self, subject: Subject | None, request: RequestInput) -> Values:
        """What httpd sees of a client; None has no certificate."""
        certificate = self._certificate_values(subject) if subject else self._nobody
        address = {_ADDRESS: request.address} if request.address else {}
        return {**self._usual, **values_of(self.site, request), **address, **certificate}

    def _coverage_client(self, condition: Condition, wanted: Formula) -> CoverageClient | None:
        """Make a client for which a condition is as wanted and by that alone decides: one without a certificate where
        that can be; None where there is none."""
        for other in self._usual_and_good:
            asked = variables(wanted)
            if holds(wanted, {one: other.get(one, "") for one in asked}) is not False:
                continue
            flipped = cofactor(self.formula, {one: other.get(one, "") for one in asked})
            decisive = ((self.formula, negated(flipped)), (negated(self.formula), flipped))
            for (decision, opposite), certified in itertools.product(decisive, (False, True)):
                formula = all_of(decided(part, _is_open) for part in (decision, opposite, wanted))
                if made := self._first_client(formula, has_certificate=certified):
                    admits = holds(self.formula, self._seen(*made))
                    return CoverageClient(*made, condition, admits) if admits is not None else None
        return None

    def _first_client(self, formula: Formula, *, has_certificate: bool) -> tuple[Subject | None, RequestInput] | None:
        """The first client that makes a formula true, with a certificate or without."""
        if not has_certificate and self.site.guard.in_handshake:
            return None
        formula = formula if has_certificate else all_of((formula, _WRITES))
        fixed = {one: self._usual.get(one, one.default) for one in variables(formula) if one.origin is Origin.SERVER}
        certificate = {variable(VERIFY): "SUCCESS"} if has_certificate else self._nobody
        for choices in self._solutions(formula, {**fixed, **certificate}, {**ANYBODY.values(), **self._usual}):
            tried = (
                self._client(formula, values, self._usual, has_certificate=has_certificate)
                for values in assignments(choices)
            )
            if made := next(filter(None, tried), None):
                return made
        return None

    @property
    def _usual_and_good(self) -> tuple[Values, Values]:
        """What httpd sees of a client without a certificate that does nothing special, and of the good client."""
        good = self.good_client
        return {**self._usual, **self._nobody}, dict(self._seen(good.subject, good.request))

    # --- helpers
    @functools.cached_property
    def _usual(self) -> dict[Variable, str]:
        """What httpd sees of a client that does nothing special, from an address of which no condition speaks."""
        address = next((one for one in _OUTSIDE if not any(_within(one, net) for net in self._networks())), OUTSIDE)
        asked = {one for atom in self._atoms() for one in atom.variables}
        defaults = {one: one.default for one in asked if one.origin not in {Origin.CERTIFICATE, Origin.UNKNOWABLE}}
        return {**defaults, **usual_values(self.site), _ADDRESS: address}

    @property
    def _nobody(self) -> dict[Variable, str]:
        """What mod_ssl says of a client without a certificate."""
        asked = variables(self.formula) | variables(self.site.intention)
        found = {one: "" for one in asked if one.origin is Origin.CERTIFICATE}
        return {**found, variable(VERIFY): "NONE"}

    def _networks(self) -> Iterator[Network]:
        for atom in self._atoms():
            if atom.operator is Operator.IN_NETWORK and (found := network("".join(map(str, atom.right)))):
                yield found

    def _atoms(self) -> Iterator[Atom]:
        yield from atoms(self.formula)
        yield from atoms(self.site.intention)
        for condition in self.site.decision.conditions:
            yield from atoms(condition.formula)

    def _compared(self) -> list[tuple[Variable, str]]:
        return [(one, value) for one, values in domains(self.formula, {}).items() for value in values if value]

    def _open_conditions(self) -> list[Condition]:
        return [one for one in self.site.decision.conditions if any(map(_is_open, atoms(one.formula)))]

    def _solutions(self, formula: Formula, fixed: Values, defaults: Values) -> Iterator[Domains]:
        extras: dict[Variable, list[str]] = {}
        compared = [(one, value) for one, values in domains(formula, {}).items() for value in values if value]
        for one, value in other_spellings(self.site, compared):
            extras.setdefault(one, []).append(value)
        try:
            yield from itertools.islice(solutions(formula, fixed, defaults=defaults, extras=extras), _MOST_TRIED)
        except TooLargeError:
            return

    def _any_witness(self, formula: Formula, fixed: Values) -> bool:
        try:
            return next(witnesses(formula, fixed, defaults=self._usual), None) is not None
        except TooLargeError:
            return True


def _possible(formula: Formula) -> Formula:
    """What makes a formula true where every open atom helps."""
    return negated(decided(negated(formula), _is_open))


def _is_open(atom: Atom) -> bool:
    """Whether nobody here can bring about what an atom asks for."""
    return any(
        one.origin is Origin.UNKNOWABLE or (one.origin is Origin.CERTIFICATE and not can_be_made(one))
        for one in atom.variables
    )


def _within(address: str, found: Network) -> bool:
    return ip_address(address) in found


def _at(request: RequestInput, address: str) -> RequestInput:
    return request if request.address else replace(request, address=address)


def _without_method(request: RequestInput, method: str) -> RequestInput:
    return replace(request, method="") if request.method == method else request


def _similar(
    subject: Subject, formula: Formula, admits: Callable[[Subject], bool | None]
) -> Iterator[tuple[x509.ObjectIdentifier, str]]:
    """Yield attributes that an expression takes for what is wanted."""
    if not any(atom.operator is Operator.MATCHES for atom in atoms(formula)):
        return
    for kind, value in subject.subject:
        for other in _resembling(value):
            try:
                x509.NameAttribute(kind, other)
            except ValueError:
                continue
            changed = tuple((one, other if one == kind else text) for one, text in subject.subject)
            if admits(replace(subject, subject=changed)):
                yield kind, other
                break


def _similar_names(
    subject: Subject, admits: Callable[[Subject], bool | None]
) -> Iterator[tuple[x509.GeneralName, x509.GeneralName]]:
    """Yield alternative names, each with one that an expression takes for it."""
    for name in subject.names:
        for other in map(functools.partial(alternative_name_like, name), _resembling(text_of(name))):
            names = tuple(other if one == name and other else one for one in subject.names)
            if other and admits(replace(subject, names=names)):
                yield name, other
                break


def _resembling(value: str) -> Iterator[str]:
    """Yield what an expression may take for a value, where it has no ends or takes a dot for any letter; what begins as
    the names of a group do (`ops-`) is meant to go on."""
    yield f"x{value}x"
    if re.search(r"\w$", value):
        yield f"{value}x"
    if "." in value:
        yield value.replace(".", "x")
