"""Which client is sent to which site, over which protocol version?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.cases import Case, catalogue
from harness.cases.valid import LARGE
from harness.httpd.directive import Directive
from harness.httpd.guard import Guard
from harness.httpd.identity import IdentityHeader
from harness.httpd.site import Site
from harness.outcome import Expectation, Tls, admitted, refused_anyhow, refused_by_rule
from harness.pki.template import names_responder
from harness.pki.testbed import TestPki
from harness.probe import ALIAS, NEIGHBOUR, SITE, Client
from harness.verify.client import Query
from harness.verify.coverage_clients import Unseen
from harness.verify.policy import NO_POLICY, Policy, Promise

CONTROL = "valid.p256"
"""The good client: no refusal at a site proves anything where it is not admitted."""
UNAUTHENTICATED = "absent.none"
"""The client without a certificate, also sent where the configuration promises nothing."""
UNWANTED = "protocol.unwanted_version"
"""The good client that speaks a version which a policy does not want."""
OVER_HTTP2 = "valid.over_http2"
"""The control over HTTP/2."""
LARGE_BODY = "valid.large_body"
"""The control with a large request body, where the certificate is requested after the request."""
_NO_RESPONDER = {"valid.no_responder_named", "valid.no_responder_named_for_intermediate"}
"""The good clients about which httpd cannot ask an OCSP responder."""
NOT_CLAIMED = {"valid.browser", LARGE_BODY, *_NO_RESPONDER}
"""The good clients that no configuration or policy claims to admit, but that are usually meant to be."""
OTHERS = "rules.another_authority"
"""The good clients of each other authority that is trusted than the one that a policy names."""
_WRITTEN = "absent.with_header"
"""The clients that write what a rule asks for, each something different."""
EACH_CONDITION = "rules.each_condition"
"""The clients for the values of conditions that the first probes did not show."""
_ANOTHER_HOST = "routing.another_host"
"""The client whose request names a host that is not here: the default virtual host of the port answers it."""
_IN_THE_CLEAR = {UNAUTHENTICATED, "absent.with_post", _WRITTEN, _ANOTHER_HOST}
"""The clients sent without TLS where something is promised: a redirect may be for some of them only."""
_CHECK = "SSLCARevocationCheck"
IDENTITY = "identity"
"""The family about the identity that a backend receives."""
_REVOKED = {"revocation", "ocsp"}
"""The families that are about who was revoked."""
_TRUST = ("SSLCACertificateFile", "SSLCACertificatePath")
_IS_REVOKED = 23
"""X509_V_ERR_CERT_REVOKED."""
_CRLS = {"sslcarevocationcheck", "sslcarevocationfile", "sslcarevocationpath"}
_WITHOUT_CRL = {"revocation.crl_missing_for_intermediate", "revocation.crl_by_wrong_issuer"}


class NothingToDoError(Exception):
    """The choice of cases, sites and protocol versions leaves nothing to prove."""


Handshake = tuple[str | int | None, ...]
"""What a handshake depends on: the virtual host, the version of TLS, the case, and the client's part in it."""


@dataclass(frozen=True)
class PlannedProbe:
    """One probe that is planned: the case, the site, the protocol version, the client, and the probe's id in the log.

    `promised` says whether the configuration or a policy claims the outcome that is `expected`: what the case expects,
    or what the policy makes of it here. `triggered_by` is the directive that the client's request was made for, if any.
    Probes with the same `handshake` differ only in what comes after it; None where a path has a handshake of its own.
    """

    case: Case
    site: Site
    tls: Tls
    client: Client
    probe_id: str
    promised: bool
    expected: Expectation
    triggered_by: Directive | None = None
    handshake: Handshake | None = None
    identity: IdentityHeader | None = None
    """The header by which a backend receives the client's identity, where the case tests that."""

    @property
    def server_name(self) -> str | None:
        """The server name in the handshake."""
        return self.site.name if self.client.asks_for == SITE else self.client.asks_for

    @property
    def in_handshake(self) -> bool:
        """Whether the handshake is with this site, and the site's guard acts in it."""
        return self.site.guard.in_handshake and self.server_name in (self.site.name, *self.site.aliases)

    @property
    def control_key(self) -> tuple[str, Tls]:
        """What a control speaks for: the site and the protocol version."""
        return self.site.id, self.tls


