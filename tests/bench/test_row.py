"""A row of the bench: the ratio counts against the goal, and without a rival the value."""

import math

import pytest

from harness.bench.row import Row, growth, middle


def test_the_ratio_counts_where_there_is_a_rival() -> None:
    row = Row("handshakes", 80, "1/s", "nginx", 100, at_least=0.95)
    assert (row.ratio, row.met, row.goal) == (0.8, False, "≥ 0.95")
    assert Row("handshakes", 96, "1/s", "nginx", 100, at_least=0.95).met


def test_the_value_counts_where_there_is_none() -> None:
    assert (Row("verify", 2.9, "s", at_most=3).met, Row("verify", 3.1, "s", at_most=3).met) == (True, False)
    assert Row("verify", 2.9, "s", at_most=3).goal == "≤ 3 s"


def test_without_a_goal_nothing_is_met_or_missed() -> None:
    row = Row("one site", 1.0, "s")
    assert (row.met, row.goal, row.as_data()["rival"], row.as_data()["goal"]) == (None, "", None, None)


def test_one_disturbed_round_does_not_count() -> None:
    assert middle([1, 1, 1, 100, 1]) == 1


@pytest.mark.parametrize(("exponent", "expected"), [(1, 1), (2, 10)])
def test_growth_tells_linear_from_quadratic(exponent: int, expected: float) -> None:
    points = [(count, 5 + count**exponent) for count in (1, 10, 100, 1000)]
    assert math.isclose(growth(*points[-3:]), expected)


def test_growth_is_reported_even_if_few_sites_cost_nothing_more() -> None:
    assert math.isclose(growth((1, 2.0), (10, 2.0), (100, 20.0)), 1)
