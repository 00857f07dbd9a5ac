"""What must a person do about the verdicts, and in which line?"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from harness.outcome import Verdict
from harness.server.layout import Unseen
from harness.server.sites import Site
from harness.verify.judgement import Result

_ORDER = ("error", "warning", "note")
# What httpd's own reason for a refusal points at: its message number, or OpenSSL's X509_V_ERR number.
_BY_MESSAGE = {"AH02040": "SSLVerifyDepth"} | dict.fromkeys(("AH01919", "AH01920"), "SSLOCSPDefaultResponder")
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
    "SSLOCSPEnable": "Write `SSLOCSPEnable on` here: the responder is asked about every certificate of the chain, and"
    " who is not called good by it stays out.",
    "SSLOCSPNoVerify": "Remove `SSLOCSPNoVerify on`: with it anybody on the way can call a revoked certificate good.",
    "SSLOCSPDefaultResponder": "Name the responder by an `http://` address: httpd asks by no other, and the answer is"
    " signed.",
    "SSLCipherSuite": "Leave OpenSSL's security level at 2 or higher: no `@SECLEVEL=0` or `@SECLEVEL=1`.",
    "Require": "Write `Require ssl-verify-client` here, or let no later section undo it.",
    "Satisfy": "Remove `Satisfy any` here: it makes one condition enough where all are meant.",
    "SSLVHostSNIPolicy": "Write `SSLVHostSNIPolicy secure` for the whole server: handshake and request must name the"
    " same site.",
}
_IN_THE_CLEAR = "Remove this virtual host, or let it redirect to the site with TLS and serve nothing itself."
_TOO_LATE = (
    "Write `SSLVerifyClient require` for the virtual host, not in a section: there it acts in the handshake, before"
    " there is a request."
)
_CHECKS = ("SSLCARevocationCheck", "SSLOCSPEnable")


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


def findings(results: Iterable[Result], depth: int | None) -> tuple[Finding, ...]:
    """Gather the verdicts that are not as expected: one finding for each site, line and kind, the worst first.

    `depth` is how deep a chain is promised; None where the configuration's own claims are all that is.
    """

    def kind(entry: Result) -> tuple[int, str, str, str]:
        return _ORDER.index(entry.level or ""), entry.verdict, entry.knock.site.id, _directive(entry)

    wrong = sorted((entry for entry in results if entry.level), key=kind)
    return tuple(
        _finding(_ORDER[level], Verdict(verdict), directive, list(group), depth)
        for (level, verdict, _site, directive), group in groupby(wrong, key=kind)
    )


def exposed(strangers: Iterable[Result], places: Iterable[Site]) -> tuple[Finding, ...]:
    """Name the places that let in anybody and were not promised to do otherwise: a warning where a guarded site listens
    on the same port, else a note."""
    guarded = {site.port for site in places if site.guard.claim}
    hosts = {(site.name, site.port) for site in places if site.guard.claim}
    found: dict[str, Finding] = {}
    for entry in strangers:
        site = entry.knock.site
        if not entry.lets_in:
            continue
        level = "warning" if site.port in guarded and (site.name, site.port) not in hosts else "note"
        found[site.id] = Finding(
            "exposure.open_to_all",
            level,
            site.id,
            (entry.knock.case.id,),
            f"{site.url} lets in anybody; the configuration does not say that it must not.",
            "If it is meant to be public, nothing. Else write `SSLVerifyClient require` here.",
            site.guard.section.file,
            site.guard.section.line,
        )
    return tuple(sorted(found.values(), key=lambda one: _ORDER.index(one.level)))


def not_examined(unseen: Iterable[Unseen]) -> tuple[Finding, ...]:
    """Name what may have a say in who gets in, and was not looked at."""
    return tuple(
        Finding(
            "coverage.not_examined",
            "note",
            "",
            (),
            f"Not examined: {entry.what}.",
            entry.remedy,
            entry.file,
            entry.line,
        )
        for entry in dict.fromkeys(unseen)
    )


def _directive(result: Result) -> str:
    """Name the directive that answers for it: who got in unverified did so because it is not `require`."""
    guard = result.knock.site.guard
    if result.verdict is Verdict.INTRUDER and not guard.in_handshake and not result.said.identity:
        if any("any" in word.lower() for word in guard.arguments("Satisfy")):
            return "Satisfy"
        by_rule = guard.claim is not None and guard.claim.name.lower() != "sslverifyclient" and guard.rules
        return "Require" if by_rule and guard.has("Require") else "SSLVerifyClient"
    reason = result.said.reason
    blamed = reason and (_BY_MESSAGE.get(reason.ah or "") or _BY_ERROR.get(reason.x509_error or 0))
    return blamed or result.knock.case.directive


def _finding(level: str, verdict: Verdict, directive: str, results: list[Result], depth: int | None) -> Finding:
    first = results[0].knock
    site = first.site
    cases = tuple(dict.fromkeys(entry.knock.case.id for entry in results))
    where = site.guard.responsible(directive) if site.tls else site.guard.section
    versions = " and ".join(sorted({entry.knock.tls for entry in results}))
    how = f"over TLS {versions}" if site.tls else "without TLS"
    more = f" (and {len(cases) - 1} more kinds of client)" if len(cases) > 1 else ""
    who = f"{first.case.summary}{more}"
    told = f" {results[0].told()}" if verdict is not Verdict.INTRUDER or results[0].observed.alert else ""
    message = {
        Verdict.INTRUDER: f"Gets in {how}, and must not: {who}{told}",
        Verdict.LOCKED_OUT: f"Is refused {how}, and must get in: {who}{told}",
        Verdict.OTHERWISE: f"Not as the case expects, {how}: {who}{told}",
    }[verdict]
    if verdict is Verdict.INTRUDER and level == "warning":
        message = f"Gets in {how}; the configuration does not say that it must not: {who}"
    remedy = _REMEDIES.get(directive, "").format(depth=depth or site.guard.verify_depth + 1)
    if directive == "SSLVerifyClient" and site.guard.verify_client == "require" and not site.guard.in_handshake:
        remedy = _TOO_LATE
    if not site.tls:
        remedy = _IN_THE_CLEAR
    if verdict is Verdict.OTHERWISE:
        remedy = f"See `mtls-harness cases {first.case.id}` for what was expected."
    unchecked = verdict is Verdict.INTRUDER and directive in _CHECKS
    return Finding(
        "revocation.not_checked" if unchecked else f"{first.case.family}.{verdict}",
        level,
        site.id,
        cases,
        message,
        remedy,
        where.file,
        where.line,
    )
