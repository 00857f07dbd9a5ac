"""Which certificate contents does a server require of a good client, apart from the right issuer?"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from harness.pki.files import PkiError
from harness.pki.keys import KeyType, PrivateKey, PublicKey
from harness.pki.profile import general_name

_CLIENT_KEYS = (
    *(rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey),
    mldsa.MLDSA65PublicKey,
)
NOBODY = "nobody in particular"
"""The common name of a certificate without any of the required contents."""
_OWN = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.AuthorityInformationAccess)
"""The extensions that follow from the issuer and the key of a certificate."""


ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
"""The attributes of a name by what OpenSSL calls them."""


class Part(StrEnum):
    """A part of a certificate that a rule may ask for."""

    ORGANISATION = "organisation"
    UNIT = "unit"
    COMMON_NAME = "common name"
    EMAIL = "email address"
    ATTRIBUTE = "another attribute of the subject"
    ISSUER = "issuer"
    ALTERNATIVE_NAME = "alternative name"
    EXTENSION = "extension"


_PARTS = {
    NameOID.ORGANIZATION_NAME: Part.ORGANISATION,
    NameOID.ORGANIZATIONAL_UNIT_NAME: Part.UNIT,
    NameOID.COMMON_NAME: Part.COMMON_NAME,
    NameOID.EMAIL_ADDRESS: Part.EMAIL,
}


def part_of(attribute: x509.ObjectIdentifier) -> Part:
    """The part that an attribute of the subject belongs to."""
    return _PARTS.get(attribute, Part.ATTRIBUTE)


def part_of_name(name: x509.GeneralName) -> Part:
    """The part that an alternative name belongs to."""
    return Part.EMAIL if isinstance(name, x509.RFC822Name) else Part.ALTERNATIVE_NAME


@dataclass(frozen=True)
class ClientTemplate:
    """The required contents of a good client's certificate: attributes of subject and issuer by their type, alternative
    names, and extensions.

    `needed` are the parts without which no client may be admitted; `certain` says that a client without all of them is
    refused. `similar` are attributes that an inexact expression accepts in place of the required ones, `similar_names`
    pairs of a required alternative name and one like that. `unread` says that there are further, unknown requirements.

    `like` is the certificate of a model client, and those of its issuers: a good client has the same contents except
    key, validity and serial number. `authorities` and `crls` are those of CONFIG: they are made again under the same
    names. `users` have a password, but no certificate. `authority` is the issuer that a policy names, if any. `address`
    is the address of every client, `user` the one whose password a client needs in addition to its certificate.
    """

    subject: tuple[tuple[x509.ObjectIdentifier, str], ...] = ()
    issuer: tuple[tuple[x509.ObjectIdentifier, str], ...] = ()
    names: tuple[str | x509.GeneralName, ...] = ()
    extensions: tuple[x509.Extension[x509.ExtensionType], ...] = ()
    needed: frozenset[Part] = frozenset()
    certain: bool = True
    similar: tuple[tuple[x509.ObjectIdentifier, str], ...] = ()
    similar_names: tuple[tuple[x509.GeneralName, x509.GeneralName], ...] = ()
    unread: bool = False
    like: tuple[x509.Certificate, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    users: tuple[str, ...] = ()
    authority: x509.Name | None = None
    address: str | None = None
    user: str | None = None

    @property
    def demanding(self) -> bool:
        """Whether rules require more than a valid certificate."""
        return bool(self.subject or self.names or self.extensions)

    def profile(self, name: str) -> dict[str, Any]:
        """The changes to `CLIENT` for a good client; `name` is the common name where none is required."""
        if not self.like:
            wanted = [x509.NameAttribute(kind, value) for kind, value in self.subject]
            own = [] if any(kind == NameOID.COMMON_NAME for kind, _ in self.subject) else [name]
            subject = x509.Name([*wanted, *(x509.NameAttribute(NameOID.COMMON_NAME, one) for one in own)])
            return {"subject": subject, "names": self.names, "extensions": self.extensions}
        leaf = self.like[0]
        found = {type(entry.value): entry for entry in leaf.extensions if not isinstance(entry.value, _OWN)}

        def taken(kind: type[x509.ExtensionType]) -> Any:
            return found.pop(kind).value if kind in found else None

        return {
            "subject": leaf.subject,
            "names": tuple(taken(x509.SubjectAlternativeName) or ()),
            "extended_key_usage": tuple(taken(x509.ExtendedKeyUsage) or ()),
            "key_usage": taken(x509.KeyUsage),
            "basic_constraints": taken(x509.BasicConstraints),
            "extensions": tuple(found.values()),
        }

    def lacking(self, part: Part, name: str) -> dict[str, Any]:
        """The same with other contents in one part. The issuer is not included."""
        good = self.profile(name)
        names = [one for one in map(general_name, good["names"]) if part_of_name(one) is not part]
        attributes = [
            x509.NameAttribute(one.oid, "XX" if one.oid == NameOID.COUNTRY_NAME else "another")
            if part_of(one.oid) is part
            else one
            for one in good["subject"]
        ]
        extensions = () if part is Part.EXTENSION else good["extensions"]
        return good | {"subject": x509.Name(attributes), "names": tuple(names), "extensions": extensions}

    def resembling(self, name: str) -> dict[str, Any] | None:
        """The same with contents that an inexact expression takes for the needed ones; None if there are none."""
        similar = {kind: value for kind, value in self.similar if part_of(kind) in self.needed}
        others = {name: other for name, other in self.similar_names if part_of_name(name) in self.needed}
        if self.like or not (similar or others):
            return None
        good = self.profile(name)
        attributes = [x509.NameAttribute(one.oid, similar.get(one.oid, one.value)) for one in good["subject"]]
        names = tuple(others.get(name, name) for name in map(general_name, good["names"]))
        return good | {"subject": x509.Name(attributes), "names": names}

    def met_by(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is known to have all required contents, its issuer included."""
        if self.unread or not {x509.NameAttribute(*one) for one in self.issuer} <= set(certificate.issuer):
            return False
        if not self.demanding:
            return True
        good = self.profile("anybody")
        subject = set(self.like[0].subject if self.like else (x509.NameAttribute(*one) for one in self.subject))
        # A certificate of version 1 has none.
        extensions = {entry.oid: entry.value for entry in certificate.extensions}
        names = set(extensions.get(x509.SubjectAlternativeName.oid, ()))
        return (
            subject <= set(certificate.subject)
            and set(map(general_name, good["names"])) <= names
            and {entry.oid for entry in good["extensions"]} <= extensions.keys()
        )


