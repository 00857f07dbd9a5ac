"""Which clients are admitted, with a user's tools: requests, PEM files, a .pfx."""

import subprocess
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from harness.pki import Authority
from tests.deployment.conftest import Files, Site, logged, serial_of, write
from tests.waiting import PATIENCE

pytestmark = pytest.mark.engine


def test_with_the_certificate_a_request_succeeds(site: Site, alice: Files) -> None:
    response = requests.get(site.url(), cert=alice.pair, verify=site.pki.authority, timeout=PATIENCE)
    assert response.status_code == 200
    assert "You are <bdi>alice</bdi>" in response.text


def test_without_the_certificate_it_fails(site: Site) -> None:
    with pytest.raises(requests.exceptions.ConnectionError, match="certificate required"):
        requests.get(site.url(), verify=site.pki.authority, timeout=PATIENCE)


def test_with_a_strangers_certificate_it_fails(site: Site) -> None:
    stranger = site.pki.files(Authority.root(subject="Deployment Root 2").client(subject="alice"))
    with pytest.raises(requests.exceptions.ConnectionError, match="unknown ca"):
        site.get(stranger)


def test_a_revoked_certificate_fails(changing: Site) -> None:
    identity = changing.pki.root.client(subject="mallory")
    mallory = changing.pki.files(identity)
    assert changing.get(mallory).status_code == 200
    changing.pki.write_crls(identity.certificate)
    changing.reload()
    with pytest.raises(requests.exceptions.ConnectionError, match="certificate revoked"):
        changing.get(mallory)


def test_a_client_from_a_pfx_is_admitted(site: Site, tmp_path: Path) -> None:
    bob = site.pki.between.client(subject="bob")
    pfx = serialize_key_and_certificates(
        b"bob",
        bob.key,  # type: ignore[arg-type]
        bob.certificate,
        bob.chain,
        BestAvailableEncryption(b"correct horse"),
    )
    write(tmp_path / "bob.pfx", pfx)
    out = Files(tmp_path / "bob.pem", tmp_path / "bob.pem")
    command = ["openssl", "pkcs12", "-in", str(tmp_path / "bob.pfx"), "-noenc", "-passin", "env:PFX_PASSWORD"]
    pem = subprocess.run(command, env={"PFX_PASSWORD": "correct horse"}, capture_output=True, check=True).stdout
    write(out.certificate, pem)
    assert site.whoami(out)["subject"] == "CN=bob"

    wrong = subprocess.run(command, env={"PFX_PASSWORD": "battery staple"}, capture_output=True, check=False)
    assert wrong.returncode != 0
    assert b"PRIVATE KEY" not in wrong.stdout


def test_each_client_sees_its_own_certificate(site: Site) -> None:
    identity = site.pki.between.client(subject="carol")
    carol = site.pki.files(identity)
    certificate = identity.certificate
    answer = site.get(carol, "/whoami")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "subject": "CN=carol",
        "issuer": "CN=Deployment Intermediate",
        "serial": serial_of(carol),
        "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "verified": "SUCCESS",
        "protocol": "TLSv1.3",
        "cipher": answer.json()["cipher"],
    }
    assert answer.json()["cipher"].startswith("TLS_")
    assert all(value in site.get(carol).text for value in answer.json().values())


def test_a_certificate_without_a_subject_is_named_by_its_alternative_name(site: Site) -> None:
    nameless = site.pki.files(site.pki.root.client(names=("dave@example.test",)))
    assert "You are <bdi>dave@example.test</bdi>" in site.get(nameless).text
    assert site.whoami(nameless)["subject"] == ""


def test_the_access_log_names_the_client(site: Site) -> None:
    erin = site.pki.files(site.pki.root.client(subject="erin"))
    site.get(erin, "/whoami")
    (line,) = site.access(serial_of(erin))
    entry = logged(line)
    assert entry["request"] == "GET /whoami HTTP/1.1"
    assert (entry["status"], entry["verify"], entry["subject"], entry["protocol"]) == (
        "200",
        "SUCCESS",
        "CN=erin",
        "TLSv1.3",
    )
