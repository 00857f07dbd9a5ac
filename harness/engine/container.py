"""How is a container of the sandbox created, and how does a command run in it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from docker.models.containers import Container
from docker.types import Healthcheck, LogConfig, Mount

from harness.engine.client import LABEL, ServerError, engine
from harness.httpd.layout import Layout

USER = 33
"""The user id and group id of every process in the container, and the owner of every file in it."""
MOST_TRIES = 5
"""How often a command is repeated: a busy engine may lose a part of its output."""
_END_OF_OUTPUT = b"mtls-harness: end of output\n"


@dataclass(frozen=True)
class CommandResult:
    """The result of a command: its exit code, and the texts that it wrote to stdout and stderr."""

    exit_code: int
    stdout: str
    stderr: str


def create(image: str, command: list[str], layout: Layout, label: str, ports: Sequence[int] = ()) -> Container:
    """Create, but do not start, a container for the configuration. It has no capabilities.

    The engine publishes `ports` at free ports of 127.0.0.1. A container without ports has no network.
    """
    labels = {LABEL: label}
    return engine().containers.create(
        image,
        command[1:],
        entrypoint=command[:1],
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
        # Independent of the engine's default: log rotation would delete evidence.
        log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "100g", "max-file": "1"}),
    )


def execute(container: Container, command: list[str]) -> CommandResult:
    """Run a command in a running container.

    The shell writes an end mark to both streams. If one is missing, the engine lost output: the command runs again.

    Raises:
        ServerError: the output was never complete.
    """
    end = _END_OF_OUTPUT.decode()
    script = f'"$@"; code=$?; printf %s "{end}"; printf %s "{end}" >&2; exit $code'
    for _ in range(MOST_TRIES):
        done = container.exec_run(["sh", "-c", script, "sh", *command], demux=True)
        streams = [part or b"" for part in cast("tuple[bytes | None, bytes | None]", done.output)]
        if all(stream.endswith(_END_OF_OUTPUT) for stream in streams):
            stdout, stderr = (stream.removesuffix(_END_OF_OUTPUT).decode(errors="replace") for stream in streams)
            return CommandResult(done.exit_code or 0, stdout, stderr)
    raise ServerError(f"The engine does not hand out all that `{command[0]}` prints.")
