"""The targets of a verification and their names, and reports that cannot be written."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import Authority
from harness.verify import REFERENCE
from tests.command import completed
from tests.configurations.corpus import HERE

SOUND = (HERE / "correct" / "required_snippet.conf").read_text()
REPORTS = ("json", "junit", "sarif", "html")
FEW = ("-k", "valid.p256 or absent.none or revocation.revoked_leaf")
COMMAND = [sys.executable, "-m", "harness"]


def verify(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return completed("verify", *arguments, stdin=stdin)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "site.conf").write_text(SOUND)
    return tmp_path / "site.conf"


@pytest.fixture
def unchecked(config: Path) -> Path:
    """A configuration with a warning and no error: it promises nothing about revocation."""
    lines = [line for line in SOUND.splitlines() if "SSLCARevocation" not in line]
    config.write_text("\n".join([*lines, ""]))
    return config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a CONFIG, or --reference"),
        (("--strict",), "name a CONFIG, or --reference"),
        (("",), "Is a variable not set?"),
        (("--reference", "site.conf"), "leave out CONFIG"),
        (("--reference", "--compose", "compose.yaml"), "leave out --compose"),
        (("site.conf", "--json", "-", "--html", "-"), "--json and --html both write to standard output"),
        (("site.conf", "--json", "same", "--html", "./same"), "--json and --html both write to"),
        (("site.conf", "-q", "-v"), "-q and -v exclude each other"),
    ],
)
def test_an_empty_or_contradictory_command_line_is_no_pass(arguments: tuple[str, ...], message: str) -> None:
    done = verify(*arguments)
    assert (done.returncode, message in done.stderr, done.stdout) == (2, True, ""), done.stderr


@pytest.mark.engine
@pytest.mark.parametrize("report", REPORTS)
def test_a_report_that_cannot_be_written_is_one_line_and_no_verdict(config: Path, report: str) -> None:
    done = verify(config, *FEW, f"--{report}", "/dev/full")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "No verdict. /dev/full cannot be written: No space left on device.\n"


def test_the_other_commands_write_their_reports_alike(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.crt"
    certificate.write_bytes(Authority.root(subject="Root").certificate.public_bytes(Encoding.PEM))
    for arguments in (["check", str(certificate)], ["explain", "--client", str(certificate), "--ca", str(certificate)]):
        command = [*COMMAND, *arguments, "--json", "/dev/full"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (
            3,
            "No verdict. /dev/full cannot be written: No space left on device.\n",
        ), done.stdout


@pytest.mark.engine
def test_a_full_disk_leaves_the_old_report_and_nothing_else(config: Path) -> None:
    """A limit on the size of files stands for the disk."""
    report = config.with_name("report.html")
    report.write_text("the old one")
    limited = ["prlimit", "--fsize=4096", *COMMAND, "verify", str(config), *FEW, "--html", str(report)]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, len(done.stderr.splitlines()), "Traceback" in done.stderr) == (3, 1, False), done.stderr
    assert report.read_text() == "the old one"
    assert {path.name for path in config.parent.iterdir()} == {"site.conf", "report.html"}


@pytest.mark.engine
def test_standard_output_that_takes_no_more_is_no_verdict(config: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "verify", str(config), *FEW],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        3,
        "No verdict. Standard output cannot be written: No space left on device.\n",
    )


@pytest.mark.engine
def test_a_new_report_has_the_usual_mode_and_a_link_stays_a_link(config: Path) -> None:
    real, link = config.with_name("real.json"), config.with_name("link.json")
    link.symlink_to(real)
    assert verify(config, *FEW, "--json", link).returncode == 0
    umask = os.umask(0)
    os.umask(umask)
    assert (real.stat().st_mode & 0o777, link.is_symlink()) == (0o666 & ~umask, True)


@pytest.mark.engine
@pytest.mark.parametrize(
    "name", ["my site.conf", 'it\'s "the" site.conf', "größe-サイト.conf", "a$b`c;d&.conf", "-x.conf"]
)
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(SOUND.replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    done = verify(file, "-k", "absent.none or valid.p256")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith(f"{file}: 1 site, httpd 2.4.")
    assert last.startswith(f"{file}: FAIL, 1 error. ")
    assert f"error {file}:" in done.stdout
    assert done.returncode == 1
    file.write_text("SSLVerifyClient always\n")
    assert f"Syntax error on line 1 of {name}" in verify(file).stderr


@pytest.mark.engine
def test_files_with_such_names_may_be_included(tmp_path: Path) -> None:
    (tmp_path / "sites enabled").mkdir()
    text = (REFERENCE.configuration / "httpd.conf").read_text()
    file = tmp_path / "sites enabled" / "größe 'a'.conf"
    server, host = text.split("<VirtualHost", 1)
    file.write_text(f"<VirtualHost{host}".replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    (tmp_path / "httpd.conf").write_text(f'{server}Include "conf/sites enabled/*.conf"\n')
    done = verify(tmp_path, "-k", "absent.none or valid.p256")
    assert (done.returncode, f"error {file}:" in done.stdout) == (1, True), done.stdout + done.stderr
    file.write_text("SSLVerifyClient always\n")
    assert "Syntax error on line 1 of sites enabled/größe 'a'.conf" in verify(tmp_path).stderr


@pytest.mark.engine
def test_a_snippet_comes_from_standard_input_or_a_pipe(config: Path) -> None:
    done = verify("-", *FEW, stdin=SOUND.replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    assert (done.returncode, "error standard input:" in done.stdout) == (1, True), done.stdout + done.stderr
    script = f'exec "$0" -m harness verify <(cat "{config}") -q -k absent.none'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, ": PASS. 2 of 2 probes as expected" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.engine
@pytest.mark.parametrize(("options", "verdict"), [((), "pass"), (("--strict",), "fail")])
def test_every_report_has_the_same_verdict_about_a_warning(
    unchecked: Path, options: tuple[str, ...], verdict: str
) -> None:
    files = {name: unchecked.with_name(f"report.{name}") for name in REPORTS}
    written = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    done = verify(unchecked, *FEW, *options, *written)
    failed = verdict == "fail"
    assert done.returncode == int(failed), done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{unchecked}: {verdict.upper()}, 1 warning. ")
    assert json.loads(files["json"].read_text())["verdict"] == verdict
    suites = ElementTree.parse(files["junit"]).getroot().findall("testsuite")
    assert (sum(int(suite.get("failures", 0)) for suite in suites) > 0) == failed
    (result,) = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert result["level"] == ("error" if failed else "warning")
    assert f"{verdict.upper()}, 1 warning" in files["html"].read_text().replace("</span>", "")


@pytest.mark.engine
def test_failures_come_first_in_junit(config: Path) -> None:
    config.write_text(SOUND.replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    report = config.with_name("r.xml")
    assert verify(config, *FEW, "--junit", report).returncode == 1
    for suite in ElementTree.parse(report).getroot().findall("testsuite"):
        failed = [test.find("failure") is not None for test in suite.findall("testcase")]
        assert failed == sorted(failed, reverse=True)
        assert failed[0]


@pytest.mark.engine
def test_a_certificate_that_is_required_of_no_authority_is_named() -> None:
    done = verify("-", stdin="SSLVerifyClient require\n")
    assert "No SSLCACertificateFile: nobody can be admitted." in " ".join(done.stdout.split())
    assert "Write `SSLCACertificateFile FILE` here." in " ".join(done.stdout.split())
    assert "file named here" not in done.stdout
    assert len(done.stdout.splitlines()) < 25, "no row for each client without a verdict"


@pytest.mark.engine
def test_a_known_warning_does_not_count_and_a_new_one_does(unchecked: Path) -> None:
    before = unchecked.with_name("before.json")
    assert verify(unchecked, *FEW, "--json", before).returncode == 0
    unchecked.write_text("# a line above\n" + unchecked.read_text())
    done = verify(unchecked, *FEW, "--strict", "--baseline", before)
    assert (done.returncode, "PASS, 1 accepted." in done.stdout) == (0, True), done.stdout
    known = json.loads(before.read_text())
    known["findings"][0]["fingerprint"] = "0" * 32
    before.write_text(json.dumps(known))
    assert verify(unchecked, *FEW, "--strict", "--baseline", before).returncode == 1


def test_a_baseline_that_is_no_report_is_a_wrong_command_line(config: Path) -> None:
    done = verify(config, "--baseline", config)
    assert (done.returncode, "is no report of" in done.stderr) == (2, True), done.stderr


@pytest.mark.engine
def test_the_policy_accepts_one_finding_at_one_line_for_a_reason(unchecked: Path) -> None:
    report, policy = unchecked.with_name("r.json"), unchecked.with_name("policy.toml")
    verify(unchecked, *FEW, "--json", report)
    (finding,) = json.loads(report.read_text())["findings"]
    entry = f'[[accept]]\nfinding = "{finding["id"]}"\nfile = "site.conf"\nline = {{}}\nreason = "until May"\n'
    policy.write_text(entry.format(finding["line"]))
    sarif = unchecked.with_name("r.sarif")
    done = verify(unchecked, *FEW, "--strict", "--policy", policy, "--sarif", sarif)
    assert (done.returncode, "PASS, 1 accepted." in done.stdout, "until May" in done.stdout) == (0, True, True)
    (result,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "external", "status": "accepted", "justification": "until May"}]
    policy.write_text(entry.format(finding["line"] + 1))
    done = verify(unchecked, *FEW, "--strict", "--policy", policy)
    # A long path is wrapped within itself.
    assert (done.returncode, f"{policy}:2accepts" in "".join(done.stdout.split())) == (1, True)
    assert "this run has no such finding" in " ".join(done.stdout.split())


@pytest.mark.parametrize("module", ["click", "harness.cli.verify", "harness.verify.run"])
def test_ctrl_c_during_the_imports_is_no_verdict(module: str) -> None:
    """The signal comes while this module is looked for."""
    script = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from harness.__main__ import main
sys.argv[1:] = ["verify", "--reference", "--keep"]
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (3, "", False), done.stderr
    assert done.stderr.startswith("No verdict. Interrupted.")
