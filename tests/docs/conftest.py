"""What README and the documents show, and a fresh clone to type it in."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import free_port

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PORT = "localhost:8443"
"""As the documents have it; here another one is taken, for this may be in use."""


def examples(text: str) -> list[tuple[str, list[str]]]:
    """Each `$ command` of a document, with the lines of output that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


@dataclass(frozen=True)
class Clone:
    """What a clone of the present state holds."""

    folder: Path
    port: str
    environment: dict[str, str]

    def type(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type a command as a document has it; what it prints has the document's port, too."""
        here = command if command.startswith("make") else command.replace(PORT, f"localhost:{self.port}")
        done = subprocess.run(
            ["bash", "-c", here],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        done.stdout = done.stdout.replace(f"localhost:{self.port}", PORT)
        return done

    def forget(self) -> None:
        """Stop the deployment and remove its PKI: each document begins with neither."""
        self.type("test ! -f .env || make down")
        shutil.rmtree(self.folder / "pki")
        self.copy("pki")

    def copy(self, *paths: str) -> None:
        """Copy what git would give a clone: no environment, no PKI, nothing built."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *paths],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name, follow_symlinks=False)


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """One for all documents: what each verb sets up is set up once."""
    port = str(free_port())
    environment = os.environ | {
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "MTLS_PORT": port,
        "MTLS_BENCH_SECONDS": "1",
        "COMPOSE_PROJECT_NAME": f"documents{port}",
    }
    made = Clone(tmp_path_factory.mktemp("clone"), port, environment)
    made.copy()
    yield made
    made.type("make down")
