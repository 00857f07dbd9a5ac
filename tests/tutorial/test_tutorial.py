"""The tutorial, literally: its openssl commands, its two directives, a restart, and the .pfx: in with it, out without.

Everything happens in a container that is what the tutorial's reader has: a stock Debian machine.
"""

import io
import os
import ssl
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from docker.models.containers import Container

from harness.engine import LABEL, engine, image
from harness.engine.client import discard, owner
from harness.pki.files import write_private
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.engine

PASSWORD = "import me"
_READY = "resuming normal operations"
SITE = "/etc/apache2/sites-available/default-ssl.conf"
# The tutorial's steps; it answers openssl's questions by hand, here -subj does, and -passout stands for its prompts.
AUTHORITY = """
openssl genrsa -aes256 -passout env:PASSWORD -out ca.key 4096
openssl req -new -x509 -days 365 -key ca.key -passin env:PASSWORD -out ca.crt -subj "/C=DE/O=Tutorial/CN=Tutorial CA"
"""
CLIENT = """
openssl genrsa -out client.key 4096
openssl req -new -key client.key -out client.csr -subj "/C=DE/O=Tutorial/CN=reader"
openssl x509 -req -days 365 -in client.csr -CA ca.crt -CAkey ca.key -passin env:PASSWORD -set_serial 01 -out client.crt
openssl pkcs12 -export -out client.pfx -inkey client.key -in client.crt -certfile ca.crt -passout env:PASSWORD
"""
DIRECTIVES = f"sed -i '/SSLEngine on/a SSLCACertificateFile /root/ca/ca.crt\\nSSLVerifyClient require' {SITE}"


@dataclass(frozen=True)
class Machine:
    """The reader's machine."""

    container: Container
    folder: Path
    """Where what is taken from it lies."""

    def type(self, script: str, folder: str = "/root/ca") -> str:
        """Type commands in a folder; fails with their words if one of them does."""
        code, output = self.container.exec_run(
            ["bash", "-ec", f"umask 077; mkdir -p {folder}; cd {folder}; {script}"], environment={"PASSWORD": PASSWORD}
        )
        assert isinstance(output, bytes)
        assert code == 0, f"{script}\n{output.decode()}"
        return output.decode()

    def restart(self) -> None:
        """Restart httpd as the tutorial says, and see that it was."""
        before = self.log().count(_READY)
        self.type("apachectl configtest && apachectl restart")
        until("httpd is ready again", lambda: self.log().count(_READY) > before, self.log)

    def take(self, name: str) -> Path:
        """Copy a file from the machine, for its owner alone."""
        stream, _ = self.container.get_archive(name)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.extractfile(Path(name).name)
            assert member is not None
            path = self.folder / name.strip("/").replace("/", "-")
            write_private(path, member.read())
        return path

    def get(self, pem: Path | None = None) -> requests.Response:
        """Visit it as the tutorial's reader does, and see that it is this machine that answers."""
        port = self.container.attrs["NetworkSettings"]["Ports"]["443/tcp"][0]["HostPort"]
        shown = ssl.get_server_certificate(("127.0.0.1", int(port)))
        own = self.take("/etc/ssl/certs/ssl-cert-snakeoil.pem")
        assert x509.load_pem_x509_certificate(shown.encode()) == x509.load_pem_x509_certificate(own.read_bytes())
        # Debian's stock certificate is for the machine's own name.
        with requests.Session() as session:
            session.mount("https://", _AnyName())
            return session.get(
                f"https://127.0.0.1:{port}/", cert=str(pem) if pem else None, verify=str(own), timeout=PATIENCE
            )

    def log(self) -> str:
        """What httpd has written."""
        return self.type("cat /var/log/apache2/error.log")


class _AnyName(requests.adapters.HTTPAdapter):
    """The certificate is compared above; its name is the container's."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, assert_hostname=False, **options)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A stock machine with TLS switched on, on which the tutorial's certificates were made."""
    container = engine().containers.run(
        image("tutorial"), init=True, detach=True, ports={"443/tcp": ("127.0.0.1", 0)}, labels={LABEL: owner()}
    )
    try:
        made = Machine(container, tmp_path_factory.mktemp("reader"))
        made.type("make-ssl-cert generate-default-snakeoil && a2enmod -q ssl && a2ensite -q default-ssl")
        made.type(AUTHORITY + CLIENT)
        container.reload()
        yield made
    finally:
        discard(container)


@pytest.fixture(scope="module")
def guarded(machine: Machine) -> Machine:
    """The same machine after the tutorial's last step; before it, every client was admitted."""
    machine.type("apachectl start")
    until("httpd is ready", lambda: _READY in machine.log(), machine.log)
    machine.restart()
    assert "It works" in machine.get().text
    machine.type(DIRECTIVES)
    machine.type("sed -i 's/^LogLevel.*/LogLevel info/' /etc/apache2/apache2.conf")
    machine.restart()
    return machine


def opened(pfx: Path, password: str) -> Path:
    """Open a .pfx with its password, as a browser's import does."""
    pem = pfx.with_suffix(".pem")
    command = ["openssl", "pkcs12", "-in", str(pfx), "-noenc", "-passin", "env:PASSWORD"]
    done = subprocess.run(command, env=os.environ | {"PASSWORD": password}, capture_output=True, check=True)
    write_private(pem, done.stdout)
    return pem


def test_with_the_pfx_the_client_is_admitted(guarded: Machine) -> None:
    answer = guarded.get(opened(guarded.take("/root/ca/client.pfx"), PASSWORD))
    assert answer.status_code == 200
    assert "It works" in answer.text


def test_without_a_certificate_the_client_is_refused(guarded: Machine) -> None:
    with pytest.raises(requests.ConnectionError, match="certificate required"):
        guarded.get()
    assert "peer did not return a certificate" in guarded.log()


def test_the_pfx_does_not_open_with_another_password(guarded: Machine) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        opened(guarded.take("/root/ca/client.pfx"), PASSWORD.upper())


def test_a_client_of_another_authority_is_refused(guarded: Machine) -> None:
    guarded.type(AUTHORITY + CLIENT, folder="/root/stranger")
    with pytest.raises(requests.ConnectionError, match="unknown ca"):
        guarded.get(opened(guarded.take("/root/stranger/client.pfx"), PASSWORD))
    assert "AH02276: Certificate Verification: Error (19)" in guarded.log()  # Its root came along in the .pfx.


def test_the_client_certificate_is_what_the_catalogue_says_it_is(guarded: Machine) -> None:
    certificate = x509.load_pem_x509_certificate(guarded.take("/root/ca/client.crt").read_bytes())
    assert certificate.serial_number == 1
    # OpenSSL 3.0 made version 1; since 3.2 it adds key identifiers, which need version 3.
    assert certificate.version is x509.Version.v3
    assert {type(entry.value).__name__ for entry in certificate.extensions} == {
        "SubjectKeyIdentifier", "AuthorityKeyIdentifier",
    }  # fmt: skip


@pytest.mark.parametrize("weaker", ["optional", "none"])
def test_without_the_directive_every_client_is_admitted(guarded: Machine, weaker: str) -> None:
    guarded.type(f"sed -i 's/SSLVerifyClient require/SSLVerifyClient {weaker}/' {SITE}")
    guarded.restart()
    try:
        assert guarded.get().status_code == 200
    finally:
        guarded.type(f"sed -i 's/SSLVerifyClient {weaker}/SSLVerifyClient require/' {SITE}")
        guarded.restart()
