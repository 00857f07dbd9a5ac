"""Which places are there to knock at, what guards each, and what does the configuration claim of it?"""

import fnmatch
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import rstr

from harness.server.configuration import Directive, walk
from harness.server.engine import ServerError
from harness.server.layout import Unseen

_PLACES = ("directory", "directorymatch", "files", "filesmatch", "location", "locationmatch", "proxy", "proxymatch")
# What makes a section a place of its own: directives that let in or keep out.
_GUARDS = {
    *("sslverifyclient", "sslverifydepth", "sslrequire", "sslrequiressl", "require", "satisfy", "allow", "deny"),
    *("authtype", "authuserfile", "limit", "limitexcept", "if", "rewritecond"),
}
# What a virtual host says that wants to know who its clients are, even where nothing comes of it.
_INTENT = {
    *("sslcacertificatefile", "sslcacertificatepath", "sslcadnrequestfile", "sslcadnrequestpath"),
    *("sslcarevocationfile", "sslcarevocationpath", "sslcarevocationcheck", "sslverifydepth"),
}
_SAMPLES = 20
"""How many strings are tried until one matches its expression."""


@dataclass(frozen=True)
class Guard:
    """What protects a site: the directives in force, and the virtual host that it belongs to.

    `handshake` is the `SSLVerifyClient` of the virtual host, which the handshake obeys. `claim` is the directive by
    which the configuration says that only clients with a certificate get in; None where it says no such thing. `rules`
    are those that ask for something in the certificate, `sections` those that cover the site, in the order of merging.
    """

    section: Directive
    in_force: Mapping[str, Directive]
    handshake: str = "none"
    claim: Directive | None = None
    rules: tuple[Directive, ...] = ()
    sections: tuple[Directive, ...] = ()

    @property
    def verify_client(self) -> str:
        """`SSLVerifyClient`, httpd's default where it is absent."""
        return self._value("SSLVerifyClient", "none")

    @property
    def verify_depth(self) -> int:
        """`SSLVerifyDepth`, httpd's default where it is absent."""
        return int(self._value("SSLVerifyDepth", "1"))

    @property
    def crl_check(self) -> str:
        """`SSLCARevocationCheck`, httpd's default where it is absent."""
        return self._value("SSLCARevocationCheck", "none")

    @property
    def ocsp(self) -> str:
        """`SSLOCSPEnable`, httpd's default where it is absent."""
        return self._value("SSLOCSPEnable", "off")

    @property
    def means_ocsp(self) -> bool:
        """Whether a responder is to be asked, as any `SSLOCSP…` directive says, even where nothing comes of it."""
        forgotten = not self.has("SSLOCSPEnable") and any(name.startswith("sslocsp") for name in self.in_force)
        return self.ocsp != "off" or forgotten

    @property
    def revocation(self) -> str:
        """How revoked certificates are looked for: `none`, `leaf` or `chain` by CRL, `ocsp` or `ocsp leaf`, or both."""
        found = {"off": [], "leaf": ["ocsp leaf"]}.get(self.ocsp, ["ocsp"])
        return " + ".join([*([self.crl_check] if self.crl_check != "none" or not found else []), *found])

    @property
    def in_handshake(self) -> bool:
        """Whether nobody is to get as far as a request without a good certificate."""
        return self.handshake == "require"

    def has(self, name: str) -> bool:
        """Whether the directive is in force."""
        return name.lower() in self.in_force

    def arguments(self, name: str) -> list[str]:
        """The arguments of a directive in force; none where it is absent."""
        return self.in_force[name.lower()].words() if self.has(name) else []

    def responsible(self, name: str) -> Directive:
        """Name the line to change: the directive, or the opening line of the section that lacks it."""
        return self.in_force.get(name.lower(), self.section)

    def _value(self, name: str, default: str) -> str:
        found = self.arguments(name)
        return found[0].lower() if found else default


@dataclass(frozen=True)
class Site:
    """One place to knock: the server name asked for, the port inside the container, the path, and its guard.

    `content` says what is served there: two sites with the same content are two doors to one room. `neighbours` are the
    names that other virtual hosts have on the same port.
    """

    id: str
    name: str
    port: int
    path: str
    guard: Guard
    tls: bool = True
    content: str = ""
    neighbours: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """As a visitor writes it."""
        return f"http{'s' if self.tls else ''}://{self.name}:{self.port}{self.path}"


@dataclass(frozen=True)
class Sites:
    """Every place that was found, what cannot be knocked at, and all ports that are listened on."""

    places: tuple[Site, ...]
    unseen: tuple[Unseen, ...]
    ports: tuple[int, ...]


