"""What stands on a browser's screen, as a screen reader would read it?"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

_DIALOGS = ("Select a certificate", "User Identification Request")
"""What Chromium and Firefox call the dialog in which they ask for a certificate."""
_FIREFOX_OFFER = re.compile(r"(?P<subject>.*) \[(?P<serial>[0-9A-F:]+)\]")


@dataclass(frozen=True)
class Element:
    """Something that is shown, and what is in it."""

    role: str
    name: str
    text: str
    states: frozenset[str]
    elements: tuple["Element", ...]

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """Read what `look` says of it."""
        elements = tuple(cls.of(entry) for entry in found["elements"])
        return cls(found["role"], found["name"], found["text"], frozenset(found["states"]), elements)

    def all(self, role: str | None = None) -> Iterator["Element"]:
        """It and every element in it, or those that have this role."""
        if role in (None, self.role):
            yield self
        for element in self.elements:
            yield from element.all(role)

    def words(self) -> str:
        """What can be read in it, a piece a line."""
        leaves = (leaf.name or leaf.text for leaf in self.all() if not leaf.elements)
        return "\n".join(words.strip() for words in leaves if words.strip(" \n￼"))


@dataclass(frozen=True)
class Offer:
    """A certificate that the browser offers; its serial number in upper-case hex."""

    subject: str
    serial: str


@dataclass(frozen=True)
class Dialog:
    """The browser's question which certificate to send. `chosen` is the one that OK would send."""

    offers: tuple[Offer, ...]
    chosen: Offer | None


@dataclass(frozen=True)
class Page:
    """What a tab shows: a site's page, or the browser's own message that there is none."""

    title: str
    text: str


@dataclass(frozen=True)
class Screen:
    """All windows."""

    windows: tuple[Element, ...]

    @property
    def dialog(self) -> Dialog | None:
        """The question which certificate to send, if it is asked."""
        # Firefox's is a dialog at one time, a panel at another.
        elements = (element for window in self.windows for element in window.all())
        dialogs = (found for found in elements if found.role in ("dialog", "panel") and found.name in _DIALOGS)
        return next((_dialog(element) for element in dialogs), None)

    @property
    def page(self) -> Page | None:
        """The page that the tab shows, if there is one."""
        documents = (document for window in self.windows if window.name for document in window.all("document web"))
        pages = (Page(document.name, document.words()) for document in documents)
        return next((page for page in pages if page.text), None)


def read(text: str) -> Screen:
    """Read what `look` wrote.

    Raises:
        ValueError: it is not that.
    """
    return Screen(tuple(Element.of(entry) for entry in json.loads(text)))


def _dialog(element: Element) -> Dialog:
    offers: list[Offer] = []
    chosen = None
    for row in element.all("table row"):
        cells = list(row.all("table cell"))
        if len(cells) == 3:
            offers.append(Offer(cells[0].name, _serial(cells[2].name)))
            if any("focused" in cell.states for cell in cells):
                chosen = offers[-1]
    for item in element.all("menu item"):
        if found := _FIREFOX_OFFER.fullmatch(item.name):
            offers.append(Offer(found["subject"], _serial(found["serial"])))
            if "selected" in item.states:
                chosen = offers[-1]
    return Dialog(tuple(offers), chosen)


def _serial(text: str) -> str:
    """As httpd writes it: without the byte that keeps a number from being negative (X.690 section 8.3)."""
    return text.replace(":", "").removeprefix("00")
