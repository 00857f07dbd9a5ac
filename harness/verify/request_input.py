"""How does a witness become a request, and which values does httpd see in a request?"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from harness.httpd.formula import Values
from harness.httpd.site import Site
from harness.httpd.variables import BASIC_USER, RAW_PATH, USER_AGENT, Origin, Variable, header, variable
from harness.probe import Client

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST = header("host")
AUTHORIZATION = header("authorization")
_REQUEST_LINE = re.compile(r"(\S+) ([^? ]+)(?:\?(\S*))? (HTTP/1\.[01])")
_AUTHORITY = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?")
_USUAL = {header("user-agent"): USER_AGENT, header("accept"): "*/*"}


@dataclass(frozen=True)
class RequestInput:
    """The parts of a request that differ from the usual one, and the client's address; "" is the usual value."""

    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    method: str = ""
    host: str = ""
    http: str = ""
    via: str = ""
    address: str = ""
    user: str = ""

    def applied(self, client: Client) -> Client:
        """Let a client write it, unless its case has it write something else."""
        names = {name.lower() for name, _ in client.headers}
        further = tuple(one for one in self.headers if one[0].lower() not in names)
        return replace(
            client,
            headers=(*client.headers, *further),
            query="&".join(filter(None, (client.query, self.query))),
            method=self.method if self.method and client.method == "GET" else client.method,
            host=client.host or self.host or None,
            http=self.http or client.http,
            via=self.via or client.via,
            address=self.address or client.address,
            user=client.user or self.user or None,
        )

    def without_credentials(self) -> "RequestInput":
        """The same without a user's password."""
        return replace(self, user="")

    @property
    def is_usual(self) -> bool:
        """Whether nothing is written that other clients do not write."""
        return self == RequestInput(address=self.address)


USUAL = RequestInput()
"""A request in which nothing special is written."""


def usual_values(site: Site) -> Values:
    """The values of httpd's variables for a usual request."""
    return values_of(site, USUAL)


def values_of(site: Site, written: RequestInput) -> Values:
    """The values of httpd's variables for a request with these parts."""
    port = "" if site.port == (443 if site.tls else 80) else f":{site.port}"
    host = written.host or f"{site.name}{port}"
    if written.host and port and not re.search(r":\d+$", host):
        host += port
    name, _, number = host.partition(":")
    raw, query = f"{written.via}{site.path}", quote(written.query, "=&+/:")
    method, http = written.method or "GET", written.http or "HTTP/1.1"
    found: dict[Variable, str] = {
        **_USUAL,
        **{header(key): value for key, value in written.headers},
        _HOST: host,
        Variable(RAW_PATH, Origin.REQUEST): raw,
    }
    texts = {
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "SERVER_PROTOCOL": http,
        "THE_REQUEST": f"{method} {raw}{'?' + query if query else ''} {http}",
        # httpd compares names without case, and without a dot at the end.
        "SERVER_NAME": name.lower().rstrip("."),
        "SERVER_PORT": number or str(site.port),
        "SSL_TLS_SNI": site.name,
    }
    found |= {variable(key): text for key, text in texts.items()}
    if written.address:
        found[variable("REMOTE_ADDR")] = written.address
    for origin in (Origin.PASSWORD, Origin.REQUEST):
        found[Variable(BASIC_USER, origin)] = written.user
    return found


def request_with(site: Site, values: Values) -> RequestInput | None:
    """Write a request so that httpd sees these values; None where no request can have one of them."""
    usual = usual_values(site)
    found = RequestInput()
    for one, value in values.items():
        if one.origin in {Origin.REQUEST, Origin.ADDRESS, Origin.PASSWORD} and value != usual.get(one, one.default):
            further = _written(site, one, value)
            if further is None:
                return None
            found = _together(found, further)
    return found


def _written(site: Site, one: Variable, value: str) -> RequestInput | None:
    """The part of a request that gives one variable its value."""
    if not value.isprintable() or value != value.strip():
        return None
    if maker := _MAKERS.get(one.name):
        return maker(site, value)
    name = one.name.removeprefix("HTTP:")
    if name == one.name or not _TOKEN.fullmatch(name):
        return None
    if one == AUTHORIZATION and value.lower().startswith("basic"):
        return None
    return RequestInput(headers=((_spelled(name), value),))


