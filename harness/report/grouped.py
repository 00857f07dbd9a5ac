"""In which order does a person read the findings?"""

import re

from harness.httpd.site import Site
from harness.verify import Finding, Run

_WORST_FIRST = ("error", "warning", "note")


def grouped(run: Run) -> list[tuple[tuple[Site, ...], tuple[Finding, ...]]]:
    """Group the findings by site, the worst site first and in it the worst finding.

    Sites with the same finding about the same line form one group: the line needs only one change.
    """
    order = {site.id: number for number, site in enumerate(run.sites)}
    where: dict[tuple[str, ...], dict[str, Finding]] = {}
    for finding in run.findings:
        # The request that shows it differs from site to site.
        message = re.sub("`[^`]*`", "", finding.message) if finding.cases else finding.message
        same = (finding.level, finding.id, message, *finding.cases, finding.remedy, finding.file, str(finding.line))
        where.setdefault(same, {})[finding.site] = finding
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for found in where.values():
        sites = tuple(sorted(found, key=lambda site: order.get(site, -1)))
        groups.setdefault(sites, []).append(found[sites[0]])

    def worst(group: tuple[tuple[str, ...], list[Finding]]) -> tuple[int, int]:
        return min(map(_severity, group[1])), order.get(group[0][0], len(order))

    return [
        (tuple(run.sites[order[site]] for site in sites if site in order), tuple(sorted(found, key=_severity)))
        for sites, found in sorted(groups.items(), key=worst)
    ]


def _severity(finding: Finding) -> int:
    return _WORST_FIRST.index(finding.level)
