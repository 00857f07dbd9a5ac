"""What must a person do about the verdicts, and in which line?"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from harness.httpd.directive import Directive
from harness.httpd.guard import uses_unset_variable
from harness.httpd.layout import CoverageGap
from harness.httpd.site import Site
from harness.outcome import Outcome, Verdict
from harness.verify.judgement import Result
from harness.verify.plan import OVER_HTTP2, UNAUTHENTICATED
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
_REMEDIES = {
    "sslverifyclient": "Write `SSLVerifyClient require` here.",
    _RESUMED: "Write `SSLVerifyClient optional` here, or `require`: then a certificate of an unknown authority is"
    " refused in the handshake, and there is no session to resume.",
    "sslverifydepth": "Write `SSLVerifyDepth {depth}` here: it counts the certificates above the client's own, the root"
    " included.",
    "sslcacertificatefile": "Let the file named here hold only the authorities whose clients are to get in, each"
    " still valid.",
    "sslcarevocationcheck": "Write `SSLCARevocationCheck chain` here, and give every authority a current CRL in"
    " SSLCARevocationFile.",
    "sslocspenable": "Write `SSLOCSPEnable on` here: the responder is asked about every certificate of the chain, and"
    " who is not called good by it stays out.",
    "sslocspnoverify": "Remove `SSLOCSPNoVerify on`: with it anybody on the way can call a revoked certificate good.",
    "sslocspdefaultresponder": "Name the responder by an `http://` address: httpd asks by no other, and the answer is"
    " signed.",
    "sslciphersuite": "Leave OpenSSL's security level at 2 or higher: no `@SECLEVEL=0` or `@SECLEVEL=1`.",
    _DOCUMENT: "Let a page answer here that anybody may see: httpd does not ask a folder's guard once more for what it"
    " answers by.",
    _KINDS.lower(): "Name here the kinds of keys and signatures that your clients have as well.",
    _IN_THE_CLEAR: "Serve nothing here but a redirect to the site with TLS. What only a proxy of this machine is to ask"
    " needs an address of its own, such as `Listen 127.0.0.1:8080`.",
    _IN_PART: "Send whatever is asked for to the site with TLS, such as by `Redirect permanent /"
    " https://www.example.org/`: what this leaves out is served here.",
    "require": "Write `Require ssl-verify-client` here, alone or in <RequireAll>, and outside of <Limit>.",
    _BY_CONNECTION: f"{_VERIFIED}: `Require ssl-verify-client` denies every client that comes by HTTP/2.",
    "protocols": "Leave out `h2` here, or change what refuses it: a rule that grants the same by HTTP/1.1, or a cipher"
    " suite that HTTP/2 does not allow (RFC 9113, appendix A).",
    _WRITTEN: "Ask for nothing here that anybody may write into a request: for an address there is `Require ip`, for"
    " who somebody is his certificate.",
    _NAMELESS: "Write `%{{SSL:SSL_CLIENT_VERIFY}}` here: mod_rewrite knows nothing by the name without `SSL:`, whoever"
    " comes.",
    _NOBODY.lower(): "Write `Require all denied` here: the policy lets nobody in.",
    _RULE.lower(): "Let `Require expr` here ask for what the subject must have, and for nothing else, such as"
    " `Require expr \"%{{SSL_CLIENT_S_DN_OU}} == 'Operations'\"`.",
    "sslprotocol": "Let `SSLProtocol` here name the versions that the policy wants and no others, such as"
    " `SSLProtocol -all +TLSv1.3`.",
    "satisfy": "Remove `Satisfy any` here: it makes one condition enough where all are meant.",
    "sslvhostsnipolicy": "Write `SSLVHostSNIPolicy secure` for the whole server: handshake and request must name the"
    " same site.",
    "servername": "Give every virtual host a ServerName of its own: sessions of the same name and port are resumed by"
    " each, and what one has verified the other takes for verified.",
    "authmerging": "Remove `AuthMerging Or` here: it makes one of the sections enough where all are meant.",
    "alias": "Guard the folder itself, in a <Directory>: a <Location> guards one of its names only.",
    "proxypass": "Guard this path as well, or what is behind it: <Proxy> guards it under every name.",
    "authuserfile": "Remove every user whose name does not begin with `/` from this file, or write `SSLVerifyClient"
    " require` for the virtual host.",
    "authbasicprovider": "Leave out `anon` here: by it any password will do.",
    "locationmatch": "This does not cover every path that leads there. Name the path or folder without wildcards; or"
    " end an expression by `(/|$)`, since what lies below has paths of its own, and let slashes be merged.",
    "if": f"The condition does not hold when it should. {_REQUIRE}.",
    "rewritecond": f"Write `RewriteEngine on` before it. Better: {_REQUIRE[0].lower()}{_REQUIRE[1:]}.",
    "sslrequire": f"This expression does not keep him out. {_REQUIRE}.",
}
_REMEDIES |= dict.fromkeys(("location", "directory", "directorymatch"), _REMEDIES["locationmatch"])
_REMEDIES["rewriterule"] = (
    "Write this below the rules that guard, which do not look at what ends before them; or guard what it leads to, in a"
    " <Directory> or a <Proxy>."
)
_REMEDIES |= dict.fromkeys(
    ("setenvif", "setenvifnocase", "setenvifexpr"),
    "Let this be set only where %{{SSL_CLIENT_VERIFY}} is SUCCESS: the rule that asks for it asks for nothing else.",
)
_ENGINE_IS_ON = (
    "The rule that follows on this does not keep him out: it has to ask by `%{SSL:SSL_CLIENT_VERIFY}`, and to end by"
    f" `[F]`. Better: {_REQUIRE[0].lower()}{_REQUIRE[1:]}."
)
_REQUIRE_BY_HTTP_2 = (
    f"{_VERIFIED}, alone or in <RequireAll>, and outside of <Limit>; not `Require ssl-verify-client`, which denies"
    " every client that comes by HTTP/2."
)
_TOO_LATE = f"{_REQUIRE}, not in a section: there it acts in the handshake, before there is a request."
_CHECKS = ("SSLCARevocationCheck", "SSLOCSPEnable")
_DEEPEST = ("chain.depth_reached", "chain.depth_exceeded")
"""Who gets in, and who just does not."""
_DEEP = 4
"""A root, two intermediates and one to spare: more stand above hardly any client."""


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
    """Gather the verdicts that are not as expected: one finding for each site (or virtual host without TLS), line and
    kind, the worst first.

    `depth` is how deep a chain is promised; None where the configuration's own claims are all that is.
    """

    def kind(entry: Result) -> tuple[int, str, str, str, str, int]:
        blamed, where = _at_fault(entry)
        site = entry.knock.site
        # What is had without TLS is had by every path.
        place = site.id if site.tls else f"{site.name}:{site.listener}"
        return _ORDER.index(entry.level or ""), entry.verdict, place, blamed, where.file, where.line

    found = [entry for entry in results if entry.level]
    # Where anybody gets in, it is not what he writes that lets him in.
    unauthenticated = (one for one in found if one.knock.case.id == UNAUTHENTICATED and one.verdict is Verdict.INTRUDER)
    open_to_all = {one.knock.control_key for one in unauthenticated if not one.knock.client.writes}
    wrong = sorted(
        (one for one in found if not one.knock.triggered_by or one.knock.control_key not in open_to_all), key=kind
    )
    return tuple(_finding(list(group), depth) for _, group in groupby(wrong, key=kind))


def public_sites(unauthenticated: Iterable[Result], places: Iterable[Site]) -> tuple[Finding, ...]:
    """Name the places that let in anybody and were not promised to do otherwise: a warning where a guarded site listens
    on the same port, else a note."""
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
        # What leads round the guard of the root, and nobody says that it is meant to.
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
            f"{site.url} lets in anybody; the configuration does not say that it must not.",
            "If it is meant to be public, nothing. Else write `SSLVerifyClient require` here.",
            where.file,
            where.line,
        )
    return tuple(sorted(found.values(), key=lambda one: _ORDER.index(one.level)))


def not_told_apart(places: Iterable[Site]) -> tuple[Finding, ...]:
    """Name the places where a policy wants the clients of one authority, and nobody can see whom else httpd trusts."""
    return tuple(
        Finding(
            "policy.authority_not_examined",
            "warning",
            site.id,
            (),
            f"Whether {site.url} trusts another authority than the policy's was not seen: CONFIG does not hold the"
            " certificates that it trusts.",
            "Verify a CONFIG that holds the file which this directive names.",
            site.guard.responsible("SSLCACertificateFile").file,
            site.guard.responsible("SSLCACertificateFile").line,
        )
        for site in places
    )


def not_examined(coverage_gaps: Iterable[CoverageGap]) -> tuple[Finding, ...]:
    """Name what may have a say in who gets in, and was not looked at."""
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
    """Name the places where longer chains are accepted than anybody has."""
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
                f"Chains of up to {guard.verify_depth} certificates above the client's own are accepted: whoever has"
                " the key of any of them makes clients for this site.",
                "Write how many certificates stand above your clients' own, the root included: mostly 1 or 2.",
                where.file,
                where.line,
            )
            found.setdefault((where.file, where.line), finding)
    return tuple(found.values())


def untestable_grants(undecided_sites: Iterable[tuple[Site, Directive]]) -> tuple[Finding, ...]:
    """Name the rules by which somebody may get in without a certificate, where no client here can try them."""
    first = {(rule.file, rule.line): (site, rule) for site, rule in [*undecided_sites][::-1]}
    return tuple(
        Finding(
            "coverage.way_in_not_tried",
            "warning",
            site.id,
            (),
            f"Whether `{rule.name} {rule.arguments}` lets in who has no certificate at {site.url} was not seen: no"
            " client here has what it asks for.",
            "Let it ask for the certificate as well.",
            rule.file,
            rule.line,
        )
        for site, rule in first.values()
    )


def admitted_otherwise(results: Iterable[Result]) -> tuple[Finding, ...]:
    """Name what does instead of a certificate, and was seen to: an address, a user's password."""
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
                    "Meant to do instead of a certificate? Ignore this. Otherwise require both in <RequireAll>.",
                    rule.file,
                    rule.line,
                ),
            )
    return tuple(found.values())


