"""Is a started httpd still running, at which ports, and what has it logged?"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from docker.errors import APIError
from docker.models.containers import Container

from harness.engine.client import ServerError
from harness.httpd.layout import Layout
from harness.httpd.log import is_word

_START_S = 10
"""How long httpd may take to open its ports."""
_LAST = 8
"""How many lines of the log a message quotes."""


@dataclass(frozen=True)
class Httpd:
    """A running server. `ports` maps each port of the configuration to its published port on 127.0.0.1. `responder` is
    the OCSP responder that it asks, if any."""

    container: Container
    ports: Mapping[int, int]
    responder: Container | None = None

    def state(self) -> str | None:
        """None if the server and its responder have run without interruption since their start; else what happened."""
        if self.responder:
            self.responder.reload()
            if not self.responder.attrs["State"]["Running"]:
                return f"the OCSP responder stopped with exit code {self.responder.attrs['State']['ExitCode']}"
        self.container.reload()
        state = self.container.attrs["State"]
        if state["Running"] and not self.container.attrs["RestartCount"]:
            return None
        return f"the container stopped with exit code {state['ExitCode']}"

    def last_words(self, lines: int = _LAST) -> str:
        """The last relevant lines of its log, for a message."""
        return _last_words(self.container, lines)

    def finish(self, *, keep: bool = False) -> Iterator[str]:
        """Stop the server and yield every line of its log: the log is complete only after the server has stopped.

        With `keep` the server continues, and the log has one second to arrive.
        """
        if keep:
            time.sleep(1)
        else:
            with contextlib.suppress(APIError):  # It may have stopped already: `state` reports that.
                self.container.kill()
            self.container.wait(timeout=60)
        rest = b""
        # In parts: with many sites the log is too long for the memory.
        for part in self.container.logs(stream=True, follow=False):
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        yield rest.decode(errors="replace")


def published(container: Container, ports: Sequence[int], layout: Layout) -> dict[int, int]:
    """Wait until the engine has published the ports of a started server; returns the ports on 127.0.0.1.

    Raises:
        ServerError: the server stopped, or opened no port in time. The message quotes its log, with the file names of
            the layout.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        container.reload()
        bindings = container.attrs["NetworkSettings"]["Ports"]
        if all(bindings.get(f"{port}/tcp") for port in ports):
            return {port: int(bindings[f"{port}/tcp"][0]["HostPort"]) for port in ports}
        if not container.attrs["State"]["Running"]:
            break
        time.sleep(0.02)
    words = _last_words(container)
    ended = Httpd(container, {}).state() or f"httpd opened none of its ports within {_START_S} s"
    raise ServerError(f"{ended}. Its last words:\n{layout.named(words)}")


def _last_words(container: Container, lines: int = _LAST) -> str:
    """The last lines of a log, without httpd's routine messages."""
    log = container.logs().decode(errors="replace")
    return "\n".join([line for line in log.splitlines() if is_word(line)][-lines:])
