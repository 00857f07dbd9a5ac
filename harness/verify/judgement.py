"""What is the verdict on each probe, from the client's observation and httpd's log?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.httpd.distinguished_name import misspelled
from harness.httpd.environment import Condition
from harness.httpd.guard import uses_unset_variable
from harness.httpd.log import Log
from harness.outcome import NO_CERTIFICATE, Expectation, LogEntry, Observation, Outcome, Reason, Tls, Verdict, judge
from harness.pki import serial
from harness.probe import NOT_HTTP_2
from harness.verify.plan import CONTROL, EACH_CONDITION, LARGE_BODY, OVER_HTTP2, UNWANTED, PlannedProbe

OTHER_VERSION = "protocol_version"
"""The alert of a server that does not speak this version of TLS (RFC 8446 section 6)."""

_DENIALS = {401, 403, 407, 421}
"""The statuses of a guard. A backend may send them as well: then the control gets the same one."""

NO_PASSWORD = 401
"""The response that requests a password (RFC 9110 section 15.5.2)."""
_TOO_LARGE = 413
"""The response to a body that is too large (RFC 9110 section 15.5.14)."""
_BY_RULE = {NO_PASSWORD, 403}


@dataclass(frozen=True)
class Result:
    """A probe with its outcome and verdict; `decided_by` is the condition that decided, by httpd's own trace."""

    probe: PlannedProbe
    observed: Observation
    logged: LogEntry
    verdict: Verdict
    decided_by: Condition | None = None

    @property
    def level(self) -> str | None:
        """The severity for a report; None if the outcome is as expected or inconclusive."""
        if self.verdict in (Verdict.AS_EXPECTED, Verdict.INCONCLUSIVE):
            return None
        if self.verdict is Verdict.OTHERWISE:
            return "note"
        return "error" if self.probe.promised else "warning"

    def evidence(self) -> str:
        """The evidence in one line."""
        reason = self.logged.reason
        parts = (
            str(self.observed.outcome),
            f"alert {self.observed.alert}" if self.observed.alert else None,
            f"status {self.observed.status}" if self.observed.status else None,
            self.observed.error,
            reason and reason.ah,
            reason and reason.x509_error and f"X509_V_ERR {reason.x509_error}",
            reason and reason.text,
            self.decided_by and f"{self.decided_by}",
        )
        return f"[{', '.join(str(part) for part in parts if part)}]"


@dataclass(frozen=True)
class Judgements:
    """All results, and those of the refused controls.

    With a control in `controls_refused`, no refusal at the same site and protocol version proves anything. The
    certificate of one in `controls_refused_by_other_rule` was verified, and a rule that is not about certificates
    refused it.
    """

    results: tuple[Result, ...]
    controls_refused: tuple[Result, ...]
    controls_refused_by_other_rule: tuple[Result, ...]


