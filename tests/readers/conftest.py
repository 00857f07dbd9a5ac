"""A user's machine with its tools, the files of an export, and the deployment."""

import html
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from docker.models.containers import Container

from harness.cli import main
from harness.engine import LABEL, engine, image
from harness.engine.client import discard, owner
from tests.deployment.conftest import READY, container, own, wait_for

# Java sends no server name (SNI) without a dot, and the deployment refuses clients without SNI.
URL = "https://reference.test:8443/"
PASSWORD = "correct horse battery"
HOME = "/home/reader"
READER = 1000
# Run a script at a terminal, and type the password whenever one is asked for.
AT_A_TERMINAL = r"""
import os, sys, pexpect
answers = {r"(?i)pass(word|phrase)?[^\n]*: *$": os.environ["PASSWORD"] + "\n"}
shown, status = pexpect.run("bash -e script", events=answers, timeout=120, withexitstatus=True)
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(1 if status is None else status)
"""


@dataclass(frozen=True)
class Reader:
    """The person's machine."""

    container: Container
    files: dict[str, bytes]
    """What was exported."""

    def type(self, script: str, folder: str = "mine", password: str = PASSWORD) -> tuple[int, str]:
        """Type a script in a folder that holds the export, and the password where it is asked for; returns exit code
        and what was shown."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, content in (self.files | {"script": script.encode()}).items():
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o600, READER, READER
                archive.addfile(entry, io.BytesIO(content))
        self.container.exec_run(["mkdir", "-p", f"{HOME}/{folder}"])
        self.container.put_archive(HOME, stream.getvalue())
        code, output = self.container.exec_run(
            ["python3", "-c", AT_A_TERMINAL],
            workdir=f"{HOME}/{folder}",
            # Each folder is a home of its own: no test sees what another one imported.
            environment={"PASSWORD": password, "HOME": f"{HOME}/{folder}"},
        )
        assert isinstance(code, int)
        assert isinstance(output, bytes)
        return code, output.decode(errors="replace")

    def typed(self, machine: str, part: str) -> str:
        """What the page of steps says to type on a machine: to `Install`, `Check` or `Remove`."""
        page = self.files["alice.html"].decode()
        (section,) = (text for text in page.split("<section")[1:] if f"<h2>{machine}</h2>" in text)
        found = section.partition(f"<h3>{part}</h3>")[2].partition("<h3>")[0]
        return "\n".join(html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", found, re.DOTALL))


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority with an intermediate, after `pki export alice`."""
    folder = tmp_path_factory.mktemp("export") / "pki"
    for command in (
        "init --intermediate",
        "server --name reference.test",
        "client alice",
        f"export alice --url {URL}",
    ):
        arguments = ["pki", *command.split(), "--dir", str(folder)]
        done = CliRunner().invoke(main, arguments, env={"MTLS_EXPORT_PASSWORD": PASSWORD})
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="session")
def site(issued: Path) -> Iterator[Container]:
    """The reference deployment, with that authority."""
    for path in (issued / "server", *(issued / "server").iterdir()):
        own(path)
    with container(issued / "server", extra_hosts={"reference.test": "127.0.0.1"}) as started:
        wait_for(started, READY)
        yield started


@pytest.fixture(scope="session")
def reader(issued: Path, site: Container) -> Iterator[Reader]:
    """A machine that shares the deployment's network, and so its name."""
    started = engine().containers.run(
        image("readers"), init=True, detach=True, network_mode=f"container:{site.id}", labels={LABEL: owner()}
    )
    try:
        files = [path for path in (issued / "clients" / "alice").iterdir() if path.name.startswith("alice")]
        yield Reader(started, {path.name: path.read_bytes() for path in files})
    finally:
        discard(started)
