"""Which findings does the policy accept?"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.verify.finding import Finding
from harness.verify.policy import Acceptance, Policy
from harness.verify.target import Target


def accepted(findings: Iterable[Finding], policy: Policy, target: Target) -> tuple[Finding, ...]:
    """Mark the findings that the policy accepts, with its reasons. An entry that accepts nothing is a note."""
    found = tuple(_marked(finding, policy, target) for finding in findings)
    return (*found, *_unused(found, policy, target))


def _marked(finding: Finding, policy: Policy, target: Target) -> Finding:
    entry = next((one for one in policy.accepted if _matches(one, finding, target)), None)
    return replace(finding, accepted=entry.reason) if entry else finding


def _matches(entry: Acceptance, finding: Finding, target: Target) -> bool:
    """Whether an entry names a finding: by its file in CONFIG, or by the path that a report shows."""
    if entry.finding != finding.id:
        return False
    return (entry.file, entry.at) == (finding.file, finding.line) or (
        bool(entry.file) and f"{entry.file}:{entry.at}" == target.locate(finding.file, finding.line)
    )


def _unused(findings: tuple[Finding, ...], policy: Policy, target: Target) -> Iterator[Finding]:
    for entry in policy.accepted:
        if any(_matches(entry, finding, target) for finding in findings):
            continue
        named = f"{entry.file}:{entry.at}" if entry.file else "the configuration as a whole"
        same = [one for one in findings if one.id == entry.finding and one.accepted is None]
        near = min(same, key=lambda one: abs(one.line - entry.at), default=None)
        yield Finding(
            id="policy.unused_acceptance",
            level="note",
            site="",
            cases=(),
            message=f"{policy.name}:{entry.line} accepts `{entry.finding}` at {named}: this run has no such finding.",
            remedy=f"Write the line {near.line} there." if near else "Remove the entry, if it is no longer needed.",
            file=near.file if near else "",
            line=near.line if near else 0,
        )
