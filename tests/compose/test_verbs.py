"""`make up` and `make down`, as a user types them in a folder that holds nothing yet."""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import AUTHORITY, SERVER
from harness.pki.store import Store
from tests.waiting import PATIENCE, free_port, until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


class Folder:
    """A folder with compose.yaml in it, a project name and a port of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.project = f"mtls{uuid.uuid4().hex[:8]}"

    def type(self, verb: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        variables = {"MTLS_PORT": str(self.port), "COMPOSE_PROJECT_NAME": self.project}
        return subprocess.run(
            [sys.executable, "-m", "harness.deployment", verb],
            cwd=self.path,
            env=os.environ | variables | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self) -> requests.Response:
        client = self.path / "pki" / "clients" / "visitor"
        pair = (str(client / "client.crt"), str(client / "client.key"))
        url = f"https://localhost:{self.port}/whoami"
        return requests.get(url, cert=pair, verify=str(self.path / "pki" / "ca.crt"), timeout=PATIENCE)

    def refusal(self) -> str:
        """The message that refuses the visitor; empty if it is admitted."""
        try:
            self.get()
        except requests.ConnectionError as error:
            return str(error)
        return ""


@pytest.fixture
def folder(tmp_path: Path, compose: list[str]) -> Iterator[Folder]:
    """Either generation of Compose; `up` finds the one that is there by itself."""
    (tmp_path / "images").symlink_to(ROOT / "images")
    shutil.copy2(ROOT / "compose.yaml", tmp_path)
    made = Folder(tmp_path)
    yield made
    made.type("down")


def test_up_makes_what_is_missing_and_a_second_up_takes_what_has_changed(folder: Folder) -> None:
    done = folder.type("up")
    assert done.returncode == 0, done.stderr
    assert folder.get().json()["subject"] == "CN=visitor"
    authority = (folder.path / "pki" / "ca.crt").read_bytes()
    Store(folder.path / "pki", lambda _key: b"").revoke("visitor", x509.ReasonFlags.unspecified)
    assert folder.type("up").returncode == 0
    assert (folder.path / "pki" / "ca.crt").read_bytes() == authority
    # A process that httpd is about to end may take a last connection.
    assert "certificate revoked" in until("a refusal of the revoked certificate", folder.refusal)
    assert folder.type("down").returncode == 0
    assert "refused" in folder.refusal()


def test_a_variable_of_the_users_own_stays_in_the_environment_file(folder: Folder) -> None:
    (folder.path / ".env").write_text("THEIRS=1\n# a comment\n")
    assert folder.type("up").returncode == 0
    text = (folder.path / ".env").read_text()
    assert text.startswith("THEIRS=1\n# a comment\n")
    assert f"MTLS_PORT={folder.port}\n" in text
    assert "MTLS_HTTPD_IMAGE=mtls-harness/httpd:" in text


def test_a_taken_port_is_a_message_with_the_remedy(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", folder.port)):
        done = folder.type("up")
    assert done.returncode == 3
    assert f"Port {folder.port} is taken" in done.stderr
    assert "MTLS_PORT=" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder.path / ".env").exists()


def test_a_running_server_stays_where_it_is_when_the_new_port_is_taken(folder: Folder) -> None:
    assert folder.type("up").returncode == 0
    before = (folder.path / ".env").read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        done = folder.type("up", MTLS_PORT=taken)
    assert (done.returncode, f"Port {taken} is taken" in done.stderr) == (3, True), done.stderr
    assert folder.get().status_code == 200
    assert (folder.path / ".env").read_text() == before


def test_a_running_server_runs_again_when_compose_cannot_start_the_new_one(folder: Folder) -> None:
    assert folder.type("up").returncode == 0
    before = (folder.path / ".env").read_text()
    with socket.socket() as bound:  # Bound, but nobody listens: only the engine notices.
        bound.bind(("127.0.0.1", 0))
        done = folder.type("up", MTLS_PORT=str(bound.getsockname()[1]))
    assert (done.returncode, "failed" in done.stderr) == (3, True), done.stderr
    until("an answer of the former server", lambda: not folder.refusal(), lambda: done.stderr)
    assert (folder.path / ".env").read_text() == before


def test_a_certificate_that_expires_soon_is_announced(folder: Folder) -> None:
    assert "Warning" not in folder.type("up").stderr
    store = Store(folder.path / "pki", lambda _key: b"")
    profile = replace(SERVER, subject="localhost", names=("localhost", "reference.test"), not_after=timedelta(days=1))
    store.issue_server(profile)
    done = folder.type("up")
    assert done.returncode == 0, done.stderr
    assert "Warning: pki/server/server.crt expires on" in done.stderr
    assert "`mtls-harness pki server localhost reference.test`, then `make up`" in done.stderr


def test_a_crl_that_cannot_be_renewed_is_announced(folder: Folder) -> None:
    private = folder.path / "pki" / "private" / "ca.key"
    store = Store(folder.path / "pki", lambda _key: b"")
    intermediate = replace(
        AUTHORITY, subject="Issuing", basic_constraints=x509.BasicConstraints(ca=True, path_length=0)
    )
    store.create(replace(AUTHORITY, subject="Root"), intermediate, None)
    authority = store.authority("ca")
    short = authority.crl([], next_update=timedelta(days=2)).public_bytes(Encoding.PEM)
    (folder.path / "pki" / "ca.crl").write_bytes(short)
    private.unlink()
    done = folder.type("up")
    assert done.returncode == 0, done.stderr
    assert "Warning: pki/ca.crl expires on" in done.stderr
    assert "put it at pki/private/ca.key" in done.stderr


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_wrong_port_number_is_a_message(folder: Folder, port: str) -> None:
    done = folder.type("up", MTLS_PORT=port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"MTLS_PORT is '{port}'" in done.stderr


def test_without_compose_it_says_which_package_to_install(folder: Folder, tmp_path: Path) -> None:
    done = folder.type("up", PATH=str(tmp_path))
    assert done.returncode == 3
    assert "apt-get install docker-compose" in done.stderr


def test_an_encrypted_key_is_a_message(folder: Folder) -> None:
    environment = {"MTLS_CA_PASSPHRASE": "correct horse"}
    tool = str(Path(sys.executable).with_name("mtls-harness"))
    subprocess.run(
        [tool, "pki", "init"], cwd=folder.path, env=os.environ | environment, check=True, capture_output=True
    )
    done = folder.type("up")
    assert done.returncode == 2
    assert "is encrypted" in done.stderr
    assert "mtls-harness pki server" in done.stderr