@dataclass
class Planner:
    """Lays out sites x cases x protocol versions, and issues what each probe needs from the site's own PKI.

    `places` are all that the configuration has. `everything` is promised where the subject is known to be meant so;
    else what the policy says, or what the configuration claims.
    """

    pki: Callable[[Site], TestPki]
    query: Callable[[Site], Query]
    places: Sequence[Site]
    versions: Sequence[Tls]
    everything: bool
    policy: Policy = NO_POLICY
    count: int = 0
    _kinds: dict[str, int] = field(default_factory=dict)

    def plan(self, places: Iterable[Site], *, only: Callable[[Case], bool] = lambda _case: True) -> list[PlannedProbe]:
        """Plan every case that applies at each of these sites."""
        return [
            planned
            for site in places
            for case in filter(only, catalogue())
            if case.id != EACH_CONDITION and case.family != IDENTITY
            if _can_be_asked(case, self.pki(site), site, self.query(site))
            and _is_asked(case, self.policy.promise_for(site))
            for tls in self.versions_at(case, site)
            for planned in self._probes(case, site, tls)
        ]

    def controls(self, places: Iterable[Site]) -> list[PlannedProbe]:
        """Plan the control at every site over every version, except where the policy admits no client."""
        (control,) = (case for case in catalogue() if case.id == CONTROL)
        open_to_some = [site for site in places if not _closed(self.policy.promise_for(site))]
        over = ((site, tls) for site in open_to_some for tls in self.versions_at(control, site))
        return [planned for site, tls in over for planned in self._probes(control, site, tls)]

    def unauthenticated(self, places: Iterable[Site]) -> list[PlannedProbe]:
        """Plan the clients without a certificate, over the first version alone where there is no TLS."""

        def is_promised(planned: PlannedProbe) -> bool:
            if planned.site.tls:
                return planned.case.id == UNAUTHENTICATED
            return planned.tls == self.versions[0] and (
                planned.case.id == UNAUTHENTICATED or planned.site.guard.requirement is not None
            )

        return list(filter(is_promised, self.plan(places, only=lambda case: case.id in _IN_THE_CLEAR)))

    def for_conditions(self, site: Site, unseen: Iterable[Unseen]) -> Iterator[PlannedProbe]:
        """Plan a client for each value of a condition that was not seen: what the decision says of it is expected."""
        cases = {one.id: one for one in catalogue()}
        promise, pki = self.policy.promise_for(site), self.pki(site)
        if not _is_asked(cases[EACH_CONDITION], promise):
            return
        for wanted in self.query(site).coverage_clients(unseen):
            if wanted.subject and wanted.subject.issuer:
                continue  # Another authority's: what the rules make of it is asked by a case of its own.
            pki.begin(EACH_CONDITION, self.count)
            identity = pki.identity(**wanted.subject.profile()) if wanted.subject else None
            client = wanted.request.applied(Client(identity))
            case = cases[_WRITTEN if wanted.by_request else EACH_CONDITION]
            expected = admitted(by_rule=True) if wanted.admits else refused_by_rule() if identity else refused_anyhow()
            if wanted.by_request:
                expected = _expected(case, site, promise)
            promised = self._is_promised(case, site, client) if wanted.by_request else identity is None
            for tls in self.versions_at(case, site):
                triggered_by = wanted.condition.directive
                yield PlannedProbe(case, site, tls, client, self.next_id(), promised, expected, triggered_by)

    def must_speak(self, planned: PlannedProbe) -> bool:
        """Whether the policy wants this version of TLS here: else a server that does not speak it breaks no promise."""
        promise = self.policy.promise_for(planned.site)
        return promise is not None and planned.tls in promise.tls

    def versions_at(self, case: Case, site: Site) -> Iterator[Tls]:
        """Yield the versions that are wanted at the site; for the client that speaks the others, those."""
        promise = self.policy.promise_for(site)
        wanted = promise.tls if promise and promise.tls else self.versions
        return (tls for tls in case.tls if tls in self.versions and (tls in wanted) != (case.id == UNWANTED))

    def _probes(self, case: Case, site: Site, tls: Tls) -> Iterator[PlannedProbe]:
        expected = _expected(case, site, self.policy.promise_for(site))
        for number, (client, triggered_by) in enumerate(self._clients(case, site)):
            promised = self._is_promised(case, site, client)
            handshake = self._handshake(case, site, tls, client, number)
            yield PlannedProbe(case, site, tls, client, self.next_id(), promised, expected, triggered_by, handshake)

    def next_id(self) -> str:
        """Return an id that no other probe of the run has."""
        self.count += 1
        return f"probe-{self.count}"

    def _is_promised(self, case: Case, site: Site, client: Client) -> bool:
        """Whether the policy says what a case expects, or the configuration claims it for the client's method."""
        if self.everything or _says(self.policy.promise_for(site), case):
            return True
        if site.guard.delegates_to_backend or not _promises(site.guard, case, self.pki(site)):
            return False
        return client.method != "GET" or self.query(site).good_client.writing_method is None

    def _handshake(self, case: Case, site: Site, tls: Tls, client: Client, number: int) -> Handshake | None:
        """What the handshake of a case's client depends on; `number` counts the clients of the case at the site."""
        if not site.tls or site.guard.renegotiates:
            return None
        host = (site.listener, site.name, site.guard.handshake, self.pki(site).store)
        return (*host, tls, case.id, client.asks_for, client.resumes, number)

    def _clients(self, case: Case, site: Site) -> Iterator[tuple[Client, Directive | None]]:
        """Build the client of a case, or one for each thing that a line asks for: that with the line."""
        if case.id != _WRITTEN:
            yield from ((client, None) for client in self._all(case, site))
        elif client := self.build(case, site):
            for chosen in self.query(site).chosen_requests:
                made = (
                    self.query(site).good_client.request.without_credentials().applied(chosen.written.applied(client))
                )
                yield made, chosen.directive

    def _all(self, case: Case, site: Site) -> Iterator[Client]:
        """Build the client of a case, or one for each name that it uses."""
        if case.issued_by == NEIGHBOUR:
            for other in self._neighbours(site):
                if other.guard.handshake != "none" and self.pki(other).store != self.pki(site).store:
                    yield from self._named(self.build(case, other), [other.name])
            return
        client = self.build(case, site)
        if client and case.id == OTHERS:
            yield from (replace(client, identity=self.pki(site).identity(other)) for other in self.pki(site).others)
        elif client and client.asks_for == NEIGHBOUR:
            yield from self._named(client, [other.name for other in self._neighbours(site)])
        elif client and client.asks_for == ALIAS:
            yield from (replace(client, asks_for=name, host=name) for name in site.aliases)
        elif client:
            yield client

    def build(self, case: Case, site: Site) -> Client | None:
        """Build a client; None where there is none of its kind, or where it lacks what the rules at a place demand."""
        pki = self.pki(site)
        pki.begin(case.id, self._kinds.setdefault(_kind(site), len(self._kinds)))
        client = case.build(pki)
        if client is None or not _suits(case, client, pki):
            return None
        good = self.query(site).good_client
        # Where reading needs nothing of what the rules ask for, a writing method shows it.
        if case.family == "rules" and good.writing_method and client.method == "GET":
            client = replace(client, method=good.writing_method)
        return replace(good.request.applied(client), user=client.user or pki.template.user)

    def _named(self, client: Client | None, names: Iterable[str]) -> Iterator[Client]:
        """Yield the client with each name in place of the neighbour's."""
        for name in names:
            if client:
                asks_for = name if client.asks_for == NEIGHBOUR else client.asks_for
                resumes = name if client.resumes == NEIGHBOUR else client.resumes
                yield replace(client, asks_for=asks_for, resumes=resumes)

    def _neighbours(self, site: Site) -> Iterable[Site]:
        """Of the other sites on the same port one of each kind: what the handshake asks, and by which authorities."""
        kinds: dict[tuple[str, ...], Site] = {}
        for other in self.places:
            if other.listener == site.listener and other.tls and other.name in site.neighbours and other.path == "/":
                trust = (*other.guard.arguments(_TRUST[0]), *other.guard.arguments(_TRUST[1]))
                kinds.setdefault((other.guard.handshake, *trust), other)
        return kinds.values()


