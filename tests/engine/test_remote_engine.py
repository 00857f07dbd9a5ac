"""An engine that is reached over TCP alone: nothing of this machine's disk is in its reach but what goes through it."""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.verify import REFERENCE

pytestmark = pytest.mark.engine


@dataclass
class Forwarder:
    """Hands every TCP connection on to the engine's socket, and counts them."""

    socket_path: str
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    connections: int = 0

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Accept until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.connections += 1
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self.socket_path)
                threading.Thread(target=self._join, args=(client, engine), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @staticmethod
    def _join(client: socket.socket, engine: socket.socket) -> None:
        """Copy both ways; one side's end of input is handed on as just that, as HTTP's upgraded streams need it."""
        other = {client: engine, engine: client}
        reading = [client, engine]
        with client, engine, contextlib.suppress(OSError):
            while reading:
                for side in select.select(reading, [], [])[0]:
                    if data := side.recv(1 << 16):
                        other[side].sendall(data)
                    else:
                        reading.remove(side)
                        other[side].shutdown(socket.SHUT_WR)


@pytest.fixture
def remote() -> Iterator[Forwarder]:
    local = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    forwarder = Forwarder(local.removeprefix("unix://"))
    threading.Thread(target=forwarder.serve, daemon=True).start()
    yield forwarder
    forwarder.close()


def verify(remote: Forwarder, folder: Path, *arguments: str) -> tuple[int, dict[str, object], str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "verify", *arguments, "--json", str(folder / "report.json")],
        env=os.environ | {"DOCKER_HOST": remote.address},
        capture_output=True,
        text=True,
        check=False,
    )
    report = folder / "report.json"
    found = json.loads(report.read_text()) if report.exists() else {}
    return done.returncode, found, done.stdout + done.stderr


def test_the_whole_catalogue_is_proved_through_it(remote: Forwarder, tmp_path: Path) -> None:
    code, report, printed = verify(remote, tmp_path, "--reference", "--reference")
    assert (code, report.get("verdict")) == (0, "pass"), printed
    assert remote.connections > 0


def test_a_users_weakened_configuration_fails_through_it(remote: Forwarder, tmp_path: Path) -> None:
    shutil.copytree(REFERENCE.configuration, tmp_path / "conf")
    file = tmp_path / "conf" / "httpd.conf"
    file.write_text(file.read_text().replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    code, report, printed = verify(remote, tmp_path, str(tmp_path / "conf"), "-k", "absent.none or valid.p256")
    assert (code, report.get("verdict")) == (1, "fail"), printed


def test_an_engine_that_is_gone_is_no_verdict(remote: Forwarder, tmp_path: Path) -> None:
    address = remote.address
    remote.listener.shutdown(socket.SHUT_RDWR)  # The port stays occupied, so that no other server answers there.
    code, report, printed = verify(remote, tmp_path, "--reference", "--reference")
    assert (code, report, f"No Docker engine answers at {address}" in printed) == (3, {}, True), printed
