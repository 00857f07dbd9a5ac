"""Which paths lie just beside what a rule covers, and lead to the same, or to what may be the same?"""

import re
from collections.abc import Iterator

from harness.httpd.conditions import CONDITIONS, ELSEWHERE, cond_pattern, flags, of_paths
from harness.httpd.directive import Directive
from harness.httpd.guard import opens
from harness.httpd.layout import CoverageGap
from harness.httpd.pcre import search
from harness.httpd.section import Conditional, Section, below, join, matching
from harness.httpd.virtual_host import Bypass, VirtualHost

_RUNS = re.compile(r"(?i)\bfcgi:|\bscgi:|\buwsgi:|\bajp:|\bcgi-script\b|x-httpd-|\bphp|\bwsgi-script\b|\bperl-script\b")
"""What names a program, of all the handlers and types that there are."""

_UNDOING = {"rewriterule", "setenvif", "setenvifnocase", "require", "sslrequire"}
_LAST = {"L", "END", "S"}
_AHEAD = re.compile(r"\(\?!((?:[^()]|\([^()]*\))*)\)")
"""What an expression leaves out: what must not follow (`(?!…)`)."""
_WILD = re.compile(r"/\(?(?:\.|\\w|\[[^\]]*(?:\^|a-z|:al)[^\]]*\]+)\+(?:/\?)?\)?\$?$")
"""What ends an expression that is about all names in a folder, as far as they look like some."""

_WRITTEN = re.compile(r"%\{(?:HTTP[_:]|QUERY_STRING|THE_REQUEST)")
_USUAL = ("/index.html", "/x.pdf")
"""Names of files, as a redirect may forget them that is about names without a dot."""
_CHALLENGE = "/.well-known/acme-challenge/x"
_ANY = ("/q/q", "q/q")
"""A path as the rules of a virtual host see it, and as those of a folder do."""


