"""The judgement of a visit, as a table: a visit without a result never counts as refused."""

from dataclasses import replace

import pytest

from harness.demo.accessibility_tree import Dialog, Offer, Page, read
from harness.demo.evidence import KNOWN, UNKNOWN, Evidence
from harness.demo.scene import CANCEL, OK, STRANGER, TWO, WELCOMED, Scene, judge
from harness.outcome import Outcome, Verdict

ANNA, BERT = "5E5D126B33173A325FE928FE860CD76526309CE3", "33E7C7A63361497E17F1CD01BA3FECDB635590EB"
SERIALS = {"anna": ANNA, "bert": BERT}
ASKED = Dialog((Offer("anna", ANNA),), Offer("anna", ANNA))
ASKED_OF_TWO = Dialog((Offer("bert", BERT), Offer("anna", ANNA)), Offer("anna", ANNA))
SHUT = Page("localhost", "Access to localhost was denied\nERR_BAD_SSL_CLIENT_AUTH_CERT")
CLOSED = Page("localhost", "This site can't be reached\nERR_SOCKET_NOT_CONNECTED")
GONE = Page("localhost", "This site can't be reached\nERR_CONNECTION_REFUSED")
NOT_YET = Page("localhost", "Access to localhost was denied")
WELCOME = Page(UNKNOWN, "This site needs a certificate")
NO_CERTIFICATE = (
    "[Wed Nov 25 00:00:00.000000 2026] [ssl:info] [pid 8:tid 66] [client 127.0.0.1:1] AH01964: Connection to child 0 "
    "established (server localhost:443)\n"
    "[Wed Nov 25 00:00:00.000000 2026] [ssl:info] [pid 8:tid 66] [client -] SSL Library Error: error:0A0000C7:SSL "
    "routines::peer did not return a certificate -- No CAs known to server for verification?\n"
)

REVOKED = NO_CERTIFICATE.replace(
    "[client -] SSL Library Error: error:0A0000C7:SSL routines::peer did not return a certificate",
    "[client 127.0.0.1:1] AH02276: Certificate Verification: Error (23): certificate revoked",
)


def known(serial: str) -> Page:
    return Page(KNOWN, f"You are\nanna\nSerial number\n{serial}\nValid from")


def answered(status: int, serial: str | None) -> str:
    verified = f"verify=SUCCESS serial={serial}" if serial else "verify=NONE serial=-"
    return (
        f'127.0.0.1 [2026-11-25T00:00:00+0000] "GET / HTTP/2.0" {status} 980 {verified} subject="CN=anna" TLSv1.3 X\n'
    )


