"""An authority's register, answered from by openssl's own responder and checked by openssl's own client."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import Authority, Identity
from harness.pki.ocsp import Register


def ask(register: Register, identity: Identity, folder: Path, signer: Identity | None = None) -> str:
    """The output of `openssl ocsp` about its own response from the files of the register."""
    for name, content in register.files(signer=signer).items():
        (folder / name.rpartition("/")[2]).write_bytes(content)
    (folder / "cert.pem").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    root = ("-CAfile", "root.pem", "-issuer", "ca.crt")
    answer = (
        *("openssl", "ocsp", "-index", "index.txt", "-CA", "ca.crt", "-rsigner", "signer.crt", "-rkey", "signer.key"),
        *("-rother", "chain.crt", "-reqin", "request", "-respout", "answer", "-nmin", "5"),
    )
    for command in (
        ("openssl", "ocsp", "-no_nonce", "-issuer", "ca.crt", "-cert", "cert.pem", "-reqout", "request"),
        answer,
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    checked = subprocess.run(
        ("openssl", "ocsp", "-no_nonce", *root, "-cert", "cert.pem", "-respin", "answer"),
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    return checked.stdout + checked.stderr


@pytest.fixture
def register(tmp_path: Path) -> Register:
    root = Authority.root(subject="Root")
    (tmp_path / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    return Register(root.subauthority(subject="Issuing"))


@pytest.mark.parametrize("listed", ["good", "revoked", "unknown"])
def test_the_responder_answers_with_the_status_in_the_register(register: Register, tmp_path: Path, listed: str) -> None:
    identity = register.authority.client(subject="alice")
    if listed != "unknown":
        register.issued.append(identity.certificate)
    if listed == "revoked":
        register.revoked.append(identity.certificate)
    register.issued.append(register.authority.client(subject="alice").certificate)
    output = ask(register, identity, tmp_path)
    assert "Response verify OK" in output
    assert f"cert.pem: {listed}" in output


def test_an_answer_by_another_client_is_not_believed(register: Register, tmp_path: Path) -> None:
    identity = register.authority.client(subject="alice")
    register.issued.append(identity.certificate)
    output = ask(register, identity, tmp_path, signer=register.authority.client(subject="mallory"))
    assert "Response Verify Failure" in output
    assert "missing ocspsigning usage" in output
