"""`mtls-harness check`: real files as they are, with the line of each fact, without Docker and in under a second."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from harness.check.readable import User, why_not_readable
from harness.cli import main
from harness.pki import Authority
from harness.pki.hashed import hashed

DAY = timedelta(days=1)
SITE = """<VirtualHost *:443>
SSLEngine on
SSLCertificateFile {folder}/server.crt
SSLCertificateKeyFile {folder}/server.key
SSLCACertificateFile {folder}/ca.pem
SSLCARevocationFile {folder}/crl.pem
SSLCARevocationCheck chain
SSLVerifyClient require
</VirtualHost>
"""


@dataclass
class Files:
    """A server's real files, made at run time, and a configuration that refers to them."""

    folder: Path
    root: Authority

    def put(self, name: str, *entries: Any) -> Path:
        path = self.folder / name
        path.write_bytes(b"".join(entry.public_bytes(Encoding.PEM) for entry in entries))
        return path

    def site(self, text: str = SITE) -> Path:
        path = self.folder / "site.conf"
        path.write_text(text.format(folder=self.folder))
        return path


def check(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)], env={"COLUMNS": "200", "MTLS_PASSWORD": None})


def data(*arguments: Path | str) -> dict[str, Any]:
    path = CliRunner().invoke(main, ["check", *map(str, arguments), "--json", "-"])
    found: dict[str, Any] = json.loads(path.stdout)
    return found


