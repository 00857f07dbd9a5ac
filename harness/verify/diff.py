"""Which clients does one configuration admit, and another not?

Both are probed with the same kinds of client at the same sites, whatever either promises there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.site import Site, Sites
from harness.outcome import TLS_VERSIONS, Outcome, Tls
from harness.verify.judgement import Result
from harness.verify.plan import CONTROL, OTHERS
from harness.verify.policy import Policy, Promise
from harness.verify.progress import Progress, quiet
from harness.verify.run import Run, verify
from harness.verify.target import Target

Attributes = tuple[tuple[x509.ObjectIdentifier, str], ...]


@dataclass(frozen=True, order=True)
class Access:
    """One kind of client at one site: the site's URL, the case, the version of TLS, and in `whose` the issuer and the
    subject where these differ. `good` says that the certificate is valid."""

    url: str
    case: str
    whose: str
    tls: Tls
    good: bool = field(compare=False)


@dataclass(frozen=True)
class Comparison:
    """The differences: the clients that only the new configuration admits (`newly`), and those that only the old one
    admits; the sites that only one of them has; the clients without a clear outcome in one of them."""

    newly: tuple[Access, ...]
    no_longer: tuple[Access, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    unknown: tuple[Access, ...]

    def verdict(self) -> str:
        """`fail` if a client is newly admitted, or one with a valid certificate no longer; `inconclusive` if that is
        unknown; else `pass`."""
        if self.newly or any(visit.good for visit in self.no_longer):
            return "fail"
        return "inconclusive" if self.unknown else "pass"


def compare(
    old: Target, new: Target, *, of_image: str | None = None, jobs: int = 8, progress: Progress = quiet
) -> Comparison:
    """Verify both configurations, and compare the admitted clients.

    Raises:
        ServerError: no engine, no image, or httpd did not start.
        ConfigurationError: httpd refuses one of them.
    """

    def tried(target: Target, everywhere: "_Everywhere", following: Target | None = None) -> Run:
        return verify(target, policy=everywhere, of_image=of_image, jobs=jobs, following=following, progress=progress)

    before = tried(old, _Everywhere(), following=new)
    after = tried(new, _Everywhere(places=before.sites, issuers=_issuers(before)))
    if {site.url for site in after.sites} - {site.url for site in before.sites}:
        before = tried(old, _Everywhere(places=after.sites, issuers=_issuers(before)))
    wanted = _subjects(before), _subjects(after)
    seen = [_RunPair(before, after, "")]
    if wanted[0] != wanted[1]:
        # The rules of one may refuse the subject that the other requires: both kinds of client are sent to both.
        seen = []
        for which, (mine, others) in {"old": wanted, "new": wanted[::-1]}.items():
            everywhere = _Everywhere(
                places=(*before.sites, *after.sites), issuers=_issuers(before), subjects=_merged(others, mine)
            )
            seen.append(
                _RunPair(tried(old, everywhere, following=new), tried(new, everywhere), f"as the {which} rules want it")
            )
    return _comparison(seen)


@dataclass(frozen=True)
class _Everywhere(Policy):
    """The policy of a comparison: every kind of client at every site, those of the other configuration included, if
    possible with certificates of the same authority and the same subject."""

    places: tuple[Site, ...] = ()
    issuers: frozenset[x509.Name] = frozenset()
    subjects: Mapping[str, Attributes] = field(default_factory=dict)

    def promise_for(self, site: Site) -> Promise:
        return Promise(site.url, "clients", 0, subject=self.subjects.get(site.url, ()))

    def paths(self, name: str, port: int, tls: bool) -> Iterator[str]:
        return (one.path for one in self.places if (one.name, one.port, one.tls) == (name, port, tls))

    def apply_to(self, found: Sites) -> Sites:
        return self.claimed(found)

    def issuer(
        self,
        promise: Promise | None,  # noqa: ARG002 - here it names none
        read_file: Callable[[str], list[x509.Certificate]],  # noqa: ARG002
        trusted: list[x509.Certificate],
    ) -> x509.Name | None:
        names = [certificate.subject for certificate in trusted]
        return next((name for name in names if name in self.issuers), names[0] if names else None)


def _issuers(run: Run) -> frozenset[x509.Name]:
    return frozenset(certificate.issuer for _, certificate in _controls(run))


def _controls(run: Run) -> Iterator[tuple[str, x509.Certificate]]:
    """Yield the certificate of the control at each site."""
    for entry in run.results:
        if entry.probe.case.id == CONTROL and entry.probe.client.identity:
            yield entry.probe.site.url, entry.probe.client.identity.certificate


def _subjects(run: Run) -> dict[str, Attributes]:
    """The subject attributes that the rules require, by the URL of the site."""
    own = (NameOID.COMMON_NAME, CONTROL)
    wanted = {url: tuple((entry.oid, str(entry.value)) for entry in one.subject) for url, one in _controls(run)}
    return {url: rest for url, pairs in wanted.items() if (rest := tuple(pair for pair in pairs if pair != own))}


def _names(run: Run) -> dict[str, bytes]:
    """The subjectAltName that the rules require, by the URL of the site (DER)."""
    return {
        url: entry.value.public_bytes()
        for url, one in _controls(run)
        for entry in one.extensions
        if isinstance(entry.value, x509.SubjectAlternativeName)
    }


def _merged(weaker: Mapping[str, Attributes], stronger: Mapping[str, Attributes]) -> dict[str, Attributes]:
    urls = weaker.keys() | stronger.keys()
    return {url: tuple((dict(weaker.get(url, ())) | dict(stronger.get(url, ()))).items()) for url in urls}


@dataclass(frozen=True)
class _RunPair:
    """The runs of both configurations with the same clients; `wanted` describes the clients' subject."""

    before: Run
    after: Run
    wanted: str


