"""The coverage of conditions by httpd's trace, the clients for the values not seen, and the reasons without one."""

import pytest

from harness.verify.client import Query
from harness.verify.coverage import Covered, coverage, seen
from harness.verify.coverage_clients import CoverageClient
from tests.verify.traced import required, site_of, traced

CERTIFICATE, ADDRESS = "ssl-verify-client", "ip 10.0.0.0/8"
EITHER = ("<RequireAny>", f"Require {ADDRESS}", f"Require {CERTIFICATE}", "</RequireAny>")
GOOD = ("valid.p256", True, (required(ADDRESS, "denied"), required(CERTIFICATE, "granted")))
NOBODY = ("absent.none", False, (required(ADDRESS, "denied"), required(CERTIFICATE, "denied")))
BY_ADDRESS = ("absent.none", True, (required(ADDRESS, "granted"),))
GOOD_BY_ADDRESS = ("valid.p256", True, (required(ADDRESS, "granted"),))


def covered(lines: tuple[str, ...], *probes: tuple[str, bool, tuple[object, ...]]) -> list[Covered]:
    site = site_of(*lines)
    results, traces = traced(site, *probes)  # type: ignore[arg-type]
    return [*coverage(seen(results, traces), Query)]


def chased(lines: tuple[str, ...], *probes: tuple[str, bool, tuple[object, ...]]) -> list[CoverageClient]:
    site = site_of(*lines)
    results, traces = traced(site, *probes)  # type: ignore[arg-type]
    (shown,) = seen(results, traces)
    query = Query(site)
    return query.coverage_clients(shown.unseen(query))


def test_each_condition_is_counted() -> None:
    found = covered(EITHER, GOOD, NOBODY, BY_ADDRESS)
    assert [(one.condition.directive.line, one.true, one.false) for one in found] == [(6, 1, 2), (7, 1, 1)]
    assert [(one.independent, one.complete) for one in found] == [(True, True), (True, True)]


def test_a_condition_that_no_request_showed_true_is_chased_without_a_certificate() -> None:
    (client,) = chased(EITHER, GOOD, NOBODY)
    assert (client.subject, client.admits, client.condition.directive.line) == (None, True, 6)
    assert client.request.address.startswith("10.")


def test_what_the_trace_shows_is_not_chased() -> None:
    assert chased(EITHER, GOOD, NOBODY, BY_ADDRESS) == []


def test_an_address_that_only_a_certificate_came_from_is_chased() -> None:
    (client,) = chased(EITHER, GOOD, NOBODY, GOOD_BY_ADDRESS)
    assert client.subject is None


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("expr \"%{TIME_HOUR} == '03'\"", "never true: depends on the hour"),
        ("expr \"%{TIME_YEAR} == '2030'\"", "never true: depends on the date"),
        ("env GEOIP", "never true: depends on the variable GEOIP, which no client here can choose"),
        (ADDRESS, "never true: depends on an address outside this network"),
    ],
)
def test_a_condition_that_was_not_seen_true_says_why(rule: str, why: str) -> None:
    lines = ("<RequireAny>", f"Require {rule}", f"Require {CERTIFICATE}", "</RequireAny>")
    denied = required(rule, "denied")
    good = ("valid.p256", True, (denied, required(CERTIFICATE, "granted")))
    nobody = ("absent.none", False, (denied, required(CERTIFICATE, "denied")))
    assert [one.why for one in covered(lines, good, nobody)] == [why, None]


def test_conditions_that_httpd_logs_alike_are_named_so() -> None:
    lines = ("SetEnvIf X-A ^a$ tok", "SetEnvIf X-B ^b$ tok", "Require env tok")
    found = covered(lines, ("absent.none", False, (required("env tok", "denied"),)))
    assert [one.why for one in found[:2]] == [f"never true: httpd logs line {line} alike" for line in (6, 5)]
