"""The list of findings: each kind about a real file says its own fact and why it matters."""

import pytest

from harness.check.meaning import FACTS, FILES
from harness.verify.finding_kind import kind


def test_each_fact_has_its_reason() -> None:
    assert FACTS.keys() == FILES.keys()
    assert len(set(FACTS.values())) == len(FACTS)


@pytest.mark.parametrize("finding", sorted(FILES))
def test_a_kind_about_a_real_file_says_its_own_fact(finding: str) -> None:
    found = kind(f"files.{finding}")
    assert (found.what, found.why) == (FACTS[finding], FILES[finding])
    assert found.what.endswith(".")
