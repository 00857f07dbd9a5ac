"""Certificates that were issued for another purpose."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from harness.cases import case
from harness.outcome import admitted, refused
from harness.pki import key_usage
from harness.pki.testbed import TestPki
from harness.probe import Client

_PURPOSE = refused("unsupported_certificate", x509_error=26)
_NOT_AN_AUTHORITY = refused("unknown_ca", x509_error=79)


@case(_PURPOSE, source="RFC 5280 4.2.1.12")
def server_only(pki: TestPki) -> Client:
    """A server's certificate of the same authority: a server is not a client."""
    return Client(pki.identity(extended_key_usage=(Purpose.SERVER_AUTH,)))


@case(admitted(), source="RFC 5280 4.2.1.12")
def no_extended_key_usage(pki: TestPki) -> Client:
    """A certificate without extendedKeyUsage: it may be used for any purpose."""
    return Client(pki.identity(extended_key_usage=()))


@case(_PURPOSE, source="RFC 5280 4.2.1.12, openssl-verification-options(1)")
def any_purpose(pki: TestPki) -> Client:
    """A certificate for anyExtendedKeyUsage alone.

    RFC 5280 lets an application require its own purpose by name, and OpenSSL does.
    """
    return Client(pki.identity(extended_key_usage=(Purpose.ANY_EXTENDED_KEY_USAGE,)))


@case(admitted(), source="RFC 5280 4.2.1.12")
def client_among_others(pki: TestPki) -> Client:
    """A certificate for clientAuth and other purposes."""
    purposes = (Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH, Purpose.EMAIL_PROTECTION)
    return Client(pki.identity(extended_key_usage=purposes))


@case(_PURPOSE, source="RFC 5280 4.2.1.3, RFC 8446 4.4.2.3")
def no_digital_signature(pki: TestPki) -> Client:
    """A keyUsage without digitalSignature: the key must not sign a handshake."""
    return Client(pki.identity(key_usage=key_usage("key_encipherment")))


@case(admitted(), source="RFC 5280 4.2.1.3, openssl-verification-options(1)")
def key_agreement_only(pki: TestPki) -> Client:
    """A keyUsage of keyAgreement alone: meant for a static Diffie-Hellman key, but OpenSSL accepts it from any client.

    No directive of httpd changes that. An authority can only avoid issuing such certificates.
    """
    return Client(pki.identity(key_usage=key_usage("key_agreement")))


@case(_NOT_AN_AUTHORITY, source="RFC 5280 4.2.1.3, 6.1.4 (n)", depth=2)
def intermediate_without_cert_sign(pki: TestPki) -> Client:
    """An intermediate whose keyUsage lacks keyCertSign."""
    usage = key_usage("crl_sign")
    return Client(pki.identity(pki.intermediate(key_usage=usage)))


@case(_NOT_AN_AUTHORITY, source="RFC 5280 4.2.1.9, 6.1.4 (k)", depth=2)
def intermediate_not_authority(pki: TestPki) -> Client:
    """An intermediate whose basicConstraints say CA:FALSE."""
    return Client(pki.identity(pki.intermediate(basic_constraints=x509.BasicConstraints(ca=False, path_length=None))))