def _host(site: Site, value: str) -> RequestInput | None:
    """A Host header, where that leads to the site as far as names tell."""
    host = f"{site.name}{value}" if value.startswith(":") else value
    name = host.partition(":")[0].rstrip(".").lower()
    leads = name not in site.neighbours and (site.is_default or name in (site.name, *site.aliases))
    return RequestInput(host=host) if _AUTHORITY.fullmatch(host) and leads else None


def _spelled(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _of_request_line(site: Site, line: str) -> RequestInput | None:
    found = _REQUEST_LINE.fullmatch(line)
    around = _via(site, found[2]) if found else None
    if not found or around is None:
        return None
    method, http = ("" if found[1] == "GET" else found[1]), ("" if found[4] == "HTTP/1.1" else found[4])
    return replace(around, method=method, query=found[3] or "", http=http)


def _via(site: Site, raw: str) -> RequestInput | None:
    """A path that httpd takes for the site's once it has taken the dots out of it (RFC 3986 section 5.2.4)."""
    if not raw.endswith(site.path):
        return None
    via = raw[: len(raw) - len(site.path)]
    depth = 0
    for part in via.split("/"):
        depth += -1 if part == ".." else 0 if part in {"", "."} else 1
    return RequestInput(via=via) if depth == 0 else None


def _together(one: RequestInput, other: RequestInput) -> RequestInput:
    return RequestInput(
        headers=tuple(dict([*one.headers, *other.headers]).items()),
        query=other.query or one.query,
        method=other.method or one.method,
        host=other.host or one.host,
        http=other.http or one.http,
        via=other.via or one.via,
        address=other.address or one.address,
        user=other.user or one.user,
    )


def other_spellings(site: Site, compared: Iterable[tuple[Variable, str]]) -> Iterator[tuple[Variable, str]]:
    """Yield more values worth trying, beside those that a formula compares with: the name of a site in capitals, with a
    port or with a dot after it (RFC 9110 section 7.2, RFC 1034 section 3.1), and its path by way of another's."""
    raw, line = Variable(RAW_PATH, Origin.REQUEST), variable("THE_REQUEST")
    yield from ((_HOST, host) for host in (f"{site.name}:443", f"{site.name}.", site.name.upper()))
    yield from ((variable("REQUEST_METHOD"), method) for method in ("POST", "PUT", "DELETE"))
    yield from ((variable("SERVER_PORT"), port) for port in ("81", "443"))
    paths = [value for one, value in compared if one == raw]
    paths += [found[2] for one, value in compared if one == line and (found := _REQUEST_LINE.match(value))]
    paths += [found[0] for one, value in compared if one == line and (found := re.search(r"/[\w./~-]*", value))]
    around = [f"/.{site.path}"]
    for path in paths:
        parts = path.strip("/").split("/")
        if all(re.fullmatch(r"[\w.~-]*\w", part) for part in parts):
            around.append("/".join(["", *parts, *[".."] * len(parts)]) + site.path)
    for path in around:
        yield raw, path
        yield line, f"GET {path} HTTP/1.1"
    yield line, f"GET {site.path} HTTP/1.0"
    for one, value in compared:
        if one == line and " " not in value and quote(value, "=&+/:") == value:
            yield line, f"GET {site.path}?{value} HTTP/1.1"


_MAKERS: Mapping[str, Callable[[Site, str], RequestInput | None]] = {
    "QUERY_STRING": lambda _site, value: RequestInput(query=value) if quote(value, "=&+/:") == value else None,
    "REQUEST_METHOD": lambda _site, value: RequestInput(method=value) if _TOKEN.fullmatch(value) else None,
    "SERVER_PROTOCOL": lambda _site, value: RequestInput(http=value) if value.startswith("HTTP/1.") else None,
    "SERVER_NAME": _host,
    "SERVER_PORT": lambda site, value: _host(site, f":{value}") if value.isdigit() else None,
    "REMOTE_ADDR": lambda _site, value: RequestInput(address=value) if value else None,
    "HTTP:host": _host,
    "THE_REQUEST": _of_request_line,
    BASIC_USER: lambda _site, value: RequestInput(user=value),
    RAW_PATH: _via,
}
"""How a variable is given its value, headers aside."""