def _kind(site: Site) -> str:
    """Everything that decides the outcome of a client at a site, whatever is served there."""
    guard = site.guard
    tls_settings = sorted((name, entry.arguments) for name, entry in guard.in_force.items() if name.startswith("ssl"))
    rules = [entry.arguments for entry in guard.rules]
    return repr(
        (guard.handshake, [entry for entry in tls_settings if not entry[0].startswith("sslcertificate")], rules)
    )


def _expected(case: Case, site: Site, promise: Promise | None) -> Expectation:
    """The expected outcome of a client: that of the case, or the one that the policy makes of it."""
    if promise and promise.admit == "anyone" and case.id == UNAUTHENTICATED:
        return admitted()
    if _closed(promise) and case.id != UNWANTED:
        return refused_anyhow()
    by_rule = promise is not None and (site.guard.denies_all or bool(promise.subject))
    return admitted(by_rule=True) if by_rule and case.expected.admitted else case.expected


def _closed(promise: Promise | None) -> bool:
    return promise is not None and promise.admit == "nobody"


def _is_asked(case: Case, promise: Promise | None) -> bool:
    """Whether a case is asked: at a public site only the one without a certificate, nothing that a policy waives."""
    if case.id == UNWANTED:
        return promise is not None
    if promise is None:
        return True
    if promise.admit == "anyone":
        return case.id == UNAUTHENTICATED
    return case.family not in _REVOKED or case.expected.admitted or _finds(promise.revocation, case)