def ids(*arguments: Path | str) -> list[tuple[str, str, int]]:
    """Each finding with its file's name and line."""
    return [(one["id"], Path(one["file"]).name, one["line"]) for one in data(*arguments)["findings"]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    root = Authority.root(subject="Own root")
    found = Files(tmp_path, root)
    found.put("ca.pem", root.certificate)
    found.put("crl.pem", root.crl())
    found.put("server.crt", Authority.root(subject="Server root").server(subject="www").certificate)
    return found


def test_files_in_order_pass(files: Files) -> None:
    done = check(files.folder / "ca.pem", files.folder / "crl.pem", files.folder / "server.crt")
    assert done.exit_code == 0
    assert done.output == "PASS: no findings. 2 certificates and 1 CRL examined.\n"


def test_a_fact_stands_at_its_block_and_with_a_configuration_at_the_directive(files: Files) -> None:
    other = Authority.root(subject="Other")
    files.put("ca.pem", files.root.certificate, other.certificate)
    crl = files.put("crl.pem", other.crl(), files.root.crl(last_update=-9 * DAY, next_update=-DAY))
    line = crl.read_text().splitlines().index("-----BEGIN X509 CRL-----", 1) + 1
    assert ids(files.folder / "ca.pem", crl) == [("files.crl_expired", "crl.pem", line)]
    (finding,) = data(files.site())["findings"]
    assert (Path(finding["file"]).name, finding["line"]) == ("site.conf", 6)
    assert finding["message"].startswith(f"{crl}:{line}: The CRL of CN=Own root is out of date since ")
    assert finding["why"].startswith("An outdated CRL refuses every client")


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_warnings_fail_only_under_strict(files: Files, strict: tuple[str, ...], code: int) -> None:
    files.put("ca.pem", files.root.certificate, files.root.client(subject="anna").certificate)
    done = check(files.folder / "ca.pem", *strict)
    assert (done.exit_code, done.output.startswith("warning ")) == (code, True)


def test_an_error_is_exit_code_1(files: Files) -> None:
    files.put("crl.pem", files.root.crl(last_update=-9 * DAY, next_update=-DAY))
    assert check(files.site()).exit_code == 1


def test_nothing_examined_is_no_pass(files: Files) -> None:
    for file in ("ca.pem", "crl.pem"):
        (files.folder / file).unlink()
    done = check(files.site())
    assert (done.exit_code, "INCONCLUSIVE: nothing was examined" in done.output) == (3, True)
    assert ids(files.site()) == [("files.missing", "site.conf", 5), ("files.missing", "site.conf", 6)]
    assert ids(files.site("Timeout 5\n")) == [("files.no_reference", "site.conf", 1)]


def test_pki_names_the_folder_of_the_files(files: Files) -> None:
    config = files.site(SITE.replace("{folder}", "/nowhere/tls"))
    assert check(config).exit_code == 3
    done = check(config, "--pki", files.folder)
    assert (done.exit_code, "1 certificate and 1 CRL examined" in done.output) == (0, True)


@pytest.mark.parametrize("missing", ["ca.pem", "crl.pem"])
def test_files_that_are_not_here_lead_to_no_alarm(files: Files, missing: str) -> None:
    client = files.put("anna.pem", files.root.client(subject="anna").certificate)
    (files.folder / missing).unlink()
    found = data(files.site(), "--client", client)
    assert [one["id"] for one in found["findings"]] == ["files.missing"]
    assert [one["admitted"] for one in found["admissions"]] == ([None] if missing == "crl.pem" else [])


def test_a_real_client_is_admitted_until_the_first_end(files: Files) -> None:
    client = files.put("anna.pem", files.root.client(subject="anna", not_after=99 * DAY).certificate)
    found = data(files.site(), "--client", client)
    (admission,) = found["admissions"]
    end = files.root.crl().next_update_utc
    assert admission["admitted"] is True
    assert end is not None
    assert admission["until"][:10] == end.isoformat()[:10]
    assert Path(admission["where"]).name == "site.conf:8"


def test_a_real_client_is_refused_by_its_condition(files: Files) -> None:
    anna = files.root.client(subject="anna")
    files.put("crl.pem", files.root.crl([anna.certificate]))
    done = check(files.site(), "--client", files.put("anna.pem", anna.certificate))
    assert done.exit_code == 1
    assert "The client `anna` is refused." in done.output
    assert "revoked on" in done.output
    below = files.root.subauthority(subject="Issuing").client(subject="bert")
    deep = files.put("bert.pem", below.certificate, *below.chain)
    assert "(X509_V_ERR 3)" in check(files.site(), "--client", deep).output
    assert "(X509_V_ERR 22)" in check(files.site(SITE.replace("chain", "none")), "--client", deep).output


def test_the_responders_answer_is_not_guessed(files: Files) -> None:
    client = files.put("anna.pem", files.root.client(subject="anna").certificate)
    done = check(files.site(SITE.replace("SSLEngine on", "SSLOCSPEnable on")), "--client", client)
    assert (done.exit_code, "Not examined: the answers of the OCSP responder" in done.output) == (3, True)


def test_a_configuration_without_client_verification_has_no_findings_about_authorities(files: Files) -> None:
    files.put("crl.pem", files.root.crl(last_update=-9 * DAY, next_update=-DAY))
    config = files.site(SITE.replace("SSLVerifyClient require", "SSLVerifyClient none"))
    assert ids(config) == [("files.no_reference", "site.conf", 1)]


def test_the_servers_own_certificate_is_recognised_by_the_configuration(files: Files) -> None:
    alone = Authority.root(subject="www", key_usage=None)
    for name in ("ca.pem", "server.crt"):
        files.put(name, alone.certificate)
    files.put("crl.pem", alone.crl())
    assert ids(files.site()) == [("files.server_certificate", "site.conf", 5)]


def test_the_names_for_browsers_are_compared(files: Files) -> None:
    files.put("names.pem", Authority.root(subject="Other").certificate)
    config = files.site(SITE.replace("SSLEngine on", "SSLCADNRequestFile {folder}/names.pem"))
    named = [("files.named_not_trusted", "site.conf", 2), ("files.trusted_not_named", "site.conf", 2)]
    assert ids(config) == named
    files.put("names.pem", files.root.certificate)
    assert ids(config) == []


def test_a_folder_of_authorities_needs_hashes(files: Files) -> None:
    folder = files.folder / "ca.d"
    folder.mkdir()
    text = SITE.replace("SSLCACertificateFile {folder}/ca.pem", "SSLCACertificatePath {folder}/ca.d")
    config = files.site(f"{text}User root\n")
    files.put("ca.d/own.pem", files.root.certificate)
    assert ids(config) == [("files.not_hashed", "site.conf", 5)]
    for name, content in hashed("ca.d", [files.root.certificate]).items():
        (files.folder / name).write_bytes(content)
    assert ids(config) == []
    assert ids(folder, files.folder / "crl.pem") == []


TICKET = SITE.replace("SSLEngine on", "SSLSessionTicketKeyFile {folder}/ticket.key")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (os.urandom(48), None),
        (os.urandom(80), "ticket_key_length"),
        (os.urandom(47), "ticket_key_length"),
        (bytes(48), "ticket_key_guessable"),
        (b"0123456701234567" * 3, "ticket_key_guessable"),
    ],
    ids=["48 random bytes", "80 bytes", "47 bytes", "zeros", "a pattern"],
)
def test_a_ticket_key_is_48_random_bytes(files: Files, content: bytes, kind: str | None) -> None:
    (files.folder / "ticket.key").write_bytes(content)
    assert ids(files.site(TICKET)) == ([(f"files.{kind}", "site.conf", 2)] if kind else [])


