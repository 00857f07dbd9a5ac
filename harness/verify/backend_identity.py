"""Did a backend get the client's identity from httpd alone?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.httpd.layout import CoverageGap
from harness.httpd.log import Log
from harness.outcome import LogEntry, Observation, Outcome, Verdict
from harness.probe import FORGED
from harness.verify.judgement import Result
from harness.verify.plan import PlannedProbe

_NO_VALUE = "(null)"
"""What mod_headers writes for a variable that has no value."""


def judge_identities(
    probes: Iterable[PlannedProbe], controls: Iterable[PlannedProbe], observed: Mapping[str, Observation], log: Log
) -> tuple[Result, ...]:
    """Judge the clients that forge an identity, except those whose request is missing in the backend's log: see
    `unrecorded`."""
    own = {control.site.id: _entry(control, log) for control in controls}
    return tuple(
        _judged(planned, observed[planned.probe_id], _entry(planned, log), own.get(planned.site.id))
        for planned in probes
        if not _is_unrecorded(observed[planned.probe_id], _entry(planned, log))
    )


def unrecorded(
    probes: Sequence[PlannedProbe], observed: Mapping[str, Observation], log: Log
) -> tuple[CoverageGap, ...]:
    """The backends whose requests were not logged, because they are not reached over HTTP."""
    return tuple(
        CoverageGap(
            f"which identity the backend of {planned.site.url} receives: its requests are not logged",
            planned.identity.directive.file,
            planned.identity.directive.line,
            "Remove this header from the client's request in every spelling, with `-` and with `_`.",
        )
        for planned in probes
        if planned.identity and _is_unrecorded(observed[planned.probe_id], _entry(planned, log))
    )


def _entry(planned: PlannedProbe, log: Log) -> LogEntry:
    return log.requests.get(planned.probe_id, LogEntry())


def _is_unrecorded(seen: Observation, logged: LogEntry) -> bool:
    return logged.passed and logged.received is None and seen.outcome is not Outcome.NO_ANSWER


def _judged(planned: PlannedProbe, seen: Observation, logged: LogEntry, control: LogEntry | None) -> Result:
    if seen.outcome is Outcome.NO_ANSWER or (planned.site.tls and not seen.server_proven):
        return Result(planned, seen, logged, Verdict.INCONCLUSIVE)
    seen = replace(seen, outcome=Outcome.ADMITTED if logged.received is not None else seen.outcome)
    verdict, wrong = _compared(planned, logged, control)
    if verdict is Verdict.INTRUDER and FORGED not in wrong:
        planned = replace(planned, promised=False)  # The client's own header did not arrive: the value names no client.
    return Result(planned, replace(seen, error=wrong or seen.error), logged, verdict)


def _compared(planned: PlannedProbe, logged: LogEntry, control: LogEntry | None) -> tuple[Verdict, str]:
    """Compare the header that the backend received with the client's own identity; returns the verdict and the
    difference."""
    assert planned.identity is not None, "it is planned for one header"
    if logged.received is None:
        return Verdict.AS_EXPECTED, ""
    means = planned.identity.is_meant_by
    found = [(name, value) for name, value in logged.received if means(name)]
    if forged := next((one for one in found if FORGED in one[1]), None):
        return Verdict.INTRUDER, f"the backend received `{forged[0]}: {forged[1]}`"
    if planned.client.identity is None:
        unset = next((one for one in found if one[1] == _NO_VALUE), None)
        difference = f"the backend received `{unset[0]}: {unset[1]}`" if unset else ""
        return Verdict.INTRUDER if unset else Verdict.AS_EXPECTED, difference
    sent = [value for name, value in (control.received if control and control.received else ()) if means(name)]
    missing = any(sent) and not any(value for _, value in found)
    difference = f"the backend received no `{planned.identity.name}`" if missing else ""
    return Verdict.OTHERWISE if missing else Verdict.AS_EXPECTED, difference
