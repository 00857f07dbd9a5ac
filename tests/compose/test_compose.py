"""compose.yaml, read by both generations of Compose, brings up the deployment that is verified."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import deployment
from harness.engine import LABEL, base, engine, image
from harness.pki import AUTHORITY, CLIENT, SERVER
from harness.pki.store import Store
from tests.waiting import PATIENCE, free_port, until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@dataclass
class Checkout:
    """A fresh checkout, and the Compose that is typed in it."""

    folder: Path
    command: list[str]
    project: str = field(default_factory=lambda: f"mtls{uuid.uuid4().hex[:8]}")
    port: int = field(default_factory=free_port)

    def type(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        user = deployment.own(self.folder / "pki" / "server")
        variables = {"MTLS_PORT": str(self.port), "MTLS_BASE_IMAGE": base(), "MTLS_USER": user}
        return subprocess.run(
            [*self.command, "-p", self.project, *arguments],
            cwd=self.folder,
            env=os.environ | variables | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def make_pki(self) -> None:
        store = Store(self.folder / "pki", lambda _key: b"")
        store.create(replace(AUTHORITY, subject="Compose root"), None, None)
        store.issue_server(replace(SERVER, subject="localhost", names=("localhost",)))
        store.issue_client("alice", replace(CLIENT, subject="alice"))

    def get(self, *, certificate: bool = True) -> requests.Response:
        client = self.folder / "pki" / "clients" / "alice"
        pair = (str(client / "client.crt"), str(client / "client.key")) if certificate else None
        url = f"https://localhost:{self.port}/whoami"
        return requests.get(url, cert=pair, verify=str(self.folder / "pki" / "ca.crt"), timeout=PATIENCE)

    def wait(self) -> requests.Response:
        def answer() -> requests.Response | None:
            try:
                return self.get()
            except requests.ConnectionError:
                return None

        return until("an answer of the deployment", answer, lambda: self.type("logs").stdout)

    def parts(self) -> dict[str, list[Any]]:
        of_project: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={self.project}"}
        return {
            "containers": engine().containers.list(all=True, filters=of_project),
            "networks": engine().networks.list(filters=of_project),
            "volumes": engine().volumes.list(filters=of_project),
        }


@pytest.fixture
def checkout(tmp_path: Path, compose: list[str]) -> Iterator[Checkout]:
    for name in ("compose.yaml", "images", "pki/.gitignore", "pki/server/.gitignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, tmp_path / name)
    made = Checkout(tmp_path, compose)
    yield made
    made.type("down", "--volumes", "--rmi", "local")


def test_on_a_fresh_clone_a_bare_up_says_what_to_type(checkout: Checkout) -> None:
    done = checkout.type("up", "--build", "--abort-on-container-exit", "--no-color")
    messages = [line for line in (done.stdout + done.stderr).splitlines() if "PKI" in line]
    assert messages, done.stdout + done.stderr
    assert all("pki/server.crt is missing. `make up` makes a PKI" in line for line in messages)
    (container,) = checkout.parts()["containers"]
    assert container.attrs["State"]["ExitCode"] == 78
    assert not [file for file in (checkout.folder / "pki").rglob("*") if file.is_file() and file.name != ".gitignore"]


def test_up_admits_only_with_a_certificate_and_down_leaves_nothing(checkout: Checkout) -> None:
    checkout.make_pki()
    done = checkout.type("up", "--detach", "--no-build", MTLS_HTTPD_IMAGE=image("httpd"))
    assert done.returncode == 0, done.stderr
    assert checkout.wait().json()["subject"] == "CN=alice"
    with pytest.raises(requests.ConnectionError, match="certificate required"):
        checkout.get(certificate=False)
    parts = checkout.parts()
    assert {name: len(found) for name, found in parts.items()} == {"containers": 1, "networks": 1, "volumes": 0}
    assert parts["networks"][0].attrs["Labels"][LABEL] == "deployment"
    assert_locked_down(parts["containers"][0])
    assert checkout.type("down").returncode == 0
    assert not any(checkout.parts().values())


def assert_locked_down(container: Any) -> None:
    """The container of compose.yaml has what httpd needs, and nothing else."""
    assert container.labels[LABEL] == "deployment"
    deployed = container.attrs["HostConfig"]
    wanted = {"ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges:true"]}
    assert {setting: deployed[setting] for setting in wanted} == wanted
    assert not any(deployed[setting] for setting in ("CapAdd", "Privileged", "PidMode"))
    assert (deployed["Memory"], deployed["PidsLimit"]) == (512 << 20, 2048)
    assert deployed["RestartPolicy"]["Name"] == "unless-stopped"
    assert list(deployed["Tmpfs"]) == ["/run"]
    assert [port["HostIp"] for ports in deployed["PortBindings"].values() for port in ports] == ["127.0.0.1"]
    assert not container.attrs["Config"]["User"].startswith(("0", "root"))
    assert [(mount["Destination"], mount["RW"]) for mount in container.attrs["Mounts"]] == [("/etc/httpd/pki", False)]
