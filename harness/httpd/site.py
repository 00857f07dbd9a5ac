"""Which sites does a configuration have, which guard protects each, and which claim does it make?"""

import fnmatch
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from harness.httpd.authorization import ALWAYS, Decision
from harness.httpd.backend import THIS_MACHINE, backend
from harness.httpd.bypass import below_programs, bypasses, exceptions_from_redirects, left_to_applications
from harness.httpd.directive import Directive, walk
from harness.httpd.distinguished_name import misspelled
from harness.httpd.formula import TRUE, Formula, compares_numbers, depends_on, variables
from harness.httpd.guard import Guard, by_mistake, wants_to_know
from harness.httpd.layout import ConfigurationError, CoverageGap
from harness.httpd.place import decision
from harness.httpd.rewrite_rule import flags
from harness.httpd.section import Section, below
from harness.httpd.users import Files
from harness.httpd.variables import Origin
from harness.httpd.virtual_host import VirtualHost

_PUBLIC = "/.well-known/"
"""The folder of public well-known URIs (RFC 8615), such as those of ACME challenges (RFC 8555)."""
_BY_PREFIX = {"alias", "scriptalias", "proxypass"}
Further = Callable[[str, int, bool], Iterable[str]]
"""Names further paths to probe in a virtual host, by its name, its port and whether it speaks TLS."""


@dataclass(frozen=True)
class Site:
    """One site: server name, port, path, and its guard. `listener` is the port inside the container: a substitute
    where that stands for an address.

    `aliases` are the other names of the site. `content` is the served file path or backend URL: two sites with the same
    content are two URLs of one resource. `page` is the path of a page, where the site is a folder. `neighbours` are the
    names of the other virtual hosts on the same port. `is_default` says that its virtual host answers there to unknown
    names. `decision` is the access decision, `intention` the intended one, where that is known to differ.
    """

    id: str
    name: str
    port: int
    path: str
    guard: Guard
    tls: bool = True
    content: str = ""
    page: str = ""
    aliases: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    is_default: bool = True
    listener: int = 0
    decision: Decision = ALWAYS
    intention: Formula = TRUE

    @property
    def file(self) -> str:
        """The path of its page, if it serves files."""
        return self.content + self.page.removeprefix(self.path)

    @property
    def url(self) -> str:
        """The site's URL."""
        return f"http{'s' if self.tls else ''}://{self.name}:{self.port}{self.path}"


@dataclass(frozen=True)
class Sites:
    """Every site that was found, what cannot be probed, the rules that cover nothing which is served, and the
    ports: those that are listened on, and those that a snippet needs besides."""

    places: tuple[Site, ...]
    coverage_gaps: tuple[CoverageGap, ...]
    idle: tuple[Directive, ...]
    ports: tuple[int, ...]
    to_open: tuple[int, ...]


