"""How is a visit made: the site opened, the dialog answered, and everything written down?"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import Encoding

from harness.demo.accessibility_tree import Dialog, Page, Screen
from harness.demo.browser import BrowserSession
from harness.demo.clients import Clients, hidden
from harness.demo.evidence import Evidence
from harness.demo.scene import REFERENCE, Scene, judge
from harness.engine import ServerError
from harness.engine.reference import PORT, ReferenceContainer
from harness.outcome import Verdict
from harness.pki import Authority

URL = f"https://localhost:{PORT}/"
_READY = b"resuming normal operations"
_SETTLE = 10
"""Seconds that screen and log are given until they agree."""
_EMPTY_TABS = ("", "New Tab", "Untitled", f"localhost:{PORT}")

Tell = Callable[[str], None]
"""Called with a sentence for each step, while it happens."""


@dataclass(frozen=True)
class Picture:
    """The screen at one moment: PNG, and what is to be seen on it."""

    caption: str
    png: bytes = field(repr=False)


@dataclass(frozen=True)
class Visit:
    """A finished visit. `words` say in a line why the verdict is what it is."""

    scene: Scene
    evidence: Evidence
    verdict: Verdict
    words: str
    pictures: tuple[Picture, ...]


@dataclass
class Site:
    """The reference deployment as it is visited from a desk."""

    reference: ReferenceContainer
    session: BrowserSession
    clients: Clients
    server_root: Authority = field(default_factory=lambda: Authority.root(subject="The site's own authority"))

    @property
    def authority(self) -> bytes:
        """What a browser must trust so that it trusts the site (PEM)."""
        return self.server_root.certificate.public_bytes(Encoding.PEM)

    @contextmanager
    def running(self, configuration: str = REFERENCE) -> Iterator[Callable[[], str]]:
        """Run httpd; yields how to read its log.

        Raises:
            ServerError: it did not start; the message holds its log's last words.
        """
        identity = self.server_root.server(subject="localhost", names=("localhost",))
        files = {
            "pki/server.crt": identity.certificate_pem(),
            "pki/server.key": identity.key_pem(),
            "pki/ca.crt": self.clients.authorities,
            "pki/crl.pem": self.clients.crls,
        }
        options = ("-f", configuration, "-c", "LogLevel warn ssl:debug")
        container = self.reference.container(*options, network=self.session.network)
        try:
            self.reference.put(files, container)
            container.start()
            while _READY not in container.logs():
                container.reload()
                if container.status == "exited":
                    words = container.logs(tail=8).decode(errors="replace")
                    raise ServerError(f"httpd did not start. Its last words:\n{words}")
                time.sleep(0.02)
            yield lambda: container.logs().decode(errors="replace")
        finally:
            container.remove(force=True)


def visit(site: Site, scene: Scene, read_log: Callable[[], str], tell: Tell) -> Visit:
    """Make one visit with a browser that was never used before.

    Raises:
        ServerError: the browser did not show what a person would have to see; that is no verdict.
    """
    session, clients, pictures = site.session, site.clients, list[Picture]()
    before = len(read_log())
    tell(f"{session.name} opens {URL}" + "".join(f", with {name}.pfx imported" for name in scene.visitors))
    imported = {name: clients.pfx[name] for name in scene.visitors}
    session.open(URL, site.authority, imported, clients.password)
    dialog = None
    shown = session.wait("the dialog or a page", _dialog_or_page)
    if isinstance(shown, Dialog):
        dialog = shown
        tell("it asks: " + ", ".join(f"{offer.subject} (serial number {offer.serial})" for offer in dialog.offers))
        if scene.chooses:
            dialog = _choose(session, dialog, clients.serials[scene.chooses])
        pictures.append(Picture(f"The browser asks which certificate to send: {_chosen(scene)}", session.picture()))
        tell(_chosen(scene))
        session.press("Return" if scene.chooses else "Escape")
        shown = session.wait("a page", _page)
    assert isinstance(shown, Page)
    evidence = _settled(dialog, shown, session, lambda: read_log()[before:])
    verdict, words = judge(scene, clients.serials, evidence)
    if verdict is Verdict.LOCKED_OUT and not dialog:
        words = " ".join([words, *filter(None, (hidden(clients, name) for name in scene.visitors))])
    pictures.append(Picture(f"What is shown then: {evidence.browsers_words or evidence.page.title}", session.picture()))
    session.close()
    tell(f"{verdict}: {words}")
    return Visit(scene, evidence, verdict, words, tuple(pictures))


def _choose(session: BrowserSession, dialog: Dialog, serial: str) -> Dialog:
    """Move to an offer as a person does, and see that the dialog has it chosen."""
    offered = [offer.serial for offer in dialog.offers]
    if dialog.chosen is None or serial not in offered:
        return dialog
    steps = offered.index(serial) - offered.index(dialog.chosen.serial)
    if steps:
        session.press(*["Down" if steps > 0 else "Up"] * abs(steps))
    return session.wait(f"that the certificate {serial} is chosen", lambda screen: _with(screen.dialog, serial))


def _chosen(scene: Scene) -> str:
    return f"{scene.chooses} is chosen, and OK pressed" if scene.chooses else "Cancel is pressed"


def _with(dialog: Dialog | None, serial: str) -> Dialog | None:
    return dialog if dialog and dialog.chosen and dialog.chosen.serial == serial else None


def _dialog_or_page(screen: Screen) -> Dialog | Page | None:
    """The dialog, once it is filled: without anything to offer no browser asks."""
    return screen.dialog if screen.dialog and screen.dialog.offers else _page(screen)


def _page(screen: Screen) -> Page | None:
    """The page, once nothing is asked any more. An empty tab is none."""
    page = screen.page
    return page if page and not screen.dialog and page.title not in _EMPTY_TABS else None


def _settled(dialog: Dialog | None, page: Page, session: BrowserSession, read_log: Callable[[], str]) -> Evidence:
    """Look until screen and log agree: a page takes a moment to be read in full, and the log to be written."""
    deadline = time.monotonic() + _SETTLE
    while True:
        evidence = Evidence(dialog, page, read_log())
        if evidence.conclusive or time.monotonic() > deadline:
            return evidence
        time.sleep(0.1)
        page = _page(session.screen()) or page
