"""The catalogue: each kind of client, and its expected outcome."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from harness.outcome import TLS_VERSIONS, Expectation, Tls
from harness.pki.testbed import TestPki
from harness.probe import SITE, Client

Build = Callable[[TestPki], Client | None]
"""Makes the client of a case; None where the case shows nothing at a site."""


@dataclass(frozen=True)
class Case:
    """One kind of client; `build` returns None where there is no such client. `directive` is responsible for the
    outcome, `tls` are the versions that apply, `source` names the standard or directive of the rule, `depth` is the
    number of certificates above the client's own, `issued_by` the PKI: the site's, or a neighbour's. A case that is not
    `everywhere` has a type of key that not every library supports."""

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
        """What the client is and why the outcome is right: the case's docstring."""
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
    """Turn a function that returns a client into a case; its module and name form the id."""

    def decorate(build: Build) -> Case:
        family = build.__module__.rpartition(".")[2]
        return Case(f"{family}.{build.__name__}", build, expected, source, directive, tls, depth, issued_by, everywhere)

    return decorate


def catalogue() -> tuple[Case, ...]:
    """Collect the cases of every module of this package, and check that each can be judged.

    Raises:
        ValueError: a case has no docstring or no source, or expects a refusal without naming its alert.
    """
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    cases = tuple(entry for module in modules for entry in vars(module).values() if isinstance(entry, Case))
    for entry in cases:
        refusal = entry.expected.alerts or {}
        if not (entry.text and entry.source and entry.tls):
            raise ValueError(f"{entry.id} lacks a docstring, a source or a protocol version")
        expected = entry.expected
        known = expected.admitted or expected.by_rule or expected.anyhow or expected.own_identity
        if not (known or set(entry.tls) <= set(refusal)):
            raise ValueError(f"{entry.id} expects a refusal, but not with which alert")
    return cases
