"""A site, and results of its probes with the trace that httpd would log, for what is concluded from them."""

from harness.cases import catalogue
from harness.httpd.directive import Places
from harness.httpd.site import Site
from harness.httpd.trace import Kind, TraceEntry
from harness.outcome import LogEntry, Observation, Outcome, Verdict
from harness.probe import Client
from harness.verify.judgement import Result
from harness.verify.plan import PlannedProbe
from harness.verify.tracing import Traces
from tests.dump import places

SERIAL = "1B"


def site_of(*lines: str) -> Site:
    """The first site of a virtual host with these lines in a <Location />: the first of them is line 5."""
    return places("<Location />", *lines, "</Location>", client="optional")[0]


def required(text: str, result: str) -> TraceEntry:
    return TraceEntry(Kind.REQUIRE, f"Require {text}", result)


def traced(site: Site, *probes: tuple[str, bool, tuple[TraceEntry, ...]]) -> tuple[list[Result], Traces]:
    """The results of probes, each with its case, whether it was admitted, and its trace; as expected, all of them.

    Every client but those of the family `absent` has a certificate that was verified.
    """
    results = []
    for number, (name, is_admitted, _) in enumerate(probes):
        (case,) = (one for one in catalogue() if one.id == name)
        probe = PlannedProbe(case, site, "1.3", Client(), f"probe-{number}", promised=True, expected=case.expected)
        outcome = Outcome.ADMITTED if is_admitted else Outcome.REFUSED_BY_HTTP
        status = 200 if is_admitted else 403
        identity = None if case.family == "absent" else SERIAL
        logged = LogEntry(identity, None, status, passed=is_admitted)
        results.append(Result(probe, Observation(outcome, True, 1.0, status=status), logged, Verdict.AS_EXPECTED))
    return results, Traces({f"probe-{number}": trace for number, (_, _, trace) in enumerate(probes)}, Places({}))
