"""What does Compose 1 or 2 read from its file about a service?"""

import hashlib
import json
import posixpath
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.engine.client import ServerError
from harness.engine.images import available
from harness.httpd.layout import ConfigurationError


@dataclass(frozen=True)
class Service:
    """A service: its image, and the settings and mounts that Compose adds at its start.

    `command` are the words of entrypoint and command as far as the service sets them, None where the image's own hold.
    `mounts` are the files and folders of this machine by their path in the container, `volumes` the paths of volumes,
    whose content is unknown before the service runs. `context` is the build context of its image. `line` is the line of
    the service in `file`.
    """

    file: Path
    name: str
    line: int
    image: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    environment: Mapping[str, str]
    mounts: Mapping[str, Path]
    volumes: tuple[str, ...]
    context: Path | None


def command() -> list[str]:
    """Find Compose 2 or docker-compose 1.29.

    Raises:
        ServerError: neither is installed.
    """
    plugin = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode:
        return plugin
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise ServerError(
        "Neither `docker compose` nor `docker-compose` is installed (Debian: sudo apt-get install docker-compose)."
    )


def service(file: Path, name: str | None) -> Service:
    """Let Compose resolve its file, build or pull the service's image, and return the service.

    Raises:
        ConfigurationError: there is no such file or service, or Compose refuses the file, in its own words.
        ServerError: Compose is not installed, or the image can be neither built nor pulled.
    """
    if not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file.")
    done = subprocess.run([*command(), "-f", str(file), "config"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(f"Compose refuses {file}:\n{done.stderr.strip()}")
    project = yaml.safe_load(done.stdout)
    services = project.get("services") or {}
    if name is None and len(services) == 1:
        (name,) = services
    if name is None or name not in services:
        wrong = f"{file} has no service {name!r}" if name else f"{file} has more than one service"
        raise ConfigurationError(f"{wrong}. Name one of these with --service: {', '.join(sorted(services))}.")
    entry = services[name]
    mounts = dict(_mounts(entry, project))
    return Service(
        file=file,
        name=name,
        line=_line(file, name),
        image=_built(file, name, project) if entry.get("build") else available(entry["image"]),
        entrypoint=_words(entry.get("entrypoint")),
        command=_words(entry.get("command")),
        environment=_environment(entry.get("environment")),
        mounts={target: source for target, source in mounts.items() if source},
        volumes=tuple(target for target, source in mounts.items() if not source),
        context=_context(entry.get("build")),
    )


def _built(file: Path, name: str, project: Mapping[str, Any]) -> str:
    """Build the image under a tag of the project; the user's own tag stays as it is. Returns the tag."""
    digest = hashlib.sha256(f"{file.resolve()}:{name}".encode()).hexdigest()
    tag = f"mtls-harness/service:{digest[:12]}"
    only = {key: project[key] for key in ("version", "name", "secrets") if key in project}
    only["services"] = {name: {"build": project["services"][name]["build"], "image": tag}}
    with tempfile.TemporaryDirectory() as folder:
        resolved = Path(folder, "compose.yaml")
        resolved.write_text(json.dumps(only))
        build = [*command(), "-f", str(resolved), "build", name]
        done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise ServerError(f"The image of the service {name} in {file} does not build:\n{tail}")
    return tag


def _mounts(service_entry: Mapping[str, Any], project: Mapping[str, Any]) -> Iterator[tuple[str, Path | None]]:
    """Yield the path of each mount in the container, and its file or folder on this machine; None for a volume."""
    for entry in service_entry.get("volumes") or ():
        if isinstance(entry, str):  # The short syntax, which docker-compose 1.29 writes.
            source, _, rest = entry.partition(":")
            entry = {"source": source, "target": rest.partition(":")[0] or source}  # noqa: PLW2901
            entry["type"] = "bind" if source.startswith("/") and rest else "volume"
        is_here = entry["type"] == "bind"
        yield posixpath.normpath(entry["target"]), Path(entry["source"]) if is_here else None
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets/")):
        for entry in service_entry.get(kind) or ():
            mount = {"source": entry} if isinstance(entry, str) else entry
            file = (project.get(kind) or {}).get(mount["source"], {}).get("file")
            yield posixpath.join(folder, mount.get("target") or mount["source"]), Path(file) if file else None


def _words(value: str | list[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(_plain(word) for word in (shlex.split(value) if isinstance(value, str) else map(str, value)))


def _environment(value: Mapping[str, Any] | list[str] | None) -> dict[str, str]:
    pairs = value.items() if isinstance(value, Mapping) else (str(one).partition("=")[::2] for one in value or ())
    return {name: "" if text is None else _plain(str(text)) for name, text in pairs}


def _plain(text: str) -> str:
    """Undo the doubling of each dollar sign in Compose's output."""
    return text.replace("$$", "$")


def _context(build: Mapping[str, Any] | str | None) -> Path | None:
    where = build.get("context") if isinstance(build, Mapping) else build
    return Path(where) if where and Path(where).is_dir() else None


def _line(file: Path, name: str) -> int:
    """The line that names the service; 1 if there is none."""
    head = re.compile(rf"\s+[\"']?{re.escape(name)}[\"']?\s*:\s*(#.*|&\w+\s*)?")
    lines = file.read_text(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if head.fullmatch(line)), 1)
