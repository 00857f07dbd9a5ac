"""Which probes does a run send to which sites, and in which order?"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from harness.cases import Case, catalogue
from harness.httpd.site import Site
from harness.outcome import Observation, Outcome
from harness.verify.coverage_clients import Unseen
from harness.verify.identity_probes import identity_probes
from harness.verify.judgement import OTHER_VERSION
from harness.verify.plan import EACH_CONDITION, NothingToDoError, PlannedProbe, Planner


@dataclass(frozen=True)
class Schedule:
    """The sites of a run and their probes.

    `guarded` are the sites that get the whole catalogue: `probes`, and the controls `before` and `after` them. Of
    these, `examined` are the ones that must deny every unauthenticated client, in a run that sends all of those.
    `closed` are the probes at the other sites with a claim: they deny all clients, or have no TLS. `unclaimed` are
    those at sites without a claim. Both are sent without a certificate only. `missed` are the controls that found their
    version of TLS missing where the policy wants it.
    """

    sites: tuple[Site, ...]
    guarded: list[Site]
    examined: list[Site]
    probes: list[PlannedProbe]
    before: list[PlannedProbe]
    after: list[PlannedProbe]
    closed: list[PlannedProbe]
    unclaimed: list[PlannedProbe]
    forging: list[PlannedProbe]
    """The probes whose client forges its identity towards a backend."""
    chases: bool = True
    """Whether the conditions that these probes do not show are chased."""
    missed: list[PlannedProbe] = field(default_factory=list)

    @classmethod
    def plan(cls, sites: tuple[Site, ...], planner: Planner, only: Callable[[Case], bool]) -> Self:
        """Plan the probes of the cases that `only` chooses."""
        policy = planner.policy
        claimed = [site for site in sites if site.guard.requirement]
        guarded = [site for site in claimed if site.tls and (policy.promise_for(site) or not site.guard.denies_all)]
        ids = {site.id for site in guarded}
        is_complete = all(only(case) for case in catalogue() if case.family == "absent")
        return cls(
            sites,
            guarded,
            examined=[site for site in guarded if is_complete and not policy.is_public(site)],
            probes=planner.plan(guarded, only=only),
            before=planner.controls(guarded),
            after=planner.controls(guarded),
            # A site that denies all clients has no control; without TLS, no client can be authenticated.
            closed=planner.unauthenticated(site for site in claimed if site.id not in ids),
            unclaimed=planner.unauthenticated(site for site in sites if not site.guard.requirement),
            forging=identity_probes(planner, sites, only=only),
            chases=any(only(case) for case in catalogue() if case.id == EACH_CONDITION),
        )

    def check(self, known: Sequence[Site]) -> None:
        """See that there is a probe; `known` are all sites of the configuration.

        Raises:
            NothingToDoError: there is none; the message says why.
        """
        if not self.probes and not (self.chases and self.guarded):
            raise NothingToDoError(_why_empty(known))

    def in_spoken_versions(self, observed: Mapping[str, Observation], planner: Planner) -> Self:
        """Leave out the versions of TLS that a site does not speak, as its control observed."""
        unspoken = {one.control_key for one in self.before if observed[one.probe_id].alert == OTHER_VERSION}
        before, probes, after = (
            [one for one in some if one.control_key not in unspoken] for some in (self.before, self.probes, self.after)
        )
        missed = [one for one in self.before if one.control_key in unspoken and planner.must_speak(one)]
        return replace(self, before=before, probes=probes, after=after, missed=missed)

    def handshakes(self, seed: int | None) -> list[PlannedProbe]:
        """One probe for each different handshake, in the order that the seed makes."""
        first: dict[object, PlannedProbe] = {}
        for one in self.probes:
            first.setdefault(one.handshake or one.probe_id, one)
        return _shuffled([*first.values(), *self.closed, *self.unclaimed, *self.forging], seed)

    def resting_on(self, observed: Mapping[str, Observation]) -> Self:
        """Let a refusal in the handshake stand for every path of the virtual host: no path was named yet.

        A probe that is not sent for that reason has the id and the client of the one that was.
        """
        refused = {
            one.handshake: one
            for one in self.probes
            if one.handshake and (seen := observed.get(one.probe_id)) and seen.outcome is Outcome.REFUSED_IN_HANDSHAKE
        }

        def rested(one: PlannedProbe) -> PlannedProbe:
            sent = refused.get(one.handshake) if one.handshake else None
            return replace(one, probe_id=sent.probe_id, client=sent.client) if sent else one

        return replace(self, probes=[*map(rested, self.probes)])

    def chasing(self, planner: Planner, unseen: Mapping[str, Sequence[Unseen]]) -> Self:
        """Add the probes for the values of conditions that were not seen, by the site's id, in the versions of TLS that
        the site speaks."""
        spoken = {one.control_key for one in self.before}
        more = (one for site in self.guarded for one in planner.for_conditions(site, unseen.get(site.id, ())))
        return replace(self, probes=[*self.probes, *(one for one in more if one.control_key in spoken)])

    def unsent(self, observed: Mapping[str, Observation], seed: int | None) -> list[PlannedProbe]:
        """The probes without an observation, in the order that the seed makes."""
        return _shuffled([one for one in self.probes if one.probe_id not in observed], seed)


def _shuffled(probes: list[PlannedProbe], seed: int | None) -> list[PlannedProbe]:
    if seed is not None:
        random.Random(seed).shuffle(probes)  # noqa: S311 - nothing here is a secret
    return probes


def _why_empty(sites: Sequence[Site]) -> str:
    if not any(site.guard.requirement for site in sites):
        return (
            "The configuration asks for a client certificate nowhere, so it promises nothing that can be proved. "
            "Write `SSLVerifyClient require` in the virtual host that must admit only clients with a certificate."
        )
    if all(site.guard.denies_all for site in sites if site.guard.requirement):
        return (
            "No site of the configuration admits a client, so it cannot be proved that valid clients are admitted.\n"
            "If one does, name its path with --policy FILE (docs/policy.md)."
        )
    known = "".join(f"\n{site.url}" for site in sites)
    return (
        "No probe is left to make: -k, --site and --tls together exclude every case.\n"
        f"`mtls-harness cases` lists the cases. The sites are:{known}"
    )
