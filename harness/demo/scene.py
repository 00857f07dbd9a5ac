"""Which visits are made, and how must each of them end?"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.demo.evidence import Evidence
from harness.outcome import Outcome, Verdict

REFERENCE = "/etc/httpd/conf/httpd.conf"
WELCOME = "/etc/httpd/variants/welcome/httpd.conf"


@dataclass(frozen=True)
class Scene:
    """A visit: whose certificates are imported, and what the visitor answers when he is asked.

    `chooses` names the one whose certificate he sends with OK; None is Cancel. `configuration` is httpd's, by its path
    in the image.
    """

    title: str
    about: str
    visitors: tuple[str, ...]
    chooses: str | None
    expected: Outcome
    configuration: str = REFERENCE


STRANGER = Scene(
    "A stranger",
    "No certificate is imported. The browser has nothing to offer, so it asks nothing, and httpd ends the handshake: "
    "not one byte of the site is sent.",
    (),
    None,
    Outcome.REFUSED_IN_HANDSHAKE,
)
OK = Scene(
    "Anna imports her .pfx, and answers OK",
    "httpd asks for a certificate and names the authorities that it trusts; the browser's own dialog offers those that "
    "fit. After OK, the page names whom httpd has verified.",
    ("anna",),
    "anna",
    Outcome.ADMITTED,
)
CANCEL = Scene(
    "Anna answers Cancel",
    "The same certificate is there, but she does not send it. Having one is not enough: the site stays shut.",
    ("anna",),
    None,
    Outcome.REFUSED_IN_HANDSHAKE,
)
TWO = Scene(
    "Two certificates, one choice",
    "Both fit, so both are offered. The page names the one that was chosen.",
    ("anna", "bert"),
    "anna",
    Outcome.ADMITTED,
)
WELCOMED = Scene(
    "A stranger who is told why",
    "The variant of the deployment with a readable answer: the handshake lets in whoever has no certificate, and the "
    "application does not. He reads what he needs instead of his browser's error page.",
    (),
    None,
    Outcome.REFUSED_BY_HTTP,
    WELCOME,
)
SCENES = (STRANGER, OK, CANCEL, TWO, WELCOMED)


def judge(scene: Scene, serials: Mapping[str, str], evidence: Evidence) -> tuple[Verdict, str]:
    """Weigh what was seen and logged against what must happen; returns the verdict and the words for it.

    `serials` are the serial numbers of the imported certificates. What nobody saw is never counted as kept out.
    """
    outcome = evidence.outcome
    imported = {serials[name] for name in scene.visitors}
    offered = {offer.serial for offer in evidence.dialog.offers} if evidence.dialog else set()
    if outcome is Outcome.NO_ANSWER:
        return Verdict.INCONCLUSIVE, f"Cannot tell what became of this visit. {evidence.words}"
    if outcome is Outcome.ADMITTED:
        if scene.expected is not Outcome.ADMITTED:
            return Verdict.INTRUDER, f"Let in, and must not be. {evidence.words}"
        if evidence.identity is None:
            return Verdict.INCONCLUSIVE, f"Cannot tell who was let in. {evidence.words}"
        if scene.chooses and evidence.identity != serials[scene.chooses]:
            return Verdict.INTRUDER, f"Let in as somebody else than {scene.chooses}. {evidence.words}"
    elif scene.expected is Outcome.ADMITTED:
        hidden = "" if offered else " The browser offered no certificate."
        return Verdict.LOCKED_OUT, f"Kept out, and must get in.{hidden} {evidence.words}"
    if offered != imported:
        words = f"{len(imported)} certificates are imported, and the browser offered {len(offered)}."
        return Verdict.INCONCLUSIVE, f"Not the visit that was meant: {words} {evidence.words}"
    in_handshake = outcome is Outcome.REFUSED_IN_HANDSHAKE
    if outcome is not scene.expected or (in_handshake and not evidence.without_certificate):
        return Verdict.OTHERWISE, f"Kept out, but not as expected. {evidence.words}"
    return Verdict.AS_EXPECTED, evidence.words
