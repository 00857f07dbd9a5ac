"""What must a person do about the verdicts, and in which line?"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from harness.outcome import Verdict
from harness.verify.judgement import Result

_LEVELS = {Verdict.INTRUDER: "error", Verdict.LOCKED_OUT: "error", Verdict.OTHERWISE: "note"}
# What httpd's own reason for a refusal points at: its message number, or OpenSSL's X509_V_ERR number.
_BY_MESSAGE = {"AH02040": "SSLVerifyDepth"}
_BY_ERROR = (
    dict.fromkeys((3, 8, 11, 12, 23), "SSLCARevocationCheck")
    | dict.fromkeys((2, 7, 18, 19, 20), "SSLCACertificateFile")
    | dict.fromkeys((66, 67, 68), "SSLCipherSuite")
)
_REMEDIES = {
    "SSLVerifyClient": "Write `SSLVerifyClient require` here.",
    "SSLVerifyDepth": "Write `SSLVerifyDepth {depth}` here: it counts the certificates above the client's own, the root"
    " included.",
    "SSLCACertificateFile": "Let the file named here hold only the authorities whose clients are to get in.",
    "SSLCARevocationCheck": "Write `SSLCARevocationCheck chain` here, and give every authority a current CRL in"
    " SSLCARevocationFile.",
    "SSLCipherSuite": "Leave OpenSSL's security level at 2 or higher: no `@SECLEVEL=0` or `@SECLEVEL=1`.",
}


@dataclass(frozen=True)
class Finding:
    """Something that a person must act on: what was proved by which cases, what it means, what to write where."""

    id: str
    level: str
    site: str
    cases: tuple[str, ...]
    message: str
    remedy: str
    file: str
    line: int


def findings(results: Iterable[Result], depth: int) -> tuple[Finding, ...]:
    """Gather the verdicts that are not as expected: one finding for each site, line and kind, the worst first."""
    order = list(_LEVELS)
    wrong = [entry for entry in results if entry.verdict in order]
    wrong.sort(key=lambda entry: (order.index(entry.verdict), entry.knock.site.id, _directive(entry)))
    groups = groupby(wrong, key=lambda entry: (entry.verdict, entry.knock.site.id, _directive(entry)))
    return tuple(_finding(verdict, directive, list(group), depth) for (verdict, _site, directive), group in groups)


def _directive(result: Result) -> str:
    """Name the directive that answers for it: who got in unverified did so because it is not `require`."""
    guard = result.knock.site.guard
    if result.verdict is Verdict.INTRUDER and guard.verify_client != "require" and not result.said.identity:
        return "SSLVerifyClient"
    reason = result.said.reason
    blamed = reason and (_BY_MESSAGE.get(reason.ah or "") or _BY_ERROR.get(reason.x509_error or 0))
    return blamed or result.knock.case.directive


def _finding(verdict: Verdict, directive: str, results: list[Result], depth: int) -> Finding:
    first = results[0].knock
    cases = tuple(dict.fromkeys(entry.knock.case.id for entry in results))
    where = first.site.guard.responsible(directive)
    versions = " and ".join(sorted({entry.knock.tls for entry in results}))
    more = f" (and {len(cases) - 1} more kinds of client)" if len(cases) > 1 else ""
    told = results[0].told()
    message = {
        Verdict.INTRUDER: f"Gets in over TLS {versions}, and must not: {first.case.summary}{more}",
        Verdict.LOCKED_OUT: f"Is refused over TLS {versions}, and must get in: {first.case.summary}{more} {told}",
        Verdict.OTHERWISE: f"Not as the case expects, over TLS {versions}: {first.case.summary}{more} {told}",
    }[verdict]
    remedy = _REMEDIES.get(directive, "").format(depth=depth)
    if verdict is Verdict.OTHERWISE:
        remedy = f"See `mtls-harness cases {first.case.id}` for what was expected."
    return Finding(
        f"{first.case.family}.{verdict}",
        _LEVELS[verdict],
        first.site.id,
        cases,
        message,
        remedy,
        where.file,
        where.line,
    )
