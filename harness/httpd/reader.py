"""Which directives stand in the files of a configuration, read without httpd?

httpd's own dump (`directive.parse`) knows more: the loaded modules, the variables of `-D`. Sections that depend on
those are included here, and reported as uncertain.
"""

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import takewhile
from pathlib import Path

from harness.httpd.arguments import words
from harness.httpd.directive import Directive
from harness.httpd.layout import CoverageGap, Layout

_SECTION = re.compile(r"<(\w+)\s*(.*?)>?\s*$")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_CONDITIONS = {"ifdefine", "ifmodule", "ifversion", "iffile", "ifdirective", "ifsection"}
_MOST_INCLUDES = 1000
_DEEPEST = 50
"""Includes and macros inside each other: more is a circle."""
_BY_HTTPD = "Run `mtls-harness verify`: there httpd itself resolves the configuration."


@dataclass(frozen=True)
class Written:
    """The directives in the files of a configuration, and the conditions that only httpd itself can evaluate."""

    configuration: Directive
    uncertain: tuple[CoverageGap, ...]


def read_written(layout: Layout) -> Written:
    """Read a configuration's files, with what they include: from CONFIG, else from this machine."""
    reader = _Reader(layout, dict(layout.environment))
    body: list[Directive] = []
    main = layout.main if layout.main in layout.files else next(iter(layout.files))
    reader.read(main, body)
    return Written(Directive("", "", "", 0, tuple(body)), tuple(dict.fromkeys(reader.uncertain)))


