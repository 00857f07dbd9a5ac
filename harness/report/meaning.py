"""Why does a kind of finding matter?"""

from harness.check.meaning import FILES
from harness.outcome import Verdict

_INTRUDERS = {
    "absent": "The site is public to anyone who sends this request.",
    "chain": "Certificates of untrusted authorities are accepted: anyone can make one.",
    "identity": "The application behind httpd believes an identity that the client wrote, or that says nothing.",
    "ocsp": "Certificates that the OCSP responder does not report good are accepted.",
    "protocol": "Connections use a version of TLS that must be off.",
    "proof": "A certificate is no secret: anyone who has seen it can pose as its owner.",
    "resumption": "An unverified certificate counts as verified from the second connection on.",
    "revocation": "Revoked certificates are accepted.",
    "routing": "Another server name bypasses the site's guard.",
    "rules": "The rules admit clients that they must refuse.",
    "strength": "Certificates that can be forged today are accepted.",
    "usage": "Certificates that were issued for another purpose are accepted.",
    "validity": "Certificates outside their validity period are accepted.",
}
_OTHERS = {
    Verdict.LOCKED_OUT: "Valid clients are refused.",
    Verdict.OTHERWISE: "Another rule decided, so the tested rule is not proven.",
    "authority_not_examined": "Clients of those authorities may be admitted.",
    "more_than_needed": "Every authority in a longer chain can issue clients for this site.",
    "not_checked": _INTRUDERS["revocation"],
    "not_examined": "Other clients may be admitted there.",
    "rule_without_place": "It does not protect what it was written for.",
    "way_in_not_tried": "The rule may be true at another time, or for another client.",
    "other_credential": "Clients without a certificate are admitted by this rule as well.",
    "open_to_all": "The site is public to anyone who reaches the server.",
}
_ANYTHING_ELSE = "The server does not do what it must."


def why(finding: str) -> str:
    """Say in one sentence what a finding of this id means for the operator of the server."""
    family, _, kind = finding.partition(".")
    if family == "files":
        return FILES[kind]
    known = _INTRUDERS.get(family) if kind == Verdict.INTRUDER else _OTHERS.get(kind)
    return known or _ANYTHING_ELSE
