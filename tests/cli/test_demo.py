"""`mtls-harness demo` as its users call it: their own certificate, wrong input, and watching."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.command import left_behind, published, started, while_it_runs
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
PASSWORD = "import me"


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=folder,
        env=os.environ | {"MTLS_EXPORT_PASSWORD": PASSWORD} | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority in pki/, and alice's .pfx."""
    folder = tmp_path_factory.mktemp("user")
    for command in ("pki init", "pki client alice", "pki export alice"):
        done = run(*command.split(), folder=folder)
        assert done.returncode == 0, done.stderr
    return folder


def test_a_users_own_pfx_is_tried_in_the_browser_and_the_page_can_be_kept(pki: Path) -> None:
    done = run("demo", "--pfx", "pki/clients/alice/alice.pfx", "--html", "alice.html", folder=pki)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "its dialog offers: alice" in done.stdout
    assert "PASS" in done.stdout
    assert "data:image/png;base64," in (pki / "alice.html").read_text()
    assert "\x1b" not in done.stdout, "a pipe gets no colours"


def test_a_revoked_pfx_is_locked_out_and_the_words_say_why(pki: Path) -> None:
    for command in ("pki client mallory", "pki export mallory", "pki revoke mallory"):
        assert run(*command.split(), folder=pki).returncode == 0
    done = run("demo", "--pfx", "pki/clients/mallory/mallory.pfx", folder=pki)
    assert (done.returncode, "AH02276, error 23" in " ".join(done.stdout.split())) == (1, True), done.stdout


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["--pfx", "pki/clients/alice/alice.pfx"], "wrong", "the password is wrong"),
        (["--pfx", "pki/clients/alice/alice.pfx"], "", "use --password-file or MTLS_EXPORT_PASSWORD"),
        (["--pfx", "pki/clients/alice/alice.pfx", "--password-file", "empty"], "", "empty is empty"),
        (["--pfx", "pki/ca.crt"], PASSWORD, "the file is not a .pfx"),
        (["--pfx", "nothing.pfx"], PASSWORD, "does not exist"),
        (["--pfx", "pki/clients/alice/alice.pfx", "--dir", "elsewhere"], PASSWORD, "authority's folder with --dir"),
        (["--port", "6080"], "", "--port is the port of --watch"),
    ],
)  # fmt: skip
def test_wrong_input_is_a_message_before_anything_starts(
    pki: Path, arguments: list[str], password: str, words: str
) -> None:
    (pki / "empty").write_text("\n")
    done = run("demo", *arguments, folder=pki, MTLS_EXPORT_PASSWORD=password)
    assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_a_taken_port_is_a_message(pki: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("demo", "--watch", "--port", str(port), folder=pki)
    assert (done.returncode, f"Port {port} of 127.0.0.1 is taken" in done.stderr) == (3, True), done.stderr


def test_a_person_controls_the_browser_from_another_one() -> None:
    with started("demo", "--watch") as running:
        assert running.stdout is not None
        # It prints the address when display and site are up.
        printed = running.stdout.readline()
        address = re.search(r"(http://127\.0\.0\.1:(\d+)/)\S+#\S*password=[0-9a-f]{8}$", printed)
        assert address, printed or running.communicate()[1]
        page = while_it_runs(running, f"an answer from {address[1]}", lambda: answer(address[1] + "vnc.html"))
        assert "noVNC" in page
        assert greeting(int(address[2])).startswith("RFB 003.008")
        assert set(published(running.pid)) == {"127.0.0.1"}
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, errors) == (0, ""), output + errors
    assert "All containers are removed" in output
    assert left_behind(running.pid) == []


def answer(url: str) -> str | None:
    """The page, if its server is up."""
    try:
        return requests.get(url, timeout=PATIENCE).text
    except requests.ConnectionError:
        return None


def greeting(port: int) -> str:
    """What the display says first through the page's WebSocket (RFC 6455): the version of its protocol."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(
            b"GET /websockify HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        received = b""
        while b"RFB" not in received:
            piece = connection.recv(4096)
            assert piece, received
            received += piece
    return received[received.index(b"RFB") :].decode()
