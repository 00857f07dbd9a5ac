"""How is a configuration proved: read, planned, issued for, run, probed and judged?"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from cryptography import x509

from harness.cases import Case, catalogue
from harness.engine import ServerError, image, sweep
from harness.engine.compose import service
from harness.engine.images import IMAGES, given
from harness.engine.sandbox import sandbox
from harness.engine.server import Httpd
from harness.engine.service import configuration as configuration_of
from harness.httpd.conditions import flags
from harness.httpd.directive import Directive
from harness.httpd.htaccess import coverage_gaps
from harness.httpd.layout import CoverageGap, Layout
from harness.httpd.layout import read as layout
from harness.httpd.log import read
from harness.httpd.site import Site, sites
from harness.outcome import TLS_VERSIONS, Observation, Outcome, Tls, Verdict
from harness.pki.key_pool import slow_keys
from harness.probe import Endpoint, probe, probe_without_tls
from harness.verify.client import Query
from harness.verify.coverage import Covered, Traces, coverage
from harness.verify.finding import (
    Finding,
    about_nothing,
    admitted_otherwise,
    excessive_depth,
    findings,
    not_examined,
    not_told_apart,
    public_sites,
    untestable_grants,
)
from harness.verify.judgement import NO_PASSWORD, OTHER_VERSION, Result, judge_all
from harness.verify.plan import EACH_CONDITION, NothingToDoError, PlannedProbe, Planner
from harness.verify.policy import NO_POLICY, Policy
from harness.verify.provision import Provisioner

_START = 120
"""Seconds that httpd may take until it answers the control."""

Progress = Callable[[str, int, int], None]
"""Called with the step that is under way, how much of it is done and how much there is."""


def quiet(_step: str, _done: int, _total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Target:
    """What is proved: a configuration, and what to call it.

    `depth` is how deep a chain it promises to accept; None where its own claims are all that is promised. Of a Compose
    service `configuration` is the Compose file, `line` the service's; `laid_out` and `image` are what was found there.
    """

    configuration: Path
    name: str
    depth: int | None = None
    laid_out: Layout | None = None
    image: str | None = None
    line: int = 1

    @classmethod
    def from_path(cls, config: Path) -> Self:
        """Take a user's configuration; what stands in it is named by its path from where the user stands."""
        return cls(config, str(config if config.is_dir() else config.parent))

    @classmethod
    def from_compose(cls, file: Path, name: str | None, config: str | None = None) -> Self:
        """Take what a Compose service runs; `config` is the path of its configuration inside, where httpd does not
        tell.

        Raises:
            ConfigurationError: the Compose file, the service's name or its configuration cannot be used.
            ServerError: Compose, the engine or the image.
        """
        found = service(file, name)
        laid_out = configuration_of(found, config)
        return cls(file, f"{file}, service {found.name}", None, laid_out, found.image, found.line)

    def locate(self, file: str, line: int) -> str:
        """Name a line of the configuration by its file's path from where the user stands; the subject where there is
        none."""
        if not file:
            return self.name
        return f"{file}:{line}" if self.laid_out else f"{self.name}/{file}:{line}"

    def path(self, file: str) -> Path:
        """Where such a file lies on the user's disk, if it does."""
        config = self.configuration
        folder = Path() if self.laid_out else config if config.is_dir() else config.parent
        return (folder / file).resolve()


REFERENCE = Target(IMAGES / "httpd" / "conf", "images/httpd/conf", depth=3)
"""The reference deployment: what `compose.yaml` runs. It promises the whole catalogue."""


