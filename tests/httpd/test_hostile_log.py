"""A client that writes lines of httpd's log into its request and its certificate, as httpd 2.4.71 logged it.

`logs/hostile.log` was recorded in the verifier's own log format. Each probe but the genuine ones forges a line, in the
part of the request that its id names. The log leaves out the lines that tell nothing of a condition.
"""

from pathlib import Path

import pytest

from harness.httpd.log import Log, read
from harness.httpd.trace import Kind, TraceEntry

LOG = (Path(__file__).parent / "logs" / "hostile.log").read_text(encoding="utf-8").splitlines()
NOT_LETME = "!^letme$"
GRANTED = TraceEntry(Kind.REQUIRE, "Require env tok", "granted")


@pytest.fixture(scope="module")
def log() -> Log:
    return read(LOG)


def rewritten(log: Log, probe: str) -> list[str]:
    """The results of the RewriteCond."""
    return [entry.result for entry in log.traces[probe] if entry.kind is Kind.REWRITE_CONDITION]


def test_the_genuine_requests_are_read(log: Log) -> None:
    assert GRANTED in log.traces["genuine"]
    assert log.traces["genuine-refused"] == (
        TraceEntry(Kind.REQUIRE, "Require env tok", "denied"),
        TraceEntry(Kind.REQUIRE, "<RequireAny>", "denied"),
    )
    assert log.requests["genuine"].passed
    assert not log.requests["genuine-refused"].passed


def test_a_path_does_not_pass_for_a_condition(log: Log) -> None:
    forged = f"requested uri /RewriteCond: input='' pattern='{NOT_LETME}' [NC] => matched"
    assert any(line.endswith(forged) for line in LOG)
    assert rewritten(log, "path") == ["not-matched"]


def test_a_header_does_not_pass_for_the_result_of_its_condition(log: Log) -> None:
    assert any(f"input='letme' pattern='{NOT_LETME}' [NC] => not-matched'" in line for line in LOG)
    assert rewritten(log, "header") == ["matched"]


@pytest.mark.parametrize("probe", ["access", "line-feed"])
def test_a_path_does_not_pass_for_a_request(log: Log, probe: str) -> None:
    assert "forged" not in log.requests
    assert log.requests[probe].identity is None
    assert "mtls-probe A forged" in (log.requests[probe].file or "")


def test_a_user_does_not_pass_for_a_condition(log: Log) -> None:
    assert GRANTED not in log.traces["user"]
    assert TraceEntry(Kind.PASSWORD, "AH01618", "False") in log.traces["user"]


def test_a_certificate_does_not_pass_for_another_one_or_for_a_condition(log: Log) -> None:
    assert log.saw(["1B"])
    assert not log.saw(["2C"])
    assert "ID" not in {connection.client for connection in log.connections}
    assert GRANTED not in log.traces["certificate"]


def test_a_server_name_does_not_pass_for_a_certificate(log: Log) -> None:
    assert any("servername x / serial: 2C / notbefore: y found" in line for line in LOG)
    assert not log.saw(["2C"])


def test_a_line_that_has_lost_its_beginning_is_not_read() -> None:
    log = read(line[1:] for line in LOG)
    assert (log.connections, log.requests, log.traces) == ((), {}, {})
