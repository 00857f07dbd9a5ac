"""Does a site's decision admit a client without a certificate: any, by its request, by its address, or untestably?"""

from harness.httpd.environment import Condition
from harness.httpd.formula import all_of, cofactor, depends_on, holds, negated, variables
from harness.httpd.site import Site
from harness.httpd.variables import MAYBE_SET, Origin
from harness.verify.request_input import AUTHORIZATION
from harness.verify.search import (
    WRITES,
    certain,
    fixed_values,
    is_satisfiable,
    open_conditions,
    possible,
    server_values,
)
from harness.verify.site_values import SiteValues


def opens_to_all(site_values: SiteValues) -> bool:
    """Whether the decision admits a client without a certificate and with a usual request."""
    formula = site_values.site.decision.formula
    unset = {one: "" for one in variables(formula) if one.name.startswith(MAYBE_SET)}
    return holds(formula, {**site_values.unauthenticated, **unset}) is True


def untestable_grants(site_values: SiteValues) -> list[Condition]:
    """The conditions that no client here can bring about, and that may admit a client without a certificate."""
    site = site_values.site
    formula = site.decision.formula
    if _is_required(site) or opens_to_all(site_values) or not depends_on(formula, Origin.UNKNOWABLE):
        return []
    may_admit = cofactor(possible(formula), site_values.no_certificate)
    admits = cofactor(certain(formula), site_values.no_certificate)
    fixed = server_values(may_admit, site_values.unauthenticated)
    # Grants by address, password or request are tested by probes: here the open atoms decide.
    undecided = all_of((may_admit, negated(admits)))
    return open_conditions(site) if is_satisfiable(undecided, fixed, site_values.usual) else []


def request_grants(site_values: SiteValues) -> list[Condition]:
    """The conditions by which a request admits a client without a certificate, password and special address."""
    site = site_values.site
    if _is_required(site):
        return []
    formula = site.decision.formula
    fixed = fixed_values(formula, site_values.unauthenticated, free={Origin.REQUEST})
    fixed |= {one: "" for one in variables(formula) if one.name == AUTHORIZATION.name}
    admits = is_satisfiable(all_of((certain(formula), WRITES)), fixed, site_values.usual)
    return _conditions(site, Origin.REQUEST) if admits else []


def address_grants(site_values: SiteValues) -> list[Condition]:
    """The conditions by which an address admits a client without a certificate."""
    site = site_values.site
    formula = cofactor(certain(site.decision.formula), site_values.no_certificate)
    if _is_required(site) or holds(formula, site_values.unauthenticated) is True:
        return []
    fixed = fixed_values(formula, site_values.usual, free={Origin.ADDRESS})
    admits = is_satisfiable(formula, fixed, site_values.usual)
    return _conditions(site, Origin.ADDRESS) if admits else []


def _is_required(site: Site) -> bool:
    """Whether the handshake or a renegotiation refuses every client without a verified certificate."""
    return site.guard.verify_client == "require"


def _conditions(site: Site, origin: Origin) -> list[Condition]:
    return [one for one in site.decision.conditions if depends_on(one.formula, origin)]
