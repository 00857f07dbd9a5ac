"""Configurations with known holes: the verifier must find each one, by its case and in its line."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from docker.models.containers import Container

from harness.engine import LABEL, ServerError, engine
from harness.engine.client import owner
from harness.httpd.layout import ConfigurationError
from harness.outcome import Outcome, Verdict
from harness.verify import REFERENCE, Run, Target, verify

pytestmark = pytest.mark.engine

Weaken = Callable[[str, str], Target]


@pytest.fixture
def weakened(tmp_path: Path) -> Weaken:
    """The reference deployment's configuration with one line replaced by another."""

    def weaken(line: str, by: str) -> Target:
        shutil.copytree(REFERENCE.configuration, tmp_path / "conf")
        file = tmp_path / "conf" / "httpd.conf"
        text = file.read_text()
        assert text.count(f"    {line}\n") == 1, line
        file.write_text(text.replace(f"    {line}\n", f"    {by}\n"))
        return Target(tmp_path / "conf", "weakened", REFERENCE.depth)

    return weaken


@pytest.fixture(scope="module")
def reference() -> Run:
    return verify()


def cases(run: Run, verdict: Verdict) -> set[str]:
    return {result.probe.case.id for result in run.results if result.verdict is verdict}


def line_of(target: Target, text: str) -> int:
    lines = (target.configuration / "httpd.conf").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))


def test_the_reference_deployment_keeps_every_promise(reference: Run) -> None:
    assert [
        (entry.probe.case.id, entry.evidence()) for entry in reference.results if entry.verdict != "as-expected"
    ] == []
    assert (reference.verdict(strict=True), reference.findings, reference.trouble) == ("pass", (), None)
    assert len(reference.results) > 100


def test_every_case_is_probed_over_every_version_that_it_names(reference: Run) -> None:
    probed = {(result.probe.case.id, result.probe.tls) for result in reference.results}
    times = Counter((result.probe.case.id, result.probe.tls) for result in reference.results)
    assert {case for (case, _), number in times.items() if number > 1} <= {"rules.each_condition"}
    assert {"1.2", "1.3"} == {tls for _, tls in probed}


@pytest.mark.parametrize(
    ("line", "by", "intruders", "directive"),
    [
        pytest.param(
            "SSLVerifyClient require", "SSLVerifyClient optional", {"absent.none"}, "SSLVerifyClient", id="optional"
        ),
        pytest.param(
            "SSLVerifyClient require",
            "SSLVerifyClient none",
            {"absent.none", "validity.expired", "chain.unknown_authority", "revocation.revoked_leaf"},
            "SSLVerifyClient",
            id="none",
        ),
        pytest.param(
            "SSLVerifyClient require",
            "SSLVerifyClient optional_no_ca",
            {"absent.none"},
            "SSLVerifyClient",
            id="optional_no_ca",
        ),
        pytest.param(
            "SSLCARevocationCheck chain",
            "# no revocation check",
            {"revocation.revoked_leaf", "revocation.revoked_intermediate", "revocation.crl_expired"},
            "<VirtualHost",
            id="no revocation check",
        ),
        pytest.param(
            "SSLCARevocationCheck chain",
            "SSLCARevocationCheck leaf",
            {"revocation.revoked_intermediate"},
            "SSLCARevocationCheck",
            id="only the leaf",
        ),
        pytest.param(
            "SSLCARevocationCheck chain",
            "SSLCARevocationCheck chain no_crl_for_cert_ok",
            {"revocation.crl_missing_for_intermediate"},
            "SSLCARevocationCheck",
            id="no CRL needed",
        ),
        pytest.param("SSLVerifyDepth 3", "SSLVerifyDepth 9", {"chain.depth_exceeded"}, "SSLVerifyDepth", id="depth"),
    ],
)
def test_a_hole_shows_in_the_right_case_and_line(
    weakened: Weaken, line: str, by: str, intruders: set[str], directive: str
) -> None:
    target = weakened(line, by)
    run = verify(target)
    assert intruders <= cases(run, Verdict.INTRUDER)
    assert run.verdict() == "fail"
    errors = [finding for finding in run.findings if finding.level == "error"]
    assert {(finding.file, finding.line) for finding in errors} == {("httpd.conf", line_of(target, directive))}
    assert intruders <= {case for finding in errors for case in finding.cases}


