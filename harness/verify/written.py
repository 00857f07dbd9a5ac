"""What may a client write into its request that a rule asks for: headers, a query, a method, a path with dots?

Nobody who only has a request to write proves anything by it.
"""

import re
from collections.abc import Iterator
from typing import Any

from harness.server.conditions import OPERATORS, as_expression
from harness.server.configuration import Directive
from harness.server.expressions import search, texts
from harness.server.guard import Guard
from harness.server.sections import matching
from harness.verify.rules import by_address, networks

_NOT_WRITTEN = {"remote_addr", "remote_host", "server_addr", "request_method", "request_protocol", "request_uri"}
"""What SetEnvIf looks at and no header is."""
_VARIABLE = r"%\{(?P<variable>HTTP_[A-Z_]+|(?:HTTP|req|req_novary):[\w-]+|QUERY_STRING|THE_REQUEST|REQUEST_METHOD)\}"
_FUNCTION = r"(?:req|http|req_novary)\(\s*['\"](?P<function>[\w-]+)['\"]\s*\)"
_ASKED = re.compile(rf"(?:{_VARIABLE}|{_FUNCTION})\s*{OPERATORS}")
_THERE = re.compile(rf"-[nT]\s*(?:{_VARIABLE}|{_FUNCTION})")
_LIST = re.compile(rf"(?:{_VARIABLE}|{_FUNCTION})\s*-?in\s*\{{\s*['\"](?P<text>[^'\"]*)['\"]")
_ANYTHING = "1"
_READING = {"GET", "HEAD", "OPTIONS"}
"""The methods by which nothing is changed: who asks for these is let in on purpose."""
_BY_VARIABLE = {"QUERY_STRING": "?", "THE_REQUEST": "request", "REQUEST_METHOD": "method"}


def written(guard: Guard, name: str) -> list[tuple[Directive, dict[str, Any]]]:
    """List what a client may write, each as the changes that make a `Client` do it, with the line that asks for it.

    The `name` of a site is the same to httpd with a port or a dot after it (RFC 9110 section 7.2, RFC 1034 section
    3.1); to who compares texts it is not.
    """
    found = [(entry, change) for entry in guard.said for change in _asked(entry)]
    found += [(entry, {"host": f"{name}{end}"}) for entry, change in found if "host" in change for end in (":443", ".")]
    # Unless UseCanonicalPhysicalPort is on, the port is the one that the client names in its Host header.
    of_ports = (entry for entry in guard.said if "%{SERVER_PORT}" in entry.arguments)
    found += [(entry, {"host": f"{name}{end}"}) for entry in of_ports for end in (":81", ":443")]
    for entry in guard.said:
        if entry.name.lower() == "remoteipheader" and entry.words():
            addresses = (network[0] for rule in by_address(guard) for network in networks(rule))
            found += [(entry, {"headers": ((entry.words()[0], str(address)),)}) for address in addresses]
    changes = [change for _, change in found]
    return [one for number, one in enumerate(found) if one[1] not in changes[:number]]


def _asked(entry: Directive) -> Iterator[dict[str, Any]]:
    name, words = entry.name.lower(), [*entry.words(), "", ""]
    if name in {"setenvif", "setenvifnocase"}:
        if words[0].lower() == "request_uri":
            yield from _around(words[1])
        elif words[0].lower() not in _NOT_WRITTEN:
            yield from _as(words[0], _example(words[1]))
    elif name in {"browsermatch", "browsermatchnocase"}:
        yield from _as("User-Agent", _example(words[0]))
    elif name == "rewritecond":
        variable = re.fullmatch(_VARIABLE, words[0])
        pattern = words[1].removeprefix("!")
        if variable and not re.match(r"[<>-]", pattern):
            yield from _as(_header(variable["variable"]), pattern[1:] if pattern.startswith("=") else _example(pattern))
    elif name == "limitexcept" or (name == "require" and words[0].lower() == "method"):
        for method in words:
            yield from _as("method", method.upper())
    elif name in {"if", "elseif", "require", "sslrequire", "setenvifexpr"}:
        yield from _of_expression(entry.expression)


def _of_expression(text: str) -> Iterator[dict[str, Any]]:
    found = [(asked, _example(as_expression(asked))) for asked in _ASKED.finditer(text)]
    found += [(asked, asked["text"]) for asked in _LIST.finditer(text)]
    found += [(asked, _ANYTHING) for asked in _THERE.finditer(text)]
    for asked, value in found:
        yield from _as(_header(asked["variable"] or asked["function"]), value)


def _header(variable: str) -> str:
    """The name of a header by that of its variable; "?" for the query, "request" and "method" for these."""
    if variable in _BY_VARIABLE:
        return _BY_VARIABLE[variable]
    if ":" in variable:
        return variable.partition(":")[2]
    return variable.removeprefix("HTTP_").replace("_", "-").title()


def _as(header: str, value: str | None) -> Iterator[dict[str, Any]]:
    if value is None or header.lower() == "authorization":
        return
    if header == "?":
        yield {"query": value}
    elif header == "request":
        yield from _in_request(value)
    elif header == "method":
        if re.fullmatch("[A-Z]+", value) and value not in _READING:
            yield {"method": value}
    elif header.lower() == "host":
        yield {"host": value}
    else:
        yield {"headers": ((header, value),)}


def _in_request(text: str) -> Iterator[dict[str, Any]]:
    """The request line is as the client wrote it: with dots in its path, and with a query."""
    if found := re.fullmatch(r"[A-Z]+ (/[\w./-]+)( .*)?", text):
        yield from _around(found[1])
    elif " " not in text:
        yield {"query": text}


def _around(expression: str) -> Iterator[dict[str, Any]]:
    """mod_setenvif sees the path before httpd has taken the dots out of it."""
    example = matching(expression)
    if example and example.startswith("/") and example != "/":
        parts = example.strip("/").split("/")
        yield {"via": "/".join(["", *parts, *[".."] * len(parts)])}


def _example(expression: str) -> str | None:
    """Make a value that an expression matches; None where none is found that can be written."""
    return next(
        (text for text in texts(expression) if re.fullmatch(r"[ -~]*", text) and search(expression, text)), None
    )
