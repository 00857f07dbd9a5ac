"""Which outcome is expected of a client, which was observed, and do they agree?"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Tls = Literal["1.2", "1.3"]
TLS_VERSIONS: tuple[Tls, ...] = ("1.2", "1.3")

NO_CERTIFICATE: Mapping[Tls, str] = {"1.2": "handshake_failure", "1.3": "certificate_required"}
"""The alerts for a client without a certificate: TLS 1.2 has no separate one."""


class Outcome(StrEnum):
    """The outcome of a probe."""

    REFUSED_IN_HANDSHAKE = "refused-in-handshake"
    REFUSED_BY_HTTP = "refused-by-http"
    ADMITTED = "admitted"
    NO_ANSWER = "no-answer"


class Verdict(StrEnum):
    """The comparison of an outcome with the expected one."""

    AS_EXPECTED = "as-expected"
    INTRUDER = "intruder"
    LOCKED_OUT = "locked-out"
    OTHERWISE = "otherwise"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Reason:
    """The reason in httpd's log for a refused connection.

    `ah` is httpd's message number, `x509_error` OpenSSL's X509_V_ERR number (AH02276 carries it), `text` OpenSSL's
    message where there is neither.
    """

    ah: str | None = None
    x509_error: int | None = None
    text: str | None = None


@dataclass(frozen=True)
class Expectation:
    """The expected outcome of a client; for a refusal also the alert and httpd's reason.

    `alerts` are TLS alert descriptions (RFC 8446 section 6) by protocol version. With `by_rule` the certificate is
    valid, and a rule about it decides. With `anyhow` every refusal counts that is in httpd's own log.
    """

    admitted: bool
    alerts: Mapping[Tls, str] | None = None
    reason: Reason = Reason()
    by_rule: bool = False
    anyhow: bool = False
    own_identity: bool = False
    """A backend must receive the client's own identity, and none that the client wrote."""

    def __str__(self) -> str:
        return "admitted" if self.admitted else "refused"


def admitted(*, by_rule: bool = False) -> Expectation:
    """Expect the client to be admitted as itself; `by_rule` if a rule about its certificate must admit it."""
    return Expectation(admitted=True, by_rule=by_rule)


def refused(
    alert: str | Mapping[Tls, str],
    *,
    x509_error: int | None = None,
    ah: str | None = None,
    text: str | None = None,
) -> Expectation:
    """Expect the handshake to be refused with this alert, and httpd to give this reason.

    Args:
        alert: the TLS alert description, one for both protocol versions or one for each.
        x509_error: OpenSSL's X509_V_ERR number, as AH02276 reports it.
        ah: httpd's message number where it is not AH02276, or (OCSP) the one before it that says more.
        text: a part of the library's own message where httpd gives no number.
    """
    alerts: Mapping[Tls, str] = dict.fromkeys(TLS_VERSIONS, alert) if isinstance(alert, str) else alert
    ah = "AH02276" if ah is None and x509_error is not None else ah
    return Expectation(admitted=False, alerts=alerts, reason=Reason(ah, x509_error, text))


def refused_by_rule() -> Expectation:
    """Expect httpd to verify the certificate, and to deny the request all the same: by 403, or by 401 where the rule is
    about a user, whose name is made from the certificate (FakeBasicAuth)."""
    return Expectation(admitted=False, by_rule=True)


def refused_anyhow() -> Expectation:
    """Expect httpd to refuse the client, in the handshake or by HTTP."""
    return Expectation(admitted=False, anyhow=True)


def own_identity(*, admitted: bool = False) -> Expectation:
    """Expect that a backend gets the client's identity from httpd alone; `admitted` says whether the client has one."""
    return Expectation(admitted=admitted, own_identity=True)