@pytest.mark.parametrize(
    ("scene", "dialog", "page", "log", "verdict"),
    [
        pytest.param(STRANGER, None, SHUT, NO_CERTIFICATE, Verdict.AS_EXPECTED, id="shut, and both say so"),
        pytest.param(
            STRANGER, None, CLOSED, NO_CERTIFICATE, Verdict.AS_EXPECTED, id="closed before the alert was read"
        ),
        pytest.param(STRANGER, None, CLOSED, "", Verdict.INCONCLUSIVE, id="closed, and httpd knows nothing of it"),
        pytest.param(STRANGER, None, GONE, NO_CERTIFICATE, Verdict.INCONCLUSIVE, id="the server is gone"),
        pytest.param(STRANGER, None, SHUT, "", Verdict.INCONCLUSIVE, id="httpd knows nothing of it"),
        pytest.param(STRANGER, None, NOT_YET, NO_CERTIFICATE, Verdict.INCONCLUSIVE, id="the browser gives no reason"),
        pytest.param(
            STRANGER, None, known(ANNA), answered(200, ANNA), Verdict.INTRUDER, id="no certificate, and admitted"
        ),
        pytest.param(
            STRANGER,
            None,
            known(""),
            answered(200, None),
            Verdict.INTRUDER,
            id="no certificate, and admitted without an identity",
        ),
        pytest.param(STRANGER, ASKED, SHUT, NO_CERTIFICATE, Verdict.INCONCLUSIVE, id="asked, with nothing imported"),
        pytest.param(
            STRANGER, None, SHUT, NO_CERTIFICATE + answered(200, None), Verdict.INCONCLUSIVE, id="shut, yet served"
        ),
        pytest.param(
            OK,
            ASKED,
            known(ANNA),
            answered(200, ANNA),
            Verdict.AS_EXPECTED,
            id="admitted, and both show its serial number",
        ),
        pytest.param(OK, ASKED, known(ANNA), answered(200, BERT), Verdict.INCONCLUSIVE, id="they name different ones"),
        pytest.param(OK, ASKED, known(ANNA), "", Verdict.INCONCLUSIVE, id="in, and httpd knows nothing of it"),
        pytest.param(OK, None, known(ANNA), answered(200, ANNA), Verdict.INCONCLUSIVE, id="in, but never asked"),
        pytest.param(OK, ASKED, SHUT, NO_CERTIFICATE, Verdict.LOCKED_OUT, id="locked out"),
        pytest.param(CANCEL, ASKED, SHUT, NO_CERTIFICATE, Verdict.AS_EXPECTED, id="cancelled, and shut"),
        pytest.param(CANCEL, None, SHUT, NO_CERTIFICATE, Verdict.INCONCLUSIVE, id="shut, but the dialog was not seen"),
        pytest.param(CANCEL, ASKED, known(ANNA), answered(200, ANNA), Verdict.INTRUDER, id="cancelled, and admitted"),
        pytest.param(CANCEL, ASKED, SHUT, REVOKED, Verdict.OTHERWISE, id="shut for another reason"),
        pytest.param(OK, ASKED, SHUT, REVOKED, Verdict.LOCKED_OUT, id="revoked"),
        pytest.param(TWO, ASKED_OF_TWO, known(ANNA), answered(200, ANNA), Verdict.AS_EXPECTED, id="the chosen one"),
        pytest.param(TWO, ASKED_OF_TWO, known(BERT), answered(200, BERT), Verdict.INTRUDER, id="the other one"),
        pytest.param(TWO, ASKED, known(ANNA), answered(200, ANNA), Verdict.INCONCLUSIVE, id="only one was offered"),
        pytest.param(WELCOMED, None, WELCOME, answered(403, None), Verdict.AS_EXPECTED, id="with a reason"),
        pytest.param(WELCOMED, None, SHUT, NO_CERTIFICATE, Verdict.OTHERWISE, id="refused in the handshake instead"),
        pytest.param(WELCOMED, None, WELCOME, answered(200, None), Verdict.INCONCLUSIVE, id="a reason, but served"),
    ],
)
def test_a_visit_is_judged_by_screen_and_log(
    scene: Scene, dialog: Dialog | None, page: Page, log: str, verdict: Verdict
) -> None:
    assert judge(scene, SERIALS, Evidence(dialog, page, log))[0] is verdict


def test_a_scene_that_expects_another_one_is_not_satisfied() -> None:
    evidence = Evidence(ASKED_OF_TWO, known(ANNA), answered(200, ANNA))
    assert evidence.outcome is Outcome.ADMITTED
    assert judge(replace(TWO, chooses="bert"), SERIALS, evidence)[0] is Verdict.INTRUDER


def element(role: str, name: str = "", *elements: str, states: str = "[]") -> str:
    inside = ", ".join(elements)
    return f'{{"role": "{role}", "name": "{name}", "text": "", "states": {states}, "elements": [{inside}]}}'


def test_chromiums_dialog_is_read_row_by_row() -> None:
    cells = [element("table cell", name) for name in ("anna", "Demo authority", "00AB12")]
    focused = element("table cell", "bert", states='["focused"]')
    rows = element("table row", "", *cells), element("table row", "", focused, cells[1], element("table cell", "CD34"))
    screen = read(f"[{element('frame', 'Chromium', element('dialog', 'Select a certificate', *rows))}]")
    assert screen.dialog == Dialog((Offer("anna", "AB12"), Offer("bert", "CD34")), Offer("bert", "CD34"))


@pytest.mark.parametrize("role", ["dialog", "panel"])
def test_firefoxs_dialog_is_read_from_its_list(role: str) -> None:
    items = element("menu item", "anna [00:AB:12]", states='["selected"]'), element("menu item", "bert [CD:34]")
    screen = read(f"[{element('frame', 'Firefox', element(role, 'User Identification Request', *items))}]")
    assert screen.dialog == Dialog((Offer("anna", "AB12"), Offer("bert", "CD34")), Offer("anna", "AB12"))


def test_a_heading_with_the_dialogs_name_is_no_dialog() -> None:
    screen = read(f"[{element('frame', 'Chromium', element('heading', 'Select a certificate'))}]")
    assert (screen.dialog, screen.page) == (None, None)
