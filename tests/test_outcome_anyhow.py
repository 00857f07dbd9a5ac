"""The judgement where a policy admits no client: refusals, and outcomes that prove nothing."""

import pytest

from harness.outcome import LogEntry, Observation, Outcome, Reason, Verdict, judge, refused_anyhow


def http(status: int, outcome: Outcome = Outcome.REFUSED_BY_HTTP) -> Observation:
    return Observation(outcome, True, 1.0, status=status)


ALERT = Observation(Outcome.REFUSED_IN_HANDSHAKE, True, 1.0, alert="certificate_expired")


@pytest.mark.parametrize(
    ("observed", "logged", "control", "verdict"),
    [
        pytest.param(http(403), LogEntry("1B", None, 403), True, Verdict.AS_EXPECTED, id="denied"),
        pytest.param(ALERT, LogEntry(reason=Reason("AH02276", 10)), True, Verdict.AS_EXPECTED, id="in the handshake"),
        pytest.param(http(200, Outcome.ADMITTED), LogEntry("1B", None, 200), True, Verdict.INTRUDER, id="admitted"),
        pytest.param(
            http(404, Outcome.ADMITTED), LogEntry(None, None, 404), True, Verdict.INTRUDER, id="past the guard"
        ),
        pytest.param(http(301, Outcome.ADMITTED), LogEntry(None, None, 301), True, Verdict.INCONCLUSIVE, id="sent on"),
        pytest.param(http(403), LogEntry(), True, Verdict.INCONCLUSIVE, id="denied, the log silent"),
        pytest.param(ALERT, LogEntry(), True, Verdict.INCONCLUSIVE, id="in the handshake, the log silent"),
        pytest.param(http(403), LogEntry("1B", None, 403), False, Verdict.INCONCLUSIVE, id="as the control was"),
    ],
)
def test_what_counts_as_refused(observed: Observation, logged: LogEntry, control: bool, verdict: Verdict) -> None:
    assert judge(refused_anyhow(), "1.3", observed, logged, serial="1B", control_admitted=control) is verdict