@dataclass
class _Reader:
    layout: Layout
    defined: dict[str, str]
    uncertain: list[CoverageGap] = field(default_factory=list)
    _macros: dict[str, tuple[list[str], list[tuple[int, str]], str]] = field(default_factory=dict)
    """The parameters of each macro, its lines, and its file."""
    _includes: int = 0
    _depth: int = 0

    def read(self, path: str, body: list[Directive]) -> None:
        """Append the directives of a file, by its path in the container, or on this machine."""
        content, name = self._content(path)
        self._nested(_logical_lines(content), name, body)

    def _nested(self, lines: Iterator[tuple[int, str]], file: str, body: list[Directive]) -> None:
        self._depth += 1
        self._section(lines, file, body, "")
        self._depth -= 1

    def _content(self, path: str) -> tuple[str, str]:
        content = self.layout.files.get(path)
        if content is None:
            content = Path(path).read_bytes()
        return content.decode(errors="replace"), self.layout.origin.get(path, path)

    def _section(self, lines: Iterator[tuple[int, str]], file: str, body: list[Directive], ends: str) -> None:
        """Read lines up to the end of a section, `ends`, in lower case."""
        for number, text in lines:
            if text.startswith("</"):
                if text[2:].rstrip(">").strip().lower() == ends:
                    return
            elif found := _SECTION.match(text):
                self._open(found[1], self._resolved(found[2]), lines, file, number, body)
            else:
                name, _, arguments = text.partition(" ")
                self._plain(Directive(name, self._resolved(arguments.strip()), file, number), body)

    def _open(
        self, name: str, arguments: str, lines: Iterator[tuple[int, str]], file: str, number: int, body: list[Directive]
    ) -> None:
        kind, inside = name.lower(), list[Directive]()
        if kind == "macro":
            self._define(arguments, lines, file)
            return
        known = dict(self.defined)
        self._section(lines, file, inside, kind)
        if kind not in _CONDITIONS:
            body.append(Directive(name, arguments, file, number, tuple(inside)))
            return
        holds = self._holds(kind, arguments, known, file, number)
        if holds:
            body.extend(inside)
        else:
            self.defined = known

    def _holds(self, kind: str, arguments: str, known: Mapping[str, str], file: str, number: int) -> bool:
        """Whether the condition of a section is true. One that only httpd can evaluate is true, and is reported."""
        negated, tested = arguments.startswith("!"), arguments.lstrip("!").strip().strip('"')
        if kind == "ifdefine" and tested in known:
            return not negated
        if kind == "ifmodule":
            # The section for a missing module is an alternative to the one for the usual module.
            return not negated
        if kind == "ifdefine" and negated:
            return True
        self._doubt(f"whether `<{kind} {arguments}>` is true; its directives are examined", file, number)
        return True

    def _plain(self, entry: Directive, body: list[Directive]) -> None:
        kind, arguments = entry.kind, entry.words
        if kind in {"include", "includeoptional"} and arguments:
            self._include(arguments[0], entry, body)
        elif kind == "define" and arguments:
            self.defined[arguments[0]] = arguments[1] if len(arguments) > 1 else ""
        elif kind == "undefine" and arguments:
            self.defined.pop(arguments[0], None)
        elif kind == "use" and arguments:
            self._use(arguments, entry, body)
        else:
            body.append(entry)
            if kind.startswith(("ssl", "auth")) and (unset := _VARIABLE.search(entry.arguments)):
                self._doubt(f"`{entry.name} {entry.arguments}`: {unset[0]} is not set here", entry.file, entry.line)

    def _define(self, arguments: str, lines: Iterator[tuple[int, str]], file: str) -> None:
        name, *parameters = words(arguments) or [""]
        inside = list(takewhile(lambda line: not re.match(r"</Macro\b", line[1], re.IGNORECASE), lines))
        self._macros[name.lower()] = (parameters, inside, file)

    def _use(self, arguments: Sequence[str], entry: Directive, body: list[Directive]) -> None:
        """Append the directives of a macro, with its arguments in the place of its parameters (mod_macro)."""
        name, *values = arguments
        self._includes += 1
        if name.lower() not in self._macros or self._depth > _DEEPEST or self._includes > _MOST_INCLUDES:
            self._doubt(f"the directives of the macro in `Use {entry.arguments}`", entry.file, entry.line)
            return
        parameters, lines, file = self._macros[name.lower()]
        # A parameter may begin with the name of another one.
        pairs = sorted(zip(parameters, values, strict=False), key=lambda pair: -len(pair[0]))

        def replaced(text: str) -> str:
            return reduce(lambda text, pair: text.replace(*pair), pairs, text)

        self._nested(((number, replaced(text)) for number, text in lines), file, body)

    def _include(self, pattern: str, entry: Directive, body: list[Directive]) -> None:
        path = posixpath.normpath(posixpath.join(self.layout.root, pattern))
        found = _matching(path, self.layout.files, _on_disk)
        self._includes += len(found)
        if self._includes > _MOST_INCLUDES or self._depth > _DEEPEST:
            self._doubt(f"`{entry.name} {entry.arguments}`: too many files, or a circle", entry.file, entry.line)
            return
        for one in found:
            self.read(one, body)
        if not found and (entry.kind == "include" or not _is_pattern(path)):
            self._doubt(f"the files of `{entry.name} {entry.arguments}`, which are not here", entry.file, entry.line)

    def _resolved(self, text: str) -> str:
        return _VARIABLE.sub(lambda found: self.defined.get(found[1], found[0]), text)

    def _doubt(self, what: str, file: str, line: int) -> None:
        self.uncertain.append(CoverageGap(what, file, line, _BY_HTTPD))


def _logical_lines(content: str) -> Iterator[tuple[int, str]]:
    """Yield each directive's line with its number; a line that ends with a backslash goes on in the next one."""
    start, kept = 0, ""
    for number, line in enumerate(content.splitlines(), 1):
        start = start or number
        if line.endswith("\\"):
            kept += line[:-1]
            continue
        text = " ".join((kept + line).split("\t")).strip()
        if text and not text.startswith("#"):
            yield start, text
        start, kept = 0, ""


def _is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[")


def _matching(path: str, files: Iterable[str], disk: Callable[[str], list[str]]) -> list[str]:
    """Find the files that an Include names: one, those of a pattern, or all below a folder, in httpd's order."""
    depth = path.count("/")
    inside = sorted(
        name
        for name in files
        if (name.count("/") == depth and fnmatch.fnmatchcase(name, path)) or name.startswith(f"{path}/")
    )
    return inside or disk(path)


def _on_disk(path: str) -> list[str]:
    found = sorted(Path("/").glob(path.lstrip("/"))) if path != "/" else []
    every = [one for start in found for one in (sorted(start.rglob("*")) if start.is_dir() else [start])]
    return [str(one) for one in every if _is_text(one)]


def _is_text(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            start = stream.read(1 << 16)
    except OSError:
        return False
    return b"\0" not in start and b"PRIVATE KEY-----" not in start
