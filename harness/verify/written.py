"""What may a client write into its request that a rule asks for: headers, a query, a method, a path with dots?

Nobody who only has a request to write proves anything by it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.httpd.conditions import OPERATORS, as_expression, cond_pattern, passes, split_by_variable
from harness.httpd.directive import Directive
from harness.httpd.guard import Guard
from harness.httpd.pcre import search, texts
from harness.httpd.site import Site
from harness.verify.rules import READING, block, by_address, denies, hinges_on, networks, turns_away, turns_down

Changes = dict[str, Any]
"""What makes a `Client` write something: its fields by their names."""
_Written = tuple[Directive, Changes]

_NOT_WRITTEN = {"remote_addr", "remote_host", "server_addr"}
"""What SetEnvIf looks at and nobody writes."""
_NAMED = (
    r"(?P<variable>HTTP_[A-Z_]+|(?:HTTP|req|req_novary|ENV|env|reqenv):[\w-]+"
    r"|QUERY_STRING|THE_REQUEST|REQUEST_METHOD|SERVER_PROTOCOL)"
)
_FUNCTION = r"(?P<kind>req|http|req_novary|env|reqenv)\(\s*['\"](?P<function>[\w-]+)['\"]\s*\)"
_TOLD = rf"(?:\w+\(\s*)?(?:%\{{{_NAMED}\}}|{_FUNCTION})(?:\s*\))?"
_ASKED = re.compile(rf"{_TOLD}\s*{OPERATORS}")
_TURNED = re.compile(rf"(?P<quote>['\"])(?P<text>(?:(?!(?P=quote)).)*)(?P=quote)\s*(?:==?|-eq)\s*{_TOLD}")
_THERE = re.compile(rf"-[nTz]\s*{_TOLD}")
_LIST = re.compile(rf"{_TOLD}\s*-?in\s*\{{\s*['\"](?P<text>[^'\"]*)['\"]")
_NETWORK = re.compile(rf"{_TOLD}\s*-ipmatch\s*['\"](?P<text>[^'\"]*)['\"]")
_NUMBER = re.compile(rf"{_TOLD}\s*-?(?P<than>ge|gt|le|lt)\s*['\"]?(?P<number>\d+)")
_STEP = {"gt": 1, "lt": -1}
_PORT = re.compile(r"%\{SERVER_PORT\}\W*(?:-?eq\W*)?(\d+)")
_ANYTHING = "1"
_ALWAYS = {"user-agent", "accept"}
"""What every client says: to a rule about it, it may be as good to say nothing."""
_BY_VARIABLE = {
    "query_string": "?",
    "the_request": "request",
    "request_method": "method",
    "request_protocol": "protocol",
    "request_uri": "path",
    "server_protocol": "protocol",
}
_COPIED = re.compile(r"\[(?:.*,)?E=(?P<name>\w+):%\{HTTP:(?P<header>[\w-]+)\}")


def written(site: Site) -> list[_Written]:
    """List what a client may write, each as the changes that make a `Client` do it, with the line that asks for it:
    one thing at a time, then together what one rule asks for, and last all of it.

    The name of a site is the same to httpd in capitals, with a port or with a dot after it (RFC 9110 section 7.2, RFC
    1034 section 3.1); to who compares texts it is not.
    """
    guard, name = site.guard, site.name
    copies = dict(_copies(guard))
    applications = "://" in site.content
    found: list[_Written] = []
    for entry in guard.directives:
        found += [(entry, change) for change in _asked(entry, copies, applications=applications)]
    others = (f"{name}:443", f"{name}.", name.upper())
    found = [(entry, change | _at_a_port(change, name)) for entry, change in found]
    found += [(entry, {"host": other}) for entry, change in found if "host" in change for other in others]
    # Unless UseCanonicalPhysicalPort is on, the port is the one that the client names in its Host header.
    of_ports = [entry for entry in guard.directives if "%{SERVER_PORT}" in entry.arguments]
    ports = [(entry, port) for entry in of_ports for port in (*_PORT.findall(entry.arguments), "81", "443")]
    found += [(entry, {"host": f"{name}:{port}"}) for entry, port in ports]
    for entry in guard.directives:
        if entry.name.lower() == "remoteipheader" and entry.words():
            addresses = (network[0] for rule in by_address(guard) for network in networks(rule))
            found += [(entry, {"headers": ((entry.words()[0], str(address)),)}) for address in addresses]
    rules = [[one for one in found if any(one[0] is part for part in whole)] for whole in _rules(guard)]
    found += [(parts[0][0], together(change for _, change in parts)) for parts in (*rules, found) if len(parts) > 1]
    changes = [change for _, change in found]
    return [one for number, one in enumerate(found) if one[1] not in changes[:number]]


def _at_a_port(change: Changes, name: str) -> Changes:
    """The name that a port belongs to, where a rule asks for the port alone."""
    return {"host": f"{name}{change['host']}"} if change.get("host", "").startswith(":") else {}


def customary(site: Site) -> Changes:
    """What whoever comes has to write, whatever his certificate: where a rule lets in nobody who does not."""
    guard = site.guard
    told: list[tuple[str | None, str]] = []
    for entry in guard.directives:
        if entry.name.lower() == "allowmethods":
            told += [("method", method.upper()) for method in entry.words()]
        elif _is_for_all(guard, entry):
            told += _told(entry, {})
    reads = ("method", "GET") in told
    writing = [
        change
        for header, value in told
        if header and not (header == "method" and reads)
        for change in _as(header, value)
    ]
    return together(change for change in writing if change.keys() <= {"headers", "method", "query"})


def _is_for_all(guard: Guard, entry: Directive) -> bool:
    """Whether a rule lets in nobody who does not write what it asks for."""
    if entry.name.lower() == "rewritecond":
        *conditions, rule = block(guard, entry)
        tests = [cond_pattern(one) for one in conditions]
        without = len(tests) == 1 and (not tests[0][1] or passes(tests[0], ""))
        return without and turns_down(rule)
    if turns_away(entry):
        return re.match(r"\s*-z\s*(%\{HTTP|req)", entry.expression) is not None
    return entry.name.lower() == "require" and hinges_on(guard, entry) and not denies(guard, entry)


def _rules(guard: Guard) -> Iterator[list[Directive]]:
    """Yield what is asked together: a directive, or the conditions of a RewriteRule."""
    for entry in guard.directives:
        yield block(guard, entry) if entry.name.lower() == "rewriterule" else [entry]


def together(parts: Iterable[Changes]) -> Changes:
    """Write several things at once; of two of one kind the first."""
    whole: Changes = {}
    headers: dict[str, tuple[str, str]] = {}
    queries: list[str] = []
    for part in parts:
        whole = part | whole
        for header in part.get("headers", ()):
            headers.setdefault(header[0].lower(), header)
        queries += [part["query"]] if "query" in part else []
    whole |= {"headers": tuple(headers.values())} if headers else {}
    return whole | ({"query": "&".join(queries)} if queries else {})


def _copies(guard: Guard) -> Iterator[tuple[str, str]]:
    """Yield the variables that hold what a header says, and the header's name."""
    for entry in guard.directives:
        words = entry.words()
        if entry.name.lower() in {"setenvif", "setenvifnocase"} and len(words) > 2:
            yield from ((word.partition("=")[0], words[0]) for word in words[2:] if "$" in word)
        elif found := _COPIED.search(entry.arguments):
            yield found["name"], found["header"]


