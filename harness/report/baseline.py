"""Which findings were known before?"""

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from harness.report.place import fingerprint
from harness.verify import Run


class BaselineError(Exception):
    """A file is no JSON report that could be a baseline."""


def read(file: Path) -> frozenset[str]:
    """Return the fingerprints of the findings in an earlier JSON report.

    Raises:
        BaselineError: the file is no such report.
    """
    try:
        findings = json.loads(file.read_text(encoding="utf-8"))["findings"]
        return frozenset(finding["fingerprint"] for finding in findings)
    except (OSError, ValueError, KeyError, TypeError):
        raise BaselineError(f"{file} is no report of `mtls-harness verify --json`.") from None


def without_known(run: Run, known: Collection[str], file: Path) -> Run:
    """Accept the warnings and notes that an earlier report has. An error is never accepted by a baseline."""
    findings = [
        replace(finding, accepted=f"known in {file}")
        if finding.accepted is None and finding.level != "error" and fingerprint(run, finding) in known
        else finding
        for finding in run.findings
    ]
    return replace(run, findings=tuple(findings))
