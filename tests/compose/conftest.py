"""Both generations of Compose, had without changing more of the machine than needed."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine import LABEL, base, engine
from harness.engine.client import discard, owner

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build" / "compose-2"
"""Compose 2 and BuildKit as Debian 13 packs them, taken out of their packages once."""
_FETCH = """
set -e
apt-get update -qq
cd /tmp
apt-get download -qq docker-compose docker-buildx
for package in *.deb; do dpkg -x "$package" /out; done
"""


def _version(command: list[str]) -> str:
    done = subprocess.run([*command, "version"], capture_output=True, text=True, check=False)
    found = re.search(r"version v?(\d+\.\d+\.\d+)", done.stdout)
    return found[1] if found and done.returncode == 0 else ""


def _first() -> list[str]:
    """docker-compose 1.29; CI, which is root on a Debian machine, installs it."""
    command = ["docker-compose"]
    if not shutil.which(command[0]) and os.environ.get("CI") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "docker-compose"], capture_output=True, check=False)
    if not shutil.which(command[0]) or not _version(command).startswith("1."):
        pytest.skip("docker-compose 1.29 is not installed here (Debian 12: apt-get install docker-compose)")
    return command


def _second() -> list[str]:
    """Compose 2: the one installed, or Debian's in a folder of our own."""
    if _version(["docker", "compose"]).startswith("2."):
        return ["docker", "compose"]
    plugins = TOOLS / "usr" / "libexec" / "docker" / "cli-plugins"
    if not (plugins / "docker-compose").exists():
        container = engine().containers.run(
            base(), ["sh", "-c", f"mkdir /out && {{ {_FETCH} }}"], detach=True, labels={LABEL: owner()}
        )
        try:
            code = container.wait(timeout=120)["StatusCode"]
            assert code == 0, container.logs().decode()
            stream, _ = container.get_archive("/out/usr")
            TOOLS.mkdir(parents=True, exist_ok=True)
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                archive.extractall(TOOLS, filter="data")
        finally:
            discard(container)
    return [str(plugins / "docker-compose")]


@pytest.fixture(scope="session", params=["1.29", "2"])
def compose(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The command of one generation; DOCKER_CONFIG points to its plugins."""
    command = _first() if request.param == "1.29" else _second()
    folder = tmp_path_factory.mktemp("docker-config")
    with pytest.MonkeyPatch.context() as patch:
        if len(command) == 1 and request.param == "2":
            (folder / "cli-plugins").symlink_to(Path(command[0]).parent)
            patch.setenv("DOCKER_CONFIG", str(folder))
        assert _version(command).startswith(request.param)
        yield command
