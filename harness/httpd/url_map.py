"""By which ways does a virtual host serve what does not lie where its URL says?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.httpd.conditions import ELSEWHERE, cond_pattern, flags, in_any_case
from harness.httpd.directive import Directive
from harness.httpd.pcre import search
from harness.httpd.section import Section, below, join, matching, sections

THIS_MACHINE = "127.0.0.1"
"""The name by which this machine is told of, whatever a proxy calls it."""


FOLDERS = ("/etc/", "/home/", "/mnt/", "/opt/", "/srv/", "/tmp/", "/usr/", "/var/")  # noqa: S108 - only names
"""The folders that every system has: what a RewriteRule leads to in one of these is a file's path, not a URL's."""


@dataclass(frozen=True)
class Mapping:
    """Where a path leads: to a folder, or to what a proxy asks, as the configuration names it (`target`), and by one
    name for all that is the same (`served`). One that is `exact` is a single path, made for an expression; `shouted` is
    the same path in capitals, where the expression does not care. Where the `expression` itself is known, every path
    goes this way that it matches, and the targets have its groups in them; `head` is a path that it begins with, where
    all that follows goes over into the target.
    """

    prefix: str
    target: str
    entry: Directive
    exact: bool = False
    served: str = ""
    shouted: str = ""
    expression: str = ""
    head: str = ""

    def leads(self, url: str) -> bool:
        """Whether a path goes this way."""
        if self.expression:
            return search(self.expression, url) is not None
        return url in (self.prefix, self.shouted) if self.exact else below(url, self.prefix)

    def content(self, url: str) -> str:
        """What is served at a path that goes this way."""
        return self._at(self.served, url)

    def asked(self, url: str) -> str | None:
        """What a proxy is asked for at a path that goes this way, as <Proxy> sees it; None where none is."""
        return self._at(self.target, url) if "://" in self.target else None

    def _at(self, target: str, url: str) -> str:
        if self.expression:
            return _filled(self.expression, target, url)
        return target if self.exact else join(target, url[len(self.prefix.rstrip("/")) :])

    @property
    def from_the_start(self) -> tuple[str, str] | None:
        """Where it begins and to what it leads there; None for a single path."""
        if self.head:
            return self.head, re.sub(r"\$\d$", "", self.served)
        return None if self.exact else (self.prefix, self.served)

    @property
    def is_exception(self) -> bool:
        """Whether it says that a proxy is not asked (`ProxyPass /path !`)."""
        return self.target == "!"

    @property
    def places(self) -> list[str]:
        """Paths to knock at: what is proxied also without the slash at its end, for a folder httpd would redirect."""
        if self.is_exception:
            return []
        if self.exact:
            return [self.prefix]
        folder = f"{self.prefix.rstrip('/')}/"
        if "://" in self.target:
            return list(dict.fromkeys([self.prefix, folder]))
        return [self.prefix if "." in self.prefix.rpartition("/")[2] else folder]


def ways(levels: tuple[Directive, ...], root: str) -> Iterator[Mapping]:
    """Yield the ways in the order in which httpd takes them: rewritten, proxied, by alias; the virtual host's first."""
    # What one member serves, all do.
    members = dict(sorted(_members(levels), reverse=True))
    for way in _ways(levels, root):
        balancer = re.match(r"balancer://[^/]*", way.target)
        member = members.get(balancer[0]) if balancer else None
        yield replace(
            way, served=_normal(member + way.target[len(balancer[0]) :] if balancer and member else way.target)
        )


def _members(levels: tuple[Directive, ...]) -> Iterator[tuple[str, str]]:
    """Yield each balancer with each of its members."""
    for level in levels:
        for section in sections(level):
            for member in section.entry.find("BalancerMember") if section.kind == "proxy" else ():
                yield section.text.rstrip("/"), member.words()[0].rstrip("/")


def _ways(levels: tuple[Directive, ...], root: str) -> Iterator[Mapping]:
    yield from _rewritten(levels[-1], root)
    for section in sections(levels[-1]):
        if root and section.kind == "directory" and not section.is_expression and below(section.text, root):
            yield from _rewritten(section.entry, root, f"{section.text[len(root) :].rstrip('/')}/")
    for level in reversed(levels):
        for entry in level.body:
            yield from _plain(entry, {"proxypass"}, {"proxypassmatch"})
        for section in sections(level):
            if section.kind == "location":
                yield from _inside(section)
    for level in reversed(levels):
        for entry in level.body:
            yield from _plain(entry, {"alias", "scriptalias"}, {"aliasmatch", "scriptaliasmatch"})


def _plain(entry: Directive, by_prefix: set[str], by_expression: set[str]) -> Iterator[Mapping]:
    name, words = entry.name.lower(), entry.words()
    if len(words) < 2:
        return
    if name in by_prefix:
        yield Mapping(words[0], words[1], entry)
    elif name in by_expression:
        yield from _by_expression(words[0], _whole(entry, words[1]), entry)


def _inside(section: Section) -> Iterator[Mapping]:
    """Yield the way that a Location itself is."""
    for entry in section.entry.body:
        name, words = entry.name.lower(), entry.words()
        handler = re.fullmatch(r"proxy:(\w+://.*)", words[0]) if name == "sethandler" and words else None
        target = handler[1] if handler else words[0] if words else "!"
        if name not in {"proxypass", "proxypassmatch", "alias"} and not handler:
            continue
        if target == "!" or (name == "alias" and len(words) > 1):
            continue
        if not section.is_expression:
            yield Mapping(section.text, target, entry)
        else:
            yield from _by_expression(section.text, _whole(entry, target), entry)