def bypasses(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the paths that lie beside what the rules of a virtual host cover."""
    for section, path in host.covered:
        rule = host.asks_in(section) if section.is_expression or section.is_pattern else None
        if rule and section.kind in {"location", "directory"}:
            yield from _deeper(host, section, rule, path)
            yield from _by_another_name(host, section, path)
            yield from _without_the_slash(host, section, rule, path)
    for program, path, line in below_programs(host):
        # What comes before a rule, or is asked for by one, undoes it without being about a path of its own.
        undone = _undoes(line) or host.asked_for(path) is None
        if (rule := host.asked_for(program)) and undone:
            yield Bypass(path, line, rule)
    yield from _by_the_front(host)
    yield from _with_parameters(host)
    yield from _named_in_a_folder(host)
    yield from _in_capitals(host)
    yield from _dotted(host)


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
    said = [entry for one in host.sections if host.covers(one, url) for entry in one.inner()]
    way = host.way(url)
    runs = any(one.name.lower() == "sethandler" for one in said)
    runs |= way is not None and ("script" in way.entry.name.lower() or _RUNS.search(way.target) is not None)
    folder = url != "/" and "://" not in host.content(url) and (wild or url.endswith("/"))
    if (runs or folder or "." not in url.rpartition("/")[2]) and not host.covers(section, deeper):
        yield Bypass(deeper, section.entry, rule if runs or folder else None)


def _by_another_name(host: VirtualHost, section: Section, url: str) -> Iterator[Bypass]:
    """Yield the folder whose names an expression is about, and such a name as it is not about: where nothing else
    covers them, it may be that they were to be guarded as well."""
    folder = url.rstrip("/").rpartition("/")[0] + "/"
    if _WILD.search(section.text):
        for names in (("",), ("1", "X")):
            paths = (f"{folder}{name}" for name in names)
            left_out = (path for path in paths if not host.covers(section, path) and host.asked_for(path) is None)
            yield from (Bypass(path, section.entry) for path in [*left_out][:1])


def _without_the_slash(host: VirtualHost, section: Section, rule: Directive, url: str) -> Iterator[Bypass]:
    """Yield the path of a folder without the slash that an expression ends by: an application takes it for the same."""
    tests = section.tests if isinstance(section, Conditional) else ((section.text, True),)
    expressions = [expression for expression, wanted in tests if wanted]
    short = url.rpartition("/")[0]
    ends = len(expressions) == 1 and re.search(r"/(?:\.\*)?\$?$", expressions[0])
    if ends and short and "://" in host.content(short) and host.asked_for(short) is None:
        yield Bypass(short, section.entry, rule)


def below_programs(host: VirtualHost) -> Iterator[tuple[str, str, Directive]]:
    """Yield each program with a path below it (PATH_INFO) that looks like what some line leaves out, and that line."""
    programs = [one for one in _programs(host) if "://" not in host.content(one) or _RUNS.search(host.content(one))]
    spared = [*_spared(host)] if programs else []
    yield from ((program, join(program, example), line) for program in programs for line, example in spared)


def in_the_clear(host: VirtualHost) -> Iterator[tuple[str, Directive | None]]:
    """Yield the paths that a redirect to the site with TLS may leave out: each with the line that does so by name, or
    None where it is for some paths only."""
    said = [*host.directives]
    names = {entry.name.lower() for entry in said}
    if not names & {"redirect", "redirectmatch", "rewriterule"}:
        return
    spared: list[tuple[str, Directive]] = []
    for entry in said:
        name, words = entry.name.lower(), [*entry.words(), ""]
        if name == "rewritecond" and words[0] == "%{REQUEST_URI}":
            tests = [cond_pattern(entry)]
        elif name == "rewriterule":
            tests = [(words[0].removeprefix("!"), words[0].startswith("!") == (words[1] == "-"))]
        else:
            tests = of_paths(entry.arguments) if name in CONDITIONS else []
        # What is meant for the challenges of an authority (RFC 8555 section 8.3) is meant for anybody.
        spared += [(one, entry) for one, wanted in tests if not (wanted or search(one, _CHALLENGE))]
    for path in dict.fromkeys([*_USUAL, *(_path(expression) for expression, _ in spared)]):
        if path:
            yield path, next((entry for expression, entry in spared if search(expression, path)), None)


def _path(expression: str) -> str | None:
    """A path that an expression matches, where that need not begin by a slash."""
    path = matching(expression)
    return path if not path or path.startswith("/") else f"/{path}"


def _by_the_front(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the other names of what the program answers that stands for all which is no file: below its own name."""
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
    """Yield the files of a guarded folder that a section lets in by their names, wherever they lie: it is merged after
    the folder's own. Where the folder is all that there is, the names are meant to be public."""
    names = [section for section in host.sections if section.kind == "files" and not section.within and opens(section)]
    for section in names:
        for folder, path in host.covered:
            named = join(path, section.example() or "")
            inside = path != "/" and folder.kind == "directory" and host.asks_in(folder) and host.covers(section, named)
            if inside and host.asked_for(path) and host.asked_for(named) is None:
                yield Bypass(named, section.entry)


def _in_capitals(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the other spelling of what an expression leads to that does not care about case, or a rule that makes small
    letters of all (`RewriteMap … int:tolower`), where the guard does care."""
    lowering = [*_lowering(host)]
    for section, path in host.covered if lowering else ():
        shouted = path.upper()
        if (rule := host.asks_in(section)) and section.kind == "location" and host.asked_for(shouted) is None:
            yield from (Bypass(shouted, one, rule) for one in lowering if search(one.words()[0], shouted))
    for way in host.ways:
        if way.shouted and (rule := host.asked_for(way.prefix)):
            asking = (one.entry for one in host.sections if host.covers(one, way.prefix) and host.asks_in(one))
            if host.asked_for(way.shouted) is None:
                yield Bypass(way.shouted, next(asking, rule), rule)


def _lowering(host: VirtualHost) -> Iterator[Directive]:
    """Yield the RewriteRules that serve what is asked for by its name in small letters."""
    maps = [entry.words() for entry in host.directives if entry.name.lower() == "rewritemap"]
    names = [words[0] for words in maps if words[1:2] == ["int:tolower"]]
    for entry in host.directives:
        by_name = any(f"${{{name}:" in entry.arguments for name in names)
        if entry.name.lower() == "rewriterule" and by_name and not flags(entry) & ELSEWHERE:
            yield entry


def _dotted(host: VirtualHost) -> Iterator[Bypass]:
    """Yield the paths out of a folder that an expression leads to without a slash after its name: `/static../private/`
    has no segment of dots in it (RFC 3986 section 5.2.4), what it becomes has."""
    folders = [(one, f"{one.text.rstrip('/')}/") for one in host.sections if one.kind == "directory"]
    for way in host.ways:
        folder = re.fullmatch(r"(/.*)/\$\d", way.target)
        if not way.head or way.head.endswith("/") or not folder:
            continue
        above = folder[1].rpartition("/")[0]
        for section, content in [*((one, host.content(path)) for one, path in host.covered), *folders]:
            if (rule := host.asks_in(section)) and below(content, above) and not below(content, folder[1]):
                dotted = f"{way.head}..{content[len(above) :]}"
                if host.asked_for(dotted) is None and way.leads(dotted):
                    yield Bypass(dotted, way.entry, rule)


def _other_spellings(host: VirtualHost) -> Iterator[tuple[Section, str, str]]:
    """Yield what is guarded by its path and proxied, and the same path with a parameter, which nothing guards."""
    for section, path in host.covered:
        if section.kind != "location" or not host.asks_in(section) or "://" not in host.content(path):
            continue
        parts = path.split("/")
        others = (
            "/".join([*parts[:at], f"{parts[at]};x", *parts[at + 1 :]]) for at in range(1, len(parts)) if parts[at]
        )
        same = (named for named in others if host.way(named) is host.way(path) and host.asked_for(named) is None)
        if named := next(same, None):
            yield section, path, named


def left_to_applications(host: VirtualHost) -> Iterator[CoverageGap]:
    """Yield what only the application behind a proxy can say of paths, one line of each kind."""
    for section, path, named in _other_spellings(host):
        if not host.content(path).startswith("ajp:"):
            other = path.upper() if path.upper() != path else path.lower()
            what = f"whether the application takes {named} or {other} for {path}: no rule is about them"
            remedy = (
                "Guard all that it serves (`<Location />`) and let in anybody where that is meant, or see to it there."
            )
            yield CoverageGap(what, section.entry.file, section.entry.line, remedy)
            break
    for line, example in _spared(host):
        path = join(_ANY[0], example)
        left_out = host.asked_for(path) is None or (_undoes(line) and _is_about(line, path))
        if "://" in host.content(path) and host.asked_for(_ANY[0]) and left_out:
            what = f"what the application makes of {path}: this line leaves it out, wherever it lies"
            yield CoverageGap(
                what, line.file, line.line, "Let the expression begin with `^` and a folder that is public."
            )
            break
    yield from _taken_from_requests(host)


def _taken_from_requests(host: VirtualHost) -> Iterator[CoverageGap]:
    """Yield the RewriteRules that take a part of a path from what a client writes (`%1`)."""
    condition = Directive("", "", "", 0)
    for entry in host.directives:
        if entry.name.lower() == "rewritecond":
            condition = entry
        led = entry.name.lower() == "rewriterule" and re.search(r"(?<!\\)%\d", "".join(entry.words()[1:2]))
        if led and not flags(entry) & ELSEWHERE and _WRITTEN.search(condition.arguments):
            what = f"what `{entry.name} {entry.arguments}` leads to: a part of it is as the client writes it"
            yield CoverageGap(what, entry.file, entry.line, "Guard what it may lead to, in a <Directory> or a <Proxy>.")


def _programs(host: VirtualHost) -> Iterator[str]:
    """Yield a path for each kind of program that answers here: by the end of its name, or in a folder of programs."""
    for entry in host.directives:
        name, words = entry.name.lower(), entry.words()
        if name in {"addhandler", "addtype"} and words and _RUNS.search(words[0]):
            yield from (f"/x.{end.lstrip('.')}" for end in words[1:])
        elif name == "scriptalias" and words:
            yield join(words[0], "x")
        elif name == "acceptpathinfo" and entry.value == "on":
            yield "/index.html"
    for section in host.sections:
        handlers = (entry for entry in section.inner() if entry.name.lower() == "sethandler")
        if section.kind == "files" and any(_RUNS.search(entry.arguments) for entry in handlers):
            yield from (f"/{name}" for name in [section.example()] if name)


def _fronts(host: VirtualHost) -> Iterator[str]:
    """Yield the programs that answer for all which is no file (FallbackResource, or a RewriteRule)."""
    for entry in host.directives:
        name, words = entry.name.lower(), [*entry.words(), "", ""]
        for_all = name == "rewriterule" and any(search(words[0], path) for path in _ANY)
        target = words[0] if name == "fallbackresource" else words[1] if for_all else ""
        if found := re.fullmatch(r"(?:%\{DOCUMENT_ROOT\})?/?([\w/-]+\.php)", target):
            yield f"/{found[1]}"


def _undoes(line: Directive) -> bool:
    """Whether a line leaves something out of a rule without being about a place of its own."""
    return line.name.lower() in _UNDOING or line.arguments.startswith("expr ")


def _is_about(line: Directive, path: str) -> bool:
    """Whether the pattern of a RewriteRule is about a path; what other lines are about is known."""
    return line.name.lower() != "rewriterule" or search(line.words()[0].removeprefix("!"), path) is not None


def _spared(host: VirtualHost) -> Iterator[tuple[Directive, str]]:
    """Yield each line that leaves something out of a rule by what its path looks like, with such a path."""
    found: list[tuple[Directive, str | None]] = []
    for section in host.sections:
        if isinstance(section, Conditional) and section.entry.name.lower() in CONDITIONS:
            found += [(section.entry, matching(expression)) for expression, wanted in section.tests if not wanted]
        if section.kind == "location" and section.is_expression and opens(section):
            found.append((section.entry, section.example()))
        if section.kind == "location" and host.asks_in(section) and (ahead := _AHEAD.search(section.text)):
            found.append((section.entry, matching(ahead[1])))
    for entry in host.directives:
        name, words = entry.name.lower(), entry.words()
        if name in _UNDOING and words[0].lower() == "request_uri":
            found.append((entry, matching(words[1])))
        # What stays as it is, and is not looked at by the rules that follow; or is not forbidden as all else is.
        if name == "rewriterule" and words[1:2] == ["-"]:
            left_out = _LAST if not words[0].startswith("!") else {"F"}
            found.append((entry, matching(words[0].removeprefix("!")) if flags(entry) & left_out else None))
        if name in {"require", "sslrequire"} or (name == "rewritecond" and words[0] == "expr"):
            found += [(entry, matching(expression)) for expression, _ in of_paths(entry.arguments)]
        if name == "rewritecond" and words[:1] == ["%{REQUEST_URI}"]:
            expression, wanted = cond_pattern(entry)
            found += [(entry, None if wanted else matching(expression))]
    yield from ((line, example) for line, example in found if example)
