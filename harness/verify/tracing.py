"""Which condition decided a probe, by httpd's own trace?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from harness.httpd.directive import Places
from harness.httpd.environment import Condition
from harness.httpd.formula import depends_on
from harness.httpd.site import Site
from harness.httpd.trace import Index, Trace, deciding, password_error
from harness.httpd.variables import Origin
from harness.outcome import Outcome, Reason, Verdict
from harness.verify.judgement import Result
from harness.verify.plan import CONTROL, EACH_CONDITION, UNAUTHENTICATED

Evaluated = Mapping[Condition, bool]
"""The value of each condition that httpd evaluated in one request."""
_OF_CERTIFICATES = (Origin.CERTIFICATE, Origin.PASSWORD, Origin.UNKNOWABLE)
"""The origins of variables about the client's certificate, or about a user that is made from it."""


@dataclass(frozen=True)
class Traces:
    """The traces of a run, by the probe's id, and the places of the configuration."""

    by_probe: Mapping[str, Trace]
    places: Places
    _indexes: dict[str, Index] = field(default_factory=dict, compare=False)

    def index(self, site: Site) -> Index:
        """The conditions of a site, by how httpd's trace names them."""
        return self._indexes.setdefault(site.id, Index(site.decision.conditions, self.places))

    def evaluated(self, result: Result) -> Evaluated:
        """The values of the site's conditions in one probe."""
        return self.index(result.probe.site).evaluated(self._trace(result))

    def explained(self, results: Iterable[Result]) -> list[Result]:
        """The results with the condition that decided each one, where a rule did. A refusal by a condition that is not
        about the certificate is not the one that the case tests."""
        results = list(results)
        controls: dict[object, Evaluated] = {}
        refused: dict[object, list[Evaluated]] = {}
        for one in results:
            if one.probe.case.id == CONTROL and one.observed.outcome is Outcome.ADMITTED:
                controls.setdefault(one.probe.control_key, self.evaluated(one))
            elif one.observed.outcome is Outcome.REFUSED_BY_HTTP and _is_plain(one):
                refused.setdefault(_kind(one), []).append(self.evaluated(one))
        return [
            self._admitted(one, refused.get(_kind(one), ()))
            if one.verdict is Verdict.INTRUDER
            else self._refused(one, controls.get(one.probe.control_key, {}))
            for one in results
        ]

    def _admitted(self, result: Result, refused: Iterable[Evaluated]) -> Result:
        """Name the condition that a client was admitted by: the first one with another result than in the request that
        differs least, of those that were `refused` at the same site. Where the plain client without a certificate is
        admitted, no condition is to blame."""
        own = self.evaluated(result)
        changes = ([one for one, value in own.items() if one in other and other[one] != value] for other in refused)
        least = min(filter(None, changes), key=len, default=None)
        return replace(result, decided_by=least[0]) if least else result

    def _refused(self, result: Result, control: Evaluated) -> Result:
        if result.observed.outcome is not Outcome.REFUSED_BY_HTTP or result.logged.reason:
            return result
        trace = self._trace(result)
        if found := deciding(self.index(result.probe.site), trace):
            result = replace(result, decided_by=found)
        if error := password_error(trace):
            result = replace(result, logged=replace(result.logged, reason=Reason(error)))
        if result.verdict is Verdict.AS_EXPECTED and self._is_refused_otherwise(result, control):
            result = replace(result, verdict=Verdict.OTHERWISE)
        return result

    def _is_refused_otherwise(self, result: Result, control: Evaluated) -> bool:
        """Whether only conditions that are not about certificates had another result than in the control's request."""
        if not _is_plain(result):
            return False
        own = self.evaluated(result)
        changed = [one for one, value in own.items() if one in control and control[one] != value]
        return bool(changed) and not any(
            depends_on(one.formula, origin) for one in changed for origin in _OF_CERTIFICATES
        )

    def _trace(self, result: Result) -> Trace:
        return self.by_probe.get(result.probe.probe_id, ())


def _is_plain(result: Result) -> bool:
    """Whether a client lacks something, and its request has nothing special: a refusal is about what it lacks."""
    return result.probe.case.id == UNAUTHENTICATED or _is_near_miss(result)


def _is_near_miss(result: Result) -> bool:
    """Whether a client's certificate lacks what a rule asks for."""
    return (
        result.probe.expected.by_rule and not result.probe.expected.admitted and result.probe.case.id != EACH_CONDITION
    )


def _kind(result: Result) -> tuple[object, bool]:
    """What two results have in common that can be compared: the site, the version of TLS, and whether a certificate was
    verified."""
    return result.probe.control_key, result.logged.identity is not None
