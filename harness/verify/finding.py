"""Which findings follow from the verdicts: message, line and remedy?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from urllib.parse import quote

from harness.httpd.directive import Directive
from harness.httpd.layout import CoverageGap
from harness.httpd.site import Site
from harness.httpd.variables import OUTSIDE
from harness.outcome import Verdict
from harness.probe import HTTP_1_1, HTTP_2, SITE
from harness.verify.blame import blamed_directive, identity_remedy, remedy, trusts_no_authority
from harness.verify.judgement import Result
from harness.verify.plan import CONTROL, UNAUTHENTICATED, PlannedProbe
from harness.verify.reproduce import command, requested_path

_ORDER = ("error", "warning", "note")
_UNWANTED = "Allowed by this configuration, but usually unwanted: "
_ON_PURPOSE = "Public on purpose? Ignore this. Otherwise write `SSLVerifyClient require` here."
_CHECKS = ("SSLCARevocationCheck", "SSLOCSPEnable")
_DEEPEST = ("chain.depth_reached", "chain.depth_exceeded")
"""The clients at the limit of SSLVerifyDepth: the last that is admitted, the first that is refused."""
_DEEP = 4
"""A root, two intermediates and one in reserve: longer chains are rare."""


@dataclass(frozen=True)
class Finding:
    """One result that a person must act on: what happened, which cases show it, what to write in which line.

    `site` is the first of all `sites` with the same finding about the same line. `accepted` is the user's reason to
    leave it as it is: then it does not count. It is None if it is not accepted. `reproduce` are command lines that
    show the same on the real server; "" where there are none.
    """

    id: str
    level: str
    site: str
    cases: tuple[str, ...]
    message: str
    remedy: str
    file: str
    line: int
    accepted: str | None = None
    sites: tuple[str, ...] = ()
    reproduce: str = ""

    def counts(self, *, strict: bool) -> bool:
        """Whether it fails the run; with `strict`, warnings do as well."""
        return self.accepted is None and (self.level == "error" or (strict and self.level == "warning"))


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Make one finding of those with the same cause at several sites: the line needs only one change."""
    same: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        # The request that shows it differs from site to site.
        message = re.sub("`[^`]*`", "", finding.message) if finding.cases else finding.message
        key = (finding.level, finding.id, message, finding.cases, finding.remedy, finding.file, finding.line)
        same.setdefault(key, []).append(finding)
    return tuple(
        replace(group[0], sites=tuple(dict.fromkeys(one.site for one in group if one.site))) for group in same.values()
    )


def findings(results: Iterable[Result], depth: int | None) -> tuple[Finding, ...]:
    """Group the unexpected verdicts: one finding for each site (or virtual host without TLS), line and kind, the worst
    first.

    `depth` is the promised depth of a chain; None where the configuration's own depth counts.
    """

    def kind(entry: Result) -> tuple[int, str, str, str, str, int]:
        blamed, where = blamed_directive(entry)
        site = entry.probe.site
        # Without TLS, one finding stands for every path.
        place = site.id if site.tls else f"{site.name}:{site.listener}"
        return _ORDER.index(entry.level or ""), entry.verdict, place, blamed, where.file, where.line

    found = [entry for entry in results if entry.level]
    # Where every client is admitted, the request is not the reason.
    unauthenticated = (one for one in found if one.probe.case.id == UNAUTHENTICATED and one.verdict is Verdict.INTRUDER)
    open_to_all = {one.probe.control_key for one in unauthenticated if not one.probe.client.writes}
    wrong = sorted(
        (one for one in found if not one.probe.triggered_by or one.probe.control_key not in open_to_all), key=kind
    )
    return tuple(_finding(list(group), depth) for _, group in groupby(wrong, key=kind))


def public_sites(unauthenticated: Iterable[Result], places: Iterable[Site]) -> tuple[Finding, ...]:
    """Name the public places that no promise closes: a warning where a guarded site listens on the same port, else a
    note."""
    guarded = {site.listener for site in places if site.guard.requirement}
    hosts = {(site.name, site.listener) for site in places if site.guard.requirement}
    roots = {(site.name, site.listener) for site in places if site.guard.requirement and site.path == "/"}
    found: dict[str, Finding] = {}
    for entry in unauthenticated:
        site = entry.probe.site
        if entry.verdict is not Verdict.INTRUDER:
            continue
        meant = site.guard.has("SSLVerifyClient") and site.guard.verify_client == "none"
        apart = site.listener in guarded and (site.name, site.listener) not in hosts and not meant
        # An unintended bypass of the root's guard.
        on_purpose = site.guard.intentionally_public or site.guard.opening
        around = (site.name, site.listener) in roots and site.guard.mapping is not None and not on_purpose
        in_part = site.guard.partly_protected and not site.tls
        level = "warning" if apart or around or in_part or site.guard.bypassed_by else "note"
        where = (site.guard.mapping if around else site.guard.bypassed_by) or site.guard.section
        found[site.id] = Finding(
            "exposure.open_to_all",
            level,
            site.id,
            (entry.probe.case.id,),
            f"{_UNWANTED if level == 'warning' else ''}{_request(entry.probe)[0]} is answered without a certificate.",
            _anchored(site.guard.exempt) or _ON_PURPOSE,
            where.file,
            where.line,
            reproduce=command(entry),
        )
    return tuple(sorted(found.values(), key=lambda one: _ORDER.index(one.level)))


