"""Who comes without a certificate?"""

from cryptography.hazmat.primitives.asymmetric import ec

from harness.cases import case
from harness.outcome import NO_CERTIFICATE, refused
from harness.pki import KeyType
from harness.pki.testbed import TestPki
from harness.probe import Client

_NOBODY = refused(NO_CERTIFICATE, text="peer did not return a certificate")


@case(_NOBODY, source="RFC 8446 4.4.2.4, RFC 5246 7.4.6")
def none(_pki: TestPki) -> Client:
    """A client that has no certificate at all.

    This is the visitor who clicks Cancel. TLS 1.3 has an alert of its own for it; in TLS 1.2 the server may only say
    that the handshake failed.
    """
    return Client()


@case(_NOBODY, source="RFC 8446 4.4.2.3", tls=("1.3",))
def empty_list(pki: TestPki) -> Client:
    """A client whose certificate fits none of the signature algorithms that the server offers.

    Its key is on secp256k1, a curve that TLS 1.3 has no signature scheme for, so its certificate list stays empty. It
    is refused as one who brought nothing, not because anything was found wrong with the certificate.
    """
    return Client(pki.identity(key=ec.generate_private_key(ec.SECP256K1())))


@case(_NOBODY, source="RFC 5246 7.4.6", tls=("1.2",))
def empty_list_in_tls_1_2(pki: TestPki) -> Client:
    """The same over TLS 1.2, which knows no signature with an ML-DSA key."""
    return Client(pki.identity(key=KeyType.ML_DSA_65))


@case(_NOBODY, source="RFC 9110 9.3.3, Limit", directive="Require")
def with_post(_pki: TestPki) -> Client:
    """A client without a certificate that posts: a rule inside `<Limit GET>` does not see it."""
    return Client(method="POST")


@case(_NOBODY, source="RFC 7617, SSLOptions FakeBasicAuth", directive="AuthUserFile")
def with_password(pki: TestPki) -> Client | None:
    """A client without a certificate that knows a user's name, and the one password that FakeBasicAuth has for all.

    Asked only where the password file has such a user: one whose name is no subject, so that mod_ssl does not see
    through it; and where any password will do (mod_authn_anon).
    """
    return Client(user=pki.template.users[0]) if pki.template.users else None


@case(_NOBODY, source="RFC 9110 5.1, SetEnvIf, RewriteCond, Require expr", directive="Require")
def with_header(_pki: TestPki) -> Client:
    """A client without a certificate that writes into its request what a rule asks for: a header, a cookie, a query, a
    method, or a path that leaves by dots the one that is public.

    Asked only where a rule asks for any such thing, once for each: it proves nothing, since anybody may write it.
    """
    return Client()


@case(_NOBODY, source="RFC 9110 9.1, LimitExcept", directive="Require")
def with_unknown_method(_pki: TestPki) -> Client:
    """A client without a certificate that uses a method which httpd has never heard of."""
    return Client(method="KNOCK")
