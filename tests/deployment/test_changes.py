"""What changes while it runs: CRLs, authorities, the server's own certificate, and its end."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import Authority
from tests.deployment.conftest import READY, Files, Pki, Site, container, deployment, port_of, wait_for, write
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.engine

DAY = timedelta(days=1)
# The deployment waits 5 seconds for a request's header: not long enough for what a test does in its midst.
SLOW_HEADERS = ("-c", f"RequestReadTimeout header={PATIENCE:.0f}")


@pytest.fixture
def bob(changing: Site) -> Files:
    return changing.pki.files(changing.pki.root.client(subject="bob"))


class Visitor(threading.Thread):
    """A client that connects again and again."""

    def __init__(self, site: Site, client: Files) -> None:
        super().__init__()
        self._site, self._client = site, client
        self.visits: list[float] = []
        """When each that has ended began, in seconds."""
        self.failures: list[Exception] = []
        self.leaving = threading.Event()

    def run(self) -> None:
        while not self.leaving.is_set():
            begin = time.monotonic()
            try:
                self._site.get(self._client).raise_for_status()
            except requests.RequestException as error:
                self.failures.append(error)
            self.visits.append(begin)


@contextmanager
def visiting(site: Site, client: Files, count: int = 4) -> Iterator[list[Visitor]]:
    visitors = [Visitor(site, client) for _ in range(count)]
    for visitor in visitors:
        visitor.start()
    try:
        yield visitors
    finally:
        for visitor in visitors:
            visitor.leaving.set()
        for visitor in visitors:
            visitor.join()


def wait_for_each(visitors: list[Visitor]) -> None:
    """Wait until each has begun and ended a visit from now on."""
    now = time.monotonic()
    until("a visit by each visitor", lambda: all(visitor.visits[-1:] > [now] for visitor in visitors))


def begun(site: Site, client: Files) -> ssl.SSLSocket:
    """A connection with half a request on it, which httpd waits for.

    The handshake of TLS 1.2 ends with httpd: when it is made, a thread of httpd's reads from this connection.
    """
    context = site.context(client)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = site.connect(context)
    connection.sendall(b"GET /whoami HTTP/1.1\r\n")
    return connection


def test_a_reload_drops_no_connection(tmp_path: Path) -> None:
    with deployment(Pki(tmp_path / "server", tmp_path / "clients"), *SLOW_HEADERS) as site:
        bob = site.pki.files(site.pki.root.client(subject="bob"))
        session = requests.Session()
        session.cert = bob.pair
        with visiting(site, bob) as visitors, begun(site, bob) as slow:
            assert session.get(site.url(), verify=site.pki.authority).status_code == 200
            for _ in range(3):
                wait_for_each(visitors)
                site.pki.write_crls(site.pki.root.client(subject="mallory").certificate)
                site.reload()
            slow.sendall(b"Host: localhost\r\nConnection: close\r\n\r\n")
            answer = slow.recv(4096)
            assert session.get(site.url(), verify=site.pki.authority).status_code == 200
            wait_for_each(visitors)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [failure for visitor in visitors for failure in visitor.failures] == []


def test_a_new_authority_is_trusted_after_a_reload_and_the_old_one_no_longer(changing: Site, bob: Files) -> None:
    new = Authority.root(subject="Successor")
    successor = changing.pki.files(new.client(subject="carol"))
    with pytest.raises(requests.ConnectionError, match="unknown ca"):
        changing.get(successor)
    before = (changing.pki.server / "ca.crt").read_bytes()
    trusted = changing.pki.server.parent / "old-ca.crt"
    write(trusted, before)
    write(changing.pki.server / "ca.crt", new.certificate.public_bytes(Encoding.PEM))
    write(changing.pki.server / "crl.pem", new.crl().public_bytes(Encoding.PEM))
    try:
        changing.reload()
        let_in = requests.get(changing.url(), cert=successor.pair, verify=str(trusted), timeout=PATIENCE)
        assert let_in.status_code == 200
        with pytest.raises(requests.ConnectionError, match="unknown ca"):
            requests.get(changing.url(), cert=bob.pair, verify=str(trusted), timeout=PATIENCE)
    finally:
        write(changing.pki.server / "ca.crt", before)


# --- The health check


def health(site: Site) -> tuple[int, str]:
    return site.run("health")


def test_a_deployment_in_order_is_healthy(changing: Site) -> None:
    assert health(changing) == (0, "httpd requests certificates; its certificate, authorities and CRLs are valid")

    def is_healthy() -> bool:
        changing.container.reload()
        return bool(changing.container.attrs["State"]["Health"]["Status"] == "healthy")

    until("the engine calls it healthy", is_healthy, lambda: str(changing.container.attrs["State"]["Health"]))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("crl.pem", "a CRL in crl.pem has expired"),
        ("server.crt", "server.crt has expired"),
        ("ca.crt", "an authority in ca.crt has expired"),
    ],
)
def test_what_has_expired_makes_it_unhealthy(changing: Site, file: str, words: str) -> None:
    trusted = (changing.pki.server / "ca.crt").read_bytes()
    if file == "crl.pem":
        changing.pki.write_crls(last_update=-2 * DAY, next_update=-DAY)
    elif file == "server.crt":
        changing.pki.issue_server(not_before=-2 * DAY, not_after=-DAY)
    else:
        old = Authority.root(subject="Old", not_before=-2 * DAY, not_after=-DAY)
        write(changing.pki.server / file, trusted + old.certificate.public_bytes(Encoding.PEM))
    try:
        changing.reload()
        code, output = health(changing)
        assert (code, words in output) == (1, True), output
    finally:
        write(changing.pki.server / "ca.crt", trusted)


def test_a_file_that_httpd_has_not_loaded_makes_it_unhealthy(changing: Site) -> None:
    time.sleep(1.1)  # File times are compared in whole seconds.
    changing.pki.write_crls()
    assert health(changing)[0] == 1
    assert health(changing)[1].startswith("not loaded yet: crl.pem; reload httpd")
    changing.reload()
    assert health(changing)[0] == 0


def test_an_httpd_that_does_not_answer_is_unhealthy(changing: Site) -> None:
    changing.container.kill("SIGSTOP")  # The first process, so that it starts no others in place of these:
    changing.run("sh", "-c", "kill -STOP -1")
    try:
        assert health(changing) == (1, "httpd does not request a certificate on port 8443 within 4 seconds")
    finally:
        changing.run("sh", "-c", "kill -CONT -1")
        changing.container.kill("SIGCONT")


def test_an_httpd_that_admits_every_client_is_unhealthy(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "server", tmp_path / "clients")
    weaker = "sed 's/SSLVerifyClient require/SSLVerifyClient none/' /etc/httpd/conf/httpd.conf > /run/httpd.conf"
    command = ["sh", "-c", f"{weaker} && exec apache2 -D FOREGROUND -f /run/httpd.conf"]
    with container(pki.server, entrypoint=command) as started:
        wait_for(started, READY)
        output = Site(started, pki, port_of(started)).run("health")
    assert output == (1, "httpd does not request a certificate on port 8443 within 4 seconds")


# --- The start and the end


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    with deployment(Pki(tmp_path / "server", tmp_path / "clients"), *SLOW_HEADERS) as ending:
        client = ending.pki.files(ending.pki.root.client(subject="last"))
        with begun(ending, client) as connection:
            ending.container.kill("SIGWINCH")  # The image's STOPSIGNAL: what `docker stop` sends.
            wait_for(ending.container, "shutting down gracefully")
            connection.sendall(b"Host: localhost\r\n\r\n")
            answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert ending.container.wait(timeout=PATIENCE)["StatusCode"] == 0
        assert ending.container.image
        assert ending.container.image.attrs["Config"]["StopSignal"] == "SIGWINCH"


@pytest.mark.parametrize("missing", ["server.crt", "server.key", "ca.crt", "crl.pem"])
def test_without_a_pki_one_line_says_what_to_type(tmp_path: Path, missing: str) -> None:
    pki = Pki(tmp_path / "server", tmp_path / "clients")
    (pki.server / missing).unlink()
    with container(pki.server) as started:
        code = started.wait(timeout=PATIENCE)["StatusCode"]
        output = started.logs().decode()
    assert code == 78
    assert output.count("\n") == 1
    assert f"/{missing} is missing" in output
    assert "`make up` makes a PKI" in output


def test_an_unreadable_key_is_named_in_one_line(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "server", tmp_path / "clients")
    pki.server.chmod(0o755)
    with container(pki.server, user="4242:4242") as started:
        code = started.wait(timeout=PATIENCE)["StatusCode"]
        output = started.logs().decode()
    assert code == 78
    assert output.count("\n") == 1
    assert "User 4242 may not read" in output
