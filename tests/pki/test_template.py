"""A client's certificate as the model: accepted files, and the certificates made like it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.pki import Authority, Identity, KeyType
from harness.pki.files import PkiError
from harness.pki.template import ClientTemplate, Part, client_like
from harness.pki.testbed import TestPki

ROOT = Authority.root(subject="Corp root")
ISSUING = ROOT.subauthority(subject="Corp issuing", ocsp_url="http://ocsp.corp.test/")
EXTENSION = x509.Extension(
    x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"),
    False,
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x0c\x01x"),
)
ALICE = ISSUING.client(
    subject=x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"), x509.NameAttribute(NameOID.COMMON_NAME, "alice")]
    ),
    names=("alice@acme.test", "a.acme.test"),
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION),
    extensions=(EXTENSION,),
    key=ec.generate_private_key(ec.SECP521R1()),
)
PEM = Encoding.PEM
SELF_SIGNED = Authority.root(subject="me", basic_constraints=None).certificate


def contents(certificate: x509.Certificate) -> list[object]:
    kinds = (x509.SubjectAlternativeName, x509.ExtendedKeyUsage, x509.KeyUsage, x509.BasicConstraints)
    own = [certificate.extensions.get_extension_for_class(kind).value for kind in kinds]
    return [certificate.subject, certificate.issuer, *own, certificate.extensions.get_extension_for_oid(EXTENSION.oid)]


@pytest.mark.parametrize("authorities", [(), (ROOT.certificate,), (ROOT.certificate, ISSUING.certificate)])
def test_a_good_client_is_like_the_model_in_all_but_key_and_time(authorities: tuple[x509.Certificate, ...]) -> None:
    pki = TestPki(3, template=ClientTemplate(like=(ALICE.certificate, ISSUING.certificate), authorities=authorities))
    identity = pki.identity()
    assert contents(identity.certificate) == contents(ALICE.certificate)
    key = identity.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP521R1)
    assert key != ALICE.certificate.public_key()
    assert identity.certificate.serial_number != ALICE.certificate.serial_number
    assert {one.subject for one in pki.trusted()} == {one.subject for one in authorities or (ROOT.certificate,)}
    assert [one.subject for one in identity.chain] == [ISSUING.certificate.subject]


def test_a_case_changes_only_the_fields_that_it_names() -> None:
    pki = TestPki(3, template=ClientTemplate(like=(ALICE.certificate, ISSUING.certificate)))
    other = x509.Extension(x509.OCSPNoCheck.oid, False, x509.OCSPNoCheck())
    changed = pki.identity(key=KeyType.ED25519, extensions=(other,)).certificate
    assert contents(changed) == contents(ALICE.certificate)
    assert isinstance(changed.public_key(), ed25519.Ed25519PublicKey)
    assert changed.extensions.get_extension_for_class(x509.OCSPNoCheck)


def test_a_client_that_lacks_one_part_has_all_the_others() -> None:
    needed = frozenset({Part.ORGANISATION, Part.EMAIL, Part.EXTENSION, Part.ISSUER})
    pki = TestPki(3, template=ClientTemplate(like=(ALICE.certificate, ISSUING.certificate), needed=needed))
    subject, issuer, names, *_, extension = range(7)

    def differs(part: Part) -> list[int]:
        identity = pki.lacking(part)
        assert identity
        certificate = identity.certificate
        try:
            own = contents(certificate)
        except x509.ExtensionNotFound:
            return [extension]
        return [
            at for at, (mine, model) in enumerate(zip(own, contents(ALICE.certificate), strict=True)) if mine != model
        ]

    assert differs(Part.ORGANISATION) == [subject]
    assert differs(Part.ISSUER) == [issuer]
    assert differs(Part.EMAIL) == [names]
    assert differs(Part.EXTENSION) == [extension]
    assert pki.lacking(Part.COMMON_NAME) is None


def test_where_another_authority_is_trusted_its_client_is_like_the_model_in_all_else() -> None:
    other = Authority.root(subject="Partner root").certificate
    pki = TestPki(3, template=ClientTemplate(like=(ALICE.certificate, ISSUING.certificate), authorities=(other,)))
    identity = pki.identity()
    assert (identity.certificate.subject, identity.certificate.issuer) == (ALICE.certificate.subject, other.subject)
    assert pki.names == {other.subject}


def test_where_not_all_can_be_read_only_the_model_is_known_to_be_good() -> None:
    organisation = ((NameOID.ORGANIZATION_NAME, "Acme"),)
    pki = TestPki(3, template=ClientTemplate(subject=organisation, unread=True))
    assert not pki.suits(pki.identity().certificate)
    assert pki.stranger() is None
    pki = TestPki(3, template=ClientTemplate(subject=organisation, unread=True, needed=frozenset({Part.ORGANISATION})))
    assert pki.stranger()


def test_a_certificate_is_read_in_both_forms_its_issuers_after_it(tmp_path: Path) -> None:
    file = tmp_path / "client"
    file.write_bytes(ALICE.certificate.public_bytes(Encoding.DER))
    assert client_like(file) == (ALICE.certificate,)
    file.write_bytes(ISSUING.certificate.public_bytes(PEM) + ALICE.certificate.public_bytes(PEM))
    assert client_like(file) == (ALICE.certificate, ISSUING.certificate)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ALICE.key_pem, "contains a private key, which is not needed"),
        (lambda: ALICE.certificate_pem() + ALICE.key_pem(), "contains a private key, which is not needed"),
        (lambda: _der_key(ALICE), "no readable certificate in PEM or DER form"),
        (lambda: ROOT.certificate.public_bytes(PEM), "an authority's certificate, not a client's"),
        (lambda: ALICE.certificate_pem() + ROOT.client(subject="bob").certificate_pem(), "of 2 clients. Use one"),
        (lambda: ROOT.client(subject="bob").pkcs12(b"x"), r"From a \.pfx, `openssl pkcs12"),
        (lambda: SELF_SIGNED.public_bytes(PEM), "self-signed"),
        (lambda: b"", "no readable certificate in PEM or DER form"),
        (
            lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "no readable certificate in PEM or DER form",
        ),
    ],
    ids=["key", "certificate and key", "DER key", "authority", "two", "pfx", "self-signed", "nothing", "damaged"],
)
def test_a_file_without_a_clients_certificate_is_refused(
    tmp_path: Path, content: Callable[[], bytes], message: str
) -> None:
    file = tmp_path / "client"
    file.write_bytes(content())
    with pytest.raises(PkiError, match=message):
        client_like(file)


def _der_key(identity: Identity) -> bytes:
    return identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