def _comparison(seen: Iterable[_RunPair]) -> Comparison:
    seen = list(seen)
    old = {site.url for one in seen for site in one.before.sites}
    new = {site.url for one in seen for site in one.after.sites}
    newly: set[Access] = set()
    no_longer: set[Access] = set()
    unknown: set[Access] = set()
    for one in seen:
        before, after = _admissions(one.before, one.wanted), _admissions(one.after, one.wanted)
        for visit in before.keys() | after.keys():
            # A client that is not sent there (a deeper chain, another authority) is not expected to be admitted either.
            was, now = before.get(visit, False), after.get(visit, False)
            if was is None or now is None:
                unknown.add(visit)
            elif was != now:
                (newly if now else no_longer).add(visit)
        unknown |= _unlike_names(one, old & new)
    return Comparison(
        newly=tuple(sorted(newly)),
        no_longer=tuple(sorted(no_longer)),
        only_old=tuple(sorted(old - new)),
        only_new=tuple(sorted(new - old)),
        unknown=tuple(sorted(unknown)),
    )


def _unlike_names(seen: _RunPair, urls: Iterable[str]) -> set[Access]:
    """The controls at sites whose required names differ: they are not sent to both configurations."""
    before, after = _names(seen.before), _names(seen.after)
    unlike = [url for url in urls if before.get(url) != after.get(url)]
    whose = "with other names in subjectAltName"
    return {Access(url, CONTROL, whose, tls, good=True) for url in unlike for tls in TLS_VERSIONS}


def _admissions(run: Run, wanted: str) -> dict[Access, bool | None]:
    """Whether each kind of client was admitted, by one of its clients at least; None if that is unknown."""
    admissions: dict[Access, bool | None] = {}
    for result in (*run.results, *run.unauthenticated):
        visit, admitted = _access(result, wanted), _admitted(result)
        admissions[visit] = admitted if visit not in admissions else _either(admissions[visit], admitted)
    return admissions


def _either(one: bool | None, other: bool | None) -> bool | None:
    return True if one or other else None if None in (one, other) else False


def _admitted(result: Result) -> bool | None:
    """Whether a client was admitted; None without an answer or without a refusal in httpd's log."""
    seen, logged = result.observed, result.logged
    if seen.outcome is Outcome.ADMITTED:
        return True
    is_refused = logged.reason is not None or logged.status is not None
    return False if is_refused and seen.outcome is not Outcome.NO_ANSWER else None


def _access(result: Result, wanted: str) -> Access:
    planned = result.probe
    whose = [wanted] if wanted and planned.case.expected.admitted else []
    if planned.client.identity and planned.case.id in (CONTROL, OTHERS):
        whose.append(f"of {planned.client.identity.certificate.issuer.rfc4514_string()}")
    good = planned.case.expected.admitted or planned.case.expected.by_rule or planned.case.expected.anyhow
    return Access(planned.site.url, planned.case.id, ", ".join(whose), planned.tls, good)
