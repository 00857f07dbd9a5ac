"""How are files written so that only the owner reads a key, and a crash never leaves half a file?"""

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path


class PkiError(Exception):
    """An error that a user can correct: a missing, foreign or existing file, a wrong passphrase. The message is for
    people."""


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads (0600).

    Raises:
        OSError: it could not be written whole; what was there before is still there.
    """
    _write(path, content, 0o600)


def write_public(path: Path, content: bytes) -> None:
    """Write a file that all users can read (0644), if the folder allows it.

    Raises:
        OSError: it could not be written whole; what was there before is still there.
    """
    _write(path, content, 0o644)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time into a folder; the others wait. The lock goes with the process, however it ends."""
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_together(private: Mapping[Path, bytes], public: Mapping[Path, bytes]) -> None:
    """Write several files, private ones (0600) and public ones (0644): all or none.

    Raises:
        OSError: one could not be written whole; what was there before is still there.
    """
    modes = dict.fromkeys(private, 0o600) | dict.fromkeys(public, 0o644)
    for path in modes:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    new = [path for path in modes if not path.exists()]
    staged: dict[Path, Path] = {}
    try:
        for path, content in {**private, **public}.items():
            staged[path] = _stage(path, content, modes[path])
        for path, whole in staged.items():
            whole.replace(path)
    except BaseException:
        for path in (*staged.values(), *new):
            path.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in modes}:
        _sync(folder)


def _write(path: Path, content: bytes, mode: int) -> None:
    whole = _stage(path, content, mode)
    try:
        whole.replace(path)
    except BaseException:
        whole.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _stage(path: Path, content: bytes, mode: int) -> Path:
    """Write a file whole, under another name beside its own."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if os.geteuid() == 0 and path.exists():
                os.fchown(stream.fileno(), path.stat().st_uid, path.stat().st_gid)  # The same owner as before.
            os.fsync(stream.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)  # The new name, too, must survive a power failure.
    finally:
        os.close(folder)
