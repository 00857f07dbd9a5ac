"""The TLS that the deployment speaks: current versions and ciphers, no resumption, the right server name."""

import json
import re
import shutil
import ssl
import subprocess
import warnings

import pytest
import requests

from tests.deployment.conftest import Files, Site, deployment
from tests.waiting import PATIENCE

pytestmark = pytest.mark.engine

TLS_1_2 = {
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
}  # fmt: skip


def ask(connection: ssl.SSLSocket, path: str = "/whoami", host: str = "localhost") -> bytes:
    """One request over a connection that stands."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
    return answer


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # That 1.0 and 1.1 are deprecated is the point.
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_a_current_version_is_spoken(site: Site, alice: Files, version: ssl.TLSVersion) -> None:
    with site.connect(only(site.context(alice), version)) as connection:
        assert ask(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=str)
def test_an_old_version_is_refused(site: Site, alice: Files, version: ssl.TLSVersion) -> None:
    context = only(site.context(alice), version)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        site.connect(context)


def test_every_cipher_has_forward_secrecy_and_authenticated_encryption(site: Site, alice: Files) -> None:
    offered = only(site.context(alice), ssl.TLSVersion.TLSv1_2)
    offered.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    accepted = set()
    for cipher in {entry["name"] for entry in offered.get_ciphers() if not entry["name"].startswith("TLS_")}:
        context = only(site.context(alice), ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(f"{cipher}:@SECLEVEL=0")
        try:
            with site.connect(context):
                accepted.add(cipher)
        except ssl.SSLError:
            continue
    # The server's certificate has an ECDSA key; the RSA ciphers are for those who choose such a key.
    assert accepted == {cipher for cipher in TLS_1_2 if "ECDSA" in cipher}


def resumed(site: Site, client: Files, version: ssl.TLSVersion) -> bool:
    """Visit twice, the second time with what the first left, and say whether the server took it."""
    context = only(site.context(client), version)
    with site.connect(context) as first:
        assert b" 200 " in ask(first)
        session = first.session
    with site.connect(context, session=session) as second:
        assert b" 200 " in ask(second)
        return bool(second.session_reused)


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_no_session_is_resumed(site: Site, alice: Files, version: ssl.TLSVersion) -> None:
    assert not resumed(site, alice, version)


def test_a_session_that_is_resumed_would_be_noticed(site: Site, alice: Files) -> None:
    with deployment(site.pki, "-c", "SSLSessionTickets on") as weaker:
        assert [resumed(weaker, alice, version) for version in VERSIONS] == [True, True]


@pytest.mark.parametrize("name", [None, "elsewhere.test", "127.0.0.1"])
def test_a_request_for_another_server_is_refused(site: Site, alice: Files, name: str | None) -> None:
    context = site.context(alice)
    context.check_hostname = False
    with site.connect(context, name) as connection:
        answer = ask(connection)
    assert re.match(rb"HTTP/1\.1 (403|421) ", answer)
    assert b"alice" not in answer


def test_the_handshake_and_the_request_must_name_the_same_server(site: Site, alice: Files) -> None:
    with site.connect(site.context(alice), "localhost") as connection:
        assert re.match(rb"HTTP/1\.1 (403|421) ", ask(connection, host="reference.test"))
    with site.connect(site.context(alice), "reference.test") as connection:
        assert b" 200 " in ask(connection, host="reference.test")


def test_http_2_is_spoken_behind_the_same_guard(site: Site, alice: Files) -> None:
    assert shutil.which("curl"), "curl is needed: sudo apt-get install curl"
    command = ["curl", "--silent", "--show-error", "--http2", "--cacert", site.pki.authority, site.url("/whoami")]
    written = ["--write-out", "%{http_version}"]
    let_in = subprocess.run(
        [*command, *written, "--cert", alice.pair[0], "--key", alice.pair[1]],
        capture_output=True,
        text=True,
        check=True,
    )
    page, _, version = let_in.stdout.rpartition("\n")
    assert (json.loads(page)["subject"], version) == ("CN=alice", "2")
    kept_out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert kept_out.returncode == 56
    assert "certificate required" in kept_out.stderr
    assert kept_out.stdout == ""


def test_the_answer_says_nothing_of_the_server_and_protects_the_visitor(site: Site, alice: Files) -> None:
    headers = site.get(alice).headers
    assert headers["Server"] == "Apache"
    assert headers["Strict-Transport-Security"] == "max-age=300"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not {"X-Powered-By", "ETag"} & set(headers)
    missing = site.get(alice, "/missing")
    assert missing.status_code == 404
    assert "Apache" not in missing.text
    assert missing.headers["X-Content-Type-Options"] == "nosniff"
    assert missing.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<link rel="stylesheet" href="/identity.css">' in missing.text


def test_under_its_real_name_hsts_lasts(site: Site, alice: Files) -> None:
    with site.connect(site.context(alice), "reference.test") as connection:
        assert b"max-age=63072000" in ask(connection, host="reference.test")


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 200), ("HEAD", 200), ("TRACE", 405), ("OPTIONS", 405), ("DELETE", 405), ("POST", 405)],
)
def test_nothing_but_a_question_is_answered(site: Site, alice: Files, method: str, status: int) -> None:
    answer = requests.request(method, site.url("/"), cert=alice.pair, verify=site.pki.authority, timeout=PATIENCE)
    assert answer.status_code == status
