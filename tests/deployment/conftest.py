"""The reference deployment, run as compose.yaml runs it, with a PKI of the tests' own."""

import contextlib
import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from docker.models.containers import Container
from docker.types import Healthcheck

from harness.engine import LABEL, engine, image
from harness.engine.client import discard, owner
from harness.pki import Authority, Identity
from harness.pki.files import write_private
from tests.waiting import PATIENCE, until

SECOND = 1_000_000_000
"""The engine counts in nanoseconds."""
READY = "resuming normal operations"
WWW_DATA = 33


@dataclass(frozen=True)
class Files:
    """An identity's files, as a user has them."""

    certificate: Path
    key: Path

    @property
    def pair(self) -> tuple[str, str]:
        """What requests takes for `cert`."""
        return (str(self.certificate), str(self.key))


@dataclass(frozen=True)
class Pki:
    """The folder that is mounted into the container, and the authorities whose files it holds."""

    server: Path
    clients: Path
    root: Authority = field(default_factory=lambda: Authority.root(subject="Deployment Root"))
    between: Authority = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", self.root.subauthority(subject="Deployment Intermediate"))
        for folder in (self.server, self.clients):
            folder.mkdir(mode=0o700)
        own(self.server)
        self.issue_server()
        write(self.server / "ca.crt", self.root.certificate.public_bytes(Encoding.PEM))
        self.write_crls()

    @property
    def authority(self) -> str:
        """What requests takes for `verify`."""
        return str(self.server / "ca.crt")

    def issue_server(self, **changes: Any) -> None:
        """Write a new certificate for the server."""
        identity = self.root.server(names=("localhost", "reference.test"), **changes)
        write(self.server / "server.crt", identity.certificate_pem())
        write(self.server / "server.key", identity.key_pem())

    def write_crls(self, *revoked: x509.Certificate, **changes: Any) -> None:
        """Write the CRLs of both authorities; the root's lists what is revoked."""
        lists = (self.root.crl(revoked, **changes), self.between.crl(**changes))
        write(self.server / "crl.pem", b"".join(entry.public_bytes(Encoding.PEM) for entry in lists))

    def files(self, identity: Identity) -> Files:
        """Write an identity's files to where a client finds them."""
        stem = self.clients / f"{identity.certificate.serial_number:x}"
        found = Files(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        write(found.certificate, identity.certificate_pem())
        write(found.key, identity.key_pem())
        return found


@dataclass(frozen=True)
class Site:
    """A running deployment."""

    container: Container
    pki: Pki
    port: int

    def url(self, path: str = "/") -> str:
        """As a user writes it."""
        return f"https://localhost:{self.port}{path}"

    def get(self, client: Files, path: str = "/", **options: Any) -> requests.Response:
        """One request as a user writes it."""
        return requests.get(self.url(path), cert=client.pair, verify=self.pki.authority, timeout=PATIENCE, **options)

    def whoami(self, client: Files) -> dict[str, str]:
        """Request the client's identity from the deployment."""
        answer: dict[str, str] = json.loads(self.get(client, "/whoami").content)
        return answer

    def context(self, client: Files) -> ssl.SSLContext:
        """The client's side of TLS, for what requests cannot do."""
        context = ssl.create_default_context(cafile=self.pki.authority)
        context.load_cert_chain(*client.pair)
        return context

    def connect(self, context: ssl.SSLContext, name: str | None = "localhost", **options: Any) -> ssl.SSLSocket:
        """Connect and shake hands; `name` is the server name that is asked for (SNI)."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(plain, server_hostname=name, **options)

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command in the container, as its own user; exit code and output."""
        code, output = self.container.exec_run([*command])
        assert isinstance(code, int)
        assert isinstance(output, bytes)
        return code, output.decode(errors="replace").strip()

    def log(self) -> str:
        """Both logs."""
        return self.container.logs().decode(errors="replace")

    def access(self, serial: str) -> list[str]:
        """The access log's lines of one certificate; they are written a moment after the answer."""
        return until(
            f"a line of the access log with serial={serial}",
            lambda: [line for line in self.log().splitlines() if f" serial={serial} " in line],
            self.log,
        )

    def reload(self) -> None:
        """Have httpd read its files again, and wait until it has, and no process accepts by the former ones."""
        before, former = self.log().count(READY), self._accepting()
        self.container.kill("SIGUSR1")
        wait_for(self.container, READY, before + 1)
        until("the former processes stop accepting", lambda: not former & self._accepting(), self.log)

    def _accepting(self) -> set[str]:
        """The processes, other than the first, that have a socket open which listens."""
        _, tables = self.run("cat", "/proc/net/tcp", "/proc/net/tcp6")
        rows = [line.split() for line in tables.splitlines()]
        listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
        _, opened = self.run("sh", "-c", "cd /proc; for file in [0-9]*/fd/*; do echo $file $(readlink $file); done")
        files = [line.split() for line in opened.splitlines()]
        return {file[0].split("/")[0] for file in files if file[-1] in listening} - {"1"}


def write(path: Path, content: bytes) -> None:
    """Put a file in place in one step, readable by the container's user alone."""
    write_private(path, content)
    if path.parent.name == "server":
        own(path)


def user() -> str:
    """Who httpd runs as: the owner of the files, unless that is root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else f"{WWW_DATA}:{WWW_DATA}"


def own(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, WWW_DATA, WWW_DATA)


def wait_for(container: Container, words: str, times: int = 1) -> None:
    """Wait until the log holds these words so often; fails with the log."""

    def log() -> str:
        return container.logs().decode(errors="replace")

    def written() -> bool:
        container.reload()
        ended = container.status == "exited"
        if log().count(words) >= times:
            return True
        if ended:
            pytest.fail(f"httpd ended before it wrote {words!r}:\n{log()}")
        return False

    until(f"{words!r} in httpd's log", written, log)


@contextlib.contextmanager
def container(folder: Path, *arguments: str, **options: Any) -> Iterator[Container]:
    """Start the image as compose.yaml does (tests/compose holds the two together), and remove it afterwards."""
    usual: dict[str, Any] = {
        "user": user(),
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": {"/run": "mode=1777,size=1m"},
        "ports": {"8443/tcp": ("127.0.0.1", 0)},
        "volumes": {str(folder): {"bind": "/etc/httpd/pki", "mode": "ro"}},
    }
    started = engine().containers.run(
        image("httpd"), [*arguments], detach=True, labels={LABEL: owner()}, **usual | options
    )
    try:
        yield started
    finally:
        discard(started)


def port_of(started: Container) -> int:
    """Where on 127.0.0.1 it is published."""
    started.reload()
    return int(started.attrs["NetworkSettings"]["Ports"]["8443/tcp"][0]["HostPort"])


@contextlib.contextmanager
def deployment(pki: Pki, *arguments: str, **options: Any) -> Iterator[Site]:
    """Start the deployment and wait until it is up; `arguments` are further ones of httpd."""
    with container(pki.server, *arguments, **options) as started:
        wait_for(started, READY)
        started.reload()
        yield Site(started, pki, port_of(started))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The deployment that no test changes."""
    folder = tmp_path_factory.mktemp("site")
    with deployment(Pki(folder / "server", folder / "clients")) as started:
        yield started


@pytest.fixture(scope="session")
def _changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("changing")
    # Docker looks every second instead of every ten, and believes the first look.
    often = Healthcheck(interval=SECOND, timeout=8 * SECOND, retries=1, start_period=0)
    with deployment(Pki(folder / "server", folder / "clients"), healthcheck=often) as started:
        yield started


@pytest.fixture
def changing(_changing: Site) -> Iterator[Site]:
    """A deployment whose PKI a test may change; everything is in order again afterwards."""
    yield _changing
    _changing.pki.issue_server()
    _changing.pki.write_crls()
    _changing.reload()


@pytest.fixture(scope="session")
def alice(site: Site) -> Files:
    """A client with everything in order."""
    return site.pki.files(site.pki.root.client(subject="alice"))


ClientOf = Callable[..., Files]


@pytest.fixture
def client_of(site: Site) -> ClientOf:
    """Issue a client of the deployment's root."""
    return lambda **changes: site.pki.files(site.pki.root.client(**changes))


def serial_of(client: Files) -> str:
    """The serial number as httpd writes it."""
    number = x509.load_pem_x509_certificate(client.certificate.read_bytes()).serial_number
    text = f"{number:X}"
    return text.zfill(len(text) + len(text) % 2)


def logged(line: str) -> dict[str, str]:
    """Take a line of the access log apart; fails if it is none."""
    found = re.fullmatch(
        r'(?P<peer>\S+) \[\S+\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d+) \S+ verify=(?P<verify>\S+) '
        r'serial=(?P<serial>\S+) subject="(?P<subject>(?:[^"\\]|\\.)*)" (?P<protocol>\S+) (?P<cipher>\S+)',
        line,
    )
    assert found, line
    return found.groupdict()
