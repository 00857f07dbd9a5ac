"""Which paths does a section of the configuration cover, and in which order are sections merged?"""

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.httpd.conditions import CONDITIONS, Test, passes, split_by_path
from harness.httpd.directive import COMMAND_LINE, Directive
from harness.httpd.pcre import search, texts

PLACES = ("directory", "directorymatch", "files", "filesmatch", "location", "locationmatch", "proxy", "proxymatch")
_LONGEST_PATH = 4096
"""Of how many characters a path may be (PATH_MAX)."""
_SIMPLE = ("/x", "/index.html", "/x/y")
"""What is tried first for an expression that looks ahead: what it excludes is not for a generator to know."""


@dataclass(frozen=True)
class Section:
    """A section that is about some paths only; `within` is the one that it stands in, if any."""

    entry: Directive
    within: "Section | None" = None

    @property
    def kind(self) -> str:
        """`directory`, `files`, `location` or `proxy`."""
        return self.entry.name.lower().removesuffix("match")

    @property
    def text(self) -> str:
        """The path or pattern that it names."""
        words = self.entry.words()
        return words[-1] if words else ""

    @property
    def is_expression(self) -> bool:
        """Whether `text` is a regular expression."""
        return self.entry.name.lower().endswith("match") or self.entry.arguments.startswith("~")

    @property
    def is_pattern(self) -> bool:
        """Whether `text` has wildcards."""
        return not self.is_expression and re.search(r"[*?\[]", self.text) is not None

    @property
    def is_misread(self) -> bool:
        """Whether `text` looks like a regular expression, and is none."""
        return not self.is_expression and re.search(r"[|^]|\.\*|\\\.|\$$", self.text) is not None

    @property
    def said(self) -> tuple[Directive, ...]:
        """What it says of all its places, whatever else holds."""
        return self.entry.body

    def inner(self) -> Iterator[Directive]:
        """Yield what stands in it, through containers that are about no other paths."""
        return inner(self.entry)

    def covers(self, url: str, content: str, asked: str | None) -> bool:
        """Whether it is about a path, where `content` is served and `asked` is what a proxy asks for it."""
        if self.within and not self.within.covers(url, content, asked):
            return False
        if self.kind == "proxy":
            return asked is not None and (
                self.is_expression or self.text == "*" or asked.startswith(self.text.rstrip("*"))
            )
        # A rule may lead to a file of another name.
        name = (content if content.startswith("/") else url).rpartition("/")[2]
        where = {"location": url, "directory": content, "files": name}[self.kind]
        if self.is_expression:
            return search(self.text, where) is not None
        if self.kind == "files":
            return fnmatch.fnmatchcase(name, self.text)
        if self.is_pattern:
            # A folder's rules are those of all below it; a location's pattern is one of whole paths.
            below_it = "" if self.kind == "location" else "(/.*)?"
            return search(f"^{_wild(self.text.rstrip('/') if below_it else self.text)}{below_it}$", where) is not None
        return below(where, self.text)

    def spares(self, url: str) -> bool:
        """Whether an expression about paths leaves out this one by name: by what it looks ahead for, and not at."""
        ahead = self.text.replace("(?!", "(?:")
        of_paths = self.kind == "location" and self.is_expression and ahead != self.text
        return of_paths and search(ahead, url) is not None and search(self.text, url) is None

    def example(self) -> str | None:
        """Make a path, or a file's name, that it is about; None where none could be made."""
        if self.is_expression:
            return matching(self.text)
        return re.sub(r"\[[^\]]*\]", lambda found: found[0][1], self.text.replace("*", "x").replace("?", "x"))


@dataclass(frozen=True)
class Conditional(Section):
    """What a condition on the path makes of an `If`, or of a RewriteRule: `tests` are all that the path must pass."""

    tests: tuple[Test, ...] = ()

    @property
    def kind(self) -> str:
        """It is about paths, as `location` is."""
        return "location"

    @property
    def is_expression(self) -> bool:
        """It is about what expressions match."""
        return True

    @property
    def said(self) -> tuple[Directive, ...]:
        """What it says of all its places: nothing, where more than the path is asked."""
        return tuple(entry for part in self.entry.body if not part.arguments for entry in part.body)

    def covers(self, url: str, content: str, asked: str | None) -> bool:
        """Whether it is about a path."""
        inside = self.within is None or self.within.covers(url, content, asked)
        return inside and self._passes(url)

    def spares(self, url: str) -> bool:
        """Whether a path passes all tests but those that say which paths are left out."""
        inside = self.within is None or self.within.covers(url, url, None)
        wanted = all(passes(test, url) for test in self.tests if test[1])
        return inside and wanted and not self._passes(url)

    def example(self) -> str | None:
        """Make a path that passes all tests; None where none could be made."""
        made = [matching(expression) for expression, wanted in self.tests if wanted]
        tried = (path if path.startswith("/") else f"/{path}" for path in (*filter(None, made), "/", *_SIMPLE))
        return next(filter(self._passes, tried), None)

    def _passes(self, path: str) -> bool:
        return all(passes(test, path) for test in self.tests)