def _asked(entry: Directive, copies: Mapping[str, str], *, applications: bool) -> Iterator[Changes]:
    for header, value in _told(entry, copies):
        # What an application makes of it is for that to say; a password is nothing that anybody can write.
        is_known = (header or "").lower() == "authorization" and (applications or value.startswith("Basic"))
        if header and not is_known:
            yield from _as(header, value)
        if header and header.lower() in _ALWAYS:
            yield {"headers": ((header, ""),)}


def _told(entry: Directive, copies: Mapping[str, str]) -> Iterable[tuple[str | None, str]]:
    """Name each part of a request that a directive asks for, with a value that it asks for."""
    name, words = entry.name.lower(), [*entry.words(), "", ""]
    if name in {"setenvif", "setenvifnocase"} and words[0].lower() not in _NOT_WRITTEN:
        return [(_BY_VARIABLE.get(words[0].lower(), words[0]), value) for value in _examples(words[1])]
    if name in {"browsermatch", "browsermatchnocase"}:
        return [("User-Agent", value) for value in _examples(words[0])]
    if name == "rewritecond":
        by_expression = words[0] == "expr"
        return _of_expression(words[1], copies) if by_expression else _of_condition(entry, words[0], copies)
    if name == "limitexcept" or (name == "require" and words[0].lower() == "method"):
        return [("method", method.upper()) for method in (words if name == "limitexcept" else words[1:])]
    asks = name in {"if", "elseif", "require", "sslrequire", "setenvifexpr"}
    return _of_expression(entry.expression, copies) if asks else ()


