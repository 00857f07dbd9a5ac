"""What must a person do about the verdicts, and in which line?"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from harness.httpd.directive import Directive
from harness.httpd.guard import uses_unset_variable
from harness.httpd.layout import CoverageGap
from harness.httpd.site import Site
from harness.httpd.variables import OUTSIDE
from harness.outcome import Outcome, Verdict
from harness.probe import HTTP_1_1, HTTP_2, SITE
from harness.verify.judgement import Result
from harness.verify.plan import OVER_HTTP2, UNAUTHENTICATED, PlannedProbe
from harness.verify.users import ANYBODY

_ORDER = ("error", "warning", "note")
# What httpd's own reason for a refusal points at: its message number, or OpenSSL's X509_V_ERR number.
_BY_MESSAGE = {"AH02040": "SSLVerifyDepth", "AH10158": "SSLVerifyClient"} | dict.fromkeys(
    ("AH01919", "AH01920"), "SSLOCSPDefaultResponder"
)
_BY_ERROR = (
    dict.fromkeys((3, 8, 11, 12, 23), "SSLCARevocationCheck")
    | dict.fromkeys((2, 7, 9, 10, 18, 19, 20, 24, 79), "SSLCACertificateFile")
    | dict.fromkeys((66, 67, 68), "SSLCipherSuite")
)
_NOBODY = "Require all denied"
_RULE = "Require expr"
_WRITTEN = "what a client writes"
_NAMELESS = "a name that says nothing"
_DOCUMENT = "errordocument"
_KINDS = "SSLOpenSSLConfCmd"
_IN_THE_CLEAR = "in the clear"
_IN_PART = "a redirect of some"
_RESUMED = "a resumed session"
_BY_CONNECTION = "a rule about the connection"
_VERIFIED = "Write `Require expr \"%{{SSL_CLIENT_VERIFY}} == 'SUCCESS'\"` here"
_REQUIRE = "Write `SSLVerifyClient require` for the virtual host"
_BETTER = f"Better: {_REQUIRE[0].lower()}{_REQUIRE[1:]}."
_REMEDIES = {
    "sslverifyclient": "Write `SSLVerifyClient require` here.",
    _RESUMED: "Write `SSLVerifyClient optional` or `require` here. The handshake then refuses certificates of unknown"
    " authorities, and there is no session to resume.",
    "sslverifydepth": "Write `SSLVerifyDepth {depth}` here. It counts the certificates above the client's own,"
    " including the root.",
    "sslcacertificatefile": "Keep in this file only the authorities whose clients must be admitted, each still valid.",
    "sslcarevocationcheck": "Write `SSLCARevocationCheck chain` here, and give every authority a current CRL in"
    " SSLCARevocationFile.",
    "sslocspenable": "Write `SSLOCSPEnable on` here. httpd then asks the responder about every certificate of the"
    " chain, and refuses each one that is not reported good.",
    "sslocspnoverify": "Remove `SSLOCSPNoVerify on`: with it, httpd accepts forged OCSP responses.",
    "sslocspdefaultresponder": "Write an `http://` URL for the responder. httpd supports no other scheme, and OCSP"
    " responses are signed.",
    "sslciphersuite": "Keep OpenSSL's security level at 2 or higher: no `@SECLEVEL=0` or `@SECLEVEL=1`.",
    _DOCUMENT: "Name a public page here: httpd does not check the guard of the page that an ErrorDocument shows.",
    _KINDS.lower(): "Add the types of keys and signatures of your clients here.",
    _IN_THE_CLEAR: "Serve only a redirect to the HTTPS site here. Give the backend of a local proxy an address of its"
    " own, such as `Listen 127.0.0.1:8080`.",
    _IN_PART: "Redirect every path to the HTTPS site, such as `Redirect permanent / https://www.example.org/`. What"
    " this line leaves out is served without TLS.",
    "require": "Write `Require ssl-verify-client` here, alone or in <RequireAll>, and outside <Limit>.",
    _BY_CONNECTION: f"{_VERIFIED}. `Require ssl-verify-client` denies every client over HTTP/2.",
    "protocols": "Remove `h2` here, or change what refuses HTTP/2: a rule that is only true over HTTP/1.1, or a cipher"
    " suite that HTTP/2 does not allow (RFC 9113, appendix A).",
    _WRITTEN: "Do not decide by client-supplied headers, or by other parts of the request. Require the certificate:"
    " `Require ssl-verify-client`.",
    _NAMELESS: "Write `%{{SSL:SSL_CLIENT_VERIFY}}` here. Without `SSL:` this variable is always empty in mod_rewrite.",
    _NOBODY.lower(): "Write `Require all denied` here: the policy admits no client.",
    _RULE.lower(): "Require in `Require expr` exactly what the subject must contain, such as"
    " `Require expr \"%{{SSL_CLIENT_S_DN_OU}} == 'Operations'\"`.",
    "sslprotocol": "Name exactly the policy's versions in `SSLProtocol` here, such as `SSLProtocol -all +TLSv1.3`.",
    "satisfy": "Remove `Satisfy any` here: with it, one of the conditions is enough.",
    "sslvhostsnipolicy": "Write `SSLVHostSNIPolicy secure` for the whole server. Handshake and request must then name"
    " the same site.",
    "servername": "Give every virtual host its own ServerName. Virtual hosts with the same name and port resume each"
    " other's sessions, without another verification.",
    "authmerging": "Remove `AuthMerging Or` here: with it, one of the sections is enough.",
    "alias": "Guard the folder itself, in a <Directory>: a <Location> guards only one of its URLs.",
    "proxypass": "Guard this path as well, or guard the backend URL in <Proxy>: that applies to every path.",
    "authuserfile": "Remove every user whose name does not begin with `/` from this file, or write `SSLVerifyClient"
    " require` for the virtual host.",
    "authbasicprovider": "Remove `anon` here: it accepts any password.",
    "locationmatch": "This section does not match every path of the resource. Name the path or folder without"
    " wildcards. Or end the expression with `(/|$)`, to match the paths below it, and keep `MergeSlashes On`.",
    "if": f"The condition is not true for every request that it must match. {_REQUIRE}.",
    "rewritecond": f"Write `RewriteEngine on` before this line. {_BETTER}",
    "sslrequire": f"This expression does not refuse the client. {_REQUIRE}.",
}
_REMEDIES |= dict.fromkeys(("location", "directory", "directorymatch"), _REMEDIES["locationmatch"])
_REMEDIES["rewriterule"] = (
    "Move this line below the rules that guard: they do not see a request that ends here. Or guard its target, in a"
    " <Directory> or a <Proxy>."
)
_REMEDIES |= dict.fromkeys(
    ("setenvif", "setenvifnocase", "setenvifexpr"),
    "Set this variable only where %{{SSL_CLIENT_VERIFY}} is SUCCESS. The rule that reads it requires nothing else.",
)
_ENGINE_IS_ON = (
    "The rule after this line does not refuse the client. It must test `%{SSL:SSL_CLIENT_VERIFY}` and end with `[F]`."
    f" {_BETTER}"
)
_REQUIRE_BY_HTTP_2 = (
    f"{_VERIFIED}, alone or in <RequireAll>, and outside <Limit>. `Require ssl-verify-client` denies every client over"
    " HTTP/2."
)
_WRITTEN_BY_HTTP_2 = (
    "Do not decide by client-supplied headers, or by other parts of the request. Require the certificate: `Require expr"
    " \"%{{SSL_CLIENT_VERIFY}} == 'SUCCESS'\"`."
)
_TOO_LATE = f"{_REQUIRE}, not in a section. It then acts in the handshake, before the request."
_BY_HTTP_2 = {"require": _REQUIRE_BY_HTTP_2, _WRITTEN: _WRITTEN_BY_HTTP_2}
_UNWANTED = "Allowed by this configuration, but usually unwanted: "
_CHECKS = ("SSLCARevocationCheck", "SSLOCSPEnable")
_DEEPEST = ("chain.depth_reached", "chain.depth_exceeded")
"""The clients at the limit of SSLVerifyDepth: the last that is admitted, the first that is refused."""
_DEEP = 4
"""A root, two intermediates and one in reserve: longer chains are rare."""


@dataclass(frozen=True)
class Finding:
    """One result that a person must act on: what happened, which cases show it, what to write in which line."""

    id: str
    level: str
    site: str
    cases: tuple[str, ...]
    message: str
    remedy: str
    file: str
    line: int


def findings(results: Iterable[Result], depth: int | None) -> tuple[Finding, ...]:
    """Group the unexpected verdicts: one finding for each site (or virtual host without TLS), line and kind, the worst
    first.

    `depth` is the promised depth of a chain; None where the configuration's own depth counts.
    """

    def kind(entry: Result) -> tuple[int, str, str, str, str, int]:
        blamed, where = _at_fault(entry)
        site = entry.knock.site
        # Without TLS, one finding stands for every path.
        place = site.id if site.tls else f"{site.name}:{site.listener}"
        return _ORDER.index(entry.level or ""), entry.verdict, place, blamed, where.file, where.line

    found = [entry for entry in results if entry.level]
    # Where every client is admitted, the request is not the reason.
    unauthenticated = (one for one in found if one.knock.case.id == UNAUTHENTICATED and one.verdict is Verdict.INTRUDER)
    open_to_all = {one.knock.control_key for one in unauthenticated if not one.knock.client.writes}
    wrong = sorted(
        (one for one in found if not one.knock.triggered_by or one.knock.control_key not in open_to_all), key=kind
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
        site = entry.knock.site
        if entry.verdict is not Verdict.INTRUDER:
            continue
        meant = site.guard.has("SSLVerifyClient") and site.guard.verify_client == "none"
        apart = site.listener in guarded and (site.name, site.listener) not in hosts and not meant
        # An unintended bypass of the root's guard.
        on_purpose = site.guard.intentionally_public or site.guard.opening
        around = (site.name, site.listener) in roots and site.guard.way is not None and not on_purpose
        in_part = site.guard.partly_protected and not site.tls
        level = "warning" if apart or around or in_part or site.guard.bypassed_by else "note"
        where = (site.guard.way if around else site.guard.bypassed_by) or site.guard.section
        found[site.id] = Finding(
            "exposure.open_to_all",
            level,
            site.id,
            (entry.knock.case.id,),
            f"{_UNWANTED if level == 'warning' else ''}{_request(entry.knock)[0]} is answered without a certificate.",
            "Public on purpose? Ignore this. Otherwise write `SSLVerifyClient require` here.",
            where.file,
            where.line,
        )
    return tuple(sorted(found.values(), key=lambda one: _ORDER.index(one.level)))


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
        guard, knock = entry.knock.site.guard, entry.knock
        if knock.case.id in _DEEPEST and entry.verdict is Verdict.AS_EXPECTED and guard.verify_depth > _DEEP:
            where = guard.responsible("SSLVerifyDepth")
            finding = Finding(
                "depth.more_than_needed",
                "warning",
                knock.site.id,
                (knock.case.id,),
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
    if rule.name.lower() in {"require", "sslrequire"}:
        return f"`{rule.name} {rule.arguments}` was never true without a certificate in this run. When it is,"
    # True may as well be what denies.
    return f"`{rule.name} {rule.arguments}` had only one result without a certificate in this run. With the other one,"


def admitted_otherwise(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Name the rules that admitted a client without a certificate as they say: by an address, by a password."""
    found: dict[tuple[str, int], Finding] = {}
    for entry in results:
        rule, client = entry.knock.triggered_by, entry.knock.client
        if rule:
            by = f"the password of {client.user}" if client.user else f"the address {client.address}"
            found.setdefault(
                (rule.file, rule.line),
                Finding(
                    "exposure.other_credential",
                    "note",
                    entry.knock.site.id,
                    (entry.knock.case.id,),
                    f"Admitted without a certificate, by {by}: `{rule.name} {rule.arguments}`.",
                    "Enough without a certificate on purpose? Ignore this. Otherwise require both in <RequireAll>.",
                    rule.file,
                    rule.line,
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


def _at_fault(result: Result) -> tuple[str, Directive]:
    """Return the responsible directive and the line to change: the directive's own, or the section's that lacks it."""
    knock, guard, reason = result.knock, result.knock.site.guard, result.logged.reason
    if not knock.site.tls:
        sent = guard.redirect_to_tls
        if sent and sent.name.lower().startswith("redirect") and guard.way and "proxypass" in guard.way.name.lower():
            return _IN_THE_CLEAR, guard.way  # httpd maps it before mod_alias redirects.
        return (_IN_PART, sent) if sent else (_IN_THE_CLEAR, guard.section)
    if knock.expected.anyhow and not knock.case.expected.anyhow:
        return _NOBODY, guard.responsible("Require")
    documents = (entry for entry in guard.directives if entry.value == str(result.logged.status))
    if result.logged.instead and (document := next((one for one in documents if one.name.lower() == _DOCUMENT), None)):
        return _DOCUMENT, document
    if by_case := _by_case(result):
        return by_case
    if not reason and (nameless := next(filter(uses_unset_variable, guard.rules), None)):
        return _NAMELESS, nameless
    of_the_case = knock.expected is knock.case.expected
    if knock.expected.by_rule and (knock.case.family == "rules" if of_the_case else result.logged.identity):
        asking = [rule for rule in guard.rules if rule.name.lower() != "sslverifyclient"]
        said = guard.responsible("Require")
        return _RULE, said if said in asking or not asking else asking[-1]
    if result.verdict is Verdict.INTRUDER and not result.logged.identity and not guard.in_handshake:
        if knock.client.user:
            by_any = ANYBODY in guard.arguments("AuthBasicProvider")
            name = "AuthBasicProvider" if by_any else "AuthUserFile"
            return name, guard.responsible(name)
        return (
            guard.granting_directive.name if guard.granting_directive is not guard.section else "SSLVerifyClient",
            guard.granting_directive,
        )
    blamed = reason and (_BY_MESSAGE.get(reason.ah or "") or _BY_ERROR.get(reason.x509_error or 0))
    by_kind = result.verdict is Verdict.LOCKED_OUT and knock.case.family == "valid" and guard.has(_KINDS)
    name = blamed or (_KINDS if by_kind else knock.case.directive)
    return name, guard.responsible(name)


def _by_case(result: Result) -> tuple[str, Directive] | None:
    """Return the responsible directive where the case alone determines it: the condition on the client's request, the
    directive by which httpd logs an unverified certificate as verified, or what denies HTTP/2 alone."""
    knock, guard = result.knock, result.knock.site.guard
    if knock.triggered_by:
        return _WRITTEN, knock.triggered_by
    if knock.case.family == "resumption" and result.verdict is Verdict.INTRUDER and result.logged.identity:
        return _RESUMED, guard.responsible("SSLVerifyClient")
    if knock.case.id == OVER_HTTP2 and result.observed.outcome is not Outcome.REFUSED_IN_HANDSHAKE:
        denying = [rule for rule in guard.rules if "ssl-verify-client" in rule.arguments.lower()]
        locked_out = denying and result.verdict is Verdict.LOCKED_OUT
        return (_BY_CONNECTION, denying[-1]) if locked_out else ("Protocols", guard.responsible("Protocols"))
    return None


def _finding(results: list[Result], depth: int | None) -> Finding:
    first, verdict, level = results[0].knock, results[0].verdict, results[0].level or ""
    blamed, where = _at_fault(results[0])
    site = first.site
    cases = tuple(dict.fromkeys(entry.knock.case.id for entry in results))
    remedies = _REMEDIES | (_BY_HTTP_2 if site.guard.http2 else {})
    remedy = remedies.get(blamed.lower(), "").format(depth=depth or site.guard.verify_depth + 1)
    if blamed == "SSLVerifyClient" and site.guard.verify_client == "require" and not site.guard.in_handshake:
        remedy = _TOO_LATE
    if blamed == "RewriteCond" and site.guard.arguments("RewriteEngine") == ["on"]:
        remedy = _ENGINE_IS_ON
    if verdict is Verdict.OTHERWISE:
        remedy = f"`mtls-harness cases {first.case.id}` shows what was expected."
    unchecked = verdict is Verdict.INTRUDER and blamed in _CHECKS
    return Finding(
        "revocation.not_checked" if unchecked else f"{first.case.family}.{verdict}",
        level,
        site.id,
        cases,
        _message(results, len(cases) - 1),
        remedy,
        where.file,
        where.line,
    )


def _message(results: list[Result], more: int) -> str:
    """Say what happened, over which versions of TLS, and the first request that shows it; `more` is the number of
    further cases."""
    first, knock = results[0], results[0].knock
    over = f"TLS {', '.join(sorted({one.knock.tls for one in results}))}" if knock.site.tls else "without TLS"
    others = f" (and {more} more {'cases' if more > 1 else 'case'})" if more else ""
    summary = f"{knock.case.id}: {knock.case.summary[0].lower()}{knock.case.summary[1:]}"
    request, special = _request(knock)
    if first.verdict is Verdict.INTRUDER:
        said = "admitted" if knock.client.identity else "admitted without a certificate"
        told = f" {first.evidence()}" if first.observed.alert else ""
        what = f"{summary}{f' Request: {request}' if special else ''}" if knock.client.identity else request
        prefix = _UNWANTED if first.level == "warning" else ""
        said = said if prefix else said.capitalize()
        return f"{prefix}{said} ({over}): {what}{others}{told}"
    said = {
        (Verdict.LOCKED_OUT, "error"): f"Refused ({over}), but must be admitted",
        (Verdict.LOCKED_OUT, "warning"): f"Refused by this configuration ({over}), but usually admitted",
    }.get((first.verdict, first.level or ""), f"Not as expected ({over})")
    return f"{said}: {summary}{f' Request: {request}' if special else ''}{others} {first.evidence()}"


def _request(knock: PlannedProbe) -> tuple[str, bool]:
    """Write down a request, and tell whether anything in it is special: more than a GET of the page."""
    client, site = knock.client, knock.site
    path = site.page if site.page and site.tls and not site.guard.in_handshake else site.path
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
