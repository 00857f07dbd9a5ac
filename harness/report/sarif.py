"""How are findings written as SARIF, so that a code host annotates the responsible line?"""

import contextlib
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.httpd.layout import MAIN_FILES
from harness.report.meaning import why
from harness.verify import Finding, Run, Target

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT = "mtlsHarness/v1"


def render(run: Run, _strict: bool) -> str:
    """Write the findings as SARIF 2.1.0 (OASIS, errata 01): locations are relative to the repository's root."""
    rules = sorted({finding.id for finding in run.findings})
    root = _root(run.target)
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
                "results": [_result(run, finding, rules.index(finding.id), root) for finding in run.findings],
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
    return {
        "id": finding,
        "shortDescription": {"text": f"{family}: {kind.replace('_', ' ').replace('-', ' ')}"},
        "fullDescription": {"text": why(finding)},
        "help": {
            "text": f"{why(finding)} To read about a case: mtls-harness cases ID",
            "markdown": f"{why(finding)}\n\nTo read about a case: `mtls-harness cases ID`.",
        },
        "properties": {"tags": ["security", "mtls"]},
    }


def _result(run: Run, finding: Finding, rule: int, root: Path) -> dict[str, Any]:
    place = _place(run.target, finding, root)
    url = next((site.url for site in run.sites if site.id == finding.site), "")
    elsewhere = place and finding.file and place[0] != run.target.path(finding.file)
    where = f" ({run.target.locate(finding.file, finding.line)})" if elsewhere else ""
    parts = (f"{url}:" if url else "", finding.message, why(finding.id), f"{finding.remedy}{where}")
    return {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": finding.level,
        "message": {"text": " ".join(filter(None, parts))},
        "locations": [_location(*place, root)] if place else [],
        "partialFingerprints": {_FINGERPRINT: _fingerprint(finding, url, place, root)},
        "properties": {"site": url, "cases": list(finding.cases)},
    }


def _location(path: Path, line: int, root: Path) -> dict[str, Any]:
    artifact = {"uri": _uri(path, root), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}}}


def _place(target: Target, finding: Finding, root: Path) -> tuple[Path, int] | None:
    """Find the line in the repository. For other files, the subject's main file is named; a running server
    has no file at all."""
    path = target.path(finding.file)
    if path.is_file() and path.is_relative_to(root):
        return path, max(finding.line, 1)
    config = target.configuration.resolve()
    main = next((config / name for name in MAIN_FILES if (config / name).is_file()), config)
    return (main, target.line) if main.is_file() else None


def _root(target: Target) -> Path:
    """The repository that CONFIG lies in, else the folder that CONFIG lies in."""
    config = target.configuration.resolve()
    return next((folder for folder in (config, *config.parents) if (folder / ".git").exists()), config.parent)


def _uri(path: Path, root: Path) -> str:
    """Write a path relative to the root, as RFC 3986 wants it."""
    return quote(path.relative_to(root).as_posix())


def _text(path: Path, line: int) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return lines[line - 1] if line <= len(lines) else ""


def _fingerprint(finding: Finding, url: str, place: tuple[Path, int] | None, root: Path) -> str:
    """Identify a finding by the text of its line: the line's number changes with every edit above it."""
    about = (_uri(place[0], root), " ".join(_text(*place).split())) if place else ()
    return hashlib.sha256("\0".join((finding.id, url, *about)).encode()).hexdigest()[:32]
