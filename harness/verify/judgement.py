"""What do the client's side and httpd's log say together of each probe?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.outcome import NO_CERTIFICATE, Observation, Outcome, Reason, Record, Verdict, judge
from harness.pki import serial
from harness.server.log import Log
from harness.verify.plan import Knock


@dataclass(frozen=True)
class Result:
    """A probe and what was made of it."""

    knock: Knock
    observed: Observation
    said: Record
    verdict: Verdict

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
) -> tuple[tuple[Result, ...], tuple[Knock, ...]]:
    """Judge every probe by both sides' evidence; returns the results, and the controls that did not get in: at their
    doors no refusal means anything."""
    refused = tuple(knock for knock in controls if not _got_in(observed[knock.mark]))
    shut = {knock.door for knock in refused}
    sent = {serial(certificate) for knock in (*knocks, *controls) for certificate in knock.client.certificates}
    nameless = {certificate: log.reason_without(sent, certificate=certificate) for certificate in (True, False)}
    results = []
    for knock in knocks:
        seen = observed[knock.mark]
        said = _record(knock, seen, log, nameless)
        verdict = judge(
            knock.case.expected,
            knock.tls,
            seen,
            said,
            serial=_serial(knock),
            control_admitted=knock.door not in shut,
        )
        results.append(Result(knock, seen, said, verdict))
    return tuple(results), refused


def _got_in(seen: Observation) -> bool:
    return seen.outcome is Outcome.ADMITTED and seen.server_proven


def _record(knock: Knock, seen: Observation, log: Log, nameless: Mapping[bool, Reason | None]) -> Record:
    """Find what httpd wrote of this probe; `nameless` says why connections were refused that no certificate tells
    apart, by whether any was looked at."""
    if knock.mark in log.identities:
        return Record(identity=log.identities[knock.mark])
    serials = {serial(certificate) for certificate in knock.client.certificates}
    if seen.outcome is Outcome.REFUSED_IN_HANDSHAKE and not log.saw(serials):
        # The client sent no certificate, whatever it had; or httpd gave up at a root, before it saw any that was sent.
        return Record(reason=nameless[seen.alert not in NO_CERTIFICATE.values()])
    return Record(reason=log.reason_for(serials))


def _serial(knock: Knock) -> str | None:
    certificates = knock.client.certificates
    return serial(certificates[0]) if certificates else None
