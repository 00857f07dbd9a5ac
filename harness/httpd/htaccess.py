"""Which .htaccess files does httpd read, and which of those are outside of CONFIG?"""

from collections.abc import Iterable, Iterator, Mapping

from harness.httpd.directive import Directive
from harness.httpd.layout import CoverageGap
from harness.httpd.section import merged, sections

_NAME = ".htaccess"
"""The default of `AccessFileName`."""


def overrides(configuration: Directive, files: Iterable[str]) -> Iterator[str]:
    """Yield those of the files that httpd reads, by their name and by AllowOverride."""
    names = {name for entry in configuration.find("AccessFileName") for name in entry.words} or {_NAME}
    for path in files:
        folder, _, name = path.rpartition("/")
        if name in names and any(_allowed(levels, folder) for levels in _levels(configuration)):
            yield path


def lines(paths: Iterable[str]) -> list[str]:
    """The directives by which httpd itself reads these files where they belong, for its dump alone."""
    return [line for path in paths for line in (f'<Directory "{_folder(path)}">', f'Include "{path}"', "</Directory>")]


def coverage_gaps(configuration: Directive, files: Mapping[str, bytes]) -> Iterator[CoverageGap]:
    """Yield the document roots outside of CONFIG below which httpd would read such files."""
    for levels in _levels(configuration):
        for entry in levels[-1].find("DocumentRoot"):
            root = entry.words[0].rstrip("/")
            allowed = _allowed(levels, root)
            if allowed and not any(path.startswith(f"{root}/") for path in files):
                what = f"the {_NAME} files below {root}, which `{allowed.name} {allowed.arguments}` lets have a say"
                yield CoverageGap(what, allowed.file, allowed.line)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _levels(configuration: Directive) -> Iterator[tuple[Directive, ...]]:
    yield (configuration,)
    yield from ((configuration, host) for host in configuration.find("VirtualHost"))


def _allowed(levels: tuple[Directive, ...], folder: str) -> Directive | None:
    """Find the AllowOverride that counts for a folder; None where it is `None`, as it is by default."""
    found = None
    for section in merged([section for level in levels for section in sections(level.body)]):
        if section.kind == "directory" and section.covers("", folder, None):
            found = next(section.entry.find("AllowOverride"), found)
    return None if found is None or found.value == "none" else found
