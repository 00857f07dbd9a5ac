"""Which directive is responsible for an unexpected result, and what is the remedy?"""

import re

from harness.httpd.directive import Directive
from harness.httpd.distinguished_name import corrected, is_legacy, misspelled
from harness.httpd.formula import Atom, depends_on, shown
from harness.httpd.guard import Guard, uses_unset_variable
from harness.httpd.identity import IdentityHeader
from harness.httpd.variables import Origin
from harness.outcome import Outcome, Verdict
from harness.probe import FORGED
from harness.verify.judgement import Result
from harness.verify.plan import LARGE_BODY, OVER_HTTP2
from harness.verify.users import ANYBODY

# The directive for httpd's own reason for a refusal, by message number or OpenSSL's X509_V_ERR number.
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
_NO_ENGINE = "no SSLEngine"
_RESUMED = "a resumed session"
_BY_CONNECTION = "a rule about the connection"
_NO_RESPONDER = "a certificate without a responder"
_NO_URL = "AH01918"
"""httpd's message that neither a certificate nor the configuration names an OCSP responder."""
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
    _NO_RESPONDER: "Write `SSLOCSPDefaultResponder http://ocsp.example.org/` below this line, with the URL of your"
    " authority's responder. Or let the authority name it in every certificate (authorityInfoAccess).",
    LARGE_BODY: f"{_REQUIRE}: httpd then verifies the client before the request. Or write `SSLRenegBufferSize 10485760`"
    " here: the largest request body in bytes. httpd keeps it in memory.",
    "sslciphersuite": "Keep OpenSSL's security level at 2 or higher: no `@SECLEVEL=0` or `@SECLEVEL=1`.",
    _DOCUMENT: "Name a public page here: httpd does not check the guard of the page that an ErrorDocument shows.",
    _KINDS.lower(): "Add the types of keys and signatures of your clients here.",
    _IN_THE_CLEAR: "Serve only a redirect to the HTTPS site here. Give the backend of a local proxy an address of its"
    " own, such as `Listen 127.0.0.1:8080`.",
    _NO_ENGINE.lower(): "Write `SSLEngine on` into this virtual host. Without it, httpd serves plain HTTP here, and"
    " ignores the other SSL directives.",
    _IN_PART: "Redirect every path to the HTTPS site, such as `Redirect permanent / https://www.example.org/`. What"
    " this line leaves out is served without TLS.",
    "require": "Write `Require ssl-verify-client` here, alone or in <RequireAll>, and outside <Limit>.",
    _BY_CONNECTION: f"{_VERIFIED}. `Require ssl-verify-client` denies every client over HTTP/2.",
    "protocols": "Remove `h2` here, or change what refuses HTTP/2: a rule that is only true over HTTP/1.1, or a cipher"
    " suite that HTTP/2 does not allow (RFC 9113, appendix A).",
    _WRITTEN: "Do not decide by client-supplied headers, or by other parts of the request. Require the certificate:"
    " `Require ssl-verify-client`.",
    _NAMELESS: "Write `%{{SSL:SSL_CLIENT_VERIFY}}` here. Without `SSL:` this variable is always empty in mod_rewrite.",
    _NOBODY.lower(): "Write `Require all denied` into the <Location> or <Directory> of this path: the policy admits no"
    " client.",
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
    "The rule after this line does not refuse the client. It must test `%{{SSL:SSL_CLIENT_VERIFY}}` and end with `[F]`."
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
_NO_AUTHORITY = (
    "Write `SSLCACertificateFile FILE` here. FILE contains the authorities whose clients must be admitted, as PEM."
)
_TO_WRITE = re.compile(r"Write `(?P<directive>[^`]+)`(?: here| before this line)?(?P<of_host> for the virtual host)?")
_IS_THERE = "`{}` is in force here, and does not decide this. The message has httpd's own reason."
_ELSEWHERE = (
    "`{}` is in a section that does not cover this path. Write it into one that does: <Directory> takes a folder,"
    " <Location> the path of a URL."
)
_ALREADY = {
    "rewriteengine": _ENGINE_IS_ON,
    "require": "`{}` is here already, but something else is enough as well. Write it alone or in <RequireAll>, and"
    " outside <Limit>.",
    "sslcarevocationcheck": "Give every authority a current CRL in SSLCARevocationFile. `{}` is in force already.",
}
"""What to write where the directive of the usual remedy is in force already, by its kind."""
_TOO_LATE = f"{_REQUIRE}, not in a section. It then acts in the handshake, before the request."
_BY_HTTP_2 = {"require": _REQUIRE_BY_HTTP_2, _WRITTEN: _WRITTEN_BY_HTTP_2}


