"""Which servers are compared, and what loads them?"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from cryptography.hazmat.primitives.serialization import Encoding

from harness.engine import Container, ServerError, image
from harness.engine.reference import HOME, PORT, published, reference_container
from harness.pki import Authority, Identity

CORES = len(os.sched_getaffinity(0))
NAME = "localhost"
PATH = "/whoami"
"""A small page that tells the client's certificate, at httpd and at nginx alike."""
_START = 15
_PKI = f"{HOME}/pki"
_S_SERVER = (
    *("openssl", "s_server", "-accept", str(PORT), "-quiet", "-www", "-no_ticket"),
    *("-cert", f"{_PKI}/server.crt", "-key", f"{_PKI}/server.key", "-CAfile", f"{_PKI}/ca.crt"),
    *("-Verify", "3", "-verify_return_error", "-CRL", f"{_PKI}/crl.pem", "-crl_check_all"),
)


@dataclass(frozen=True)
class Material:
    """The certificates that all servers and clients of a bench share: P-256, and a CRL of their authority."""

    server: Identity
    client: Identity
    files: dict[str, bytes]


def material() -> Material:
    """Issue them."""
    root = Authority.root(subject="Bench root")
    server, client = root.server(subject=NAME, names=(NAME,)), root.client(subject="bench")
    files = {
        "server.crt": server.certificate_pem(),
        "server.key": server.key_pem(),
        "ca.crt": root.certificate.public_bytes(Encoding.PEM),
        "crl.pem": root.crl().public_bytes(Encoding.PEM),
        "client.pem": client.certificate_pem() + client.key_pem(),
    }
    return Material(server, client, {f"pki/{name}": content for name, content in files.items()})


@dataclass(frozen=True)
class Loaded:
    """A server, and a container that shares its network and loads it."""

    server: Container
    loader: Container

    def cpu_s(self) -> float:
        """Seconds of processor time that the server has used."""
        stats = cast("dict[str, Any]", self.server.stats(stream=False, one_shot=True))
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def requests(self, tls: str, seconds: int) -> tuple[float, float]:
        """Let one `ab` a core ask for the page, a new connection each; returns requests per second and the server's
        milliseconds of processor time per request."""
        command = f"ab -q -t {seconds} -n 1000000 -c 4 -f TLS{tls} -E {_PKI}/client.pem https://{NAME}:{PORT}{PATH}"
        before = self.cpu_s()
        output = _together(self.loader, command)
        spent = self.cpu_s() - before
        counts = [int(count) for count in re.findall(r"Complete requests: +(\d+)", output)]
        times = [float(taken) for taken in re.findall(r"Time taken for tests: +([\d.]+)", output)]
        if len(counts) != CORES or "Non-2xx" in output or not all(counts):
            raise ServerError(f"The load of {self.server.attrs['Config']['Image']} failed:\n{output[-800:]}")
        return sum(count / taken for count, taken in zip(counts, times, strict=True)), spent / sum(counts) * 1000


def _together(loader: Container, command: str, processes: int = CORES) -> str:
    """Run the same command several times at once; returns the output of all."""
    line = f"for each in $(seq {processes}); do ({command}) 2>&1 & done; wait"
    return _run(loader, line)


def _run(loader: Container, line: str) -> str:
    output = loader.exec_run(["bash", "-c", line]).output
    assert isinstance(output, bytes), "Only a stream would be an iterator."
    return output.decode(errors="replace")


def s_time(loader: Container, port: int, tls: str, seconds: int, processes: int) -> float:
    """Let `openssl s_time` ask for the page at a published port; returns requests per second.

    It names no server (no SNI), which the reference deployment answers with 403 after the full handshake. Its own
    idea of the time is whole seconds, so the time is taken around it.
    """
    command = (
        f"from=$EPOCHREALTIME; openssl s_time -new -tls{tls.replace('.', '_')} -connect 127.0.0.1:{port} -www {PATH} "
        f"-cert {_PKI}/client.pem -CAfile {_PKI}/ca.crt -time {seconds}; echo took $from $EPOCHREALTIME"
    )
    output = _together(loader, command, processes)
    counts = [int(count) for count in re.findall(r"(\d+) connections in \d+ real seconds", output)]
    times = [float(end) - float(start) for start, end in re.findall(r"took ([\d.]+) ([\d.]+)", output)]
    if len(counts) != processes or not all(counts):
        raise ServerError(f"openssl s_time failed:\n{output[-800:]}")
    return sum(count / taken for count, taken in zip(counts, times, strict=True))


@contextlib.contextmanager
def loaded(shared: Material) -> Iterator[dict[str, Loaded]]:
    """Start httpd as deployed and as Debian ships it, nginx and openssl's s_server.

    Each is in a network of its own that has nothing but a loopback.
    """
    commands: dict[str, tuple[str, tuple[str, ...]]] = {
        "httpd": ("httpd", ()),
        "stock": ("bench", ("sh", "-c", ". /etc/bench/stock.env; exec apache2 -f /etc/bench/stock.conf -D FOREGROUND")),
        "nginx": ("bench", ()),
        "s_server": ("bench", _S_SERVER),
    }
    with contextlib.ExitStack() as stack:
        found: dict[str, Loaded] = {}
        for name, (folder, arguments) in commands.items():
            on = stack.enter_context(reference_container(image(folder)))
            server = on.container(*arguments)
            on.put(shared.files, through=server)
            server.start()
            load = stack.enter_context(loader(shared, f"container:{server.id}"))
            found[name] = Loaded(server, load)
            _wait(found[name])
        yield found


@contextlib.contextmanager
def deployed(shared: Material) -> Iterator[int]:
    """Start the reference deployment as a user runs it; yields its port on 127.0.0.1."""
    with reference_container(image("httpd")) as on:
        server = on.container(ports=True)
        on.put(shared.files, through=server)
        server.start()
        yield published(server)


@contextlib.contextmanager
def loader(shared: Material, network: str) -> Iterator[Container]:
    """Start a container that waits for commands in the network of another, or of this machine ("host")."""
    with reference_container(image("bench")) as on:
        container = on.container("sleep", "600", network=network)
        on.put(shared.files, through=container)
        container.start()
        yield container


def _wait(one: Loaded) -> None:
    deadline = time.monotonic() + _START
    while "Complete requests" not in _run(one.loader, f"ab -q -n 1 -E {_PKI}/client.pem https://{NAME}:{PORT}{PATH}"):
        if time.monotonic() > deadline:
            words = one.server.logs(tail=8).decode(errors="replace")
            raise ServerError(f"A server of the bench does not answer. Its last words:\n{words}")
        time.sleep(0.1)
