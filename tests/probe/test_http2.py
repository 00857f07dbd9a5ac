"""The client's side of HTTP/2, against servers that speak it, and some that do not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, RequestReceived
from h2.exceptions import ProtocolError

from harness.outcome import TLS_VERSIONS, Observation, Outcome, Tls
from harness.pki import Authority
from harness.probe import HTTP_2, NOT_HTTP_2, Client, Endpoint, probe

ROOT = Authority.root()
SERVER = ROOT.server(subject="localhost", names=("localhost",))
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
Answer = Callable[[H2Connection, int], None]


def status(number: int) -> Answer:
    def answer(http: H2Connection, stream: int) -> None:
        http.send_headers(stream, [(":status", str(number)), ("content-length", "2")])
        http.send_data(stream, b"ok", end_stream=True)

    return answer


def reset(code: ErrorCodes) -> Answer:
    return lambda http, stream: http.reset_stream(stream, code)


def goaway(code: int) -> Answer:
    return lambda http, _stream: http.close_connection(code)


@contextmanager
def serving(
    folder: Path, answer: Answer, *, offers: tuple[str, ...] = ("h2", "http/1.1")
) -> Iterator[tuple[tuple[str, int], list[dict[str, str] | bytes]]]:
    """A server of HTTP/2 and HTTP/1.1 with a required client certificate of `ROOT`; the list is what it was asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "all.pem").write_bytes(SERVER.certificate_pem() + SERVER.key_pem())
    context.load_cert_chain(folder / "all.pem")
    context.set_alpn_protocols(list(offers))
    asked: list[dict[str, str] | bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with suppress(OSError, ProtocolError), context.wrap_socket(connection, server_side=True) as tls:
                    if tls.selected_alpn_protocol() == "h2":
                        _serve(tls, answer, asked)
                    else:
                        asked.append(tls.recv(4096))
                        tls.sendall(PAGE)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname(), asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(tls: ssl.SSLSocket, answer: Answer, asked: list[dict[str, str] | bytes]) -> None:
    http = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
    http.initiate_connection()
    tls.sendall(http.data_to_send())
    while data := tls.recv(65536):
        for event in http.receive_data(data):
            if isinstance(event, RequestReceived):
                asked.append({str(name): str(value) for name, value in event.headers})
                answer(http, event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                return
        tls.sendall(http.data_to_send())


def ask(address: tuple[str, int], client: Client, tls: Tls = "1.3") -> Observation:
    return probe(Endpoint(address, "localhost", 8443, "/page", frozenset([SERVER.certificate])), client, tls, "mark")


def good(**changes: object) -> Client:
    return Client(ROOT.client(subject="me"), http=HTTP_2, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_a_good_client_is_admitted_and_its_probe_id_is_logged(tmp_path: Path, tls: Tls) -> None:
    client = good(headers=(("X-Token", "t"), ("Connection", "close")), user="me", query="a=b")
    with serving(tmp_path, status(200)) as (address, asked):
        seen = ask(address, client, tls)
    assert (seen.outcome, seen.server_proven, seen.status, seen.error) == (Outcome.ADMITTED, True, 200, None)
    (request,) = asked
    assert isinstance(request, dict)
    assert {name: request.get(name) for name in (":path", ":authority", ":scheme", "x-mtls-probe", "x-token")} == {
        ":path": "/page?a=b",
        ":authority": "localhost:8443",
        ":scheme": "https",
        "x-mtls-probe": "mark",
        "x-token": "t",
    }
    assert request["authorization"].startswith("Basic ")
    assert "connection" not in request


def test_a_status_of_http_2_is_distinguished_from_a_refusal_in_the_handshake(tmp_path: Path) -> None:
    with serving(tmp_path, status(403)) as (address, _):
        seen = ask(address, good())
    assert (seen.outcome, seen.status, seen.alert) == (Outcome.REFUSED_BY_HTTP, 403, None)


@pytest.mark.parametrize("how", [reset, goaway], ids=["stream", "connection"])
def test_a_server_that_requires_http_1_1_is_asked_so(tmp_path: Path, how: Callable[[ErrorCodes], Answer]) -> None:
    with serving(tmp_path, how(ErrorCodes.HTTP_1_1_REQUIRED)) as (address, asked):
        seen = ask(address, good())
    assert (seen.outcome, seen.status, seen.error) == (Outcome.ADMITTED, 200, None)
    assert [type(request) for request in asked] == [dict, bytes]
    assert isinstance(asked[1], bytes)
    assert asked[1].startswith(b"GET /page HTTP/1.1\r\n")


@pytest.mark.parametrize("offers", [("http/1.1",), ()], ids=["another protocol", "none"])
def test_a_server_without_http_2_refuses_no_client(tmp_path: Path, offers: tuple[str, ...]) -> None:
    with serving(tmp_path, status(200), offers=offers) as (address, asked):
        seen = ask(address, good())
    assert (seen.outcome, seen.status, seen.error) == (Outcome.ADMITTED, 200, NOT_HTTP_2)
    assert isinstance(asked[0], bytes)
    assert asked[0].startswith(b"GET /page HTTP/1.1\r\n")


def test_a_connection_that_is_ended_by_an_error_is_a_refusal_without_a_status(tmp_path: Path) -> None:
    with serving(tmp_path, goaway(22)) as (address, _):
        seen = ask(address, good())
    assert (seen.outcome, seen.status, seen.alert) == (Outcome.REFUSED_BY_HTTP, None, None)
    assert seen.error is not None
    assert "error 22" in seen.error


def test_a_stream_that_is_reset_is_no_answer(tmp_path: Path) -> None:
    with serving(tmp_path, reset(ErrorCodes.INTERNAL_ERROR)) as (address, _):
        seen = ask(address, good())
    assert (seen.outcome, seen.server_proven, seen.status) == (Outcome.NO_ANSWER, True, None)


def test_a_server_that_closes_without_an_error_is_no_answer(tmp_path: Path) -> None:
    with serving(tmp_path, goaway(ErrorCodes.NO_ERROR)) as (address, _):
        seen = ask(address, good())
    assert (seen.outcome, seen.status) == (Outcome.NO_ANSWER, None)
