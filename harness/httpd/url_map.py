"""Which folder or backend serves a path: by Alias, ProxyPass, RewriteRule or a Location's own mapping?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.httpd.backend import backend
from harness.httpd.directive import Directive
from harness.httpd.formula import Atom, Formula, Operator, holds, variables
from harness.httpd.path_sample import PATH, matching
from harness.httpd.pcre import before_rest, group_count, search
from harness.httpd.rewrite import condition_formula, names_a_file
from harness.httpd.rewrite_rule import Rule, rules
from harness.httpd.section import Section, below, join, sections
from harness.httpd.variables import VERIFY, Origin

_PATH = "${path}"
"""Stands in a target for the path that was asked for."""


@dataclass(frozen=True)
class Mapping:
    """What serves a path: a folder, or a backend.

    `target` is as the configuration names it, `served` in one form for all that is the same. One that is `exact` has a
    single path, made for an expression; `uppercase` is that path in capitals, if the expression ignores case. With an
    `expression` it applies to all paths that match, and the targets hold references to groups; `head` is the start of
    the paths if the rest goes over into the target.
    """

    prefix: str
    target: str
    entry: Directive
    exact: bool = False
    served: str = ""
    uppercase: str = ""
    expression: str = ""
    head: str = ""

    def applies_to(self, url: str) -> bool:
        """Whether it serves a path."""
        if self.expression:
            return search(self.expression, url) is not None
        return url in (self.prefix, self.uppercase) if self.exact else below(url, self.prefix)

    def content(self, url: str) -> str:
        """The file or URL that is served at a path."""
        return self._at(self.served, url)

    def backend_url(self, url: str) -> str | None:
        """The URL that a backend is asked for at a path, as <Proxy> sees it; None without a backend."""
        return self._at(self.target, url) if "://" in self.target else None

    def _at(self, target: str, url: str) -> str:
        if self.expression:
            return _filled(self.expression, target, url)
        return target if self.exact else join(target, url[len(self.prefix.rstrip("/")) :])

    @property
    def start(self) -> tuple[str, str] | None:
        """The start of its paths, and what that serves; None for a single path."""
        if self.head:
            return self.head, self.served.rpartition("$")[0]
        return None if self.exact else (self.prefix, self.served)

    @property
    def is_exception(self) -> bool:
        """Whether it excepts its paths from the proxy (`ProxyPass /path !`)."""
        return self.target == "!"

    @property
    def probe_paths(self) -> list[str]:
        """The paths to probe: of a backend also the one without the last slash, which httpd redirects for a folder."""
        if self.is_exception:
            return []
        if self.exact:
            return [self.prefix]
        folder = f"{self.prefix.rstrip('/')}/"
        if "://" in self.target:
            return list(dict.fromkeys([self.prefix, folder]))
        return [self.prefix if "." in self.prefix.rpartition("/")[2] else folder]


def mappings(levels: tuple[Directive, ...], root: str) -> Iterator[Mapping]:
    """Yield the mappings in the order in which httpd takes them: rewritten, proxied, by alias; the virtual host's own
    first."""
    # What one member serves, all do.
    members = dict(sorted(_members(levels), reverse=True))
    for mapping in _in_order(levels, root):
        served, found = mapping.target, backend(mapping.target)
        if found and found.scheme == "balancer" and found.host in members:
            served = members[found.host] + found.path
            found = backend(served)
        # For other protocols than HTTP it is unknown which URLs are the same.
        if found and (found.socket or found.scheme in {"http", "https"}):
            served = str(found)
        yield replace(mapping, served=served)


def _members(levels: tuple[Directive, ...]) -> Iterator[tuple[str, str]]:
    """Yield the name of each balancer with each of its members."""
    for level in levels:
        for section in sections(level.body):
            if section.kind == "proxy" and (balancer := backend(section.text)):
                for member in section.entry.find("BalancerMember"):
                    yield balancer.host, member.words[0].rstrip("/")


def _in_order(levels: tuple[Directive, ...], root: str) -> Iterator[Mapping]:
    yield from _rewritten(levels[-1], root)
    for section in sections(levels[-1].body):
        if root and section.kind == "directory" and not section.is_expression and below(section.text, root):
            yield from _rewritten(section.entry, root, f"{section.text[len(root) :].rstrip('/')}/")
    for level in reversed(levels):
        for entry in level.body:
            yield from _plain(entry, {"proxypass"}, {"proxypassmatch"})
        for section in sections(level.body):
            if section.kind == "location":
                yield from _inside(section)
    for level in reversed(levels):
        for entry in level.body:
            yield from _plain(entry, {"alias", "scriptalias"}, {"aliasmatch", "scriptaliasmatch"})


def _plain(entry: Directive, by_prefix: set[str], by_expression: set[str]) -> Iterator[Mapping]:
    if entry.kind in by_prefix | by_expression and len(entry.words) > 1:
        path, target = entry.words[:2]
        yield from [Mapping(path, target, entry)] if entry.kind in by_prefix else _of_proxy(path, target, entry)


def _inside(section: Section) -> Iterator[Mapping]:
    """Yield the mapping that a Location itself is."""
    for entry in section.entry.body:
        if (target := _target(entry)) is None:
            continue
        if section.is_expression:
            yield from _of_proxy(section.text, target, entry)
        else:
            yield Mapping(section.text, target, entry)


def _target(entry: Directive) -> str | None:
    """Where a directive of a Location leads to; None where it leads nowhere."""
    words = entry.words or ["!"]
    match entry.kind:
        case "proxypass" | "proxypassmatch" if words[0] != "!":
            return words[0]
        case "alias" | "scriptalias" if len(words) == 1 and words[0] != "!":
            return words[0]
        case "sethandler" if words[0].startswith("proxy:") and "://" in words[0]:
            return words[0].removeprefix("proxy:")
    return None


def _of_proxy(expression: str, target: str, entry: Directive) -> Iterator[Mapping]:
    """Yield the mapping of all that an expression matches. A proxy's target without a group is followed by the path."""
    is_whole = "$" in target or not entry.kind.startswith("proxypass")
    yield from _by_expression(expression, target if is_whole else target + _PATH, entry)


