"""Where in the user's repository is the line of a finding, and what does that line say?"""

import hashlib
from pathlib import Path
from urllib.parse import quote

from harness.httpd.layout import MAIN_FILES
from harness.verify import Finding, Run, Target


def place(target: Target, finding: Finding) -> tuple[Path, int] | None:
    """Find the line in the repository. For other files, the target's main file is named; a running server
    has no file at all."""
    path = target.path(finding.file)
    if path.is_file() and path.is_relative_to(root(target)):
        return path, max(finding.line, 1)
    config = target.configuration.resolve()
    main = next((config / name for name in MAIN_FILES if (config / name).is_file()), config)
    return (main, target.line) if main.is_file() else None


def root(target: Target) -> Path:
    """The repository that CONFIG lies in, else the folder that CONFIG lies in."""
    config = target.configuration.resolve()
    return next((folder for folder in (config, *config.parents) if (folder / ".git").exists()), config.parent)


def uri(path: Path, top: Path) -> str:
    """Write a path relative to the root, as RFC 3986 requires it."""
    return quote(path.relative_to(top).as_posix())


def fingerprint(run: Run, finding: Finding) -> str:
    """Identify a finding from run to run by the text of its line: the line's number changes with every edit above."""
    url = next((site.url for site in run.sites if site.id == finding.site), "")
    where = place(run.target, finding)
    about = (uri(where[0], root(run.target)), " ".join(_text(*where).split())) if where else ()
    return hashlib.sha256("\0".join((finding.id, url, *about)).encode()).hexdigest()[:32]


def _text(path: Path, line: int) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return lines[line - 1] if line <= len(lines) else ""
