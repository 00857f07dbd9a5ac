"""Which Debian package has a module that httpd lacks, and in which image is it installed?"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from docker.errors import APIError

from harness.engine.client import LABEL, ServerError, engine, owner
from harness.engine.images import image
from harness.httpd.foreign import Role, module_named, module_of
from harness.httpd.layout import CoverageGap, Layout

_NO_MODULE = re.compile(r"Cannot load \S*?([^/\s]+\.so) into server: \S+: cannot open shared object file")
_UNKNOWN_DIRECTIVE = re.compile(r"Invalid command '(<?[^'>]+)")
_LOADED = re.compile(rb"^[ \t]*LoadModule[ \t]+\w+[ \t]+\"?(?:[^\s\"]*/)?([^/\s\"]+\.so)", re.MULTILINE | re.IGNORECASE)
_NAMED = re.compile(rb"^[ \t]*<?([A-Za-z]\w+)", re.MULTILINE)


@dataclass(frozen=True)
class _Module:
    """One line of the index: a module's file, its package, and the words in it. Its directives are among these."""

    package: str
    file: str
    words: frozenset[str]


@dataclass
class Packages:
    """Debian's packages of modules, for the project's own image of httpd.

    `image` is the tag of the image with the packages installed so far. `refusal` is the reason why no package is
    available; then the run continues without. `progress` is called at an installation.
    """

    image: str
    progress: Callable[[str, int, int], None]
    installed: set[str] = field(default_factory=set)
    refusal: str | None = None

    def install(self, error: str, layout: Layout) -> bool:
        """Install what httpd's error message names as missing, and whatever else CONFIG will need; False where no
        package has it, or where the module would not help.

        An application is not in CONFIG, and no client of the run can log in elsewhere. A limit of the rate is for one
        client, and a run has many.
        """
        if self.refusal or not (found := _NO_MODULE.search(error) or _UNKNOWN_DIRECTIVE.search(error)):
            return False
        try:
            wanted = {*self._packages(found[1]), *self._all(layout)} if any(self._packages(found[1])) else set()
            if wanted <= self.installed:
                return False
            self.progress("packages", 0, 1)
            packages = " ".join(sorted(self.installed | wanted))
            tag = image("packages", on=image("httpd"), arguments=_arguments() | {"PACKAGES": packages})
        except (ServerError, APIError) as refusal:
            self.refusal = str(refusal)
            return False
        self.image, self.installed = tag, self.installed | wanted
        return True

    def gaps(self) -> Iterator[CoverageGap]:
        """Yield the installed packages, or the reason why none is available."""
        if self.installed:
            named = ", ".join(sorted(self.installed))
            what = f"what the modules of {named} (Debian) make of requests that this run does not send"
            yield CoverageGap(what, "", 1, "See to their rules yourself.")
        if self.refusal:
            why = self.refusal.splitlines()[0]
            remedy = "Name a mirror in MTLS_DEBIAN_MIRROR, or an image that has the modules with --image."
            yield CoverageGap(f"modules of other packages, which could not be installed ({why})", "", 1, remedy)

    @property
    def files(self) -> frozenset[str]:
        """The files of the modules that are installed."""
        if not self.installed:
            return frozenset()
        return frozenset(one.file for one in self._index if one.package in self.installed)

    @cached_property
    def _index(self) -> tuple[_Module, ...]:
        tag = image("modules", on=image("httpd"), arguments=_arguments())
        text = engine().containers.run(tag, remove=True, network_mode="none", labels={LABEL: owner()})
        lines = (line.split(" ") for line in text.decode().splitlines())
        return tuple(_Module(package, file, frozenset(words)) for package, file, *words in lines)

    def _packages(self, name: str) -> Iterator[str]:
        """The package of a module's file, or of a directive (`<Perl`), if the module decides by itself."""
        is_file = name.endswith(".so")
        module = module_named(name.removesuffix(".so").removeprefix("mod_")) if is_file else module_of(name)
        if module and module.role is not Role.ADMISSION:
            return
        found = (one for one in self._index if (one.file == name if is_file else name in one.words))
        if first := next(found, None):
            yield first.package

    def _all(self, layout: Layout) -> Iterator[str]:
        for content in layout.files.values():
            for file in _LOADED.findall(content):
                yield from self._packages(file.decode())
            if layout.is_snippet:
                names = {name.decode() for name in _NAMED.findall(content)}
                for name in filter(module_of, sorted(names)):
                    yield from self._packages(name)


def _arguments() -> dict[str, str]:
    return {"DEBIAN_MIRROR": os.environ.get("MTLS_DEBIAN_MIRROR", "")}
