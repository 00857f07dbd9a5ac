"""How is a directive taken out of the copy so that httpd's dump still shows it in its place?

A directive of httpd's own that decides nothing stands on its line, and holds its text.
"""

import re

MARK = "mtls-harness-withdrawn-"
"""Begins the name of the environment variable that holds a directive which was taken out. No request can set it."""


def withdrawn_line(text: str) -> str:
    """The line that stands in the copy in place of a directive.

    A Require becomes one that never grants (an environment variable that nothing sets), since no other directive is
    allowed in its place.
    """
    hidden = text.strip().encode().hex()
    if re.match(r"Require\s", text.strip(), re.IGNORECASE):
        return f"Require env {MARK}{hidden}"
    return f"SetEnv {MARK}{hidden} -"


def restored(name: str, arguments: str) -> tuple[str, str] | None:
    """The name and arguments of a directive that was taken out, by those in the dump; None for any other one."""
    found = re.search(rf"{MARK}([0-9a-f]+)", arguments) if name in {"SetEnv", "Require"} else None
    if not found:
        return None
    text = bytes.fromhex(found[1]).decode()
    first, _, rest = text.partition(" ")
    return first.lstrip("<"), rest.strip().removesuffix(">") if first.startswith("<") else rest.strip()


def directive_at(content: bytes, line: int) -> tuple[str, int]:
    """The text of the directive that ends at a line (from 1), as httpd counts it, and its first line: a backslash at
    the end of a line continues it."""
    lines = content.decode(errors="surrogateescape").split("\n")
    last = min(line, len(lines)) - 1
    while last < len(lines) - 1 and lines[last].rstrip("\r").endswith("\\"):
        last += 1
    first = last
    while first > 0 and lines[first - 1].rstrip("\r").endswith("\\"):
        first -= 1
    parts = [part.rstrip("\r").removesuffix("\\") for part in lines[first : last + 1]]
    return " ".join(part.strip() for part in parts), first + 1


def withdraw(content: bytes, line: int, instead: str | None = None) -> bytes:
    """Take the directive at a line out of a file; of a section, all to its end. `instead` is what stands there then,
    else `withdrawn_line`. Every other directive keeps its line."""
    text, first = directive_at(content, line)
    lines = content.decode(errors="surrogateescape").split("\n")
    last = first - 1
    while last < len(lines) - 1 and lines[last].rstrip("\r").endswith("\\"):
        last += 1
    new = withdrawn_line(text) if instead is None else instead
    if section := re.match(r"<(\w+)", text):
        ends = re.compile(rf"\s*</{section[1]}>", re.IGNORECASE)
        last = next((number for number in range(last, len(lines)) if ends.match(lines[number])), last)
        lines[first - 1 : last + 1] = [new, *[""] * (last + 1 - first)]
    else:
        lines[first - 1 : last + 1] = [*[""] * (last + 1 - first), new]
    return "\n".join(lines).encode(errors="surrogateescape")
