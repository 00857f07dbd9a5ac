"""How is a run summarised in one line?"""

from collections import Counter

from harness.outcome import Verdict
from harness.verify import Run

_LEVELS = ("error", "warning", "note")


def summary(run: Run, *, strict: bool = False) -> str:
    """Count the findings, the probes as expected, and the guard conditions that were covered."""
    found = Counter(finding.level for finding in run.findings)
    levels = [_counted(found[level], level) for level in _LEVELS if found[level] and (level != "note")]
    expected = sum(result.verdict is Verdict.AS_EXPECTED for result in run.results)
    probes = f"{expected} of {len(run.results)} probes as expected"
    parts = [", ".join(levels), probes] if levels else [probes]
    if run.verdict(strict=strict) == "inconclusive":
        parts.insert(0, "no verdict")
    if run.coverage:
        covered = sum(one.complete for one in run.coverage)
        parts[-1] += f"; {covered} of {len(run.coverage)} guard conditions covered"
    return ". ".join(parts) + "."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
