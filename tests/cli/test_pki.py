"""The pki commands, as a user types them."""

import base64
import html
import os
import plistlib
import pty
import re
import select
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from harness.cli import main
from tests.waiting import PATIENCE

# The tool, where no file can grow beyond 8000 bytes.
CUT_OFF = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
from harness.cli import main
main(sys.argv[1:])
"""
TOOL = str(Path(sys.executable).with_name("mtls-harness"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Type the commands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for variable in ("MTLS_CA_PASSPHRASE", "MTLS_EXPORT_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "pki"


def pki(*arguments: str, code: int = 0, **environment: str) -> Result:
    done = CliRunner().invoke(main, ["pki", *arguments], env=environment)
    assert done.exit_code == code, done.output
    assert code == 0 or done.stderr.count("Error: ") == 1
    return done


def at_a_terminal(*arguments: str, answers: list[str]) -> str:
    """Run the command at a terminal; type each answer once the command has asked for it."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(TOOL, [TOOL, "pki", *arguments])
    shown, asked = b"", 0
    while True:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"Not within {PATIENCE:.0f} s: more output, or its end, after\n{shown.decode()}")
        try:
            shown += os.read(terminal, 1000)
        except OSError:  # The terminal is gone with its process.
            break
        while answers and shown.count(b": ", asked) and shown.endswith(b": "):
            asked = len(shown)
            os.write(terminal, f"{answers.pop(0)}\n".encode())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown.decode()
    return shown.decode()


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def openssl(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["openssl", *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_the_tutorials_steps_one_after_another(folder: Path) -> None:
    subject = ["-C", "DE", "-ST", "Hessen", "-L", "Fulda", "-O", "Example", "-OU", "IT", "-CN", "Example root"]
    pki("init", *subject, "--email", "ca@example.test", "--days", "700")
    pki("server", "--name", "www.example.test", "--name", "192.0.2.1")
    pki("client", "alice", "-O", "Example", "--email", "alice@example.test")
    root = certificate(folder / "ca.crt")
    assert [entry.value for entry in root.subject] == [
        "DE", "Hessen", "Fulda", "Example", "IT", "Example root", "ca@example.test",
    ]  # fmt: skip
    assert (root.not_valid_after_utc - root.not_valid_before_utc).days == 700
    for file, purpose in (("server/server.crt", "sslserver"), ("clients/alice/client.crt", "sslclient")):
        done = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder / "ca.crt", folder / file)
        assert done.returncode == 0, done.stderr
    names = certificate(folder / "server/server.crt").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(name.value) for name in names.value] == ["www.example.test", "192.0.2.1"]


def test_rsa_4096_on_request(folder: Path) -> None:
    pki("init", "--key-type", "rsa-4096")
    assert "4096 bit" in openssl("x509", "-in", folder / "ca.crt", "-noout", "-text").stdout
    assert "rsa-1024" not in pki("init", "--help").output


def test_an_intermediate_issues_and_its_chain_verifies(folder: Path) -> None:
    pki("init", "--intermediate")
    (folder / "private" / "ca.key").rename(folder.parent / "offline.key")
    pki("client", "alice")
    file = folder / "clients" / "alice" / "client.crt"
    done = openssl("verify", "-x509_strict", "-CAfile", folder / "ca.crt", "-untrusted", file, file)
    assert done.returncode == 0, done.stderr
    assert "key offline" in pki("show").output
    assert "--path-length 1 or more" in pki("init", "--intermediate", "--path-length", "0", code=2).stderr


def test_an_authority_is_not_made_twice(folder: Path) -> None:
    pki("init")
    before = (folder / "ca.crt").read_bytes()
    assert "never overwritten" in pki("init", code=2).stderr
    assert (folder / "ca.crt").read_bytes() == before


# --- Secrets