@dataclass(frozen=True)
class Run:
    """A finished run. `unauthenticated` are those who knocked where nothing is promised. `trouble` says why nothing can
    be concluded, None where all is well; `timing_s` is in seconds."""

    target: Target
    image: str
    versions: Mapping[str, str]
    sites: tuple[Site, ...]
    results: tuple[Result, ...]
    findings: tuple[Finding, ...]
    trouble: str | None
    timing_s: Mapping[str, float]
    unauthenticated: tuple[Result, ...] = ()
    coverage: tuple[Covered, ...] = ()

    def verdict(self, *, strict: bool = False) -> str:
        """`pass`, `fail` or `inconclusive`; with `strict`, warnings count as errors do.

        What was proved stands even where something else could not be told.
        """
        if any(entry.level == "error" or (strict and entry.level == "warning") for entry in self.findings):
            return "fail"
        if self.trouble or not self.results or any(entry.verdict is Verdict.INCONCLUSIVE for entry in self.results):
            return "inconclusive"
        return "pass"


def verify(
    target: Target = REFERENCE,
    *,
    policy: Policy = NO_POLICY,
    of_image: str | None = None,
    only: Callable[[Case], bool] = lambda _case: True,
    urls: Sequence[str] = (),
    versions: Sequence[Tls] = TLS_VERSIONS,
    jobs: int = 8,
    seed: int | None = None,
    keep: bool = False,
    like: Sequence[x509.Certificate] = (),
    progress: Progress = quiet,
) -> Run:
    """Prove a configuration in a container of its own; `like` is the model of the good client, and its issuers. `seed`
    chooses another order of the probes: what becomes of one must not depend on those before it.

    Raises:
        ServerError: no engine, no image, or httpd did not start.
        ConfigurationError: httpd refuses the configuration.
        PolicyError: the policy does not fit it.
        NothingToDoError: nothing is left after `only`, `urls` and `versions`.
    """
    clock = Clock()
    laid_out = target.laid_out or layout(target.configuration)
    progress("images", 0, 1)
    chosen = of_image or target.image
    tag = given(chosen) if chosen else image("httpd")
    sweep()
    with sandbox(tag, laid_out, keep=keep) as bench:
        progress("configuration", 0, 1)
        configuration = bench.effective()
        found = policy.apply_to(
            sites(
                configuration,
                complete=not laid_out.is_snippet,
                port_substitutes=laid_out.port_substitutes,
                loopback_only=laid_out.loopback_only,
                further=policy.paths,
                files=lambda path: bench.given(bench.absolute(path)),
            )
        )
        clock.lap("engine")
        progress("certificates", 0, 1)
        provisioner = Provisioner(bench, configuration, slow_keys(), target.depth, tuple(like), policy)
        planner = Planner(
            provisioner.pki,
            provisioner.query,
            found.places,
            versions,
            everything=target.depth is not None,
            policy=policy,
        )
        places = tuple(site for site in found.places if not urls or site.url in urls)
        planned = _planned(places, planner, only)
        provisioner.check_issuer()
        if not planned.knocks:
            raise NothingToDoError(_nothing(found.places))
        provisioner.issue_servers(found.places)
        files, answers = provisioner.files(found.places), provisioner.answers(found.places)
        clock.lap("pki")
        progress("server", 0, 1)
        with bench.running(files, found, answers=answers, keep=keep) as httpd:
            prober = _Prober(httpd, provisioner.servers(), jobs)
            observed = prober.wait(planned.before or planned.knocks[:1])
            clock.lap("engine")
            planned, missed = planned.where_spoken(observed, planner)
            observed |= prober.probe(planned.in_order(seed), progress)
            observed |= prober.probe(planned.after)
            clock.lap("probes")
            ended = httpd.state()
            log = read(httpd.finish(keep=keep))
    clock.lap("engine")
    judgements = judge_all(
        [*missed, *planned.knocks, *planned.shut_to_all], (*planned.before, *planned.after), observed, log
    )
    open_to_all = judge_all(planned.unauthenticated, (), observed, log).results
    redirected = {entry.knock.control_key: entry for entry in judgements.controls_refused if _is_redirect(entry)}
    traces = Traces(log.traces, laid_out.origin)
    judgements = replace(judgements, results=tuple(map(traces.explained, judgements.results)))
    results = tuple(entry for entry in judgements.results if entry.knock.control_key not in redirected)
    locked_out = [entry for entry in judgements.controls_refused if entry.verdict is Verdict.LOCKED_OUT]
    puzzling = [entry for entry in judgements.controls_refused if entry not in locked_out and not _is_redirect(entry)]
    trouble = ended or (_shut(puzzling[0]) if puzzling else None)
    let_in = {one.knock.site.id for one in results if one.verdict is Verdict.INTRUDER and not one.logged.identity}
    # Where only some cases are asked, nothing is said of the others.
    asked = all(only(case) for case in catalogue() if case.family == "absent")
    guarded = [site for site in planned.guarded if asked and not policy.is_public(site)]
    queries = {site.id: provisioner.query(site) for site in planned.guarded}
    undecided_sites = [
        (site, rule)
        for site in guarded
        if site.guard.verify_client != "require" and site.id not in let_in
        for rule in _untried(queries[site.id])
    ]
    by_rule = untestable_grants(undecided_sites)
    alone = [one for one in results if one.knock.case.id == EACH_CONDITION and one.knock.client.identity is None]
    admitted_alone = [one for one in alone if one.observed.outcome is Outcome.ADMITTED]
    tried = {one.knock.triggered_by for one in admitted_alone}
    not_seen = (
        *(*laid_out.coverage_gaps, *coverage_gaps(configuration, laid_out.files), *found.coverage_gaps),
        *map(_before_the_guard, redirected.values()),
        *map(_unread, provisioner.unread),
        *(_unknown_users(site) for site in planned.guarded if provisioner.stand_in(site)),
        *(
            _by_address(one.directive)
            for site in guarded
            for one in queries[site.id].address_grants()
            if one.directive not in tried
        ),
        *map(_refused_by_other_rule, judgements.controls_refused_by_other_rule),
    )
    return Run(
        target=target,
        image=tag,
        versions=log.versions,
        sites=places,
        results=results,
        findings=(
            *findings((*results, *locked_out), target.depth),
            *public_sites(open_to_all, [site for site in places if not policy.is_public(site)]),
            *not_told_apart(site for site in planned.guarded if provisioner.blind(site)),
            *excessive_depth(results),
            *by_rule,
            *admitted_otherwise(one for one in admitted_alone if one.verdict is Verdict.AS_EXPECTED),
            *about_nothing(found.idle),
            *not_examined(not_seen),
        ),
        trouble=f"{trouble}\nThe log's last words:\n{log.last_words}" if trouble else _doubt(target, by_rule),
        timing_s=clock.times(),
        unauthenticated=open_to_all,
        coverage=coverage(results, traces, provisioner.query),
    )


