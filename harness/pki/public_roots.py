"""Which authorities do browsers trust?"""

import functools
import warnings
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from harness.pki.authority import Authority


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


def certificates_in(content: bytes) -> list[x509.Certificate]:
    """Read the certificates of a PEM file; returns none if the content is not PEM, or damaged."""
    with warnings.catch_warnings():
        # Some public roots are older than the rules that they break. Only their names count here.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            return x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []
        except ValueError:
            return []
