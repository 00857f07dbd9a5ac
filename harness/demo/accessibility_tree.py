"""What does a browser's screen show, as a screen reader reads it?"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

_DIALOGS = ("Select a certificate", "User Identification Request")
"""The certificate dialog's name in Chromium and in Firefox."""
_FIREFOX_OFFER = re.compile(r"(?P<subject>.*) \[(?P<serial>[0-9A-F:]+)\]")


@dataclass(frozen=True)
class Element:
    """One element of the screen, with the elements inside it."""

    role: str
    name: str
    text: str
    states: frozenset[str]
    elements: tuple["Element", ...]

    @classmethod
    def from_entry(cls, entry: dict[str, Any]) -> Self:
        """Read an entry of `look`'s output."""
        elements = tuple(cls.from_entry(inner) for inner in entry["elements"])
        return cls(entry["role"], entry["name"], entry["text"], frozenset(entry["states"]), elements)

    def all(self, role: str | None = None) -> Iterator["Element"]:
        """Yield the element and all elements inside it, or those with this role."""
        if role in (None, self.role):
            yield self
        for element in self.elements:
            yield from element.all(role)

    def words(self) -> str:
        """The text of the element, one piece per line."""
        leaves = (leaf.name or leaf.text for leaf in self.all() if not leaf.elements)
        return "\n".join(words.strip() for words in leaves if words.strip(" \n￼"))


@dataclass(frozen=True)
class Offer:
    """A certificate in the browser's dialog; its serial number in upper-case hex."""

    subject: str
    serial: str


@dataclass(frozen=True)
class Dialog:
    """The certificate dialog. `chosen` is the certificate that OK sends."""

    offers: tuple[Offer, ...]
    chosen: Offer | None


@dataclass(frozen=True)
class Page:
    """The content of a tab: a site's page, or the browser's error page."""

    title: str
    text: str


@dataclass(frozen=True)
class Screen:
    """All windows."""

    windows: tuple[Element, ...]

    @property
    def dialog(self) -> Dialog | None:
        """The certificate dialog, if it is open."""
        # In Firefox it is sometimes a dialog, sometimes a panel.
        elements = (element for window in self.windows for element in window.all())
        dialogs = (found for found in elements if found.role in ("dialog", "panel") and found.name in _DIALOGS)
        return next((_dialog(element) for element in dialogs), None)

    @property
    def page(self) -> Page | None:
        """The tab's page, if there is one."""
        documents = (document for window in self.windows if window.name for document in window.all("document web"))
        pages = (Page(document.name, document.words()) for document in documents)
        return next((page for page in pages if page.text), None)


def read(text: str) -> Screen:
    """Read the output of `look`.

    Raises:
        ValueError: the text is not such output.
    """
    return Screen(tuple(Element.from_entry(entry) for entry in json.loads(text)))


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
    """The serial number in httpd's form: without the leading byte of a positive integer (X.690 section 8.3)."""
    return text.replace(":", "").removeprefix("00")
