"""How must the copy change so that this httpd takes it, and what is not tested for that?

httpd names one obstacle at a time: a directive that it does not know, a module or a file that is not there.
"""

import fnmatch
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.engine.filesystem import Filesystem
from harness.engine.httpd_image import HttpdImage
from harness.httpd import obsolete
from harness.httpd.directive import Directive, walk
from harness.httpd.foreign import TO_TEST, ForeignModule, Role, module_named, module_of
from harness.httpd.layout import ConfigurationError, CoverageGap, Layout
from harness.httpd.stand_in import stand_in
from harness.httpd.withdrawn import directive_at, withdraw

_WHERE = re.compile(r"Syntax error on line (\d+) of ([^\n]+?):[\s]")
_UNKNOWN_DIRECTIVE = re.compile(r"Invalid command '<?/?([^']+)'")
_UNKNOWN_PROVIDER = re.compile(r"Unknown (?:Authz|Authn|DAV) provider: (\S+)")
_NO_MODULE = re.compile(r"Cannot load (\S+) into server: \S+: cannot open shared object file")
_NO_SYMBOL = re.compile(r"Cannot load (\S+) into server: \S+: undefined symbol: (\w+)")
_NO_PROTOCOL = re.compile(r"SSLv[23](?: is no longer| not) supported")
_NO_FILE = re.compile(r"Could not open (?:configuration file|directory) (\S+): No such file or directory")
_NO_MATCH = re.compile(r"No matches for the wildcard '([^']+)' in '([^']+)'")
STOCK = re.compile(r"/(conf\.modules\.d|mods-enabled|mods-available)/[^/]*$|/(ports|extra/httpd-(mpm|default))\.conf$")
"""Files of a distribution that load modules, or that say how httpd runs: the skeleton has the like."""
_HANDLER = "a stand-in answers in its place"


@dataclass(frozen=True)
class Missing:
    """An Include whose file is not in CONFIG."""

    path: str
    file: str
    line: int


@dataclass(frozen=True)
class _Change:
    """One directive of the copy that was removed or replaced."""

    reason: str
    text: str
    file: str
    line: int
    remedy: str = TO_TEST


