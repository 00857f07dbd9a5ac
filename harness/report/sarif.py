"""How are findings written as SARIF, so that a code host annotates the responsible line?"""

import contextlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.report.help import explanation, help_url
from harness.report.place import fingerprint, place, root, uri
from harness.verify import Finding, Run
from harness.verify.finding_kind import why

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT = "mtlsHarness/v1"


def render(run: Run, strict: bool) -> str:
    """Write the findings as SARIF 2.1.0 (OASIS, errata 01): locations are relative to the repository's root."""
    rules = sorted({finding.id for finding in run.findings})
    notifications = [{"level": "error", "message": {"text": run.trouble}}] if run.trouble else []
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "mtls-harness", **_version(), "rules": [_rule(rule) for rule in rules]}},
                "invocations": [
                    {"executionSuccessful": not run.trouble, "toolExecutionNotifications": notifications},
                ],
                "columnKind": "unicodeCodePoints",
                "results": [_result(run, finding, rules.index(finding.id), strict) for finding in run.findings],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _version() -> dict[str, str]:
    """Return the version; a checkout that is not installed has none."""
    with contextlib.suppress(PackageNotFoundError):
        return {"version": version("mtls-harness")}
    return {}


def _rule(finding: str) -> dict[str, Any]:
    family, _, kind = finding.partition(".")
    url = help_url(finding)
    return {
        "id": finding,
        "shortDescription": {"text": f"{family}: {kind.replace('_', ' ').replace('-', ' ')}"},
        "fullDescription": {"text": why(finding)},
        **({"helpUri": url} if url else {}),
        "help": {"text": explanation(finding), "markdown": explanation(finding, markdown=True)},
        "properties": {"tags": ["security", "mtls"]},
    }


def _result(run: Run, finding: Finding, rule: int, strict: bool) -> dict[str, Any]:
    where = place(run.target, finding)
    url = next((site.url for site in run.sites if site.id == finding.site), "")
    elsewhere = where and finding.file and where[0] != run.target.path(finding.file)
    named = f" ({run.target.locate(finding.file, finding.line)})" if elsewhere else ""
    others = len(finding.sites) - 1
    more = f" and {others} more {'site' if others == 1 else 'sites'}" if others > 0 else ""
    parts = (f"{url}{more}:" if url else "", finding.message, why(finding.id), f"{finding.remedy}{named}")
    return {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": "error" if finding.counts(strict=strict) else finding.level,
        "message": {"text": " ".join(filter(None, parts))},
        "locations": [_location(*where, root(run.target))] if where else [],
        "partialFingerprints": {_FINGERPRINT: fingerprint(run, finding)},
        "suppressions": [_suppression(finding.accepted)] if finding.accepted is not None else [],
        "properties": {
            "site": url,
            "sites": [site.url for site in run.sites if site.id in finding.sites],
            "cases": list(finding.cases),
            "reproduce": finding.reproduce,
        },
    }


def _suppression(reason: str) -> dict[str, str]:
    return {"kind": "external", "status": "accepted", "justification": reason}


def _location(path: Path, line: int, top: Path) -> dict[str, Any]:
    artifact = {"uri": uri(path, top), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}}}