def sites(configuration: Directive) -> Sites:
    """Find the places to knock at: in every virtual host its root, and each section with a guard of its own.

    A place that serves what is guarded elsewhere is a place, too, and shares the claim.

    Raises:
        ServerError: there is none that speaks TLS.
    """
    listeners = dict(_listener(entry) for entry in configuration.find("Listen"))
    hosts = [_Host(configuration, host, port) for host, port in _hosts(configuration, tuple(listeners))]
    ports = tuple(listeners) or tuple(dict.fromkeys(host.port for host in hosts))
    for host in hosts:
        host.https = listeners.get(host.port) == "https" or host.port == 443
    if not any(host.tls for host in hosts):
        raise ServerError("The configuration has no virtual host with `SSLEngine on`: there is no door to knock at.")
    found = [site for host in hosts for site in host.sites()]
    claimed = {site.content: site.guard.claim for site in found if site.guard.claim and site.content}
    found = [_shared(site, claimed) for site in [*found, *_other_doors(hosts, found, claimed)]]
    if not any(site.guard.claim for site in found):
        asked = [entry for entry in walk(configuration) if _speaks(entry)]
        found = [
            replace(site, guard=replace(site.guard, claim=asked[0])) if asked and site.tls else site for site in found
        ]
    numbered = tuple(replace(site, id=f"s{number}") for number, site in enumerate(found, 1))
    return Sites(numbered, tuple(entry for host in hosts for entry in host.unseen), ports)


def _speaks(entry: Directive) -> bool:
    return entry.name.lower() == "sslverifyclient" and entry.arguments.lower() != "none"


def _shared(site: Site, claimed: Mapping[str, Directive | None]) -> Site:
    """Give a site the claim of the content that it serves, unless it has one of its own."""
    claim = site.guard.claim or claimed.get(site.content)
    return replace(site, guard=replace(site.guard, claim=claim))


def _other_doors(
    hosts: Iterable["_Host"], found: Iterable[Site], claimed: Mapping[str, Directive | None]
) -> Iterator[Site]:
    """Find the other ways to content that is claimed somewhere: an Alias, another virtual host, plain HTTP."""
    known = {(site.name, site.port, site.path) for site in found}
    for host in hosts:
        for content in claimed:
            for url in host.urls(content):
                if (host.name, host.port, url) not in known and host.content(url) == content:
                    known.add((host.name, host.port, url))
                    yield host.site(url)


def _listener(entry: Directive) -> tuple[int, str]:
    address, *protocol = entry.words()
    return int(address.rpartition(":")[2]), protocol[0] if protocol else ""


def _hosts(configuration: Directive, listened: tuple[int, ...]) -> Iterator[tuple[Directive, int]]:
    """Yield every virtual host with each port that it answers at, then the main server with those that nobody took."""
    taken = set()
    for host in configuration.find("VirtualHost"):
        for address in dict.fromkeys(host.words()):
            port = re.search(r":(\d+)$", address)
            ports = (int(port[1]),) if port else listened
            for number in ports:
                if not listened or number in listened:
                    taken.add(number)
                    yield host, number
    for number in listened or (() if taken else (443,)):
        if number not in taken:
            yield configuration, number


