"""How do commands run in a container, and how is their output read?

The container's process is a shell that reads its commands from this program, over one connection. In the end httpd
takes the shell's place: the container ends when httpd ends.
"""

import contextlib
import os
import re
import shlex
import socket
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docker.models.containers import Container

from harness.engine.client import ServerError

_HEADER = 8
"""Bytes before each part of the output: the stream's number, three zeros, and the length (Docker's API, "attach")."""
_STDOUT, _STDERR = 1, 2
_PART = 1 << 20
_PAUSE_S = 0.02
"""How long the output may wait to be read: a thread that wakes for each line would slow the others down."""
_END_S = 60
"""How long a stopped container may take until the engine has handed out its output."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command: its exit code, and the texts that it wrote to stdout and stderr."""

    exit_code: int
    stdout: str
    stderr: str


class Shell:
    """The shell that is a container's process, until httpd takes its place."""

    def __init__(self, container: Container, attached: Any) -> None:
        self.container = container
        self._attached = attached
        # An engine behind TLS has the connection itself, another one a file around it.
        self._connection: socket.socket = getattr(attached, "_sock", attached)
        self._output: Output | None = None

    @classmethod
    def start(cls, container: Container) -> "Shell":
        """Start a created container, connected before it can print anything."""
        attached = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        container.start()
        return cls(container, attached)

    def run(self, command: Sequence[str]) -> CommandResult:
        """Run a command, and wait for its end.

        Raises:
            ServerError: the container stopped, or the engine no longer answers.
        """
        end = uuid.uuid4().hex
        self._send(f"{shlex.join(command)} </dev/null; printf '%s=%d;' {end} $?; printf %s {end} >&2")
        streams = {_STDOUT: bytearray(), _STDERR: bytearray()}
        ended = re.compile(rb"%b=(\d+);\Z" % end.encode())
        while not (code := ended.search(streams[_STDOUT][-64:])) or not streams[_STDERR].endswith(end.encode()):
            header = self._exactly(_HEADER)
            streams[header[0]] += self._exactly(int.from_bytes(header[4:]))
        stdout, stderr = (
            bytes(stream).rpartition(end.encode())[0].decode(errors="replace") for stream in streams.values()
        )
        return CommandResult(int(code[1]), stdout, stderr)

    def background(self, command: Sequence[str]) -> None:
        """Start a command that runs beside the next ones. It ends with the container."""
        self._send(f"{shlex.join(command)} </dev/null &")

    def become(self, command: Sequence[str]) -> "Output":
        """Put a command in the shell's place; returns its output."""
        self._send(f"exec {shlex.join(command)} </dev/null")
        self._output = Output(self._connection)
        return self._output

    def close(self) -> None:
        """Close the connection, and forget the output. A shell then ends; httpd does not read from it."""
        with contextlib.suppress(OSError):  # The other end may have closed it.
            self._connection.shutdown(socket.SHUT_RDWR)
        self._attached._response.close()
        self._attached.close()
        self._connection.close()
        if self._output:
            self._output.close()

    def _send(self, line: str) -> None:
        try:
            self._connection.sendall(line.encode(errors="surrogateescape") + b"\n")
        except OSError as error:
            raise self._lost(str(error)) from error

    def _exactly(self, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            try:
                part = self._connection.recv(length - len(found))
            except OSError as error:
                raise self._lost(str(error)) from error
            if not part:
                raise self._lost("it stopped")
            found += part
        return bytes(found)

    def _lost(self, why: str) -> ServerError:
        return ServerError(f"The connection to the container {self.container.short_id} ended ({why}).")


class Output:
    """The output of a program, read as it comes by a thread of its own. It is stored on disk: with many sites it is too
    long for the memory."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(None)
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - `close` closes it
        self._hurry = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while part := self._connection.recv(_PART):
                self._file.write(part)
                self._hurry.wait(_PAUSE_S)
        except OSError as error:
            self._error = error

    @property
    def ended(self) -> bool:
        """Whether there is no more to come."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end of the output.

        Raises:
            ServerError: the connection broke, so that some of it is missing; or it did not end.
        """
        self._hurry.set()
        self._thread.join(_END_S)
        if self._error or not self.ended:
            raise ServerError(f"The engine does not hand out the whole log: {self._error or 'it did not end'}.")

    def close(self) -> None:
        """Give up the file, after the connection was closed."""
        self._hurry.set()
        self._thread.join(_END_S)
        self._file.close()

    def lines(self, *, unfinished: bool = True) -> Iterator[str]:
        """Yield the lines that came so far, of both streams in the order of their arrival; the last one of a stream may
        be `unfinished`. What comes later only adds lines."""
        rest = {_STDOUT: b"", _STDERR: b""}
        for stream, part in self._parts():
            *whole, rest[stream] = (rest[stream] + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        if unfinished:
            yield from (line.decode(errors="replace") for line in rest.values() if line)

    def _parts(self) -> Iterator[tuple[int, bytes]]:
        position = 0
        # Not `read`: the thread that writes moves the file's position.
        while len(header := os.pread(self._file.fileno(), _HEADER, position)) == _HEADER:
            length = int.from_bytes(header[4:])
            yield header[0], os.pread(self._file.fileno(), length, position + _HEADER)
            position += _HEADER + length