def _rewritten(where: Directive, root: str, folder: str | None = None) -> Iterator[Mapping]:
    """Yield the mappings by rules of a virtual host, and those to a backend by rules of a folder, where paths begin
    after its own: what else these lead to has the folder's guard all the same."""
    if [entry.value for entry in where.find("RewriteEngine")][-1:] == ["on"]:
        for rule in rules(where.body):
            yield from _of_rule(rule, root, folder)


def _of_rule(rule: Rule, root: str, folder: str | None) -> Iterator[Mapping]:
    pattern, target = rule.expression, rule.substitution.replace("%{DOCUMENT_ROOT}", root)
    conditions = [condition_formula(rule, one) for one in rule.conditions]
    match conditions[-1:]:
        # What the last condition found of the path is part of the target.
        case [Atom(left, Operator.MATCHES, (str(captured),))] if left == (PATH,) and search(rule.pattern, "/x/y"):
            pattern, target = captured, re.sub(r"%(?=\d)", "$", target)
    if rule.pattern.startswith("!") or target in {"", "-"} or "%" in target or rule.responds:
        return
    if any(map(_of_unauthenticated_clients, conditions)):
        return
    is_proxied = "P" in rule.flags and "://" in target
    if folder is None and not rule.conditions and (is_proxied or names_a_file(target)):
        yield from _by_expression(pattern, target, rule.directive)
    elif found := _example(pattern, target, folder):
        path, leads = found
        is_proxied = "P" in rule.flags and "://" in leads
        is_file = names_a_file(leads) or (root != "" and below(leads, root))
        if is_proxied or (leads.startswith("/") and (root or is_file) and folder is None):
            leads = leads if is_proxied or is_file else join(root, leads)
            yield Mapping(path, leads, rule.directive, exact=True, uppercase=_uppercase(pattern, path))


def _by_expression(expression: str, template: str, entry: Directive) -> Iterator[Mapping]:
    """Yield the mapping of all that an expression matches."""
    if path := matching(expression):
        rest = before_rest(expression)
        whole = template.find("$") == len(template) - 2 and template.endswith(f"${group_count(expression)}")
        head = (matching(rest) or "") if rest and whole else ""
        yield Mapping(path, template, entry, True, "", _uppercase(expression, path), expression, head)


def _uppercase(expression: str, path: str) -> str:
    """The path in capitals, if an expression ignores case and matches that as well; "" otherwise."""
    uppercase = path.upper()
    return uppercase if uppercase != path and "(?i" in expression and search(expression, uppercase) else ""


def _of_unauthenticated_clients(formula: Formula) -> bool:
    """Whether a condition is true without a certificate: then another path is served in place of the one asked for."""
    by_certificate = [one for one in variables(formula) if one.origin is Origin.CERTIFICATE]
    return (
        bool(by_certificate)
        and holds(formula, {one: "NONE" if one.name == VERIFY else "" for one in by_certificate}) is True
    )


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
    filled = re.sub(r"\$(\d)", lambda one: groups[int(one[1])] if int(one[1]) < len(groups) else "", template)
    return filled.replace(_PATH, path)
