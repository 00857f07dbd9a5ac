"""Which clients does a running server admit?

Its log and its configuration are not available. A refusal is proved by the client's side alone, by the alert or the
status, and by the control that is admitted at the same site. An intruder is proved without the control.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from harness.cases import Case, catalogue
from harness.engine import ServerError
from harness.httpd.directive import Directive
from harness.httpd.guard import Guard
from harness.httpd.site import Site
from harness.outcome import TLS_VERSIONS, LogEntry, Observation, Outcome, Tls, Verdict, refused
from harness.pki import Authority, Identity, KeyType, generate
from harness.pki.key_pool import SlowKeys, slow_keys
from harness.pki.testbed import TestPki
from harness.probe import SITE, Endpoint, probe
from harness.probe.server_handshake import ServerHandshake, is_address, look
from harness.verify.acceptance import accepted
from harness.verify.client import Query
from harness.verify.finding import findings, merged
from harness.verify.judgement import OTHER_VERSION, Result, spoken
from harness.verify.plan import CONTROL, UNWANTED, NothingToDoError, PlannedProbe, Planner
from harness.verify.policy import NO_POLICY, Policy
from harness.verify.probing import in_parallel
from harness.verify.progress import Clock, Progress, quiet
from harness.verify.run import Run
from harness.verify.target import Target

_DENIALS = {400, 401, 403, 407, 421, 495, 496}
"""The statuses of a refusal: httpd sends the middle four, nginx 400, 495 and 496."""
_WITHOUT_KEY = {
    *("absent.none", "absent.with_post", "absent.with_unknown_method", "absent.empty_list"),
    *("absent.empty_list_in_tls_1_2", "routing.no_server_name", "routing.unknown_server_name"),
    *("chain.self_signed", "chain.unknown_authority"),
}
"""The cases that need neither a client's key nor an authority's."""
_IMPOSTOR = "chain.impostor_authority"
_FROM_CLIENT = {
    CONTROL,
    UNWANTED,
    "valid.browser",
    "proof.tampered_certificate_signature",
    "proof.tampered_certificate_body",
}
"""The cases that can be made from one good client; with a key on P-256, `_STOLEN` as well."""
_STOLEN = "proof.someone_elses_key"
_LIBRARY_DEPENDENT = {"valid.ml_dsa_65"}
"""The cases that an old TLS library does not support."""
_NOWHERE = Directive("", "", "", 0)
_GUARD = Guard(section=_NOWHERE, in_force={}, granting_directive=_NOWHERE, handshake="require", requirement=_NOWHERE)


@dataclass(frozen=True)
class Credentials:
    """The credentials that the operator of the server supplies: a good client, the certificate of the clients'
    authority, that authority with its key (`issuer`), and the file of the authorities trusted for the server."""

    client: Identity | None = None
    authority: x509.Certificate | None = None
    issuer: Authority | None = None
    server_ca: Path | None = None

    @property
    def control(self) -> bool:
        """Whether there is a client that must be admitted."""
        return bool(self.client or self.issuer)


class _PkiWithoutKey(TestPki):
    """A PKI without the key of the clients' authority: it has only the supplied credentials."""

    def __init__(self, credentials: Credentials, name: x509.Name | None, keys: SlowKeys) -> None:
        if credentials.authority:
            root = Authority(credentials.authority, generate(KeyType.P_256))
        else:
            root = Authority.root(subject=name or "Verification root")
        super().__init__(1, keys=keys, root=root)
        self._client = credentials.client

    def identity(self, under: Authority | None = None, **changes: Any) -> Identity:
        """Return the good client where no other change than a P-256 key is asked for."""
        own = under is None and changes in ({}, {"key": KeyType.P_256})
        return self._client if self._client and own else super().identity(under, **changes)


def site_at(number: int, name: str, port: int, path: str) -> Site:
    """A site of which only the URL is known; it must admit good clients, and no others."""
    return Site(f"s{number}", name, port, path, _GUARD, is_default=False)


