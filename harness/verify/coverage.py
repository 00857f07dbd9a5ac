"""Which conditions of a guard were seen true, and which false, in httpd's own trace of the requests?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.httpd.directive import Places
from harness.httpd.environment import Condition
from harness.httpd.formula import FALSE, TRUE, Formula, depends_on, negated
from harness.httpd.site import Site
from harness.httpd.trace import Index, Trace, deciding
from harness.httpd.variables import Origin
from harness.outcome import Outcome
from harness.verify.client import Query
from harness.verify.judgement import Result

Evaluated = Mapping[Condition, bool]
"""What httpd made of each condition in one request; conditions that it did not come to are left out."""
_NOT_TRACED = {"allow", "deny", "limit", "limitexcept"}
"""What httpd tells nothing of: neither mod_access_compat nor <Limit> logs its conditions one by one."""
_OPEN = {
    Origin.UNKNOWABLE: "depends on what nobody here can choose",
    Origin.ADDRESS: "depends on an address outside this network",
    Origin.PASSWORD: "depends on a user's password",
}


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
class Traces:
    """The traces of a run, by the probe's id, and the places of the configuration."""

    by_probe: Mapping[str, Trace]
    places: Places

    def evaluated(self, result: Result) -> Evaluated:
        """What httpd made of the conditions of the site in one probe."""
        return self._index(result).evaluated(self.by_probe.get(result.probe.probe_id, ()))

    def explained(self, result: Result) -> Result:
        """A result with the condition that refused it, where a rule did."""
        if result.observed.outcome is not Outcome.REFUSED_BY_HTTP or result.logged.reason:
            return result
        found = deciding(self._index(result), self.by_probe.get(result.probe.probe_id, ()))
        return replace(result, decided_by=found) if found else result

    def _index(self, result: Result) -> Index:
        return Index(result.probe.site.decision.conditions, self.places)


def coverage(results: Iterable[Result], traces: Traces, query: Callable[[Site], Query]) -> tuple[Covered, ...]:
    """Count what was seen of each condition of each site's guard."""
    by_site: dict[str, list[tuple[Evaluated, bool]]] = {}
    sites: dict[str, Site] = {}
    for result in results:
        site = result.probe.site
        sites.setdefault(site.id, site)
        if result.observed.outcome in {Outcome.ADMITTED, Outcome.REFUSED_BY_HTTP} and result.logged.status is not None:
            seen = (traces.evaluated(result), result.observed.outcome is Outcome.ADMITTED)
            by_site.setdefault(site.id, []).append(seen)
    return tuple(
        one
        for key, site in sites.items()
        for one in _of_site(site, by_site.get(key, []), query(site))
        if one is not None
    )


def _of_site(site: Site, seen: Sequence[tuple[Evaluated, bool]], query: Query) -> Iterator[Covered]:
    patterns = list({(frozenset(values.items()), admitted): (values, admitted) for values, admitted in seen}.values())
    for condition in site.decision.conditions:
        if condition.formula in (TRUE, FALSE) or condition.directive.name.lower() in _NOT_TRACED:
            continue
        found = [values[condition] for values, _ in seen if condition in values]
        true, false = sum(found), len(found) - sum(found)
        why = _why(condition, query, true=bool(true), false=bool(false))
        yield Covered(site, condition, true, false, _independent(condition, patterns), why)


def _why(condition: Condition, query: Query, *, true: bool, false: bool) -> str | None:
    """Why a condition was not seen both ways; None where it was, or where no client can bring it about."""
    for was_seen, wanted, name in ((true, condition.formula, "true"), (false, negated(condition.formula), "false")):
        if not was_seen and query.can_be(wanted):
            return f"never {name}: {_origin(wanted)}"
    return None


def _origin(formula: Formula) -> str:
    return next((text for origin, text in _OPEN.items() if depends_on(formula, origin)), "no client was made for it")


def _independent(condition: Condition, patterns: Sequence[tuple[Evaluated, bool]]) -> bool:
    """Whether two requests differ in this condition and in the outcome, and in no other condition (MC/DC)."""
    having = [(values, admitted) for values, admitted in patterns if condition in values]
    return any(
        one[condition] != other[condition]
        and admitted != also
        and all(one[key] == other[key] for key in one.keys() & other.keys() if key != condition)
        for one, admitted in having
        for other, also in having
    )
