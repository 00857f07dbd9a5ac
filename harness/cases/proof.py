"""Certificates without their private key, and forged certificates."""

from dataclasses import replace

from harness.cases import case
from harness.outcome import refused
from harness.pki import KeyType, generate, mismatched_key, tampered_body, tampered_signature
from harness.pki.testbed import TestPki
from harness.probe import Client

_FORGED = refused("decrypt_error", x509_error=7)


@case(refused("decrypt_error", text="bad signature"), source="RFC 8446 4.4.3, RFC 5246 7.4.8")
def someone_elses_key(pki: TestPki) -> Client:
    """Another client's valid certificate without its key: CertificateVerify is signed with another key.

    A certificate is public. The signature over the handshake proves who the client is.
    """
    identity = pki.identity(key=KeyType.P_256)
    return Client(identity, key_pem=mismatched_key(identity.certificate, generate(KeyType.P_256)))


@case(_FORGED, source="RFC 5280 6.1.3 (a)(1)")
def tampered_certificate_signature(pki: TestPki) -> Client:
    """A certificate with one bit of the authority's signature changed."""
    identity = pki.identity()
    return Client(replace(identity, certificate=tampered_signature(identity.certificate)))


@case(_FORGED, source="RFC 5280 6.1.3 (a)(1)")
def tampered_certificate_body(pki: TestPki) -> Client:
    """A certificate whose subject was changed after the authority signed it."""
    identity = pki.identity()
    return Client(replace(identity, certificate=tampered_body(identity.certificate)))
