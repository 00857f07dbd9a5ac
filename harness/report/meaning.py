"""Why does a kind of finding matter?"""

from harness.outcome import Verdict

_INTRUDERS = {
    "absent": "Whoever finds the address is served, without any certificate at all.",
    "chain": "A certificate that no trusted authority answers for opens the door, so anybody can make one that does.",
    "ocsp": "A client whose certificate its authority no longer vouches for still gets in.",
    "protocol": "Connections are made over a version of TLS that was meant to be off.",
    "proof": "Whoever has seen a certificate, which is no secret, can pass for its owner.",
    "resumption": "A certificate that was refused, or not verified, counts as verified from the second connection on.",
    "revocation": "A client whose certificate was withdrawn, as after a theft or a dismissal, still gets in.",
    "routing": "The site's own guard is passed by asking for it under another name.",
    "rules": "Every client of the authority gets in where only some of them should.",
    "strength": "A certificate that can be forged with today's means opens the door.",
    "usage": "A certificate that was issued for another purpose opens the door.",
    "validity": "A certificate opens the door outside of its period of validity, when nobody answers for it any more.",
}
_OTHERS = {
    Verdict.LOCKED_OUT: "A client with everything in order cannot work, and people turn off what locks them out.",
    Verdict.OTHERWISE: "It is not the case's own rule that answered, so that rule is not proved.",
    "authority_not_examined": "Its clients may get in where nobody asked about them.",
    "more_than_needed": "Longer chains than yours are accepted: one more authority that can let somebody in.",
    "not_checked": _INTRUDERS["revocation"],
    "not_examined": "It may let in whom nobody asked about here.",
    "rule_without_place": "What it was to protect is not protected by it.",
    "way_in_not_tried": "There may be a time, or a client, that it is open to.",
    "other_credential": "Who has no certificate is admitted by this as well.",
    "open_to_all": "Whoever reaches the server is served there, without any certificate at all.",
}
_ANYTHING_ELSE = "The server does not do what it is meant to."


def why(finding: str) -> str:
    """Say in one sentence what a finding of this id means for whoever runs the server."""
    family, _, kind = finding.partition(".")
    known = _INTRUDERS.get(family) if kind == Verdict.INTRUDER else _OTHERS.get(kind)
    return known or _ANYTHING_ELSE
