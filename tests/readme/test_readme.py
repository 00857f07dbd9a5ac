"""The README's own commands, typed in a fresh clone: they work, and print what the README shows."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
# This very test runs below it.
NOT_AGAIN = {"make test"}
PORT = "localhost:8443"
"""As the README has it; here another one is taken, for this may be in use."""

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


def examples() -> list[tuple[str, list[str]]]:
    """Each `$ command` of the README, with the lines of output that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, shown) for command, shown in found if command not in NOT_AGAIN]


def tidy(text: str) -> str:
    """Fold white space, and make every time that was measured the same."""
    return re.sub(r"\d+\.\d+ s\b", "N s", " ".join(text.split()))


def without_figures(text: str) -> str:
    """Leave of the bench which rows there are, beside what and with which goal; not what was measured."""
    text = re.sub(r"\d[\d.]* (s|ms|1/s)(?!\w)", r"N \1", " ".join(text.split()))
    return re.sub(r"(not )?\bmet\b", "met or not", re.sub(r"(?<![.\d])\d+\.\d\d\b", "N", text))


@dataclass(frozen=True)
class Clone:
    folder: Path
    port: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """What a clone of the present state would hold: no environment, no PKI, nothing built."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    environment = os.environ | {
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "MTLS_PORT": port,
        "MTLS_BENCH_SECONDS": "1",
        "COMPOSE_PROJECT_NAME": f"readme{port}",
    }
    yield Clone(folder, port, environment)
    subprocess.run(["make", "down"], cwd=folder, env=environment, capture_output=True, check=False)


def test_every_command_works_in_a_fresh_clone_and_prints_what_is_shown(clone: Clone) -> None:
    listed = examples()
    assert {"make verify", "make bench"} <= {command for command, _ in listed}
    for command, shown in listed:
        here = command if command.startswith("make") else command.replace(PORT, f"localhost:{clone.port}")
        done = subprocess.run(
            ["bash", "-c", here], cwd=clone.folder, env=clone.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        fold = without_figures if command == "make bench" else tidy
        printed, at = fold(done.stdout.replace(f"localhost:{clone.port}", PORT)), 0
        for piece in re.split(r"(?m)^\s*…$", "\n".join(shown)):
            at = printed.find(fold(piece), at)
            assert at >= 0, f"{command} does not print:\n{piece}\nbut:\n{done.stdout}"


def test_every_command_that_is_named_in_a_sentence_exists() -> None:
    for command in re.findall(r"`(mtls-harness [^`]+|make [a-z]+)`", TEXT):
        words = shlex.split(command)
        if words[0] == "make":
            assert (
                subprocess.run(["make", "--dry-run", words[1]], cwd=ROOT, capture_output=True, check=False).returncode
                == 0
            )
        else:
            tool = [str(Path(sys.executable).with_name(words[0])), words[1], "--help"]
            assert subprocess.run(tool, capture_output=True, check=False).returncode == 0, command
