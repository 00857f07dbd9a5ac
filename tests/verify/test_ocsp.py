"""A configuration that asks a responder: it has one, which goes with the run, and without which nothing is proved."""

from pathlib import Path

import pytest
from docker.models.containers import Container

from harness.engine import LABEL, engine
from harness.engine.client import owner
from harness.outcome import Verdict
from harness.verify import Target, verify
from tests.waiting import until

pytestmark = pytest.mark.engine

SITE = """<VirtualHost *:8443>
    ServerName www.example.test
    SSLEngine on
    SSLCertificateFile /etc/ssl/server.crt
    SSLCertificateKeyFile /etc/ssl/server.key
    SSLVerifyClient require
    SSLCACertificateFile /etc/ssl/ca.crt
    SSLOCSPEnable on
</VirtualHost>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.conf"
    file.write_text(SITE)
    return file


def running() -> list[Container]:
    mine = owner().rpartition(":")[0]
    found = engine().containers.list(all=True, ignore_removed=True)
    return [entry for entry in found if entry.labels.get(LABEL, "").startswith(mine)]


def test_the_responder_runs_beside_the_server_and_goes_with_the_run(site: Path) -> None:
    before = {entry.id for entry in running()}
    seen: list[object] = []

    def look(step: str, done: int, _total: int) -> None:
        if step == "probes" and done == 1:
            for entry in running():
                if entry.id not in before and entry.attrs["HostConfig"]["NetworkMode"].startswith("container:"):
                    find = ["find", "/etc/ocsp/authorities", "-type", "f", "-perm", "/077"]
                    seen.append(entry.exec_run(find))

    run = verify(Target.from_path(site), only=lambda case: case.family == "ocsp", progress=look, jobs=1)
    assert (run.verdict(), run.findings) == ("pass", ())
    assert seen == [(0, b"")], "the responder was there, and no file of its own is readable by others"
    until("the end of the run's containers", lambda: {entry.id for entry in running()} <= before)


def test_a_responder_that_dies_proves_nothing(site: Path) -> None:
    before = {entry.id for entry in running()}

    def kill_half_way(step: str, done: int, total: int) -> None:
        if step == "probes" and done == total // 2:
            (responder,) = (
                entry
                for entry in running()
                if entry.id not in before and entry.attrs["HostConfig"]["NetworkMode"].startswith("container:")
            )
            responder.kill()

    run = verify(Target.from_path(site), only=lambda case: case.family == "validity", progress=kill_half_way, jobs=1)
    assert run.verdict() == "inconclusive"
    assert "the OCSP responder stopped" in (run.trouble or "")
    refused = [entry for entry in run.results if not entry.probe.case.expected.admitted]
    assert refused
    assert {entry.verdict for entry in refused} == {Verdict.INCONCLUSIVE}


def test_an_unchecked_ocsp_response_is_found_in_its_line(site: Path) -> None:
    site.write_text(SITE.replace("SSLOCSPEnable on", "SSLOCSPEnable on\n    SSLOCSPNoVerify on"))
    run = verify(Target.from_path(site), only=lambda case: case.family == "ocsp")
    intruders = {result.probe.case.id for result in run.results if result.verdict is Verdict.INTRUDER}
    assert intruders == {"ocsp.answer_by_stranger", "ocsp.answer_by_client"}
    assert [(finding.level, finding.line) for finding in run.findings] == [("error", 9)]
