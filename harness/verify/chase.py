"""Which values of conditions did the first probes not show, and which further probes show them?"""

from collections.abc import Mapping
from dataclasses import replace

from harness.httpd.directive import Places
from harness.httpd.log import Log
from harness.outcome import Observation
from harness.verify.coverage import Seen, seen
from harness.verify.plan import Planner
from harness.verify.run_results import run_results
from harness.verify.schedule import Schedule
from harness.verify.tracing import Traces


def chased(
    schedule: Schedule, planner: Planner, observed: Mapping[str, Observation], log: Log, places: Places
) -> Schedule:
    """Add a probe for each value of a condition that httpd's trace of the probes so far does not show."""
    traces = Traces(log.traces, places)
    results = run_results(replace(schedule, after=[]), observed, log, traces).judged
    of_guarded = {one.site.id: one for one in seen(results, traces)}
    unseen = {
        site.id: [*of_guarded.get(site.id, Seen(site, traces.index(site))).unseen(planner.query(site))]
        for site in schedule.guarded
    }
    return schedule.chasing(planner, unseen)
