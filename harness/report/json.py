"""How is a run written as JSON? The report, version 1."""

import json
from typing import Any

from harness.httpd.site import Site
from harness.report.help import help_for
from harness.report.place import fingerprint
from harness.verify import Covered, Finding, Result, Run
from harness.verify.finding_kind import why

VERSION = 1


def render(run: Run, strict: bool) -> str:
    """Write the report as JSON text."""
    return json.dumps(as_data(run, strict=strict), indent=2, ensure_ascii=False) + "\n"


def as_data(run: Run, *, strict: bool = False) -> dict[str, Any]:
    """Turn a run into the report's plain data; times are in seconds, durations in milliseconds."""
    return {
        "version": VERSION,
        "verdict": run.verdict(strict=strict),
        "subject": {"config": run.target.subject, "image": run.image, **run.versions},
        "sites": [_site(site) for site in run.sites],
        "results": [_result(result) for result in run.results],
        "coverage": [_covered(one) for one in run.coverage],
        "findings": [_finding(run, finding) for finding in run.findings],
        "timing_s": dict(run.timing_s),
        "trouble": run.trouble,
    }


def _site(site: Site) -> dict[str, Any]:
    guard = site.guard
    where = guard.responsible("SSLVerifyClient")
    return {
        "id": site.id,
        "url": site.url,
        "guard": {
            "verify_client": guard.verify_client,
            "verify_depth": guard.verify_depth,
            "revocation": guard.revocation,
            "file": where.file,
            "line": where.line,
        },
    }


def _result(result: Result) -> dict[str, Any]:
    probe, seen = result.probe, result.observed
    return {
        "case": probe.case.id,
        "site": probe.site.id,
        "tls": probe.tls,
        "probe": probe.probe_id,
        "expected": str(probe.expected),
        "outcome": seen.outcome,
        "alert": seen.alert,
        "status": seen.status,
        "identity": result.logged.identity,
        "reason": _reason(result),
        "verdict": result.verdict,
        "level": result.level,
        "duration_ms": seen.duration_ms,
        "error": seen.error,
    }


def _reason(result: Result) -> dict[str, Any] | None:
    """Return why it was refused: httpd's message in the handshake, the deciding condition after it."""
    reason, condition = result.logged.reason, result.decided_by
    if reason is None and condition is None:
        return None
    directive = condition.directive if condition else None
    return {
        "ah": reason.ah if reason else None,
        "x509_error": reason.x509_error if reason else None,
        "text": reason.text if reason else None,
        "file": directive.file if directive else None,
        "line": directive.line if directive else None,
        "condition": f"{directive.name} {directive.arguments}" if directive else None,
    }


def _covered(one: Covered) -> dict[str, Any]:
    directive = one.condition.directive
    return {
        "site": one.site.id,
        "file": directive.file,
        "line": directive.line,
        "directive": directive.name,
        "condition": directive.arguments,
        "true": one.true,
        "false": one.false,
        "independent": one.independent,
        "why": one.why,
    }


def _finding(run: Run, finding: Finding) -> dict[str, Any]:
    more = {"why": why(finding.id), "help": help_for(finding.id), "fingerprint": fingerprint(run, finding)}
    return vars(finding) | {"cases": list(finding.cases), "sites": list(finding.sites), **more}
