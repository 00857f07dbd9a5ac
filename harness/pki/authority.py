"""How does an authority issue certificates, further authorities and CRLs?"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID

from harness.pki.forge import resign
from harness.pki.keys import KeyType, PrivateKey, PublicKey, generate
from harness.pki.profile import AUTHORITY, CLIENT, SERVER, Profile, called, general_name, moment

_UNUSUAL = (hashes.MD5, hashes.SHA1)
_OCSP = AuthorityInformationAccessOID.OCSP


@dataclass(frozen=True)
class Identity:
    """A leaf certificate, its key, and the chain that is sent with it."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    def certificate_pem(self) -> bytes:
        """The leaf and the chain, in the order in which they are sent."""
        return b"".join(entry.public_bytes(Encoding.PEM) for entry in (self.certificate, *self.chain))

    def key_pem(self) -> bytes:
        """The key without a passphrase (PKCS#8): for memory, and for files that only the owner can read."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def pkcs12(self, password: bytes, *, root: x509.Certificate | None = None, compatible: bool = False) -> bytes:
        """Pack key, certificate and chain into a .pfx (RFC 7292), with the root where it is to be imported as well.

        AES-256 with a SHA-256 MAC, or with `compatible` what older macOS, Windows and Android read: 3DES with SHA-1.

        Raises:
            ValueError: the password is empty (Firefox and Android refuse such a file).
            TypeError: the kind of key has no place in PKCS#12 (ML-DSA).
        """
        if not password:
            raise ValueError("A .pfx needs a password: Firefox and Android refuse an empty one.")
        name = called(self.certificate).encode()
        chain = [*self.chain, *([root] if root else [])]
        key = cast("pkcs12.PKCS12PrivateKeyTypes", self.key)
        return pkcs12.serialize_key_and_certificates(name, key, self.certificate, chain, pbe(password, compatible))


@dataclass(frozen=True)
class Authority:
    """A CA: certificate and key, and the chain that a leaf of it sends along: this certificate and those above it,
    without the root."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(cls, **changes: Any) -> Self:
        """Make a self-signed authority: `AUTHORITY` with these changes."""
        profile = replace(AUTHORITY, **{"subject": "Root"} | changes)
        key = profile.private_key
        return cls(_certificate(profile, key.public_key(), None, key), key)

    def subauthority(self, **changes: Any) -> "Authority":
        """Make an authority below this one."""
        profile = replace(AUTHORITY, **{"subject": "Intermediate"} | changes)
        key = profile.private_key
        certificate = self.certify(profile, key.public_key())
        return Authority(certificate, key, (certificate, *self.chain))

    def client(self, **changes: Any) -> Identity:
        """Issue a client certificate: `CLIENT` with these changes."""
        return self.issue(replace(CLIENT, **changes))

    def server(self, **changes: Any) -> Identity:
        """Issue a server certificate: `SERVER` with these changes."""
        return self.issue(replace(SERVER, **changes))

    def issue(self, profile: Profile) -> Identity:
        """Issue a leaf certificate that says what the profile says."""
        key = profile.private_key
        return Identity(self.certify(profile, key.public_key()), key, self.chain)

    def certify(self, profile: Profile, key: PublicKey) -> x509.Certificate:
        """Issue a certificate for a key whose private half may be elsewhere."""
        return _certificate(profile, key, self.certificate, self.key)

    def crl(
        self,
        revoked: Iterable[x509.Certificate | x509.RevokedCertificate] = (),
        *,
        last_update: timedelta | datetime = timedelta(minutes=-5),
        next_update: timedelta | datetime = timedelta(days=30),
        number: int | None = None,
    ) -> x509.CertificateRevocationList:
        """List revoked certificates (RFC 5280 section 5), by default from `last_update` on.

        `number` None is the time in microseconds: it grows from one CRL to the next without being stored.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(moment(last_update))
            .next_update(moment(next_update))
            .add_extension(x509.CRLNumber(number or time.time_ns() // 1000), critical=False)
            .add_extension(_authority_key_identifier(_key_identifier(self.certificate)), critical=False)
        )
        for entry in revoked:
            if isinstance(entry, x509.RevokedCertificate):
                builder = builder.add_revoked_certificate(entry)
            else:
                builder = builder.add_revoked_certificate(revoked_certificate(entry.serial_number, moment(last_update)))
        return builder.sign(self.key, _digest(self.key))

    def cross_sign(self, other: "Authority", **changes: Any) -> x509.Certificate:
        """Certify another authority's name and key."""
        profile = replace(AUTHORITY, subject=other.certificate.subject, **changes)
        return self.certify(profile, other.certificate.public_key())

    def impostor(self) -> "Authority":
        """Make an authority of the same name with another key, and the same key identifier."""
        key = generate(KeyType.P_256)
        identifier = _key_identifier(self.certificate)
        profile = replace(AUTHORITY, subject=self.certificate.subject, key_identifier=identifier.digest)
        return Authority(_certificate(profile, key.public_key(), None, key), key)


