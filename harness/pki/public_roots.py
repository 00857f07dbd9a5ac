"""Which authorities do browsers trust?"""

import functools
import warnings
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from harness.pki.authority import Authority
from harness.pki.purpose import is_signed_by


@functools.cache
def public_roots() -> tuple[x509.Certificate, ...]:
    """The authorities that browsers trust, from Mozilla's list."""
    return tuple(certificates_in(Path(certifi.where()).read_bytes()))


@functools.cache
def public_names() -> frozenset[x509.Name]:
    """The subjects of the authorities that browsers trust."""
    return frozenset(certificate.subject for certificate in public_roots())


def is_public(authority: Authority) -> bool:
    """Whether an authority has the subject of one that browsers trust."""
    return authority.certificate.subject in public_names()


@functools.cache
def _by_name() -> dict[x509.Name, list[x509.Certificate]]:
    found: dict[x509.Name, list[x509.Certificate]] = {}
    for certificate in public_roots():
        found.setdefault(certificate.subject, []).append(certificate)
    return found


def issued_publicly(certificate: x509.Certificate) -> bool:
    """Whether a certificate is that of an authority that browsers trust, or is signed by one: by key, not by name."""
    own = _public_key(certificate)
    return any(_public_key(root) == own for root in _by_name().get(certificate.subject, ())) or any(
        is_signed_by(certificate, root) for root in _by_name().get(certificate.issuer, ())
    )


def _public_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def certificates_in(content: bytes) -> list[x509.Certificate]:
    """Read the certificates of a PEM file; returns none if the content is not PEM, or damaged."""
    with warnings.catch_warnings():
        # Some public roots are older than the rules that they break. Only their names count here.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            return x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []
        except ValueError:
            return []
