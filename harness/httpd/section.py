"""Which paths does a section of the configuration cover, and in which order are sections merged?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from harness.httpd.conditions import CONDITIONS, PathCondition, conjuncts, exceptions, split_by_path
from harness.httpd.directive import COMMAND_LINE, Directive
from harness.httpd.formula import Not
from harness.httpd.path_sample import example, examples, matching, passes
from harness.httpd.pcre import search, wildcard

PLACES = ("directory", "directorymatch", "files", "filesmatch", "location", "locationmatch", "proxy", "proxymatch")
_LONGEST_PATH = 4096
"""Of how many characters a path may be (PATH_MAX)."""


@dataclass(frozen=True)
class Section:
    """A section that is about some paths only; `within` is the one that it stands in, if any."""

    entry: Directive
    within: "Section | None" = None

    @cached_property
    def kind(self) -> str:
        """`directory`, `files`, `location` or `proxy`."""
        return self.entry.kind.removesuffix("match")

    @cached_property
    def text(self) -> str:
        """The path or pattern that it names."""
        words = self.entry.words
        return "".join(words[1:2] if self.entry.value == "~" else words[:1])

    @cached_property
    def is_expression(self) -> bool:
        """Whether `text` is a regular expression."""
        return self.entry.kind.endswith("match") or self.entry.value == "~"

    @cached_property
    def is_pattern(self) -> bool:
        """Whether `text` has wildcards."""
        return not self.is_expression and not {*self.text}.isdisjoint("*?[")

    @cached_property
    def is_misread(self) -> bool:
        """Whether `text` looks like a regular expression, and is none."""
        looks_like_one = self.text.endswith("$") or any(sign in self.text for sign in ("|", "^", ".*", "\\."))
        return looks_like_one and not self.is_expression

    @property
    def unconditional(self) -> tuple[Directive, ...]:
        """The directives that count at all its places, whatever else holds."""
        return self.entry.body

    def inner(self) -> Iterator[Directive]:
        """Yield the directives inside, through containers that are about no other paths."""
        return inner(self.entry.body)

    def covers(self, url: str, content: str, backend_url: str | None) -> bool:
        """Whether it is about a path, where `content` is served and `backend_url` is the backend URL."""
        if self.within and not self.within.covers(url, content, backend_url):
            return False
        if self.kind == "proxy":
            return backend_url is not None and (
                self.is_expression or self.text == "*" or backend_url.startswith(self.text.rstrip("*"))
            )
        # A rule may lead to a file of another name.
        name = (content if content.startswith("/") else url).rpartition("/")[2]
        where = {"location": url, "directory": content, "files": name}[self.kind]
        if self.is_expression:
            return search(self.text, where) is not None
        if self.kind == "files":
            return search(wildcard(self.text), where) is not None
        if self.is_pattern and self.kind == "location":
            return search(wildcard(self.text, path=True), where) is not None
        if self.is_pattern:
            # A folder's directives count for all below it.
            pattern = wildcard(self.text.rstrip("/"), path=True)
            folders = (where.rstrip("/"), *map(str, PurePosixPath(where).parents))
            return any(search(pattern, folder) for folder in folders)
        return below(where, self.text)

    def spares(self, url: str) -> bool:
        """Whether it excludes this path by name: its expression would match without a look-ahead."""
        ahead = self.text.replace("(?!", "(?:")
        of_paths = self.kind == "location" and self.is_expression
        return of_paths and search(self.text, url) is None and search(ahead, url) is not None

    def example(self) -> str | None:
        """Make a path, or a file's name, that it is about; None where none could be made."""
        if self.is_expression:
            return matching(self.text)
        text = self.text.replace("*", "x").replace("?", "x")
        return matching(wildcard(text, path=True)) if "[" in text else text