def _whole(entry: Directive, target: str) -> str:
    """A proxy's target as it is asked for: where nothing that was found is put into it, the whole path follows."""
    return target if "$" in target or not entry.name.lower().startswith("proxypass") else f"{target}$0"


def _rewritten(where: Directive, root: str, folder: str | None = None) -> Iterator[Mapping]:
    """Yield the ways that the rules of a virtual host make; of those of a folder, where paths begin after its own, only
    the ones to a proxy: files are served by the folder's rules all the same."""
    engines = [entry.words()[0].lower() for entry in where.find("RewriteEngine") if entry.words()]
    if engines[-1:] != ["on"]:
        return
    conditions: list[Directive] = []
    for entry in where.body:
        if entry.name.lower() == "rewritecond":
            conditions.append(entry)
        if entry.name.lower() != "rewriterule":
            continue
        turned_away = any(map(_of_who_has_none, conditions))
        pattern, target, *_ = [*entry.words(), "", ""]
        target = target.replace("%{DOCUMENT_ROOT}", root)
        # What the last condition found of the path is part of the target.
        if (last := conditions[-1:]) and last[0].words()[:1] == ["%{REQUEST_URI}"] and "%{" not in target:
            (expression, wanted), pattern_of_any = cond_pattern(last[0]), search(pattern, "/x/y")
            if wanted and pattern_of_any:
                pattern, target = expression, re.sub(r"%(?=\d)", "$", target)
        conditional, conditions = bool(conditions), []
        if turned_away or pattern.startswith("!") or target in {"", "-"} or "%" in target or flags(entry) & ELSEWHERE:
            continue
        pattern = in_any_case(pattern, entry)
        proxied = "P" in flags(entry) and "://" in target
        if folder is None and not conditional and (proxied or target.startswith(FOLDERS)):
            yield from _by_expression(pattern, target, entry)
        else:
            yield from _by_example(pattern, target, entry, root, folder)


def _by_example(pattern: str, target: str, entry: Directive, root: str, folder: str | None) -> Iterator[Mapping]:
    """Yield the way of one path that the pattern of a RewriteRule matches."""
    if found := _example(pattern, target, folder):
        path, leads = found
        proxied = "P" in flags(entry) and "://" in leads
        if proxied or (leads.startswith("/") and root and folder is None):
            is_file = leads.startswith(FOLDERS) or below(leads, root)
            leads = leads if proxied or is_file else join(root, leads)
            yield Mapping(path, leads, entry, exact=True, shouted=_shouted(pattern, path))


def _by_expression(expression: str, template: str, entry: Directive) -> Iterator[Mapping]:
    """Yield the way of all that an expression matches."""
    if path := matching(expression):
        rest = re.fullmatch(r"\^?(.*)\(\.[*+]\)\$?", expression)
        groups = expression.count("(") - expression.count("(?:")
        whole = rest is not None and re.fullmatch(rf"[^$]*\${groups}", template)
        head = (matching(rest[1]) or "") if rest and whole else ""
        yield Mapping(path, template, entry, True, "", _shouted(expression, path), expression, head)


def _shouted(expression: str, path: str) -> str:
    """A path in capitals, where an expression does not care about case and covers it as well."""
    shouted = path.upper()
    return shouted if shouted != path and "(?i" in expression and search(expression, shouted) else ""


def _of_who_has_none(condition: Directive) -> bool:
    """Whether a condition is that nobody was verified: what then follows is served in the place of what was asked."""
    expression, wanted = cond_pattern(condition)
    return "ssl_client" in condition.arguments.lower() and ("NONE" in expression) == wanted


def _example(expression: str, template: str, folder: str | None = None) -> tuple[str, str] | None:
    """Make a path that an expression matches, and what it becomes; in a folder, what follows on that."""
    path = matching(expression)
    found = path and search(expression, path)
    if not path or not found or path.startswith("/") == (folder is not None):
        return None
    return (folder or "") + path, _filled(expression, template, path)


def _filled(expression: str, template: str, path: str) -> str:
    """Put what an expression finds in a path where its groups stand in a template."""
    found = search(expression, path)
    groups = (found[0], *found.groups("")) if found else ()
    return re.sub(r"\$(\d)", lambda one: groups[int(one[1])] if int(one[1]) < len(groups) else "", template)


def _normal(target: str) -> str:
    """Write one machine by one name, one protocol by one scheme (a WebSocket is opened by HTTP), without a user; and
    behind a socket, where the name of a machine is nobody's, none."""
    if socket := re.match(r"(?i)(unix:[^|]*\|\w+:)//[^/]*", target):
        return f"{socket[1]}//{target[socket.end() :]}"
    found = re.match(r"(?i)(https?|wss?|h2c?)://(?:[^/@]*@)?([^/:@]+|\[[^\]]*\])(?::(\d+))?(?=[/$]|$)", target)
    if not found:
        return target
    scheme = {"h2": "https", "h2c": "http"}.get(found[1].lower(), found[1].lower().replace("ws", "http"))
    host = re.sub(r"^(localhost|\[::1\])$", THIS_MACHINE, found[2].lower())
    port = found[3] if found[3] != {"http": "80", "https": "443"}[scheme] else None
    return f"{scheme}://{host}{f':{port}' if port else ''}{target[found.end() :]}"
