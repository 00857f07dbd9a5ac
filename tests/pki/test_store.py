"""An authority on disk loses nothing, gives no serial number out twice, and signs only what it should."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.pki import AUTHORITY, CLIENT, SERVER, KeyType, Profile, generate
from harness.pki.files import PkiError, write_private
from harness.pki.request import Request
from harness.pki.store import Store

ROOT = replace(AUTHORITY, subject="Root", basic_constraints=x509.BasicConstraints(ca=True, path_length=1))
BETWEEN = replace(AUTHORITY, subject="Issuing", basic_constraints=x509.BasicConstraints(ca=True, path_length=0))
ALICE = replace(CLIENT, subject="alice")
PASSPHRASE = b"correct horse battery staple"
# What another process does to the store in a folder: argv is folder, number of clients, prefix of their names.
ISSUE = """
import sys
from dataclasses import replace
from pathlib import Path
from harness.pki import CLIENT
from harness.pki.store import Store
folder, count, prefix = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
store = Store(folder, lambda _: b"")
for number in range(count):
    store.issue_client(f"{prefix}{number}", replace(CLIENT, subject=f"{prefix}{number}"))
    print(number, flush=True)
"""


def silent(_key: Path) -> bytes:
    raise AssertionError("nobody should be asked for a passphrase")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "pki", silent)
    made.create(ROOT, None, None)
    return made


@pytest.fixture
def layered(tmp_path: Path) -> Store:
    """A root with an authority below it that issues."""
    made = Store(tmp_path / "layered", silent)
    made.create(ROOT, BETWEEN, None)
    return made


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def issue(folder: Path, count: int, prefix: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ISSUE, str(folder), str(count), prefix]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def request(
    folder: Path,
    subject: str = "carol",
    *extensions: x509.ExtensionType,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    change: Callable[[x509.CertificateSigningRequest], x509.CertificateSigningRequest] = lambda made: made,
) -> Path:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else [])
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    file = folder / f"{subject or 'nobody'}.csr"
    file.write_bytes(change(made).public_bytes(Encoding.PEM))
    return file


# --- Files


def test_keys_are_their_owners_alone(layered: Store) -> None:
    layered.issue_server(replace(SERVER, subject="localhost", names=("localhost",)))
    layered.issue_client("alice", ALICE)
    keys = [file for file in layered.folder.rglob("*") if file.is_file() and b"PRIVATE KEY" in file.read_bytes()]
    assert {file.name for file in keys} == {"ca.key", "intermediate.key", "server.key", "client.key"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys} == {0o600}
    assert {stat.S_IMODE(file.parent.stat().st_mode) for file in keys} == {0o700}


def test_a_folder_that_was_open_is_closed_when_a_key_comes_into_it(store: Store) -> None:
    (store.folder / "server").chmod(0o755)
    store.issue_server(replace(SERVER, subject="localhost", names=("localhost",)))
    assert stat.S_IMODE((store.folder / "server").stat().st_mode) == 0o700


def test_the_server_gets_no_authoritys_key(layered: Store) -> None:
    layered.issue_server(replace(SERVER, subject="localhost", names=("localhost",)))
    assert {file.name for file in (layered.folder / "server").iterdir()} == {
        "ca.crt", "crl.pem", "server.crt", "server.key",
    }  # fmt: skip
    assert b"PRIVATE" not in (layered.folder / "server" / "crl.pem").read_bytes()


@pytest.mark.parametrize("left", ["ca.crt", "private/ca.key", "private/intermediate.key"])
def test_an_authority_is_never_overwritten(layered: Store, left: str) -> None:
    for file in layered.folder.rglob("*"):
        if file.is_file() and str(file.relative_to(layered.folder)) != left:
            file.unlink()
    before = everything(layered.folder)
    with pytest.raises(PkiError, match="never overwritten"):
        layered.create(ROOT, None, None)
    assert everything(layered.folder).items() >= before.items()


def test_what_is_written_in_half_is_not_seen(store: Store) -> None:
    store.issue_client("alice", ALICE)
    before = everything(store.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel cuts every file off at 100 bytes, as a full disk would.
    before_signal = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.issue_client("bob", replace(CLIENT, subject="bob"))
        with pytest.raises(OSError, match="File too large"):
            store.revoke("alice", x509.ReasonFlags.unspecified)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before_signal)
    assert everything(store.folder) == before
    store.issue_client("bob", replace(CLIENT, subject="bob"))


def test_a_revocation_that_was_cut_off_can_be_typed_again(store: Store) -> None:
    identity, _ = store.issue_client("alice", ALICE)
    crl = (store.folder / "ca.crl").read_bytes()
    store.revoke("alice", x509.ReasonFlags.unspecified)
    (store.folder / "ca.crl").write_bytes(crl)  # As a kill between index and CRL leaves it.
    store.revoke("alice", x509.ReasonFlags.unspecified)
    assert store.crl("ca").get_revoked_certificate_by_serial_number(identity.certificate.serial_number)


# --- Several at once, and none at all


def test_processes_that_issue_at_once_share_no_serial_number_and_lose_none(store: Store) -> None:
    workers = [issue(store.folder, 8, prefix) for prefix in "abcd"]
    assert [(worker.wait(), worker.communicate()[1]) for worker in workers] == [(0, "")] * 4
    entries = store.entries()
    assert len(entries) == len({entry.serial for entry in entries}) == 32
    certificates = [
        x509.load_pem_x509_certificate(file.read_bytes()) for file in store.folder.glob("clients/*/client.crt")
    ]
    assert {int(entry.serial, 16) for entry in entries} == {entry.serial_number for entry in certificates}


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.007])
def test_a_process_that_is_killed_leaves_a_store_that_works(store: Store, delay: float) -> None:
    store.issue_client("alice", ALICE)
    worker = issue(store.folder, 1000, "k")
    assert worker.stdout is not None
    for _ in range(3):
        worker.stdout.readline()
    time.sleep(delay)
    worker.kill()
    worker.communicate()
    known = {int(entry.serial, 16) for entry in store.entries()}
    issued = [x509.load_pem_x509_certificate(file.read_bytes()) for file in store.folder.glob("clients/*/client.crt")]
    assert {entry.serial_number for entry in issued} <= known
    assert store.client("alice").certificate.serial_number in known
    store.issue_client("bob", replace(CLIENT, subject="bob"))
    store.revoke("alice", x509.ReasonFlags.key_compromise)


def test_a_given_serial_number_is_given_once(store: Store) -> None:
    store.issue_client("alice", replace(ALICE, serial=1))
    with pytest.raises(PkiError, match="serial number 01 is taken"):
        store.issue_client("bob", replace(CLIENT, subject="bob", serial=1))


# --- Keys


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    asked: list[Path] = []

    def right(key: Path) -> bytes:
        asked.append(key)
        return PASSPHRASE

    Store(tmp_path, silent).create(ROOT, BETWEEN, PASSPHRASE)
    Store(tmp_path, right).issue_client("alice", ALICE)
    assert asked == [tmp_path / "private" / "intermediate.key"]
    with pytest.raises(PkiError, match=r"passphrase is wrong for .*intermediate\.key"):
        Store(tmp_path, lambda _: b"wrong").issue_client("bob", ALICE)
    subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "private" / "ca.key", "-passin", f"pass:{PASSPHRASE.decode()}", "-noout"],
        check=True,
    )


def test_with_the_roots_key_offline_the_intermediate_goes_on(layered: Store) -> None:
    (layered.folder / "private" / "ca.key").unlink()
    identity, _ = layered.issue_client("alice", ALICE)
    assert [entry.subject for entry in identity.chain] == [layered.certificate("intermediate").subject]
    layered.revoke("alice", x509.ReasonFlags.superseded)
    assert layered.renew_crls(timedelta(days=7)) == ["intermediate"]
    with pytest.raises(PkiError, match="kept offline"):
        layered.revoke("intermediate", x509.ReasonFlags.ca_compromise)


def test_a_foreign_key_is_noticed(store: Store, layered: Store) -> None:
    write_private(store.folder / "private" / "ca.key", (layered.folder / "private" / "ca.key").read_bytes())
    with pytest.raises(PkiError, match=r"ca\.key is not the key of .*ca\.crt"):
        store.issue_client("alice", ALICE)


@pytest.mark.parametrize(
    ("file", "words"),
    [("ca.crt", "no certificate in PEM"), ("private/ca.key", "no private key in"), ("index.json", "index")],
)
def test_a_file_that_is_something_else_is_named(store: Store, file: str, words: str) -> None:
    (store.folder / file).write_bytes(b"\x00\xff nonsense")
    with pytest.raises(PkiError, match=f"(?i){words}") as error:
        store.issue_client("alice", ALICE)
    assert str(store.folder / file) in str(error.value)


# --- Clients


def test_a_client_is_not_replaced_unless_renewed(store: Store) -> None:
    first, folder = store.issue_client("alice", ALICE)
    with pytest.raises(PkiError, match="--renew"):
        store.issue_client("alice", ALICE)
    second, _ = store.issue_client("alice", ALICE, renew=True)
    assert first.certificate.serial_number != second.certificate.serial_number
    assert x509.load_pem_x509_certificates((folder / "client.crt").read_bytes()) == [second.certificate]
    with pytest.raises(PkiError, match="several certificates"):
        store.revoke("alice", x509.ReasonFlags.superseded)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a\nb", "x" * 61, "-rf"])
def test_a_name_that_is_no_folder_is_refused(store: Store, name: str) -> None:
    with pytest.raises(PkiError, match="cannot name a folder"):
        store.issue_client(name, ALICE)
    assert store.entries() == []


# --- Revocation


def test_a_revoked_certificate_is_on_the_crl_of_its_issuer(layered: Store) -> None:
    identity, _ = layered.issue_client("alice", ALICE)
    number = layered.crl("intermediate").extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    layered.revoke("alice", x509.ReasonFlags.key_compromise)
    crl = layered.crl("intermediate")
    entry = crl.get_revoked_certificate_by_serial_number(identity.certificate.serial_number)
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > number
    assert len(layered.crl("ca")) == 0
    published = (layered.folder / "server" / "crl.pem").read_bytes()
    assert published.count(b"BEGIN X509 CRL") == 2
    assert crl.public_bytes(Encoding.PEM) in published


def test_an_intermediate_is_revoked_by_the_root(layered: Store) -> None:
    layered.revoke("intermediate", x509.ReasonFlags.ca_compromise)
    serial_number = layered.certificate("intermediate").serial_number
    assert layered.crl("ca").get_revoked_certificate_by_serial_number(serial_number)


def test_an_unknown_or_revoked_certificate_is_named(store: Store) -> None:
    store.issue_client("alice", ALICE)
    with pytest.raises(PkiError, match="never issued"):
        store.revoke("bob", x509.ReasonFlags.unspecified)
    serial = store.revoke("alice", x509.ReasonFlags.unspecified).serial
    for which in ("alice", serial, serial.lower(), ":".join(serial[at : at + 2] for at in range(0, len(serial), 2))):
        with pytest.raises(PkiError, match="revoked already, since"):
            store.revoke(which, x509.ReasonFlags.unspecified)


def test_renewed_crls_keep_the_revoked_certificates(store: Store) -> None:
    identity, _ = store.issue_client("alice", ALICE)
    store.revoke("alice", x509.ReasonFlags.unspecified)
    store.renew_crls(timedelta(days=7))
    assert store.crl("ca").get_revoked_certificate_by_serial_number(identity.certificate.serial_number)


# --- Requests made elsewhere


def test_a_request_gives_subject_and_key_and_nothing_else(store: Store, tmp_path: Path) -> None:
    greedy = (
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName([x509.DNSName("carol.example.test")]),
    )
    read = Request.load(request(tmp_path, "carol", *greedy))
    assert read.ignored == ("BasicConstraints", "ExtendedKeyUsage")
    certificate = store.sign(read, CLIENT, tmp_path / "carol.crt", allowed=("carol.example.test",))
    assert certificate.public_key() == read.key
    assert certificate.subject == read.subject
    value = certificate.extensions.get_extension_for_class
    assert not value(x509.BasicConstraints).value.ca
    assert [*value(x509.ExtendedKeyUsage).value] == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert value(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["carol.example.test"]
    assert certificate in x509.load_pem_x509_certificates((tmp_path / "carol.crt").read_bytes())


def test_a_name_that_was_not_allowed_is_refused(store: Store, tmp_path: Path) -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("a.example.test"), x509.DNSName("bank.example.test")])
    read = Request.load(request(tmp_path, "carol", names))
    with pytest.raises(PkiError, match=r"asks for bank\.example\.test, which was not allowed"):
        store.sign(read, CLIENT, tmp_path / "carol.crt", allowed=("a.example.test",))
    assert store.entries() == []


def test_a_request_whose_signature_does_not_hold_is_refused(tmp_path: Path) -> None:
    def tampered(made: x509.CertificateSigningRequest) -> x509.CertificateSigningRequest:
        encoded = made.public_bytes(Encoding.DER).replace(b"carol", b"admin")
        return x509.load_der_x509_csr(encoded)

    with pytest.raises(PkiError, match="not signed by the key"):
        Request.load(request(tmp_path, "carol", change=tampered))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA key of 1024 bits"),
        (ec.generate_private_key(ec.SECP256K1()), "curve secp256k1"),
    ],
)
def test_a_weak_key_is_refused(tmp_path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, words: str) -> None:
    with pytest.raises(PkiError, match=words):
        Request.load(request(tmp_path, "carol", key=key))


@pytest.mark.parametrize(("subject", "words"), [("", "no subject"), ("x\x1b[2K", "cannot be printed")])
def test_an_empty_subject_is_refused(tmp_path: Path, subject: str, words: str) -> None:
    file = request(tmp_path, subject)
    with pytest.raises(PkiError, match=words):
        Request.load(file)


def test_the_authoritys_own_name_and_key_are_refused(store: Store, tmp_path: Path) -> None:
    own = store.authority().key
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    for file in (request(tmp_path, "Root"), request(tmp_path, "carol", key=own)):
        with pytest.raises(PkiError, match="the authority"):
            store.sign(Request.load(file), CLIENT, tmp_path / "out.crt")


def test_a_second_certificate_of_the_same_subject_needs_a_word(store: Store, tmp_path: Path) -> None:
    store.issue_client("alice", ALICE)
    read = Request.load(request(tmp_path, "alice"))
    with pytest.raises(PkiError, match="--renew"):
        store.sign(read, CLIENT, tmp_path / "alice.crt")
    store.sign(read, CLIENT, tmp_path / "alice.crt", renew=True)
    with pytest.raises(PkiError, match="not overwritten"):
        store.sign(read, CLIENT, tmp_path / "alice.crt", renew=True)


def test_an_expired_certificate_does_not_stand_in_the_way(store: Store, tmp_path: Path) -> None:
    past: Profile = replace(ALICE, not_before=-timedelta(days=2), not_after=-timedelta(days=1))
    store.issue_client("alice", past)
    assert store.entries()[0].state == "expired"
    store.sign(Request.load(request(tmp_path, "alice")), CLIENT, tmp_path / "alice.crt")


@pytest.mark.parametrize("kind", [kind for kind in KeyType if kind is not KeyType.RSA_1024])
def test_every_kind_of_key_is_kept_and_comes_back(store: Store, kind: KeyType) -> None:
    key = generate(kind)
    store.issue_client("alice", replace(ALICE, key=key))
    assert store.client("alice").key.public_key() == key.public_key()


def test_the_index_holds_no_secret(store: Store) -> None:
    store.issue_client("alice", ALICE)
    fields = json.loads((store.folder / "index.json").read_text())[0]
    assert set(fields) == {"serial", "issuer", "kind", "name", "subject", "not_after", "revoked", "reason"}
    assert os.fsencode("PRIVATE") not in (store.folder / "index.json").read_bytes()