def judge_all(
    probes: Sequence[PlannedProbe], controls: Sequence[PlannedProbe], observed: Mapping[str, Observation], log: Log
) -> Judgements:
    """Judge every probe by the observations and the log."""
    sent = {serial(certificate) for planned in (*probes, *controls) for certificate in planned.client.certificates}
    shared = _shared((*probes, *controls))
    logged = {
        planned.probe_id: _log_entry(planned, observed[planned.probe_id], log, sent, shared)
        for planned in (*probes, *controls)
    }
    answers: dict[tuple[str, Tls], LogEntry] = {}
    controls_refused: dict[tuple[str, Tls], PlannedProbe] = {}
    for planned in controls:
        seen = _outcome(planned, observed[planned.probe_id], logged[planned.probe_id], None)
        if seen.outcome is Outcome.ADMITTED and seen.server_proven:
            answers[planned.control_key] = logged[planned.probe_id]
        else:
            controls_refused.setdefault(planned.control_key, planned)
    otherwise = {
        key: planned
        for key, planned in controls_refused.items()
        if (answers or _wants_password(planned, logged[planned.probe_id]))
        and _is_refused_by_other_rule(planned, observed[planned.probe_id], logged[planned.probe_id])
    }

    proven = {planned.site.id for planned in (*probes, *controls) if observed[planned.probe_id].server_proven}

    def result(planned: PlannedProbe) -> Result:
        seen = _outcome(planned, observed[planned.probe_id], logged[planned.probe_id], answers.get(planned.control_key))
        if planned.case.id == UNWANTED or seen.alert == OTHER_VERSION:
            verdict = spoken(planned.expected, seen, proven=planned.site.id in proven)
            return Result(planned, seen, logged[planned.probe_id], verdict)
        if planned.case.id == EACH_CONDITION:
            return Result(planned, seen, logged[planned.probe_id], _as_decided(planned, seen))
        verdict = judge(
            planned.expected,
            planned.tls,
            seen,
            logged[planned.probe_id],
            serial=_serial(planned),
            control_admitted=planned.control_key not in controls_refused or planned.control_key in otherwise,
            in_handshake=planned.in_handshake,
        )
        # It sent no certificate: the server accepts no signatures of its kind.
        if (
            verdict is Verdict.LOCKED_OUT
            and not planned.case.everywhere
            and not log.saw(filter(None, [_serial(planned)]))
        ):
            verdict = Verdict.OTHERWISE
        if planned.case.id == OVER_HTTP2:
            verdict = _over_http2(verdict, seen)
        if planned.case.id == LARGE_BODY and verdict is Verdict.OTHERWISE and seen.status == _TOO_LARGE:
            verdict = Verdict.LOCKED_OUT
        return _own_fault(Result(planned, seen, logged[planned.probe_id], verdict))

    judged = [
        planned for planned in probes if planned.control_key not in otherwise or not planned.case.expected.admitted
    ]
    return Judgements(
        tuple(map(result, judged)),
        tuple(result(planned) for key, planned in controls_refused.items() if key not in otherwise),
        tuple(map(result, otherwise.values())),
    )


def _as_decided(planned: PlannedProbe, seen: Observation) -> Verdict:
    """Judge a client that was made for one condition by the outcome that the site's decision predicts."""
    if seen.outcome is Outcome.NO_ANSWER or not seen.server_proven:
        return Verdict.INCONCLUSIVE
    admitted = seen.outcome is Outcome.ADMITTED
    if admitted == planned.expected.admitted:
        return Verdict.AS_EXPECTED
    return Verdict.INTRUDER if admitted and planned.client.identity is None else Verdict.OTHERWISE


def _wants_password(planned: PlannedProbe, logged: LogEntry) -> bool:
    """Whether the handshake admitted a client that is then asked for a password."""
    return planned.in_handshake and logged.status == NO_PASSWORD


def _is_refused_by_other_rule(planned: PlannedProbe, seen: Observation, logged: LogEntry) -> bool:
    """Whether a good client's certificate was verified, and only a rule that is not about certificates refused it."""
    return (
        not planned.expected.by_rule
        and seen.server_proven
        and (logged.identity == _serial(planned) or planned.site.guard.verify_client == "none")
        and logged.status in _BY_RULE
        and logged.reason is None
        and all(rule.kind == "sslverifyclient" for rule in planned.site.guard.rules)
    )


def _outcome(planned: PlannedProbe, seen: Observation, logged: LogEntry, control: LogEntry | None) -> Observation:
    """The outcome by the client's observation and httpd's log of its request; `control` is the log entry of the
    admitted control.

    A client that received an alert may have been served: over TLS 1.3, httpd does not wait for CertificateVerify after
    it requests the certificate after the handshake. Without TLS only the log shows that the server under test answered.
    """
    if not planned.site.tls:
        seen = replace(seen, server_proven=logged.status is not None)
    status = logged.status if seen.status is None else seen.status
    if status is None:
        return seen
    # A redirect comes before the guards of a place, but not before the handshake.
    passed = logged.passed or (planned.in_handshake and 300 <= status < 400) or (logged.status is None and status < 400)
    if control and not logged.passed and logged.instead is not None and logged.instead == control.file:
        return replace(seen, outcome=Outcome.ADMITTED, error="refused, and answered by the same page all the same")
    if not passed or (status in _DENIALS and control is not None and status != control.status):
        return seen if seen.status is None else replace(seen, outcome=Outcome.REFUSED_BY_HTTP)
    # A rule may serve another page to unverified clients: the site's content is the page that the control received.
    if control and control.file == planned.site.file != logged.file and logged.file is not None:
        return replace(seen, outcome=Outcome.REFUSED_BY_HTTP, error="answered by another page")
    lost = "the request was carried out, only its answer was lost" if seen.status is None else seen.error
    return replace(seen, outcome=Outcome.ADMITTED, error=lost)


