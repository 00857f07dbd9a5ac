"""Debian's own /etc/apache2, as its package installs it: untouched, with the tutorial's two directives, done right."""

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container

from harness.engine import LABEL, engine, image
from harness.engine.client import discard, owner
from harness.verify import Target, verify
from harness.verify.plan import NothingToDoError

pytestmark = pytest.mark.engine

SITE = "sites-available/default-ssl.conf"
TUTORIAL = "\t\tSSLCACertificateFile /root/ca/ca.crt\n\t\tSSLVerifyClient require\n"
REVOCATION = "\t\tSSLCARevocationCheck chain\n\t\tSSLCARevocationFile /root/ca/crl.pem\n"


@pytest.fixture(scope="module")
def machine() -> Iterator[Container]:
    container = engine().containers.create(image("tutorial"), network_mode="none", labels={LABEL: owner()})
    yield container
    discard(container)


@pytest.fixture
def stock(machine: Container, tmp_path: Path) -> Path:
    """The package's files, mod_ssl and its site switched on as a2enmod and a2ensite do."""
    stream, _ = machine.get_archive("/etc/apache2")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        archive.extractall(tmp_path, filter="tar")
    folder = tmp_path / "apache2"
    for name in ("ssl.load", "ssl.conf", "socache_shmcb.load"):
        (folder / "mods-enabled" / name).symlink_to(f"../mods-available/{name}")
    (folder / "sites-enabled" / "default-ssl.conf").symlink_to(f"../{SITE}")
    return folder


def add(folder: Path, directives: str) -> None:
    file = folder / SITE
    text = file.read_text()
    file.write_text(re.sub(r"(?m)^\s*SSLEngine\s+on\n", lambda found: found[0] + directives, text, count=1))


def line(folder: Path, name: str, text: str) -> int:
    return next(at for at, one in enumerate((folder / name).read_text().splitlines(), 1) if text in one)


def test_as_installed_it_requests_no_certificate(stock: Path) -> None:
    with pytest.raises(NothingToDoError, match="asks for a client certificate nowhere"):
        verify(Target.from_path(stock))


def test_with_the_tutorials_directives_the_same_pages_are_still_open_on_port_80(stock: Path) -> None:
    add(stock, TUTORIAL)
    run = verify(Target.from_path(stock))
    found = {(entry.level, entry.id, entry.file, entry.line) for entry in run.findings if entry.level != "note"}
    plain, host = "sites-available/000-default.conf", line(stock, SITE, "<VirtualHost")
    assert found == {
        ("error", "absent.intruder", plain, line(stock, plain, "<VirtualHost *:80>")),
        ("warning", "revocation.not_checked", SITE, host),
    }
    assert run.verdict() == "fail"


def test_without_the_plain_site_and_with_crls_it_is_right(stock: Path) -> None:
    add(stock, TUTORIAL + REVOCATION)
    (stock / "sites-enabled" / "000-default.conf").unlink()
    run = verify(Target.from_path(stock))
    assert [entry for entry in run.findings if entry.level != "note"] == []
    assert [(entry.probe.case.id, entry.evidence()) for entry in run.results if entry.verdict == "inconclusive"] == []
    assert run.verdict(strict=True) == "pass", run.trouble