@dataclass(frozen=True)
class _Planned:
    """Who knocks: at the sites that are `guarded` the catalogue, and the control before and after it; where nobody is
    to get in, and where anybody may, only who has no certificate."""

    guarded: list[Site]
    before: list[PlannedProbe]
    knocks: list[PlannedProbe]
    after: list[PlannedProbe]
    shut_to_all: list[PlannedProbe]
    unauthenticated: list[PlannedProbe]

    def where_spoken(
        self, observed: Mapping[str, Observation], planner: Planner
    ) -> tuple["_Planned", list[PlannedProbe]]:
        """Leave out the doors whose version of TLS the server does not speak; returns also the controls that missed one
        which the policy wants."""
        closed = {knock.control_key for knock in self.before if observed[knock.probe_id].alert == OTHER_VERSION}
        missed = [knock for knock in self.before if knock.control_key in closed and planner.must_speak(knock)]
        before, knocks, after = (
            [one for one in some if one.control_key not in closed] for some in (self.before, self.knocks, self.after)
        )
        return replace(self, before=before, knocks=knocks, after=after), missed

    def in_order(self, seed: int | None) -> list[PlannedProbe]:
        """All but the controls, as they were planned or in the order that the seed makes."""
        order = [*self.knocks, *self.shut_to_all, *self.unauthenticated]
        if seed is not None:
            random.Random(seed).shuffle(order)  # noqa: S311 - nothing here is a secret
        return order


