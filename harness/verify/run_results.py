"""Which results does a run have, and why were controls refused?"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.httpd.layout import CoverageGap
from harness.httpd.log import Log
from harness.httpd.redirect import redirect
from harness.httpd.rewrite_rule import rules
from harness.outcome import Observation, Outcome, Verdict
from harness.verify.backend_identity import judge_identities, unrecorded
from harness.verify.judgement import Result, judge_all
from harness.verify.plan import EACH_CONDITION
from harness.verify.schedule import Schedule
from harness.verify.tracing import Traces


@dataclass(frozen=True)
class RunResults:
    """The judged probes of a run.

    `judged` leaves out the sites where a redirect answers before the guard. `unclaimed` are those at sites without a
    claim. The others are controls that were refused: `locked_out` by a fault of the configuration, `redirected` before
    the guard, `refused_by_other_rule` by a rule that is not about certificates, `unexplained` for an unknown reason.
    """

    judged: tuple[Result, ...]
    unclaimed: tuple[Result, ...]
    locked_out: tuple[Result, ...]
    redirected: tuple[Result, ...]
    refused_by_other_rule: tuple[Result, ...]
    unexplained: tuple[Result, ...]
    unrecorded: tuple[CoverageGap, ...] = ()
    """The backends of which it is not known what they received."""

    @property
    def admitted_otherwise(self) -> list[Result]:
        """The clients without a certificate that were made for one condition, and that httpd admitted."""
        return [
            one
            for one in self.judged
            if one.probe.case.id == EACH_CONDITION
            and one.probe.client.identity is None
            and one.observed.outcome is Outcome.ADMITTED
        ]


def run_results(schedule: Schedule, observed: Mapping[str, Observation], log: Log, traces: Traces) -> RunResults:
    """Judge all probes of a run."""
    probes = [*schedule.missed, *schedule.probes, *schedule.closed]
    controls = (*schedule.before, *schedule.after)
    judgements = judge_all(probes, controls, observed, log)
    refused = judgements.controls_refused
    redirected = tuple(one for one in refused if _is_redirect(one))
    without_guard = {one.probe.control_key for one in redirected}
    forged = judge_identities(schedule.forging, controls, observed, log)
    explained = traces.explained((*judgements.results, *forged))
    return RunResults(
        judged=tuple(one for one in explained if one.probe.control_key not in without_guard),
        unrecorded=unrecorded(schedule.forging, observed, log),
        unclaimed=judge_all(schedule.unclaimed, (), observed, log).results,
        locked_out=tuple(one for one in refused if one.verdict is Verdict.LOCKED_OUT),
        redirected=redirected,
        refused_by_other_rule=judgements.controls_refused_by_other_rule,
        unexplained=tuple(one for one in refused if one.verdict is not Verdict.LOCKED_OUT and one not in redirected),
    )


def _is_redirect(control: Result) -> bool:
    """Whether a redirect answers before any guard, also one with the status of an error."""
    status, directives = control.observed.status, control.probe.site.guard.directives
    answers = {found.status for found in map(redirect, directives) if found}
    answers |= {rule.status for rule in rules(directives) if rule.status and "F" not in rule.flags}
    return status is not None and (300 <= status < 400 or status in answers)
