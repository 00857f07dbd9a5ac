"""Whose certificate is out of its time?"""

from datetime import timedelta

from harness.cases import case
from harness.outcome import admitted, refused
from harness.pki.testbed import DAY, TestPki
from harness.probe import Client

SECOND = timedelta(seconds=1)
_EXPIRED = refused("certificate_expired", x509_error=10)


@case(_EXPIRED, source="RFC 5280 4.1.2.5")
def expired(pki: TestPki) -> Client:
    """A certificate of the right authority whose notAfter passed a day ago."""
    return Client(pki.identity(not_before=-2 * DAY, not_after=-DAY))


@case(_EXPIRED, source="RFC 5280 4.1.2.5")
def expired_a_second_ago(pki: TestPki) -> Client:
    """A certificate whose notAfter passed one second ago: there is no period of grace."""
    return Client(pki.identity(not_before=-DAY, not_after=-SECOND))


@case(refused("bad_certificate", x509_error=9), source="RFC 5280 4.1.2.5")
def not_yet_valid(pki: TestPki) -> Client:
    """A certificate whose notBefore is tomorrow."""
    return Client(pki.identity(not_before=DAY, not_after=2 * DAY))


@case(_EXPIRED, source="RFC 5280 6.1.3 (a)(2)", depth=2)
def expired_intermediate(pki: TestPki) -> Client:
    """A good certificate below an intermediate that has expired: every certificate of the path must be valid."""
    return Client(pki.identity(pki.intermediate(not_before=-2 * DAY, not_after=-DAY)))


@case(_EXPIRED, source="RFC 5280 6.1.3 (a)(2), openssl-verification-options(1)", directive="SSLCACertificateFile")
def expired_authority(pki: TestPki) -> Client:
    """A good certificate of a trusted root that has expired itself.

    RFC 5280 leaves the trust anchor's own dates aside; OpenSSL checks them. The log names the root, not the leaf, so
    the client sends it along.
    """
    root = pki.authority(not_before=-2 * DAY, not_after=-DAY)
    return Client(pki.identity(root), chain=(root.certificate,))


@case(admitted(), source="RFC 5280 6.1.3 (a)(2)")
def authority_shorter_lived(pki: TestPki) -> Client:
    """A certificate that will outlive its authority: today both are valid, and today is what counts."""
    return Client(pki.identity(pki.authority(not_after=DAY), not_after=30 * DAY))
