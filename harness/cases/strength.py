"""Certificates with weak cryptography.

Debian's OpenSSL requires security level 2 (112 bits) unless the configuration lowers it with `@SECLEVEL`.
"""

from cryptography.hazmat.primitives import hashes

from harness.cases import case
from harness.outcome import refused
from harness.pki import KeyType
from harness.pki.testbed import TestPki
from harness.probe import Client

_WEAK_DIGEST = refused("bad_certificate", x509_error=68)


@case(refused("bad_certificate", x509_error=66), source="SSL_CTX_set_security_level(3)", directive="SSLCipherSuite")
def rsa_1024(pki: TestPki) -> Client:
    """An RSA key of 1024 bits: 80 bits of security, which a strong attacker can break."""
    return Client(pki.identity(key=pki.key(KeyType.RSA_1024)))


@case(_WEAK_DIGEST, source="SSL_CTX_set_security_level(3), RFC 6151", directive="SSLCipherSuite")
def md5_signature(pki: TestPki) -> Client:
    """A certificate signed over an MD5 digest: rogue certificates were made in 2008."""
    authority = pki.authority(key=pki.key(KeyType.RSA_2048))
    return Client(pki.identity(authority, digest=hashes.MD5()))  # noqa: S303


@case(_WEAK_DIGEST, source="SSL_CTX_set_security_level(3), RFC 6194", directive="SSLCipherSuite")
def sha1_signature(pki: TestPki) -> Client:
    """A certificate signed over a SHA-1 digest: the first collision was made in 2017."""
    return Client(pki.identity(digest=hashes.SHA1()))  # noqa: S303