def _finds(revocation: str | None, case: Case) -> bool:
    """Whether a check of this kind finds what is wrong; None leaves it to the configuration which kind there is."""
    waived = {"none": True, "leaf": case.depth > 1, "soft": case.id in {*_WITHOUT_CRL, "ocsp.no_responder_named"}}
    return not waived.get(revocation or "", False)


def _says(promise: Promise | None, case: Case) -> bool:
    """Whether the policy says it: how revoked clients are found only where it does, never that browsers enter."""
    if promise is None:
        return False
    if promise.admit == "clients" and case.family in _REVOKED:
        return promise.revocation is not None
    return promise.admit != "clients" or case.id not in NOT_CLAIMED


def _promises(guard: Guard, case: Case, pki: TestPki) -> bool:
    """Whether the configuration claims what the case expects: that it looks for revoked certificates, and for these;
    that browsers are admitted; that a public authority's clients are refused without a rule; that an expression is
    anchored at its ends: it may be meant open."""
    if case.id == "valid.browser":
        return guard.in_handshake
    if case.id == "rules.similar_name" or case.id in NOT_CLAIMED:
        return False
    if case.id == "chain.public_authority":
        return not pki.template.demanding
    if case.id == "ocsp.no_responder_named":
        return "no_ocsp_for_cert_ok" not in guard.arguments("SSLOCSPEnable")
    if case.family == "ocsp":
        return not (guard.ocsp == "leaf" and case.depth > 1)
    if case.directive != _CHECK:
        return True
    if guard.crl_check == "none":
        return guard.has("SSLCARevocationFile") or guard.has("SSLCARevocationPath")
    if guard.crl_check == "leaf" and case.depth > 1:
        return False
    return not ("no_crl_for_cert_ok" in guard.arguments(_CHECK) and case.id in _WITHOUT_CRL)


def _can_be_asked(case: Case, pki: TestPki, site: Site, query: Query) -> bool:
    """A chain that the server never promised to accept shows nothing, nor does the one way to look for revoked
    certificates where the other was chosen, nor a host that another site answers for, nor a large body where the
    request has none, or where a limit is smaller on purpose."""
    guard = site.guard
    return (
        (case.id != _ANOTHER_HOST or site.is_default)
        and case.depth <= 1 + pki.intermediates_allowed
        and (case.family != "ocsp" or (guard.means_ocsp and _by_responder(case, guard)))
        and (case.id != OVER_HTTP2 or guard.http2)
        and (case.id not in _NO_RESPONDER or _needs_responder(pki, guard))
        and (case.id != LARGE_BODY or (_may_send_large_body(guard) and query.admits("POST")))
        and (case.family != "resumption" or not guard.in_handshake)
        and (case.family != "revocation" or not guard.means_ocsp or not _CRLS.isdisjoint(guard.in_force))
    )


def _suits(case: Case, client: Client, pki: TestPki) -> bool:
    """Whether a client that must be admitted has what this place asks of every client: an extension, a name, an
    issuer's name. The control is asked all the same."""
    if case.id == CONTROL or not case.expected.admitted:
        return True
    suits = pki.template.met_by if case.id in _NO_RESPONDER else pki.suits
    return all(map(suits, client.certificates[:1]))


def _may_send_large_body(guard: Guard) -> bool:
    """Whether a place requests certificates after the request, and no limit of its own refuses so large a body."""
    return guard.renegotiates and not 0 < guard.largest_body < LARGE


def _needs_responder(pki: TestPki, guard: Guard) -> bool:
    """Whether OCSP needs a responder's URL from the certificates; where the model client's own names none, the control
    shows that."""
    named = all(map(names_responder, pki.template.like[:1]))
    return guard.ocsp != "off" and not guard.has("SSLOCSPDefaultResponder") and named


def _by_responder(case: Case, guard: Guard) -> bool:
    """Whether OCSP can find this: not what the CRLs of the whole chain are there for, nor a missing responder where one
    is configured, nor more than revoked certificates where OCSP is off."""
    if guard.ocsp == "off":
        return case.expected.reason.x509_error == _IS_REVOKED
    if case.id == "ocsp.no_responder_named":
        return not guard.has("SSLOCSPDefaultResponder")
    return not (case.depth > 1 and guard.ocsp == "leaf" and guard.crl_check == "chain")