def verify_running(
    places: Sequence[Site],
    credentials: Credentials,
    *,
    policy: Policy = NO_POLICY,
    only: Callable[[Case], bool] = lambda _case: True,
    versions: Sequence[Tls] = TLS_VERSIONS,
    jobs: int = 8,
    progress: Progress = quiet,
) -> Run:
    """Probe running servers, with one connection for each probe.

    Raises:
        ServerError: there is no answer, or the server's certificate is not issued by `server_ca`.
        PolicyError: the policy speaks of another place.
        NothingToDoError: nothing is left after `only` and `versions`.
    """
    clock = Clock()
    policy.check(places, unseen=("authority", "subject", "revocation"))
    shown = {
        (site.name, site.port, tls): _look(site, tls, credentials.server_ca) for site in places for tls in TLS_VERSIONS
    }
    clock.lap("engine")
    keys = slow_keys() if credentials.issuer else SlowKeys(())
    named = next((name for one in shown.values() for name in one.authorities), None)
    pki = (
        TestPki(1 + len(credentials.issuer.chain), keys=keys, root=credentials.issuer)
        if credentials.issuer
        else _PkiWithoutKey(credentials, named, keys)
    )
    planner = Planner(lambda _site: pki, Query, places, versions, everything=True, policy=policy)
    applicable = {case.id for case in catalogue() if _is_applicable(case, credentials, named, keys)}
    probes = [
        _fitted(planned, credentials)
        for planned in planner.plan(places, only=lambda one: only(one) and one.id in applicable)
    ]
    if not probes:
        raise NothingToDoError("No probe is left to make: of these cases none can be asked of a running server so.")
    before, after = (
        list(map(_without_ip_as_name, planner.controls(places))) if credentials.control else [] for _ in range(2)
    )
    clock.lap("pki")
    prober = _Prober(shown, jobs)
    silent = {(name, port, tls) for (name, port, tls), one in shown.items() if one.alert == OTHER_VERSION}
    missed = [planned for planned in before if _endpoint_key(planned) in silent and planner.must_speak(planned)]
    before, after = ([one for one in some if _endpoint_key(one) not in silent] for some in (before, after))
    probes = [one for one in probes if _endpoint_key(one) not in silent or one.case.id == UNWANTED]
    observed = prober.probe([*missed, *before])
    observed |= prober.probe(list(map(_without_ip_as_name, probes)), progress)
    observed |= prober.probe(after)
    clock.lap("probes")
    answers = _answers((*before, *after), observed)
    results = tuple(_judged(planned, observed, answers, shown) for planned in (*missed, *probes))
    target = Target(Path(), ", ".join(site.url for site in places))
    return Run(
        target=target,
        image="",
        versions={"httpd": "unknown", "openssl": "unknown"},
        sites=tuple(places),
        results=results,
        findings=accepted(merged(findings(results, None)), policy, target),
        trouble=_trouble(before, answers, observed, credentials),
        timing_s=clock.times(),
    )


def _look(site: Site, tls: Tls, server_ca: Path | None) -> ServerHandshake:
    try:
        shown = look((site.name, site.port), site.name, tls, trusted=server_ca)
    except (OSError, socket.gaierror) as error:
        raise ServerError(f"No server answers at {site.url}: {error}") from None
    except SSL.Error:
        raise ServerError(f"{server_ca} holds no certificate that could vouch for a server.") from None
    if shown.certificate is None and shown.alert != OTHER_VERSION:
        raise ServerError(f"What answers at {site.url} shows no certificate: is it a server with TLS?")
    if server_ca and shown.certificate is not None and shown.x509_error:
        raise ServerError(
            f"{server_ca} does not vouch for what answers at {site.url} (X509_V_ERR {shown.x509_error}): it is not"
            " shown to be the server that is meant."
        )
    return shown


def _is_applicable(case: Case, credentials: Credentials, named: x509.Name | None, keys: SlowKeys) -> bool:
    """Whether a case applies to a running server: it needs no new trusted authority and no CRL there."""
    if not credentials.issuer:
        if case.id == _STOLEN:
            key = credentials.client and credentials.client.certificate.public_key()
            return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
        if case.id == _IMPOSTOR:
            return bool(named or credentials.authority)
        return case.id in _WITHOUT_KEY or (credentials.client is not None and case.id in _FROM_CLIENT)
    if case.family in {"revocation", "ocsp"} or case.id in _LIBRARY_DEPENDENT or case.issued_by != SITE:
        return False
    pki = TestPki(1 + len(credentials.issuer.chain), keys=keys, root=credentials.issuer)
    pki.begin(case.id)
    try:
        client = case.build(pki)
    except (ValueError, StopIteration):  # The authority's key cannot make this signature, or its issuer is unknown.
        return False
    nothing_new = len(pki.trusted()) == 1
    return client is not None and nothing_new and not (case.expected.admitted and case.depth > 1)


def _fitted(planned: PlannedProbe, credentials: Credentials) -> PlannedProbe:
    """Adapt the expected alert: without the authority's key identifier, OpenSSL does not consider the impostor."""
    if (
        planned.case.id == _IMPOSTOR
        and not (credentials.authority or credentials.issuer)
        and not planned.expected.anyhow
    ):
        return replace(planned, expected=refused("unknown_ca"))
    return planned


def _without_ip_as_name(planned: PlannedProbe) -> PlannedProbe:
    """Leave out the server name where it is an IP address (RFC 6066 section 3)."""
    unnamed = planned.client.asks_for == SITE and is_address(planned.site.name)
    return replace(planned, client=replace(planned.client, asks_for=None)) if unnamed else planned


