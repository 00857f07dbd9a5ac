"""How does a server answer an HTTP/2 request (RFC 9113)?"""

from collections.abc import Iterable
from dataclasses import dataclass

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from OpenSSL import SSL

ALPN = b"h2"
"""The name of HTTP/2 in the handshake (RFC 9113 section 3.1)."""
_OF_HTTP_1 = {"connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
"""The headers that HTTP/2 does not have (RFC 9113 section 8.2.2), or has by another name."""


class Http11RequiredError(Exception):
    """The server wants the request by HTTP/1.1 (RFC 9113 section 7, HTTP_1_1_REQUIRED)."""


class RefusedError(Exception):
    """The server chose HTTP/2, and ends the connection with an error (GOAWAY), as for a cipher suite that HTTP/2 does
    not allow (RFC 9113 section 9.2.2)."""


@dataclass
class _Answer:
    status: int | None = None
    is_over: bool = False
    reset: int | None = None
    goaway: int | None = None

    def take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self.status = int(dict(event.headers)[b":status"])
        elif isinstance(event, StreamReset):
            self.reset = event.error_code
        elif isinstance(event, ConnectionTerminated):
            self.goaway = event.error_code
        self.is_over |= isinstance(event, StreamEnded | StreamReset | ConnectionTerminated)

    def failure(self) -> Exception | None:
        if ErrorCodes.HTTP_1_1_REQUIRED in {self.reset, self.goaway}:
            return Http11RequiredError()
        if self.goaway and self.status is None:
            return RefusedError(f"the HTTP/2 connection is refused with error {int(self.goaway)}")
        return ProtocolError(f"the HTTP/2 stream is reset with error {int(self.reset)}") if self.reset else None


def ask(
    connection: SSL.Connection, method: str, host: str, path: str, headers: Iterable[tuple[str, str]]
) -> tuple[int | None, Exception | None]:
    """Request a page; returns the status (None without one) and the error.

    After the answer it reads until the server closes the connection: by then the server has logged the request.
    """
    http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    pseudo = ((":method", method), (":scheme", "https"), (":authority", host), (":path", path))
    answer, is_closing = _Answer(), False
    try:
        http.initiate_connection()
        sent = [*pseudo, *((name, value) for name, value in headers if name.lower() not in _OF_HTTP_1)]
        http.send_headers(http.get_next_available_stream_id(), sent, end_stream=True)
        connection.sendall(http.data_to_send())
        while chunk := connection.recv(65536):
            for event in http.receive_data(chunk):
                answer.take(event)
                if isinstance(event, DataReceived):
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if answer.is_over and not is_closing:
                is_closing = True
                http.close_connection()
            connection.sendall(http.data_to_send())
    except SSL.ZeroReturnError:
        pass
    except (SSL.Error, OSError, ProtocolError) as error:
        if not answer.is_over:
            return answer.status, error
    return answer.status, answer.failure()