def _anchored(exempt: str) -> str:
    """Return how to limit an exception to the path that it is made for; "" where there is none."""
    path = exempt if exempt.startswith("/") else f"/{exempt}"
    return exempt and f"Let the expression begin with `^`, such as `^{path}$`: it matches this path as well."


def not_told_apart(places: Iterable[Site]) -> tuple[Finding, ...]:
    """Name the places where the policy names one authority, and httpd's other trusted authorities are unknown."""
    return tuple(
        Finding(
            "policy.authority_not_examined",
            "warning",
            site.id,
            (),
            f"Not tested: whether {site.url} trusts other authorities than the policy's. CONFIG does not contain the"
            " certificates that it trusts.",
            "Verify a CONFIG that contains the file which this directive names.",
            site.guard.responsible("SSLCACertificateFile").file,
            site.guard.responsible("SSLCACertificateFile").line,
        )
        for site in places
    )


def not_examined(coverage_gaps: Iterable[CoverageGap]) -> tuple[Finding, ...]:
    """Name what may admit or refuse clients, and was not tested."""
    return tuple(
        Finding(
            "coverage.not_examined",
            "note",
            "",
            (),
            f"Not tested: {entry.what}.",
            entry.remedy,
            entry.file,
            entry.line,
        )
        for entry in dict.fromkeys(coverage_gaps)
    )


