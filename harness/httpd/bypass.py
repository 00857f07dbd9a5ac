"""Which paths does no rule cover, although they lead, or may lead, to the resource of a covered path?"""

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.httpd.conditions import CONDITIONS, exceptions, expression
from harness.httpd.directive import Directive
from harness.httpd.formula import Atom, Formula, atoms, depends_on, matches
from harness.httpd.guard import opens
from harness.httpd.layout import CoverageGap
from harness.httpd.path_sample import PATH, example, is_about_path, matching, passes
from harness.httpd.pcre import excluded, search
from harness.httpd.rewrite import condition_formula
from harness.httpd.rewrite_rule import Rule
from harness.httpd.section import Conditional, Section, below, join
from harness.httpd.variables import Origin
from harness.httpd.virtual_host import Bypass, VirtualHost

_RUNS = re.compile(r"(?i)\bfcgi:|\bscgi:|\buwsgi:|\bajp:|\bcgi-script\b|x-httpd-|\bphp|\bwsgi-script\b|\bperl-script\b")
"""What names a program, of all the handlers and types that there are."""

_UNDOING = {"rewriterule", "setenvif", "setenvifnocase", "require", "sslrequire"}
_LAST = {"L", "END", "S"}
_USUAL = ("/index.html", "/x.pdf")
"""Names of files, as a redirect may forget them that is about names without a dot."""
_CHALLENGE = "/.well-known/acme-challenge/x"
_ANY = ("/q/q", "q/q")
"""A path as the rules of a virtual host see it, and as those of a folder do."""


