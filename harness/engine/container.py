"""How is a container of the sandbox created?"""

from collections.abc import Sequence

from docker.models.containers import Container
from docker.types import Healthcheck, LogConfig, Mount

from harness.engine.client import LABEL, engine
from harness.engine.shell import Shell
from harness.httpd.layout import Layout

USER = 33
"""The user id and group id of every process in the container, and the owner of every file in it."""


def start(image: str, layout: Layout, label: str, ports: Sequence[int], *, keep: bool = False) -> Shell:
    """Start a container for the configuration; its process is a shell. It has no capabilities.

    The engine publishes `ports` at free ports of 127.0.0.1. A container without ports has no network. With
    `keep` it has a log.
    """
    return Shell.start(_create(image, layout, label, ports, keep=keep))


def _create(image: str, layout: Layout, label: str, ports: Sequence[int], *, keep: bool) -> Container:
    labels = {LABEL: label}
    return engine().containers.create(
        image,
        entrypoint=["sh"],
        command=[],
        stdin_open=True,
        # Not root: ports below 1024 are free in a container, and only root can obey `User`.
        user=f"{USER}:{USER}",
        working_dir="/",
        environment=dict(layout.environment),
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        ports={f"{port}/tcp": ("127.0.0.1", 0) for port in ports} or None,
        network_mode=None if ports else "none",
        # The names of proxy backends do not resolve: httpd asks no outside server.
        dns=["127.0.0.1"] if ports else None,
        # Empty: the image's own files in this folder are not part of CONFIG.
        mounts=[Mount(layout.home, None, no_copy=True, labels=labels)] if layout.home else None,
        labels=labels,
        healthcheck=Healthcheck(test=["NONE"]),
        # The output is read as it comes: the engine needs no copy of it.
        log_config=LogConfig(type=LogConfig.types.JSON if keep else LogConfig.types.NONE),
    )