def test_a_passphrase_comes_from_a_file_or_the_environment_or_a_terminal(folder: Path, tmp_path: Path) -> None:
    pki("init", MTLS_CA_PASSPHRASE="correct horse")
    with pytest.raises(TypeError):
        load_pem_private_key((folder / "private" / "ca.key").read_bytes(), None)
    pki("client", "alice", MTLS_CA_PASSPHRASE="correct horse")
    (tmp_path / "secret").write_text("correct horse\n")
    pki("client", "bob", "--passphrase-file", "secret")
    at_a_terminal("client", "carol", answers=["correct horse"])
    assert "encrypted. Put its passphrase into" in pki("client", "dave", code=2).stderr
    assert "passphrase is wrong" in pki("client", "dave", code=2, MTLS_CA_PASSPHRASE="x").stderr
    assert [path.name for path in sorted((folder / "clients").iterdir())] == ["alice", "bob", "carol"]


def test_encryption_is_asked_for_twice_and_never_echoed(folder: Path) -> None:
    shown = at_a_terminal("init", "--encrypt", answers=["correct horse", "correct horse"])
    assert "Repeat for confirmation" in shown
    assert "correct horse" not in shown
    load_pem_private_key((folder / "private" / "ca.key").read_bytes(), b"correct horse")
    assert "No terminal to ask" in pki("init", "--dir", "other", "--encrypt", code=2).stderr


def test_no_secret_can_be_given_on_the_command_line() -> None:
    for command in ("init", "client", "export"):
        options = re.findall(r"--[a-z-]*(?:pass|secret)[a-z-]*", pki(command, "--help").output)
        assert set(options) <= {"--passphrase-file", "--password-file"}


@pytest.mark.parametrize("encryption", [[], ["--compatible"]], ids=["modern", "compatible"])
def test_a_pfx_opens_with_its_password_only(folder: Path, encryption: list[str]) -> None:
    pki("init")
    pki("client", "alice")
    pki("export", "alice", *encryption, MTLS_EXPORT_PASSWORD="secret")
    file = folder / "clients" / "alice" / "alice.pfx"
    assert file.stat().st_mode & 0o777 == 0o600
    command = ["pkcs12", "-in", str(file), "-noenc", "-passin", "env:PFX"]
    opened = openssl(*command, PFX="secret")
    assert opened.stdout.count("BEGIN CERTIFICATE") == 2
    assert "BEGIN PRIVATE KEY" in opened.stdout
    assert openssl(*command, PFX="Secret").returncode != 0


def test_without_a_password_a_strong_one_is_made_and_shown_once(folder: Path) -> None:
    pki("init")
    pki("client", "alice")
    output = pki("export", "alice", "--without-ca").output
    password = re.search(r"shown this once: (\S+)", output)
    assert password
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}", password[1])
    read = load_pkcs12((folder / "clients/alice/alice.pfx").read_bytes(), password[1].encode())
    assert read.additional_certs == []
    assert not [file for file in folder.rglob("*") if file.is_file() and password[1].encode() in file.read_bytes()]


def test_a_pfx_goes_where_it_is_wanted_and_over_nothing(folder: Path, tmp_path: Path) -> None:
    pki("init")
    pki("client", "alice")
    tmp_path.chmod(0o755)
    pki("export", "alice", "--out", "alice.pfx", MTLS_EXPORT_PASSWORD="secret")
    assert (tmp_path / "alice.pfx").stat().st_mode & 0o777 == 0o600
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert "not overwritten" in pki("export", "alice", "--out", "alice.pfx", code=2).stderr


def test_a_key_that_no_pfx_can_contain_is_named(folder: Path) -> None:
    pki("init")
    pki("client", "alice", "--key-type", "ml-dsa-65")
    assert "A .pfx cannot contain" in pki("export", "alice", code=2).stderr
    assert exported(folder) == set()


# --- Installing on people's machines


def exported(folder: Path) -> set[str]:
    """The files of alice's folder without its certificate and key; no file may be incomplete."""
    return {path.name for path in (folder / "clients" / "alice").iterdir()} - {"client.crt", "client.key"}


