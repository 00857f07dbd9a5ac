"""Which files, folders, links and accounts go into the container, in addition to those of its image?"""

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.engine.container import USER

_PLACEHOLDER = b"-"
_FIRST_ID = 5000


@dataclass
class Filesystem:
    """The additions to an image. Paths are absolute.

    `links` are the targets of symbolic links by their paths. `passwd` and `group` are the texts of the image's own
    /etc/passwd and /etc/group, `users` and `groups` the lines to append.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    passwd: str = ""
    group: str = ""
    users: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def add_placeholder(self, path: str) -> None:
        """Add a file that only has to exist, unless there is one with content."""
        if not self.files.get(path, b"").strip():
            self.files[path] = _PLACEHOLDER

    def add_group(self, name: str) -> None:
        """Add a group without members."""
        self.groups.append(f"{name}:x:{self._free_id()}:")

    def add_user(self, name: str) -> None:
        """Add a user without a shell, and a group of the same name."""
        number = self._free_id()
        self.groups.append(f"{name}:x:{number}:")
        self.users.append(f"{name}:x:{number}:{number}::/:/bin/false")

    def _free_id(self) -> int:
        return _FIRST_ID + len(self.users) + len(self.groups)

    def archive(self, files: Mapping[str, bytes]) -> bytes:
        """Pack these files, and all folders, links and accounts, into a tar archive that belongs at /.

        The files belong to httpd's user. Private keys have mode 0600, other files 0644, folders 0755.
        """
        links = {path: target for path, target in self.links.items() if path != target}
        folders = (self.folders | _parents(files)) - files.keys() - links.keys()
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for entry in (*map(_folder, sorted(folders)), *(_link(*link) for link in links.items())):
                archive.addfile(entry)
            for path, content in (dict(files) | dict(self._accounts())).items():
                archive.addfile(_file(path, content), io.BytesIO(content))
        return stream.getvalue()

    def _accounts(self) -> Iterator[tuple[str, bytes]]:
        yield "/etc/passwd", "\n".join([self.passwd.strip(), *self.users, ""]).encode()
        yield "/etc/group", "\n".join([self.group.strip(), *self.groups, ""]).encode()


def _folder(path: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, USER, USER
    return entry


def _link(path: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def _file(path: str, content: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size, entry.uid, entry.gid = len(content), USER, USER
    entry.mode = 0o600 if b"PRIVATE KEY-----" in content else 0o644
    return entry


def _parents(files: Iterable[str]) -> set[str]:
    """The parent folders of files: in some images only root may read the folder of the keys, and httpd is not root."""
    parents = {str(folder) for path in files for folder in PurePosixPath(path).parents}
    return {folder for folder in parents if folder.count("/") > 1 or folder == "/root"}
