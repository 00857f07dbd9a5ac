"""Which visits does the tour make, and what is the expected result of each?"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.demo.evidence import Evidence
from harness.outcome import Outcome, Verdict

REFERENCE = "/etc/httpd/conf/httpd.conf"
WELCOME = "/etc/httpd/variants/welcome/httpd.conf"


@dataclass(frozen=True)
class Scene:
    """A visit: the imported certificates, and the answer to the dialog.

    `chooses` is the name of the certificate that is sent with OK; None is Cancel. `configuration` is the path of
    httpd's configuration in the image.
    """

    title: str
    about: str
    visitors: tuple[str, ...]
    chooses: str | None
    expected: Outcome
    configuration: str = REFERENCE


STRANGER = Scene(
    "No certificate",
    "No certificate is imported. The browser opens no dialog, and httpd ends the handshake. It sends nothing of the "
    "site.",
    (),
    None,
    Outcome.REFUSED_IN_HANDSHAKE,
)
OK = Scene(
    "anna.pfx is imported, and OK pressed",
    "httpd requests a certificate and names the authorities that it trusts. The browser's dialog offers the matching "
    "certificates. After OK, the page shows the verified certificate.",
    ("anna",),
    "anna",
    Outcome.ADMITTED,
)
CANCEL = Scene(
    "anna.pfx is imported, and Cancel pressed",
    "The same certificate is imported, but the browser does not send it. httpd refuses the handshake.",
    ("anna",),
    None,
    Outcome.REFUSED_IN_HANDSHAKE,
)
TWO = Scene(
    "Two certificates, one choice",
    "The dialog offers both. The page shows the chosen one.",
    ("anna", "bert"),
    "anna",
    Outcome.ADMITTED,
)
WELCOMED = Scene(
    "No certificate, and a readable answer",
    "The variant of the deployment with a page for clients without a certificate: the handshake succeeds, and httpd "
    "answers with status 403. The page explains how to get a certificate.",
    (),
    None,
    Outcome.REFUSED_BY_HTTP,
    WELCOME,
)
SCENES = (STRANGER, OK, CANCEL, TWO, WELCOMED)


def judge(scene: Scene, serials: Mapping[str, str], evidence: Evidence) -> tuple[Verdict, str]:
    """Judge a visit by screen and log; returns the verdict and its reason in words.

    `serials` are the serial numbers of the imported certificates. A visit without a result never counts as refused.
    """
    outcome = evidence.outcome
    imported = {serials[name] for name in scene.visitors}
    offered = {offer.serial for offer in evidence.dialog.offers} if evidence.dialog else set()
    if outcome is Outcome.NO_ANSWER:
        return Verdict.INCONCLUSIVE, f"The result is unknown. {evidence.words}"
    if outcome is Outcome.ADMITTED:
        if scene.expected is not Outcome.ADMITTED:
            return Verdict.INTRUDER, f"Admitted, but must be refused. {evidence.words}"
        if evidence.identity is None:
            return Verdict.INCONCLUSIVE, f"Admitted, but the client is unknown. {evidence.words}"
        if scene.chooses and evidence.identity != serials[scene.chooses]:
            return Verdict.INTRUDER, f"Admitted with another certificate than {scene.chooses}. {evidence.words}"
    elif scene.expected is Outcome.ADMITTED:
        hidden = "" if offered else " The browser offered no certificate."
        return Verdict.LOCKED_OUT, f"Refused, but must be admitted.{hidden} {evidence.words}"
    if offered != imported:
        words = f"{len(imported)} certificates are imported, but the browser offered {len(offered)}."
        return Verdict.INCONCLUSIVE, f"No verdict: {words} {evidence.words}"
    in_handshake = outcome is Outcome.REFUSED_IN_HANDSHAKE
    if outcome is not scene.expected or (in_handshake and not evidence.without_certificate):
        return Verdict.OTHERWISE, f"Refused, but not as expected. {evidence.words}"
    return Verdict.AS_EXPECTED, evidence.words
