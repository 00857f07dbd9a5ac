"""Which clients show a condition true or false, and that it decides?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.httpd.environment import Condition
from harness.httpd.formula import Formula, Values, all_of, cofactor, holds, negated, variables
from harness.httpd.site import Site
from harness.httpd.variables import Origin
from harness.verify.chosen_requests import ChosenRequest
from harness.verify.good_client import GoodClient
from harness.verify.request_input import RequestInput
from harness.verify.search import WRITES, certain, is_satisfiable, make_client, search, server_values
from harness.verify.site_values import VERIFIED, SiteValues
from harness.verify.subject import ANYBODY, NAMELESS, Subject, subject_with

_MOST_CLIENTS = 24
"""How many clients are made for one site."""


@dataclass(frozen=True)
class CoverageClient:
    """A client that shows a value of a condition: its certificate (None is no certificate), its request, and whether
    the decision admits it. `by_request` tells that it needs no certificate, no password and no special address."""

    subject: Subject | None
    request: RequestInput
    condition: Condition
    admits: bool
    by_request: bool


@dataclass(frozen=True)
class Unseen:
    """A value of a condition that no request of the run showed: `wanted` is true where the condition has it. With
    `decides`, only a client counts for which the decision turns with the condition."""

    condition: Condition
    wanted: Formula
    decides: bool


def coverage_clients(site_values: SiteValues, good: GoodClient, unseen: Iterable[Unseen]) -> list[CoverageClient]:
    """A client for each value of a condition that was not seen, at most _MOST_CLIENTS: one for which the condition
    decides, where there is one."""
    compared = (site_values.unauthenticated, site_values.seen(good.subject, good.request))
    known: list[Values] = []
    found: list[CoverageClient] = []
    for one in unseen:
        if any(_shows(site_values.site, one, values, compared) for values in known):
            continue
        if made := _coverage_client(site_values, one, compared):
            found.append(made)
            known.append(site_values.seen(made.subject, made.request))
    return found[:_MOST_CLIENTS]


def unpredicted(
    site_values: SiteValues, good: GoodClient, chosen: Sequence[ChosenRequest], conditions: Iterable[Condition]
) -> list[Unseen]:
    """The values of conditions that httpd does not trace, and that no client of every run is predicted to show, among
    them the good client and the `chosen` requests."""
    compared = (site_values.unauthenticated, site_values.seen(good.subject, good.request))
    known = [*_known_values(site_values, good, chosen)]
    both = (Unseen(one, wanted, decides=True) for one in conditions for wanted in (one.formula, negated(one.formula)))
    return [one for one in both if not any(_shows(site_values.site, one, values, compared) for values in known)]


def can_be(site_values: SiteValues, wanted: Formula) -> bool:
    """Whether some client makes a formula true at the site, also one that cannot be made here."""
    site = site_values.site
    fixed = {one: value for one, value in site_values.usual.items() if one.origin is Origin.SERVER}
    verified = VERIFIED if site.guard.in_handshake and site.tls else {}
    return is_satisfiable(wanted, {**fixed, **verified}, site_values.usual)


def _known_values(site_values: SiteValues, good: GoodClient, chosen: Sequence[ChosenRequest]) -> Iterator[Values]:
    """Yield the values for the clients that every run has."""
    yield site_values.seen(good.subject, good.request)
    yield site_values.seen(NAMELESS, good.request)
    yield from (site_values.seen(good.subject.lacking(part), good.request) for part in good.needed)
    if not site_values.site.guard.in_handshake:
        yield site_values.seen(None, good.request.without_credentials())
        yield from (site_values.seen(None, one.written) for one in chosen)


def _shows(site: Site, unseen: Unseen, seen: Values, compared: Sequence[Values]) -> bool:
    """Whether a client shows a value of a condition, and that it decides where this is asked: with the values of one of
    the `compared` clients in the condition alone, the decision would be another."""
    if holds(unseen.wanted, seen) is not True:
        return False
    if not unseen.decides:
        return True
    decision = site.decision.formula
    for other in compared:
        changed = {**seen, **_values_in(unseen.wanted, other)}
        if holds(unseen.wanted, changed) is False and holds(decision, changed) != holds(decision, seen):
            return True
    return False


def _coverage_client(site_values: SiteValues, unseen: Unseen, compared: Sequence[Values]) -> CoverageClient | None:
    """Make a client for which a condition is as wanted and decides, without a certificate if possible; None where there
    is none."""
    wanted = certain(unseen.wanted)
    for formula in (*_decisive(site_values.site, wanted, compared), *([] if unseen.decides else [wanted])):
        for has_certificate in (False, True):
            if made := _first_client(site_values, formula, has_certificate=has_certificate):
                return _judged(site_values, *made, unseen.condition)
    return None


def _judged(
    site_values: SiteValues, subject: Subject | None, request: RequestInput, condition: Condition
) -> CoverageClient | None:
    """Say what the decision makes of a client; None where its values do not tell."""
    decision = site_values.site.decision.formula
    admits = holds(decision, site_values.seen(subject, request))
    if admits is None:
        return None
    usual = replace(request.without_credentials(), address="")
    by_request = subject is None and holds(decision, site_values.seen(None, usual)) is True
    return CoverageClient(subject, request, condition, admits, admits and by_request)


def _decisive(site: Site, wanted: Formula, compared: Sequence[Values]) -> Iterator[Formula]:
    """Yield formulas that are true where a condition is as wanted and decides: with the values of one of the `compared`
    clients in the condition alone, the decision turns."""
    decision = site.decision.formula
    for values in (_values_in(wanted, other) for other in compared):
        if holds(wanted, values) is False:
            turned = cofactor(decision, values)
            for now, then in ((decision, negated(turned)), (negated(decision), turned)):
                yield all_of(map(certain, (now, then, wanted)))


def _values_in(formula: Formula, values: Values) -> Values:
    """The values of the variables of a formula; "" where there is none."""
    return {one: values.get(one, "") for one in variables(formula)}


def _first_client(
    site_values: SiteValues, formula: Formula, *, has_certificate: bool
) -> tuple[Subject | None, RequestInput] | None:
    """The first client that makes a formula true, with a certificate or without."""
    site, usual = site_values.site, site_values.usual
    if not has_certificate and site.guard.in_handshake:
        return None
    formula = formula if has_certificate else all_of((formula, WRITES))
    fixed = {**server_values(formula, usual), **(VERIFIED if has_certificate else site_values.no_certificate)}

    def make(witness: Values) -> tuple[Subject | None, RequestInput] | None:
        subjects: Iterable[Subject | None] = subject_with(witness) if has_certificate else [None]
        return make_client(site_values, formula, usual, subjects, witness)

    return next(search(site, formula, fixed, {**ANYBODY.values(), **usual}, make), None)