class _Host:
    """One virtual host at one port: what it serves where, and which sections cover which path."""

    def __init__(self, configuration: Directive, host: Directive, port: int) -> None:
        self.port, self.section, self.https = port, host, False
        self.unseen: list[Unseen] = []
        self._levels = (configuration, host) if host is not configuration else (host,)
        self._plain = {entry.name.lower(): entry for level in self._levels for entry in level.body if not entry.body}
        self._aliases = [
            (words[0], words[1])
            for level in reversed(self._levels)
            for entry in level.body
            if entry.name.lower() in {"alias", "scriptalias"} and len(words := entry.words()) == 2
        ]
        self._proxied = [*self._proxies()]
        self._neighbours = tuple(
            dict.fromkeys(
                name
                for other in configuration.find("VirtualHost")
                if other is not host and any(word.endswith((f":{port}", "*")) for word in other.words())
                for entry in other.find("ServerName")
                if (name := _name(entry)) != self.name
            )
        )

    @cached_property
    def name(self) -> str:
        """The server name; "localhost" where there is none."""
        return _name(self._plain["servername"]) if "servername" in self._plain else "localhost"

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS: as it says, or as httpd takes for granted at an https listener."""
        engine = self._plain.get("sslengine")
        return engine.arguments.lower() == "on" if engine else self.https

    @cached_property
    def _root(self) -> str:
        found = self._plain.get("documentroot")
        return found.words()[0].rstrip("/") if found else ""

    def _proxies(self) -> Iterator[tuple[str, str]]:
        for level in reversed(self._levels):
            for entry in level.find("ProxyPass"):
                if len(words := entry.words()) > 1 and words[1] != "!":
                    yield words[0], words[1]
            for section in level.find("Location"):
                for entry in section.find("ProxyPass"):
                    if (words := entry.words()) and words[0] != "!":
                        yield section.words()[0], words[0]

    def content(self, url: str) -> str:
        """Name what is served at a path: a file's path, or where a proxy asks; "" where nothing is."""
        for prefix, target in (*self._proxied, *self._aliases):
            if _below(url, prefix):
                return _join(target, url[len(prefix.rstrip("/")) :])
        return _join(self._root, url) if self._root else ""

    def urls(self, content: str) -> Iterator[str]:
        """Yield the paths at which this content is served."""
        for prefix, target in (*self._proxied, *self._aliases, *([("/", self._root)] if self._root else [])):
            if _below(content, target):
                yield _join(prefix, content[len(target.rstrip("/")) :])

    def sites(self) -> Iterator[Site]:
        """Yield its root and every place with a guard of its own."""
        paths = dict.fromkeys(["/", *(path for section in self._sections for path in self._paths(section))])
        return map(self.site, paths)

    def site(self, url: str) -> Site:
        """Describe one place."""
        covering = [section for section in self._sections if self._covers(section, url)]
        inside = [entry for section in covering for entry in (section, *_inner(section))]
        in_force = self._plain | {entry.name.lower(): entry for entry in inside if not entry.body}
        verify = self._plain.get("sslverifyclient")
        handshake = verify.arguments.lower() if verify and self.tls else "none"
        rules = tuple(entry for part in (self._own, *covering) for entry in _inner(part) if self._asks(entry))
        guard = Guard(
            self.section, in_force, handshake, self._claim(url, covering, verify), rules, (self._own, *covering)
        )
        return Site("", self.name, self.port, url, guard, self.tls, self.content(url), self._neighbours)

    def _claim(self, url: str, covering: list[Directive], verify: Directive | None) -> Directive | None:
        """Find what says that a certificate is needed here. A section that lets everybody in undoes it only where it is
        about less than the one that it undoes; else it is taken for a mistake."""
        if self.tls and verify and verify.arguments.lower() == "require":
            return verify
        asking = [
            (self._area(section, url), entry)
            for section in (self._own, *covering)
            for entry in _inner(section)
            if self._asks(entry)
        ]
        if asking:
            area, claim = max(asking, key=lambda one: one[0])
            open_to_all = [self._area(section, url) for section in covering if _opens(section)]
            return claim if max(open_to_all, default=-1) <= area else None
        if any(self._asks(entry) for section in self._sections for entry in _inner(section)) or not self.tls:
            return None
        return next((entry for entry in self.section.body if entry.name.lower() in _INTENT or _speaks(entry)), None)

    @cached_property
    def _own(self) -> Directive:
        """What is said of the virtual host as a whole, conditions included."""
        body = tuple(
            entry for level in self._levels for entry in level.body if not entry.body or entry.name.lower() == "if"
        )
        return replace(self.section, body=body)

    @cached_property
    def _sections(self) -> list[Directive]:
        """The sections that can cover a path, in the order in which httpd merges them."""
        found = [entry for level in self._levels for entry in _sections(level) if entry.name.lower() in _PLACES]

        def order(entry: Directive) -> tuple[int, int]:
            name = entry.name.lower()
            if name == "directory" and entry.words()[0] != "~":
                return 0, len(entry.words()[0].rstrip("/"))
            return ("directory", "directorymatch", "files", "location", "proxy").index(
                name if name.startswith("directory") else re.sub("match$", "", name)
            ) + 1, 0

        return sorted(found, key=order)

    def _asks(self, entry: Directive) -> bool:
        name, arguments = entry.name.lower(), entry.arguments.lower()
        if name == "sslverifyclient":
            return arguments == "require"
        if name == "require":
            fake = any("fakebasicauth" in one.arguments.lower() for level in self._levels for one in walk(level))
            named = arguments.startswith(("valid-user", "user "))
            return "ssl-verify-client" in arguments or "ssl_client" in arguments or (fake and named)
        return name in {"sslrequire", "rewritecond", "if"} and "ssl_client" in arguments

    def _paths(self, section: Directive) -> Iterator[str]:
        """Yield a path that the section covers, where it has a guard of its own."""
        if not any(entry.name.lower() in _GUARDS for entry in _inner(section)):
            return
        kind, words = section.name.lower(), section.words()
        expression = words[-1] if words[0] == "~" or kind.endswith("match") else None
        text = words[-1]
        if kind == "directory" and not expression:
            if not re.search(r"[*?\[]", text):
                yield from (path if path.endswith("/") else f"{path}/" for path in self.urls(text.rstrip("/")))
                return
        elif kind == "files" and not expression:
            yield "/" + text.replace("*", "x").replace("?", "x")
            return
        elif kind == "location" and not expression:
            yield text.replace("*", "x").replace("?", "x")
            return
        elif kind in {"proxy", "proxymatch"}:
            yield from (_join(prefix, "/") for prefix, target in self._proxied if self._covers(section, prefix))
            return
        made = _matching(expression) if expression and not kind.startswith("directory") else None
        if made is not None and self._covers(section, made):
            yield made
        else:
            what = f"<{section.name} {section.arguments}>: no path that it covers could be made"
            self.unseen.append(Unseen(what, section.file, section.line))

    def _covers(self, section: Directive, url: str) -> bool:
        kind, words = section.name.lower(), section.words()
        text = words[-1]
        content = self.content(url)
        if kind.startswith("proxy"):
            asked = next((target for prefix, target in self._proxied if _below(url, prefix)), None)
            return asked is not None and (text == "*" or asked.startswith(text.rstrip("*")) or kind.endswith("match"))
        if words[0] == "~" or kind.endswith("match"):
            where = {"l": url, "d": content, "f": url.rpartition("/")[2]}[kind[0]]
            return _search(text, where)
        if kind == "files":
            return fnmatch.fnmatchcase(url.rpartition("/")[2], text)
        where = url if kind == "location" else content
        if re.search(r"[*?\[]", text):
            return fnmatch.fnmatchcase(where, text) or fnmatch.fnmatchcase(where, f"{text.rstrip('/')}/*")
        return _below(where, text)

    def _area(self, section: Directive, url: str) -> int:
        """How much of the path a section is about: the longer, the less it covers."""
        kind, text = section.name.lower(), section.words()[-1] if section.arguments else ""
        if section is self._own or kind.startswith("proxy"):
            return 0
        if kind == "location" and not section.arguments.startswith("~"):
            return len(text.rstrip("/"))
        if kind == "directory" and not section.arguments.startswith("~"):
            return max(0, len(url.rstrip("/")) - len(self.content(url).rstrip("/")) + len(text.rstrip("/")))
        return len(url)


