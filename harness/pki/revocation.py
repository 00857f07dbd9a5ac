"""Which CRLs does an authority publish, and what does its OCSP responder answer?"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from cryptography import x509

from harness.pki.authority import Authority
from harness.pki.ocsp import Register

_DAY = timedelta(days=1)
Revoked = Sequence[x509.Certificate]
MakeCrls = Callable[[Authority, Revoked], list[x509.CertificateRevocationList]]
"""Makes the CRLs of an authority from the certificates that it has revoked."""
Answers = Callable[[Register], dict[str, bytes]]
"""Makes the files of an authority's OCSP responder, by file name, from the authority's register."""


def current(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """One CRL that is valid today: the default of an authority."""
    return [authority.crl(revoked)]


def stale(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """One CRL whose nextUpdate has passed (RFC 5280 section 5.1.2.5)."""
    return [authority.crl(revoked, last_update=-2 * _DAY, next_update=-_DAY)]


def absent(_authority: Authority, _revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """No CRL at all."""
    return []


def dated_like(crls: Sequence[x509.CertificateRevocationList]) -> MakeCrls:
    """One CRL for each of these, with the dates of that one, or 30 days of validity if it has no nextUpdate."""
    return lambda authority, revoked: [
        authority.crl(revoked, last_update=crl.last_update_utc, next_update=crl.next_update_utc or 30 * _DAY)
        for crl in crls
    ]


def truthful(register: Register) -> dict[str, bytes]:
    """A responder whose answers are true and valid today: the default of an authority."""
    return register.files()


def outdated(register: Register) -> dict[str, bytes]:
    """A responder whose answers expired two days ago (RFC 6960 section 4.2.2.1)."""
    return register.files(clock="-2d")


def silent(_register: Register) -> dict[str, bytes]:
    """A responder without an answer."""
    return {}
