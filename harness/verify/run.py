"""How is a configuration proved: resolved, planned, provisioned, started, probed, judged and reported?"""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec

from cryptography import x509

from harness.cases import Case
from harness.check.real_files import Sources, real_client_facts, real_files
from harness.engine import ServerError, ahead, image, sweep
from harness.engine.images import available
from harness.engine.packages import Packages
from harness.engine.sandbox import PackagesFailedError, Sandbox, sandbox
from harness.httpd.directive import Directive, Places
from harness.httpd.layout import ConfigurationError, Layout
from harness.httpd.site import Site, Sites, sites
from harness.outcome import TLS_VERSIONS, Tls, Verdict
from harness.pki.key_pool import slow_keys
from harness.verify.acceptance import accepted
from harness.verify.chase import chased
from harness.verify.coverage import Covered, coverage, has_conditions, seen
from harness.verify.coverage_gaps import unproven_grants
from harness.verify.finding import Finding
from harness.verify.judgement import Result
from harness.verify.plan import Planner
from harness.verify.policy import NO_POLICY, Policy
from harness.verify.probing import Prober, RunLog
from harness.verify.progress import Clock, Progress, quiet
from harness.verify.provision import Provisioner
from harness.verify.run_results import run_results
from harness.verify.schedule import Schedule
from harness.verify.target import REFERENCE, Target
from harness.verify.tracing import Traces
from harness.verify.undecided import gaps, no_verdict, undecided
from harness.verify.verdict import run_findings, trouble


@dataclass(frozen=True)
class Run:
    """A finished run. `unauthenticated` are the results at sites without a claim. `trouble` says why nothing is proved,
    None where all is well. `timing_s` is in seconds."""

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

        A proved error counts even where something else is unknown.
        """
        if any(entry.counts(strict=strict) for entry in self.findings):
            return "fail"
        if self.trouble or not self.results or any(entry.verdict is Verdict.INCONCLUSIVE for entry in self.results):
            return "inconclusive"
        return "pass"


_Options = ParamSpec("_Options")


def _again_without_packages(verify: Callable[_Options, Run]) -> Callable[_Options, Run]:
    """Verify without the modules of Debian's packages where httpd does not start with them."""

    @functools.wraps(verify)
    def verified(*arguments: _Options.args, **options: _Options.kwargs) -> Run:
        try:
            return verify(*arguments, **options)
        except PackagesFailedError:
            options["offline"] = True
            return verify(*arguments, **options)

    return verified


