"""Which configuration does a Compose service run with: that of its image, and the mounts over it?"""

import fnmatch
import io
import os
import posixpath
import re
import shlex
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from docker.errors import NotFound
from docker.models.containers import Container

from harness.engine.client import LABEL, ServerError, engine, owned
from harness.engine.compose import Service
from harness.httpd.layout import (
    MAIN_FILES,
    MOST_BYTES,
    MOST_FILES,
    ConfigurationError,
    CoverageGap,
    Layout,
    gathered,
    server_root,
)

_ASK = """
for httpd in apache2 httpd /usr/local/apache2/bin/httpd /usr/sbin/httpd; do
  command -v "$httpd" >/dev/null && exec "$httpd" -V
done
"""
_HTTPD = {"httpd", "httpd-foreground", "apache2", "apache2-foreground", "apache2ctl", "apachectl"}
_MOST_LINKS = 20
_MOST_OF_A_SOURCE = 1 << 20
_LIMITS = f"a configuration has at most {MOST_FILES:,} files and {MOST_BYTES >> 20} MiB"
_DEFINE = re.compile(rb"^[ \t]*Define[ \t]+(\w+)[ \t]+\"?([^\"\s]+)", re.MULTILINE | re.IGNORECASE)
_NAMES_FILES = re.compile(
    rb"^[ \t]*(?:Include(?:Optional)?|SSL\w+(?:File|Path)|Auth(?:User|Group)File)[ \t]+\"?([^\"\r\n]+?)\"?[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)


def configuration(service: Service, main: str | None = None) -> Layout:
    """Gather the configuration from the image and the mounts; the service itself is never started.

    `main` is the path of the main file or its folder in the container, where neither `httpd -V` nor the service's
    command names it.

    Raises:
        ConfigurationError: there is no configuration where httpd looks for it, or it is too large.
        ServerError: the engine, or an image that holds no httpd.
    """
    with owned() as label:
        # Nothing but `httpd -V` runs in it, and that without a network.
        container = engine().containers.create(
            service.image,
            ["-c", _ASK],
            entrypoint=["sh"],
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            labels={LABEL: label},
        )
        container.start()
        container.wait(timeout=60)
        compiled: dict[str, str] = dict(re.findall(r'-D (\w+)="(.*)"', container.logs().decode(errors="replace")))
        if "HTTPD_ROOT" not in compiled:
            raise ServerError(f"There is no httpd in the image of the service {service.name}: name one that has it.")
        options = [*_options(_started(service))]
        tree = _Tree(container, service, posixpath.normpath(dict(options).get("-d", compiled["HTTPD_ROOT"])))
        file = tree.gather(main or dict(options).get("-f", compiled["SERVER_CONFIG_FILE"]))
    return gathered(
        main=file,
        root=tree.root,
        files=tree.files,
        origin=tree.origin,
        environment=tree.environment(),
        options=[part for option in options if option[0] in {"-D", "-c", "-C"} for part in option],
        coverage_gaps=tree.coverage_gaps(),
    )


def _started(service: Service) -> list[str]:
    """The words that the service starts with: its own entrypoint and command, else those of the image."""
    config = engine().images.get(service.image).attrs["Config"]
    command = service.command
    if command is None and service.entrypoint is None:
        command = tuple(config.get("Cmd") or ())
    return [*(service.entrypoint or config.get("Entrypoint") or ()), *(command or ())]


def _options(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield httpd's options if a command starts it by name, also through a shell."""
    flat = [part for word in words for part in (shlex.split(word) if " " in word else [word])]
    start = next((number for number, word in enumerate(flat) if posixpath.basename(word) in _HTTPD), len(flat))
    rest = iter(flat[start + 1 :])
    for word in rest:
        if word[:2] in {"-d", "-f", "-D", "-c", "-C"}:
            yield word[:2], word[2:] or next(rest, "")


@dataclass
class _Tree:
    """The files of a service, mounts included, and those that were taken: `files` and `origin` by path.

    A file of this machine is named by its path from the working directory, one of the image as `docker cp` does.
    """

    container: Container
    service: Service
    root: str
    files: dict[str, bytes] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _unreadable: list[str] = field(default_factory=list)
    _bytes: int = 0

    def gather(self, main: str) -> str:
        """Take the configuration and all files that it names, from the main file or its folder; returns the main file.

        Raises:
            ConfigurationError: there is none, or it is too large.
        """
        main = posixpath.normpath(posixpath.join(self.root, main))
        self._take(main)
        found = [path for path in (main, *(posixpath.join(main, name) for name in MAIN_FILES)) if path in self.files]
        if not found:
            raise ConfigurationError(
                f"The service {self.service.name} has no {main}, where its httpd looks for its configuration. "
                "Name the path inside the container as CONFIG."
            )
        folder = posixpath.dirname(found[0])
        self.root = server_root(self.files[found[0]]) or self.root
        # Below /etc the ServerRoot holds configuration and nothing else; elsewhere all of httpd lies in it.
        self._take(self.root if self.root.startswith("/etc/") and _below(folder, self.root) else folder)
        while new := [path for path in self._named() if path not in self._asked]:
            for path in new:
                self._take(path)
        return found[0]

    def environment(self) -> dict[str, str]:
        """The service's variables that the configuration asks for, and no others: there may be secrets among them."""
        referenced = set(re.findall(rb"\$\{(\w+)\}", b"\n".join(self.files.values())))
        return {name: value for name, value in self.service.environment.items() if name.encode() in referenced}

    def coverage_gaps(self) -> list[CoverageGap]:
        """The parts of the configuration that cannot be read: volumes, and files without permission for this user."""
        volumes = [
            f"the volume at {target} of the service {self.service.name}, whose content is not known before it runs"
            for target in self.service.volumes
            if any(_below(target, path) or _below(path, target) for path in self._asked)
        ]
        files = [f"{name}, which you may not read" for name in self._unreadable]
        return [CoverageGap(what, shown(self.service.file), self.service.line) for what in (*volumes, *files)]

    def _named(self) -> Iterator[str]:
        """Yield every path that the files taken so far name."""
        text = b"\n".join(self.files.values())
        known = {name.decode(): value.decode(errors="replace") for name, value in _DEFINE.findall(text)}
        known.update(self.service.environment)
        for found in _NAMES_FILES.findall(text):
            path = re.sub(r"\$\{(\w+)\}", lambda name: known.get(name[1], name[0]), found.decode(errors="replace"))
            yield posixpath.normpath(posixpath.join(self.root, path))

    def _take(self, pattern: str) -> None:
        self._asked.add(pattern)
        fixed = re.split(r"[*?\[]", pattern)[0]
        start = pattern if fixed == pattern else posixpath.dirname(fixed)
        if start == "/":
            return
        for path, content, name in self._at(start, start, 0):
            if (fixed == pattern or fnmatch.fnmatchcase(path, pattern)) and b"PRIVATE KEY-----" not in content:
                self.files[path], self.origin[path] = content, name
                self._bytes += len(content)
            if len(self.files) > MOST_FILES or self._bytes > MOST_BYTES:
                raise ConfigurationError(f"{start} of the service {self.service.name} is too large: {_LIMITS}.")

    def _at(self, path: str, alias: str, links: int) -> Iterator[tuple[str, bytes, str]]:
        """Yield path, content and origin of the file, or of all below the folder; a link's are known by `alias`."""
        over = max((target for target in self.service.mounts if _below(path, target)), key=len, default=None)
        inner = [target for target in self.service.mounts if _below(target, path) and target != path]
        for relative, content, origin in self._in_image(path) if over is None else self._on_disk(path, over):
            here = posixpath.normpath(posixpath.join(path, relative))
            known = posixpath.normpath(posixpath.join(alias, relative))
            if any(_below(here, target) for target in inner):
                continue
            if isinstance(content, bytes):
                yield known, content, origin
            elif links < _MOST_LINKS:
                to = posixpath.normpath(posixpath.join(posixpath.dirname(here), content))
                yield from self._at(to, known, links + 1)
        for target in inner:
            yield from self._at(target, posixpath.join(alias, posixpath.relpath(target, path)), links)

    def _on_disk(self, path: str, mount: str) -> Iterator[tuple[str, bytes | str, str]]:
        """Like `_in_image`, but for a mount."""
        start = self.service.mounts[mount].resolve() / posixpath.relpath(path, mount)
        for file in _files(start):
            try:
                content = str(file.readlink()) if file.is_symlink() else file.read_bytes()
            except PermissionError:
                self._unreadable.append(shown(file))
                continue
            yield file.relative_to(start).as_posix(), content, shown(file)

    def _in_image(self, path: str) -> Iterator[tuple[str, bytes | str, str]]:
        """Yield the image's files at a path: relative path, content (of a link, its target as text), and origin."""
        try:
            stream, _ = self.container.get_archive(path)
        except NotFound:
            return
        raw = io.BytesIO()
        for chunk in stream:
            raw.write(chunk)
            if raw.tell() > MOST_BYTES:
                raise ConfigurationError(f"{path} of the service {self.service.name} is too large: {_LIMITS}.")
        raw.seek(0)
        with tarfile.open(fileobj=raw) as archive:
            for entry in archive:
                relative = posixpath.relpath(entry.name, posixpath.basename(path))
                origin = f"{self.service.name}:{posixpath.normpath(posixpath.join(path, relative))}"
                if entry.issym():
                    yield relative, entry.linkname, origin
                elif (file := archive.extractfile(entry)) is not None:
                    content = file.read()
                    yield relative, content, self._sources.get(content) or origin

    @cached_property
    def _sources(self) -> dict[bytes, str]:
        """The files of the build context by their content; without those whose content is the same."""
        found: dict[bytes, str] = {}
        files = _files(self.service.context, hidden=False) if self.service.context else ()
        for file in islice(files, MOST_FILES):
            if file.is_file() and os.access(file, os.R_OK) and 0 < file.stat().st_size <= _MOST_OF_A_SOURCE:
                content = file.read_bytes()
                found[content] = "" if content in found else shown(file)
        return found


def shown(file: Path) -> str:
    """The path of a file from the working directory."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_absolute() and file.is_relative_to(here) else file)


def _files(start: Path, *, hidden: bool = True) -> Iterator[Path]:
    """Yield the file, or every file and link below the folder, hidden folders on request; links are not followed."""
    if start.is_symlink() or start.is_file():
        yield start
    for folder, folders, names in os.walk(start):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = sorted(name for name in folders if hidden or not name.startswith("."))
        for name in sorted([*names, *links]):
            if (file := Path(folder, name)).is_symlink() or file.is_file():
                yield file


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
