"""How does a person operate the browser?"""

import time

from harness.demo.browser import Name, browser_session
from harness.demo.clients import Clients, made_up
from harness.demo.evidence import requests
from harness.demo.visit import URL, Site, Tell
from harness.engine import image, sweep
from harness.engine.reference import reference_container

_PAUSE = 0.5
"""Seconds between two looks at the log."""


def watch(browser: Name, tell: Tell, *, port: int = 0, clients: Clients | None = None) -> None:
    """Open the site in a browser that a person sees and controls from another one; report httpd's log until Ctrl-C.

    `port` of 127.0.0.1 serves the page with the browser's screen; 0 is any free port.

    Raises:
        ServerError: no engine, no image, the port is taken, or no display.
    """
    tag = image("httpd")
    sweep()
    with reference_container(tag) as on, browser_session(on.label, browser, watch=port) as at:
        site = Site(on, at, clients or made_up())
        with site.running() as read_log:
            tell(f"Open this in your browser: {at.address}")
            tell(f"You see {browser} at {URL}, with {', '.join(site.clients.pfx)} imported. Ctrl-C here ends it.")
            names = {serial: name for name, serial in site.clients.serials.items()}
            seen = 0
            while True:
                if not at.is_open():
                    at.open(URL, site.authority, site.clients.pfx, site.clients.password)
                found = requests(read_log())
                for status, serial in found[seen:]:
                    tell(
                        f"httpd: status {status} for {names.get(serial, 'a client')}, serial number {serial or 'none'}"
                    )
                seen = len(found)
                time.sleep(_PAUSE)
