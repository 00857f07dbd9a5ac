"""In which order does a person read the findings?"""

from harness.httpd.site import Site
from harness.verify import Finding, Run

_WORST_FIRST = ("error", "warning", "note")


def grouped(run: Run) -> list[tuple[tuple[Site, ...], tuple[Finding, ...]]]:
    """Group the findings by site, the worst site first and in it the worst finding.

    Sites that one line makes wrong in the same way stand together: it has to be mended once.
    """
    order = {site.id: number for number, site in enumerate(run.sites)}
    where: dict[tuple[str, ...], dict[str, Finding]] = {}
    for finding in run.findings:
        same = (finding.level, finding.id, finding.message, finding.remedy, finding.file, str(finding.line))
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
