"""Which kinds of client are there, and what should become of each?"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from harness.outcome import TLS_VERSIONS, Expectation, Tls
from harness.pki.testbed import TestPki
from harness.probe import SITE, Client

Build = Callable[[TestPki], Client | None]
"""Makes the client of a case; None where there is nothing at a place that it would show."""


@dataclass(frozen=True)
class Case:
    """One kind of client; `build` makes none where there is no such client. `directive` is the one that answers for the
    outcome, `tls` the versions it makes sense on, `source` where the rule is written down, `depth` how many
    certificates stand above the client's own, `issued_by` whose PKI it comes from: the site's, or a neighbour's. One
    that is not `everywhere` has a kind of key that not every library knows: a server may take no such signatures."""

    id: str
    build: Build
    expected: Expectation
    source: str
    directive: str
    tls: tuple[Tls, ...]
    depth: int
    issued_by: str
    everywhere: bool

    @property
    def family(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]

    @property
    def text(self) -> str:
        """What the client is and why the outcome is right, as the case's docstring says it."""
        return inspect.getdoc(self.build) or ""

    @property
    def summary(self) -> str:
        """The first sentence of `text`."""
        return self.text.partition("\n\n")[0].replace("\n", " ")


def case(
    expected: Expectation,
    *,
    source: str,
    directive: str = "SSLVerifyClient",
    tls: tuple[Tls, ...] = TLS_VERSIONS,
    depth: int = 1,
    issued_by: str = SITE,
    everywhere: bool = True,
) -> Callable[[Build], Case]:
    """Make a function that returns a client into a case; its module and name are the case's id."""

    def decorate(build: Build) -> Case:
        family = build.__module__.rpartition(".")[2]
        return Case(f"{family}.{build.__name__}", build, expected, source, directive, tls, depth, issued_by, everywhere)

    return decorate


def catalogue() -> tuple[Case, ...]:
    """Collect the cases of every module of this room, and check that each can be judged.

    Raises:
        ValueError: a case has no explanation or no source, or expects a refusal without saying how it would look.
    """
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    cases = tuple(entry for module in modules for entry in vars(module).values() if isinstance(entry, Case))
    for entry in cases:
        refusal = entry.expected.alerts or {}
        if not (entry.text and entry.source and entry.tls):
            raise ValueError(f"{entry.id} lacks a docstring, a source or a protocol version")
        known = entry.expected.admitted or entry.expected.by_rule or entry.expected.anyhow
        if not (known or set(entry.tls) <= set(refusal)):
            raise ValueError(f"{entry.id} expects a refusal, but not with which alert")
    return cases
