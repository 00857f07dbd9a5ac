"""How is a visit made: the site opened, the dialog answered, the evidence kept?"""

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
from harness.httpd.log_line import FORMAT
from harness.outcome import Verdict
from harness.pki import Authority

URL = f"https://localhost:{PORT}/"
_READY = b"resuming normal operations"
_SETTLE = 10
"""Seconds until screen and log must agree."""
_EMPTY_TABS = ("", "New Tab", "Untitled", f"localhost:{PORT}")

Tell = Callable[[str], None]
"""Called with a sentence for each step."""


@dataclass(frozen=True)
class Picture:
    """The screen at one moment: PNG, and its caption."""

    caption: str
    png: bytes = field(repr=False)


@dataclass(frozen=True)
class Visit:
    """A finished visit. `words` is the reason for the verdict, in one line."""

    scene: Scene
    evidence: Evidence
    verdict: Verdict
    words: str
    pictures: tuple[Picture, ...]


@dataclass
class Site:
    """The reference deployment in the network of a browser."""

    reference: ReferenceContainer
    session: BrowserSession
    clients: Clients
    server_root: Authority = field(default_factory=lambda: Authority.root(subject="Server authority"))

    @property
    def authority(self) -> bytes:
        """The authority of the server's certificate (PEM)."""
        return self.server_root.certificate.public_bytes(Encoding.PEM)

    @contextmanager
    def running(self, configuration: str = REFERENCE) -> Iterator[Callable[[], str]]:
        """Run httpd; yields a function that reads its log.

        Raises:
            ServerError: it did not start; the message contains the end of its log.
        """
        identity = self.server_root.server(subject="localhost", names=("localhost",))
        files = {
            "pki/server.crt": identity.certificate_pem(),
            "pki/server.key": identity.key_pem(),
            "pki/ca.crt": self.clients.authorities,
            "pki/crl.pem": self.clients.crls,
        }
        options = ("-f", configuration, "-c", "LogLevel warn ssl:debug", "-c", f'ErrorLogFormat "{FORMAT}"')
        container = self.reference.container(*options, network=self.session.network)
        try:
            self.reference.put(files, container)
            container.start()
            while _READY not in container.logs():
                container.reload()
                if container.status == "exited":
                    words = container.logs(tail=8).decode(errors="replace")
                    raise ServerError(f"httpd did not start. End of its log:\n{words}")
                time.sleep(0.02)
            yield lambda: container.logs().decode(errors="replace")
        finally:
            container.remove(force=True)


def visit(site: Site, scene: Scene, read_log: Callable[[], str], tell: Tell) -> Visit:
    """Make one visit with a new browser profile.

    Raises:
        ServerError: the browser did not show the expected content. Then there is no verdict.
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
        tell(
            "its dialog offers: "
            + ", ".join(f"{offer.subject} (serial number {offer.serial})" for offer in dialog.offers)
        )
        if scene.chooses:
            dialog = _choose(session, dialog, clients.serials[scene.chooses])
        pictures.append(Picture(f"The certificate dialog: {_chosen(scene)}", session.picture()))
        tell(_chosen(scene))
        session.press("Return" if scene.chooses else "Escape")
        shown = session.wait("a page", _page)
    assert isinstance(shown, Page)
    evidence = _settled(dialog, shown, session, lambda: read_log()[before:])
    verdict, words = judge(scene, clients.serials, evidence)
    if verdict is Verdict.LOCKED_OUT and not dialog:
        words = " ".join([words, *filter(None, (hidden(clients, name) for name in scene.visitors))])
    pictures.append(Picture(f"Then: {evidence.browsers_words or evidence.page.title}", session.picture()))
    session.close()
    tell(f"{verdict}: {words}")
    return Visit(scene, evidence, verdict, words, tuple(pictures))


def _choose(session: BrowserSession, dialog: Dialog, serial: str) -> Dialog:
    """Select a certificate with the arrow keys, and wait until the dialog shows it as selected."""
    offered = [offer.serial for offer in dialog.offers]
    if dialog.chosen is None or serial not in offered:
        return dialog
    steps = offered.index(serial) - offered.index(dialog.chosen.serial)
    if steps:
        session.press(*["Down" if steps > 0 else "Up"] * abs(steps))
    return session.wait(f"the certificate {serial} as selected", lambda screen: _with(screen.dialog, serial))


def _chosen(scene: Scene) -> str:
    return f"{scene.chooses} is chosen, and OK pressed" if scene.chooses else "Cancel is pressed"


def _with(dialog: Dialog | None, serial: str) -> Dialog | None:
    return dialog if dialog and dialog.chosen and dialog.chosen.serial == serial else None


def _dialog_or_page(screen: Screen) -> Dialog | Page | None:
    """The dialog, once it is filled: without a matching certificate, browsers open none."""
    return screen.dialog if screen.dialog and screen.dialog.offers else _page(screen)


def _page(screen: Screen) -> Page | None:
    """The page, once no dialog is open. An empty tab is not a page."""
    page = screen.page
    return page if page and not screen.dialog and page.title not in _EMPTY_TABS else None


def _settled(dialog: Dialog | None, page: Page, session: BrowserSession, read_log: Callable[[], str]) -> Evidence:
    """Read screen and log until they agree: page and log take a moment."""
    deadline = time.monotonic() + _SETTLE
    while True:
        evidence = Evidence(dialog, page, read_log())
        if evidence.conclusive or time.monotonic() > deadline:
            return evidence
        time.sleep(0.1)
        page = _page(session.screen()) or page