def client_like(file: Path) -> tuple[x509.Certificate, ...]:
    """Read a client's certificate (PEM or DER), and those of its issuers if they are in the same file.

    Raises:
        PkiError: it holds none, more than one client's, a private key, or a certificate that cannot be made again.
    """
    content = file.read_bytes()
    if b"PRIVATE KEY-----" in content:
        raise PkiError(
            f"{file} contains a private key, which is not needed.\n"
            "Use the certificate alone (`openssl x509 -in FILE -out client.crt`)."
        )
    try:
        if b"-----BEGIN" in content:
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
        authorities = [one for one in found if _is_authority(one)]
    except ValueError as error:
        raise PkiError(
            f"{file} contains no readable certificate in PEM or DER form.\n"
            "From a .pfx, `openssl pkcs12 -in FILE -clcerts -nokeys -out client.crt` extracts it."
        ) from error
    leaves = [one for one in found if one not in authorities]
    if not leaves:
        raise PkiError(f"{file} contains an authority's certificate, not a client's. Use one that it issued.")
    if leaves[0].issuer == leaves[0].subject:
        raise PkiError(f"{file} contains a self-signed certificate: no authority can admit it.")
    if len(leaves) > 1:
        raise PkiError(f"{file} contains the certificates of {len(leaves)} clients. Use one.")
    if not isinstance(leaves[0].public_key(), _CLIENT_KEYS):
        raise PkiError(f"{file} has a key type that no TLS client can use here.")
    return (leaves[0], *authorities)


def key_like(key: PublicKey) -> KeyType | PrivateKey:
    """A key type of the same kind and size, or a new key of an unusual size (slow for RSA)."""
    match key:
        case rsa.RSAPublicKey():
            known = [kind for kind in KeyType if kind.value == f"rsa-{key.key_size}"]
            return known[0] if known else rsa.generate_private_key(65537, key.key_size)
        case ec.EllipticCurvePublicKey():
            return ec.generate_private_key(key.curve)
        case ed25519.Ed25519PublicKey():
            return KeyType.ED25519
        case ed448.Ed448PublicKey():
            return ed448.Ed448PrivateKey.generate()
        case mldsa.MLDSA65PublicKey():
            return KeyType.ML_DSA_65
        case _:
            return KeyType.P_256


def names_responder(certificate: x509.Certificate) -> bool:
    """Whether a certificate names an OCSP responder (RFC 5280 section 4.2.2.1)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(entry.access_method == AuthorityInformationAccessOID.OCSP for entry in found)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
