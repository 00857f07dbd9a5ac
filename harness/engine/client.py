"""Which container engine is used, and what did earlier runs leave on it?"""

import contextlib
import functools
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import requests
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.models.volumes import Volume

LABEL = "io.mtls-harness"
"""Every container, volume and image of the project carries it; on a run's own parts its value names the run's
owner (`host:pid:start`), on everything that is meant to stay it names the part."""


class ServerError(Exception):
    """No verdict is possible: no engine, no image, or a server that did not start. The message is for people."""


@functools.cache
def engine() -> docker.DockerClient:
    """Connect to the engine that `DOCKER_HOST` names, or to the local one.

    Raises:
        ServerError: it does not answer, or its socket may not be used by this user.
    """
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except (DockerException, requests.RequestException) as error:
        raise ServerError(_unreachable(str(error))) from error
    return client


def _unreachable(error: str) -> str:
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if "Permission denied" in error:
        return (
            f"The Docker engine's socket {where} may not be used by this user.\n"
            "Add the user to the group that owns it (`sudo usermod -aG docker $USER`, then log in again)."
        )
    return (
        f"No Docker engine answers at {where} ({error}).\n"
        "Start it (`sudo systemctl start docker`) or point DOCKER_HOST at one that runs."
    )


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors of the engine's API into `ServerError` with a plain message.

    Raises:
        ServerError: the engine refused, or could no longer be reached.
    """
    try:
        yield
    except APIError as error:
        raise ServerError(f"The engine refuses: {error.explanation or error}") from error
    except (DockerException, requests.RequestException) as error:
        raise ServerError(_unreachable(str(error))) from error


def owner() -> str:
    """A name for this process that no other one has, not even a later one with the same number; the last part is the
    number of the run."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}:{uuid.uuid4().hex[:12]}"


@contextlib.contextmanager
def owned(label: str = "", *, keep: bool = False, in_background: bool = False) -> Iterator[str]:
    """Yield the label for the parts of one run, and remove them however it ends, unless `keep` is set.

    After a run without an error they may be removed `in_background`: the process ends after that.

    Raises:
        ServerError: the engine refused something, or could no longer be reached.
    """
    label = label or ("kept" if keep else owner())
    with plain_errors():
        try:
            yield label
        except KeyboardInterrupt:
            # The engine still finishes the request that was interrupted: what it makes must be there to be removed.
            time.sleep(1)
            if not keep:
                clear(label)
            raise
        except BaseException:
            if not keep:
                clear(label)
            raise
        if in_background and not keep:
            threading.Thread(target=_clear_after, args=(label,)).start()
        elif not keep:
            clear(label)


def sweep() -> int:
    """Remove the parts of runs of this host whose process is gone; returns their number."""
    gone = [part for part in _labelled(LABEL) if _is_orphan(_label(part))]
    for part in gone:
        discard(part)
    return len(gone)


def clear(label: str) -> int:
    """Remove every container and volume whose label has this value; returns their number."""
    found = _labelled(f"{LABEL}={label}")
    for part in found:
        discard(part)
    return len(found)


def _clear_after(label: str) -> None:
    # The next run removes what cannot be removed now.
    with contextlib.suppress(DockerException, requests.RequestException):
        clear(label)


def _labelled(label: str) -> list[Container | Volume]:
    """The containers, then the volumes: a volume can be removed only after the container that uses it."""
    return [
        *engine().containers.list(all=True, sparse=True, filters={"label": label}),
        *engine().volumes.list(filters={"label": label}),
    ]


def discard(part: Container | Volume) -> None:
    """Remove a volume, or a container with its anonymous volumes; does nothing if it is gone already."""
    with contextlib.suppress(APIError):
        if isinstance(part, Container):
            part.remove(v=True, force=True)
        else:
            part.remove(force=True)


def _label(part: Container | Volume) -> str:
    return str((part.attrs.get("Labels") or {}).get(LABEL, ""))


def _is_orphan(label: str) -> bool:
    host, *process = label.split(":")
    return host == socket.gethostname() and len(process) == 3 and _started(int(process[0])) != process[1]


def _started(pid: int) -> str | None:
    """The start of the process, in clock ticks since boot (proc(5), field 22); None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