def spoken(expected: Expectation, seen: Observation, *, proven: bool) -> Verdict:
    """The verdict on whether the server supports a version of TLS. Without it the server sends no certificate: whether
    it is the server under test is `proven` over another version only."""
    if seen.alert != OTHER_VERSION:
        return Verdict.INTRUDER if seen.server_proven else Verdict.INCONCLUSIVE
    if expected.admitted:
        return Verdict.LOCKED_OUT
    return Verdict.AS_EXPECTED if proven else Verdict.INCONCLUSIVE


def _over_http2(verdict: Verdict, seen: Observation) -> Verdict:
    """Judge the control over HTTP/2: denied over HTTP/2 alone, it is locked out; without HTTP/2 nothing is shown."""
    if verdict is Verdict.AS_EXPECTED and seen.error == NOT_HTTP_2:
        return Verdict.OTHERWISE
    is_denied = verdict is Verdict.OTHERWISE and seen.outcome is Outcome.REFUSED_BY_HTTP
    return Verdict.LOCKED_OUT if is_denied else verdict


def _own_fault(result: Result) -> Result:
    """Judge the control as locked out by a fault of the configuration, or by a rule that must admit it."""
    logged = result.logged
    if result.probe.case.id != CONTROL or result.verdict is not Verdict.INCONCLUSIVE:
        return result
    reason = logged.reason or Reason()
    by_configuration = reason.ah in _BY_CONFIGURATION_AH or reason.x509_error in _BY_CONFIGURATION
    known = result.probe.expected.by_rule and logged.identity is not None
    known |= any(map(uses_unset_variable, result.probe.site.guard.rules))
    known |= bool(misspelled(result.probe.site.decision.formula))
    by_rule = known and result.observed.outcome is Outcome.REFUSED_BY_HTTP
    return replace(result, verdict=Verdict.LOCKED_OUT) if by_configuration or by_rule else result


_BY_CONFIGURATION = {2, 3, 10, 11, 12, 18, 19, 20, 24, 25, 26, 47, 79}
"""X509_V_ERR numbers of a good client where the authorities, their CRLs or the depth are not right."""


_BY_CONFIGURATION_AH = {"AH02040", "AH10158", "AH01918", "AH01919", "AH01920"}
"""httpd's messages for the same: the depth, a certificate or a responder that it cannot request."""


def _shared(probes: Iterable[PlannedProbe]) -> set[str]:
    """Return the serial numbers of authorities that issued clients of several cases: they identify no client."""
    cases: dict[str, set[str]] = {}
    for planned in probes:
        for certificate in planned.client.certificates:
            cases.setdefault(serial(certificate), set()).add(planned.case.id)
    return {number for number, who in cases.items() if len(who) > 1}


def _log_entry(
    planned: PlannedProbe, seen: Observation, log: Log, sent: Collection[str], shared: Collection[str]
) -> LogEntry:
    """The log entry of this probe; `sent` are the serial numbers of all certificates of the run, `shared` those that
    several clients have."""
    if planned.probe_id in log.requests:
        return log.requests[planned.probe_id]
    serials = {serial(certificate) for certificate in planned.client.certificates}.difference(shared)
    if seen.outcome is Outcome.REFUSED_IN_HANDSHAKE and not log.saw(serials):
        # The client sent no certificate, whatever it had; or httpd gave up at a root, before it saw any that was sent.
        looked_at = seen.alert not in NO_CERTIFICATE.values()
        return LogEntry(reason=log.reason_without(sent, planned.server_name, certificate=looked_at))
    return LogEntry(reason=log.reason_for(serials, planned.server_name))


def _serial(planned: PlannedProbe) -> str | None:
    certificates = planned.client.certificates
    return serial(certificates[0]) if certificates else None