def sections(level: Directive, within: Section | None = None) -> Iterator[Section]:
    """Yield the sections of a level that are about some paths only; those of any other `If` count as its own."""
    everywhere, somewhere = split_by_path(level.body)
    for entry, tests in somewhere:
        conditional = Conditional(entry, within, tests)
        yield conditional
        for part in entry.body:
            yield from sections(part, conditional)
    for entry in everywhere:
        name = entry.name.lower()
        if name in CONDITIONS:
            yield from sections(entry, within)
        elif name in PLACES:
            section = Section(entry, within)
            yield section
            yield from sections(entry, section)


def merged(found: list[Section]) -> list[Section]:
    """Sort sections as httpd merges them (core documentation, "How the sections are merged"): of two that set the same,
    the last one counts."""

    def order(section: Section) -> tuple[int, int, bool]:
        if isinstance(section, Conditional):
            return 5, 0, False
        if section.kind == "directory" and not section.is_expression:
            # What stands in a folder's .htaccess comes after all that is said of the folder elsewhere.
            return 0, len(section.text.rstrip("/")), section.entry.file == COMMAND_LINE
        # What stands in a folder's section comes after what stands in none, in the order of the folders.
        inside = 0
        if section.kind == "files" and section.within:
            kind, length, _ = order(section.within)
            inside = 1 + kind * _LONGEST_PATH + length
        return {"directory": 1, "files": 2, "location": 3, "proxy": 4}[section.kind], inside, False

    return sorted(found, key=order)


def inner(section: Directive) -> Iterator[Directive]:
    """Yield what stands in a section, through containers that are about no other paths."""
    for entry in split_by_path(section.body)[0]:
        yield entry
        if entry.body and entry.name.lower() not in (*PLACES, "virtualhost"):
            yield from inner(entry)


def paths(section: Section, urls: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """Yield the paths of a site that a section is about; `urls` yields those at which a folder is served."""
    if isinstance(section, Conditional):
        if example := section.example():
            # In a folder's own rules paths begin after its own.
            inside = section.within is not None and section.within.kind == "directory"
            folders = paths(section.within, urls) if section.within and inside else ()
            yield from (example, *(join(folder, example) for folder in folders))
        return
    if section.within and section.within.kind in ("directory", "location"):
        for above in paths(section.within, urls):
            yield from (join(above, name) for name in [section.example()] if name)
        return
    example = section.example()
    if example is None or section.kind == "proxy":
        return
    if section.kind == "directory":
        yield from (path if path.endswith("/") else f"{path}/" for path in urls(example.rstrip("/") or "/"))
    else:
        place = example if example.startswith("/") else f"/{example}"
        # What looks like a folder is asked for as one: mod_dir redirects before any guard is asked.
        exact = section.kind != "location" or section.is_expression or section.is_pattern
        folder = not exact and "." not in place.rpartition("/")[2]
        yield f"{place.rstrip('/')}/" if folder else place


def _wild(pattern: str) -> str:
    """A regular expression for a pattern whose wildcards match no slash."""
    parts = re.findall(r"\[[^\]]*\]|.", pattern)
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(part, part if part[1:] else re.escape(part)) for part in parts)


def below(path: str, prefix: str) -> bool:
    """Whether a path is another one, or lies below it."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def join(prefix: str, rest: str) -> str:
    """Put two parts of a path together."""
    return f"{prefix.rstrip('/')}/{rest.lstrip('/')}" if rest else prefix


def matching(expression: str) -> str | None:
    """Make a path, or a file's name, that an expression matches, always the same one; None where none is found."""
    for simple in _SIMPLE:
        if re.search(r"\(\?[!=]", expression) and search(expression, simple):
            return simple
    for text in texts(expression):
        # A name that is all suffix is an unusual one.
        for candidate in (f"x{text}", text) if text.startswith(".") else (text,):
            if re.fullmatch(r"[\w./~-]+", candidate) and search(expression, candidate):
                return candidate
    return None