def blamed_directive(result: Result) -> tuple[str, Directive]:
    """Return the responsible directive and the line to change: the directive's own, or the section's that lacks it."""
    planned, guard, reason = result.probe, result.probe.site.guard, result.logged.reason
    if planned.identity:
        return _passed_on(result, planned.identity)
    if not planned.site.tls:
        return _in_the_clear(guard)
    if planned.expected.anyhow and not planned.case.expected.anyhow:
        return _NOBODY, guard.responsible("Require")
    documents = (entry for entry in guard.directives if entry.value == str(result.logged.status))
    if result.logged.instead and (document := next((one for one in documents if one.kind == _DOCUMENT), None)):
        return _DOCUMENT, document
    if by_case := _by_case(result):
        return by_case
    if result.verdict is Verdict.LOCKED_OUT and not reason and (named := _misspelled(result)):
        return named
    if not reason and (nameless := next(filter(uses_unset_variable, guard.rules), None)):
        return _NAMELESS, nameless
    of_the_case = planned.expected is planned.case.expected
    if planned.expected.by_rule and (planned.case.family == "rules" if of_the_case else result.logged.identity):
        rule = _rule(result)
        idle = rule.kind == "rewritecond" and guard.arguments("RewriteEngine") != ("on",)
        return rule.name if idle else _RULE, rule
    if result.verdict is Verdict.INTRUDER and not result.logged.identity and not guard.in_handshake:
        return _granting(result)
    blamed = reason and (_BY_MESSAGE.get(reason.ah or "") or _BY_ERROR.get(reason.x509_error or 0))
    by_kind = result.verdict is Verdict.LOCKED_OUT and planned.case.family == "valid" and guard.has(_KINDS)
    name = blamed or (_KINDS if by_kind else planned.case.directive)
    return name, guard.responsible(name)


def _in_the_clear(guard: Guard) -> tuple[str, Directive]:
    """Return the directive that serves the site without TLS."""
    sent = guard.redirect_to_tls
    if sent and sent.kind.startswith("redirect") and guard.mapping and "proxypass" in guard.mapping.kind:
        return _IN_THE_CLEAR, guard.mapping  # httpd maps it before mod_alias redirects.
    if not sent and any(guard.section.find("SSLCertificateFile")) and not guard.has("SSLEngine"):
        return _NO_ENGINE, guard.section
    return (_IN_PART, sent) if sent else (_IN_THE_CLEAR, guard.section)


def _rule(result: Result) -> Directive:
    """Return the rule about certificates: the condition that decided by httpd's trace, else the last of the guard."""
    if result.decided_by:
        return result.decided_by.directive
    guard = result.probe.site.guard
    asking = [rule for rule in guard.rules if rule.kind != "sslverifyclient"]
    require = guard.responsible("Require")
    return require if require in asking or not asking else asking[-1]


def _misspelled(result: Result) -> tuple[str, Directive] | None:
    """Return the rule that compares a name in a form that httpd never writes, with what to write; None without one."""
    site = result.probe.site
    found = ((atom, one) for one in site.decision.conditions for atom in misspelled(one.formula))
    return next(((name_remedy(atom, site.guard), one.directive) for atom, one in found), None)


def name_remedy(atom: Atom, guard: Guard) -> str:
    """Return what to write in place of a name in a form that httpd never writes, and why."""
    name = f"Write `{shown(corrected(atom).right)}` here"
    if not is_legacy(atom):
        return (
            f"{name}, or `SSLOptions +LegacyDNStringFormat`. Since 2.3.11, httpd writes names as `CN=…,O=…,C=…`: the"
            " lowest attribute first, without spaces, with OpenSSL's names of the attributes."
        )
    by = "FakeBasicAuth" if guard.fake_basic_auth else "LegacyDNStringFormat"
    return f"{name}. With `SSLOptions +{by}`, httpd writes names as `/C=…/O=…/CN=…`."


def _granting(result: Result) -> tuple[str, Directive]:
    """Return what admits a client without a certificate: a password, the condition that decided by httpd's trace, or
    where no request was refused the section that grants to all."""
    guard = result.probe.site.guard
    if result.probe.client.user and guard.satisfy_any and not guard.fake_basic_auth:
        return "Satisfy", guard.responsible("Satisfy")
    if result.probe.client.user:
        name = "AuthBasicProvider" if ANYBODY in guard.arguments("AuthBasicProvider") else "AuthUserFile"
        return name, guard.responsible(name)
    if result.decided_by:
        return result.decided_by.directive.name, result.decided_by.directive
    granting = guard.granting_directive
    return granting.name if granting is not guard.section else "SSLVerifyClient", granting


