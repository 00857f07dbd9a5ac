"""How does a run look in a browser? One self-contained page, without a script."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.outcome import TLS_VERSIONS, Outcome, Tls, Verdict
from harness.pki import serial
from harness.report.grouped import grouped
from harness.report.help import help_url
from harness.report.listing import listings
from harness.report.source import excerpt
from harness.report.summary import headline, probes, warnings_matter
from harness.verify import Result, Run
from harness.verify.finding_kind import kind, why

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
    Verdict.AS_EXPECTED: "outcome, TLS alert and httpd's logged reason match the case",
    Verdict.INTRUDER: "admitted, but must be refused",
    Verdict.LOCKED_OUT: "refused, but must be admitted",
    _NOT_PROMISED: "allowed by this configuration, but usually unwanted",
    Verdict.OTHERWISE: "refused for another reason than the case's",
    Verdict.INCONCLUSIVE: "no verdict: no answer, or nothing in the log",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(run: Run, strict: bool) -> str:
    """Write the page: verdict, findings, coverage, and the matrix of cases and sites with each probe's evidence."""
    verdict = run.verdict(strict=strict)
    probed = Counter(result.probe.site.id for result in run.results)
    expected = Counter(entry.probe.site.id for entry in run.results if entry.verdict is Verdict.AS_EXPECTED)
    return _TEMPLATES.get_template("page.html.j2").render(
        run=run,
        banner="warning" if verdict == "pass" and warnings_matter(run) else verdict,
        headline=headline(run, strict=strict),
        probes=probes(run),
        listings=listings(run),
        sites=[site for site in run.sites if site.id in probed],
        probed=probed,
        expected=expected,
        worst={
            site: min((_kind(one) for one in run.results if one.probe.site.id == site), key=_WORST_FIRST.index)
            for site in probed
        },
        groups=grouped(run),
        families=_families(run),
        versions=TLS_VERSIONS,
        signs=_SIGNS,
        meanings=_MEANINGS,
        now=datetime.now(UTC),
        why=why,
        kinds={finding.id: kind(finding.id) for finding in run.findings},
        help_url=help_url,
        excerpt=lambda finding: excerpt(run.target, finding.file, finding.line),
        prose=_prose,
        kind=_kind,
        sent=_sent,
        logged=_logged,
    )


def _kind(result: Result) -> str:
    """Return the class of a cell: the verdict, or `warning` where no promise is broken."""
    return _NOT_PROMISED if result.level == _NOT_PROMISED else result.verdict


def _families(run: Run) -> Families:
    """Arrange the results: family, case, cell (site and protocol version), each with its number in the list."""
    families: Families = {}
    for number, result in enumerate(run.results):
        case = result.probe.case
        cells = families.setdefault(case.family, {}).setdefault(case.id, {})
        cells.setdefault(result.probe.control_key, []).append((number, result))
    return families


def _prose(text: str) -> Markup:
    """Format text in backquotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - it is escaped


def _sent(result: Result) -> list[str]:
    """Describe the client's certificates, leaf first."""
    return [
        f"{certificate.subject.rfc4514_string() or 'a certificate without a subject'}, "
        f"issued by {certificate.issuer.rfc4514_string()}, serial {serial(certificate)}"
        for certificate in result.probe.client.certificates
    ]


def _logged(result: Result) -> str:
    """Return httpd's log entry as one line."""
    if result.logged.identity:
        return f"admitted the certificate with serial {result.logged.identity}"
    reason = result.logged.reason
    if result.decided_by:
        word = "admitted" if result.observed.outcome is Outcome.ADMITTED else "denied"
        return f"{word} by {result.decided_by}{f' ({reason.ah})' if reason else ''}"
    if reason is None:
        return "admitted without a certificate" if result.observed.status else "nothing about this client"
    error = f", X509_V_ERR {reason.x509_error}" if reason.x509_error is not None else ""
    return f"{reason.ah or ''}{error} {reason.text or ''}".strip(" ,")
