"""Which condition refused a client, and is it the one that the case is about?"""

import pytest

from harness.httpd.trace import Kind, TraceEntry
from harness.outcome import Reason, Verdict
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
