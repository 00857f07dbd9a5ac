"""What did a run not test that may decide about admission?"""

from collections.abc import Iterable, Iterator

from harness.httpd import htaccess
from harness.httpd.directive import Directive
from harness.httpd.layout import CoverageGap
from harness.httpd.site import Site, Sites
from harness.outcome import Verdict
from harness.verify.client import Query
from harness.verify.coverage import Seen
from harness.verify.finding import Finding, untestable_grants
from harness.verify.judgement import Result
from harness.verify.provision import Provisioner
from harness.verify.run_results import RunResults
from harness.verify.schedule import Schedule


def unproven_grants(
    results: RunResults, schedule: Schedule, provisioner: Provisioner, shown: Iterable[Seen]
) -> tuple[Finding, ...]:
    """The rules that may admit a client without a certificate, where no client of the run showed it. A site that was
    seen to admit one is left out."""
    by_site = {one.site.id: one for one in shown}
    intruded = {
        one.probe.site.id for one in results.judged if one.verdict is Verdict.INTRUDER and not one.logged.identity
    }
    return untestable_grants(
        (site, rule)
        for site in schedule.examined
        if site.guard.verify_client != "require" and site.id not in intruded
        for rule in _untested_grants(provisioner.query(site), by_site.get(site.id))
    )


def _untested_grants(query: Query, seen: Seen | None) -> list[Directive]:
    """The conditions by which a client without a certificate may be admitted: those that such a client was not seen to
    turn, or all where it turned each of them but never all at once."""
    found = query.untestable_grants()
    if not found and not query.opens_to_all:
        found = query.request_grants()
    unseen = [one for one in found if not (seen and all(seen.count(one, verified=False)))]
    return [one.directive for one in unseen or found]


def coverage_gaps(
    results: RunResults, schedule: Schedule, provisioner: Provisioner, sites: Sites
) -> Iterator[CoverageGap]:
    """Yield the untested parts: of CONFIG, of the sites, of the rules."""
    layout = provisioner.sandbox.layout
    yield from layout.coverage_gaps
    yield from provisioner.sandbox.gaps()
    yield from htaccess.coverage_gaps(provisioner.configuration, layout.files)
    yield from sites.coverage_gaps
    yield from map(_behind_redirect, results.redirected)
    yield from map(_unread, provisioner.unread)
    yield from (_unknown_users(site) for site in schedule.guarded if provisioner.stand_in(site))
    tested = {one.probe.triggered_by for one in results.admitted_otherwise}
    for site in schedule.examined:
        grants = provisioner.query(site).address_grants()
        yield from (_by_address(one.directive) for one in grants if one.directive not in tested)
    yield from results.unrecorded
    yield from map(_refused_by_other_rule, results.refused_by_other_rule)


def _behind_redirect(control: Result) -> CoverageGap:
    site = control.probe.site
    what = f"what is guarded at {site.url}: httpd redirects before it asks the guard"
    return CoverageGap(what, site.guard.section.file, site.guard.section.line)


def _unread(rule: Directive) -> CoverageGap:
    return CoverageGap(
        f"which clients `{rule.name} {rule.arguments}` refuses: not all of its conditions can be read",
        rule.file,
        rule.line,
        "Name a client that it admits with --client-like, and check yourself that it refuses the others.",
    )


def _unknown_users(site: Site) -> CoverageGap:
    where = site.guard.responsible("AuthUserFile")
    what = f"the users of {where.arguments}: CONFIG lacks this file, and here it has only the valid client"
    return CoverageGap(what, where.file, where.line)


def _by_address(rule: Directive) -> CoverageGap:
    what = f"`{rule.name} {rule.arguments}` admits that address without a certificate"
    return CoverageGap(what, rule.file, rule.line, "Public to that address on purpose? Ignore this.")


def _refused_by_other_rule(control: Result) -> CoverageGap:
    site = control.probe.site
    where = site.guard.responsible("Require")
    what = f"whether a valid client is admitted at {site.url}: another rule refuses it"
    return CoverageGap(what, where.file, where.line)
