"""What is the content of a certificate, apart from its key and its issuer?"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from harness.pki.keys import KeyType, PrivateKey, generate

_NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def key_usage(*allowed: str) -> x509.KeyUsage:
    """Allow these usages and no other (RFC 5280 section 4.2.1.3, names as in cryptography's `KeyUsage`)."""
    return x509.KeyUsage(**_NO_USAGE | dict.fromkeys(allowed, True))


_NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)
_SIGNATURE = key_usage("digital_signature")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The contents of a certificate. Vary one of `CLIENT`, `SERVER` and `AUTHORITY` with `dataclasses.replace`.

    Times are relative to now, or absolute. `serial` None is a random one of 159 bits, `digest` None the one that fits
    the issuer's key, `version` 1 drops every extension. `names` fill subjectAltName: strings are taken for an address,
    an email or a DNS name by their looks. `extended_key_usage` () leaves that extension out. `key_identifier` None is
    the one that follows from the key.
    """

    subject: x509.Name | str = ""
    not_before: timedelta | datetime = timedelta(minutes=-5)
    not_after: timedelta | datetime = timedelta(days=30)
    serial: int | None = None
    key: KeyType | PrivateKey = KeyType.P_256
    version: int = 3
    basic_constraints: x509.BasicConstraints | None = _NO_AUTHORITY
    key_usage: x509.KeyUsage | None = _SIGNATURE
    extended_key_usage: tuple[ObjectIdentifier, ...] = ()
    names: tuple[str | x509.GeneralName, ...] = ()
    extensions: tuple[x509.Extension[x509.ExtensionType], ...] = ()
    crl_url: str | None = None
    ocsp_url: str | None = None
    key_identifier: bytes | None = None
    digest: hashes.HashAlgorithm | None = None

    @cached_property
    def name(self) -> x509.Name:
        """The subject as a distinguished name; a plain string is the common name, the empty one no name at all."""
        if isinstance(self.subject, x509.Name):
            return self.subject
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.subject)] if self.subject else [])

    @property
    def private_key(self) -> PrivateKey:
        """The key given, or a new one of the kind given."""
        return generate(self.key) if isinstance(self.key, KeyType) else self.key


CLIENT = Profile(extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,))
"""A correct client certificate."""
SERVER = Profile(extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
"""A correct server certificate; give it `names`."""
AUTHORITY = Profile(
    not_after=timedelta(days=365),
    basic_constraints=x509.BasicConstraints(ca=True, path_length=None),
    key_usage=key_usage("key_cert_sign", "crl_sign"),
)
"""A correct authority."""


def moment(when: timedelta | datetime) -> datetime:
    """Resolve a time relative to now into an absolute one, in whole seconds of UTC."""
    return (datetime.now(UTC) + when if isinstance(when, timedelta) else when).replace(microsecond=0)


def general_name(name: str | x509.GeneralName) -> x509.GeneralName:
    """Read an address, an email address or a DNS name by its looks."""
    if isinstance(name, x509.GeneralName):
        return name
    if "@" in name:
        return x509.RFC822Name(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def written(name: x509.Name) -> str:
    """Write a distinguished name as httpd does (RFC 4514), with the email address by its name."""
    return name.rfc4514_string({NameOID.EMAIL_ADDRESS: "emailAddress"})


def called(certificate: x509.Certificate) -> str:
    """The short name of a certificate: its common name, else its whole subject, else its first alternative name."""
    if common := certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return str(common[0].value)
    if certificate.subject.rdns:
        return written(certificate.subject)
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            return str(next(iter(extension.value)).value)
    return "a certificate without a name"
