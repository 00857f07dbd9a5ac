"""`mtls-harness explain`: a client that is refused, and why, by files alone; bad input is a clear line."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.cli import main
from harness.explain.server_version import ServerVersion
from harness.pki import Authority, Identity, KeyType

PASSWORD = "correct horse"


@dataclass
class Files:
    """A folder with a client's and a server's files, made at run time."""

    folder: Path
    root: Authority = field(default_factory=lambda: Authority.root(subject="Own root"))

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    @property
    def ca(self) -> str:
        return self.write("ca.pem", self.root.certificate.public_bytes(Encoding.PEM))

    def pem(self, identity: Identity, name: str = "client.pem") -> str:
        return self.write(name, identity.certificate_pem() + identity.key_pem())

    def client(self, **changes: Any) -> str:
        return self.pem(self.root.client(**{"subject": "anna"} | changes))

    def explain(self, client: str, *options: str, typed: str | None = None, password: str | None = None) -> Result:
        environment = {"MTLS_PASSWORD": password} if password is not None else {"MTLS_PASSWORD": None}
        arguments = ["explain", "--client", client, "--ca", self.ca, *options]
        return CliRunner().invoke(main, arguments, input=typed, env=environment)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_good_client_is_admitted_until_its_certificate_ends(files: Files) -> None:
    done = files.explain(files.client(not_after=timedelta(days=9)))
    assert done.exit_code == 0, done.output
    first, second, *_ = done.output.splitlines()
    assert first.startswith("`anna` is admitted until ")
    assert "client.pem:1: The client's certificate is valid until " in second


REFUSED: dict[str, tuple[dict[str, Any], str, int]] = {
    "expired": ({"not_before": timedelta(-9), "not_after": timedelta(-1)}, "expired on", 10),
    "for servers": ({"extended_key_usage": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "clientAuth", 26),
    "weak key": ({"key": KeyType.RSA_1024}, "RSA-1024", 66),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_client_has_the_reason_the_place_and_what_to_do(files: Files, name: str) -> None:
    changes, words, number = REFUSED[name]
    done = files.explain(files.client(**changes), "--server-version", "Apache/2.4.62 (Debian) OpenSSL/3.0.15")
    assert done.exit_code == 1
    first, second, third, *rest = done.output.splitlines()
    assert first == "`anna` is refused."
    assert [part for part in ("client.pem:1: ", words, f"(X509_V_ERR {number})") if part not in second] == []
    assert third.startswith(("Issue", "Renew"))
    assert sum("<- decides" in line for line in rest) == 1


def test_a_chain_needs_the_depth_and_the_intermediate(files: Files) -> None:
    below = files.root.subauthority(subject="Issuing")
    whole = files.pem(below.client(subject="anna"))
    leaf = files.pem(Identity(below.client(subject="anna").certificate, below.key), "alone.pem")
    Path(leaf).write_bytes(below.client(subject="anna").certificate.public_bytes(Encoding.PEM))
    too_deep = files.explain(whole)
    assert (too_deep.exit_code, "Write `SSLVerifyDepth 2`" in too_deep.output) == (1, True)
    assert files.explain(whole, "--depth", "2").exit_code == 0
    missing = files.explain(leaf, "--depth", "2")
    assert (missing.exit_code, "missing: CN=Issuing" in missing.output) == (1, True)


def test_revocation_is_looked_up_in_the_crls(files: Files) -> None:
    client = files.root.client(subject="anna")
    listed = files.write("crl.pem", files.root.crl([client.certificate]).public_bytes(Encoding.PEM))
    empty = files.write("empty.pem", files.root.crl().public_bytes(Encoding.PEM))
    revoked = files.explain(files.pem(client), "--crl", listed)
    assert (revoked.exit_code, "revoked on" in revoked.output) == (1, True)
    assert files.explain(files.pem(client), "--crl", empty).exit_code == 0
    assert files.explain(files.pem(client), "--crl", listed, "--revocation", "none").exit_code == 0


def test_the_order_of_a_pem_file_counts(files: Files) -> None:
    below = files.root.subauthority(subject="Issuing")
    client = below.client(subject="anna")
    parts = [one.public_bytes(Encoding.PEM) for one in (below.certificate, client.certificate)]
    done = files.explain(files.write("client.pem", b"".join(parts) + client.key_pem()), "--depth", "2")
    assert (done.exit_code, "behind others" in done.output.splitlines()[1]) == (1, True)


def test_an_issuer_name_without_the_right_key_is_distinguished_from_a_missing_issuer(files: Files) -> None:
    own_root = Authority.root(subject="Own root")
    done = files.explain(files.pem(own_root.client(subject="anna")))
    assert (done.exit_code, "another key than the authority of that name" in done.output) == (1, True)


def test_json_has_the_same_content(files: Files) -> None:
    done = files.explain(files.client(), "--json", "-")
    data = json.loads(done.output)
    assert (data["version"], data["admitted"], data["client"], data["decided_by"]) == (1, True, "anna", None)
    assert {one["id"] for one in data["conditions"]} >= {"key", "trust", "usage", "strength", "depth", "dates"}
    expired = files.client(not_before=timedelta(-9), not_after=timedelta(-1))
    refused = json.loads(files.explain(expired, "--json", "-").output)
    assert (refused["admitted"], refused["decided_by"]["error"], refused["until"]) == (False, 10, None)


def test_what_depends_on_the_server_is_not_guessed(files: Files) -> None:
    weak = files.client(key=KeyType.RSA_1024)
    unknown = files.explain(weak)
    assert (unknown.exit_code, "--server-version" in unknown.output) == (3, True)
    assert files.explain(weak, "--server-version", "Apache/2.4.41 OpenSSL/1.1.1f").exit_code == 0
    assert files.explain(weak, "--server-version", "OpenSSL/3.5.1").exit_code == 1
    young = files.client(key=KeyType.ML_DSA_65)
    assert files.explain(young, "--server-version", "OpenSSL/3.0.15").exit_code == 1
    assert files.explain(young, "--server-version", "OpenSSL/3.5.1").exit_code == 0
    assert files.explain(young).exit_code == 3


def test_a_version_is_read_from_the_server_header() -> None:
    assert ServerVersion.parse("Apache/2.4.62 (Debian) OpenSSL/3.0.15").level == 2
    assert ServerVersion.parse("OpenSSL/1.1.1w").sha1_bits == 80
    assert ServerVersion.parse("Apache/2.4.29 (Ubuntu)").speaks_tls_1_3 is False
    assert ServerVersion.parse("Apache/2.4.62 OpenSSL/3.0.2").speaks_tls_1_3 is True
    with pytest.raises(ValueError, match="names no version"):
        ServerVersion.parse("nginx")


# --- .pfx


def openssl_pfx(files: Files, name: str, *options: str) -> str:
    made = str(files.folder / name)
    command = ["openssl", "pkcs12", "-export", "-in", files.client(), "-out", made, "-passout", f"pass:{PASSWORD}"]
    subprocess.run([*command, *options], check=True, capture_output=True)
    return made


OLD = ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")
PFX: dict[str, tuple[tuple[str, ...], str, list[str]]] = {
    "modern": ((), "AES-256, MAC with SHA-256", ["macOS 12", "Windows before 10", "Java before 8u301"]),
    "legacy": (("-legacy",), "RC2-40 and 3DES, MAC with SHA-1", ["OpenSSL 3 without its legacy provider"]),
    "old": (OLD, "3DES, MAC with SHA-1", []),
    "new digest": ((*OLD[:4], "-macalg", "sha256"), "3DES, MAC with SHA-256", ["macOS 12", "Windows before 10"]),
    "no MAC": (("-nomac",), "without a MAC", ["check the integrity"]),
}


@pytest.mark.parametrize("name", PFX)
def test_a_pfx_is_described_by_its_encryption(files: Files, name: str) -> None:
    options, protection, refused_by = PFX[name]
    done = files.explain(openssl_pfx(files, "anna.pfx", *options), password=PASSWORD)
    assert done.exit_code == 0, done.output
    assert protection in done.output
    lines = [line for line in done.output.splitlines() if "cannot be opened by" in line]
    assert all(any(program in line for line in lines) for program in refused_by)
    assert bool(lines) == bool(refused_by)


@pytest.mark.parametrize(("name", "opens"), [("legacy", False), ("old", True), ("modern", True)])
def test_openssl_3_without_legacy_opens_the_files_that_the_page_names(files: Files, name: str, opens: bool) -> None:
    pfx = openssl_pfx(files, "anna.pfx", *PFX[name][0])
    command = ["openssl", "pkcs12", "-in", pfx, "-nodes", "-passin", f"pass:{PASSWORD}"]
    assert (subprocess.run(command, capture_output=True, check=False).returncode == 0) == opens


def test_the_password_comes_from_a_file_standard_input_or_the_environment(files: Files) -> None:
    pfx = files.write("anna.pfx", files.root.client(subject="anna").pkcs12(PASSWORD.encode()))
    file = files.write("password", f"{PASSWORD}\n".encode())
    assert files.explain(pfx, "--password-file", file).exit_code == 0
    assert files.explain(pfx, "--password-file", "-", typed=f"{PASSWORD}\n").exit_code == 0
    assert files.explain(pfx, password=PASSWORD).exit_code == 0
    none = files.explain(pfx)
    assert (none.exit_code, "--password-file or MTLS_PASSWORD" in none.output) == (2, True)


# --- bad input


def key(files: Files, encryption: Any = None) -> bytes:
    made = files.root.client(subject="other").key
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def without_key(files: Files) -> str:
    return openssl_pfx(files, "nokey.pfx", "-nokeys")


def huge(files: Files) -> str:
    path = files.folder / "huge.pem"
    with path.open("wb") as stream:
        stream.truncate(100 << 20)
    return str(path)


def two_clients(files: Files) -> str:
    made = [files.root.client(subject=name).certificate.public_bytes(Encoding.PEM) for name in ("anna", "bert")]
    return files.write("two.pem", b"".join(made))


def mismatched(files: Files) -> str:
    certificate = files.root.client(subject="anna").certificate.public_bytes(Encoding.PEM)
    return files.write("mismatched.pem", certificate + key(files))


def locked_key(files: Files) -> str:
    certificate = files.root.client(subject="anna").certificate.public_bytes(Encoding.PEM)
    return files.write("locked.pem", certificate + key(files, BestAvailableEncryption(b"other")))


BAD: dict[str, tuple[Callable[[Files], str], str]] = {
    "missing": (lambda files: str(files.folder / "none.pem"), "does not exist"),
    "folder": (lambda files: str(files.folder), "is a folder"),
    "empty": (lambda files: files.write("empty.pem", b""), "is empty"),
    "huge": (huge, "100 MiB"),
    "neither": (lambda files: files.write("a.txt", b"hello"), "neither PEM"),
    "UTF-16": (lambda files: files.write("a.pem", "-----BEGIN CERTIFICATE-----".encode("utf-16")), "UTF-16"),
    "damaged DER": (lambda files: files.write("a.der", b"\x30\x82\x01\x00" + bytes(256)), "is DER, but no certificate"),
    "damaged PEM": (
        lambda files: files.write("a.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "a.pem:1: The certificate is damaged",
    ),
    "cut PEM": (lambda files: files.write("a.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n"), "has no end line"),
    "Java keystore": (lambda files: files.write("a.jks", b"\xfe\xed\xfe\xed" + bytes(9)), "keytool"),
    "only a key": (lambda files: files.write("a.key", key(files)), "only a private key"),
    "only a CRL": (lambda files: files.write("a.crl", files.root.crl().public_bytes(Encoding.PEM)), "holds a CRL"),
    "two clients": (two_clients, "2 client certificates: `anna` (line 1), `bert`"),
    "key of another": (mismatched, "is not the key of a certificate"),
    "locked key": (locked_key, "does not open with this password"),
    "pfx without a key": (without_key, "has no private key"),
    "pfx, wrong password": (
        lambda files: files.write("a.pfx", files.root.client(subject="anna").pkcs12(b"other")),
        "does not open with this password",
    ),
    "damaged pfx": (lambda files: files.write("a.pfx", b"\x30\x82\x01\x00\x02\x01\x03" + bytes(253)), "a.pfx"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(files: Files, name: str) -> None:
    make, words = BAD[name]
    done = files.explain(make(files), password=PASSWORD)
    assert done.exit_code == 2, done.output
    (line,) = (line for line in done.output.splitlines() if line.startswith("Error: "))
    assert words in line
    assert PASSWORD not in done.output


def test_a_key_in_another_file_is_compared(files: Files) -> None:
    client = files.root.client(subject="anna")
    certificate = files.write("anna.crt", client.certificate.public_bytes(Encoding.PEM))
    own, other = files.write("own.key", client.key_pem()), files.write("other.key", key(files))
    assert files.explain(certificate, "--key", own).exit_code == 0
    wrong = files.explain(certificate, "--key", other)
    assert (wrong.exit_code, "is not the key" in wrong.output) == (2, True)
    public = client.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    none = files.explain(certificate, "--key", files.write("public.pem", public))
    assert (none.exit_code, "holds no private key" in none.output) == (2, True)


def test_a_der_certificate_is_read(files: Files) -> None:
    der = files.root.client(subject="anna").certificate.public_bytes(Encoding.DER)
    done = files.explain(files.write("anna.cer", der))
    assert (done.exit_code, "The file is DER" in done.output) == (0, True)


def test_a_server_file_must_hold_what_it_is_named_for(files: Files) -> None:
    client = files.client()
    no_crl = files.explain(client, "--crl", files.ca)
    assert (no_crl.exit_code, "holds no CRL" in no_crl.output) == (2, True)
    version = files.explain(client, "--server-version", "nginx")
    assert (version.exit_code, "names no version" in version.output) == (2, True)


def test_name_constraints_are_not_guessed(files: Files) -> None:
    tree = x509.NameConstraints([x509.DNSName("example.test")], None)
    below = files.root.subauthority(extensions=(x509.Extension(tree.oid, True, tree),))
    done = files.explain(files.pem(below.client(subject="anna")), "--depth", "2")
    assert (done.exit_code, "Not examined: the name constraints" in done.output) == (3, True)
