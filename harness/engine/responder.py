"""Which OCSP responder (RFC 6960) does httpd use in the sandbox, without any outside server?"""

import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docker.models.containers import Container

from harness.engine.client import LABEL, ServerError, discard, engine
from harness.engine.images import image

_HOME = "/etc/ocsp/authorities"
_USER = 33
_START = 10
"""Seconds that it may take to start."""
_READY = b"AH00489"
"""httpd's message that it is configured and goes on."""


@contextmanager
def responder(server: Container, label: str, files: Mapping[str, bytes], *, keep: bool = False) -> Iterator[Container]:
    """Run `images/ocsp` in the network namespace of a running server, with these files of the authorities (0600).

    Raises:
        ServerError: its image does not build, or it did not start.
    """
    container = engine().containers.create(
        image("ocsp"),
        user=f"{_USER}:{_USER}",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        network_mode=f"container:{server.id}",
        labels={LABEL: label},
    )
    try:
        container.put_archive("/", _archive(files))
        container.start()
        _wait(container)
        yield container
    finally:
        if not keep:
            discard(container)


def update(container: Container, files: Mapping[str, bytes]) -> None:
    """Give a running responder these files of the authorities. It reads them for each response."""
    container.put_archive("/", _archive(files))


def _archive(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for folder in sorted({_HOME, *(f"{_HOME}/{name.rpartition('/')[0]}" for name in files)}):
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, _USER, _USER
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{_HOME}/{name}".lstrip("/"))
            entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o600, _USER, _USER
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _wait(container: Container) -> None:
    deadline = time.monotonic() + _START
    while _READY not in (log := container.logs()):
        container.reload()
        if time.monotonic() > deadline or container.attrs["State"]["Status"] == "exited":
            words = log.decode(errors="replace").strip()
            raise ServerError(f"The OCSP responder did not start. Its last words:\n{words}")
        time.sleep(0.02)