@dataclass(frozen=True)
class Observation:
    """What the client's side saw of one probe; `status` is HTTP's, `duration_ms` from connect to the last byte.

    `server_proven` says that the certificate made for this very run answered and proved that it holds the key.
    """

    outcome: Outcome
    server_proven: bool
    duration_ms: float
    alert: str | None = None
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class LogEntry:
    """httpd's own log of the same probe: the admitted client, or the reason of the refusal.

    `identity` is the serial number (upper-case hex) of the verified certificate, None without one. `status` is the
    logged HTTP status, None without one. `passed` says that every guard admitted the request, whatever the status.
    `file` is the file that the request was mapped to, `instead` the page of a refused request (ErrorDocument).
    """

    identity: str | None = None
    reason: Reason | None = None
    status: int | None = None
    passed: bool = False
    file: str | None = None
    instead: str | None = None
    received: tuple[tuple[str, str], ...] | None = None
    """The request headers that a backend received; None where no request reached it."""


def judge(
    expected: Expectation,
    tls: Tls,
    observed: Observation,
    logged: LogEntry,
    *,
    serial: str | None,
    control_admitted: bool,
    in_handshake: bool = True,
) -> Verdict:
    """Return the verdict on a probe, from the alert, the HTTP status and httpd's own reason.

    `serial` is the serial number of the client's certificate (upper-case hex; None without one). `control_admitted`
    says whether the valid client was admitted at the same site over the same protocol version, before and after this
    probe: without that a refusal proves nothing. `in_handshake` says that the site's guard acts in the handshake; else
    the expected refusal of an unverified client is an HTTP status.
    """
    if not observed.server_proven or observed.outcome is Outcome.NO_ANSWER:
        return Verdict.INCONCLUSIVE
    if expected.anyhow:
        return _refused_anyhow(observed, logged, control_admitted=control_admitted)
    if observed.outcome is Outcome.ADMITTED:
        if not expected.admitted:
            return Verdict.INTRUDER
        return Verdict.AS_EXPECTED if logged.identity == serial else Verdict.OTHERWISE
    if not control_admitted:
        return Verdict.INCONCLUSIVE
    if observed.outcome is Outcome.REFUSED_BY_HTTP:
        return _refused_by_http(expected, logged, in_handshake=in_handshake)
    if expected.admitted:
        return Verdict.LOCKED_OUT
    if not in_handshake and expected.reason.x509_error is None and logged.status is not None:
        return Verdict.AS_EXPECTED if expected.alerts and observed.alert == expected.alerts[tls] else Verdict.OTHERWISE
    if logged.reason is None:
        return Verdict.INCONCLUSIVE
    return Verdict.AS_EXPECTED if _same_refusal(expected, tls, observed, logged.reason) else Verdict.OTHERWISE


def _refused_anyhow(observed: Observation, logged: LogEntry, *, control_admitted: bool) -> Verdict:
    """Judge where every refusal counts. A redirect proves nothing: it may come before the guard or after it."""
    if observed.status is not None and 300 <= observed.status < 400:
        return Verdict.INCONCLUSIVE
    if observed.outcome is Outcome.ADMITTED:
        return Verdict.INTRUDER
    is_logged = logged.reason is not None or logged.status is not None
    return Verdict.AS_EXPECTED if control_admitted and is_logged else Verdict.INCONCLUSIVE


def _refused_by_http(expected: Expectation, logged: LogEntry, *, in_handshake: bool) -> Verdict:
    verified = logged.identity is not None
    if expected.admitted:
        return Verdict.OTHERWISE if verified and not in_handshake else Verdict.LOCKED_OUT
    if in_handshake and not expected.by_rule:
        return Verdict.OTHERWISE
    if logged.status is None:
        return Verdict.INCONCLUSIVE
    return Verdict.AS_EXPECTED if verified == expected.by_rule else Verdict.OTHERWISE


_CURRENT_NUMBERS = {24: 79}
"""The numbers of OpenSSL 1.1 that changed, and those of OpenSSL 3: X509_V_ERR_INVALID_CA."""


def _same_refusal(expected: Expectation, tls: Tls, observed: Observation, reason: Reason) -> bool:
    wanted, error = expected.reason, reason.x509_error
    return (
        expected.alerts is not None
        and observed.alert == expected.alerts[tls]
        and (wanted.ah, wanted.x509_error) in {(reason.ah, _CURRENT_NUMBERS.get(error or 0, error)), (None, None)}
        and (wanted.text is None or wanted.text in (reason.text or ""))
    )
