"""What does a person see of a run in a browser? One page, complete in itself, without a script."""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.outcome import TLS_VERSIONS, Tls, Verdict
from harness.pki import serial
from harness.verify import Result, Run

Families = dict[str, dict[str, dict[tuple[str, Tls], tuple[int, Result]]]]

_SIGNS = {
    Verdict.AS_EXPECTED: "✓",
    Verdict.INTRUDER: "✗",
    Verdict.LOCKED_OUT: "✗",
    Verdict.OTHERWISE: "~",
    Verdict.INCONCLUSIVE: "?",
}
_MEANINGS = {
    Verdict.AS_EXPECTED: "the outcome, the TLS alert and httpd's own reason are those of the case",
    Verdict.INTRUDER: "let in, and must not be",
    Verdict.LOCKED_OUT: "refused, and must get in",
    Verdict.OTHERWISE: "not refused for the case's reason",
    Verdict.INCONCLUSIVE: "cannot tell",
}
_CLOSING = {
    "pass": "Every promise of the configuration holds.",
    "fail": "The configuration does not keep what it promises.",
    "inconclusive": "There is no verdict.",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(run: Run, strict: bool) -> str:
    """Write the page: verdict, findings, and the matrix of cases and sites, each cell opening to its evidence."""
    verdict = run.verdict(strict=strict)
    return _TEMPLATES.get_template("page.html.j2").render(
        run=run,
        verdict=verdict,
        closing=_CLOSING[verdict],
        as_expected=sum(result.verdict is Verdict.AS_EXPECTED for result in run.results),
        families=_families(run),
        versions=TLS_VERSIONS,
        signs=_SIGNS,
        meanings=_MEANINGS,
        now=datetime.now(UTC),
        sent=_sent,
        said=_said,
    )


def _families(run: Run) -> Families:
    """Arrange the results: family, case, cell (site and protocol version), numbered as they are listed."""
    families: Families = {}
    for number, result in enumerate(run.results):
        case = result.knock.case
        cells = families.setdefault(case.family, {}).setdefault(case.id, {})
        cells[result.knock.door] = (number, result)
    return families


def _sent(result: Result) -> list[str]:
    """Name the certificates that the client had, leaf first."""
    return [
        f"{certificate.subject.rfc4514_string() or 'a certificate without a subject'}, "
        f"issued by {certificate.issuer.rfc4514_string()}, serial {serial(certificate)}"
        for certificate in result.knock.client.certificates
    ]


def _said(result: Result) -> str:
    """Put what httpd logged into one line."""
    if result.said.identity:
        return f"let in the certificate with serial {result.said.identity}"
    reason = result.said.reason
    if reason is None:
        return "let in without a certificate" if result.observed.status else "nothing of this client"
    error = f", X509_V_ERR {reason.x509_error}" if reason.x509_error is not None else ""
    return f"{reason.ah or ''}{error} {reason.text or ''}".strip(" ,")
