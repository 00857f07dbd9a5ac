"""Generate rules in batches."""

import time

from hypothesis import HealthCheck, Phase, given, settings

from tests.httpd.differential.compare import GeneratedRule, Tally, compare
from tests.httpd.differential.request import Request
from tests.httpd.differential.rules import requests, rule, rules
from tests.httpd.differential.server import batch_server
from tests.httpd.differential.writer import by_number

SIZE = 400


def run(count: int, first: int, seconds: float) -> Tally:
    """Compare so many rules, as far as the time allows."""
    tally, end, number = Tally(), time.monotonic() + seconds, first
    with batch_server() as server:
        while tally.rules < count and time.monotonic() < end:
            made = generated(min(SIZE, count - tally.rules), number)
            compare(server, made, tally, number)
            number += 1
    return tally


def generated(count: int, number: int) -> list[tuple[GeneratedRule, list[Request]]]:
    """Generate rules, each with requests; the same ones for the same number."""
    writers = (by_number(number * 1_000_000 + one) for one in range(count))
    return [(rule(writer), requests(writer)) for writer in writers]


def by_hypothesis(count: int) -> list[tuple[GeneratedRule, list[Request]]]:
    """Let hypothesis generate rules, always the same ones."""
    found: list[tuple[GeneratedRule, list[Request]]] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(rules())
    def collect(one: tuple[GeneratedRule, list[Request]]) -> None:
        found.append(one)

    collect()
    return found