def _planned(places: Sequence[Site], planner: Planner, only: Callable[[Case], bool]) -> _Planned:
    claimed = [site for site in places if site.guard.requirement]
    guarded = [site for site in claimed if site.tls and (planner.policy.promise_for(site) or not site.guard.denies_all)]
    asked = {site.id for site in guarded}
    return _Planned(
        guarded,
        knocks=planner.plan(guarded, only=only),
        before=planner.controls(guarded),
        after=planner.controls(guarded),
        # Where nobody gets in, a good client shows nothing, nor where nobody can be known.
        shut_to_all=planner.unauthenticated(site for site in claimed if site.id not in asked),
        unauthenticated=planner.unauthenticated(site for site in places if not site.guard.requirement),
    )


_BY_WORD = {"gone": "410"}
"""The status that a Redirect may have a word for."""


def _is_redirect(result: Result) -> bool:
    """Whether a Redirect answers before any guard: also by a status that says that nothing is there."""
    status, said = result.observed.status, result.knock.site.guard.directives
    answers = {_BY_WORD.get(entry.value, entry.value) for entry in said if entry.name.lower().startswith("redirect")}
    for rule in (entry for entry in said if entry.name.lower() == "rewriterule"):
        answers |= {*re.findall(r"\bR=(\d+)", rule.arguments), *(["410"] if "G" in flags(rule) else [])}
    return status is not None and (300 <= status < 400 or str(status) in answers)


def _before_the_guard(control: Result) -> CoverageGap:
    site = control.knock.site
    what = f"what is guarded at {site.url}: httpd redirects before it asks the guard"
    return CoverageGap(what, site.guard.section.file, site.guard.section.line)


def _refused_by_other_rule(control: Result) -> CoverageGap:
    site = control.knock.site
    where = site.guard.responsible("Require")
    what = f"whether a good client gets in at {site.url}: beside his certificate, something else is wanted of him"
    return CoverageGap(what, where.file, where.line)


def _untried(query: Query) -> list[Directive]:
    """The lines by which a client without a certificate may be admitted, as nobody here could show."""
    found = query.untestable_grants()
    if not found and not query.opens_to_all:
        found = query.needs_words()
    return [one.directive for one in found]


def _by_address(rule: Directive) -> CoverageGap:
    what = f"`{rule.name} {rule.arguments}` admits that address without a certificate"
    return CoverageGap(what, rule.file, rule.line, "Public to that address on purpose? Ignore this.")


def _unknown_users(site: Site) -> CoverageGap:
    where = site.guard.responsible("AuthUserFile")
    return CoverageGap(
        f"which users {where.arguments} knows: here it knows the good client alone", where.file, where.line
    )


def _unread(rule: Directive) -> CoverageGap:
    return CoverageGap(
        f"whom `{rule.name} {rule.arguments}` refuses, since not all that it wants can be read",
        rule.file,
        rule.line,
        "Give a client that it lets in with --client-like, and see to it yourself that it refuses the others.",
    )


def _doubt(target: Target, found: Sequence[Finding]) -> str | None:
    """Say that a way in was not tried: whatever else was seen, it is no pass."""
    lines = " and ".join(target.locate(entry.file, entry.line) for entry in found)
    return f"Whether somebody without a certificate gets in by {lines} cannot be told." if found else None


