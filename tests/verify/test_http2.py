"""A good client over HTTP/2: its outcome is compared with that of the same client over HTTP/1.1."""

from pathlib import Path

import pytest

from harness.outcome import Outcome, Verdict
from harness.verify import Finding, Run, Target, verify

pytestmark = pytest.mark.engine

CASES = {"valid.p256", "valid.over_http2", "absent.with_post"}
BY_EXPRESSION = "Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\""


def run(folder: Path, *lines: str, protocols: str = "h2 http/1.1") -> Run:
    file = folder / "site.conf"
    host = (f"Protocols {protocols}", "SSLEngine on", "SSLCACertificateFile /etc/ssl/ca.crt", *lines)
    file.write_text("\n".join(("<VirtualHost *:443>", "ServerName www.example.test", *host, "</VirtualHost>", "")))
    return verify(Target.from_path(file), only=lambda case: case.id in CASES)


def seen(run: Run, case: str = "valid.over_http2") -> list[tuple[str, Verdict]]:
    return [(entry.probe.tls, entry.verdict) for entry in run.results if entry.probe.case.id == case]


def about(run: Run, case: str) -> list[Finding]:
    return [finding for finding in run.findings if case in finding.cases]


@pytest.mark.parametrize("client", ["require", "optional"])
def test_a_rule_that_http_2_does_not_meet_locks_a_good_client_out(tmp_path: Path, client: str) -> None:
    found = run(tmp_path, f"SSLVerifyClient {client}", '<Location "/">', "Require ssl-verify-client", "</Location>")
    assert seen(found) == [("1.2", Verdict.LOCKED_OUT), ("1.3", Verdict.LOCKED_OUT)]
    (finding,) = about(found, "valid.over_http2")
    assert (finding.level, finding.line) == ("error", 8)
    assert finding.remedy.startswith(f"Write `{BY_EXPRESSION}` here")


def test_no_remedy_proposes_that_rule_where_http_2_is_offered(tmp_path: Path) -> None:
    limited = ("SSLVerifyClient optional", '<Location "/">', "<Limit GET>", BY_EXPRESSION, "</Limit>", "</Location>")
    (finding,) = about(run(tmp_path, *limited), "absent.with_post")
    assert finding.remedy.startswith(f"Write `{BY_EXPRESSION}` here, alone or in <RequireAll>")
    (finding,) = about(run(tmp_path, *limited, protocols="http/1.1"), "absent.with_post")
    assert finding.remedy.startswith("Write `Require ssl-verify-client` here")


def test_the_certificate_of_a_client_over_http_2_is_found_in_the_log(tmp_path: Path) -> None:
    found = run(tmp_path, "SSLVerifyClient require", '<Location "/">', BY_EXPRESSION, "</Location>")
    assert seen(found) == [("1.2", Verdict.AS_EXPECTED), ("1.3", Verdict.AS_EXPECTED)]
    assert found.verdict() == "pass"


def test_http_2_is_not_asked_for_where_it_is_not_offered(tmp_path: Path) -> None:
    assert seen(run(tmp_path, "SSLVerifyClient require", protocols="http/1.1")) == []


def test_a_server_that_offers_http_2_without_speaking_it_refuses_no_client(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "configurations" / "correct" / "whole_file.conf").read_text()
    (tmp_path / "httpd.conf").write_text(text.replace("SSLEngine on", "SSLEngine on\n    Protocols h2 http/1.1"))
    found = verify(Target.from_path(tmp_path / "httpd.conf"), only=lambda case: case.id in CASES)
    assert seen(found) == [("1.2", Verdict.OTHERWISE), ("1.3", Verdict.OTHERWISE)]
    assert {one.observed.outcome for one in found.results if one.probe.case.family == "valid"} == {Outcome.ADMITTED}
    assert [(finding.level, finding.line) for finding in found.findings] == [("note", 15)]
    assert found.verdict(strict=True) == "pass"
