"""Revocation by CRL: revoked certificates, and CRLs that prove nothing."""

from cryptography import x509

from harness.cases import case
from harness.outcome import admitted, refused
from harness.pki import Authority
from harness.pki.revocation import Revoked, absent, stale
from harness.pki.testbed import DAY, TestPki
from harness.probe import Client

_CHECK = "SSLCARevocationCheck"
_REVOKED = refused("certificate_revoked", x509_error=23)


@case(_REVOKED, source="RFC 5280 6.3", directive=_CHECK)
def revoked_leaf(pki: TestPki) -> Client:
    """A certificate that is on its authority's CRL."""
    identity = pki.identity()
    pki.revoke(identity)
    return Client(identity)


@case(_REVOKED, source="RFC 5280 6.3", directive=_CHECK, depth=2)
def revoked_intermediate(pki: TestPki) -> Client:
    """A valid certificate below an intermediate that is on the root's CRL: `SSLCARevocationCheck leaf` misses it."""
    intermediate = pki.intermediate()
    pki.revoke(intermediate, pki.issuing_parent)
    return Client(pki.identity(intermediate))


@case(refused("certificate_unknown", x509_error=12), source="RFC 5280 6.3.3 (a)", directive=_CHECK)
def crl_expired(pki: TestPki) -> Client:
    """A certificate whose authority's CRL has expired: a later revocation would not be on it."""
    return Client(pki.identity(pki.authority(crls=stale)))


@case(refused("bad_certificate", x509_error=11), source="RFC 5280 5.1.2.4", directive=_CHECK)
def crl_not_yet_valid(pki: TestPki) -> Client:
    """A certificate whose authority's CRL is dated tomorrow."""
    return Client(pki.identity(pki.authority(crls=_tomorrow)))


@case(refused("unknown_ca", x509_error=3), source="SSLCARevocationCheck", directive=_CHECK, depth=2)
def crl_missing_for_intermediate(pki: TestPki) -> Client:
    """A valid certificate below an intermediate without a CRL at the server: `no_crl_for_cert_ok` accepts it."""
    return Client(pki.identity(pki.intermediate(crls=absent)))


@case(refused("decrypt_error", x509_error=8), source="RFC 5280 6.3.3 (g)", directive=_CHECK)
def crl_by_wrong_issuer(pki: TestPki) -> Client:
    """A certificate whose authority's CRL is signed by another authority of the same name."""
    return Client(pki.identity(pki.authority(crls=_forged)))


@case(admitted(), source="RFC 5280 6.3", directive=_CHECK, depth=2)
def not_revoked(pki: TestPki) -> Client:
    """A certificate below an intermediate; both authorities have a current CRL that does not list it."""
    intermediate = pki.intermediate()
    pki.revoke(pki.identity(intermediate), intermediate)
    return Client(pki.identity(intermediate))


@case(admitted(), source="RFC 5280 5.3.1", directive=_CHECK)
def released_from_hold(pki: TestPki) -> Client:
    """A certificate that was on hold in an earlier CRL and is not in the current one."""
    authority = pki.authority(crls=_released)
    identity = pki.identity(authority)
    pki.revoke(identity, authority)
    return Client(identity)


def _tomorrow(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    return [authority.crl(revoked, last_update=DAY, next_update=2 * DAY)]


def _forged(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    return [authority.impostor().crl(revoked)]


def _released(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    return [
        authority.crl(revoked, number=1, last_update=-2 * DAY, next_update=30 * DAY),
        authority.crl([], number=2),
    ]
