"""What do the client's side and httpd's log say together of each probe?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.outcome import NO_CERTIFICATE, Observation, Outcome, Reason, Record, Verdict, judge
from harness.pki import serial
from harness.server.log import Log
from harness.verify.plan import CONTROL, Knock

_REFUSALS = {400, 401, 403, 407, 421, 500}
"""What httpd answers when it does not let a request through to what is there, or cannot tell. Any other status, 404 and
502 among them, comes from behind the guard."""


_BEHIND = {502, 503, 504}
"""What httpd answers when a proxy's upstream does not."""


@dataclass(frozen=True)
class Result:
    """A probe and what was made of it."""

    knock: Knock
    observed: Observation
    said: Record
    verdict: Verdict

    @property
    def level(self) -> str | None:
        """How much a person must act on it; None where all is as expected, or nothing could be told."""
        if self.verdict in (Verdict.AS_EXPECTED, Verdict.INCONCLUSIVE):
            return None
        if self.verdict is Verdict.OTHERWISE:
            return "note"
        return "error" if self.knock.promised else "warning"

    @property
    def lets_in(self) -> bool:
        """Whether a client at a place where nobody is kept out was served what is there, or sent on to it."""
        status = self.observed.status
        return status is not None and (status < 300 or status in _BEHIND)

    def told(self) -> str:
        """The evidence in one line."""
        reason = self.said.reason
        parts = (
            str(self.observed.outcome),
            f"alert {self.observed.alert}" if self.observed.alert else None,
            f"status {self.observed.status}" if self.observed.status else None,
            self.observed.error,
            reason and reason.ah,
            reason and reason.x509_error and f"X509_V_ERR {reason.x509_error}",
            reason and reason.text,
        )
        return f"[{', '.join(str(part) for part in parts if part)}]"


def weigh(
    knocks: Sequence[Knock], controls: Sequence[Knock], observed: Mapping[str, Observation], log: Log
) -> tuple[tuple[Result, ...], tuple[Result, ...]]:
    """Judge every probe by both sides' evidence; returns the results, and those of the controls that did not get in: at
    their doors no refusal means anything."""
    # What the good clients send beside their own certificate tells nobody apart.
    common = {serial(certificate) for knock in controls for certificate in knock.client.certificates[1:]}
    sent = {serial(certificate) for knock in (*knocks, *controls) for certificate in knock.client.certificates}
    nameless = {certificate: log.reason_without(sent, certificate=certificate) for certificate in (True, False)}
    statuses = {knock.door: observed[knock.mark].status for knock in controls if got_in(observed[knock.mark])}
    shut = {knock.door for knock in controls if not got_in(observed[knock.mark])}

    def result(knock: Knock, *, control_admitted: bool) -> Result:
        seen = _through(observed[knock.mark], statuses.get(knock.door), log.statuses.get(knock.mark))
        own = {serial(certificate) for certificate in knock.client.certificates} - common
        said = _record(knock, own, seen, log, nameless)
        if not knock.site.tls:
            return _in_the_clear(Result(knock, seen, said, Verdict.INCONCLUSIVE))
        verdict = judge(
            knock.case.expected,
            knock.tls,
            seen,
            said,
            serial=_serial(knock),
            control_admitted=control_admitted,
            in_handshake=knock.site.guard.in_handshake,
        )
        return Result(knock, seen, said, verdict)

    results = tuple(result(knock, control_admitted=knock.door not in shut) for knock in knocks)
    refused = [knock for knock in controls if not got_in(observed[knock.mark])]
    return tuple(map(_own_fault, results)), tuple(result(knock, control_admitted=False) for knock in refused)


def _in_the_clear(result: Result) -> Result:
    """Judge a client without TLS: nobody can be known there, so whoever is served is an intruder. That the server under
    test answered is shown by its log alone."""
    if result.said.status is None:
        return result
    return replace(result, verdict=Verdict.INTRUDER if result.lets_in else Verdict.AS_EXPECTED)


def got_in(seen: Observation) -> bool:
    """Whether the control was let through by the server under test."""
    return seen.status is not None and seen.status not in _REFUSALS and seen.server_proven


def _through(seen: Observation, control: int | None, logged: int | None) -> Observation:
    """Read a status beside the control's: the same one is the same answer; another one than success is none.

    A client that was sent an alert may have had its request carried out all the same: over TLS 1.3 httpd does not wait
    for the proof that the certificate is the client's own, where it asks for it after the handshake.
    """
    status = logged if seen.status is None else seen.status
    if status is None or control is None:
        return seen
    admitted = status == control or status < 300
    if seen.status is None:
        lost = "the request was carried out, only its answer was lost"
        return replace(seen, outcome=Outcome.ADMITTED, error=lost) if admitted else seen
    return replace(seen, outcome=Outcome.ADMITTED if admitted else Outcome.REFUSED_BY_HTTP)


def _own_fault(result: Result) -> Result:
    """The control itself is locked out where httpd gives a reason that lies in the configuration."""
    reason = result.said.reason
    if result.knock.case.id != CONTROL or result.verdict is not Verdict.INCONCLUSIVE or not reason:
        return result
    blames = reason.ah in _BY_CONFIGURATION_SAYS or reason.x509_error in _BY_CONFIGURATION
    return replace(result, verdict=Verdict.LOCKED_OUT) if blames else result


_BY_CONFIGURATION = {2, 3, 10, 11, 12, 18, 19, 20, 24, 25, 26, 47, 79}
"""X509_V_ERR numbers that a good client only meets where the authorities, their CRLs or the depth are not right."""


_BY_CONFIGURATION_SAYS = {"AH02040", "AH10158", "AH01918", "AH01919", "AH01920"}
"""httpd's messages that say the same: of the depth, of a certificate or a responder that it cannot ask for."""


def _record(
    knock: Knock, serials: set[str], seen: Observation, log: Log, nameless: Mapping[bool, Reason | None]
) -> Record:
    """Find what httpd wrote of this probe, by the serial numbers of its own certificates; `nameless` says why
    connections were refused that no certificate tells apart, by whether any was looked at."""
    if knock.mark in log.identities:
        identity = log.identities[knock.mark]
        reason = None if identity or not serials else log.reason_for(serials)
        return Record(identity, reason, log.statuses[knock.mark])
    if seen.outcome is Outcome.REFUSED_IN_HANDSHAKE and not log.saw(serials):
        # The client sent no certificate, whatever it had; or httpd gave up at a root, before it saw any that was sent.
        return Record(reason=nameless[seen.alert not in NO_CERTIFICATE.values()])
    return Record(reason=log.reason_for(serials))


def _serial(knock: Knock) -> str | None:
    certificates = knock.client.certificates
    return serial(certificates[0]) if certificates else None