def bypasses(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the bypasses of the rules of a virtual host."""
    for section, path in host.covered:
        rule = host.asks_in(section) if section.is_expression or section.is_pattern else None
        if rule and section.kind in {"location", "directory"}:
            yield from _deeper(host, section, rule, path)
            yield from _by_another_name(host, section, path)
            yield from _without_the_slash(host, section, rule, path)
    for program, path, line in below_programs(host):
        # A line before a rule, or one that a rule tests, makes an exception without a section of its own.
        has_exception = _undoes(line) or host.asked_for(path) is None
        if (rule := host.asked_for(program)) and has_exception:
            yield Bypass(path, line, rule)
    yield from _by_the_front(host)
    yield from _with_parameters(host)
    yield from _named_in_a_folder(host)
    yield from _in_capitals(host)
    yield from _dotted(host)
    yield from _anywhere(host)


def _anywhere(host: VirtualHost) -> Iterator[Bypass]:
    """Yield guarded paths that end as an exception does whose expression does not begin with `^`. What is about the
    challenges of an authority (RFC 8555 section 8.3) is meant for every folder."""
    guarded = [path for section, path in host.covered if host.asks_in(section) and path.endswith("/") and path != "/"]
    for one in (*_spared(host), *_spared_names(host)):
        if "well-known/" in one.path or _is_about_ending(one) or not one.covers(join(_ANY[0], one.longer)):
            continue
        for above in dict.fromkeys([*guarded[:2], _ANY[0]]):
            path = join(above, one.longer)
            if host.asked_for(above) and one.covers(path) and (host.asked_for(path) is None or _undoes(one.line)):
                yield Bypass(path, one.line, exempt=one.path)
                break


def _is_about_ending(one: "Exemption") -> bool:
    """Whether only the end of a file's name counts, as for static files: that is meant for every folder."""
    folder, _, name = join(_ANY[0], one.longer).rpartition("/")
    stem, dot, ending = name.rpartition(".")
    return bool(dot) and one.covers(f"{folder}/{stem[::-1]}z.{ending}")


def _deeper(host: VirtualHost, section: Section, rule: Directive, url: str) -> Iterator[Bypass]:
    """Yield what lies below a path and what its section, an expression or a pattern, does not cover: files do in a
    folder, a program answers there as well (PATH_INFO), an application may. With `MergeSlashes off` it may not cover
    the path with more slashes.
    """
    doubled = f"/{url[1:].replace('/', '//')}"
    if host.says("MergeSlashes") == "off" and not host.covers(section, doubled):
        yield Bypass(doubled, section.entry, rule)
    wild = section.is_pattern and section.kind == "location"
    deeper = section.text.replace("*", "x/x").replace("?", "x") if wild else f"{url.rstrip('/')}/x"
    entries = [entry for one in host.sections if host.covers(one, url) for entry in one.inner()]
    mapping = host.mapping(url)
    runs = any(one.kind == "sethandler" for one in entries)
    runs |= mapping is not None and ("script" in mapping.entry.kind or _RUNS.search(mapping.target) is not None)
    folder = url != "/" and "://" not in host.content(url) and (wild or url.endswith("/"))
    if (runs or folder or "." not in url.rpartition("/")[2]) and not host.covers(section, deeper):
        yield Bypass(deeper, section.entry, rule if runs or folder else None)


def _by_another_name(host: VirtualHost, section: Section, url: str) -> Iterator[Bypass]:
    """Yield names in a folder that an expression about its names leaves out, and nothing else covers: they may have
    been meant as well."""
    folder = url.rstrip("/").rpartition("/")[0] + "/"
    named = [*exceptions(section.condition.path)] if isinstance(section, Conditional) else excluded(section.text)
    if section.is_expression and not named and all(host.covers(section, f"{folder}{name}") for name in ("q", "qq")):
        for names in (("",), ("1", "X")):
            paths = (f"{folder}{name}" for name in names)
            left_out = (path for path in paths if not host.covers(section, path) and host.asked_for(path) is None)
            yield from (Bypass(path, section.entry) for path in [*left_out][:1])


def _without_the_slash(host: VirtualHost, section: Section, rule: Directive, url: str) -> Iterator[Bypass]:
    """Yield the path of a folder without the slash that an expression ends by: an application takes it for the same."""
    short = url.rpartition("/")[0]
    ends_by_slash = section.is_expression and host.covers(section, f"{short}/") and not host.covers(section, short)
    if ends_by_slash and short and "://" in host.content(short) and host.asked_for(short) is None:
        yield Bypass(short, section.entry, rule)


def below_programs(host: VirtualHost) -> Iterator[tuple[str, str, Directive]]:
    """Yield each program with a path below it (PATH_INFO) that looks like what some line leaves out, and that line."""
    programs = [one for one in _programs(host) if "://" not in host.content(one) or _RUNS.search(host.content(one))]
    spared = [*_spared(host)] if programs else []
    yield from ((program, join(program, one.path), one.line) for program in programs for one in spared)


def exceptions_from_redirects(host: VirtualHost) -> Iterator[tuple[str, Directive | None]]:
    """Yield the paths that a redirect to TLS may leave out: each with the line that makes the exception, or None if the
    redirect is for some paths only."""
    if not {entry.kind for entry in host.directives} & {"redirect", "redirectmatch", "rewriterule"}:
        return
    # The challenges of an ACME authority (RFC 8555 section 8.3) are public.
    spared = [(one, entry) for one, entry in _left_out(host) if not passes(one, _CHALLENGE)]
    for path in dict.fromkeys([*_USUAL, *(example(one) for one, _ in spared)]):
        if path:
            yield path, next((entry for one, entry in spared if passes(one, path)), None)


def _left_out(host: VirtualHost) -> Iterator[tuple[Formula, Directive]]:
    """Yield the exceptions that a line makes by path, as a formula: by a condition, or by the pattern of a rule."""
    for rule in host.rewrite_rules:
        yield from (
            (one, part.directive) for part in rule.conditions for one in exceptions(condition_formula(rule, part))
        )
        if rule.pattern.startswith("!") != (rule.substitution == "-"):
            yield matches((PATH,), rule.expression), rule.directive
    for entry in host.directives:
        if entry.kind in CONDITIONS:
            yield from ((one, entry) for one in exceptions(expression(entry)))


def _by_the_front(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the paths below the front controller's own name: it answers there as for the covered path."""
    for front in _fronts(host):
        for section, path in host.covered:
            is_file = path.endswith(".php") or path == "/"
            if section.kind == "location" and host.asks_in(section) and not is_file and not below(path, front):
                named = join(front, path)
                if host.asked_for(named) is None:
                    yield Bypass(named, section.entry)


def _with_parameters(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the other spelling of what a servlet container is asked for, by AJP: it leaves out what follows on a `;`
    (Servlet Specification 3.5); httpd does not, unless its ProxyPass says `mapping=servlet`."""
    for section, path, named in _other_spellings(host):
        if host.content(path).startswith("ajp:"):
            yield Bypass(named, section.entry, host.asks_in(section))


def _named_in_a_folder(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the files of a guarded folder that a section opens by their names, wherever they are: it is merged after
    the folder's own. If the folder is the whole site, the names are meant to be public."""
    names = [section for section in host.sections if section.kind == "files" and not section.within and opens(section)]
    for section in names:
        for folder, path in host.covered:
            named = join(path, section.example() or "")
            inside = path != "/" and folder.kind == "directory" and host.asks_in(folder) and host.covers(section, named)
            if inside and host.asked_for(path) and host.asked_for(named) is None:
                yield Bypass(named, section.entry)


def _in_capitals(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the path in capitals if the mapping ignores case, or a rule lowers it (`RewriteMap … int:tolower`), and the
    guard does not."""
    lowering = [*_lowering(host)]
    for section, path in host.covered if lowering else ():
        uppercase = path.upper()
        if (asking := host.asks_in(section)) and section.kind == "location" and host.asked_for(uppercase) is None:
            named = (rule for rule in lowering if rule.match(uppercase) is not None)
            yield from (Bypass(uppercase, rule.directive, asking) for rule in named)
    for mapping in host.mappings:
        if mapping.uppercase and (rule := host.asked_for(mapping.prefix)):
            asks = (one.entry for one in host.sections if host.covers(one, mapping.prefix) and host.asks_in(one))
            if host.asked_for(mapping.uppercase) is None:
                yield Bypass(mapping.uppercase, next(asks, rule), rule)


def _lowering(host: VirtualHost) -> Iterator[Rule]:
    """Yield the RewriteRules that lower the path."""
    maps = [entry.words for entry in host.directives if entry.kind == "rewritemap"]
    names = [words[0] for words in maps if words[1:2] == ("int:tolower",)]
    for rule in host.rewrite_rules:
        if not rule.responds and any(f"${{{name}:" in rule.substitution for name in names):
            yield rule


def _dotted(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the paths out of a folder whose expression has no slash after its name: `/static../private/` has no dot
    segment (RFC 3986 section 5.2.4), the file's path has one."""
    folders = [(one, f"{one.text.rstrip('/')}/") for one in host.sections if one.kind == "directory"]
    for mapping in host.mappings:
        folder, slash, _ = mapping.target.rpartition("/$")
        if not mapping.head or mapping.head.endswith("/") or not slash or not folder.startswith("/"):
            continue
        above = folder.rpartition("/")[0]
        for section, content in [*((one, host.content(path)) for one, path in host.covered), *folders]:
            if (rule := host.asks_in(section)) and below(content, above) and not below(content, folder):
                dotted = f"{mapping.head}..{content[len(above) :]}"
                if host.asked_for(dotted) is None and mapping.applies_to(dotted):
                    yield Bypass(dotted, mapping.entry, rule)


def _other_spellings(host: VirtualHost) -> Iterator[tuple[Section, str, str]]:
    """Yield each proxied path with a guard, and the same path with a parameter, which nothing guards."""
    for section, path in host.covered:
        if section.kind != "location" or not host.asks_in(section) or "://" not in host.content(path):
            continue
        parts = path.split("/")
        others = (
            "/".join([*parts[:at], f"{parts[at]};x", *parts[at + 1 :]]) for at in range(1, len(parts)) if parts[at]
        )
        same = (one for one in others if host.mapping(one) is host.mapping(path) and host.asked_for(one) is None)
        if named := next(same, None):
            yield section, path, named


def left_to_applications(host: VirtualHost) -> Iterator[CoverageGap]:
    """Yield what depends on how the application behind a proxy reads paths, one line of each kind."""
    for section, path, named in _other_spellings(host):
        if not host.content(path).startswith("ajp:"):
            other = path.upper() if path.upper() != path else path.lower()
            what = f"whether the application takes {named} or {other} for {path}: no rule is about them"
            remedy = "Guard the whole application (`<Location />`), or check this in the application."
            yield CoverageGap(what, section.entry.file, section.entry.line, remedy)
            break
    for one in _spared(host):
        path, line = join(_ANY[0], one.path), one.line
        left_out = host.asked_for(path) is None or (_undoes(line) and one.covers(path))
        if "://" in host.content(path) and host.asked_for(_ANY[0]) and left_out and path not in host.bypasses:
            what = f"what the application makes of {path}: this line leaves it out, wherever it lies"
            yield CoverageGap(
                what, line.file, line.line, "Let the expression begin with `^` and a folder that is public."
            )
            break
    yield from _taken_from_requests(host)


def _taken_from_requests(host: VirtualHost) -> Iterator[CoverageGap]:
    """Yield the RewriteRules that take a part of the path from another part of the request (`%1`)."""
    for rule in host.rewrite_rules:
        if rule.responds or not rule.refers_to_condition or not rule.conditions:
            continue
        if depends_on(condition_formula(rule, rule.conditions[-1]), Origin.REQUEST):
            entry = rule.directive
            what = f"what `{entry.name} {entry.arguments}` leads to: a part of it is as the client writes it"
            yield CoverageGap(what, entry.file, entry.line, "Guard what it may lead to, in a <Directory> or a <Proxy>.")


def _programs(host: VirtualHost) -> Iterator[str]:
    """Yield a path for each kind of program: by the end of its name, or in a folder of programs."""
    for entry in host.directives:
        words = entry.words
        if entry.kind in {"addhandler", "addtype"} and _RUNS.search(words[0]):
            yield from (f"/x.{end.lstrip('.')}" for end in words[1:])
        elif entry.kind == "scriptalias":
            yield join(words[0], "x")
        elif entry.kind == "acceptpathinfo" and entry.value == "on":
            yield "/index.html"
    for section in host.sections:
        handlers = (entry for entry in section.inner() if entry.kind == "sethandler")
        if section.kind == "files" and any(_RUNS.search(entry.value) for entry in handlers):
            yield from (f"/{name}" for name in [section.example()] if name)


def _fronts(host: VirtualHost) -> Iterator[str]:
    """Yield the front controllers: the programs that answer for every path without a file."""
    targets = [entry.words[0] for entry in host.directives if entry.kind == "fallbackresource"]
    for_all = (rule for rule in host.rewrite_rules if any(rule.match(path) is not None for path in _ANY))
    for target in (*targets, *(rule.substitution for rule in for_all)):
        path = "/" + target.removeprefix("%{DOCUMENT_ROOT}").removeprefix("/")
        if path.endswith(".php") and {*path}.isdisjoint("$%:"):
            yield path


def _undoes(line: Directive) -> bool:
    """Whether a line makes an exception from a rule without a section of its own."""
    return line.kind in _UNDOING or line.value == "expr"


@dataclass(frozen=True)
class Exemption:
    """A line that makes an exception from a rule by the form of the path, such a path, and whether it is about another
    one."""

    line: Directive
    path: str
    covers: Callable[[str], bool]
    of_names: bool = False
    """Whether it is about the names of files, in whichever folder."""

    @property
    def longer(self) -> str:
        """The path, or a name that ends so, to be put behind another one."""
        return f"q{self.path}" if self.of_names else self.path


def _spared_names(host: VirtualHost) -> Iterator[Exemption]:
    """Yield each exception from a rule by an expression about the names of files."""
    for section in host.sections:
        if section.kind == "files" and section.is_expression and opens(section) and (name := section.example()):
            yield Exemption(section.entry, name, functools.partial(host.covers, section), of_names=True)


def _spared(host: VirtualHost) -> Iterator[Exemption]:
    """Yield each exception from a rule by the form of the path."""
    yield from _spared_by_sections(host)
    yield from _spared_by_directives(host)


def _by_formula(line: Directive, formula: Formula) -> Iterator[Exemption]:
    if path := example(formula):
        yield Exemption(line, path, functools.partial(passes, formula))


def _by_expression(line: Directive, expression: str) -> Iterator[Exemption]:
    if path := matching(expression):
        yield Exemption(line, path, lambda url: search(expression, url) is not None)


def _spared_by_sections(host: VirtualHost) -> Iterator[Exemption]:
    for section in host.sections:
        if isinstance(section, Conditional) and section.entry.kind in CONDITIONS:
            for one in exceptions(section.condition.path):
                yield from _by_formula(section.entry, one)
        if section.kind == "location" and section.is_expression and opens(section) and (path := section.example()):
            yield Exemption(section.entry, path, functools.partial(host.covers, section))
        if section.kind == "location" and host.asks_in(section):
            for text in excluded(section.text)[:1]:
                yield from _by_expression(section.entry, text)


def _spared_by_directives(host: VirtualHost) -> Iterator[Exemption]:
    rules = {id(rule.directive): rule for rule in host.rewrite_rules}
    for entry in host.directives:
        if entry.kind in _UNDOING and entry.value == "request_uri":
            yield from _by_expression(entry, entry.words[1])
        if entry.kind in {"require", "sslrequire"}:
            for one in filter(is_about_path, atoms(expression(entry))):
                yield from _by_formula(entry, one)
        if rule := rules.get(id(entry)):
            for condition in rule.conditions:
                formula = condition_formula(rule, condition)
                for one in () if isinstance(formula, Atom) else filter(is_about_path, atoms(formula)):
                    yield from _by_formula(condition.directive, one)
            # What stays as it is, and is not looked at by the rules that follow; or is not forbidden as all else is.
            left_out = _LAST if not rule.pattern.startswith("!") else {"F"}
            if rule.substitution == "-" and rule.flags.keys() & left_out:
                yield from _by_expression(entry, rule.expression)