def excessive_depth(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Name the places where very long chains are accepted."""
    found: dict[tuple[str, int], Finding] = {}
    for entry in results:
        guard, planned = entry.probe.site.guard, entry.probe
        if planned.case.id in _DEEPEST and entry.verdict is Verdict.AS_EXPECTED and guard.verify_depth > _DEEP:
            where = guard.responsible("SSLVerifyDepth")
            finding = Finding(
                "depth.more_than_needed",
                "warning",
                planned.site.id,
                (planned.case.id,),
                f"{_UNWANTED}chains of up to {guard.verify_depth} certificates above the client's own.",
                "Write the number of certificates above your clients' own, including the root: usually 1 or 2.",
                where.file,
                where.line,
            )
            found.setdefault((where.file, where.line), finding)
    return tuple(found.values())


def untestable_grants(undecided_sites: Iterable[tuple[Site, Directive]]) -> tuple[Finding, ...]:
    """Name the rules that may admit clients without a certificate, and that no client of the run can make true."""
    first = {(rule.file, rule.line): (site, rule) for site, rule in [*undecided_sites][::-1]}
    return tuple(
        Finding(
            "coverage.way_in_not_tried",
            "warning",
            site.id,
            (),
            f"Not proven: {_not_proven(rule)} clients without a certificate may be admitted.",
            "Require the certificate here as well.",
            rule.file,
            rule.line,
        )
        for site, rule in first.values()
    )


def _not_proven(rule: Directive) -> str:
    if rule.kind in {"require", "sslrequire"}:
        return f"`{rule.name} {rule.arguments}` was never true without a certificate in this run. When it is,"
    # True may as well be what denies.
    return f"`{rule.name} {rule.arguments}` had only one result without a certificate in this run. With the other one,"


def admitted_otherwise(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Name the rules that admitted a client without a certificate as they say: by an address, by a password."""
    found: dict[tuple[str, int], Finding] = {}
    for entry in results:
        rule, client = entry.probe.triggered_by, entry.probe.client
        if rule:
            by = f"the password of {client.user}" if client.user else f"the address {client.address}"
            found.setdefault(
                (rule.file, rule.line),
                Finding(
                    "exposure.other_credential",
                    "note",
                    entry.probe.site.id,
                    (entry.probe.case.id,),
                    f"Admitted without a certificate, by {by}: `{rule.name} {rule.arguments}`.",
                    "Enough without a certificate on purpose? Ignore this. Otherwise require both in <RequireAll>.",
                    rule.file,
                    rule.line,
                    reproduce=command(entry),
                ),
            )
    return tuple(found.values())


def about_nothing(rules: Iterable[Directive]) -> tuple[Finding, ...]:
    """Name the rules that require a certificate at places that no site serves."""
    return tuple(
        Finding(
            "coverage.rule_without_place",
            "warning",
            "",
            (),
            f"`{rule.name} {rule.arguments}` guards nothing: no site serves what its section names.",
            "Write it into another section: <Directory> takes a folder, <Location> a URL's path, <Files> a file's name"
            " without its folder.",
            rule.file,
            rule.line,
        )
        for rule in rules
    )


def _finding(results: list[Result], depth: int | None) -> Finding:
    if results[0].verdict is Verdict.INTRUDER:  # The policy admits nobody: the valid client shows it best.
        results = sorted(results, key=lambda one: one.probe.case.id != CONTROL)
    first, verdict, level = results[0].probe, results[0].verdict, results[0].level or ""
    blamed, where = blamed_directive(results[0])
    cases = tuple(dict.fromkeys(entry.probe.case.id for entry in results))
    hint = f"`mtls-harness cases {first.case.id}` shows what was expected."
    to_write = hint if verdict is Verdict.OTHERWISE else remedy(blamed, first.site.guard, depth)
    to_write = identity_remedy(results[0], first.identity) if first.identity else to_write
    unchecked = verdict is Verdict.INTRUDER and blamed in _CHECKS
    message = _message(results, len(cases) - 1)
    if trusts_no_authority(blamed, first.site.guard):
        message = f"No SSLCACertificateFile: nobody can be admitted. {results[0].evidence()}"
    return Finding(
        "revocation.not_checked" if unchecked else f"{first.case.family}.{verdict}",
        level,
        first.site.id,
        cases,
        message,
        to_write,
        where.file,
        where.line,
        reproduce=command(results[0], any_version=len({one.probe.tls for one in results}) > 1),
    )


def _message(results: list[Result], more: int) -> str:
    """The message: the outcome, the versions of TLS, and the first request that shows it; `more` is the number of
    further cases."""
    first, planned = results[0], results[0].probe
    over = f"TLS {', '.join(sorted({one.probe.tls for one in results}))}" if planned.site.tls else "without TLS"
    others = f" (and {more} more {'cases' if more > 1 else 'case'})" if more else ""
    summary = f"{planned.case.id}: {planned.case.summary[0].lower()}{planned.case.summary[1:]}"
    request, special = _request(planned)
    if planned.identity:
        client = "another client" if planned.client.identity else "a client without a certificate"
        prefix = _UNWANTED if first.level == "warning" else ""
        return f"{prefix}{first.observed.error} from {client} ({over}): {request}{others}"
    if first.verdict is Verdict.INTRUDER:
        outcome = "admitted" if planned.client.identity else "admitted without a certificate"
        evidence = f" {first.evidence()}" if first.observed.alert else ""
        what = f"{summary}{f' Request: {request}' if special else ''}" if planned.client.identity else request
        prefix = _UNWANTED if first.level == "warning" else ""
        outcome = outcome if prefix else outcome.capitalize()
        return f"{prefix}{outcome} ({over}): {what}{others}{evidence}"
    outcome = {
        (Verdict.LOCKED_OUT, "error"): f"Refused ({over}), but must be admitted",
        (Verdict.LOCKED_OUT, "warning"): f"Refused by this configuration ({over}), but usually admitted",
    }.get((first.verdict, first.level or ""), f"Not as expected ({over})")
    return f"{outcome}: {summary}{f' Request: {request}' if special else ''}{others} {first.evidence()}"


def _request(planned: PlannedProbe) -> tuple[str, bool]:
    """The text of a request, and whether it is unusual: more than a GET of the page."""
    client, site = planned.client, planned.site
    path = requested_path(site)
    query = f"?{quote(client.query, '=&+/:')}" if client.query else ""
    version = f" {client.http}" if client.http not in {HTTP_1_1, HTTP_2} else ""
    headers = [f"`{name}: {value}`" for name, value in client.headers]
    headers += [f"`Host: {client.host}`"] if client.host else []
    parts = [
        f"with {', '.join(headers)}" if headers else "",
        f"as user `{client.user}`" if client.user else "",
        f"from {client.address}" if client.address not in {None, OUTSIDE} else "",
        "over HTTP/2" if client.http == HTTP_2 else "",
        f"with server name `{client.asks_for}` in the handshake" if client.asks_for not in {SITE, None} else "",
        "without a server name in the handshake" if client.asks_for is None else "",
        f"in a session of {'this site' if client.resumes == SITE else f'`{client.resumes}`'}" if client.resumes else "",
    ]
    line = f"`{client.method} {client.via}{path}{query}{version}`"
    special = bool(client.via or query or version or any(parts)) or client.method != "GET"
    return " ".join(filter(None, (line, *parts))), special
