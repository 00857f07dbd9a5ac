"""How does an authority issue certificates, further authorities and CRLs?"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.pki.forge import resign
from harness.pki.keys import KeyType, PrivateKey, generate
from harness.pki.profile import AUTHORITY, CLIENT, SERVER, Profile, general_name, moment

_UNUSUAL = (hashes.MD5, hashes.SHA1)


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
        """The key without a passphrase (PKCS#8): for memory and for files that nobody else reads."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Authority:
    """A CA: certificate and key, and the authority above it (None for a root)."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    above: "Authority | None" = None

    @classmethod
    def root(cls, **changes: Any) -> Self:
        """Make a self-signed authority: `AUTHORITY` with these changes."""
        profile = replace(AUTHORITY, **{"subject": "Root"} | changes)
        key = profile.private_key
        return cls(_certificate(profile, key, None, key), key)

    def subauthority(self, **changes: Any) -> "Authority":
        """Make an authority below this one."""
        profile = replace(AUTHORITY, **{"subject": "Intermediate"} | changes)
        key = profile.private_key
        return Authority(self._sign(profile, key), key, self)

    def client(self, **changes: Any) -> Identity:
        """Issue a client certificate: `CLIENT` with these changes."""
        return self.issue(replace(CLIENT, **changes))

    def server(self, **changes: Any) -> Identity:
        """Issue a server certificate: `SERVER` with these changes."""
        return self.issue(replace(SERVER, **changes))

    def issue(self, profile: Profile) -> Identity:
        """Issue a leaf certificate that says what the profile says."""
        key = profile.private_key
        return Identity(self._sign(profile, key), key, self.chain)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What a leaf of this authority sends along: this certificate and those above it, without the root."""
        return (self.certificate, *self.above.chain) if self.above else ()

    def crl(
        self,
        revoked: Iterable[x509.Certificate] = (),
        *,
        last_update: timedelta | datetime = timedelta(minutes=-5),
        next_update: timedelta | datetime = timedelta(days=30),
        number: int | None = None,
    ) -> x509.CertificateRevocationList:
        """List revoked certificates (RFC 5280 section 5)."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(moment(last_update))
            .next_update(moment(next_update))
            .add_extension(x509.CRLNumber(number or int(datetime.now(UTC).timestamp())), critical=False)
            .add_extension(_authority_key_identifier(_key_identifier(self.certificate)), critical=False)
        )
        for entry in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(entry.serial_number)
                .revocation_date(moment(last_update))
                .build()
            )
        return builder.sign(self.key, _digest(self.key))

    def cross_sign(self, other: "Authority") -> x509.Certificate:
        """Certify another authority's name and key."""
        profile = replace(AUTHORITY, subject=other.certificate.subject)
        return self._sign(profile, other.key)

    def impostor(self) -> "Authority":
        """Make an authority of the same name with another key, and the same key identifier."""
        key = generate(KeyType.P_256)
        identifier = _key_identifier(self.certificate)
        profile = replace(AUTHORITY, subject=self.certificate.subject, key_identifier=identifier.digest)
        return Authority(_certificate(profile, key, None, key), key)

    def _sign(self, profile: Profile, key: PrivateKey) -> x509.Certificate:
        return _certificate(profile, key, self.certificate, self.key)


def serial(certificate: x509.Certificate) -> str:
    """Write a serial number as OpenSSL and httpd do: hexadecimal, upper case, whole bytes."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8).hex().upper()


def _certificate(
    profile: Profile, key: PrivateKey, issuer: x509.Certificate | None, by: PrivateKey
) -> x509.Certificate:
    """Sign a certificate; without an issuer it is self-signed."""
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    if profile.key_identifier:
        own = x509.SubjectKeyIdentifier(profile.key_identifier)
    builder = (
        x509.CertificateBuilder()
        .subject_name(profile.name)
        .issuer_name(issuer.subject if issuer else profile.name)
        .public_key(key.public_key())
        .serial_number(profile.serial or x509.random_serial_number())
        .not_valid_before(moment(profile.not_before))
        .not_valid_after(moment(profile.not_after))
    )
    above = _key_identifier(issuer) if issuer else own
    for extension in (*_extensions(profile), _make(own), _make(_authority_key_identifier(above))):
        builder = builder.add_extension(extension.value, extension.critical)
    usual = builder.sign(by, _digest(by))
    if profile.version == 3 and not isinstance(profile.digest, _UNUSUAL):
        return usual
    return resign(usual, by, profile.digest or hashes.SHA256(), version=profile.version)


def _make(value: x509.ExtensionType, critical: bool = False) -> x509.Extension[Any]:
    return x509.Extension(value.oid, critical, value)


def _extensions(profile: Profile) -> Iterable[x509.Extension[Any]]:
    if profile.basic_constraints:
        yield _make(profile.basic_constraints, True)
    if profile.key_usage:
        yield _make(profile.key_usage, True)
    if profile.extended_key_usage:
        yield _make(x509.ExtendedKeyUsage(profile.extended_key_usage))
    if profile.names:
        # RFC 5280 section 4.2.1.6: critical where the subject is empty.
        yield _make(x509.SubjectAlternativeName(map(general_name, profile.names)), not profile.name.rdns)
    if profile.crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(profile.crl_url)], None, None, None)
        yield _make(x509.CRLDistributionPoints([point]))
    yield from profile.extensions


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
