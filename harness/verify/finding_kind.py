"""Which kinds of finding are there, and what does each mean? One entry for each id; the reports and the documents are
made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from harness.cases import catalogue
from harness.check.meaning import FACTS, FILES
from harness.outcome import Verdict


@dataclass(frozen=True)
class Kind:
    """What a finding of this id says, why it matters, how to see it on a server, what to write, and the source."""

    what: str
    why: str
    reproduce: str
    repair: str
    source: str


_WITHOUT = "Run the `curl` line of the report: it needs no certificate. The status is that of an admitted client."
_WITH = (
    "Run the `curl` line of the report with such a certificate as `client.crt` and its key as `client.key`. The status"
    " is that of an admitted client."
)
_BY_LIBRARY = "Neither curl nor openssl makes this handshake: `mtls-harness verify --url URL` makes it at your server."
_NOTHING = "There is nothing to reproduce: the finding is about the configuration, not about a request."
_MOD_SSL = "httpd, mod_ssl: "
_AUTHZ = "httpd, mod_authz_core: Require"

_INTRUDERS: Mapping[str, Kind] = {
    "absent": Kind(
        "A client without a certificate was admitted.",
        "The site is public to anyone who sends this request.",
        _WITHOUT,
        "Write `SSLVerifyClient require` for the virtual host. Then no header, method or path of a request decides.",
        f"{_MOD_SSL}SSLVerifyClient",
    ),
    "chain": Kind(
        "A client whose certificate no trusted authority issued was admitted.",
        "Certificates of untrusted authorities are accepted: anyone can make one.",
        _WITH,
        "Write `SSLVerifyClient require` instead of `optional_no_ca`. Keep in SSLCACertificateFile only the authorities"
        " whose clients must be admitted, and set SSLVerifyDepth to the number of certificates above the client's own.",
        "RFC 5280 section 6.1; httpd, mod_ssl: SSLCACertificateFile, SSLVerifyDepth",
    ),
    "ocsp": Kind(
        "A client was admitted whose certificate the OCSP responder does not report good.",
        "Certificates that the OCSP responder does not report good are accepted.",
        _WITH,
        "Write `SSLOCSPEnable on`, without `SSLOCSPNoVerify on`.",
        "RFC 6960; httpd, mod_ssl: SSLOCSPEnable",
    ),
    "protocol": Kind(
        "The server speaks a version of TLS that the policy does not allow.",
        "Connections use a version of TLS that must be off.",
        "`openssl s_client -connect HOST:PORT -tls1_2` (or `-tls1_3`) completes the handshake.",
        "Name exactly the policy's versions, such as `SSLProtocol -all +TLSv1.3`.",
        f"{_MOD_SSL}SSLProtocol",
    ),
    "proof": Kind(
        "A client was admitted that does not have the key of its certificate.",
        "A certificate is no secret: anyone who has seen it can pose as its owner.",
        _BY_LIBRARY,
        "Write `SSLVerifyClient require`, and update httpd and OpenSSL.",
        "RFC 8446 section 4.4.3",
    ),
    "resumption": Kind(
        "A client whose certificate was not verified resumed its session, and counted as verified.",
        "An unverified certificate counts as verified from the second connection on.",
        "Run both `openssl s_client` lines of the report: the second one resumes the session of the first.",
        "Write `SSLVerifyClient optional` or `require` instead of `optional_no_ca`.",
        "RFC 8446 section 2.2; httpd, mod_ssl: SSLVerifyClient",
    ),
    "revocation": Kind(
        "A client with a revoked certificate was admitted, although CRLs are checked.",
        "Revoked certificates are accepted.",
        _WITH,
        "Write `SSLCARevocationCheck chain`, and keep a current CRL of every authority in SSLCARevocationFile.",
        "RFC 5280 section 6.3; httpd, mod_ssl: SSLCARevocationCheck",
    ),
    "routing": Kind(
        "A request reached the site by the name of another site.",
        "Another server name bypasses the site's guard.",
        "Run the `curl` line of the report. It names one site in the handshake and another in the request.",
        "Guard every virtual host of the port alike, or write `SSLVHostSNIPolicy secure`.",
        "RFC 6066 section 3; httpd, mod_ssl: SSLVHostSNIPolicy",
    ),
    "rules": Kind(
        "A client with a valid certificate was admitted, although a rule or the policy requires more.",
        "The rules admit clients that they must refuse.",
        _WITH,
        "Require in `Require expr` exactly what the subject must contain. Join several requirements in <RequireAll>.",
        "httpd, expressions; mod_authz_core: RequireAll",
    ),
    "strength": Kind(
        "A client was admitted whose certificate has a weak key or a weak signature.",
        "Certificates that can be forged today are accepted.",
        _WITH,
        "Keep OpenSSL's security level at 2 or higher: no `@SECLEVEL=0` or `@SECLEVEL=1` in SSLCipherSuite.",
        "NIST SP 800-131A; OpenSSL, SSL_CTX_set_security_level(3)",
    ),
    "usage": Kind(
        "A client was admitted whose certificate was issued for another purpose.",
        "Certificates that were issued for another purpose are accepted.",
        _WITH,
        "Write `SSLVerifyClient require`: httpd then requires clientAuth where the certificate has extendedKeyUsage.",
        "RFC 5280 section 4.2.1.12",
    ),
    "identity": Kind(
        "A backend received an identity header that the client wrote, or that names nobody.",
        "The application behind httpd believes an identity that the client wrote, or that says nothing.",
        _WITHOUT,
        "Write `RequestHeader unset NAME` before the line that sets the header, for every spelling.",
        "httpd, mod_headers: RequestHeader",
    ),
    "validity": Kind(
        "A client was admitted whose certificate has expired, or is not valid yet.",
        "Certificates outside their validity period are accepted.",
        _WITH,
        "Write `SSLVerifyClient require` instead of `optional_no_ca`.",
        "RFC 5280 section 4.1.2.5",
    ),
}
_ADMITTED_BY_NOBODY = Kind(
    "A valid client was admitted to a site that the policy closes.",
    "The policy says that no client is admitted here.",
    _WITH,
    "Write `Require all denied` for the site, or change the policy's entry.",
    "docs/policy.md",
)
_OTHERS: dict[str, Kind] = {
    "revocation.not_checked": Kind(
        "A client with a revoked certificate was admitted: nothing checks revocation here.",
        "Revoked certificates are accepted.",
        _WITH,
        "Write `SSLCARevocationCheck chain`, and give every authority a current CRL in SSLCARevocationFile. Or write"
        " `SSLOCSPEnable on`.",
        "RFC 5280 section 6.3; httpd, mod_ssl: SSLCARevocationCheck",
    ),
    "exposure.open_to_all": Kind(
        "A site without any guard answers clients without a certificate.",
        "The site is public to anyone who reaches the server.",
        _WITHOUT,
        'Public on purpose? Ignore this, or write `admit = "anyone"` in the policy. Otherwise write `SSLVerifyClient'
        " require` here.",
        f"{_MOD_SSL}SSLVerifyClient",
    ),
    "exposure.other_credential": Kind(
        "A client without a certificate was admitted by its address or by a password, as a rule says.",
        "Clients without a certificate are admitted by this rule as well.",
        "Run the `curl` line of the report, from that address or with the real password.",
        "Enough without a certificate on purpose? Ignore this. Otherwise require both in <RequireAll>.",
        _AUTHZ,
    ),
    "coverage.not_examined": Kind(
        "Something that may admit or refuse clients was not part of the test.",
        "Other clients may be admitted there.",
        _NOTHING,
        "Verify a CONFIG that contains it, or examine it yourself.",
        "docs/verify.md: what is not tested",
    ),
    "coverage.way_in_not_tried": Kind(
        "A rule may admit clients without a certificate, and no client of the run made it true. There is no verdict.",
        "The rule may be true at another time, or for another client.",
        _NOTHING,
        "Require the certificate here as well.",
        _AUTHZ,
    ),
    "coverage.rule_without_place": Kind(
        "A rule requires a certificate in a section that no site serves.",
        "It does not protect what it was written for.",
        _NOTHING,
        "Write it into another section: <Directory> takes a folder, <Location> a URL's path, <Files> a file's name"
        " without its folder.",
        "httpd, configuration sections",
    ),
    "depth.more_than_needed": Kind(
        "Very long chains of certificates are accepted.",
        "Every authority in a longer chain can issue clients for this site.",
        _WITH,
        "Write the number of certificates above your clients' own, including the root: usually 1 or 2.",
        f"{_MOD_SSL}SSLVerifyDepth",
    ),
    "policy.authority_not_examined": Kind(
        "The policy names one authority, and CONFIG does not contain the certificates that httpd trusts.",
        "Clients of those authorities may be admitted.",
        _NOTHING,
        "Verify a CONFIG that contains the file which SSLCACertificateFile names.",
        "docs/policy.md",
    ),
    "policy.unused_acceptance": Kind(
        "An `[[accept]]` entry of the policy names a finding that this run does not have.",
        "The line may have moved, or the cause is repaired.",
        _NOTHING,
        "Correct `file` and `line` of the entry, or remove it.",
        "docs/policy.md",
    ),
    "rules.name_never_true": Kind(
        "A rule compares the name in a certificate with a text in a form that httpd never writes.",
        "The rule is never true: it admits nobody, or refuses nobody.",
        "`LogLevel ssl:debug` logs the names of a real client in the form that httpd compares.",
        "Write the name as `CN=…,O=…,C=…`, without spaces, or as `/C=…/O=…/CN=…` with `SSLOptions"
        " +LegacyDNStringFormat`.",
        "RFC 2253; httpd, mod_ssl: SSLOptions LegacyDNStringFormat",
    ),
    "rules.name_order": Kind(
        "A rule compares the name in a certificate with a text whose attributes are in an unusual order.",
        "Most certificates hold the country first. For these, the rule is never true.",
        "`LogLevel ssl:debug` logs the names of a real client in the order that httpd compares.",
        "Compare with the name of a real client: `mtls-harness verify --client-like FILE`.",
        "RFC 2253 section 2.1",
    ),
    "trust.server_certificate": Kind(
        "The server's own certificate is also an authority for clients.",
        "Anyone with the key on the web server can issue clients.",
        _NOTHING,
        "Name in SSLCACertificateFile an authority whose key is not on the web server.",
        f"{_MOD_SSL}SSLCACertificateFile",
    ),
    "record.differs": Kind(
        "Other clients are admitted than in the record.",
        "A change of the configuration changed who is admitted.",
        "The run shows the lines that differ.",
        "Intended? Delete the record, and the next run writes a new one. Otherwise undo the change.",
        "docs/policy.md",
    ),
}


_UNKNOWN = Kind(
    "The server does not do what it must.", "The server does not do what it must.", _NOTHING, "See the message.", ""
)


def _file(fact: str, meaning: str) -> Kind:
    return Kind(
        fact,
        meaning,
        "Run `mtls-harness check FILE` on the file that the finding names.",
        "The finding says what to change in which file.",
        "docs/check.md",
    )


def _locked_out(family: str) -> Kind:
    return Kind(
        f"A client of the family `{family}` that must be admitted was refused.",
        "Valid clients are refused.",
        "Run the `curl` line of the report with a valid client's `client.crt` and `client.key`. It is refused.",
        "The finding names httpd's reason and the responsible directive. `mtls-harness cases` describes the client.",
        "RFC 5280 section 6.1",
    )


def _otherwise(family: str) -> Kind:
    return Kind(
        f"A client of the family `{family}` was refused, but for another reason than the one that the case tests.",
        "Another rule decided, so the tested rule is not proven.",
        "Run the `curl` line of the report. The refusal has the alert or status of the other rule.",
        "Often nothing is to do. `mtls-harness cases` shows the reason that was expected.",
        "docs/verify.md: verdicts",
    )


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind of finding by its id."""
    families = dict.fromkeys(case.family for case in catalogue())
    return (
        {f"{family}.{Verdict.INTRUDER}": _INTRUDERS.get(family, _ADMITTED_BY_NOBODY) for family in families}
        | {f"{family}.{Verdict.LOCKED_OUT}": _locked_out(family) for family in families}
        | {f"{family}.{Verdict.OTHERWISE}": _otherwise(family) for family in families}
        | {f"files.{finding}": _file(FACTS[finding], meaning) for finding, meaning in FILES.items()}
        | _OTHERS
    )


def kind(finding: str) -> Kind:
    """The kind of finding with this id."""
    return kinds().get(finding, _UNKNOWN)


def why(finding: str) -> str:
    """Say in one sentence what a finding of this id means for the operator of the server."""
    return kind(finding).why