def _endpoint_key(planned: PlannedProbe) -> tuple[str, int, Tls]:
    return planned.site.name, planned.site.port, planned.tls


@dataclass(frozen=True)
class _Prober:
    """Sends probes; each one must find a certificate of the first handshakes."""

    shown: Mapping[tuple[str, int, Tls], ServerHandshake]
    jobs: int

    def probe(self, probes: Sequence[PlannedProbe], progress: Progress = quiet) -> dict[str, Observation]:
        """Send all these probes in parallel; returns their observations by id."""
        return in_parallel(self._one, probes, self.jobs, progress)

    def _one(self, planned: PlannedProbe) -> Observation:
        site = planned.site
        seen = (self.shown[site.name, site.port, tls].certificate for tls in TLS_VERSIONS)
        endpoint = Endpoint((site.name, site.port), site.name, site.port, site.path, frozenset(filter(None, seen)))
        return probe(endpoint, planned.client, planned.tls, planned.probe_id)


def _answers(controls: Sequence[PlannedProbe], observed: Mapping[str, Observation]) -> dict[tuple[str, Tls], int]:
    """The status of the controls that were admitted every time, by site and protocol version."""
    answers: dict[tuple[str, Tls], int] = {}
    unanswered = set()
    for planned in controls:
        seen = observed[planned.probe_id]
        if seen.status is None or seen.status in _DENIALS or not seen.server_proven:
            unanswered.add(planned.control_key)
        else:
            answers[planned.control_key] = seen.status
    return {key: status for key, status in answers.items() if key not in unanswered}


def _judged(
    planned: PlannedProbe,
    observed: Mapping[str, Observation],
    answers: Mapping[tuple[str, Tls], int],
    shown: Mapping[tuple[str, int, Tls], ServerHandshake],
) -> Result:
    control = answers.get(planned.control_key)
    seen = _outcome(planned, observed[planned.probe_id], control)
    if planned.case.id == UNWANTED or seen.alert == OTHER_VERSION:
        proven = any(shown[planned.site.name, planned.site.port, tls].certificate for tls in TLS_VERSIONS)
        return Result(planned, seen, LogEntry(), spoken(planned.expected, seen, proven=proven))
    return Result(planned, seen, LogEntry(), _verdict(planned, seen, control))


def _outcome(planned: PlannedProbe, seen: Observation, control: int | None) -> Observation:
    """The observation with the outcome that the status proves: admitted with a success or the control's own status,
    refused with one of `_DENIALS`. Other errors prove nothing, nor does a redirect: it may come before the guard."""
    if seen.status is None:
        return seen
    redirect = 300 <= seen.status < 400 and not planned.expected.admitted
    if seen.status < 300 or (seen.status == control and not redirect):
        return replace(seen, outcome=Outcome.ADMITTED)
    if seen.status in _DENIALS:
        return replace(seen, outcome=Outcome.REFUSED_BY_HTTP)
    return replace(seen, outcome=Outcome.NO_ANSWER, error="this status does not say whether the client is refused")


def _verdict(planned: PlannedProbe, seen: Observation, control: int | None) -> Verdict:
    expected = planned.expected
    if not seen.server_proven or seen.outcome is Outcome.NO_ANSWER:
        return Verdict.INCONCLUSIVE
    if seen.outcome is Outcome.ADMITTED:
        return Verdict.AS_EXPECTED if expected.admitted else Verdict.INTRUDER
    if expected.anyhow:
        return Verdict.AS_EXPECTED
    if control is None:
        return Verdict.INCONCLUSIVE
    if expected.admitted:
        return Verdict.LOCKED_OUT if planned.case.everywhere else Verdict.OTHERWISE
    as_the_case = expected.alerts is None or seen.alert is None or seen.alert == expected.alerts[planned.tls]
    return Verdict.AS_EXPECTED if as_the_case else Verdict.OTHERWISE


def _trouble(
    controls: Sequence[PlannedProbe],
    answers: Mapping[tuple[str, Tls], int],
    observed: Mapping[str, Observation],
    credentials: Credentials,
) -> str | None:
    if not credentials.control:
        return (
            "No client is known that must be admitted, so no refusal proves anything. Name one (--client and --key), or"
            " an authority that can issue one (--ca and --ca-key)."
        )
    control = next((planned for planned in controls if planned.control_key not in answers), None)
    if control is None:
        return None
    seen = observed[control.probe_id]
    what = seen.alert or seen.error or f"status {seen.status}"
    if not seen.server_proven and seen.status is not None:
        what = "another server answered than the first time"
    return (
        f"The control, a client that must be admitted, was not at {control.site.url} over TLS {control.tls} ({what}),"
        " so no refusal proves anything."
    )
