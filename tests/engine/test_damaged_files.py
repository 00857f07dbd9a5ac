"""Findings about damaged files agree with a real httpd: it does not start, or it ignores them."""

import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.engine import image
from harness.engine.client import LABEL, engine, owned
from harness.pki import Authority
from harness.pki.contents import Form, read
from harness.pki.examination import Level, unreadable
from harness.pki.files import PkiError

pytestmark = pytest.mark.engine

ROOT = Authority.root(subject="Own root")
PEM = ROOT.certificate.public_bytes(Encoding.PEM)
CUT = PEM.replace(b"-----END CERTIFICATE-----\n", b"")
PKCS7 = b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n"
FILES: dict[str, bytes] = {
    "good": PEM,
    "with-a-mark": b"\xef\xbb\xbf" + PEM,
    "der": ROOT.certificate.public_bytes(Encoding.DER),
    "text": b"put the certificate here\n",
    "damaged": PEM + PEM.replace(b"-----\nMII", b"-----\nAAA"),
    "cut": PEM + CUT,
    "cut-before-another": CUT + PEM,
    "indented": PEM + b"  " + PEM,
    "trusted": PEM.replace(b" CERT", b" TRUSTED CERT"),
    "pkcs7": PEM + PKCS7,
}
CONFIGURATION = """ServerRoot /tmp
PidFile /tmp/{name}.pid
DefaultRuntimeDir /tmp
ErrorLog /tmp/{name}.log
ServerName localhost
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen {port}
SSLEngine on
SSLCertificateFile /files/server.crt
SSLCertificateKeyFile /files/server.key
SSLVerifyClient require
{directive}
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bool]:
    """Start a real httpd with each file, and tell whether it started."""
    folder = tmp_path_factory.mktemp("files")
    server = ROOT.server(subject="localhost", names=("localhost",))
    (folder / "server.crt").write_bytes(server.certificate_pem())
    (folder / "server.key").write_bytes(server.key_pem())
    tickets = {f"ticket-{size}": os.urandom(size) for size in (47, 48, 80)}
    for number, (name, content) in enumerate((FILES | tickets).items()):
        (folder / name).write_bytes(content)
        directive = f"SSLSessionTicketKeyFile /files/{name}\nSSLCACertificateFile /files/good"
        directive = directive if name in tickets else f"SSLCACertificateFile /files/{name}"
        text = CONFIGURATION.format(name=name, port=8000 + number, directive=directive)
        (folder / f"{name}.conf").write_text(text)
    (folder / "server.key").chmod(0o600)
    start = 'apache2 -k start -f "$f" >/dev/null 2>&1 && echo "$(basename "$f" .conf)"'
    with owned() as label:
        output = engine().containers.run(
            image("httpd"),
            ["-c", f"for f in /files/*.conf; do {start}; done; true"],
            entrypoint=["sh"],
            user="0",
            network_mode="none",
            volumes={str(folder): {"bind": "/files", "mode": "ro"}},
            labels={LABEL: label},
            remove=True,
        )
    names = set(output.decode().split())
    return names.__contains__


def fatal(name: str) -> bool:
    """Whether a finding says that httpd does not start with a file."""
    try:
        found = read(FILES[name], name)
    except PkiError:
        return True
    return any(one.level is Level.ERROR for one in unreadable(found)) or found.form is Form.DER


@pytest.mark.parametrize("name", FILES)
def test_httpd_starts_unless_a_finding_is_fatal(started: Callable[[str], bool], name: str) -> None:
    assert started(name) is not fatal(name)


@pytest.mark.parametrize(("size", "starts"), [(47, False), (48, True), (80, True)])
def test_httpd_takes_the_first_48_bytes_of_a_ticket_key(
    started: Callable[[str], bool], size: int, starts: bool
) -> None:
    assert started(f"ticket-{size}") is starts


def test_what_httpd_does_not_see_is_a_warning() -> None:
    for name in ("cut-before-another", "indented", "pkcs7"):
        assert [one.level for one in unreadable(read(FILES[name], name))] == [Level.WARNING]
    assert [*unreadable(read(FILES["good"], "good"))] == []
    assert len(read(FILES["with-a-mark"], "ca.pem").certificates) == 1
