"""What may a certificate be used for, and is it strong enough, as OpenSSL decides?

Source of each rule: OpenSSL's `crypto/x509/v3_purp.c` and `x509_vfy.c`.
"""

import warnings
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
Name = tuple[frozenset[tuple[ObjectIdentifier, str]], ...]
_NS_CERT_TYPE = ObjectIdentifier("2.16.840.1.113730.1.1")
_NS_SSL_CLIENT = 0x80
_UNDERSTOOD = {
    *(ExtensionOID.KEY_USAGE, ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.SUBJECT_ALTERNATIVE_NAME),
    *(ExtensionOID.EXTENDED_KEY_USAGE, ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.NAME_CONSTRAINTS),
    *(ExtensionOID.POLICY_CONSTRAINTS, ExtensionOID.POLICY_MAPPINGS, ExtensionOID.INHIBIT_ANY_POLICY),
    *(ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.AUTHORITY_KEY_IDENTIFIER),
    *(ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.OCSP_NO_CHECK, _NS_CERT_TYPE),
}
"""The extensions that OpenSSL knows how to obey where they are critical."""
_BITS = {1: 80, 2: 112, 3: 128, 4: 192, 5: 256}
"""The strength in bits that each security level asks for (SSL_CTX_set_security_level(3))."""


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Return an extension's value; None if the certificate does not have it."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def canonical(name: x509.Name) -> Name:
    """Return a name in the form in which OpenSSL compares two: letter case and the number of blanks do not count."""
    return tuple(
        frozenset((part.oid, " ".join(str(part.value).split()).casefold()) for part in rdn) for rdn in name.rdns
    )


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether issuer and subject are the same name."""
    return canonical(certificate.subject) == canonical(certificate.issuer)


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether it says that its own key signed it: by name, and by key where it names one."""
    return names_issuer(certificate, certificate)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature; names are not looked at."""
    key = issuer.public_key()
    data = (certificate.signature, certificate.tbs_certificate_bytes)
    try:
        digest = certificate.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(*data, certificate.signature_algorithm_parameters, digest)  # type: ignore[arg-type]
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(*data, certificate.signature_algorithm_parameters)  # type: ignore[arg-type]
        elif isinstance(key, dsa.DSAPublicKey):
            key.verify(*data, digest)  # type: ignore[arg-type]
        else:
            key.verify(*data)  # type: ignore[union-attr]
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError, AttributeError):
        return False
    return True


def names_issuer(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a certificate says that it is by this issuer: by name, and by key where it names one (RFC 5280 section
    4.2.1.1)."""
    if canonical(certificate.issuer) != canonical(issuer.subject):
        return False
    named = extension(certificate, x509.AuthorityKeyIdentifier)
    return named is None or matches(named, issuer)


def matches(identifier: x509.AuthorityKeyIdentifier, issuer: x509.Certificate) -> bool:
    """Whether an authority key identifier can be that of this issuer."""
    own = extension(issuer, x509.SubjectKeyIdentifier)
    if identifier.key_identifier and own and identifier.key_identifier != own.digest:
        return False
    serial = identifier.authority_cert_serial_number
    with warnings.catch_warnings():
        # Some public roots have serial numbers that are not positive.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return serial is None or serial == issuer.serial_number


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether OpenSSL takes a certificate for one of an authority."""
    usage = extension(certificate, x509.KeyUsage)
    if usage and not usage.key_cert_sign:
        return False
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints:
        return constraints.ca
    old_root = certificate.version is x509.Version.v1 and is_self_issued(certificate)
    return old_root or usage is not None


def lacks_client_auth(certificate: x509.Certificate) -> bool:
    """Whether its extendedKeyUsage rules out TLS clients. anyExtendedKeyUsage does not stand for clientAuth."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    return usage is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usage


def is_for_servers(certificate: x509.Certificate) -> bool:
    """Whether its extendedKeyUsage names TLS servers."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    return usage is not None and ExtendedKeyUsageOID.SERVER_AUTH in usage


def cannot_sign(certificate: x509.Certificate) -> bool:
    """Whether its keyUsage rules out the handshake of a TLS client."""
    usage = extension(certificate, x509.KeyUsage)
    return usage is not None and not (usage.digital_signature or usage.key_agreement)


def old_type_forbids(certificate: x509.Certificate) -> bool:
    """Whether Netscape's certificate type, which OpenSSL obeys, rules out TLS clients."""
    for entry in certificate.extensions:
        if entry.oid == _NS_CERT_TYPE and isinstance(entry.value, x509.UnrecognizedExtension):
            return not (entry.value.value[3:4] or b"\0")[0] & _NS_SSL_CLIENT
    return False


def unknown_critical(certificate: x509.Certificate) -> ObjectIdentifier | None:
    """The first critical extension that OpenSSL does not know; None if there is none."""
    return next(
        (entry.oid for entry in certificate.extensions if entry.critical and entry.oid not in _UNDERSTOOD), None
    )


def key_bits(certificate: x509.Certificate) -> tuple[str, int]:
    """The kind and size of the key, and its strength in bits (NIST SP 800-57 part 1, table 2)."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "a key of unknown kind", 256
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        kind = "RSA" if isinstance(key, rsa.RSAPublicKey) else "DSA"
        steps = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))
        return f"{kind}-{key.key_size}", next((bits for size, bits in steps if key.key_size >= size), 0)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", key.key_size // 2
    return type(key).__name__.removesuffix("PublicKey"), 128


def digest_bits(certificate: x509.Certificate, sha1: int = 63) -> tuple[str, int]:
    """The digest of the signature, and its strength in bits as OpenSSL 3 counts it; before it, SHA-1 had 80."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "an unknown digest", 0
    if digest is None:
        return "no digest", 256
    weak = {hashes.MD5.name: 39, hashes.SHA1.name: sha1}
    return digest.name.upper(), weak.get(digest.name, digest.digest_size * 4)


def least_bits(level: int) -> int:
    """The strength in bits that a security level asks of keys and signatures."""
    return _BITS.get(level, 0)
