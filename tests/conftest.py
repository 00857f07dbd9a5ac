"""Which tests run on one worker?"""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent
CORPUS = "tests/configurations/test_corpus.py"
"""Each of its tests has a folder and containers of its own."""


def unit(test: str) -> str:
    """The unit of a test (node id): its folder if that has a conftest.py, else its file; in the corpus the test alone.

    The tests of a unit share what costs (clones, deployments) or is exclusive (images of one name).
    """
    file = test.partition("::")[0]
    if file == CORPUS:
        return test
    folder = (HERE.parent / file).parent
    return str(folder) if folder != HERE and (folder / "conftest.py").exists() else file


class _Units(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types.
    """Hands out the largest units first, and the tests of the corpus last: each goes to the worker that is free."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


# Unused without pytest-xdist.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Units:
    """Stand in for --dist: with pytest 9.2, loadgroup (pytest-xdist 3.8) takes no notice of its marks."""
    return _Units(config, log)
