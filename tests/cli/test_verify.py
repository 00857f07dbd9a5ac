"""`mtls-harness verify` as its users call it: exit codes, reports, and what it leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.bench.sites import several
from harness.engine.client import sweep
from harness.verify import REFERENCE
from tests.command import left_behind, published, started, while_it_runs
from tests.waiting import PATIENCE

pytestmark = pytest.mark.engine
VERIFY = [sys.executable, "-m", "harness", "verify"]


def verify(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VERIFY, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def slow(tmp_path: Path) -> list[str]:
    """The command line of a run of ten seconds and more, so that it does not end before a test interferes."""
    folder = shutil.copytree(REFERENCE.configuration, tmp_path / "conf")
    file = folder / "httpd.conf"
    file.write_text(several(file.read_text(), 20))
    return ["verify", str(folder), "--jobs", "1"]


def wait_for_its_httpd(running: "subprocess.Popen[str]") -> None:
    """Wait until the run has started httpd: from then on it asks the engine for nothing new."""
    while_it_runs(running, "a container of the run with a published port", lambda: published(running.pid))


def test_the_reference_deployment_passes_with_exit_code_0() -> None:
    done = verify("--reference")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    assert "\x1b" not in done.stdout, "a pipe gets no colours"


def test_the_report_has_the_documented_shape(tmp_path: Path) -> None:
    done = verify("--reference", "--json", str(tmp_path / "r.json"), "-k", "validity or absent.none", "--quiet")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stdout.startswith("images/httpd/conf: PASS. ")
    report = json.loads((tmp_path / "r.json").read_text())
    parts = ["version", "verdict", "subject", "sites", "results", "coverage", "findings", "timing_s", "trouble"]
    assert list(report) == parts
    assert (report["version"], report["verdict"]) == (1, "pass")
    assert list(report["subject"]) == ["config", "image", "httpd", "openssl"]
    assert report["subject"]["httpd"].startswith("2.4.")
    (site,) = report["sites"]
    assert site["url"] == "https://localhost:8443/"
    guard = site["guard"]
    assert (guard["verify_client"], guard["verify_depth"], guard["revocation"]) == ("require", 3, "chain")
    assert guard["file"] == "httpd.conf"
    result = next(entry for entry in report["results"] if (entry["case"], entry["tls"]) == ("validity.expired", "1.3"))
    assert result.pop("duration_ms") > 0
    assert result.pop("probe").startswith("probe-")
    assert result == {
        "case": "validity.expired",
        "site": "s1",
        "tls": "1.3",
        "expected": "refused",
        "outcome": "refused-in-handshake",
        "alert": "certificate_expired",
        "status": None,
        "identity": None,
        "reason": {"ah": "AH02276", "x509_error": 10, "text": None, "file": None, "line": None, "condition": None},
        "verdict": "as-expected",
        "level": None,
        "error": None,
    }
    assert set(report["timing_s"]) == {"total", "engine", "pki", "probes"}


def test_a_report_on_standard_output_stands_alone() -> None:
    done = verify("--reference", "--json", "-", "-k", "absent.none", "--tls", "1.3")
    assert [entry["tls"] for entry in json.loads(done.stdout)["results"]] == ["1.3"]
    assert "PASS" in done.stderr


def test_junit_counts_every_probe(tmp_path: Path) -> None:
    verify("--reference", "--junit", str(tmp_path / "r.xml"), "-k", "validity")
    whole, suite = ElementTree.parse(tmp_path / "r.xml").getroot().findall("testsuite")
    assert (whole.get("tests"), whole.get("failures"), whole.get("errors")) == ("1", "0", "0")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("12", "0", "0")


def test_nothing_is_left_behind_by_a_run() -> None:
    with started("verify", "--reference", "-k", "absent.none") as running:
        output, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, output + errors
    assert left_behind(running.pid) == []


def test_nothing_is_left_behind_where_the_container_started_in_vain() -> None:
    with started("verify", "--reference", "-k", "no_such_case") as running:
        output, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, "No case matches" in errors) == (2, True), output + errors
    assert left_behind(running.pid) == []


def test_a_port_that_the_files_do_not_name_is_published_all_the_same(tmp_path: Path) -> None:
    text = (REFERENCE.configuration / "httpd.conf").read_text()
    assert text.count("8443") > 1
    (tmp_path / "httpd.conf").write_text("Define PORT 8443\n" + text.replace("8443", "${PORT}"))
    done = verify(str(tmp_path), "-k", "absent.none or valid.p256", "--json", str(tmp_path / "r.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    (site,) = json.loads((tmp_path / "r.json").read_text())["sites"]
    assert site["url"] == "https://localhost:8443/"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_and_gives_no_verdict(slow: list[str], number: signal.Signals) -> None:
    with started(*slow) as running:
        wait_for_its_httpd(running)
        running.send_signal(number)
        output, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, "Interrupted" in errors, "Traceback" in errors) == (3, True, False), output + errors
    assert left_behind(running.pid) == []


def test_the_next_run_sweeps_what_a_killed_one_left(slow: list[str]) -> None:
    with started(*slow) as running:
        wait_for_its_httpd(running)
        running.kill()
        running.communicate()
        # Any other run may sweep as well.
        sweep()
    assert left_behind(running.pid) == []


def test_a_sweep_leaves_a_run_alone_that_is_alive(slow: list[str]) -> None:
    with started(*slow, "-k", "validity or absent") as running:
        wait_for_its_httpd(running)
        sweep()
        output, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, output + errors
