"""Which conditions of a guard were true, and which false, in httpd's own trace of the requests?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from harness.httpd.environment import Condition
from harness.httpd.formula import FALSE, TRUE, Formula, depends_on, negated, variables
from harness.httpd.site import Site
from harness.httpd.trace import Index
from harness.httpd.variables import MAYBE_SET, Origin
from harness.outcome import Outcome
from harness.verify.client import Query
from harness.verify.coverage_clients import Unseen
from harness.verify.judgement import Result
from harness.verify.tracing import Evaluated, Traces

_NOT_TRACED = {"allow", "deny", "limit", "limitexcept"}
"""What httpd tells nothing of: neither mod_access_compat nor <Limit> logs its conditions one by one."""
_INSTEAD_OF_CERTIFICATES = (Origin.ADDRESS, Origin.PASSWORD)
"""What may do instead of a certificate: only a client without one shows that."""


@dataclass(frozen=True)
class Covered:
    """One condition of a site's guard: how often httpd found it true and false, whether a pair of requests shows that
    it alone changes the outcome, and why it was not seen otherwise (None where it was seen as it can be)."""

    site: Site
    condition: Condition
    true: int
    false: int
    independent: bool
    why: str | None

    @property
    def complete(self) -> bool:
        """Whether it was seen true and false, as far as it can be either."""
        return self.why is None


@dataclass(frozen=True)
class _Request:
    """The conditions of one answered request; `verified` says whether it came with a verified certificate."""

    values: Evaluated
    admitted: bool
    verified: bool


@dataclass
class Seen:
    """The values of one site's conditions in the requests of a run."""

    site: Site
    index: Index
    requests: list[_Request] = field(default_factory=list)

    def count(self, condition: Condition, *, verified: bool = True) -> tuple[int, int]:
        """How often a condition was true, and false; in requests without a certificate only, if not `verified`."""
        counted = (one for one in self.requests if verified or not one.verified)
        found = [one.values[condition] for one in counted if condition in one.values]
        return sum(found), len(found) - sum(found)

    def is_independent(self, condition: Condition) -> bool:
        """Whether two requests differ in this condition and in the outcome, and in no other condition (MC/DC)."""
        different = {(frozenset(one.values.items()), one.admitted): one for one in self.requests}
        having = [one for one in different.values() if condition in one.values]
        return any(_differ_in(condition, one, other) for one in having if one.admitted for other in having)

    def unseen(self, query: Query) -> Iterator[Unseen]:
        """Yield the values of conditions that a client is to be made for: those that no request showed, or no pair of
        requests shows to decide. An address or a password has to be seen without a certificate."""
        untraced = []
        for condition in filter(_varies, self.site.decision.conditions):
            if not _is_traced(condition, self.index):
                untraced.append(condition)
                continue
            instead = any(depends_on(condition.formula, one) for one in _INSTEAD_OF_CERTIFICATES)
            true, false = self.count(condition, verified=not instead or self.site.guard.in_handshake)
            decides = bool(true and false) and not self.is_independent(condition)
            for seen, wanted in ((true, condition.formula), (false, negated(condition.formula))):
                if not seen or decides:
                    yield Unseen(condition, wanted, decides=decides)
        yield from query.unpredicted(untraced)


def has_conditions(site: Site) -> bool:
    """Whether the guard of a site has a condition that some request may turn."""
    return any(map(_varies, site.decision.conditions))


def seen(results: Iterable[Result], traces: Traces) -> list[Seen]:
    """The values of the conditions in the requests of a run, for each site."""
    found: dict[str, Seen] = {}
    for result in results:
        site, outcome = result.probe.site, result.observed.outcome
        of_site = found.setdefault(site.id, Seen(site, traces.index(site)))
        if outcome in {Outcome.ADMITTED, Outcome.REFUSED_BY_HTTP} and result.logged.status is not None:
            admitted = outcome is Outcome.ADMITTED
            verified = result.logged.identity is not None
            of_site.requests.append(_Request(traces.evaluated(result), admitted, verified))
    return list(found.values())


def coverage(shown: Iterable[Seen], query: Callable[[Site], Query]) -> tuple[Covered, ...]:
    """The coverage of each condition of each site's guard."""
    return tuple(one for site in shown for one in _of_site(site, query(site.site)))


def _of_site(seen: Seen, query: Query) -> Iterator[Covered]:
    for condition in seen.site.decision.conditions:
        if not _varies(condition) or condition.directive.kind in _NOT_TRACED:
            continue
        true, false = seen.count(condition)
        why = _why(condition, seen.index, query, true=bool(true), false=bool(false))
        yield Covered(seen.site, condition, true, false, seen.is_independent(condition), why)


def _why(condition: Condition, index: Index, query: Query, *, true: bool, false: bool) -> str | None:
    """Why a condition was not seen both ways; None where it was, or where no client can bring it about."""
    for was_seen, wanted, name in ((true, condition.formula, "true"), (false, negated(condition.formula), "false")):
        if not was_seen and query.can_be(wanted):
            if twin := index.twins.get(condition):
                return f"never {name}: httpd logs line {twin.directive.line} alike"
            return f"never {name}: {_reason(wanted)}"
    return None


def _reason(formula: Formula) -> str:
    """Why no client of the run made a formula true."""
    unknown = sorted(one.name for one in variables(formula) if one.origin is Origin.UNKNOWABLE)
    if any(name.startswith("TIME") for name in unknown):
        return "depends on the hour" if any("HOUR" in name for name in unknown) else "depends on the date"
    if unknown:
        name = unknown[0]
        return f"depends on {name if name.startswith(MAYBE_SET) else f'`{name}`'}, which no client here can choose"
    if depends_on(formula, Origin.ADDRESS):
        return "depends on an address outside this network"
    if depends_on(formula, Origin.PASSWORD):
        return "depends on a user's password"
    return "no client was found that brings it about"


def _varies(condition: Condition) -> bool:
    return condition.formula not in (TRUE, FALSE)


def _is_traced(condition: Condition, index: Index) -> bool:
    return condition.directive.kind not in _NOT_TRACED and condition not in index.twins


def _differ_in(condition: Condition, admitted: _Request, refused: _Request) -> bool:
    """Whether an admitted and a refused request differ in this condition alone."""
    one, other = admitted.values, refused.values
    return (
        not refused.admitted
        and one[condition] != other[condition]
        and all(one[key] == other[key] for key in one.keys() & other.keys() if key != condition)
    )
