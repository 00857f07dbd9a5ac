"""What does Compose make of its files, in either generation?"""

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
from harness.engine.images import given
from harness.httpd.layout import ConfigurationError


@dataclass(frozen=True)
class Service:
    """A service: its image, and what Compose lays over that when it starts.

    `command` are the words of entrypoint and command as far as the service sets them, None where the image's own hold.
    `mounts` are the files and folders of this machine by where they appear, `volumes` the places of what nobody can see
    before the service runs. `context` is the folder that its image is built from. `line` is the service's in `file`.
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
    """Let Compose resolve its file, build or pull the service's image, and say what it would start.

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
    told = services[name]
    mounts = dict(_mounts(told, project))
    return Service(
        file=file,
        name=name,
        line=_line(file, name),
        image=_built(file, name, project) if told.get("build") else given(told["image"]),
        entrypoint=_words(told.get("entrypoint")),
        command=_words(told.get("command")),
        environment=_environment(told.get("environment")),
        mounts={target: source for target, source in mounts.items() if source},
        volumes=tuple(target for target, source in mounts.items() if not source),
        context=_context(told.get("build")),
    )


def _built(file: Path, name: str, project: Mapping[str, Any]) -> str:
    """Build the image under a name of our own: what the user has under his stays as it is."""
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


def _mounts(told: Mapping[str, Any], project: Mapping[str, Any]) -> Iterator[tuple[str, Path | None]]:
    """Yield where something is laid over the image, and the file or folder here that it is; None for a volume."""
    for entry in told.get("volumes") or ():
        if isinstance(entry, str):  # docker-compose 1.29 writes some of them so.
            source, _, rest = entry.partition(":")
            entry = {"source": source, "target": rest.partition(":")[0] or source}  # noqa: PLW2901
            entry["type"] = "bind" if source.startswith("/") and rest else "volume"
        is_here = entry["type"] == "bind"
        yield posixpath.normpath(entry["target"]), Path(entry["source"]) if is_here else None
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets/")):
        for entry in told.get(kind) or ():
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
    """Compose doubles each dollar sign, so that its own output can be read again."""
    return text.replace("$$", "$")


def _context(build: Mapping[str, Any] | str | None) -> Path | None:
    where = build.get("context") if isinstance(build, Mapping) else build
    return Path(where) if where and Path(where).is_dir() else None


def _line(file: Path, name: str) -> int:
    """Find the line in which the service is named; the first one of the file where it is not to be found."""
    head = re.compile(rf"\s+[\"']?{re.escape(name)}[\"']?\s*:\s*(#.*|&\w+\s*)?")
    lines = file.read_text(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if head.fullmatch(line)), 1)
