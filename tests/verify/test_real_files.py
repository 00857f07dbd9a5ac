"""The real files of a configuration are examined beside the run, and their findings are in every report."""

import json
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.cases import Case
from harness.pki import Authority
from harness.report import FORMATS
from harness.verify import Finding, Run, Target, verify

pytestmark = pytest.mark.engine

DAY = timedelta(days=1)
ROOT = Authority.root(subject="Own root")
SITE = """Listen 8443
<VirtualHost *:8443>
SSLEngine on
SSLCertificateFile /etc/tls/server.crt
SSLCertificateKeyFile /etc/tls/server.key
SSLCACertificateFile /etc/tls/ca.pem
SSLCARevocationFile /etc/tls/crl.pem
SSLCARevocationCheck chain
SSLVerifyClient require
</VirtualHost>
"""


def none(case: Case) -> bool:
    return case.id == "absent.none"


def run_with(folder: Path, next_update: timedelta) -> Run:
    """Verify a snippet whose real files are in a folder of their own."""
    (folder / "pki").mkdir()
    (folder / "site.conf").write_text(SITE)
    (folder / "pki" / "ca.pem").write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))
    crl = ROOT.crl(last_update=-99 * DAY, next_update=next_update)
    (folder / "pki" / "crl.pem").write_bytes(b"# renewed by hand\n" + crl.public_bytes(Encoding.PEM))
    return verify(Target.from_path(folder / "site.conf"), only=none, pki=folder / "pki")


def of_files(found: Run) -> list[Finding]:
    return [one for one in found.findings if one.id.startswith("files.")]


def test_real_files_in_order_add_nothing(tmp_path: Path) -> None:
    found = run_with(tmp_path, 99 * DAY)
    assert (of_files(found), found.verdict()) == ([], "pass")


def test_a_crl_that_ends_soon_is_a_warning_at_its_directive_in_every_report(tmp_path: Path) -> None:
    found = run_with(tmp_path, 5 * DAY)
    (finding,) = of_files(found)
    assert (finding.id, finding.level) == ("files.crl_expires_soon", "warning")
    assert (finding.file, finding.line) == ("site.conf", 7)
    assert f"{tmp_path}/pki/crl.pem:2: The CRL of CN=Own root runs out on " in finding.message
    assert (found.verdict(), found.verdict(strict=True)) == ("pass", "fail")
    reports = {name: render(found, False) for name, render in FORMATS.items()}
    assert finding.id in [one["id"] for one in json.loads(reports["json"])["findings"]]
    results = json.loads(reports["sarif"])["runs"][0]["results"]
    assert [one["level"] for one in results if one["ruleId"] == finding.id] == ["warning"]
    assert "The CRL of CN=Own root runs out on " in reports["html"]


def test_a_crl_that_has_ended_fails_the_run_and_junit_says_so(tmp_path: Path) -> None:
    found = run_with(tmp_path, -DAY)
    assert [(one.id, one.level) for one in of_files(found)] == [("files.crl_expired", "error")]
    assert found.verdict() == "fail"
    report = ElementTree.fromstring(FORMATS["junit"](found, False))
    (test,) = report.findall(".//testcase[@classname='files.crl_expired']")
    assert test.find("failure") is not None


def test_a_real_client_is_judged_by_the_real_files(tmp_path: Path) -> None:
    (tmp_path / "crl.pem").write_bytes(ROOT.crl().public_bytes(Encoding.PEM))
    (tmp_path / "ca.pem").write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "site.conf").write_text(SITE)
    anna = ROOT.client(subject="anna")
    target = Target.from_path(tmp_path / "site.conf")
    good = verify(target, only=none, pki=tmp_path, like=(anna.certificate,))
    (tmp_path / "crl.pem").write_bytes(ROOT.crl([anna.certificate]).public_bytes(Encoding.PEM))
    revoked = verify(target, only=none, pki=tmp_path, like=(anna.certificate,))
    assert (of_files(good), good.verdict()) == ([], "pass")
    (finding,) = of_files(revoked)
    assert (finding.id, finding.line, revoked.verdict()) == ("files.client_refused", 9, "fail")