def test_a_ticket_key_does_not_belong_into_git(files: Files) -> None:
    (files.folder / "ticket.key").write_bytes(os.urandom(48))
    config = files.site(TICKET)
    subprocess.run(["git", "init", "-q", files.folder], check=True)
    assert ids(config) == []
    subprocess.run(["git", "-C", files.folder, "add", "ticket.key"], check=True)
    assert ids(config) == [("files.ticket_key_committed", "site.conf", 2)]


def test_what_httpd_opens_as_its_user_must_be_readable_to_it(files: Files) -> None:
    users = files.folder / "users"
    users.write_text("anna:x\n")
    users.chmod(0o600)
    config = files.site("User nosuchuser\n" + SITE.replace("SSLEngine on", "AuthUserFile {folder}/users"))
    assert ids(config) == [("files.not_readable", "site.conf", 3)]
    config.write_text(config.read_text().replace("nosuchuser", "root"))
    assert ids(config) == []


def test_permissions_decide_who_reads(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp") and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    other_user = User("x", 64000, frozenset())
    group = User("g", 64000, frozenset({path.stat().st_gid}))
    path.chmod(0o640)
    assert why_not_readable(path, other_user) == "its permissions are -rw-r-----"
    assert why_not_readable(path, group) is None
    path.chmod(0o604)
    assert why_not_readable(path, other_user) is None
    assert why_not_readable(path, group) == "its permissions are -rw----r--"
    assert why_not_readable(path, User("root", 0, frozenset())) is None


def test_no_key_of_a_server_is_read(files: Files) -> None:
    key = files.folder / "server.key"
    os.mkfifo(key)
    assert check(files.site()).exit_code == 0


def test_der_is_not_for_httpd(files: Files) -> None:
    (files.folder / "ca.pem").write_bytes(files.root.certificate.public_bytes(Encoding.DER))
    assert ("files.not_pem", "site.conf", 5) in ids(files.site())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("none.pem", None, "does not exist"), ("a.bin", b"\0\1\2", "neither PEM"), ("a.pem", b"", "is empty")],
)
def test_bad_input_is_one_clear_line(files: Files, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (files.folder / name).write_bytes(content)
    done = check(files.folder / name)
    assert (done.exit_code, words in done.output) == (2, True)


def test_it_takes_less_than_a_second_and_no_engine(files: Files) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "check", files.site()],
        env=os.environ | {"DOCKER_HOST": "unix:///nowhere"},
        capture_output=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    # The processor's time: the machine may be busy.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
