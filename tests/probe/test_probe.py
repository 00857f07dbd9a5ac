"""The client's observations of different servers: a missing answer is never a refusal."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.outcome import TLS_VERSIONS, Outcome, Tls
from harness.pki import Authority, Identity, KeyType, generate, mismatched_key
from harness.probe import SITE, Client, Endpoint, probe
from tests.waiting import PATIENCE

ROOT = Authority.root()
SERVER = ROOT.server(subject="localhost", names=("localhost",))
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A server on 127.0.0.1 that handles one connection with `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()
        thread.join(PATIENCE)


def tls_server(folder: Path, identity: Identity, answer: bytes = PAGE) -> Callable[[socket.socket], None]:
    """TLS with a required client certificate of `ROOT`, and one answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "all.pem").write_bytes(identity.certificate_pem() + identity.key_pem())
    context.load_cert_chain(folder / "all.pem")
    (folder / "ca.pem").write_bytes(Identity(ROOT.certificate, ROOT.key).certificate_pem())
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
                tls.recv(4096)
                tls.sendall(answer)
            except ssl.SSLError:
                # As httpd does: a socket that is closed with something unread takes the alert back (RFC 1122 4.2.2.13).
                tls.shutdown(socket.SHUT_WR)
                while socket.socket.recv(tls, 4096):
                    pass

    return serve


def observe(address: tuple[str, int], client: Client, tls: Tls = "1.3") -> tuple[Outcome, bool, str | None, int | None]:
    seen = probe(Endpoint(address, "localhost", 8443, "/", frozenset([SERVER.certificate])), client, tls, "mark")
    return seen.outcome, seen.server_proven, seen.alert, seen.status


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_a_good_client_is_admitted_by_the_very_server(tmp_path: Path, tls: Tls) -> None:
    with listening(tls_server(tmp_path, SERVER)) as address:
        assert observe(address, Client(ROOT.client(subject="me")), tls) == (Outcome.ADMITTED, True, None, 200)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_a_server_with_another_certificate_is_not_taken_for_it(tmp_path: Path, tls: Tls) -> None:
    other = ROOT.server(subject="localhost", names=("localhost",))
    with listening(tls_server(tmp_path, other)) as address:
        assert observe(address, Client(ROOT.client(subject="me")), tls) == (Outcome.ADMITTED, False, None, 200)


@pytest.mark.parametrize(
    ("tls", "alert"), [("1.2", "handshake_failure"), ("1.3", "certificate_required")], ids=TLS_VERSIONS
)
def test_a_client_without_a_certificate_reads_the_alert(tmp_path: Path, tls: Tls, alert: str) -> None:
    with listening(tls_server(tmp_path, SERVER)) as address:
        assert observe(address, Client(), tls) == (Outcome.REFUSED_IN_HANDSHAKE, True, alert, None)


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_another_clients_key_signs_a_handshake_that_does_not_verify(tmp_path: Path, tls: Tls) -> None:
    identity = ROOT.client(subject="me")
    client = Client(identity, key_pem=mismatched_key(identity.certificate, generate(KeyType.P_256)))
    with listening(tls_server(tmp_path, SERVER)) as address:
        assert observe(address, client, tls) == (Outcome.REFUSED_IN_HANDSHAKE, True, "decrypt_error", None)


def test_a_refusal_by_http_is_distinguished_from_one_in_the_handshake(tmp_path: Path) -> None:
    with listening(tls_server(tmp_path, SERVER, PAGE.replace(b"200 OK", b"403 Forbidden"))) as address:
        assert observe(address, Client(ROOT.client(subject="me"))) == (Outcome.REFUSED_BY_HTTP, True, None, 403)


def test_a_closed_port_is_no_answer() -> None:
    with socket.socket() as silent:  # It occupies the port, so that no server listens there.
        silent.bind(("127.0.0.1", 0))
        assert observe(silent.getsockname(), Client())[:2] == (Outcome.NO_ANSWER, False)


def test_a_server_that_hangs_up_is_no_answer() -> None:
    with listening(lambda connection: connection.close()) as address:
        assert observe(address, Client())[:2] == (Outcome.NO_ANSWER, False)


def test_a_server_that_hangs_up_after_the_handshake_is_no_answer(tmp_path: Path) -> None:
    with listening(tls_server(tmp_path, SERVER, b"")) as address:
        assert observe(address, Client(ROOT.client(subject="me"))) == (Outcome.NO_ANSWER, True, None, None)


def test_a_server_that_speaks_no_tls_is_no_refusal() -> None:
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as address:
        assert observe(address, Client())[:2] == (Outcome.NO_ANSWER, False)


@contextmanager
def resuming(
    folder: Path, answers: Iterator[bytes], *, tickets: int = 2
) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """A server of two connections that gives each request the next answer, and closes when there is none left; the list
    says of each request whether the session was resumed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "all.pem").write_bytes(SERVER.certificate_pem() + SERVER.key_pem())
    context.load_cert_chain(folder / "all.pem")
    context.num_tickets = tickets
    requests: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as tls:
                    while (request := tls.recv(4096)) and (answer := next(answers, None)):
                        requests.append(f"{'resumed' if tls.session_reused else 'new'} {_ending(request)}")
                        tls.sendall(answer)
                        if requests[-1].endswith("close"):
                            break
                    with suppress(OSError):
                        tls.unwrap()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname(), requests
        thread.join(10)


def _ending(request: bytes) -> str:
    return request.partition(b"\r\nConnection: ")[2].partition(b"\r\n")[0].decode()


REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
CHUNKED = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"


@pytest.mark.parametrize("tls", TLS_VERSIONS)
@pytest.mark.parametrize("first", [REFUSED, CHUNKED], ids=["of a known length", "in chunks"])
def test_a_client_that_resumes_its_own_session_asks_twice_on_it(tmp_path: Path, tls: Tls, first: bytes) -> None:
    with resuming(tmp_path, iter([REFUSED, first, PAGE])) as (address, requests):
        seen = observe(address, Client(ROOT.client(subject="me"), resumes=SITE), tls)
    assert seen == (Outcome.ADMITTED, True, None, 200)
    assert requests == ["new close", "resumed keep-alive", "resumed close"]


@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_the_first_request_of_a_resumed_session_is_enough_where_it_is_admitted(tmp_path: Path, tls: Tls) -> None:
    with resuming(tmp_path, iter([REFUSED, PAGE])) as (address, requests):
        seen = observe(address, Client(ROOT.client(subject="me"), resumes=SITE), tls)
    assert seen == (Outcome.ADMITTED, True, None, 200)
    assert requests == ["new close", "resumed keep-alive"]


def test_without_a_session_the_second_connection_is_an_ordinary_one(tmp_path: Path) -> None:
    with resuming(tmp_path, iter([REFUSED] * 3), tickets=0) as (address, requests):
        seen = observe(address, Client(ROOT.client(subject="me"), resumes=SITE))
    assert seen == (Outcome.REFUSED_BY_HTTP, True, None, 403)
    assert requests == ["new close", "new keep-alive", "new close"]


def test_a_server_that_closes_after_the_first_request_has_answered_all_the_same(tmp_path: Path) -> None:
    with resuming(tmp_path, iter([REFUSED, REFUSED])) as (address, _):
        seen = observe(address, Client(ROOT.client(subject="me"), resumes=SITE))
    assert seen == (Outcome.REFUSED_BY_HTTP, True, None, 403)