ALL = {
    "alice.pfx", "alice-compatible.pfx", "alice.mobileconfig", "alice-ca.crt", "alice-truststore.p12", "alice.html",
    "alice.zip",
}  # fmt: skip
MACHINES = ["Windows", "macOS", "iOS", "Android", "Chrome on Linux", "Firefox", "curl", "Python", "Java"]


@pytest.fixture
def issued(folder: Path) -> Path:
    pki("init")
    pki("client", "alice")
    return folder


def test_an_export_names_the_file_of_each_machine(issued: Path) -> None:
    output = pki("export", "alice", MTLS_EXPORT_PASSWORD="secret").output
    assert exported(issued) == ALL
    assert "alice.html shows how to import it" in output
    files = {words[0]: words[1] for line in output.splitlines() if (words := re.split(r" {2,}", line.strip()))[1:]}
    assert files == {
        "alice.pfx": "Windows, Chrome on Linux, Firefox, curl, Python, Java",
        "alice.mobileconfig": "macOS, iOS",
        "alice-compatible.pfx": "Android",
    }
    page = (issued / "clients/alice/alice.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == MACHINES
    named = re.findall(r'<code class="file">(.*?)</code>', page)
    assert set(named) == ALL - {"alice.html", "alice.zip"}
    assert output.endswith("alice.zip contains all files: send it to a phone or another machine.\n")


def test_the_archive_holds_all_files(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    with zipfile.ZipFile(issued / "clients/alice/alice.zip") as archive:
        assert set(archive.namelist()) == ALL - {"alice.zip"}
        assert load_pkcs12(archive.read("alice-compatible.pfx"), b"secret").cert
        assert archive.read("alice-ca.crt") == (issued / "ca.crt").read_bytes()


def test_what_holds_the_key_is_its_owners_alone(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    modes = {name: (issued / "clients/alice" / name).stat().st_mode & 0o777 for name in ALL}
    secret = {"alice.pfx", "alice-compatible.pfx", "alice.mobileconfig", "alice.zip"}
    assert {name for name, mode in modes.items() if mode == 0o600} == secret
    assert {mode for name, mode in modes.items() if name not in secret} == {0o644}


def test_the_password_is_in_no_file(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="correct horse")
    files = [issued / "clients/alice" / name for name in ALL]
    forms = (b"correct horse", "correct horse".encode("utf-16-be"), base64.b64encode(b"correct horse").rstrip(b"="))
    assert [file for file in files for form in forms if form in file.read_bytes()] == []


def test_a_compatible_export_has_one_pfx_for_all(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    output = pki("export", "alice", "--compatible", MTLS_EXPORT_PASSWORD="other").output
    assert exported(issued) == ALL - {"alice-compatible.pfx"}  # The one of before has another password.
    assert re.search(r"alice\.pfx +Windows, Android, ", output)
    assert "alice-compatible" not in (issued / "clients/alice/alice.html").read_text()


def test_a_key_that_no_browser_knows_is_exported_for_programs(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    pki("client", "alice", "--renew", "--key-type", "ed25519")
    done = pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    assert "Browsers do not support Ed25519 keys" in done.stderr
    assert exported(issued) == ALL - {"alice.mobileconfig", "alice-compatible.pfx"}
    assert re.findall("<h2>(.*?)</h2>", (issued / "clients/alice/alice.html").read_text()) == MACHINES[-3:]


def test_without_the_root_no_step_speaks_of_it(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    pki("export", "alice", "--without-ca", MTLS_EXPORT_PASSWORD="secret")
    assert exported(issued) == ALL - {"alice-ca.crt", "alice-truststore.p12"}
    page = (issued / "clients/alice/alice.html").read_text()
    assert re.search("mTLS root|alice-ca|truststore|trustStore|Trust|cacert|verify=", page) is None
    profile = plistlib.loads((issued / "clients/alice/alice.mobileconfig").read_bytes())
    assert [entry["PayloadType"] for entry in profile["PayloadContent"]] == ["com.apple.security.pkcs12"]


def test_the_checks_visit_the_server(issued: Path) -> None:
    page = issued / "clients/alice/alice.html"
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    assert "https://localhost:8443/" in page.read_text()
    pki("server", "--name", "*.example.test", "--name", "www.example.test")
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    assert "https://www.example.test/" in page.read_text()
    pki("export", "alice", "--url", "https://intern.example.test:444/x?a=1&b='2'", MTLS_EXPORT_PASSWORD="secret")
    assert "https://intern.example.test:444/x?a=1&b='2'" in html.unescape(page.read_text())
    for wrong in ("http://www.example.test/", "https://", "https://[1/", "https://a b/"):
        assert "is not an https:// URL" in pki("export", "alice", "--url", wrong, code=2).stderr


def test_a_hostile_name_stays_text(folder: Path, tmp_path: Path) -> None:
    name = "<script>x</script>'; touch hacked1; ' $(touch hacked2)"
    pki("init", "-CN", f"{name}.")
    pki("client", "alice", "-CN", name)
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    page = (folder / "clients/alice/alice.html").read_text()
    assert "<script" not in page
    typed = [html.unescape(text) for text in re.findall("<pre>(.*?)</pre>", page, re.DOTALL) if "certutil" in text]
    assert len(typed) == 2
    for script in typed:
        subprocess.run(["bash", "-c", script], env={"HOME": str(tmp_path)}, capture_output=True, check=False)
    assert not list(tmp_path.rglob("hacked*"))


def test_the_page_fetches_nothing(issued: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    page = (issued / "clients/alice/alice.html").read_text()
    assert re.findall(r"<(?:script|link|img|iframe|object)|\bsrc=|url\(|@import", page) == []
    assert all(target.startswith("#m") for target in re.findall(r'href="(.*?)"', page))


def test_no_file_of_an_export_goes_over_another(issued: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "a.html").write_text("mine")
    failed = pki("export", "alice", "--out", "stick/a.pfx", code=2, MTLS_EXPORT_PASSWORD="secret")
    assert "stick/a.html exists and is not overwritten" in failed.stderr
    assert [path.name for path in (tmp_path / "stick").iterdir()] == ["a.html"]
    failed = pki("export", "alice", "--out", "stick/b.html", code=2, MTLS_EXPORT_PASSWORD="secret")
    assert "is the name of another file of the export" in failed.stderr
    (tmp_path / "stick" / "b-compatible.pfx").write_text("mine")
    pki("export", "alice", "--compatible", "--out", "stick/b.p12", MTLS_EXPORT_PASSWORD="secret")
    assert (tmp_path / "stick" / "b-compatible.pfx").read_text() == "mine"
    assert "openssl pkcs12 -in b.p12 -nodes" in (tmp_path / "stick" / "b.html").read_text()


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_an_export_that_fails_leaves_what_was(issued: Path, before: bool) -> None:
    if before:
        pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    old = {name: (issued / "clients/alice" / name).read_bytes() for name in exported(issued)}
    # The kernel cuts every file off here, as a full disk would: the .pfx fit, the page does not.
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, "pki", "export", "alice"],
        env=os.environ | {"MTLS_EXPORT_PASSWORD": "other"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "File too large" in done.stderr
    assert {name: (issued / "clients/alice" / name).read_bytes() for name in exported(issued)} == old


def test_a_folder_in_the_way_of_a_file_stops_the_export_before_it_begins(issued: Path) -> None:
    (issued / "clients/alice/alice.html").mkdir()
    assert "alice.html: Is a directory" in pki("export", "alice", code=2, MTLS_EXPORT_PASSWORD="secret").stderr
    assert exported(issued) == {"alice.html"}


@pytest.mark.parametrize("password", ["pässword", "tab\tbed", "\N{GRINNING FACE}"])
def test_a_password_that_not_every_machine_understands_is_refused(issued: Path, password: str) -> None:
    assert "must work on every system" in pki("export", "alice", code=2, MTLS_EXPORT_PASSWORD=password).stderr
    assert exported(issued) == set()


def test_a_later_profile_takes_the_place_of_the_former(issued: Path) -> None:
    file = issued / "clients/alice/alice.mobileconfig"
    identifiers = []
    for arguments in (["client", "bob"], ["client", "alice", "--renew"]):
        pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
        identifiers.append(plistlib.loads(file.read_bytes())["PayloadIdentifier"])
        pki(*arguments)
    assert len(set(identifiers)) == 1
    pki("export", "bob", MTLS_EXPORT_PASSWORD="secret")
    other = plistlib.loads((issued / "clients/bob/bob.mobileconfig").read_bytes())
    assert other["PayloadIdentifier"] not in identifiers


def test_the_content_of_a_pfx_is_shown_with_its_password(issued: Path, tmp_path: Path) -> None:
    pki("export", "alice", MTLS_EXPORT_PASSWORD="secret")
    for name in ("alice.pfx", "alice-compatible.pfx"):
        file = str(issued / "clients/alice" / name)
        shown = pki("show", file, MTLS_EXPORT_PASSWORD="secret").output
        assert re.findall("subject +(.*)", shown) == ["CN=alice", "CN=mTLS root"]
        assert "does not open with this password" in pki("show", file, code=2, MTLS_EXPORT_PASSWORD="Secret").stderr
        assert "Put its password into" in pki("show", file, code=2).stderr
        assert "is encrypted" not in at_a_terminal("show", file, answers=["secret"])
        (tmp_path / "half.pfx").write_bytes(Path(file).read_bytes()[:500])
        assert "or is damaged" in pki("show", "half.pfx", code=2, MTLS_EXPORT_PASSWORD="secret").stderr
    der = certificate(issued / "ca.crt").public_bytes(Encoding.DER)
    (tmp_path / "ca.der").write_bytes(der)
    assert "subject    CN=mTLS root" in pki("show", "ca.der").output


# --- Requests made elsewhere


def test_a_request_made_by_openssl_is_signed(folder: Path) -> None:
    pki("init")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "k.pem",
            "-out", "carol.csr", "-subj", "/O=Example/CN=carol", "-addext", "basicConstraints=CA:TRUE",
            "-addext", "subjectAltName=email:carol@example.test")  # fmt: skip
    assert "asks for carol@example.test" in pki("sign", "carol.csr", code=2).stderr
    output = pki("sign", "carol.csr", "--name", "carol@example.test").output
    assert "Not taken from the request: BasicConstraints." in output
    done = openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", folder / "ca.crt", "carol.crt")
    assert done.returncode == 0, done.stderr
    pki("sign", "carol.csr", "--for", "server", "--out", "s.crt", "--renew", "--name", "carol@example.test")
    assert openssl("verify", "-purpose", "sslserver", "-CAfile", folder / "ca.crt", "s.crt").returncode == 0


# --- Revocation and what is shown


def test_a_revoked_client_is_on_the_crl_and_shown(folder: Path) -> None:
    pki("init")
    pki("client", "alice")
    pki("revoke", "alice", "--reason", "keyCompromise")
    assert "Key Compromise" in openssl("crl", "-in", folder / "server" / "crl.pem", "-noout", "-text").stdout
    assert re.search(r"client +revoked +alice", pki("show").output)
    assert "reason     keyCompromise" in pki("show", "alice").output
    assert "subject    CN=alice" in pki("show", str(folder / "clients/alice/client.crt")).output
    assert "revoked already" in pki("revoke", "alice", code=2).stderr
    assert "valid until" in pki("crl", "--days", "7").output


def test_a_crl_whose_key_is_offline_is_named_and_turns_the_exit_code_before_it_expires(folder: Path) -> None:
    pki("init", "--intermediate")
    assert "key is offline" not in pki("crl").stderr
    (folder / "private" / "ca.key").rename(folder / "offline.key")
    done = pki("crl")
    assert "CRL of intermediate: valid until" in done.stdout
    assert "CRL of ca" not in done.stdout
    assert "Not renewed: the CRL of ca (valid until" in done.stderr
    assert "private/ca.key" in done.stderr
    # The root's CRL, valid for a year, now ends before the renewed one.
    done = CliRunner().invoke(main, ["pki", "crl", "--days", "400"])
    assert (done.exit_code, "Not renewed: the CRL of ca" in done.stderr) == (1, True)
    (folder / "offline.key").rename(folder / "private" / "ca.key")
    assert pki("crl", "--days", "400").stderr == ""


def test_the_list_of_certificates_says_what_renews_each_crl(folder: Path) -> None:
    pki("init", "--intermediate")
    assert pki("show").output.count("`mtls-harness pki crl` renews it.") == 2
    (folder / "private" / "ca.key").unlink()
    lines = [line for line in pki("show").output.splitlines() if line.startswith("CRL of ")]
    assert [line.rpartition("; ")[2] for line in lines] == [
        "to renew it, put back its key.",
        "`mtls-harness pki crl` renews it.",
    ]


def test_a_server_is_named_by_an_argument_or_by_an_option(folder: Path) -> None:
    pki("init")
    for arguments in (["www.example.test", "example.test"], ["--name", "www.example.test", "--name", "example.test"]):
        pki("server", *arguments)
        names = certificate(folder / "server" / "server.crt").extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert names.value.get_values_for_type(x509.DNSName) == ["www.example.test", "example.test"]


def test_a_new_crl_leaves_the_published_root_as_it_is(folder: Path) -> None:
    """The health check names the files that changed after the last reload."""
    pki("init")
    before = {name: (folder / "server" / name).stat().st_ctime_ns for name in ("ca.crt", "crl.pem")}
    pki("crl")
    after = {name: (folder / "server" / name).stat().st_ctime_ns for name in before}
    assert after["ca.crt"] == before["ca.crt"]
    assert after["crl.pem"] > before["crl.pem"]


# --- Wrong input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["client", "alice", "-C", "Germany"], "--country 'Germany'"),
        (["client", "alice", "-CN", "x" * 65], "--common-name"),
        (["client", "alice", "-CN", "x\x1b[2K"], "cannot be printed"),
        (["client", "alice", "-CN", ""], "needs a subject or a --name"),
        (["client", "../alice"], "cannot name a folder"),
        (["server", "--name", "two words"], "'two words' is not a DNS name"),
        (["server", "--name", "bücher.example.test"], "--name"),
        (["server", "--crl-url", "https://crl.example.test/"], "http:// address"),
        (["client", "alice", "--days", "0"], "--days"),
        (["client", "alice", "--key-type", "rsa-1024"], "rsa-1024"),
        (["sign", "nothing.csr"], "nothing.csr"),
        (["sign", "binary"], "cannot be read as a certificate signing request"),
        (["revoke", "nobody"], "never issued"),
        (["export", "nobody"], "No client nobody was made"),
        (["show", "nobody"], "never issued"),
        (["show", "binary"], "no certificate in PEM form"),
        (["show", "--dir", "elsewhere"], "There is no authority in elsewhere"),
        (["export", "alice", "--password-file", "empty"], "No client alice"),
    ],
)
def test_wrong_input_is_a_message_and_exit_code_2(tmp_path: Path, arguments: list[str], words: str) -> None:
    pki("init")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "empty").write_bytes(b"")
    assert words in pki(*arguments, code=2).stderr


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert "file/pki" in pki("init", "--dir", "file/pki", code=2).stderr


def test_a_certificate_does_not_outlive_its_authority(folder: Path) -> None:
    pki("init", "--days", "10")
    assert "with the authority itself" in pki("client", "alice").stderr
    assert (
        certificate(folder / "clients/alice/client.crt").not_valid_after_utc
        == certificate(folder / "ca.crt").not_valid_after_utc
    )
