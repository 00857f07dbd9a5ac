"""Which requests can a client without a certificate choose, so that a site may admit it?"""

import functools
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.httpd.directive import Directive
from harness.httpd.environment import Condition
from harness.httpd.formula import Formula, Values, depends_on, holds, negated
from harness.httpd.site import Site
from harness.httpd.variables import Origin
from harness.verify.request_input import AUTHORIZATION, USUAL, RequestInput, request_with, values_of
from harness.verify.search import READING, certain, fixed_values, possible, search
from harness.verify.site_values import SiteValues

_SETTERS = ("setenvif", "browsermatch")
_MOST_REQUESTS = 40
"""How many requests are made for one site."""
_MOST_FOR_A_CONDITION = 4


@dataclass(frozen=True)
class ChosenRequest:
    """A request that may admit a client without a certificate, and the directive that asks for it."""

    written: RequestInput
    directive: Directive


def chosen_requests(site_values: SiteValues) -> list[ChosenRequest]:
    """The requests that the decision admits without a certificate, and those that change the value of a condition."""
    site, usual = site_values.site, site_values.unauthenticated
    believed = _address_header(site)
    free = {Origin.REQUEST, *([Origin.ADDRESS] if believed else [])}
    conditions = _conditions(site, free)
    if not conditions:
        return []
    requests = functools.partial(_requests, site_values, free)
    found: dict[RequestInput, Directive] = {}
    for formula in (certain(site.decision.formula), possible(site.decision.formula)):
        for request in requests(formula):
            found.setdefault(request, _responsible(site, request, usual, conditions).directive)
    for condition in conditions:
        changed = negated(condition.formula) if holds(condition.formula, usual) else condition.formula
        for request in itertools.islice(requests(changed), _MOST_FOR_A_CONDITION):
            found.setdefault(request, condition.directive)
    chosen = (_forwarded(request, directive, believed) for request, directive in found.items())
    # Where the handshake requires a certificate, it refuses all of them alike: one request shows that.
    most = 1 if site.guard.in_handshake and site.tls else _MOST_REQUESTS
    return list(itertools.islice(filter(None, chosen), most))


def _conditions(site: Site, free: Collection[Origin]) -> list[Condition]:
    """The conditions on variables of these origins. The setter of a variable comes first: it decides, not the
    rule that asks for the variable."""
    depending = [one for one in site.decision.conditions if any(depends_on(one.formula, origin) for origin in free)]
    return sorted(depending, key=lambda one: not one.directive.kind.startswith(_SETTERS))


def _requests(site_values: SiteValues, free: Collection[Origin], formula: Formula) -> Iterator[RequestInput]:
    """Yield requests that make a formula true for a client without a certificate and from outside."""
    usual = site_values.unauthenticated
    fixed = fixed_values(formula, usual, free={*free, Origin.UNKNOWABLE})
    make = functools.partial(_request, site_values.site, free, formula, usual)
    return search(site_values.site, formula, fixed, usual, make)


def _request(
    site: Site, free: Collection[Origin], formula: Formula, usual: Values, witness: Values
) -> RequestInput | None:
    """Make the request of a witness; None where there is none, or where it makes the formula false by the values that
    httpd then sees."""
    chosen = {one: value for one, value in witness.items() if one.origin in free}
    request = request_with(site, chosen)
    if request is None or request == USUAL or request.method in READING:
        return None
    if chosen.get(AUTHORIZATION) and "://" in site.content:
        return None  # The application behind the proxy decides about a token.
    return request if holds(formula, {**usual, **values_of(site, request)}) is not False else None


def _responsible(site: Site, request: RequestInput, usual: Values, conditions: Sequence[Condition]) -> Condition:
    """The first condition that has another value for this request than for a usual one."""
    seen = {**usual, **values_of(site, request)}
    changed = (one for one in conditions if holds(one.formula, seen) != holds(one.formula, usual))
    return next(changed, conditions[0])


def _address_header(site: Site) -> Directive | None:
    """The directive that names a header in which httpd believes a client's address (mod_remoteip)."""
    return next((one for one in site.guard.directives if one.kind == "remoteipheader"), None)


def _forwarded(request: RequestInput, directive: Directive, believed: Directive | None) -> ChosenRequest | None:
    """Write the request's address into the header that httpd believes; None where it believes none."""
    if not request.address:
        return ChosenRequest(request, directive)
    if not believed:
        return None
    headers = (*request.headers, (believed.words[0], request.address))
    return ChosenRequest(replace(request, address="", headers=headers), believed)