@dataclass
class Adaptation:
    """The changes that httpd's errors made necessary."""

    layout: Layout
    missing: list[Missing] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    """Modules of httpd's own that another one needs, and that the configuration does not load."""
    _changes: list[_Change] = field(default_factory=list)
    _withdrawn: set[str] = field(default_factory=set)

    def apply(self, error: str, filesystem: Filesystem, image: HttpdImage) -> bool:
        """Change the copy as httpd's error message requires; False if the error is the user's mistake."""
        # The innermost file comes last.
        line, path = next(reversed([(int(one[1]), one[2]) for one in _WHERE.finditer(error)]), (0, ""))
        content = filesystem.files.get(path)
        if content is None:
            return False
        text, _ = directive_at(content, line)
        if module := _NO_MODULE.search(error):
            new = self._without_module(module[1], text, path, line, filesystem)
        elif symbol := _NO_SYMBOL.search(error):
            return self._load_first(module_name(symbol[1]), text, path, line, image)
        elif unknown := _UNKNOWN_DIRECTIVE.search(error):
            new = self._without_directive(unknown[1], text, path, line)
        elif provider := _UNKNOWN_PROVIDER.search(error):
            self._note(f"who is admitted by `{provider[1]}`, which is of another module", text, path, line)
            new = ""
        elif _NO_PROTOCOL.search(error) and (changed := obsolete.without_old_protocols(text)):
            self._note("SSLv2 and SSLv3, which OpenSSL no longer has", text, path, line, "Remove them.")
            new = changed
        elif gone := _NO_FILE.search(error) or _NO_MATCH.search(error):
            return self._without_file(gone, path, line, filesystem)
        else:
            return False
        if new is None:
            return False
        filesystem.files[path] = withdraw(filesystem.files[path], line, new or None)
        return True

    def leave_out_suites(self, configuration: Directive, filesystem: Filesystem) -> dict[str, bytes]:
        """Leave out each SSLCipherSuite that names no suite OpenSSL still has, which keeps httpd from starting; returns
        the files that changed."""
        found = [
            entry
            for entry in walk(configuration)
            if entry.kind == "sslciphersuite" and self.layout.path_of(entry.file) in filesystem.files
            if not _has_suites(entry.words)
        ]
        for entry in found:
            remedy = "`SSLCipherSuite HIGH:!aNULL`, for example."
            path, text = self.layout.path_of(entry.file) or "", f"{entry.name} {entry.arguments}"
            self._note("cipher suites that OpenSSL no longer has", text, path, entry.line, remedy)
        return self.leave_out(found, filesystem)

    def leave_out(self, entries: Iterable[Directive], filesystem: Filesystem) -> dict[str, bytes]:
        """Put a comment in place of each of these directives that is in a file of the copy; returns the files that
        changed."""
        changed: dict[str, bytes] = {}
        for entry in entries:
            path = self.layout.path_of(entry.file) or entry.file
            if content := filesystem.files.get(path):
                text = f"# {entry.name} {entry.arguments}"
                changed[path] = filesystem.files[path] = withdraw(content, entry.line, text)
        return changed

    def check(self) -> None:
        """Check that every included file is there, unless the user accepts missing ones.

        Raises:
            ConfigurationError: some are not; the message names all of them.
        """
        if self.missing and not self.layout.ignore_missing:
            listed = "\n".join(f"{one.file}:{one.line}: {one.path}" for one in self.missing)
            raise ConfigurationError(
                f"Included files that are not in CONFIG:\n{listed}\n"
                "Copy them into CONFIG, name a folder that holds them (--include-dir DIR), or run without them "
                "(--ignore-missing)."
            )

    def not_run(self) -> str | None:
        """The message that missing files may decide which clients are admitted; None if no file is missing."""
        if not self.missing:
            return None
        listed = ", ".join(one.path for one in self.missing)
        return f"Not decided: what {listed} would change, which CONFIG includes and does not hold."

    def gaps(self) -> Iterator[CoverageGap]:
        """Yield what is not tested: one entry for each module and file."""
        grouped: dict[tuple[str, str], list[_Change]] = {}
        for change in self._changes:
            grouped.setdefault((change.reason, change.file), []).append(change)
        for (reason, file), changes in grouped.items():
            named = dict.fromkeys(change.text.split()[0].strip("<>") for change in changes)
            lines = ", ".join(
                f"{name} ({_lines([one.line for one in changes if one.text.split()[0].strip('<>') == name])})"
                for name in named
            )
            yield CoverageGap(f"{reason}: {lines}", file, changes[0].line, changes[0].remedy)
        for one in self.missing:
            yield CoverageGap(f"the file {one.path}, which is not in CONFIG", one.file, one.line)

    def _note(self, reason: str, text: str, path: str, line: int, remedy: str = TO_TEST) -> None:
        origin = self.layout.origin.get(path, path)
        self._changes.append(_Change(reason, text.strip(), origin, line, remedy))

    def _without_module(self, file: str, text: str, path: str, line: int, filesystem: Filesystem) -> str | None:
        """Take out a LoadModule. What stands in `<IfModule>` of the module counts as if the module were there."""
        name = module_name(file)
        if name in obsolete.MODULES:
            self._note(f"mod_{name}, which this httpd does not have", text, path, line, "Remove it.")
            return f"# {text.strip()}"
        module = module_named(name)
        self._withdrawn.add(name)
        self._note(_reason(module), text, path, line)
        for other, content in filesystem.files.items():
            filesystem.files[other] = as_if_loaded(content, name)
        return f"# {text.strip()}"

    def _load_first(self, name: str, text: str, path: str, line: int, image: HttpdImage) -> bool:
        """Load the module that another one builds on: httpd names that after it (`cache_disk` builds on `cache`)."""
        parts = name.split("_")
        longer = ["_".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
        base = next((one for one in longer if f"mod_{one}.so" in image.module_files), None)
        if base is None or base in self.modules:
            return False
        self.modules.append(base)
        remedy = f"Write `LoadModule {base}_module` before it: httpd does not start without."
        self._note(f"this file as it is: it does not load mod_{base}, which mod_{name} needs", text, path, line, remedy)
        return True

    def _without_directive(self, name: str, text: str, path: str, line: int) -> str | None:
        """The line to stand in place of an unknown directive; None where it is no module's, "" for a withdrawn one."""
        if obsolete.is_obsolete(name):
            self._note("directives that httpd 2.4 does not have", text, path, line, "Remove them.")
            return f"# {text.strip()}"
        module = module_of(name)
        if module is None:
            return None
        self._note(_reason(module, name), text, path, line)
        return stand_in(text) or ""

    def _without_file(self, gone: re.Match[str], path: str, line: int, filesystem: Filesystem) -> bool:
        """Put an empty file where an Include wants one."""
        wanted = gone[1] if gone.re is _NO_FILE else f"{gone[2]}/{gone[1]}"
        if gone.re is _NO_FILE and gone[0].startswith("Could not open directory"):
            wanted = f"{wanted}/*.conf"
        if found := _elsewhere(wanted, self.layout.included):
            filesystem.files.update(found)
            return True
        if not STOCK.search(wanted):
            self.missing.append(Missing(wanted, self.layout.origin.get(path, path), line))
        folder = str(PurePosixPath(wanted).parent)
        example = re.sub(r"[*?]|\[[^]]*\]", "x", PurePosixPath(wanted).name)
        filesystem.files[f"{folder}/{example}"] = b"# Not in CONFIG.\n"
        return True


def _elsewhere(wanted: str, included: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the user's other folders that an Include names, by their path in the container: found by the longest
    suffix of the path."""
    parts = PurePosixPath(wanted).parts[1:]
    for start in range(len(parts)):
        pattern = "/".join(parts[start:])
        folder = PurePosixPath(wanted).parent
        if names := [name for name in included if fnmatch.fnmatchcase(name, pattern)]:
            return {f"{folder}/{PurePosixPath(name).name}": included[name] for name in names}
    return {}


def _has_suites(arguments: Sequence[str]) -> bool:
    """Whether OpenSSL has any suite of TLS 1.2 that a list names; another protocol's list is taken to be right."""
    if len(arguments) != 1:
        return True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(arguments[0])
    except ssl.SSLError:
        return False
    return True


def module_name(file: str) -> str:
    """The name of a module by its file (`modules/mod_wsgi.so`)."""
    return file.rpartition("/")[2].removesuffix(".so").removeprefix("mod_").removeprefix("lib")


def as_if_loaded(content: bytes, name: str) -> bytes:
    """Make `<IfModule>` true for a module that is not loaded, and `<IfModule !…>` false."""
    condition = re.compile(
        rf"^([ \t]*<IfModule[ \t]+!?)(?:mod_{re.escape(name)}\.c|{re.escape(name)}_module)(?=[ \t]*>)".encode(),
        re.MULTILINE | re.IGNORECASE,
    )
    return condition.sub(rb"\1core.c", content)


def _reason(module: ForeignModule, directive: str = "") -> str:
    role = module.role_of(directive) if directive else module.role
    if role is Role.CONTENT:
        return f"the application behind mod_{module.name} ({_HANDLER})"
    if role is Role.ADMISSION:
        return f"what mod_{module.name} decides, which this httpd does not have"
    return f"what mod_{module.name} does, which this httpd does not have"


def _lines(numbers: list[int]) -> str:
    found = list(dict.fromkeys(numbers))
    return f"line{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"
