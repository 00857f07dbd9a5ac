"""What does one virtual host serve at a path, and which guard protects it?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from harness.httpd.conditions import CONDITIONS, forwards_identity, split_by_path, without_decision
from harness.httpd.directive import Directive, walk
from harness.httpd.foreign import decides
from harness.httpd.guard import USERS, Guard, denies_all, granting_directive, opens, replaced, wants_to_know
from harness.httpd.layout import SNIPPET, CoverageGap
from harness.httpd.rewrite_rule import Rule, rules
from harness.httpd.section import Conditional, Section, below, join, merged, paths, sections
from harness.httpd.url_map import Mapping, mappings

# The directives that make a section a place of its own: they admit or refuse clients.
_GUARDS = {
    *("sslverifyclient", "sslverifydepth", "sslrequire", "sslrequiressl", "require", "satisfy", "allow", "deny"),
    *("authtype", "authuserfile", "limit", "limitexcept", "if", "rewritecond", "rewriteengine", "order"),
}
# The directives that serve an unknown set of files or URLs.
_OPEN_ENDED = {
    "userdir": "from the folders of each user",
    "virtualdocumentroot": "a folder for each name that a client asks for",
    "virtualdocumentrootip": "a folder for each address",
    "proxyrequests": "which is whatever a client asks of it in this server's name",
}


@dataclass(frozen=True)
class Bypass:
    """A path, and the line (`cause`) because of which no rule covers it. `rule` is the rule of the same resource, where
    it is known to be the same; None where the application decides that."""

    path: str
    cause: Directive
    rule: Directive | None = None
    exempt: str = ""
    """The public path that an exception is made for, where its expression matches this path as well."""


class VirtualHost:
    """One virtual host, or the main server, at one port."""

    def __init__(
        self,
        configuration: Directive,
        host: Directive,
        port: int,
        listener: int,
        listen: Directive | None,
        protocol: str,
    ) -> None:
        """Take it from the configuration; `listener` is its port in the container, `listen` what opens that, `protocol`
        its protocol there."""
        self.port = port
        self.listener = listener
        self.coverage_gaps: list[CoverageGap] = []
        self.bypasses: dict[str, Bypass] = {}
        """The bypasses of its rules, by path; `sites` adds them."""
        main = host is configuration
        # The main server has no opening line: the first line of the user's own represents it.
        own = (entry for entry in host.body if entry.file != SNIPPET)
        self.where = (listen or next(own, host)) if main else host
        self._body = host
        # Measured on 2.4.71: a <VirtualHost> without a ServerName of its own does not inherit the listener's protocol.
        named = main or any(host.find("ServerName"))
        self._https = named and (protocol == "https" or port == 443)
        self.levels = (host,) if main else (configuration, host)
        self._plain = {entry.kind: entry for level in self.levels for entry in level.body if not entry.body}
        self.mappings = [*mappings(self.levels, self.root)]
        self.sections = merged([section for level in self.levels for section in sections(level.body)])
        homes = (entry for level in self.levels for entry in level.find("UserDir"))
        self._homes = next((entry for entry in homes if entry.value not in {"enabled", "disabled"}), None)
        for name, entry in self._plain.items():
            if name in _OPEN_ENDED and entry.value not in {"off", "none"} and (name != "userdir" or self._homes):
                what = f"what `{entry.name} {entry.arguments}` serves, {_OPEN_ENDED[name]}"
                self.coverage_gaps.append(CoverageGap(what, entry.file, entry.line))

    @cached_property
    def patterns(self) -> list[str]:
        """Its names as configured, ServerName first; "localhost" where there is none."""
        server_names = (
            [*self._body.find("ServerName")] or [self._plain["servername"]] if "servername" in self._plain else []
        )
        names = [entry.value.rpartition("://")[2].partition(":")[0] for entry in server_names[-1:]]
        aliases = [word.lower() for entry in self._body.find("ServerAlias") for word in entry.words]
        return [*(names or ["localhost"]), *aliases]

    @cached_property
    def names(self) -> list[str]:
        """A name for each of its patterns."""
        return list(dict.fromkeys(name.replace("*", "x").replace("?", "x") for name in self.patterns))

    @property
    def tls(self) -> bool:
        """Whether it uses TLS: by its SSLEngine, or by default at an https listener."""
        engine = self._plain.get("sslengine")
        return engine.value == "on" if engine else self._https

    @cached_property
    def root(self) -> str:
        """Its document root; "" where it has none."""
        found = self._plain.get("documentroot")
        return found.words[0].rstrip("/") if found else ""

    def content(self, url: str) -> str:
        """The file's path or the backend URL that is served at a path; "" if there is none."""
        if mapping := self.mapping(url):
            return _without_dots(mapping.content(url))
        return re.sub("/+", "/", join(self.root, url)) if self.root else ""

    def mapping(self, url: str) -> Mapping | None:
        """The mapping of a path; None if the document root serves it."""
        leading = [mapping for mapping in self.mappings if mapping.applies_to(url)]
        excepted = next((number for number, one in enumerate(leading) if one.is_exception), len(leading))
        left = [*leading[:excepted], *(mapping for mapping in leading[excepted:] if "://" not in mapping.target)]
        return next((mapping for mapping in left if not mapping.is_exception), None)

    def urls(self, content: str) -> Iterator[str]:
        """Yield the paths at which this content is served."""
        led = [mapping.start for mapping in self.mappings if mapping.start and not mapping.is_exception]
        yield from _at_which(content, [*led, *([("/", self.root)] if self.root else [])])

    def asking_for(self, name: str) -> Iterator[str]:
        """Yield the paths that lead to this backend URL, as the configuration names it."""
        yield from _at_which(name, [(mapping.prefix, mapping.target) for mapping in self.mappings if not mapping.exact])

    @cached_property
    def paths(self) -> list[str]:
        """Its root, a path for every section with a guard of its own, and every mapping beside them: none avoids the
        handshake."""
        guarded = [path for _, path in self.covered]
        around = [] if self.required else self.mapped_paths
        exempt = [] if self.required else self._exempt
        return list(dict.fromkeys(["/", *guarded, *self.bypasses, *around, *exempt]))

    @property
    def _exempt(self) -> list[str]:
        """The paths that a condition leaves out of a rule about certificates."""
        asking = (one for one in self.sections if isinstance(one, Conditional) and self.asks_in(one))
        return [path for section in asking for path in section.exempt()]

    @property
    def mapped_paths(self) -> list[str]:
        """The paths to probe of its mappings."""
        return [place for mapping in self.mappings for place in mapping.probe_paths]

    @cached_property
    def covered(self) -> list[tuple[Section, str]]:
        """Every section with a guard of its own, with each of the paths that were made for it."""
        return [(section, path) for section in self.sections for path in self._paths(section)]

    @property
    def required(self) -> bool:
        """Whether the handshake requires a certificate."""
        return self.tls and self.says("SSLVerifyClient") == "require"

    @cached_property
    def _http2(self) -> bool:
        """Whether it offers HTTP/2 over TLS: by its own `Protocols`, else by the server's."""
        offered = [[word for entry in level.find("Protocols") for word in entry.words] for level in self.levels]
        return "h2" in next(filter(None, reversed(offered)), [])

    def says(self, name: str) -> str:
        """The value of a directive that is about all of it; "" where there is none."""
        entry = self._plain.get(name.lower())
        return entry.value if entry else ""

    def _paths(self, section: Section) -> Iterator[str]:
        if not any(entry.kind in _GUARDS or decides(entry) for entry in section.inner()):
            return
        if section.kind == "proxy":
            named = [] if section.is_expression else self.asking_for(section.text.rstrip("*"))
            led = dict.fromkeys([*(mapping.prefix for mapping in self.mappings), *named])
            yield from (path for path in led if self.covers(section, path))
            return
        made = [path for path in paths(section, self.urls) if self.covers(section, path)]
        if not made and section.example() is None:
            entry = section.entry
            what = f"<{entry.name} {entry.arguments}>: no path that it covers could be made"
            self.coverage_gaps.append(CoverageGap(what, entry.file, entry.line))
        yield from made
        # A folder's name where a path is meant: a guard for the one is meant for the other.
        if section.kind == "location" and not section.is_expression and self.asks_in(section):
            yield from self.urls(section.text)
            # An application takes the path without the slash at its end for the same; a folder is redirected.
            short = section.text.rstrip("/")
            if short != section.text and "://" in self.content(short):
                yield short

    def page(self, url: str) -> str:
        """The path of a page that the same guard protects: in a folder its index, else the path itself."""
        inside = f"{url}index.html"
        return inside if url.endswith("/") and self.guard(inside).requirement is self.guard(url).requirement else url

    def serves(self, section: Section) -> bool:
        """Whether anything that a section covers is served here, as far as is known."""
        if section.example() is None or (
            section.kind == "directory" and self._homes and not below(section.text, self.root)
        ):
            return True
        if section.kind == "location" and not section.is_expression and any(self.urls(section.text)):
            return False
        return any(self.covers(section, path) for path in (*self.paths, *self.mapped_paths))

    def rules_by_section(self) -> Iterator[tuple[Directive, Directive]]:
        """Yield each section that asks for a certificate, with the rule in it that does."""
        for section in self.sections:
            if rule := self.asks_in(section):
                yield section.entry, rule

    def guard(self, url: str) -> Guard:
        """The guard of a path."""
        covering = self._covering(url)
        inside = [entry for section in covering for entry in (section.entry, *section.inner())]
        in_force = self._plain | {entry.kind: entry for entry in inside if not entry.body}
        parts = (self._own, *covering)
        entries = [entry for part in parts for entry in part.inner()]
        void = replaced(covering, in_force)
        rules = tuple(entry for entry in entries if self._asks(entry) and entry not in void)
        mapping = self.mapping(url)
        asks = any(map(self._asks, entries))
        bypass = self.bypasses.get(url)
        claim = (bypass and bypass.rule) or self._claim(url, asks=asks)
        if bypass and bypass.exempt:
            claim = None
        left_to_others = claim if claim and wants_to_know(claim) and self._is_left_to_others(url) else None
        guard = Guard(
            self.where,
            in_force,
            in_force.get("sslverifyclient", self.where),
            (self.tls and self.says("SSLVerifyClient")) or "none",
            None if left_to_others else claim,
            rules,
            parts,
            mapping.entry if mapping else None,
            denies_all(covering, (entry for entry in entries if entry.kind in CONDITIONS)),
            claim is None and (asks or any(self.asks_in(one) and one.spares(url) for one in self.sections)),
            tuple(section for section in covering if opens(section)),
            bypassed_by=bypass.cause if bypass else left_to_others,
            http2=self._http2,
            exempt=bypass.exempt if bypass else "",
        )
        return replace(guard, granting_directive=granting_directive(guard, self._set_by_certificate))

    def _is_left_to_others(self, url: str) -> bool:
        """Whether certificates are optional here, and applications at other paths decide by them."""
        if not self.says("SSLVerifyClient").startswith("optional"):
            return False
        return bool(self._applications) and not any(self.covers(section, url) for section in self._applications)

    @cached_property
    def _applications(self) -> list[Section]:
        """The sections that send the client's identity to an application."""
        return [section for section in self.sections if any(map(forwards_identity, section.inner()))]

    def _covering(self, url: str) -> list[Section]:
        return [section for section in self.sections if self.covers(section, url)]

    def asked_for(self, url: str) -> Directive | None:
        """The directive that tests the certificate at a path. A section that admits all clients overrides it only if
        that section covers less; else it counts as a mistake."""
        covering = self._covering(url)
        parts = [(0, self._own), *((self._area(section, url), section) for section in covering)]
        asking = [(area, entry) for area, part in parts for entry in part.inner() if self._asks(entry)]
        if not asking:
            return None
        area, claim = max(asking, key=lambda one: one[0])
        open_to_all = [self._area(section, url) for section in covering if opens(section)]
        return claim if max(open_to_all, default=-1) <= area else None

    def _claim(self, url: str, *, asks: bool) -> Directive | None:
        """The directive that requires a certificate at a path; `asks` says whether one that covers it does."""
        if self.required:
            return self._plain["sslverifyclient"]
        if asks:
            return self.asked_for(url)
        rules = [(section, rule) for section in self.sections if (rule := self.asks_in(section))]
        meant = [rule for section, rule in rules if not self.serves(section) and url in self.urls(section.text)]
        if meant or not self.tls or any(self.serves(section) for section, _ in rules):
            return next(iter(meant), None)
        # A rule that covers no served path counts as a rule for the whole virtual host.
        idle = [rule for section, rule in rules if section.entry in self._body.body]
        intent = [] if self._is_meant_for_others(url) else filter(wants_to_know, self._body.body)
        return next(iter([*idle, *intent]), None)

    def _is_meant_for_others(self, url: str) -> bool:
        """Whether sections about other paths, and not the virtual host itself, ask clients for a certificate."""
        if self.says("SSLVerifyClient") not in {"", "none"}:
            return False
        asking = [one for one in self.sections if any(map(wants_to_know, one.inner())) and self.serves(one)]
        return bool(asking) and not any(self.covers(one, url) for one in asking)

    @cached_property
    def _own(self) -> Section:
        """The directives of the virtual host as a whole, conditions included."""
        everywhere = (entry for level in self.levels for entry in split_by_path(level.body)[0])
        body = tuple(entry for entry in everywhere if not entry.body or entry.kind in CONDITIONS)
        return Section(replace(self._body, body=body))

    def covers(self, section: Section, url: str) -> bool:
        """Whether a section is about a path."""
        mapping = self.mapping(url)
        return section.covers(url, self.content(url), mapping.backend_url(url) if mapping else None)

    def _area(self, section: Section, url: str) -> int:
        """How much of the path a section is about: the longer, the less it covers."""
        if section.kind == "proxy":
            return 0
        if section.kind == "location" and not section.is_expression:
            return len(section.text.rstrip("/"))
        if section.kind == "directory" and not section.is_expression:
            return max(0, len(url.rstrip("/")) - len(self.content(url).rstrip("/")) + len(section.text.rstrip("/")))
        return len(url)

    def asks_in(self, section: Section) -> Directive | None:
        """The directive in a section that tests the client's certificate; None if there is none."""
        return next((entry for entry in section.inner() if self._asks(entry)), None)

    def _asks(self, entry: Directive) -> bool:
        """Whether a directive tests the client's certificate."""
        if entry.kind == "sslverifyclient":
            return entry.value == "require"
        if entry.kind == "require":
            if entry.value == "env" and not self._set_by_certificate.keys().isdisjoint(entry.words[1:]):
                return True
            names = ("ssl-verify-client", "ssl_client", "peerextlist")
            return any(map(entry.mentions, names)) or (self._names_users_by_certificate and entry.value in USERS)
        asks = entry.kind in {"sslrequire", "rewritecond", "if", "elseif"} and entry.mentions("ssl_client")
        return asks and (entry.file, entry.line) not in self._without_decision

    @cached_property
    def _without_decision(self) -> set[tuple[str, int]]:
        """The file and line of conditions about a certificate that decide nothing: they only forward the identity."""
        found = (entry for level in self.levels for entry in without_decision(level, self.directives))
        return {(entry.file, entry.line) for entry in found}

    @cached_property
    def _set_by_certificate(self) -> dict[str, Directive]:
        """The environment variables that depend on the client's certificate, and the directive that sets each."""
        setters = [entry for entry in self.directives if entry.kind in {"setenvif", "setenvifexpr", "setenvifnocase"}]
        asking = (entry for entry in setters if entry.mentions("ssl_client"))
        return {word.partition("=")[0]: entry for entry in asking for word in entry.words[1:]}

    @cached_property
    def _names_users_by_certificate(self) -> bool:
        """Whether a user's name may stand for a certificate's subject, or for a part of it."""
        return any(entry.kind == "sslusername" or entry.mentions("fakebasicauth") for entry in self.directives)

    @cached_property
    def rewrite_rules(self) -> list[Rule]:
        """Every RewriteRule that is about it, with its conditions."""
        bodies = [level.body for level in self.levels] + [entry.body for entry in self.directives if entry.body]
        return [rule for body in bodies for rule in rules(body)]

    @cached_property
    def directives(self) -> list[Directive]:
        """Every directive that is about it, and about no other virtual host."""
        bodies = (entry for level in self.levels for entry in level.body if entry.kind != "virtualhost")
        return [part for entry in bodies for part in (entry, *walk(entry))]


def _without_dots(content: str) -> str:
    """A file's path as httpd opens it, and compares it with the names of folders."""
    while "://" not in content and (found := re.search(r"/[^/]+/\.\.(?=/|$)", content)):
        content = content[: found.start()] + content[found.end() :]
    return content


def _at_which(content: str, led: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the paths that serve this content; `led` are the start of each mapping and what that serves."""
    for prefix, target in led:
        if below(content, target.rstrip("/") or "/"):
            yield join(prefix, content[len(target.rstrip("/")) :])