def _sections(level: Directive) -> Iterator[Directive]:
    """Yield a level's sections; those of an `If` count as its own."""
    for entry in level.body:
        if entry.name.lower() in {"if", "elseif", "else"}:
            yield from _sections(entry)
        elif entry.body and entry.name.lower() != "virtualhost":
            yield entry


def _inner(section: Directive) -> Iterator[Directive]:
    """Yield what stands in a section, through containers that are no places of their own."""
    for entry in section.body:
        yield entry
        if entry.body and entry.name.lower() not in (*_PLACES, "virtualhost"):
            yield from _inner(entry)


def _opens(section: Directive) -> bool:
    return any(
        (entry.name.lower(), " ".join(entry.arguments.lower().split()))
        in {("require", "all granted"), ("satisfy", "any"), ("allow", "from all")}
        for entry in section.body
    )


def _name(entry: Directive) -> str:
    return re.sub(r"^\w+://|:\d+$", "", entry.words()[0])


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def _join(prefix: str, rest: str) -> str:
    return f"{prefix.rstrip('/')}/{rest.lstrip('/')}" if rest else prefix


def _search(expression: str, text: str) -> bool:
    try:
        return re.search(expression, text) is not None
    except re.error:
        return False


def _matching(expression: str) -> str | None:
    """Make a path that an expression matches, always the same one; None where none is found."""
    maker = rstr.Rstr(random.Random(0))  # noqa: S311 - nothing here is a secret
    for _ in range(_SAMPLES):
        try:
            text = maker.xeger(expression)
        except (re.error, ValueError, KeyError):
            return None
        path = text if text.startswith("/") else f"/{text}"
        if re.fullmatch(r"[\w./~-]+", path) and _search(expression, path):
            return path
    return None
