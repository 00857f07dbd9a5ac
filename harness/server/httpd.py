"""How does one httpd run with files made for it, and how is it known that it is this one that answered?"""

import contextlib
import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from docker.errors import APIError
from docker.models.containers import Container
from docker.models.volumes import Volume
from docker.types import Healthcheck

from harness.server.engine import LABEL, ServerError, clear, discard, engine, owner, said_plainly

HOME = "/etc/httpd"
"""Where the image keeps its configuration and looks for its PKI: a volume of the run's own, since the root file
system is read-only."""
PORT = 8443
ACCESS = "mtls-probe"
"""Opens each line of the access log that is written for the verifier."""
_USER = 33
_OBSERVE = (
    # Denial reasons appear from `info` on; `debug` adds the serial number of every certificate that was looked at.
    "LogLevel ssl:debug",
    # GlobalLog is written for every virtual host, whatever logs of its own that has.
    f'GlobalLog /proc/self/fd/1 "{ACCESS} %{{X-MTLS-Probe}}i %>s %{{SSL_CLIENT_VERIFY}}x %{{SSL_CLIENT_M_SERIAL}}x '
    '%{SSL_VERSION_INTERFACE}x %{SSL_VERSION_LIBRARY}x"',
)


@dataclass(frozen=True)
class Httpd:
    """A running server: `port` is the one on 127.0.0.1 that its TLS port is published at."""

    container: Container
    port: int

    def state(self) -> str | None:
        """None while it runs, undisturbed since its start; else what became of it."""
        self.container.reload()
        state = self.container.attrs["State"]
        if state["Running"] and not self.container.attrs["RestartCount"]:
            return None
        return f"the container stopped with exit code {state['ExitCode']}"

    def last_words(self, lines: int = 8) -> str:
        """The last lines of its log, for a message."""
        return self.container.logs(tail=lines).decode(errors="replace").strip()

    def finish(self, *, keep: bool = False) -> str:
        """End it and return all that it has logged: only a log that is closed is known to be whole.

        A server that is to be kept goes on; its log is given a moment to arrive.
        """
        if keep:
            time.sleep(1)
            return self.container.logs().decode(errors="replace")
        with contextlib.suppress(APIError):  # It may be dead already; `state` is for those who want to know.
            self.container.kill()
        self.container.wait(timeout=10)
        return self.container.logs().decode(errors="replace")


@dataclass(frozen=True)
class Stage:
    """An image and a volume with a configuration in it: all that httpd needs except that it is started."""

    image: str
    volume: Volume
    label: str

    def put(self, files: Mapping[str, bytes], through: Container) -> None:
        """Copy files to below `HOME`, owned by httpd's user, readable by nobody else (0600; folders 0700)."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o600, _USER, _USER
                archive.addfile(entry, io.BytesIO(content))
        through.put_archive(HOME, stream.getvalue())

    def container(self, *arguments: str, ports: bool = False, network: str | None = None) -> Container:
        """Create, not start, a container as locked down as the reference deployment's.

        Its network is the one named ("container:ID", "host"), else the engine's where its ports are published, else
        none.
        """
        return engine().containers.create(
            self.image,
            [*arguments],
            user=f"{_USER}:{_USER}",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            tmpfs={"/run": f"uid={_USER},gid={_USER},mode=0755"},
            volumes={self.volume.name: {"bind": HOME, "mode": "rw"}},
            ports={f"{PORT}/tcp": ("127.0.0.1", 0)} if ports else None,
            network_mode=network or (None if ports else "none"),
            labels={LABEL: self.label},
            healthcheck=Healthcheck(test=["NONE"]),
        )


@contextmanager
def stage(image: str, *, keep: bool = False) -> Iterator[Stage]:
    """Prepare a volume for a run and remove it, however the run ends, unless it is to be kept.

    Raises:
        ServerError: the engine refused something, here or while the stage was in use.
    """
    label = "kept" if keep else owner()
    with said_plainly():
        try:
            yield Stage(image, engine().volumes.create(labels={LABEL: label}), label)
        except KeyboardInterrupt:
            # The engine still finishes the request that was interrupted: what it makes must be there to be removed.
            time.sleep(1)
            raise
        finally:
            if not keep:
                clear(label)


@contextmanager
def running(on: Stage, files: Mapping[str, bytes], *, keep: bool = False) -> Iterator[Httpd]:
    """Start httpd on a stage with these files, wait until its port is bound, and remove it however the run ends.

    Raises:
        ServerError: it did not start; the message holds its log's last words.
    """
    options = [part for directive in _OBSERVE for part in ("-c", directive)]
    container = on.container(*options, ports=True)
    try:
        on.put(files, through=container)
        container.start()
        yield Httpd(container, published(container))
    finally:
        if not keep:
            discard(container)


def published(container: Container) -> int:
    """Wait until a server that was just started has its TLS port published; returns the port on 127.0.0.1.

    Raises:
        ServerError: it did not start; the message holds its log's last words.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        container.reload()
        bindings = container.attrs["NetworkSettings"]["Ports"].get(f"{PORT}/tcp")
        if bindings:
            return int(bindings[0]["HostPort"])
        if not container.attrs["State"]["Running"]:
            break
        time.sleep(0.02)
    words = container.logs(tail=8).decode(errors="replace").strip()
    raise ServerError(f"httpd did not start. Its last words:\n{words}")
