"""Which client must a site admit, and which parts of its certificate does the decision need?"""

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.distinguished_name import misspelled
from harness.httpd.environment import Condition
from harness.httpd.formula import Formula, Operator, Values, all_of, atoms, depends_on, holds, variables
from harness.httpd.site import Site
from harness.httpd.variables import USER, Origin
from harness.httpd.witness import domains
from harness.pki.template import Part
from harness.verify.request_input import USUAL, RequestInput, values_of
from harness.verify.search import certain, fixed_values, is_satisfiable, make_client, open_conditions, possible, search
from harness.verify.site_values import ADDRESS, METHOD, VERIFIED, SiteValues
from harness.verify.subject import (
    ANYBODY,
    NAMELESS,
    NAMELESS_SUBJECT,
    UNNAMED,
    Subject,
    alternative_name_like,
    extensions_of,
    subject_with,
    text_of,
)

_WRITING = ("POST", "PUT", "DELETE", "PATCH")
_Admits = Callable[[Subject], bool | None]
"""Whether a certificate is admitted with the good client's request; None if that is unknown."""


@dataclass(frozen=True)
class GoodClient:
    """The certificate and the request that the decision asks for.

    The decision admits no certificate that lacks one of the parts in `needed`. `certain` says that it denies a
    certificate without all of them. `similar` and `similar_names` are values that an expression takes for the wanted
    ones. `writing_method` is set where clients without a certificate may read: the method that needs one. `unread` are
    the conditions that this client may not meet.
    """

    subject: Subject = ANYBODY
    request: RequestInput = USUAL
    needed: frozenset[Part] = frozenset()
    certain: bool = False
    similar: tuple[tuple[x509.ObjectIdentifier, str], ...] = ()
    similar_names: tuple[tuple[x509.GeneralName, x509.GeneralName], ...] = ()
    writing_method: str | None = None
    unread: tuple[Condition, ...] = ()

    def template(self) -> dict[str, Any]:
        """The arguments of a `ClientTemplate`."""
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


def good_client(site_values: SiteValues) -> GoodClient:
    """A witness with a verified certificate, as close to the usual client as possible."""
    site = site_values.site
    writing = _writing_method(site_values)
    method = {METHOD: writing} if writing else {}
    usual = {**site_values.usual, **method}
    found = next(_clients(site_values, usual), None)
    if found is None:
        unread = tuple(one for one in site.decision.conditions if depends_on(one.formula, Origin.CERTIFICATE))
        return GoodClient(request=RequestInput(address=usual[ADDRESS]), unread=unread)
    subject, request, is_certain = found
    seen = {**usual, **values_of(site, request), ADDRESS: request.address or usual[ADDRESS], **method}

    def admits(one: Subject) -> bool | None:
        return holds(site.intention, {**site_values.certificate(one), **seen})

    if not subject.subject and not (admits(UNNAMED) and admits(NAMELESS_SUBJECT)):
        # The usual common name is a wanted one.
        subject = replace(subject, subject=((NameOID.COMMON_NAME, USER),))
    return GoodClient(
        subject,
        replace(request, method="") if request.method == writing else request,
        needed=frozenset(part for part in subject.parts if admits(subject.lacking(part)) is False),
        certain=bool(subject.parts) and admits(NAMELESS) is False,
        similar=tuple(_similar(subject, site.intention, admits)),
        similar_names=tuple(_similar_names(subject, admits)),
        writing_method=writing,
        unread=() if is_certain else tuple(open_conditions(site)),
    )


def _clients(site_values: SiteValues, usual: Values) -> Iterator[tuple[Subject, RequestInput, bool]]:
    """Yield clients with a verified certificate that the decision admits, and whether that is certain: the certain ones
    first, and of these the ones that differ least from the usual client."""
    site = site_values.site
    wanted = all_of((site.decision.formula, site.intention))
    defaults = {**ANYBODY.values(), **usual}
    formulas = [(certain(wanted), True), (possible(wanted), False)]
    if misspelled(site.decision.formula):
        formulas.append((certain(site.intention), True))  # The decision may admit no client.
    for formula, is_certain in formulas:
        make = functools.partial(_client, site_values, formula, usual)
        for free in _free_origins(site, wanted):
            fixed = {**fixed_values(formula, usual, free=free), **VERIFIED}
            for subject, request in search(site, formula, fixed, defaults, make):
                yield subject, request, is_certain


def _client(
    site_values: SiteValues, formula: Formula, usual: Values, witness: Values
) -> tuple[Subject, RequestInput] | None:
    return make_client(site_values, formula, usual, subject_with(witness), witness)


def _free_origins(site: Site, wanted: Formula) -> tuple[set[Origin], ...]:
    """The origins of the variables that a client may choose, the fewest first."""
    own = {Origin.CERTIFICATE}
    # Where no certificate is asked for, an address or a password admits other clients than those with a certificate.
    if not depends_on(wanted, Origin.CERTIFICATE) and site.guard.verify_client != "require":
        return own, own | {Origin.REQUEST}
    with_password = own | {Origin.PASSWORD}
    with_address = with_password | {Origin.ADDRESS}
    return own, with_password, with_address, with_address | {Origin.REQUEST}


def _writing_method(site_values: SiteValues) -> str | None:
    """The first method that needs a certificate, where the decision admits GET without one."""
    intention = site_values.site.intention
    if METHOD not in variables(intention):
        return None

    def admits(method: str) -> bool | None:
        return holds(certain(intention), {**site_values.unauthenticated, METHOD: method})

    def admits_verified(method: str) -> bool:
        return is_satisfiable(intention, {**VERIFIED, METHOD: method}, site_values.usual)

    if not admits("GET"):
        return None
    compared = domains(site_values.site.decision.formula, {}).get(METHOD, ())
    methods = (*_WRITING, *(one for one in compared if one and one not in {"GET", "HEAD"}))
    return next((one for one in methods if admits(one) is False and admits_verified(one)), None)


def _similar(subject: Subject, formula: Formula, admits: _Admits) -> Iterator[tuple[x509.ObjectIdentifier, str]]:
    """Yield attributes that an expression takes for the wanted ones."""
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


def _similar_names(subject: Subject, admits: _Admits) -> Iterator[tuple[x509.GeneralName, x509.GeneralName]]:
    """Yield alternative names, each with one that an expression takes for it."""
    for name in subject.names:
        for other in map(functools.partial(alternative_name_like, name), _resembling(text_of(name))):
            names = tuple(other if one == name and other else one for one in subject.names)
            if other and admits(replace(subject, names=names)):
                yield name, other
                break


def _resembling(value: str) -> Iterator[str]:
    """Yield texts that match an expression for this value, if the expression is not anchored, or has a dot that is not
    escaped. A value that ends in a separator (`ops-`) is a prefix: a longer text may match on purpose."""
    yield f"x{value}x"
    if re.search(r"\w$", value):
        yield f"{value}x"
    if "." in value:
        yield value.replace(".", "x")
