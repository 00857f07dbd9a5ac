"""Is a started httpd still running, at which ports, and what has it logged?"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from docker.errors import APIError
from docker.models.containers import Container

from harness.engine.client import ServerError
from harness.engine.responder import update
from harness.engine.shell import Output
from harness.httpd.log_line import is_routine
from harness.httpd.messages import explained

_START_S = 10
"""How long the engine may take to publish the ports."""
_LAST = 8
"""How many lines of the log a message quotes."""


@dataclass(frozen=True)
class Httpd:
    """A running server. `output` is its log, `ports` maps each port of the configuration to its published port on
    127.0.0.1. `named` puts the user's names of files into a message. `responder` is the OCSP responder that it asks, if
    any."""

    container: Container
    output: Output
    ports: Mapping[int, int]
    named: Callable[[str], str]
    responder: Container | None = None

    def state(self) -> str | None:
        """None if the server and its responder have run without interruption since their start; else what happened."""
        if self.responder:
            self.responder.reload()
            if not self.responder.attrs["State"]["Running"]:
                return f"the OCSP responder stopped with exit code {self.responder.attrs['State']['ExitCode']}"
        ended = self.output.ended
        self.container.reload()
        state = self.container.attrs["State"]
        if not state["Running"] or self.container.attrs["RestartCount"]:
            return f"the container stopped with exit code {state['ExitCode']}"
        return "the engine no longer hands out the log" if ended else None

    def last_words(self, lines: int = _LAST) -> str:
        """The last lines of its log without httpd's routine messages, for a message."""
        return explained(self.named("\n".join([line for line in self.output.lines() if not is_routine(line)][-lines:])))

    def logged(self) -> Iterator[str]:
        """Yield every whole line of its log so far, from the first one on."""
        return self.output.lines(unfinished=False)

    def answer(self, answers: Mapping[str, bytes]) -> None:
        """Give the OCSP responder, if there is one, these files: it reads them for each answer."""
        if self.responder:
            update(self.responder, answers)

    def finish(self, *, keep: bool = False) -> Iterator[str]:
        """Stop the server and yield every line of its log: the log is complete only after the server has stopped.

        With `keep` the server continues, and the log has one second to arrive.

        Raises:
            ServerError: the engine does not hand out the whole log.
        """
        if keep:
            time.sleep(1)
        else:
            # The output ends with httpd; the engine answers only when it has taken down the network as well.
            threading.Thread(target=self._kill).start()
            self.output.wait()
        yield from self.output.lines()

    def _kill(self) -> None:
        with contextlib.suppress(APIError):  # It may have stopped already: `state` reports that.
            self.container.kill()


def published(container: Container, ports: Sequence[int]) -> dict[int, int]:
    """Wait until the engine has published the ports of a started container; returns the ports on 127.0.0.1.

    Raises:
        ServerError: it stopped, or the engine published no port in time.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        container.reload()
        bindings = container.attrs["NetworkSettings"]["Ports"]
        if all(bindings.get(f"{port}/tcp") for port in ports):
            return {port: int(bindings[f"{port}/tcp"][0]["HostPort"]) for port in ports}
        if not container.attrs["State"]["Running"]:
            raise ServerError(f"The container stopped with exit code {container.attrs['State']['ExitCode']}.")
        time.sleep(0.02)
    raise ServerError(f"The engine published none of the ports {', '.join(map(str, ports))} within {_START_S} s.")
