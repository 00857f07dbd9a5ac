"""Valid clients, which must be admitted."""

from cryptography import x509

from harness.cases import case
from harness.outcome import admitted
from harness.pki import KeyType
from harness.pki.testbed import TestPki
from harness.probe import HTTP_2, Client

LARGE = 200_000
"""Bytes of a request body that the default of SSLRenegBufferSize (131072) does not hold."""


@case(admitted(), source="RFC 5280 6.1")
def p256(pki: TestPki) -> Client:
    """A client certificate directly below the trusted root, with a key on P-256: the usual case, and the control."""
    return Client(pki.identity())


@case(admitted(), source="RFC 5480", everywhere=False)
def p384(pki: TestPki) -> Client:
    """The same with a key on P-384."""
    return Client(pki.identity(key=KeyType.P_384))


@case(admitted(), source="RFC 8017")
def rsa_2048(pki: TestPki) -> Client:
    """The same with an RSA key of 2048 bits."""
    return Client(pki.identity(key=pki.key(KeyType.RSA_2048)))


@case(admitted(), source="RFC 8017")
def rsa_3072(pki: TestPki) -> Client:
    """The same with an RSA key of 3072 bits."""
    return Client(pki.identity(key=pki.key(KeyType.RSA_3072)))


@case(admitted(), source="RFC 8017")
def rsa_4096(pki: TestPki) -> Client:
    """The same with an RSA key of 4096 bits."""
    return Client(pki.identity(key=pki.key(KeyType.RSA_4096)))


@case(admitted(), source="RFC 8410, RFC 8422", everywhere=False)
def ed25519(pki: TestPki) -> Client:
    """The same with an Ed25519 key."""
    return Client(pki.identity(key=KeyType.ED25519))


@case(admitted(), source="FIPS 204, RFC 9881", tls=("1.3",), everywhere=False)
def ml_dsa_65(pki: TestPki) -> Client:
    """The same with an ML-DSA-65 key, which resists quantum computers; TLS 1.2 has no code point for it."""
    return Client(pki.identity(key=KeyType.ML_DSA_65))


@case(admitted(), source="RFC 5280 6.1", directive="SSLVerifyDepth", depth=2)
def through_one(pki: TestPki) -> Client:
    """A certificate below an intermediate, which the client sends."""
    return Client(pki.identity(pki.intermediate()))


@case(admitted(), source="RFC 5280 6.1", directive="SSLVerifyDepth", depth=3)
def through_two(pki: TestPki) -> Client:
    """A certificate below two intermediates, which the client sends."""
    return Client(pki.identity(pki.intermediate(pki.intermediate())))


@case(admitted(), source="RFC 5280 4.1.2.6, 4.2.1.6")
def san_only(pki: TestPki) -> Client:
    """A certificate with an empty subject: its name is only in a critical subjectAltName."""
    return Client(pki.identity(subject=x509.Name([]), names=("client@example.test",)))


@case(admitted(), source="openssl-x509(1), OpenSSL 3.0: -req -set_serial 01")
def tutorial_v1(pki: TestPki) -> Client:
    """The certificate that the tutorial's commands made for years: X.509 version 1, serial number 1, no extensions.

    Nothing limits the purpose of such a certificate. httpd accepts it.
    """
    authority = pki.authority(key_usage=None)
    return Client(pki.identity(authority, version=1, serial=1))


@case(admitted(), source="openssl-x509(1), OpenSSL 3.5: -req -set_serial 01")
def tutorial_v3(pki: TestPki) -> Client:
    """The certificate that the tutorial's commands make today: version 3, serial number 1, only key identifiers."""
    authority = pki.authority(key_usage=None)
    plain = {"basic_constraints": None, "key_usage": None, "extended_key_usage": ()}
    return Client(pki.identity(authority, serial=1, **plain))


@case(admitted(), source="RFC 8446 4.2.6, SSLVerifyClient", tls=("1.3",))
def browser(pki: TestPki) -> Client:
    """A client that, like every browser, does not support a certificate request after the handshake.

    `SSLVerifyClient require` in a Location requests the certificate only then. Such a client gets status 403, even with
    a valid certificate.
    """
    return Client(pki.identity(), post_handshake=False)


@case(admitted(), source="RFC 5280 4.2.2.1, RFC 6960 3.1, SSLOCSPEnable", directive="SSLOCSPEnable")
def no_responder_named(pki: TestPki) -> Client:
    """A certificate that names no OCSP responder (authorityInfoAccess), as those of many private authorities.

    With `SSLOCSPEnable on`, httpd then has nobody to ask, and refuses the client (AH01918). `SSLOCSPDefaultResponder`
    names a responder for such certificates; `no_ocsp_for_cert_ok` admits them without a check. Tested only where
    `SSLOCSPDefaultResponder` names none.
    """
    return Client(pki.identity(ocsp_url=None))


@case(admitted(), source="RFC 5280 4.2.2.1, RFC 6960 3.1, SSLOCSPEnable", directive="SSLOCSPEnable", depth=2)
def no_responder_named_for_intermediate(pki: TestPki) -> Client:
    """A certificate that names a responder, below an intermediate whose own certificate names none.

    `SSLOCSPEnable on` asks about every certificate of the chain except for the root, so httpd refuses the client.
    `SSLOCSPEnable leaf` asks about the client's own alone.
    """
    return Client(pki.identity(pki.intermediate(ocsp_url=None)))


@case(admitted(), source="SSLRenegBufferSize, RFC 5246 7.4.1.1, RFC 8446 4.6.2", directive="SSLRenegBufferSize")
def large_body(pki: TestPki) -> Client:
    """A client whose first request is a POST of 200 kB to a place that requests its certificate only then.

    httpd must keep the body until it has the certificate. The buffer holds 128 kB (`SSLRenegBufferSize`); a larger
    request gets status 413 (AH02018). Tested only where a section has TLS settings of its own, and POST is allowed.
    """
    return Client(pki.identity(), method="POST", body=LARGE)


@case(admitted(), source="RFC 9113 3.2, RFC 7301, Protocols", directive="Protocols")
def over_http2(pki: TestPki) -> Client:
    """A client that uses HTTP/2, as browsers and curl do where the server offers it.

    httpd handles each HTTP/2 request in a secondary connection. `Require ssl-verify-client` finds no verified
    certificate there, and the answer is 403. `Require expr "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"` finds it over both.
    Tested only where `Protocols` offers `h2`. Where the server requires HTTP/1.1, as for `SSLVerifyClient require` in a
    Location (RFC 9113, HTTP_1_1_REQUIRED), the client repeats the request over HTTP/1.1, like a browser.
    """
    return Client(pki.identity(), http=HTTP_2)
