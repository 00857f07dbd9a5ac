"""Can the user that httpd's processes run as read a file?"""

import grp
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from harness.httpd.directive import Directive


@dataclass(frozen=True)
class User:
    """A user with the numbers that the system knows it by; none of them where it is not a user of this machine."""

    name: str
    uid: int | None
    groups: frozenset[int]


def httpd_user(configuration: Directive) -> User:
    """The user of httpd's processes by `User` and `Group`."""
    name = next((entry.words[0] for entry in configuration.find("User") if entry.words), "nobody")
    groups = {entry.words[0] for entry in configuration.find("Group") if entry.words}
    try:
        uid: int | None = int(name[1:]) if name.startswith("#") else pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        uid = None
    ids = {one.gr_gid for one in grp.getgrall() if one.gr_name in groups or name in one.gr_mem}
    ids |= {int(one[1:]) for one in groups if one[:1] == "#" and one[1:].isdigit()}
    return User(name, uid, frozenset(ids))


def why_not_readable(path: Path, user: User) -> str | None:
    """The reason why a user cannot read a file, by the permissions of it and of the folders above it; None if nothing
    does, or if the file is not here."""
    if user.uid == 0:
        return None
    for folder in reversed(path.parents):
        if not _may(folder, user, stat.S_IXUSR):
            return f"{folder} has the permissions {_mode(folder)}"
    return None if _may(path, user, stat.S_IRUSR) else f"its permissions are {_mode(path)}"


def _may(path: Path, user: User, bit: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return True
    if found.st_uid == user.uid:
        return bool(found.st_mode & bit)
    if found.st_gid in user.groups:
        return bool(found.st_mode & bit >> 3)
    return bool(found.st_mode & bit >> 6)


def _mode(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)