def pbe(password: bytes, compatible: bool) -> KeySerializationEncryption:
    """How a PKCS#12 file is encrypted: AES-256 with a SHA-256 MAC, or what older readers know, 3DES with SHA-1."""
    builder = PrivateFormat.PKCS12.encryption_builder()
    if compatible:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        return builder.kdf_rounds(2048).hmac_hash(hashes.SHA1()).build(password)  # noqa: S303 - what the readers know
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
    return builder.kdf_rounds(100_000).hmac_hash(hashes.SHA256()).build(password)


def revoked_certificate(
    serial_number: int, when: datetime, reason: x509.ReasonFlags | None = None
) -> x509.RevokedCertificate:
    """Make an entry of a CRL (RFC 5280 section 5.3); `unspecified` is left out, as section 5.3.1 asks."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(when)
    if reason and reason is not x509.ReasonFlags.unspecified:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()


def serial(certificate: x509.Certificate) -> str:
    """Write a serial number as OpenSSL and httpd do: hexadecimal, upper case, whole bytes."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8).hex().upper()


def _certificate(
    profile: Profile, key: PublicKey, issuer: x509.Certificate | None, signing_key: PrivateKey
) -> x509.Certificate:
    """Sign a certificate; without an issuer it is self-signed."""
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    if profile.key_identifier:
        own = x509.SubjectKeyIdentifier(profile.key_identifier)
    builder = (
        x509.CertificateBuilder()
        .subject_name(profile.name)
        .issuer_name(issuer.subject if issuer else profile.name)
        .public_key(key)
        .serial_number(profile.serial or x509.random_serial_number())
        .not_valid_before(moment(profile.not_before))
        .not_valid_after(moment(profile.not_after))
    )
    for value, critical in (*_extensions(profile), (own, False)):
        builder = builder.add_extension(value, critical)
    if issuer:  # RFC 5280 section 4.2.1.1: a self-signed one may go without.
        builder = builder.add_extension(_authority_key_identifier(_key_identifier(issuer)), critical=False)
    usual = builder.sign(signing_key, _digest(signing_key))
    if profile.version == 3 and not isinstance(profile.digest, _UNUSUAL):
        return usual
    return resign(usual, signing_key, profile.digest or hashes.SHA256(), version=profile.version)


def _extensions(profile: Profile) -> Iterable[tuple[x509.ExtensionType, bool]]:
    """Yield each extension, and whether it is critical."""
    if profile.basic_constraints:
        yield profile.basic_constraints, True
    if profile.key_usage:
        yield profile.key_usage, True
    if profile.extended_key_usage:
        yield x509.ExtendedKeyUsage(profile.extended_key_usage), False
    if profile.names:
        # RFC 5280 section 4.2.1.6: critical where the subject is empty.
        yield x509.SubjectAlternativeName(map(general_name, profile.names)), not profile.name.rdns
    if profile.crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(profile.crl_url)], None, None, None)
        yield x509.CRLDistributionPoints([point]), False
    if profile.ocsp_url:
        responder = x509.UniformResourceIdentifier(profile.ocsp_url)
        yield x509.AuthorityInformationAccess([x509.AccessDescription(_OCSP, responder)]), False
    yield from ((entry.value, entry.critical) for entry in profile.extensions)


def _key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    """The identifier that a certificate gives its key; where it gives none, the one that follows from the key."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())


def _authority_key_identifier(identifier: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | None:
    """The digest that fits the key: none where the algorithm brings its own (Ed25519, ML-DSA)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()
    return hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None
