"""In which order does a person read the findings?"""

from harness.httpd.site import Site
from harness.verify import Finding, Run

_WORST_FIRST = ("error", "warning", "note")


def grouped(run: Run) -> list[tuple[tuple[Site, ...], tuple[Finding, ...]]]:
    """Group the findings by their sites, the worst group first and in it the worst finding. Accepted findings are the
    last."""
    order = {site.id: number for number, site in enumerate(run.sites)}
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in run.findings:
        groups.setdefault(tuple(sorted(finding.sites, key=lambda site: order.get(site, -1))), []).append(finding)

    def worst(group: tuple[tuple[str, ...], list[Finding]]) -> tuple[int, int]:
        return min(map(_severity, group[1])), order.get(next(iter(group[0]), ""), len(order))

    return [
        (tuple(run.sites[order[site]] for site in sites if site in order), tuple(sorted(found, key=_severity)))
        for sites, found in sorted(groups.items(), key=worst)
    ]


def _severity(finding: Finding) -> int:
    return _WORST_FIRST.index(finding.level) if finding.accepted is None else len(_WORST_FIRST)