def _by_case(result: Result) -> tuple[str, Directive] | None:
    """Return the responsible directive where the case alone determines it: the condition on the client's request, the
    directive by which httpd logs an unverified certificate as verified, or what denies HTTP/2 alone."""
    planned, guard = result.probe, result.probe.site.guard
    if planned.triggered_by:
        decided = result.decided_by
        # The address comes from a header that httpd trusts: the responsible line is that of mod_remoteip, not the rule.
        by_condition = decided and not depends_on(decided.formula, Origin.ADDRESS)
        return _WRITTEN, decided.directive if decided and by_condition else planned.triggered_by
    if planned.case.family == "resumption" and result.verdict is Verdict.INTRUDER and result.logged.identity:
        return _RESUMED, guard.responsible("SSLVerifyClient")
    if result.verdict is Verdict.LOCKED_OUT and result.logged.reason and result.logged.reason.ah == _NO_URL:
        return _NO_RESPONDER, guard.responsible("SSLOCSPEnable")
    if planned.case.id == LARGE_BODY and result.verdict is Verdict.LOCKED_OUT and guard.renegotiating:
        return LARGE_BODY, guard.in_force.get("sslrenegbuffersize", guard.renegotiating)
    if planned.case.id == OVER_HTTP2 and result.observed.outcome is not Outcome.REFUSED_IN_HANDSHAKE:
        denying = [rule for rule in guard.rules if rule.mentions("ssl-verify-client")]
        locked_out = denying and result.verdict is Verdict.LOCKED_OUT
        return (_BY_CONNECTION, denying[-1]) if locked_out else ("Protocols", guard.responsible("Protocols"))
    return None


def trusts_no_authority(blamed: str, guard: Guard) -> bool:
    """Whether the cause is that no directive names an authority."""
    return blamed == "SSLCACertificateFile" and not (guard.has(blamed) or guard.has("SSLCACertificatePath"))


def _passed_on(result: Result, header: IdentityHeader) -> tuple[str, Directive]:
    """Return what is wrong with an identity header, and the directive that sets it; where a site does not set it, what
    leads to the backend there."""
    guard = result.probe.site.guard
    is_set = any(entry is header.directive for entry in guard.directives)
    return identity_remedy(result, header), header.directive if is_set else guard.mapping or guard.section


_MOST_LINES = 3
"""How many `unset` lines a remedy writes out."""


def identity_remedy(result: Result, header: IdentityHeader) -> str:
    """Return the remedy by which a backend gets the client's identity from httpd alone."""
    written = {name for name, _ in result.probe.client.headers}
    if "Connection" in written:
        return "Write `RequestHeader unset Connection` before this line."
    if FORGED not in (result.observed.error or ""):
        return (
            f"Write `RequestHeader unset {header.name}` before this line, and let this line act for verified clients"
            " only: `\"expr=%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"`."
        )
    names = (header.name,) if header.name in written else header.other_spellings
    if len(names) <= _MOST_LINES:
        lines = ", ".join(f"`RequestHeader unset {name}`" for name in names)
        return f"Write {lines} before this line, without a condition."
    pattern = re.sub("[-_]", "[-_]", header.name)
    return (
        f"Write `SetEnvIfNoCase ^{pattern}$ . forged`, and `Require not env forged` in a <RequireAll>. httpd then"
        " refuses every spelling of this header."
    )


def remedy(blamed: str, guard: Guard, depth: int | None) -> str:
    """Return what to write in the responsible directive's place; `depth` is the SSLVerifyDepth that suffices. Where the
    result alone tells what to write, `blamed` is that."""
    if blamed == "SSLVerifyClient" and guard.verify_client == "require" and not guard.in_handshake:
        return _TOO_LATE
    if trusts_no_authority(blamed, guard):
        return _NO_AUTHORITY
    remedies = _REMEDIES | (_BY_HTTP_2 if guard.http2 else {})
    known = remedies.get(blamed.lower())
    if known is None:
        return blamed if " " in blamed else ""
    return _unless_there(known.format(depth=depth or guard.verify_depth + 1), guard)


def _unless_there(text: str, guard: Guard) -> str:
    """Return a remedy, or another one where the directive that it tells to write is in force already."""
    found = _TO_WRITE.match(text)
    if found is None:
        return text
    kind, _, arguments = found["directive"].lower().partition(" ")
    claim = guard.requirement
    if claim and claim.kind == kind and not any(claim is entry for entry in guard.directives):
        return _ELSEWHERE.format(f"{claim.name} {claim.arguments}")
    is_there = " ".join(guard.arguments(kind)).lower() == arguments
    if kind == "sslverifyclient" and found["of_host"]:
        is_there = guard.in_handshake
    return _ALREADY.get(kind, _IS_THERE).format(found["directive"]) if is_there else text