def sites(
    configuration: Directive,
    *,
    complete: bool = True,
    port_substitutes: Mapping[int, int] = MappingProxyType({}),
    loopback_only: Collection[int] = (),
    further: Further = lambda _name, _port, _tls: (),
    files: Files = lambda _path: b"",
) -> Sites:
    """Find the sites: in every virtual host its root, each section with a guard of its own, and `further`.

    A site that serves what is guarded elsewhere shares the claim. Unless the configuration is `complete`, it may be
    listened on more ports than it says. `port_substitutes` are the ports that stand for an
    address, `loopback_only` those that only the machine itself reaches. `files` are those of CONFIG.

    Raises:
        ConfigurationError: there is none that speaks TLS.
    """
    listeners = {port: (entry, protocol) for entry in configuration.find("Listen") for port, protocol in _port(entry)}
    hosts = [
        VirtualHost(configuration, host, port_substitutes.get(port, port), port, *listeners.get(port, (None, "")))
        for host, port in _hosts(configuration, tuple(listeners))
        if not complete or port in listeners
    ]
    for host in hosts:
        host.bypasses = {} if host.required else {one.path: one for one in bypasses(host)}
    to_open = tuple(dict.fromkeys(host.listener for host in hosts if host.listener not in listeners))
    if not any(host.tls for host in hosts):
        raise ConfigurationError(_without_tls(hosts))
    names, coverage_gaps = _names(hosts)
    hosts = [host for host in hosts if names[host]]
    more = {host: [url for name in names[host] for url in further(name, host.port, host.tls)] for host in hosts}
    found = [_site(host, url, names) for host in hosts for url in dict.fromkeys([*host.paths, *more[host]])]
    claimed = _claims(found, names)
    found += _other_sites([host for host in hosts if host.port not in loopback_only], found, claimed, names)
    found = [site if site.port in loopback_only else _shared(site, claimed) for site in found]
    intentions = list(filter(wants_to_know, walk(configuration)))
    if intentions and not any(site.guard.requirement for site in found):
        found = [_by_mistake(site, intentions) if site.tls else site for site in found]
    by_name = {(names[host][0], host.listener): host for host in hosts}
    numbered = (replace(site, id=f"s{number}") for number, site in enumerate(found, 1))
    decided = [_decided(site, by_name[site.name, site.listener], files) for site in numbered]
    return Sites(
        tuple(_with_intentions(decided)),
        (*coverage_gaps, *(entry for host in hosts for entry in (*host.coverage_gaps, *left_to_applications(host)))),
        _idle(hosts),
        (*listeners, *to_open),
        to_open,
    )


def _claims(found: Iterable[Site], names: Mapping[VirtualHost, list[str]]) -> dict[str, Guard]:
    """Return the guard of each content with a claim: at a site, at a mapping, or behind a proxy to the same server."""
    claimed = {_place(site.content): site.guard for site in found if site.guard.requirement and site.content}
    for host in filter(names.get, names):
        guards = {_place(host.content(url)): host.guard(url) for url in host.mapped_paths if url not in host.paths}
        claimed = {place: guard for place, guard in guards.items() if guard.requirement} | claimed
    return {behind: guard for place, guard in claimed.items() for behind in _behind(place, names)} | claimed


def _decided(site: Site, host: VirtualHost, files: Files) -> Site:
    """The site with its access decision and its intention."""
    found = decision(host, site.path, files)
    asking = (part.formula for part in found.conditions if depends_on(part.formula, Origin.CERTIFICATE))
    certificate_variables = {one for formula in asking for one in variables(formula)}
    read = {(one.directive.file, one.directive.line) for one in found.conditions}
    # Rules of mod_rewrite whose engine is off.
    idle = [rule for rule in site.guard.rules if rule.kind == "rewritecond" and (rule.file, rule.line) not in read]
    as_meant = not (idle or compares_numbers(found.formula) or misspelled(found.formula))
    as_meant = as_meant and certificate_variables <= variables(found.formula)
    intention = found.formula if as_meant else decision(host, site.path, files, intended=True).formula
    return replace(site, decision=found, intention=intention)


def _with_intentions(places: Sequence[Site]) -> Iterator[Site]:
    """Yield the sites. The intention of a rule that is never reached is its decision at another path of the host."""
    for site in places:
        rules = {(rule.file, rule.line) for rule in site.guard.rules}
        never = rules and site.guard.requirement and not depends_on(site.intention, Origin.CERTIFICATE)
        others = (
            other
            for other in places
            if (other.name, other.listener) == (site.name, site.listener)
            and depends_on(other.decision.formula, Origin.CERTIFICATE)
            and rules & {(one.directive.file, one.directive.line) for one in other.decision.conditions}
        )
        other = next(others, None) if never else None
        yield replace(site, intention=other.intention) if other else site


def _by_mistake(site: Site, intentions: Iterable[Directive]) -> Site:
    """The site with a claim by a directive that is useful only with client certificates, as there is no other claim."""
    own = next((entry for entry in intentions if any(entry is one for one in site.guard.directives)), None)
    return replace(site, guard=by_mistake(site.guard, own)) if own else site


