"""What can be wrong with CONFIG: each a message that says where, the documented exit code, and nothing left behind."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import left_behind, started
from tests.configurations.corpus import corpus
from tests.waiting import PATIENCE

CORPUS = {str(entry): entry for entry in corpus()}
SNIPPET = CORPUS["correct/required_snippet"]


def verify(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "verify", str(config), "-k", "absent.none or p256"],
        env=os.environ | {"CI": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_message(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    output = done.stderr + done.stdout
    assert "Traceback" not in output
    assert [word for word in words if word not in output] == [], output
    assert done.returncode == code, output


def snippet(folder: Path, text: str) -> Path:
    file = folder / "site.conf"
    file.write_text(text)
    return file


def test_nothing_at_that_path(tmp_path: Path) -> None:
    assert_message(verify(tmp_path / "none"), 2, f"{tmp_path}/none", "no such file")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert_message(verify(tmp_path), 2, str(tmp_path), "holds none of apache2.conf, conf/httpd.conf, httpd.conf")


def test_a_binary_file(tmp_path: Path) -> None:
    file = tmp_path / "httpd.conf"
    file.write_bytes(b"\x7fELF\0\0")
    assert_message(verify(file), 2, "httpd.conf is binary", "not a configuration file")


def test_a_link_that_leaves_the_folder(tmp_path: Path) -> None:
    (tmp_path / "httpd.conf").write_text("Listen 80\n")
    (tmp_path / "elsewhere.conf").symlink_to("/etc/passwd")
    assert_message(verify(tmp_path), 2, "elsewhere.conf is a link to /etc/passwd")


@pytest.mark.parametrize("to", ["loop", "."])
def test_a_link_that_loops(tmp_path: Path, to: str) -> None:
    (tmp_path / "httpd.conf").write_text("Listen 80\n")
    (tmp_path / "loop").symlink_to(to)
    assert_message(verify(tmp_path), 2, "loop is a link")


def test_ten_thousand_files_and_one(tmp_path: Path) -> None:
    (tmp_path / "httpd.conf").write_text("Listen 80\n")
    for number in range(10_000):
        (tmp_path / f"{number}.conf").touch()
    assert_message(verify(tmp_path), 2, "more than 10,000 files")


@pytest.mark.engine
def test_a_syntax_error_in_httpds_own_words_with_the_users_file_and_line(tmp_path: Path) -> None:
    config, name = CORPUS["correct/required_debian"].lay_out(tmp_path)
    file = config / name
    file.write_text(file.read_text().replace("SSLVerifyClient require", "SSLVerifyClient perhaps"))
    line = file.read_text().splitlines().index("    SSLVerifyClient perhaps") + 1
    assert_message(
        verify(config), 2, f"Syntax error on line {line} of {name}", "SSLVerifyClient: Invalid argument 'perhaps'"
    )


@pytest.mark.engine
def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    config, _ = CORPUS["correct/required_debian"].lay_out(tmp_path)
    (config / "mods-enabled" / "wsgi.load").write_text("LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so\n")
    assert_message(verify(config), 0, "mods-enabled/wsgi.load", "behind mod_wsgi", "PASS")


@pytest.mark.engine
def test_a_server_that_starts_and_exits(tmp_path: Path) -> None:
    text = SNIPPET.text.replace("SSLCARevocationFile", "# SSLCARevocationFile")
    assert_message(verify(snippet(tmp_path, text)), 3, "stopped with exit code 1", "neither SSLCARevocationFile")


@pytest.mark.engine
def test_no_tls_anywhere(tmp_path: Path) -> None:
    text = SNIPPET.text.replace(":443", ":80").replace("SSLEngine on", "SSLEngine off")
    assert_message(verify(snippet(tmp_path, text)), 2, "no virtual host with `SSLEngine on`")


@pytest.mark.engine
def test_no_certificate_asked_for_anywhere(tmp_path: Path) -> None:
    lines = [line for line in SNIPPET.text.splitlines() if not line.strip().startswith(("SSLVerify", "SSLCA"))]
    assert_message(verify(snippet(tmp_path, "\n".join(lines))), 2, "asks for a client certificate nowhere")


@pytest.mark.engine
def test_several_addresses_at_every_port(tmp_path: Path) -> None:
    text = SNIPPET.text.replace("*:443", "192.0.2.1")
    done = verify(snippet(tmp_path, text + text.replace("192.0.2.1", "192.0.2.2")))
    assert_message(done, 2, "told apart by their address at every port")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("found", "by"),
    [
        pytest.param("*:443", "*:8443", id="a port that is taken here"),
        pytest.param("*:443", "www.example.test:443", id="a name as address that does not resolve"),
        pytest.param("ServerName www", "ProxyPass /app http://nowhere.invalid/\nServerName www", id="no upstream"),
        pytest.param("# ", "User nobody-knows\n# ", id="an unknown user"),
    ],
)
def test_what_concerns_only_the_users_machine_is_no_obstacle(tmp_path: Path, found: str, by: str) -> None:
    with socket.socket() as listener:
        with contextlib.suppress(OSError):  # Another process has it, which serves as well.
            listener.bind(("127.0.0.1", 8443))
        done = verify(snippet(tmp_path, SNIPPET.text.replace(found, by, 1)))
    assert_message(done, 0, "PASS")


@pytest.mark.engine
def test_a_private_key_in_the_folder_is_not_read(tmp_path: Path) -> None:
    config, _ = CORPUS["correct/required_debian"].lay_out(tmp_path)
    (config / "own.key").write_text("-----BEGIN PRIVATE KEY-----\nno key at all\n-----END PRIVATE KEY-----\n")
    assert_message(verify(config), 0, "PASS")


@pytest.mark.engine
def test_nothing_is_left_behind_by_a_run_that_could_not_start(tmp_path: Path) -> None:
    with started("verify", str(snippet(tmp_path, SNIPPET.text.replace("require", "perhaps")))) as running:
        output, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 2, output + errors
    assert left_behind(running.pid) == []
