"""How is a run summarised in one line?"""

from collections import Counter

from harness.outcome import Outcome, Verdict
from harness.verify import Run

_LEVELS = ("error", "warning", "note")


def headline(run: Run, *, strict: bool = False) -> str:
    """The verdict with the number of findings at each level, so that a pass with warnings does not read like one
    without: `PASS, 2 warnings`."""
    found = Counter(finding.level for finding in run.findings if finding.accepted is None)
    counts = [_counted(found[level], level) for level in _LEVELS if found[level]]
    accepted = sum(finding.accepted is not None for finding in run.findings)
    if accepted:
        counts.append(f"{accepted} accepted")
    return ", ".join([run.verdict(strict=strict).upper(), *counts])


def warnings_matter(run: Run) -> bool:
    """Whether a pass must not look like one without warnings."""
    return any(finding.level == "warning" and finding.accepted is None for finding in run.findings)


def probes(run: Run) -> str:
    """Count the probes as expected, those without a verdict, and the guard conditions that were covered."""
    unclear = [result for result in run.results if result.verdict is Verdict.INCONCLUSIVE]
    judged = len(run.results) - len(unclear)
    expected = sum(result.verdict is Verdict.AS_EXPECTED for result in run.results)
    parts = [f"{expected} of {judged} probes as expected"] if judged or not unclear else []
    if unclear:
        refusals = (Outcome.REFUSED_BY_HTTP, Outcome.REFUSED_IN_HANDSHAKE)
        refused = sum(result.observed.outcome in refusals for result in unclear)
        parts.append(f"{_counted(len(unclear), 'probe')} without a verdict ({refused} refused)")
    if run.coverage:
        covered = sum(one.complete for one in run.coverage)
        parts.append(f"{covered} of {len(run.coverage)} guard conditions covered")
    return "; ".join(parts)


def summary(run: Run, *, strict: bool = False) -> str:
    """Name what was verified, the verdict, the findings and the probes."""
    return f"{run.target.subject}: {headline(run, strict=strict)}. {probes(run)}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
