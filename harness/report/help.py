"""Where is a kind of finding explained?"""

import os

from harness.verify.finding_kind import kind

BASE = "MTLS_DOCS_URL"
"""The variable with the address at which the documents (`make docs`) are published."""


def help_url(finding: str) -> str | None:
    """The page about this id, if the documents' address is known."""
    base = os.environ.get(BASE, "").rstrip("/")
    return f"{base}/findings/{finding}.html" if base.startswith(("https://", "http://")) else None


def help_for(finding: str) -> str:
    """The page about this id, or the command that prints it."""
    return help_url(finding) or f"mtls-harness findings {finding}"


def explanation(finding: str, *, markdown: bool = False) -> str:
    """All that there is to say about an id: what, why, how to reproduce and to repair it, the source."""
    known = kind(finding)
    parts = (
        ("What", known.what),
        ("Why", known.why),
        ("Reproduce", known.reproduce),
        ("Repair", known.repair),
        ("Source", known.source),
    )
    if markdown:
        return "\n\n".join(f"**{title}.** {text}" for title, text in parts)
    return "\n".join(f"{title}: {text}" for title, text in parts)
