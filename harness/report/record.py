"""How does the record list the admitted clients of each site, the same from run to run?"""

import difflib
from dataclasses import replace
from pathlib import Path

from harness.outcome import Outcome, Verdict
from harness.pki import serial
from harness.report.file import write
from harness.verify import Finding, Result, Run


def lines(run: Run) -> list[str]:
    """Write the observed table: a line a site, case and version of TLS, sorted; no times, no serial numbers."""
    return sorted({_line(result) for result in (*run.results, *run.unauthenticated)})


def is_whole(run: Run) -> bool:
    """Whether every probe has a clear outcome: any other run writes no record, and matches none."""
    answered = all(entry.observed.outcome is not Outcome.NO_ANSWER for entry in run.unauthenticated)
    return answered and not run.trouble and all(entry.verdict is not Verdict.INCONCLUSIVE for entry in run.results)


def compared(run: Run, file: Path) -> tuple[Run, list[str]]:
    """Compare a run with its record, or write the record if there is none.

    Returns the run, with an error among its findings if they differ, and the lines to print.

    Raises:
        ReportError: the record cannot be written.
    """
    if not is_whole(run):
        return run, [f"Some probes have no clear outcome, so {file} is neither written nor compared."]
    if not file.exists():
        write(file, "\n".join([*lines(run), ""]))
        return run, [f"Recorded in {file} which clients are admitted where."]
    found = differences(run, file)
    if not found:
        return run, []
    changed = [line for line in found[2:] if line[0] in "+-"]
    finding = Finding(
        id="record.differs",
        level="error",
        site="",
        cases=(),
        message=f"Differs from the record {file} in {len(changed)} lines, such as `{_telling(changed)}`.",
        remedy="Intended? Delete the record, and the next run writes a new one. Otherwise undo the change.",
        file="",
        line=0,
    )
    return replace(run, findings=(*run.findings, finding)), ["", f"Differences from the record {file}:", *found]


def _telling(changed: list[str]) -> str:
    """The line to show of all that changed: a newly admitted client, else any that is new, else the last."""
    new = [line for line in changed if line.startswith("+")]
    return next((line for line in new if ": admitted" in line), (new or changed)[-1])


def differences(run: Run, file: Path) -> list[str]:
    """Compare with an earlier record; returns a unified diff, empty if there is no difference.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: the file is binary.
    """
    known = file.read_text(encoding="utf-8").splitlines()
    return [*difflib.unified_diff(known, lines(run), str(file), "this run", lineterm="")]


def _line(result: Result) -> str:
    probe = result.probe
    over = f"TLS {probe.tls}" if probe.site.tls else "without TLS"
    others = (name for name in (probe.client.asks_for, probe.client.resumes) if name in probe.site.neighbours)
    neighbour = "".join(f" by way of {name}" for name in others)
    return f"{probe.site.url} {probe.case.id}{neighbour} {over}: {_outcome(result)}"


def _outcome(result: Result) -> str:
    status = result.observed.status if result.logged.status is None else result.logged.status
    kind = f" ({status // 100}xx)" if status else ""
    if result.observed.outcome is Outcome.ADMITTED:
        return f"admitted as {_identity(result)}{kind}"
    return "refused in the handshake" if result.observed.outcome is Outcome.REFUSED_IN_HANDSHAKE else f"refused{kind}"


def _identity(result: Result) -> str:
    certificates = result.probe.client.certificates
    if result.logged.identity is None:
        return "nobody"
    return "itself" if certificates and result.logged.identity == serial(certificates[0]) else "somebody else"
