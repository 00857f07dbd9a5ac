"""Which condition refused a client, and is it the one that the case is about?"""

from dataclasses import replace

import pytest

from harness.httpd.trace import Kind, TraceEntry
from harness.outcome import Reason, Verdict
from harness.verify.blame import blamed_directive
from tests.verify.traced import required, site_of, traced

UNIT = "expr \"%{SSL_CLIENT_S_DN_OU} == 'ops'\""
SITE = site_of("<RequireAll>", "Require method GET", f"Require {UNIT}", "</RequireAll>")
CONTROL = ("valid.p256", True, (required("method GET", "granted"), required(UNIT, "granted")))
BY_UNIT = (required("method GET", "granted"), required(UNIT, "denied"))
BY_METHOD = (required("method GET", "denied"), required("<RequireAll>", "denied"))


@pytest.mark.parametrize("case", ["rules.another_unit", "absent.none"])
def test_a_refusal_by_the_rule_about_certificates_is_as_expected(case: str) -> None:
    results, traces = traced(SITE, CONTROL, (case, False, BY_UNIT))
    explained = traces.explained(results)[1]
    assert explained.verdict is Verdict.AS_EXPECTED
    assert explained.decided_by
    assert explained.decided_by.directive.line == 7


@pytest.mark.parametrize("case", ["rules.another_unit", "absent.none"])
def test_a_refusal_by_another_rule_is_not_the_expected_one(case: str) -> None:
    results, traces = traced(SITE, CONTROL, (case, False, BY_METHOD))
    explained = traces.explained(results)[1]
    assert explained.verdict is Verdict.OTHERWISE
    assert explained.decided_by
    assert explained.decided_by.directive.line == 6


def test_what_a_module_decides_may_be_about_certificates() -> None:
    site = site_of("Require ldap-group ops")
    control = ("valid.p256", True, (required("ldap-group ops", "granted"),))
    results, traces = traced(site, control, ("rules.another_unit", False, (required("ldap-group ops", "denied"),)))
    assert traces.explained(results)[1].verdict is Verdict.AS_EXPECTED


def test_without_an_admitted_control_nothing_is_compared() -> None:
    results, traces = traced(SITE, ("rules.another_unit", False, BY_METHOD))
    assert traces.explained(results)[0].verdict is Verdict.AS_EXPECTED


def test_a_wrong_password_is_the_reason() -> None:
    site = site_of("AuthType Basic", "AuthUserFile /u", "Require valid-user")
    denied = required("valid-user", "denied")
    wrong = TraceEntry(Kind.PASSWORD, "AH01617", "False")
    results, traces = traced(site, ("absent.none", False, (denied, wrong)), ("absent.none", False, (denied,)))
    by_password, by_rule = traces.explained(results)
    assert by_password.logged.reason == Reason("AH01617")
    assert by_rule.logged.reason is None
    assert by_rule.decided_by == by_password.decided_by


def test_a_client_is_admitted_by_the_condition_that_was_otherwise_in_a_refused_request() -> None:
    site = site_of("<RequireAny>", "Require env tok", "Require env key", f"Require {UNIT}", "</RequireAny>")
    refused = (required("env tok", "denied"), required("env key", "denied"), required(UNIT, "denied"))
    admitted = (required("env tok", "denied"), required("env key", "granted"))
    results, traces = traced(site, ("absent.none", False, refused), ("absent.with_header", True, admitted))
    intruder = replace(results[1], verdict=Verdict.INTRUDER)
    explained = traces.explained([results[0], intruder])[1]
    assert explained.decided_by
    assert blamed_directive(explained)[1].line == explained.decided_by.directive.line == 7


def test_where_no_request_was_refused_no_condition_admitted() -> None:
    results, traces = traced(SITE, ("absent.none", True, (required("method GET", "granted"),)))
    assert traces.explained([replace(results[0], verdict=Verdict.INTRUDER)])[0].decided_by is None


def test_a_client_with_a_certificate_is_compared_with_the_one_that_differs_least() -> None:
    verified = required("ssl-verify-client", "granted")
    site = site_of("<RequireAll>", "Require ssl-verify-client", f"Require {UNIT}", "</RequireAll>")
    nobody = ("absent.none", False, (required("ssl-verify-client", "denied"), required(UNIT, "denied")))
    near_miss = ("rules.another_unit", False, (verified, required(UNIT, "denied")))
    similar = ("rules.similar_name", True, (verified, required(UNIT, "granted")))
    results, traces = traced(site, nobody, near_miss, similar)
    explained = traces.explained([*results[:2], replace(results[2], verdict=Verdict.INTRUDER)])[2]
    assert blamed_directive(explained)[1].line == 7
