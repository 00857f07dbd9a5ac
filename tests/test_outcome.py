"""The judgement, as a table: expectation, observation, log entry and verdict."""

from dataclasses import replace

import pytest

from harness.outcome import (
    Expectation,
    LogEntry,
    Observation,
    Outcome,
    Reason,
    Verdict,
    admitted,
    judge,
    refused,
    refused_by_rule,
)

EXPIRED = refused("certificate_expired", x509_error=10)
REFUSED = Observation(Outcome.REFUSED_IN_HANDSHAKE, True, 1.0, alert="certificate_expired")
SAID_EXPIRED = LogEntry(reason=Reason("AH02276", 10))
IN = Observation(Outcome.ADMITTED, True, 1.0, status=200)
AS_ITSELF = LogEntry(identity="1B")


@pytest.mark.parametrize(
    ("expected", "observed", "logged", "control", "verdict"),
    [
        pytest.param(EXPIRED, REFUSED, SAID_EXPIRED, True, Verdict.AS_EXPECTED, id="refused for its reason"),
        pytest.param(EXPIRED, IN, AS_ITSELF, True, Verdict.INTRUDER, id="admitted wrongly"),
        pytest.param(EXPIRED, IN, AS_ITSELF, False, Verdict.INTRUDER, id="admitted, and the control refused"),
        pytest.param(EXPIRED, IN, LogEntry(), True, Verdict.INTRUDER, id="admitted wrongly without an identity"),
        pytest.param(EXPIRED, REFUSED, SAID_EXPIRED, False, Verdict.INCONCLUSIVE, id="refused as the control was"),
        pytest.param(EXPIRED, REFUSED, LogEntry(), True, Verdict.INCONCLUSIVE, id="refused, the log silent"),
        pytest.param(
            EXPIRED, REFUSED, LogEntry(reason=Reason("AH02276", 9)), True, Verdict.OTHERWISE, id="another number"
        ),
        pytest.param(
            EXPIRED, REFUSED, LogEntry(reason=Reason("AH02040")), True, Verdict.OTHERWISE, id="another message"
        ),
        pytest.param(
            EXPIRED, replace(REFUSED, alert="unknown_ca"), SAID_EXPIRED, True, Verdict.OTHERWISE, id="another alert"
        ),
        pytest.param(
            EXPIRED,
            Observation(Outcome.REFUSED_BY_HTTP, True, 1.0, status=403),
            AS_ITSELF,
            True,
            Verdict.OTHERWISE,
            id="refused by HTTP instead",
        ),
        pytest.param(
            EXPIRED,
            replace(REFUSED, server_proven=False),
            SAID_EXPIRED,
            True,
            Verdict.INCONCLUSIVE,
            id="another server",
        ),
        pytest.param(
            EXPIRED,
            replace(IN, server_proven=False),
            AS_ITSELF,
            True,
            Verdict.INCONCLUSIVE,
            id="in elsewhere",
        ),
        pytest.param(
            EXPIRED,
            Observation(Outcome.NO_ANSWER, True, 1.0, error="connection reset"),
            SAID_EXPIRED,
            True,
            Verdict.INCONCLUSIVE,
            id="no answer is no refusal",
        ),
        pytest.param(admitted(), IN, AS_ITSELF, True, Verdict.AS_EXPECTED, id="admitted as itself"),
        pytest.param(admitted(), IN, LogEntry(identity="2C"), True, Verdict.OTHERWISE, id="admitted as another"),
        pytest.param(admitted(), IN, LogEntry(), True, Verdict.OTHERWISE, id="admitted without an identity"),
        pytest.param(admitted(), REFUSED, SAID_EXPIRED, True, Verdict.LOCKED_OUT, id="refused wrongly"),
        pytest.param(admitted(), REFUSED, SAID_EXPIRED, False, Verdict.INCONCLUSIVE, id="refused, as the control was"),
    ],
)
def test_a_verdict_needs_every_signal_to_agree(
    expected: object, observed: Observation, logged: LogEntry, control: bool, verdict: Verdict
) -> None:
    judged = judge(expected, "1.3", observed, logged, serial="1B", control_admitted=control)  # type: ignore[arg-type]
    assert judged is verdict


def test_a_refusal_may_look_different_on_each_version() -> None:
    absent = refused({"1.2": "handshake_failure", "1.3": "certificate_required"}, text="did not return a certificate")
    logged = LogEntry(reason=Reason(text="peer did not return a certificate"))
    seen = Observation(Outcome.REFUSED_IN_HANDSHAKE, True, 1.0, alert="certificate_required")
    assert judge(absent, "1.3", seen, logged, serial=None, control_admitted=True) is Verdict.AS_EXPECTED
    assert judge(absent, "1.2", seen, logged, serial=None, control_admitted=True) is Verdict.OTHERWISE
    other = LogEntry(reason=Reason(text="unsupported protocol"))
    assert judge(absent, "1.3", seen, other, serial=None, control_admitted=True) is Verdict.OTHERWISE


NOBODY = refused({"1.2": "handshake_failure", "1.3": "certificate_required"}, text="peer did not return")
FORBIDDEN = Observation(Outcome.REFUSED_BY_HTTP, True, 1.0, status=403)


@pytest.mark.parametrize(
    ("expected", "observed", "logged", "in_handshake", "verdict"),
    [
        pytest.param(NOBODY, FORBIDDEN, LogEntry(status=403), False, Verdict.AS_EXPECTED, id="a rule refuses nobody"),
        pytest.param(NOBODY, FORBIDDEN, LogEntry(), False, Verdict.INCONCLUSIVE, id="the log knows no such request"),
        pytest.param(NOBODY, FORBIDDEN, LogEntry(status=403), True, Verdict.OTHERWISE, id="the handshake let it pass"),
        pytest.param(
            refused_by_rule(),
            FORBIDDEN,
            LogEntry(identity="1B", status=403),
            True,
            Verdict.AS_EXPECTED,
            id="by its rule",
        ),
        pytest.param(
            EXPIRED,
            FORBIDDEN,
            LogEntry(identity="1B", status=403),
            False,
            Verdict.OTHERWISE,
            id="verified, yet refused",
        ),
        pytest.param(
            refused_by_rule(),
            FORBIDDEN,
            LogEntry(identity="1B", status=403),
            False,
            Verdict.AS_EXPECTED,
            id="by the rule",
        ),
        pytest.param(
            refused_by_rule(), FORBIDDEN, LogEntry(status=403), False, Verdict.OTHERWISE, id="not because of the rule"
        ),
        pytest.param(
            admitted(),
            FORBIDDEN,
            LogEntry(identity="1B", status=403),
            False,
            Verdict.OTHERWISE,
            id="good, but no rule fits",
        ),
        pytest.param(
            admitted(), FORBIDDEN, LogEntry(status=403), False, Verdict.LOCKED_OUT, id="good, but not verified"
        ),
    ],
)
def test_a_guard_behind_the_handshake_answers_by_http(
    expected: Expectation, observed: Observation, logged: LogEntry, in_handshake: bool, verdict: Verdict
) -> None:
    judged = judge(expected, "1.3", observed, logged, serial="1B", control_admitted=True, in_handshake=in_handshake)
    assert judged is verdict
