"""Generated access rules: httpd answers as the formula predicts, and its log shows the conditions so."""

import pytest

from tests.httpd.differential.batch import SIZE, by_hypothesis, generated
from tests.httpd.differential.compare import Disagreement, Tally, TracedDisagreement, compare
from tests.httpd.differential.server import batch_server

_RULES = 600
"""How many rules are compared: some by hypothesis, which makes rules that resemble each other, most at random."""


@pytest.mark.engine
def test_httpd_answers_as_the_formula_predicts() -> None:
    tally = Tally()
    with batch_server() as server:
        compare(server, by_hypothesis(100), tally, 0)
        number = 1
        while tally.rules < _RULES:
            compare(server, generated(min(SIZE, _RULES - tally.rules), number), tally, number)
            number += 1
    both: list[Disagreement | TracedDisagreement] = [*tally.disagreements, *tally.traced]
    both.sort(key=lambda one: len(one.rule.text))
    assert not both, "\n\n".join(map(str, [tally, *both[:3]]))
    assert tally.conditions > 5 * _RULES, tally
    assert not tally.failures, tally.failures[0]
    assert len(tally.refused) < _RULES / 50, tally.refused[0]
    assert tally.undecided < tally.requests / 20, tally.unknown
    assert tally.requests / 5 < tally.admitted < tally.requests * 4 / 5, tally
