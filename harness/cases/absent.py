"""Clients without a certificate."""

from cryptography.hazmat.primitives.asymmetric import ec

from harness.cases import case
from harness.outcome import NO_CERTIFICATE, refused
from harness.pki import KeyType
from harness.pki.testbed import TestPki
from harness.probe import Client

_NO_CERTIFICATE = refused(NO_CERTIFICATE, text="peer did not return a certificate")


@case(_NO_CERTIFICATE, source="RFC 8446 4.4.2.4, RFC 5246 7.4.6")
def none(_pki: TestPki) -> Client:
    """A client without a certificate.

    A browser does the same after *Cancel* in its certificate dialog. TLS 1.3 has a separate alert for it. TLS 1.2 only
    has handshake_failure.
    """
    return Client()


@case(_NO_CERTIFICATE, source="RFC 8446 4.4.2.3", tls=("1.3",))
def empty_list(pki: TestPki) -> Client:
    """A client whose certificate matches none of the signature algorithms that the server offers.

    Its key is on secp256k1. TLS 1.3 has no signature scheme for that curve, so the client sends an empty certificate
    list. The server refuses the empty list; it does not see the certificate.
    """
    return Client(pki.identity(key=ec.generate_private_key(ec.SECP256K1())))


@case(_NO_CERTIFICATE, source="RFC 5246 7.4.6", tls=("1.2",))
def empty_list_in_tls_1_2(pki: TestPki) -> Client:
    """The same over TLS 1.2, which has no signature algorithm for an ML-DSA key."""
    return Client(pki.identity(key=KeyType.ML_DSA_65))


@case(_NO_CERTIFICATE, source="RFC 9110 9.3.3, Limit", directive="Require")
def with_post(_pki: TestPki) -> Client:
    """A client without a certificate that sends a POST request: a rule inside `<Limit GET>` does not apply to it."""
    return Client(method="POST")


@case(_NO_CERTIFICATE, source="RFC 7617, SSLOptions FakeBasicAuth", directive="AuthUserFile")
def with_password(pki: TestPki) -> Client | None:
    """A client without a certificate that sends a user name and the fixed password of FakeBasicAuth.

    Tested only where the password file has a user whose name is not a subject (mod_ssl rejects subjects), and where any
    password is accepted (mod_authn_anon).
    """
    return Client(user=pki.template.users[0]) if pki.template.users else None


@case(_NO_CERTIFICATE, source="RFC 9110 5.1, SetEnvIf, RewriteCond, Require expr", directive="Require")
def with_header(_pki: TestPki) -> Client:
    """A client without a certificate that sends what a rule requires in the request: a header, a cookie, a query, a
    method, or a path that leaves a public folder by `..`.

    Tested only where a rule requires such a value, once for each. Any client can send it, so it proves nothing.
    """
    return Client()


@case(_NO_CERTIFICATE, source="RFC 9110 9.1, LimitExcept", directive="Require")
def with_unknown_method(_pki: TestPki) -> Client:
    """A client without a certificate that uses a method unknown to httpd."""
    return Client(method="KNOCK")
