"""Which directives are in force, and where do they stand, by httpd's own dump (mod_info)?"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from harness.httpd.arguments import rewrite_words, words
from harness.httpd.withdrawn import restored

COMMAND_LINE = "-c/-C directives"
"""What httpd calls the file of a directive that it was given as an argument."""
_MACRO = re.compile(r"macro '[^']*' \(defined on line (\d+) of \"([^\"]+)\"\)")
_QUOTES = "\"'"
_INDENT = 2
"""By how many blanks the dump indents what stands in a section."""


@dataclass(frozen=True)
class Directive:
    """One directive as httpd understood it; a section also has the directives inside it, in `body`.

    `file` is relative to the configuration. `withdrawn` says that it was taken out of the copy: httpd ran without it.
    """

    name: str
    arguments: str
    file: str
    line: int
    body: tuple["Directive", ...] = ()
    withdrawn: bool = False

    @cached_property
    def kind(self) -> str:
        """Its name in lower case: httpd ignores case there."""
        return self.name.lower()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its arguments, split as httpd does for a directive of its kind."""
        split = rewrite_words if self.kind in {"rewriterule", "rewritecond"} else words
        return tuple(split(self.arguments))

    @property
    def value(self) -> str:
        """Its first argument in lower case; "" if it has none."""
        return next(iter(self.words), "").lower()

    def find(self, name: str) -> Iterator["Directive"]:
        """Yield the directives of this name that stand directly inside."""
        return (entry for entry in self.body if entry.kind == name.lower())

    def mentions(self, text: str) -> bool:
        """Whether this text, in lower case, stands anywhere in the arguments."""
        return text in self.arguments.lower()


@dataclass(frozen=True)
class Places:
    """Where in the configuration a directive stands that httpd names by file and line. `origin` names the files as the
    reader knows them, `files` are their contents; both by their paths in the container."""

    origin: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def locate(self, file: str, line: int) -> tuple[str, int]:
        """Return the file and the first line of a directive. httpd counts the last one where a backslash continues it,
        and inside a macro it counts from the macro's definition."""
        macro = _MACRO.match(file)
        path = macro[2] if macro else file
        content = self.files.get(path, b"")
        found = _of_a_macro(content, int(macro[1])).get(line, line) if macro else _first_line(content, line)
        return self.origin.get(path, path), found


def walk(section: Directive) -> Iterator[Directive]:
    """Yield every directive inside a section, at any depth."""
    for entry in section.body:
        yield entry
        yield from walk(entry)


def parse(dump: str, origin: Mapping[str, str], files: Mapping[str, bytes] = MappingProxyType({})) -> Directive:
    """Read what `DUMP_CONFIG` prints: directives, indented by the sections that they stand in, before each its file and
    line in comments. A section in which nothing stands has no closing line there.

    `origin` and `files` are those of `Places`. What a macro holds stands where the macro was written; what an alias of
    a provider stands for (`AuthzProviderAlias`), in each Require that names it.
    """
    stack: list[tuple[str, str, str, int, list[Directive]]] = [("", "", "", 0, [])]
    named, file, line = "", "", 0
    places = Places(origin, files)

    def close(depth: int) -> None:
        while len(stack) > depth + 1:
            name, arguments, where, opened, body = stack.pop()
            stack[-1][4].append(Directive(name, arguments, where, opened, tuple(body)))

    for indented in dump.splitlines():
        text = indented.strip()
        if found := re.fullmatch(r"# In file: (.*)", text):
            named = found[1]
        elif found := re.fullmatch(r"# +(\d+):", text):
            file, line = places.locate(named, int(found[1]))
        elif text and line:
            close((len(indented) - len(indented.lstrip())) // _INDENT)
            if found := re.fullmatch(r"<(\w+) ?(.*)>", text):
                stack.append((found[1], found[2], file, line, []))
            elif not text.startswith("</"):
                name, _, arguments = text.partition(" ")
                taken_out = restored(name, arguments)
                name, arguments = taken_out or (name, arguments)
                stack[-1][4].append(Directive(name, arguments, file, line, withdrawn=taken_out is not None))
    close(0)
    whole = Directive("", "", "", 0, tuple(stack[0][4]))
    aliases = [[*entry.arguments.split(None, 2), ""][:3] for entry in whole.find("AuthzProviderAlias")]
    providers = {name: f"{kind} {text if kind == 'expr' else text.strip(_QUOTES)}" for kind, name, text in aliases}
    return _spelled_out(whole, providers)


@functools.cache
def _of_a_macro(content: bytes, defined: int) -> Mapping[int, int]:
    """The lines that the directives of a macro stand in, as httpd counts them: without comments, and what goes on after
    a backslash as one."""
    found: dict[int, int] = {}
    goes_on = False
    for number, line in enumerate(content.decode(errors="replace").splitlines()[defined:], defined + 1):
        if not goes_on and not line.lstrip().startswith("#"):
            found[len(found) + 1] = number
        goes_on = line.endswith("\\")
    return found


def _first_line(content: bytes, last: int) -> int:
    """The first of the lines that backslashes join to the last one."""
    lines = _lines(content)
    first = last
    while 1 < first <= len(lines) and lines[first - 2].endswith(b"\\"):
        first -= 1
    return first


@functools.cache
def _lines(content: bytes) -> list[bytes]:
    return content.splitlines()


def _spelled_out(entry: Directive, aliases: Mapping[str, str]) -> Directive:
    *before, name = entry.arguments.split() or [""]
    if entry.kind == "require" and name in aliases:
        return replace(entry, arguments=" ".join([*before, aliases[name]]))
    return replace(entry, body=tuple(_spelled_out(part, aliases) for part in entry.body))
