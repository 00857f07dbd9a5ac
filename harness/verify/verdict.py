"""Which findings does a run have, and what prevents a verdict?"""

from collections.abc import Sequence

from harness.httpd.log import Log
from harness.httpd.site import Sites
from harness.outcome import Verdict
from harness.verify.coverage_gaps import coverage_gaps
from harness.verify.finding import (
    Finding,
    about_nothing,
    admitted_otherwise,
    excessive_depth,
    findings,
    merged,
    not_examined,
    not_told_apart,
    public_sites,
)
from harness.verify.judgement import NO_PASSWORD, Result
from harness.verify.name_forms import name_forms
from harness.verify.provision import Provisioner
from harness.verify.run_results import RunResults
from harness.verify.schedule import Schedule
from harness.verify.target import Target
from harness.verify.trust import server_as_authority


def run_findings(
    results: RunResults, unproven: Sequence[Finding], schedule: Schedule, provisioner: Provisioner, sites: Sites
) -> tuple[Finding, ...]:
    """All findings of a run, in the order of a report; `unproven` are among them."""
    not_public = [site for site in schedule.sites if not provisioner.policy.is_public(site)]
    of_probes = findings((*results.judged, *results.locked_out), provisioner.depth)
    as_decided = (one for one in results.admitted_otherwise if one.verdict is Verdict.AS_EXPECTED)
    found = (
        *of_probes,
        *public_sites(results.unclaimed, not_public),
        *not_told_apart(site for site in schedule.guarded if provisioner.blind(site)),
        *server_as_authority(schedule.guarded, provisioner.sandbox),
        *excessive_depth(results.judged),
        *name_forms(schedule.guarded, of_probes, like=bool(provisioner.like)),
        *unproven,
        *admitted_otherwise(as_decided),
        *about_nothing(sites.idle),
        *not_examined(coverage_gaps(results, schedule, provisioner, sites)),
    )
    return merged(found)


def trouble(
    target: Target, results: RunResults, ended: str | None, log: Log, unproven: Sequence[Finding]
) -> str | None:
    """The reason why there is no verdict; None if there is one.

    `ended` is the reason why httpd stopped before the end. `unproven` are findings on rules that may admit a client
    without a certificate: with one of these, no run passes.
    """
    if failure := ended or next(map(_unexplained, results.unexplained), None):
        return f"{failure}\nThe log's last words:\n{log.last_words}"
    lines = " and ".join(target.locate(entry.file, entry.line) for entry in unproven)
    return f"Not decided: whether {lines} admits a client without a certificate." if unproven else None


def _unexplained(control: Result) -> str:
    planned, seen = control.probe, control.observed
    what = seen.alert or seen.error or f"status {seen.status}"
    more = "\nIf a rule requires more than was read, name a client that it admits: --client-like."
    if seen.status == NO_PASSWORD:
        more = (
            "\nThe site also requests a password. The run can only supply one by a file (AuthType Basic, AuthUserFile)."
        )
    return (
        f"The control, a valid client, was not admitted at {planned.site.url} "
        f"over TLS {planned.tls} ({seen.outcome}: {what}), so no refusal proves anything."
        f"{more if seen.status and (planned.site.guard.rules or seen.status == NO_PASSWORD) else ''}"
    )