def about_nothing(rules: Iterable[Directive]) -> tuple[Finding, ...]:
    """Name the rules that ask for a certificate at places which no site serves."""
    return tuple(
        Finding(
            "coverage.rule_without_place",
            "warning",
            "",
            (),
            f"`{rule.name} {rule.arguments}` guards nothing: the section that it stands in is about no place that any"
            " site serves.",
            "Write it into a section that is: <Directory> takes a folder, <Location> the path of a URL, <Files> the"
            " name of a file without its folder.",
            rule.file,
            rule.line,
        )
        for rule in rules
    )


def _at_fault(result: Result) -> tuple[str, Directive]:
    """Name the directive that answers for it and the line to change: the directive's own, or that of the section which
    lacks it."""
    knock, guard, reason = result.knock, result.knock.site.guard, result.logged.reason
    if not knock.site.tls:
        sent = guard.redirect_to_tls
        if sent and sent.name.lower().startswith("redirect") and guard.way and "proxypass" in guard.way.name.lower():
            return _IN_THE_CLEAR, guard.way  # It comes before what mod_alias redirects.
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
    """Name the directive that answers for it where the case alone tells which: the line that asks for what the client
    writes, the one by which its certificate counts as verified (httpd's log says so) without being so, or what denies
    by HTTP/2 alone."""
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
    how = f"over TLS {' and '.join(sorted({entry.knock.tls for entry in results}))}" if site.tls else "without TLS"
    more = f" (and {len(cases) - 1} more kinds of client)" if len(cases) > 1 else ""
    wrote = f" It writes `{first.client.writes}`." if first.client.writes else ""
    who = f"{first.case.summary}{wrote}{more}"
    told = f" {results[0].evidence()}" if verdict is not Verdict.INTRUDER or results[0].observed.alert else ""
    message = {
        Verdict.INTRUDER: f"Gets in {how}, and must not: {who}{told}",
        Verdict.LOCKED_OUT: f"Is refused {how}, and must get in: {who}{told}",
        Verdict.OTHERWISE: f"Not as the case expects, {how}: {who}{told}",
    }[verdict]
    if verdict is Verdict.INTRUDER and level == "warning":
        message = f"Gets in {how}; the configuration does not say that it must not: {who}"
    remedies = _REMEDIES | ({"require": _REQUIRE_BY_HTTP_2} if site.guard.http2 else {})
    remedy = remedies.get(blamed.lower(), "").format(depth=depth or site.guard.verify_depth + 1)
    if blamed == "SSLVerifyClient" and site.guard.verify_client == "require" and not site.guard.in_handshake:
        remedy = _TOO_LATE
    if blamed == "RewriteCond" and site.guard.arguments("RewriteEngine") == ["on"]:
        remedy = _ENGINE_IS_ON
    if verdict is Verdict.OTHERWISE:
        remedy = f"See `mtls-harness cases {first.case.id}` for what was expected."
    unchecked = verdict is Verdict.INTRUDER and blamed in _CHECKS
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
