"""Each file of an export, read back by the tools that its users have."""

import base64
import plistlib

import pytest
from cryptography import x509

from tests.readers.conftest import Reader

pytestmark = pytest.mark.engine

AES = "PBES2, PBKDF2, AES-256-CBC"
TRIPLE_DES = "pbeWithSHA1And3-KeyTripleDES-CBC"
PFX = pytest.mark.parametrize(
    ("file", "encryption", "mac"), [("alice.pfx", AES, "sha256"), ("alice-compatible.pfx", TRIPLE_DES, "sha1")]
)
FILES = pytest.mark.parametrize("file", ["alice.pfx", "alice-compatible.pfx"])


@PFX
@pytest.mark.parametrize("style", ["", "-legacy"], ids=["new", "old"])
def test_openssl_reads_it(reader: Reader, file: str, encryption: str, mac: str, style: str) -> None:
    code, shown = reader.type(f"openssl pkcs12 {style} -in {file} -info -nodes")
    assert code == 0, shown
    assert shown.count("BEGIN CERTIFICATE") == 3
    assert shown.count("BEGIN PRIVATE KEY") == 1
    assert shown.count(encryption) == 2
    assert f"MAC: {mac}," in shown


@FILES
@pytest.mark.parametrize(
    "script",
    [
        "openssl pkcs12 -in {file} -info -nodes",
        "certtool --p12-info --inder --infile {file}",
        "keytool -list -keystore {file} -storetype PKCS12",
        "certutil -d sql:. -N --empty-password; pk12util -d sql:. -i {file}",
    ],
    ids=["openssl", "GnuTLS", "keytool", "NSS"],
)
def test_nothing_opens_it_with_another_password(reader: Reader, file: str, script: str) -> None:
    assert reader.type(script.format(file=file), f"opened-{file}")[0] == 0
    code, shown = reader.type(script.format(file=file), f"closed-{file}", password="correct horse batterY")
    assert code != 0, shown
    assert "-----BEGIN PRIVATE KEY-----" not in shown


@FILES
def test_gnutls_reads_it(reader: Reader, file: str) -> None:
    code, shown = reader.type(f"certtool --p12-info --inder --infile {file}")
    assert code == 0, shown
    assert shown.count("BEGIN CERTIFICATE") == 3
    assert "BEGIN ENCRYPTED PRIVATE KEY" in shown
    assert "Friendly name: alice" in shown


@FILES
def test_keytool_finds_key_and_chain(reader: Reader, file: str) -> None:
    code, shown = reader.type(f"keytool -list -v -keystore {file} -storetype PKCS12")
    assert code == 0, shown
    assert "Your keystore contains 1 entry" in shown
    assert "Alias name: alice" in shown
    assert "Entry type: PrivateKeyEntry" in shown
    assert "Certificate chain length: 3" in shown


def test_keytool_finds_the_root_that_is_trusted(reader: Reader) -> None:
    code, shown = reader.type("keytool -list -keystore alice-truststore.p12 -storetype PKCS12")
    assert code == 0, shown
    assert "Your keystore contains 1 entry" in shown
    assert "mtls root, " in shown
    assert "trustedCertEntry" in shown


@FILES
def test_the_page_s_commands_put_it_into_chromes_store_and_out_again(reader: Reader, file: str) -> None:
    listed = "certutil -L -d sql:$HOME/.local/share/pki/nssdb; certutil -K -d sql:$HOME/.local/share/pki/nssdb || true"
    install, folder = reader.typed("Chrome on Linux", "Install").replace("alice.pfx", file), f"chrome-{file}"
    code, shown = reader.type(f"{install}\n{listed}", folder)
    assert code == 0, shown
    entries = [line.split() for line in shown.splitlines()]
    assert ["alice", "u,u,u"] in entries
    assert ["mTLS", "root", "C,,"] in entries
    assert ["mTLS", "root", "issuing", ",,"] in entries
    code, shown = reader.type(f"{reader.typed('Chrome on Linux', 'Remove')}\n{listed}", folder)
    assert "mTLS" not in shown
    assert "alice" not in shown
    assert "no keys found" in shown


def test_the_page_s_commands_find_a_store_of_an_earlier_chrome(reader: Reader) -> None:
    store = "mkdir -p $HOME/.pki/nssdb; certutil -N --empty-password -d sql:$HOME/.pki/nssdb"
    install = reader.typed("Chrome on Linux", "Install")
    code, shown = reader.type(f"{store}\n{install}\ncertutil -L -d sql:$HOME/.pki/nssdb", "earlier")
    assert code == 0, shown
    assert ["alice", "u,u,u"] in [line.split() for line in shown.splitlines()]


def test_what_is_inside_the_mobileconfig_is_read(reader: Reader) -> None:
    profile = plistlib.loads(reader.files["alice.mobileconfig"])
    root, between, identity = profile["PayloadContent"]
    assert root["PayloadType"] == "com.apple.security.root"
    assert x509.load_der_x509_certificate(root["PayloadContent"]).subject.rfc4514_string() == "CN=mTLS root"
    assert between["PayloadType"] == "com.apple.security.pkcs1"
    assert x509.load_der_x509_certificate(between["PayloadContent"]).subject.rfc4514_string() == "CN=mTLS root issuing"
    assert identity["PayloadType"] == "com.apple.security.pkcs12"
    encoded = base64.b64encode(identity["PayloadContent"]).decode()
    code, shown = reader.type(f"base64 -d <<< {encoded} > inside.p12; openssl pkcs12 -in inside.p12 -info -nodes")
    assert code == 0, shown
    assert "subject=CN = alice" in shown.replace("subject=CN=alice", "subject=CN = alice")
    assert shown.count(TRIPLE_DES) == 2
    assert "BEGIN PRIVATE KEY" in shown
