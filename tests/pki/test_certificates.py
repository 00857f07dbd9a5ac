"""What is issued passes the verifiers that others wrote: OpenSSL at its strictest, and PyCA's."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pki import AUTHORITY, Authority, Identity, KeyType

# What this machine's OpenSSL can verify decides; ML-DSA needs 3.5, and PyCA's verifier follows the WebPKI's list.
CLASSIC = [kind for kind in KeyType if kind not in (KeyType.RSA_1024, KeyType.ML_DSA_65)]
WEB_PKI = [kind for kind in CLASSIC if kind is not KeyType.ED25519]
SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Root"),
    ]
)


def limits(path_length: int | None) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, path_length=path_length)


@pytest.fixture(scope="module", params=[False, True], ids=["direct", "through an intermediate"])
def chain(request: pytest.FixtureRequest) -> tuple[Authority, Authority]:
    """A root, and the authority that issues below it."""
    root = Authority.root(subject=SUBJECT, basic_constraints=limits(1))
    issuing = root.subauthority(subject="Issuing", basic_constraints=limits(0)) if request.param else root
    return root, issuing


def openssl_verify(folder: Path, root: Authority, identity: Identity, purpose: str) -> str:
    """Have openssl judge a chain; returns its complaint, or nothing."""
    files = {"root": root.certificate, "leaf": identity.certificate}
    for name, certificate in files.items():
        (folder / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "chain").write_bytes(b"".join(entry.public_bytes(Encoding.PEM) for entry in identity.chain))
    untrusted: list[str | Path] = ["-untrusted", folder / "chain"] if identity.chain else []
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder / "root", *untrusted]
    done = subprocess.run([*command, folder / "leaf"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("kind", CLASSIC)
def test_a_client_certificate_passes_openssl_at_its_strictest(
    tmp_path: Path, chain: tuple[Authority, Authority], kind: KeyType
) -> None:
    root, issuing = chain
    identity = issuing.client(subject="alice", key=kind)
    assert openssl_verify(tmp_path, root, identity, "sslclient") == ""
    assert "unsuitable certificate purpose" in openssl_verify(tmp_path, root, identity, "sslserver")


def test_a_server_certificate_passes_openssl_at_its_strictest(
    tmp_path: Path, chain: tuple[Authority, Authority]
) -> None:
    root, issuing = chain
    identity = issuing.server(subject="localhost", names=("localhost", "127.0.0.1", "::1"))
    assert openssl_verify(tmp_path, root, identity, "sslserver") == ""
    assert "unsuitable certificate purpose" in openssl_verify(tmp_path, root, identity, "sslclient")


@pytest.mark.parametrize("kind", CLASSIC)
def test_an_authority_of_any_kind_of_key_issues(tmp_path: Path, kind: KeyType) -> None:
    root = Authority.root(subject=SUBJECT, key=kind)
    assert openssl_verify(tmp_path, root, root.client(subject="alice"), "sslclient") == ""


def test_an_authority_with_ml_dsa_issues() -> None:
    root = Authority.root(subject=SUBJECT, key=KeyType.ML_DSA_65)
    root.client(subject="alice", key=KeyType.ML_DSA_65).certificate.verify_directly_issued_by(root.certificate)


@pytest.mark.parametrize("kind", WEB_PKI)
def test_pyca_verifies_client_and_server(chain: tuple[Authority, Authority], kind: KeyType) -> None:
    root, issuing = chain
    builder = PolicyBuilder().store(Store([root.certificate]))
    client = issuing.client(subject="alice", key=kind, names=("alice@example.test",))
    builder.build_client_verifier().verify(client.certificate, [*client.chain])
    server = issuing.server(subject="localhost", key=kind, names=("localhost",))
    builder.build_server_verifier(x509.DNSName("localhost")).verify(server.certificate, [*server.chain])


def test_pyca_refuses_a_client_as_a_server(chain: tuple[Authority, Authority]) -> None:
    root, issuing = chain
    client = issuing.client(subject="alice", names=("localhost",))
    verifier = PolicyBuilder().store(Store([root.certificate])).build_server_verifier(x509.DNSName("localhost"))
    with pytest.raises(VerificationError):
        verifier.verify(client.certificate, [*client.chain])


def test_the_extensions_are_the_right_ones() -> None:
    root = Authority.root(subject=SUBJECT, basic_constraints=limits(0))
    url = "http://crl.example.test/ca.crl"
    certificate = root.client(subject="alice", names=("alice@example.test",), crl_url=url).certificate
    found = {type(entry.value).__name__: entry.critical for entry in certificate.extensions}
    assert found == {
        "BasicConstraints": True,
        "KeyUsage": True,
        "ExtendedKeyUsage": False,
        "SubjectAlternativeName": False,
        "CRLDistributionPoints": False,
        "SubjectKeyIdentifier": False,
        "AuthorityKeyIdentifier": False,
    }
    identifier = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(root.key.public_key()).digest


def test_a_certificate_without_a_subject_has_a_critical_name() -> None:
    certificate = Authority.root(subject=SUBJECT).client(names=("alice@example.test",)).certificate
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_a_crl_is_believed_by_openssl(tmp_path: Path) -> None:
    root = Authority.root(subject=SUBJECT)
    good, bad = root.client(subject="good"), root.client(subject="bad")
    (tmp_path / "ca").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "crl").write_bytes(root.crl([bad.certificate]).public_bytes(Encoding.PEM))
    for identity, complaint in ((good, ""), (bad, "certificate revoked")):
        (tmp_path / "leaf").write_bytes(identity.certificate_pem())
        command = ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", "crl", "-CAfile", "ca", "leaf"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (complaint in done.stderr) if complaint else (done.returncode == 0), done.stderr


@pytest.mark.parametrize("compatible", [False, True], ids=["modern", "compatible"])
def test_a_pfx_is_read_by_openssl(tmp_path: Path, compatible: bool) -> None:
    root = Authority.root(subject=SUBJECT)
    identity = root.subauthority(subject="Issuing").client(subject="älice")
    content = identity.pkcs12("pässword".encode(), root=root.certificate, compatible=compatible)
    (tmp_path / "alice.pfx").write_bytes(content)
    environment = {"PFX": "pässword"}
    command = ["openssl", "pkcs12", "-in", "alice.pfx", "-noenc", "-info", "-passin", "env:PFX"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, errors="replace", check=True
    )
    assert done.stdout.count("BEGIN CERTIFICATE") == 3
    assert ("3-KeyTripleDES" if compatible else "AES-256-CBC") in done.stderr
    assert ("MAC: sha1" if compatible else "MAC: sha256") in done.stderr
    read = load_pkcs12(content, "pässword".encode())
    assert read.cert is not None
    assert read.cert.certificate == identity.certificate


def test_a_pfx_without_a_password_is_not_made() -> None:
    with pytest.raises(ValueError, match="needs a password"):
        Authority.root(subject=SUBJECT).client(subject="alice").pkcs12(b"")


@settings(max_examples=50, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=16),
    st.lists(st.from_regex(r"[a-z]{1,20}\.example\.test", fullmatch=True), max_size=4, unique=True),
)
def test_whatever_the_names_are_they_come_back(common_name: str, names: list[str]) -> None:
    root = Authority.root(subject=SUBJECT)
    encoded = root.client(subject=common_name, names=tuple(names)).certificate_pem()
    certificate = x509.load_pem_x509_certificate(encoded)
    assert [entry.value for entry in certificate.subject] == [common_name]
    if names:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert value.get_values_for_type(x509.DNSName) == names
    certificate.verify_directly_issued_by(root.certificate)


def test_serial_numbers_are_random_positive_and_short_enough() -> None:
    root = Authority.root(**vars(AUTHORITY) | {"subject": SUBJECT})
    numbers = {root.client(subject="x").certificate.serial_number for _ in range(50)}
    assert len(numbers) == 50
    assert all(0 < number < 1 << 159 for number in numbers)
    assert max(numbers) > 1 << 140
