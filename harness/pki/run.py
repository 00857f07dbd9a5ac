"""Which authorities does one server trust, and whom have they issued, revoked and forgotten?

A stale, foreign or absent CRL is one more authority in the same trust bundle, so that one server serves every case.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import Authority, Identity, KeyType, PrivateKey, generate

DAY = timedelta(days=1)
Revoked = Sequence[x509.Certificate]
MakeCrls = Callable[[Authority, Revoked], list[x509.CertificateRevocationList]]
_SLOW = (KeyType.RSA_4096, KeyType.RSA_3072, KeyType.RSA_2048, KeyType.RSA_1024)


@dataclass
class _Known:
    """An authority of the run, and how its CRLs are made from the certificates that it has revoked."""

    authority: Authority
    trusted: bool
    crls: MakeCrls
    revoked: list[x509.Certificate] = field(default_factory=list)


def current(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """One CRL that is valid today: what an authority should have."""
    return [authority.crl(revoked)]


def stale(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """One CRL whose nextUpdate has passed (RFC 5280 section 5.1.2.5)."""
    return [authority.crl(revoked, last_update=-2 * DAY, next_update=-DAY)]


def absent(_authority: Authority, _revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """No CRL at all."""
    return []


class Pki:
    """All that is issued for one run. `root` is the authority that the server trusts; what a case asks of it beyond
    that belongs to that case alone."""

    def __init__(self, depth: int) -> None:
        """Start with the root; `depth` is how many certificates above the leaf the server promises to accept."""
        self.depth = depth
        # RSA keys take up to a second. One of each size serves the whole run, made while other things are waited for.
        workers = ThreadPoolExecutor(max_workers=2)
        self._keys = {kind: workers.submit(generate, kind) for kind in _SLOW}
        workers.shutdown(wait=False)
        self._known: dict[bytes, _Known] = {}
        self._roots: dict[str, Authority] = {}
        self._case = ""
        self._asked = 0
        self._count = 0
        self.root = self._enter(Authority.root(subject="Verification root"), True, current)

    def begin(self, case: str) -> None:
        """Start another probe of a case: the roots that its earlier probes made are used again."""
        self._case, self._asked = case, 0

    def authority(self, *, trusted: bool = True, crls: MakeCrls = current, **changes: Any) -> Authority:
        """Make a root of the case's own, in the server's trust bundle unless told otherwise."""
        self._asked += 1
        key = f"{self._case} root {self._asked}"
        if key not in self._roots:
            self._roots[key] = self._enter(Authority.root(**{"subject": key} | changes), trusted, crls)
        return self._roots[key]

    def intermediate(
        self,
        under: Authority | None = None,
        *,
        crls: MakeCrls = current,
        **changes: Any,
    ) -> Authority:
        """Make an authority below another (below `root` when none is named); the server knows its CRL."""
        self._count += 1
        name = {"subject": f"{self._case} intermediate {self._count}"}
        return self._enter((under or self.root).subauthority(**name | changes), False, crls)

    def identity(self, under: Authority | None = None, **changes: Any) -> Identity:
        """Issue a client certificate that is right in all that `changes` do not say (below `root` by default)."""
        return (under or self.root).client(**{"subject": self._case or "control"} | changes)

    def server(self, names: tuple[str, ...]) -> Identity:
        """Issue the server's certificate, below a root that no client of the run is issued by."""
        return Authority.root(subject="Verification server root").server(subject=names[0], names=names)

    def key(self, kind: KeyType) -> PrivateKey:
        """The run's RSA key of this size."""
        return self._keys[kind].result()

    def revoke(self, revoked: Identity | Authority, by: Authority | None = None) -> None:
        """Put a certificate on the CRL of the authority that issued it (`root` when none is named)."""
        self._known[_print(by or self.root)].revoked.append(revoked.certificate)

    def trust_pem(self) -> bytes:
        """The trust bundle: for `SSLCACertificateFile`."""
        return b"".join(
            known.authority.certificate.public_bytes(Encoding.PEM) for known in self._known.values() if known.trusted
        )

    def crl_pem(self) -> bytes:
        """The CRLs of every authority: for `SSLCARevocationFile`."""
        return b"".join(
            crl.public_bytes(Encoding.PEM)
            for known in self._known.values()
            for crl in known.crls(known.authority, known.revoked)
        )

    def _enter(self, authority: Authority, trusted: bool, crls: MakeCrls) -> Authority:
        self._known[_print(authority)] = _Known(authority, trusted, crls)
        return authority


def _print(authority: Authority) -> bytes:
    return authority.certificate.public_bytes(Encoding.DER)
