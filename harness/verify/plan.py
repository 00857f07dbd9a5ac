"""Who will knock where, over which protocol version?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.cases import Case, catalogue
from harness.outcome import Tls
from harness.pki.run import Pki
from harness.probe import Client
from harness.server.configuration import Site

CONTROL = "valid.p256"
"""The good client that must get in at every site before any refusal there means something."""


class NothingToDoError(Exception):
    """The choice of cases, sites and protocol versions leaves nothing to prove."""


@dataclass(frozen=True)
class Knock:
    """One probe that is planned: the case, the site, the protocol version, who knocks, and the mark he leaves."""

    case: Case
    site: Site
    tls: Tls
    client: Client
    mark: str

    @property
    def door(self) -> tuple[str, Tls]:
        """What a control speaks for: the site and the protocol version."""
        return self.site.id, self.tls


def plan(
    pki: Pki,
    places: Iterable[Site],
    versions: Sequence[Tls],
    *,
    only: Callable[[Case], bool] = lambda _case: True,
    mark: str = "probe",
) -> list[Knock]:
    """Lay out sites x cases x protocol versions, and issue what each probe needs.

    Raises:
        NothingToDoError: there is none.
    """
    knocks: list[Knock] = []
    for site in places:
        for case in filter(only, catalogue()):
            for tls in (version for version in case.tls if version in versions):
                pki.begin(case.id)
                knocks.append(Knock(case, site, tls, case.build(pki), f"{mark}-{len(knocks)}"))
    if not knocks:
        raise NothingToDoError(
            "No probe is left to make: -k, --site and --tls together exclude every case.\n"
            "`mtls-harness cases` lists the cases."
        )
    return knocks


def controls(pki: Pki, places: Iterable[Site], versions: Sequence[Tls], mark: str) -> list[Knock]:
    """Plan the control at every site over every version."""
    return plan(pki, places, versions, only=lambda case: case.id == CONTROL, mark=mark)