@dataclass(frozen=True)
class Conditional(Section):
    """An If, ElseIf, Else or RewriteRule that is about some paths only."""

    condition: PathCondition = field(kw_only=True)

    @cached_property
    def kind(self) -> str:
        """It is about paths, as `location` is."""
        return "location"

    @cached_property
    def is_expression(self) -> bool:
        """Its paths are those that pass a test."""
        return True

    @property
    def unconditional(self) -> tuple[Directive, ...]:
        """The directives inside, unless the condition depends on more than the path."""
        return self.entry.body if self.condition.is_complete else ()

    def inner(self) -> Iterator[Directive]:
        """Yield the condition and the directives that it decides about."""
        return inner(self.condition.directives, split=False)

    def covers(self, url: str, content: str, backend_url: str | None) -> bool:
        """Whether it is about a path."""
        inside = self.within is None or self.within.covers(url, content, backend_url)
        return inside and passes(self.condition.path, url)

    def spares(self, url: str) -> bool:
        """Whether a path passes all tests but those that say which paths are left out."""
        inside = self.within is None or self.within.covers(url, url, None)
        wanted = (part for part in conjuncts(self.condition.path) if not isinstance(part, Not))
        return inside and all(passes(part, url) for part in wanted) and not passes(self.condition.path, url)

    def example(self) -> str | None:
        """Make a path that passes all tests; None where none could be made."""
        return example(self.condition.path)

    def exempt(self) -> list[str]:
        """Make the paths that its tests leave out by name."""
        return [path for left_out in exceptions(self.condition.path) for path in examples(left_out)]


def sections(body: Iterable[Directive], within: Section | None = None, *, split: bool = True) -> Iterator[Section]:
    """Yield the sections that are about some paths only; with `split` the conditions that are so as well, and the
    sections in any other `If`."""
    everywhere, somewhere = split_by_path([*body]) if split else (body, [])
    for condition in somewhere:
        conditional = Conditional(condition.entry, within, condition=condition)
        yield conditional
        yield from sections(condition.entry.body, conditional)
    for entry in everywhere:
        if entry.kind in PLACES:
            section = Section(entry, within)
            yield section
            yield from sections(entry.body, section, split=split)
        elif split and entry.kind in CONDITIONS:
            yield from sections(entry.body, within)


def merged(found: list[Section]) -> list[Section]:
    """Sort sections as httpd merges them (core documentation, "How the sections are merged"): of two that set the same,
    the last one counts."""

    def order(section: Section) -> tuple[int, int, bool]:
        if isinstance(section, Conditional):
            return 5, 0, False
        if section.kind == "directory" and not section.is_expression:
            # A folder's .htaccess is merged after all other sections about the folder.
            return 0, len(section.text.rstrip("/")), section.entry.file == COMMAND_LINE
        # The directives of a folder's section are merged after those of none, in the order of the folders.
        inside = 0
        if section.kind == "files" and section.within:
            kind, length, _ = order(section.within)
            inside = 1 + kind * _LONGEST_PATH + length
        return {"directory": 1, "files": 2, "location": 3, "proxy": 4}[section.kind], inside, False

    return sorted(found, key=order)


def inner(body: Iterable[Directive], *, split: bool = True) -> Iterator[Directive]:
    """Yield what stands in a section, through containers that are about no other paths; `split` leaves out the
    conditions that are about some paths only."""
    entries = split_by_path([*body])[0] if split else body
    for entry in entries:
        yield entry
        if entry.body and entry.kind not in (*PLACES, "virtualhost"):
            yield from inner(entry.body)


def paths(section: Section, urls: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """Yield the paths of a site that a section is about; `urls` yields those at which a folder is served."""
    if isinstance(section, Conditional):
        # In a folder's own rules paths begin after its own.
        inside = section.within is not None and section.within.kind == "directory"
        folders = [*paths(section.within, urls)] if section.within and inside else []
        for path in examples(section.condition.path):
            yield from (path, *(join(folder, path) for folder in folders))
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
        # A path like a folder's is requested with its slash: mod_dir redirects before any guard.
        exact = section.kind != "location" or section.is_expression or section.is_pattern
        folder = not exact and "." not in place.rpartition("/")[2]
        yield f"{place.rstrip('/')}/" if folder else place


def below(path: str, prefix: str) -> bool:
    """Whether a path is another one, or lies below it."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def join(prefix: str, rest: str) -> str:
    """Put two parts of a path together."""
    return f"{prefix.rstrip('/')}/{rest.lstrip('/')}" if rest else prefix