def _site(host: VirtualHost, url: str, names: Mapping[VirtualHost, list[str]]) -> Site:
    name, *aliases = names[host]
    neighbours = dict.fromkeys(names[other][0] for other in names if other.listener == host.listener and names[other])
    return Site(
        "",
        name,
        host.port,
        url,
        host.guard(url),
        host.tls,
        host.content(url),
        host.page(url),
        tuple(aliases),
        tuple(other for other in neighbours if other != name),
        host is next(other for other in names if other.listener == host.listener),
        host.listener,
    )


def _names(hosts: Iterable[VirtualHost]) -> tuple[dict[VirtualHost, list[str]], list[CoverageGap]]:
    """The names of each virtual host that lead to it: of several hosts with one name the first answers."""
    reached: dict[VirtualHost, list[str]] = {}
    coverage_gaps = []
    taken: dict[int, list[str]] = {}
    for host in hosts:
        earlier = taken.setdefault(host.listener, [])
        names = [name for name in host.names if not any(fnmatch.fnmatchcase(name, one) for one in earlier)]
        if not names:
            what = f"a virtual host at port {host.port} that no name leads to: an earlier one has the same"
            coverage_gaps.append(CoverageGap(what, host.where.file, host.where.line))
        earlier += host.patterns
        reached[host] = names
    return reached, coverage_gaps


def _shared(site: Site, claimed: Mapping[str, Guard]) -> Site:
    """The site with the claim of its content, unless it has one of its own."""
    guard = site.guard
    if guard.intentionally_public and guard.mapping:
        same = claimed.get(_place(site.content))
        again = same is not None and same.mapping is not guard.mapping
        # A part may be public; not all guarded content by another name. And a Require opens nothing that a rewrite
        # guards: that ends before it.
        rewritten = guard.mapping.kind == "rewriterule"
        before = rewritten and any(rule.kind == "rewritecond" for rule in guard.rules)
        return replace(site, guard=replace(guard, bypassed_by=guard.mapping)) if again or before else site
    if (
        guard.requirement
        or guard.intentionally_public
        or guard.bypassed_by
        or not site.content
        or site.path.startswith(_PUBLIC)
    ):
        return site
    here = _place(site.content).rstrip("/")
    content = next((one for one in claimed if below(here, one.rstrip("/"))), None)
    if content is None:
        return site
    if here != content.rstrip("/") and _opened_below(guard, content):
        return replace(site, guard=replace(guard, partly_protected=True))
    other = claimed[content]
    is_shared = guard.mapping is other.mapping
    if guard.mapping and is_shared and guard.opening and (other.handshake == "require" or not other.rules):
        return site  # The whole server's own, such as its icons: public, unless a rule covers it somewhere.
    own = not is_shared and guard.section is not other.section
    if site.tls and own and guard.mapping and guard.mapping.kind in _BY_PREFIX:
        again = other.mapping is not None and guard.mapping.words == other.mapping.words
        if again or here != content.rstrip("/"):
            # Another virtual host serves the same, or a part of it, by a directive of its own: this may be intended.
            return replace(site, guard=replace(guard, bypassed_by=guard.mapping))
    granting = guard.mapping or guard.granting_directive
    return replace(site, guard=replace(guard, requirement=other.requirement, granting_directive=granting))


def _without_tls(hosts: Iterable[VirtualHost]) -> str:
    """The message that no virtual host uses TLS, with the host that probably should."""
    message = "It has no virtual host with `SSLEngine on`: there is nothing to test over TLS."
    meant = next((host.where for host in hosts if any(host.where.find("SSLCertificateFile"))), None)
    return f"{message}\n{meant.file}:{meant.line}: write `SSLEngine on` into this virtual host." if meant else message


def _behind(backend_url: str, names: Mapping[VirtualHost, list[str]]) -> Iterator[str]:
    """Yield the content behind a proxy to a virtual host of the same server: by its name, or by this machine's."""
    found = backend(backend_url)
    if not found or found.socket or found.scheme not in {"http", "https"}:
        return
    hosts = [host for host in names if host.listener == found.port and host.tls == (found.scheme == "https")]
    by_name = [host for host in hosts if any(fnmatch.fnmatchcase(found.host, name) for name in host.patterns)][:1]
    for host in by_name or (hosts[:1] if found.host == THIS_MACHINE else []):
        if content := host.content(found.path or "/"):
            yield content


