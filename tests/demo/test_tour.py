"""The tour with real browsers at the real deployment: dialogs, pages, and httpd's log."""

import base64
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.demo import Tour, tour
from harness.demo.browser import Name, browser_session
from harness.demo.clients import made_up
from harness.demo.page import render
from harness.demo.scene import CANCEL, OK, SCENES, STRANGER, TWO, Scene
from harness.demo.visit import URL, Site, Tell, visit
from harness.engine import ServerError, image
from harness.engine.client import LABEL, engine, owned, owner
from harness.engine.reference import reference_container
from harness.outcome import Outcome, Verdict
from harness.pki import Authority
from harness.verify import REFERENCE
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


def silently(_number: int, _scene: Scene) -> Tell:
    return lambda _words: None


OTHERS: set[str] = set()


@pytest.fixture(scope="module", autouse=True)
def others() -> None:
    """Other tests of this process may have servers of their own."""
    OTHERS.update(left_behind())


def left_behind() -> list[str]:
    """What carries the label of this process, and was not there before."""
    mine = owner().rpartition(":")[0]
    parts = engine().containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
    return [part.name or "" for part in parts if part.labels[LABEL].startswith(mine) and part.name not in OTHERS]


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def seen(request: pytest.FixtureRequest) -> Tour:
    name: Name = request.param
    return tour(name, silently)


def test_every_visit_ends_as_it_must(seen: Tour) -> None:
    assert [
        (visit.scene.title, visit.verdict, visit.words) for visit in seen.visits if visit.verdict != "as-expected"
    ] == []
    assert (seen.verdict, len(seen.visits)) == ("pass", len(SCENES))
    assert left_behind() == []


def test_the_dialog_offers_what_was_imported_and_nothing_else(seen: Tour) -> None:
    dialogs = {visit.scene.title: visit.evidence.dialog for visit in seen.visits}
    assert dialogs[STRANGER.title] is None
    for scene in (OK, CANCEL, TWO):
        dialog = dialogs[scene.title]
        assert dialog is not None
        assert {offer.subject for offer in dialog.offers} == set(scene.visitors)


def test_the_page_holds_the_pictures_of_this_very_run(seen: Tour) -> None:
    page = render(seen)
    shown = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    assert shown == [picture.png for visit in seen.visits for picture in visit.pictures]
    assert len(shown) == len(SCENES) + 3
    assert {png[:8] for png in shown} == {b"\x89PNG\r\n\x1a\n"}
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "nothing is loaded from elsewhere"
    assert all(visit.scene.title in page for visit in seen.visits)


def test_of_two_certificates_either_can_be_chosen() -> None:
    either = (TWO, replace(TWO, chooses="bert"))
    made = made_up()
    found = tour("chromium", silently, clients=made, scenes=either)
    assert [visit.evidence.identity for visit in found.visits] == [made.serials["anna"], made.serials["bert"]]
    assert found.verdict == "pass"


def test_a_certificate_of_another_authority_is_hidden_and_the_words_say_why() -> None:
    others = Authority.root(subject="Someone else")
    certificate, crl = (entry.public_bytes(Encoding.PEM) for entry in (others.certificate, others.crl()))
    found = tour("chromium", silently, clients=replace(made_up(), authorities=certificate, crls=crl), scenes=[OK])
    (visit,) = found.visits
    assert (visit.evidence.dialog, visit.evidence.outcome) == (None, Outcome.REFUSED_IN_HANDSHAKE)
    assert (visit.verdict, found.verdict) == (Verdict.LOCKED_OUT, "fail")
    assert "The browser hides anna: its issuer is CN=Demo authority" in visit.words
    assert "CN=Someone else" in visit.words


def test_a_site_that_admits_an_unauthenticated_client_is_caught() -> None:
    text = (REFERENCE.configuration / "httpd.conf").read_text()
    with reference_container(image("httpd")) as on, browser_session(on.label) as at:
        weak = text.replace("SSLVerifyClient require", "SSLVerifyClient none").encode()
        on.put({"conf/weak.conf": weak}, on.container())
        site = Site(on, at, made_up())
        with site.running("/etc/httpd/conf/weak.conf") as read_log:
            found = visit(site, STRANGER, read_log, lambda _words: None)
    assert (found.evidence.outcome, found.verdict) == (Outcome.ADMITTED, Verdict.INTRUDER)


def test_the_identity_page_is_used_with_the_keyboard_alone() -> None:
    with reference_container(image("httpd")) as on, browser_session(on.label) as at:
        site = Site(on, at, made_up())
        with site.running():
            at.open(URL, site.authority, site.clients.pfx, site.clients.password)
            at.wait("the dialog", lambda screen: screen.dialog)
            at.press("Return")
            at.wait("the identity page", lambda screen: screen.page and "Certificate verified" in screen.page.text)
            at.press("End")  # Only what is in the window counts as shown.
            at.wait("the end of the page", lambda screen: screen.page and "The same as JSON" in screen.page.text)
            at.press("Tab", "Return")
            at.wait("the same as JSON", lambda screen: screen.page and '"subject": "CN=' in screen.page.text)


def test_without_memory_for_a_browser_there_is_no_verdict() -> None:
    with pytest.raises(ServerError, match="Out of memory"):
        tour("chromium", silently, scenes=[STRANGER], memory=64 << 20)
    assert left_behind() == []


def test_without_a_display_there_is_no_verdict() -> None:
    with owned() as label, browser_session(label) as at:
        at.open("https://localhost:8443/", made_up().authorities, {}, "none")
        at.container.exec_run(["pkill", "-KILL", "Xvnc"])
        at.container.wait(timeout=PATIENCE)
        with pytest.raises(ServerError, match=r"container has stopped(.|\n)*The virtual display has ended"):
            at.wait("a page", lambda _screen: None)
    assert left_behind() == []


def test_a_file_that_nss_refuses_is_named() -> None:
    with owned() as label, browser_session(label) as at:
        at.open("https://localhost:8443/", made_up().authorities, {"anna": made_up().pfx["anna"]}, "wrong")
        with pytest.raises(ServerError, match=r"has ended(.|\n)*SEC_ERROR_BAD_PASSWORD"):
            at.wait("a page", lambda _screen: None)


def test_a_port_in_use_is_named() -> None:
    with owned() as label, browser_session(label, watch=0) as first:
        port = int(re.findall(r":(\d+)/", first.address)[0])
        with (
            pytest.raises(ServerError, match=f"Port {port} of 127.0.0.1 is taken"),
            browser_session(label, watch=port),
        ):
            pass
    assert left_behind() == []
