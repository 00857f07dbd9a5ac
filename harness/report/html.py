"""What does a person see of a run in a browser? One page, complete in itself, without a script."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.outcome import TLS_VERSIONS, Tls, Verdict
from harness.pki import serial
from harness.report.grouped import grouped
from harness.report.listing import listings
from harness.report.meaning import why
from harness.report.summary import summary
from harness.verify import Result, Run

_NOT_PROMISED = "warning"
Families = dict[str, dict[str, dict[tuple[str, Tls], list[tuple[int, Result]]]]]

_SIGNS = {
    Verdict.INTRUDER: "✗",
    Verdict.LOCKED_OUT: "✗",
    _NOT_PROMISED: "!",
    Verdict.OTHERWISE: "~",
    Verdict.INCONCLUSIVE: "?",
    Verdict.AS_EXPECTED: "✓",
}
_WORST_FIRST = [*_SIGNS]
_MEANINGS = {
    Verdict.AS_EXPECTED: "the outcome, the TLS alert and httpd's own reason are those of the case",
    Verdict.INTRUDER: "let in, and must not be",
    Verdict.LOCKED_OUT: "refused, and must get in",
    _NOT_PROMISED: "not as most users would want it, but nothing else was promised",
    Verdict.OTHERWISE: "not refused for the case's reason",
    Verdict.INCONCLUSIVE: "cannot tell",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(run: Run, strict: bool) -> str:
    """Write the page: verdict, findings, and the matrix of cases and sites, each probe opening to its evidence."""
    verdict = run.verdict(strict=strict)
    knocked = Counter(result.knock.site.id for result in run.results)
    expected = Counter(entry.knock.site.id for entry in run.results if entry.verdict is Verdict.AS_EXPECTED)
    return _TEMPLATES.get_template("page.html.j2").render(
        run=run,
        verdict=verdict,
        closing=summary(run, strict=strict),
        listings=listings(run),
        sites=[site for site in run.sites if site.id in knocked],
        knocked=knocked,
        expected=expected,
        worst={
            site: min((_kind(one) for one in run.results if one.knock.site.id == site), key=_WORST_FIRST.index)
            for site in knocked
        },
        groups=grouped(run),
        families=_families(run),
        versions=TLS_VERSIONS,
        signs=_SIGNS,
        meanings=_MEANINGS,
        now=datetime.now(UTC),
        why=why,
        prose=_prose,
        kind=_kind,
        sent=_sent,
        said=_said,
    )


def _kind(result: Result) -> str:
    """Tell what the colour of a cell says: the verdict, or that it breaks no promise."""
    return _NOT_PROMISED if result.level == _NOT_PROMISED else result.verdict


def _families(run: Run) -> Families:
    """Arrange the results: family, case, cell (site and protocol version), each with its number in the list."""
    families: Families = {}
    for number, result in enumerate(run.results):
        case = result.knock.case
        cells = families.setdefault(case.family, {}).setdefault(case.id, {})
        cells.setdefault(result.knock.control_key, []).append((number, result))
    return families


def _prose(text: str) -> Markup:
    """Set what stands in backquotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - it is escaped


def _sent(result: Result) -> list[str]:
    """Name the certificates that the client had, leaf first."""
    return [
        f"{certificate.subject.rfc4514_string() or 'a certificate without a subject'}, "
        f"issued by {certificate.issuer.rfc4514_string()}, serial {serial(certificate)}"
        for certificate in result.knock.client.certificates
    ]


def _said(result: Result) -> str:
    """Put what httpd logged into one line."""
    if result.logged.identity:
        return f"let in the certificate with serial {result.logged.identity}"
    reason = result.logged.reason
    if result.decided_by:
        return f"denied by {result.decided_by}"
    if reason is None:
        return "let in without a certificate" if result.observed.status else "nothing of this client"
    error = f", X509_V_ERR {reason.x509_error}" if reason.x509_error is not None else ""
    return f"{reason.ah or ''}{error} {reason.text or ''}".strip(" ,")