def _place(content: str) -> str:
    """The place of content: FastCGI URLs name a file's path."""
    found = backend(content)
    return found.path if found and found.scheme == "fcgi" else content


def _opened_below(guard: Guard, content: str) -> bool:
    """Whether a section that admits all clients covers a part of this content, not all of it."""
    folder = content.rstrip("/")
    return any(
        section.kind != "directory"
        or section.is_expression
        or (below(section.text, folder) and section.text.rstrip("/") != folder)
        for section in guard.opening
    )


def _other_sites(
    hosts: Sequence[VirtualHost],
    found: Iterable[Site],
    claimed: Iterable[str],
    names: Mapping[VirtualHost, list[str]],
) -> Iterator[Site]:
    """Find the other sites that serve content with a claim: by an Alias, another virtual host, plain HTTP."""
    known = {(site.name, site.listener, site.path) for site in found}
    for host in hosts:
        below_it = [] if host.tls else [path for _, path, _ in below_programs(host)]
        for content in claimed:
            for url in host.urls(content):
                # A redirect to the site with TLS may be for the folder alone, or leave something out.
                for path in (url, f"{url}x", *below_it) if url.endswith("/") and not host.tls else (url,):
                    place = names[host][0], host.listener, path
                    if place not in known and below(host.content(path), content.rstrip("/") or "/"):
                        known.add(place)
                        yield _site(host, path, names)
    yield from _unredirected(hosts, names, known)


def _unredirected(
    hosts: Sequence[VirtualHost], names: Mapping[VirtualHost, list[str]], known: set[tuple[str, int, str]]
) -> Iterator[Site]:
    """Find the guarded paths that a redirect to TLS may leave out."""

    @functools.cache
    def guarded(path: str) -> dict[str, list[VirtualHost]]:
        found: dict[str, list[VirtualHost]] = {}
        for host in hosts:
            if host.tls:
                found.setdefault(host.content(path), []).append(host)
        return found

    for host in hosts:
        for path, line in () if host.tls else exceptions_from_redirects(host):
            if (names[host][0], host.listener, path) in known:
                continue
            if any(one.guard(path).requirement for one in guarded(path).get(host.content(path), ())):
                site = _site(host, path, names)
                yield replace(site, guard=replace(site.guard, bypassed_by=line))


def _idle(hosts: Iterable[VirtualHost]) -> tuple[Directive, ...]:
    """Find the rules about certificates that cover nothing which any virtual host serves."""
    busy = {
        id(section.entry)
        for host in hosts
        for section in host.sections
        if (host.serves(section) or _proxies(section)) and not section.is_misread
    }
    idle = {id(rule): rule for host in hosts for entry, rule in host.rules_by_section() if id(entry) not in busy}
    return tuple(idle.values())


def _proxies(section: Section) -> bool:
    """Whether it is a folder's own rule for what then is no file any more."""
    inside = section.within is not None and section.within.kind == "directory"
    return inside and section.entry.kind == "rewriterule" and "P" in dict(flags(section.entry))


def _port(entry: Directive) -> Iterator[tuple[int, str]]:
    address, *protocol = entry.words
    yield int(address.rpartition(":")[2]), protocol[0].lower() if protocol else ""


def _hosts(configuration: Directive, listened: tuple[int, ...]) -> Iterator[tuple[Directive, int]]:
    """Yield every virtual host with each of its ports, then the main server with the ports of no virtual host."""
    taken = set()
    for host in configuration.find("VirtualHost"):
        for address in dict.fromkeys(host.words):
            port = address.rpartition(":")[2]
            for number in (int(port),) if port.isdigit() else listened:
                taken.add(number)
                yield host, number
    for number in listened or (() if taken else (443,)):
        if number not in taken:
            yield configuration, number