def _nothing(places: Sequence[Site]) -> str:
    if not any(site.guard.requirement for site in places):
        return (
            "The configuration asks for a client certificate nowhere, so it promises nothing that could be proved. "
            "Write `SSLVerifyClient require` in the virtual host that only clients with a certificate are to enter."
        )
    if all(site.guard.denies_all for site in places if site.guard.requirement):
        return (
            "Nobody is let in at any place that was found, so it cannot be proved that good clients are.\n"
            "If some are, name a place of theirs by --policy FILE, as docs/policy.md says."
        )
    known = "".join(f"\n{site.url}" for site in places)
    return (
        "No probe is left to make: -k, --site and --tls together exclude every case.\n"
        f"`mtls-harness cases` lists the cases. The sites are:{known}"
    )


@dataclass(frozen=True)
class _Prober:
    """The client's side of a run."""

    httpd: Httpd
    servers: frozenset[x509.Certificate]
    jobs: int

    def wait(self, knocks: Sequence[PlannedProbe]) -> dict[str, Observation]:
        """Probe until the server answers at all; raises ServerError when it has died or stays silent."""
        deadline = time.monotonic() + _START
        while self._one(knocks[0]).outcome is Outcome.NO_ANSWER:
            if (ended := self.httpd.state()) or time.monotonic() > deadline:
                ended = ended or f"httpd did not answer within {_START} s"
                raise ServerError(f"{ended}. Its last words:\n{self.httpd.last_words()}")
            time.sleep(0.01)
        return self.probe(knocks)

    def probe(self, knocks: Sequence[PlannedProbe], progress: Progress = quiet) -> dict[str, Observation]:
        """Make all these probes in parallel."""
        return in_parallel(self._one, knocks, self.jobs, progress)

    def _one(self, knock: PlannedProbe) -> Observation:
        site = knock.site
        servers = self.servers if site.tls else frozenset()
        # For a folder's index mod_dir asks the guard once more, with GET: a second lock that other pages do not have.
        path = site.page if site.tls and not site.guard.in_handshake else site.path
        endpoint = Endpoint(("127.0.0.1", self.httpd.ports[site.listener]), site.name, site.port, path, servers)
        return (
            probe(endpoint, knock.client, knock.tls, knock.probe_id)
            if site.tls
            else probe_without_tls(endpoint, knock.client, knock.probe_id)
        )


def in_parallel(
    one: Callable[[PlannedProbe], Observation], knocks: Sequence[PlannedProbe], jobs: int, progress: Progress
) -> dict[str, Observation]:
    """Make probes, so many at a time; returns what was observed of each by its mark."""
    observed = {}
    with ThreadPoolExecutor(max_workers=jobs) as workers:
        for knock, observation in zip(knocks, workers.map(one, knocks), strict=True):
            observed[knock.probe_id] = observation
            progress("probes", len(observed), len(knocks))
    return observed


class Clock:
    """Adds up how long each part of a run took, in seconds."""

    def __init__(self) -> None:
        """Start now."""
        self._start = self._last = time.perf_counter()
        self._spent: dict[str, float] = {}

    def lap(self, part: str) -> None:
        """Count the time since the last call for this part."""
        now = time.perf_counter()
        self._spent[part] = self._spent.get(part, 0) + now - self._last
        self._last = now

    def times(self) -> dict[str, float]:
        """The total, and the parts."""
        return {
            name: round(seconds, 3) for name, seconds in [("total", self._last - self._start), *self._spent.items()]
        }


def _shut(control: Result) -> str:
    knock, seen = control.knock, control.observed
    what = seen.alert or seen.error or f"status {seen.status}"
    more = "\nIf a rule wants more than could be read, name a client that it lets in with --client-like."
    if seen.status == NO_PASSWORD:
        more = "\nA password is wanted as well, which only a file (AuthType Basic, AuthUserFile) could be given here."
    return (
        f"The control, a client with everything in order, did not get in at {knock.site.url} "
        f"over TLS {knock.tls} ({seen.outcome}: {what}), so no refusal means anything."
        f"{more if seen.status and (knock.site.guard.rules or seen.status == NO_PASSWORD) else ''}"
    )
