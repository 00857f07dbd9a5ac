"""Configurations written in a test, and their access decision."""

import re

from harness.httpd.authorization import Decision, Place, Section, decide
from harness.httpd.directive import Directive


def body(text: str) -> list[Directive]:
    """The directives of a text, sections and all."""
    stack: list[list[Directive]] = [[]]
    opened: list[tuple[str, str, int]] = []
    for number, line in enumerate((one.strip() for one in text.strip().splitlines()), 1):
        if found := re.fullmatch(r"<(\w+) ?(.*)>", line):
            opened.append((found[1], found[2], number))
            stack.append([])
        elif line.startswith("</"):
            name, arguments, at = opened.pop()
            inside = tuple(stack.pop())
            stack[-1].append(Directive(name, arguments, "f", at, inside))
        elif line:
            name, _, arguments = line.partition(" ")
            stack[-1].append(Directive(name, arguments, "f", number))
    return stack[0]


def decision(*sections: str, server: str = "", path: str = "/x", files: dict[str, bytes] | None = None) -> Decision:
    """The decision at a path that all these sections cover."""
    place = Place(
        path,
        [body(server)],
        lambda _url, _content: [Section(body(one), "location") for one in sections],
        lambda mapped: f"/var/www{mapped}",
        {"REQUEST_URI": path, "HTTPS": "on"},
        lambda name: (files or {}).get(name, b""),
    )
    return decide(place)