def test_a_chain_that_is_promised_but_refused_is_locked_out(weakened: Weaken) -> None:
    target = weakened("SSLVerifyDepth 3", "SSLVerifyDepth 1")
    run = verify(target)
    assert {"valid.through_one", "valid.through_two"} <= cases(run, Verdict.LOCKED_OUT)
    assert cases(run, Verdict.INTRUDER) == set()
    assert run.verdict() == "fail"
    assert {finding.line for finding in run.findings if finding.level == "error"} == {line_of(target, "SSLVerifyDepth")}


def test_of_two_holes_each_is_found_in_its_own_line(weakened: Weaken) -> None:
    target = weakened("SSLVerifyClient require", "SSLVerifyClient optional")
    file = target.configuration / "httpd.conf"
    file.write_text(file.read_text().replace("SSLCARevocationCheck chain", "SSLCARevocationCheck none"))
    run = verify(target, only=lambda case: case.id in {"absent.none", "revocation.revoked_leaf"})
    assert {(finding.cases, finding.line) for finding in run.findings} == {
        (("absent.none",), line_of(target, "SSLVerifyClient")),
        (("revocation.revoked_leaf",), line_of(target, "SSLCARevocationCheck none")),
    }


def test_a_control_that_the_configuration_locks_out_is_a_finding(weakened: Weaken) -> None:
    target = weakened("SSLVerifyDepth 3", "SSLVerifyDepth 0")
    run = verify(target, only=lambda case: case.family == "validity")
    assert run.verdict() == "fail"
    (finding,) = (finding for finding in run.findings if finding.level == "error")
    assert (finding.cases, finding.line) == (("valid.p256",), line_of(target, "SSLVerifyDepth"))
    assert "AH02040" in finding.message
    refused = [entry for entry in run.results if entry.observed.outcome is Outcome.REFUSED_IN_HANDSHAKE]
    assert refused
    assert {entry.verdict for entry in refused} == {Verdict.INCONCLUSIVE}


def test_a_server_that_refuses_the_control_for_another_reason_proves_nothing(weakened: Weaken) -> None:
    elsewhere = """<Location "/">Require expr "%{TIME_YEAR} == '1999'"</Location>"""
    target = weakened("LuaScope thread", elsewhere.replace(">R", ">\n R").replace("<", "\n<"))
    run = verify(target, only=lambda case: case.family == "validity")
    assert run.verdict() == "inconclusive"
    assert "was not admitted" in (run.trouble or "")
    refused = [entry for entry in run.results if entry.observed.outcome is Outcome.REFUSED_IN_HANDSHAKE]
    assert refused
    assert {entry.verdict for entry in refused} == {Verdict.INCONCLUSIVE}


def test_a_server_that_dies_half_way_is_inconclusive() -> None:
    def running() -> dict[str | None, Container]:
        mine = owner().rpartition(":")[0]
        return {
            entry.id: entry
            for entry in engine().containers.list(ignore_removed=True)
            if entry.labels.get(LABEL, "").startswith(mine)
        }

    # Other tests of this process have servers, too.
    before = set(running())
    killed: list[str] = []

    def kill_half_way(step: str, done: int, total: int) -> None:
        # Later rounds of probes, after those of the handshake, have a half as well.
        if step == "probes" and done == total // 2 and not killed:
            (container,) = (entry for number, entry in running().items() if number not in before)
            container.kill()
            killed.append(str(container.id))

    run = verify(progress=kill_half_way, jobs=1)
    assert run.verdict() == "inconclusive"
    assert "the container stopped" in (run.trouble or "")
    assert "The log's last words" in (run.trouble or "")
    unanswered = [entry for entry in run.results if entry.observed.outcome is Outcome.NO_ANSWER]
    assert unanswered
    assert {entry.verdict for entry in unanswered} == {Verdict.INCONCLUSIVE}


def test_a_server_that_never_starts_gives_no_verdict(weakened: Weaken) -> None:
    with pytest.raises(ServerError, match=r"stopped with exit code 1(.|\n)*AH\d+"):
        verify(weakened("SSLCARevocationFile /etc/httpd/pki/crl.pem", "# no CRL"))


def test_a_syntax_error_is_shown_in_httpds_own_words(weakened: Weaken) -> None:
    with pytest.raises(ConfigurationError, match=r"line \d+ of httpd.conf(.|\n)*SSLVerifyClyent"):
        verify(weakened("SSLVerifyClient require", "SSLVerifyClyent require"))


def test_the_order_of_the_probes_changes_nothing(reference: Run) -> None:
    shuffled = verify(seed=7)
    assert [(entry.probe.case.id, entry.probe.tls, entry.verdict) for entry in shuffled.results] == [
        (entry.probe.case.id, entry.probe.tls, entry.verdict) for entry in reference.results
    ]
