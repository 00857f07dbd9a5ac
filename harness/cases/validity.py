"""Certificates outside their validity period."""

from datetime import timedelta

from harness.cases import case
from harness.outcome import admitted, refused
from harness.pki.testbed import DAY, TestPki
from harness.probe import Client

SECOND = timedelta(seconds=1)
_EXPIRED = refused("certificate_expired", x509_error=10)


@case(_EXPIRED, source="RFC 5280 4.1.2.5")
def expired(pki: TestPki) -> Client:
    """A certificate of the right authority with a notAfter that passed a day ago."""
    return Client(pki.identity(not_before=-2 * DAY, not_after=-DAY))


@case(_EXPIRED, source="RFC 5280 4.1.2.5")
def expired_a_second_ago(pki: TestPki) -> Client:
    """A certificate with a notAfter that passed one second ago: there is no grace period."""
    return Client(pki.identity(not_before=-DAY, not_after=-SECOND))


@case(refused("bad_certificate", x509_error=9), source="RFC 5280 4.1.2.5")
def not_yet_valid(pki: TestPki) -> Client:
    """A certificate with a notBefore of tomorrow."""
    return Client(pki.identity(not_before=DAY, not_after=2 * DAY))


@case(_EXPIRED, source="RFC 5280 6.1.3 (a)(2)", depth=2)
def expired_intermediate(pki: TestPki) -> Client:
    """A valid certificate below an expired intermediate: every certificate of the path must be valid."""
    return Client(pki.identity(pki.intermediate(not_before=-2 * DAY, not_after=-DAY)))


@case(_EXPIRED, source="RFC 5280 6.1.3 (a)(2), openssl-verification-options(1)", directive="SSLCACertificateFile")
def expired_authority(pki: TestPki) -> Client:
    """A valid certificate of a trusted root that has expired.

    RFC 5280 does not check the dates of the trust anchor; OpenSSL does. The log names the root, not the leaf, so the
    client sends the root.
    """
    root = pki.authority(not_before=-2 * DAY, not_after=-DAY)
    return Client(pki.identity(root), chain=(root.certificate,))


@case(admitted(), source="RFC 5280 6.1.3 (a)(2)")
def authority_shorter_lived(pki: TestPki) -> Client:
    """A certificate that ends later than its authority: only the current time counts, and now both are valid."""
    return Client(pki.identity(pki.authority(not_after=DAY), not_after=30 * DAY))