def _of_expression(text: str, copies: Mapping[str, str]) -> Iterator[tuple[str | None, str]]:
    found = [(asked, value) for asked in _ASKED.finditer(text) for value in _examples(as_expression(asked))]
    found += [(asked, asked["text"]) for form in (_LIST, _TURNED) for asked in form.finditer(text)]
    found += [(asked, _ANYTHING) for asked in _THERE.finditer(text)]
    for asked in _NETWORK.finditer(text):
        found += [(asked, str(network[0])) for network in networks(Directive("Require", asked["text"], "", 0))]
    found += [(asked, str(int(asked["number"]) + _STEP.get(asked["than"], 0))) for asked in _NUMBER.finditer(text)]
    for asked, value in found:
        yield _header(asked["variable"] or f"{asked['kind']}:{asked['function']}", copies), value


def _of_condition(condition: Directive, text: str, copies: Mapping[str, str]) -> Iterator[tuple[str | None, str]]:
    """Read what a RewriteCond asks of a text that is made of variables, and of nothing else that counts."""
    for value in _examples(cond_pattern(condition)[0]):
        parts = [
            (re.fullmatch(rf"%\{{{_NAMED}\}}", variable), part) for variable, part in split_by_variable(text, value)
        ]
        if all(one for one, _ in parts):
            yield from ((_header(one["variable"], copies), part) for one, part in parts if one)


def _header(variable: str, copies: Mapping[str, str]) -> str | None:
    """The name of a header by that of its variable; "?" for the query, and a word for each other part of a request.
    None where it is nobody's to write."""
    kind, _, name = variable.rpartition(":")
    if kind in {"ENV", "env", "reqenv"}:
        return copies.get(name)
    known = _BY_VARIABLE.get(variable.lower())
    return known or (name if kind else variable.removeprefix("HTTP_").replace("_", "-").title())


def _as(header: str, value: str) -> Iterator[Changes]:
    if header == "?":
        yield {"query": value}
    elif header == "request":
        yield from _in_request(value)
    elif header == "path":
        yield from _around(value)
    elif header == "method":
        if re.fullmatch("[A-Z]+", value) and value not in READING:
            yield {"method": value}
    elif header == "protocol":
        yield {"http": "HTTP/1.0"}
    elif header.lower() == "host":
        yield {"host": value}
    else:
        yield {"headers": ((header, value),)}


def _in_request(text: str) -> Iterator[Changes]:
    """The request line is as the client wrote it: with dots in its path, and with a query."""
    if "HTTP/1.0" in text:
        yield {"http": "HTTP/1.0"}
    if found := re.fullmatch(r"[A-Z]+ (/[\w./-]+)( .*)?", text):
        yield from _around(found[1])
    elif " " not in text:
        yield {"query": text}
        yield {"via": "/."}


def _around(path: str) -> Iterator[Changes]:
    """mod_setenvif sees the path before httpd has taken the dots out of it."""
    if re.fullmatch(r"/[\w.~/-]*\w/?", path):
        parts = path.strip("/").split("/")
        yield {"via": "/".join(["", *parts, *[".."] * len(parts)])}
    yield {"via": "/."}


def _examples(expression: str) -> list[str]:
    """Make a value that an expression matches, and where nothing at all is one, a value that it does not match; none
    where none is found that can be written."""
    made = (text for text in texts(expression) if re.fullmatch(r"[ -~]+", text) and search(expression, text))
    other = search(expression, "") and not search(expression, _ANYTHING)
    return [*[*made][:1], *([_ANYTHING] if other else [])]
