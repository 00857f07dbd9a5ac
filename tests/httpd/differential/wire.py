"""Many requests over few connections: TLS with keep-alive, several requests sent before the first is answered."""

import socket
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.pki import Identity

_AT_ONCE = 64
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Answer:
    """What a request was answered with; `passed` says that every guard let it through."""

    status: int
    passed: bool

    @property
    def admitted(self) -> bool:
        """Whether access control let the request through: a handler may still not know the method."""
        return 200 <= self.status < 300 or (self.status in {405, 501} and self.passed)


LOST = Answer(0, False)
"""What stands for an answer that never came."""


class LostError(Exception):
    """A server closed the connection without an answer."""


@dataclass
class Wire:
    """One client's connection to a server, made again where the server ends it."""

    port: int
    identity: Identity | None
    tls: str
    _connection: ssl.SSLSocket | None = field(default=None, repr=False)
    _buffer: bytes = b""

    def ask(self, requests: Sequence[bytes]) -> list[Answer]:
        """Send requests and return their answers, in their order."""
        found: list[Answer] = []
        while len(found) < len(requests):
            part = requests[len(found) : len(found) + _AT_ONCE]
            answers = self._burst(part)
            if not answers:
                # An answer may have been lost with an idle connection.
                self.close()
                answers = self._burst(part[:1])
                answers = answers or [LOST]
            found += answers
        return found

    def close(self) -> None:
        """End the connection."""
        if self._connection:
            self._connection.close()
        self._connection, self._buffer = None, b""

    def _burst(self, part: Sequence[bytes]) -> list[Answer]:
        connection = self._connection or self._connected()
        found: list[Answer] = []
        try:
            connection.sendall(b"".join(part))
            for request in part:
                answer, goes_on = self._answer(connection, head=request.startswith(b"HEAD "))
                found.append(answer)
                if not goes_on:
                    self.close()
                    break
        except (OSError, LostError):
            self.close()
        return found

    def _answer(self, connection: ssl.SSLSocket, *, head: bool) -> tuple[Answer, bool]:
        while b"\r\n\r\n" not in self._buffer:
            self._more(connection)
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        answer = Answer(status, bool(fields.get("x-passed")))
        if not head and status not in {204, 304}:
            if fields.get("transfer-encoding") == "chunked":
                self._skip_chunks(connection)
            else:
                self._take(connection, int(fields.get("content-length", 0)))
        return answer, fields.get("connection", "").lower() != "close"

    def _skip_chunks(self, connection: ssl.SSLSocket) -> None:
        while True:
            while b"\r\n" not in self._buffer:
                self._more(connection)
            size, _, self._buffer = self._buffer.partition(b"\r\n")
            self._take(connection, int(size, 16) + 2)
            if int(size, 16) == 0:
                return

    def _take(self, connection: ssl.SSLSocket, size: int) -> None:
        while len(self._buffer) < size:
            self._more(connection)
        self._buffer = self._buffer[size:]

    def _more(self, connection: ssl.SSLSocket) -> None:
        part = connection.recv(65536)
        if not part:
            raise LostError
        self._buffer += part

    def _connected(self) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.post_handshake_auth = True
        context.minimum_version = context.maximum_version = _VERSIONS[self.tls]
        if self.identity:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "client.pem"
                file.touch(0o600)
                file.write_bytes(self.identity.certificate_pem() + self.identity.key_pem())
                context.load_cert_chain(file)
        raw = socket.create_connection(("127.0.0.1", self.port), 20)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection, self._buffer = context.wrap_socket(raw), b""
        return self._connection