@_again_without_packages
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
    following: Target | None = None,
    offline: bool = False,
    progress: Progress = quiet,
    pki: Path | None = None,
) -> Run:
    """Prove a configuration in a container of its own.

    `offline` installs no packages for modules that httpd lacks. `like` is a certificate that the good client resembles,
    and its issuers. `pki` is a folder with the real files that the configuration refers to; these, and those of CONFIG,
    are examined beside the run. `following` is proved next, in the same image: its container starts during the probes.
    `seed` shuffles the probes: no result may depend on earlier probes.

    Raises:
        ServerError: no engine, no image, httpd did not start, or a module that it does not have decides at every site.
        ConfigurationError: httpd refuses the configuration.
        PolicyError: the policy does not fit it.
        NothingToDoError: nothing is left after `only`, `urls` and `versions`.
    """
    clock = Clock()
    keys = slow_keys()  # They are made while the container starts.
    layout = target.read()
    progress("images", 0, 1)
    name = of_image or target.image
    tag = available(name) if name else image("httpd")
    sweep()
    packages = None if name or offline else Packages(tag, progress)
    with sandbox(tag, layout, packages=packages, keep=keep) as bench:
        progress("configuration", 0, 1)
        configuration = bench.effective()
        found = _sites(bench, configuration, policy)
        places = Places(layout.origin, layout.files)
        clock.lap("engine")

        progress("certificates", 0, 1)
        provisioner = Provisioner(bench, configuration, keys, target.depth, tuple(like), policy)
        everything = target.depth is not None
        planner = Planner(
            provisioner.pki, provisioner.query, found.places, versions, everything=everything, policy=policy
        )
        chosen = tuple(site for site in found.places if not urls or site.url in urls)
        left_open = undecided(chosen)
        left_out = {site.id for site, _ in left_open}
        found = replace(found, coverage_gaps=(*found.coverage_gaps, *gaps(left_open)))
        schedule = Schedule.plan(tuple(site for site in chosen if site.id not in left_out), planner, only)
        provisioner.check_issuer()
        if not schedule.probes and (reason := no_verdict(left_open)):
            raise ServerError(reason)
        schedule.check(found.places)

        provisioner.issue_servers(found.places)
        files, answers = provisioner.files(found.places), provisioner.answers(found.places)
        clock.lap("pki")

        progress("server", 0, 1)
        with bench.running(files, found, answers=answers, backends=bool(schedule.forging)) as httpd:
            if following:
                _begin(tag, following)
            prober = Prober(httpd, provisioner.servers(), jobs)
            observed = prober.wait(schedule.before or schedule.probes[:1])
            clock.lap("engine")
            schedule = schedule.in_spoken_versions(observed, planner)
            observed |= prober.probe(schedule.handshakes(seed), progress)
            schedule = schedule.resting_on(observed)
            observed |= prober.probe(schedule.unsent(observed, seed), progress)
            run_log = RunLog(httpd)
            if schedule.chases and any(map(has_conditions, schedule.guarded)):
                schedule = chased(schedule, planner, observed, run_log.until(observed), places)
                httpd.answer(provisioner.answers(found.places))
                observed |= prober.probe(schedule.unsent(observed, seed), progress)
            observed |= prober.probe(schedule.after)
            clock.lap("probes")
            ended = httpd.state()
            log = run_log.whole(keep=keep)
    clock.lap("engine")

    real = _real_files(target, layout, configuration, pki, like)
    traces = Traces(log.traces, places)
    results = run_results(schedule, observed, log, traces)
    shown = seen(results.judged, traces)
    unproven = unproven_grants(results, schedule, provisioner, shown)
    return Run(
        target=target,
        image=bench.image,
        versions=log.versions,
        sites=schedule.sites,
        results=results.judged,
        findings=accepted((*run_findings(results, unproven, schedule, provisioner, found), *real), policy, target),
        trouble=trouble(target, results, ended, log, unproven) or no_verdict(left_open) or bench.adaptation.not_run(),
        timing_s=clock.times(),
        unauthenticated=results.unclaimed,
        coverage=coverage(shown, provisioner.query),
    )


def _real_files(
    target: Target, layout: Layout, configuration: Directive, pki: Path | None, like: Sequence[x509.Certificate]
) -> tuple[Finding, ...]:
    """Examine the real files, which the run has its own in the place of."""
    sources, now = Sources(layout, target.named, pki), datetime.now(UTC)
    clients = real_client_facts(configuration, sources, like, now) if like else ()
    return tuple(
        Finding(f"files.{one.id}", str(one.level), "", (), one.message, one.remedy, one.file, one.line)
        for one in (*real_files(configuration, sources, now), *clients)
    )


def _begin(image: str, following: Target) -> None:
    # Its errors are reported by its own run.
    with suppress(ConfigurationError, OSError):
        ahead.begin(image, following.read())


def _sites(bench: Sandbox, configuration: Directive, policy: Policy) -> Sites:
    """Find the sites of a configuration, with the claims that the policy adds."""
    layout = bench.layout
    found = sites(
        configuration,
        complete=not layout.is_snippet,
        port_substitutes=layout.port_substitutes,
        loopback_only=layout.loopback_only,
        further=policy.paths,
        files=lambda path: bench.config_file(bench.absolute(path)),
    )
    return policy.apply_to(found)
