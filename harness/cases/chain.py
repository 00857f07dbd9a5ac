"""Chains to a trusted authority, and chains that do not lead there."""

from cryptography import x509

from harness.cases import case
from harness.outcome import admitted, refused
from harness.pki import Authority, KeyType
from harness.pki.testbed import TestPki
from harness.probe import Client

_UNKNOWN = refused("unknown_ca", x509_error=20)
_NOT_AN_AUTHORITY = refused("unknown_ca", x509_error=79)
_CRITICAL = x509.Extension(
    x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"),
    True,
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"),
)
_ONLY_ALLOWED = x509.Extension(
    x509.NameConstraints.oid,
    True,
    x509.NameConstraints(permitted_subtrees=[x509.DNSName("allowed.test")], excluded_subtrees=None),
)


@case(_UNKNOWN, source="RFC 5280 6.1.1 (d)", directive="SSLCACertificateFile")
def unknown_authority(pki: TestPki) -> Client:
    """A correct certificate of an authority that the server does not trust."""
    return Client(pki.identity(pki.authority(trusted=False)))


@case(refused("decrypt_error", x509_error=7), source="RFC 5280 6.1.3 (a)(1)", directive="SSLCACertificateFile")
def impostor_authority(pki: TestPki) -> Client:
    """A certificate of an authority with the trusted authority's name, but another key.

    Without an authority key identifier, only the signature shows the difference.
    """
    return Client(pki.identity(pki.anchor.impostor()))


@case(_UNKNOWN, source="RFC 5280 6.1.1 (d)", directive="SSLCACertificateFile")
def public_authority(pki: TestPki) -> Client | None:
    """A certificate of an authority that browsers trust: anyone can get one, for little money or for none.

    Tested only where such an authority is in the server's trust bundle.
    """
    return Client(pki.identity(pki.public)) if pki.public else None


@case(refused("unknown_ca", x509_error=18), source="RFC 5280 6.1")
def self_signed(pki: TestPki) -> Client:
    """A certificate that the client signed itself."""
    return Client(pki.self_signed())


@case(_UNKNOWN, source="RFC 8446 4.4.2")
def intermediate_not_sent(pki: TestPki) -> Client:
    """A valid certificate below an intermediate that the client does not send: no path can be built."""
    return Client(pki.identity(pki.intermediate()), chain=())


@case(admitted(), source="RFC 8446 4.4.2", depth=3)
def wrong_order(pki: TestPki) -> Client:
    """Two intermediates in the wrong order: servers should sort them, and OpenSSL does."""
    identity = pki.identity(pki.intermediate(pki.intermediate()))
    return Client(identity, chain=identity.chain[::-1])


@case(admitted(), source="RFC 8446 4.4.2", depth=2)
def unrelated_extras(pki: TestPki) -> Client:
    """A complete chain with unrelated certificates between its own."""
    identity = pki.identity(pki.intermediate())
    extra = pki.authority(trusted=False).certificate
    return Client(identity, chain=(extra, *identity.chain, extra))


@case(_NOT_AN_AUTHORITY, source="RFC 5280 4.2.1.9, 6.1.4 (k)", depth=2)
def leaf_as_authority(pki: TestPki) -> Client:
    """A certificate signed with the key of an ordinary client certificate (CVE-2002-0862)."""
    leaf = pki.identity(key=KeyType.P_256)
    forger = Authority(leaf.certificate, leaf.key, (leaf.certificate, *leaf.chain))
    return Client(pki.identity(forger))


@case(refused("unknown_ca", x509_error=25), source="RFC 5280 4.2.1.9", depth=3)
def path_length_exceeded(pki: TestPki) -> Client:
    """An intermediate below an intermediate that may only issue leaves (pathLenConstraint 0)."""
    upper = pki.intermediate(basic_constraints=x509.BasicConstraints(ca=True, path_length=0))
    return Client(pki.identity(pki.intermediate(upper)))


@case(admitted(), source="SSLVerifyDepth", directive="SSLVerifyDepth")
def depth_reached(pki: TestPki) -> Client:
    """A chain of exactly the depth that SSLVerifyDepth allows: the root counts, the leaf does not."""
    return Client(pki.identity(_intermediates(pki, pki.issuing_parent, pki.intermediates_allowed)))


@case(refused("internal_error", ah="AH02040"), source="SSLVerifyDepth", directive="SSLVerifyDepth")
def depth_exceeded(pki: TestPki) -> Client:
    """A chain one certificate deeper than SSLVerifyDepth allows.

    The alert (internal_error) misleads; httpd's log gives the reason. The log names only the root, so this client has
    its own root and sends it.
    """
    root = pki.authority()
    identity = pki.identity(_intermediates(pki, root, pki.depth))
    return Client(identity, chain=(*identity.chain, root.certificate))


@case(refused("certificate_unknown", x509_error=47), source="RFC 5280 4.2.1.10", depth=2)
def name_constraints_violated(pki: TestPki) -> Client:
    """A certificate with a name outside the subtree that its authority may issue for."""
    limited = pki.intermediate(extensions=(_ONLY_ALLOWED,))
    return Client(pki.identity(limited, names=("client.elsewhere.test",)))


@case(admitted(), source="RFC 5280 4.2.1.10", depth=2)
def name_constraints_respected(pki: TestPki) -> Client:
    """A certificate with a name inside the subtree that its authority may issue for."""
    limited = pki.intermediate(extensions=(_ONLY_ALLOWED,))
    return Client(pki.identity(limited, names=("client.allowed.test",)))


@case(admitted(), source="RFC 4949 cross-certificate, RFC 5280 3.2", depth=2)
def cross_signed(pki: TestPki) -> Client:
    """A certificate of an unknown authority that the trusted authority has cross-signed; the client sends that link."""
    other = pki.authority(trusted=False)
    return Client(pki.identity(other), chain=(pki.cross_signed(other), *pki.issuing_parent.chain))


@case(_UNKNOWN, source="RFC 5280 3.2", depth=2)
def cross_signed_by_stranger(pki: TestPki) -> Client:
    """A certificate of an unknown authority that another unknown authority has cross-signed."""
    other, stranger = pki.authority(trusted=False), pki.authority(trusted=False)
    return Client(pki.identity(other), chain=(stranger.cross_sign(other),))


@case(refused("certificate_unknown", x509_error=34), source="RFC 5280 4.2")
def critical_extension_in_leaf(pki: TestPki) -> Client:
    """An unknown critical extension in the leaf: a verifier that cannot process it must reject the certificate."""
    return Client(pki.identity(extensions=(_CRITICAL,)))


@case(refused("certificate_unknown", x509_error=34), source="RFC 5280 4.2", depth=2)
def critical_extension_in_intermediate(pki: TestPki) -> Client:
    """An unknown critical extension in the intermediate."""
    return Client(pki.identity(pki.intermediate(extensions=(_CRITICAL,))))


def _intermediates(pki: TestPki, authority: Authority, count: int) -> Authority:
    for _ in range(count):
        authority = pki.intermediate(authority)
    return authority
