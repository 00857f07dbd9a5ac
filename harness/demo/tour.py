"""Which visits does the tour make, and what is its verdict?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.demo.browser import Name, browser_session
from harness.demo.clients import Clients, made_up
from harness.demo.scene import SCENES, Scene
from harness.demo.visit import Site, Tell, Visit, visit
from harness.engine import image, sweep
from harness.engine.reference import reference_container
from harness.outcome import Outcome, Verdict

Narrator = Callable[[int, Scene], Tell]
"""Called when a visit begins, with its number; the returned function is called with a sentence for each step."""


@dataclass(frozen=True)
class Tour:
    """All visits with one browser; `seconds` is their total time, the engine's work included."""

    browser: Name
    visits: tuple[Visit, ...]
    seconds: float

    @property
    def verdict(self) -> str:
        """`pass`, `fail`, or `inconclusive`."""
        verdicts = {entry.verdict for entry in self.visits}
        if verdicts & {Verdict.INTRUDER, Verdict.LOCKED_OUT}:
            return "fail"
        return "pass" if verdicts == {Verdict.AS_EXPECTED} else "inconclusive"


def own_certificate(name: str) -> tuple[Scene, ...]:
    """The one visit of a user's own certificate."""
    about = "Your certificate at the reference deployment, which trusts your authority and has its CRL."
    return (Scene(f"{name}.pfx is imported, and OK pressed", about, (name,), name, Outcome.ADMITTED),)


def tour(
    browser: Name,
    narrator: Narrator,
    *,
    clients: Clients | None = None,
    scenes: Sequence[Scene] = SCENES,
    memory: int = 0,
) -> Tour:
    """Make the visits one after the other; `memory` is the browser's limit in bytes, 0 for none.

    Raises:
        ServerError: no engine, no image, no display, or the browser did not show the expected content.
    """
    started = time.perf_counter()
    tag = image("httpd")
    sweep()
    visits: list[Visit] = []
    with reference_container(tag) as on, browser_session(on.label, browser, memory=memory) as at:
        site = Site(on, at, clients or made_up())
        for configuration, some in groupby(scenes, lambda scene: scene.configuration):
            with site.running(configuration) as read_log:
                for scene in some:
                    visits.append(visit(site, scene, read_log, narrator(len(visits) + 1, scene)))
    return Tour(browser, tuple(visits), time.perf_counter() - started)
