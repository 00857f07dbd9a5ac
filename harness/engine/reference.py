"""How does the reference deployment's httpd run with other files, as locked down as it is shipped?"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from docker.models.containers import Container
from docker.models.volumes import Volume
from docker.types import Healthcheck

from harness.engine.archive import private_archive
from harness.engine.client import LABEL, ServerError, engine, owned

HOME = "/etc/httpd"
"""Where the image keeps its configuration and looks for its PKI: a volume of the run's own, since the root file
system is read-only."""
PORT = 8443
_USER = 33


@dataclass(frozen=True)
class ReferenceContainer:
    """An image and a volume with a configuration in it: all that httpd needs except that it is started."""

    image: str
    volume: Volume
    label: str

    def put(self, files: Mapping[str, bytes], through: Container) -> None:
        """Copy files below `HOME`; only httpd's user can read them (0600; folders 0700)."""
        through.put_archive(HOME, private_archive(files, _USER))

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
def reference_container(image: str) -> Iterator[ReferenceContainer]:
    """Prepare a volume for a run and remove it, however the run ends.

    Raises:
        ServerError: the engine refused something, here or during the use of the container.
    """
    with owned() as label:
        yield ReferenceContainer(image, engine().volumes.create(labels={LABEL: label}), label)


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
