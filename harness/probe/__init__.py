"""What does one client observe at one endpoint?

Raw TLS through pyOpenSSL: it makes the handshakes that Python's own ssl refuses, and unlike an HTTP library it still
reads after a failed write, where TLS 1.3 delivers the alert.
"""

import base64
import re
import socket
import struct
import time
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from cryptography import x509
from OpenSSL import SSL, crypto
from OpenSSL._util import lib

from harness.outcome import Observation, Outcome, Tls
from harness.pki import Identity
from harness.probe import http2

DEADLINE = 10
"""Seconds that one read or write may take."""
PASSWORD = "password"  # noqa: S105 - the fixed one of SSLOptions +FakeBasicAuth
SITE = "the site"
NEIGHBOUR = "a neighbour"
ALIAS = "an alias"
IDENTITY_HEADER = "the identity header"
"""Stands in a client's headers for the name of the header by which a backend learns the client's identity."""
OTHER_SPELLINGS = "other spellings of the identity header"
FORGED = "forged-by-the-client"
"""The identity that a client writes itself."""
HTTP_1_1 = "HTTP/1.1"
HTTP_2 = "HTTP/2"
NOT_HTTP_2 = "the server does not choose HTTP/2, so the request is made by HTTP/1.1"
_VERSIONS: dict[Tls, int] = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_ANY_STRENGTH = b"ALL:@SECLEVEL=0"
"""A hostile client sends what a careful library would refuse to load: judging it is the server's business."""


@dataclass(frozen=True)
class Client:
    """A client: its identity (None: no certificate), its handshake and its request.

    `chain` replaces the certificates that are sent after the leaf, `key_pem` the key that signs. `post_handshake` is
    the extension post_handshake_auth (RFC 8446 section 4.2.6), which browsers do not send.

    `asks_for` is the server name in the handshake (SNI): `SITE` the site's own, `NEIGHBOUR` that of another site on the
    same port, `ALIAS` another name of the site, None no name at all. `resumes` names the site of an earlier session to
    resume (RFC 8446 section 2.2), a `NEIGHBOUR` or `SITE`; without a session ticket the handshake is a full one. A
    client that resumes a session of the same site sends its request twice.

    `host` is the Host header where it is not the site's name (a client that asks for an alias sends the alias in both).
    `method` is the request's method. `user` is sent with the password "password" (RFC 7617). `address` is the client
    address that the request names; only a server under test believes it. `headers` are sent in addition, `query`
    follows the path, and `via` precedes it. `http` is the HTTP version: an HTTP/2 client also speaks HTTP/1.1 where the
    server wants that, as browsers do.
    """

    identity: Identity | None = None
    chain: tuple[x509.Certificate, ...] | None = None
    key_pem: bytes | None = field(default=None, repr=False)
    asks_for: str | None = SITE
    resumes: str | None = None
    host: str | None = None
    method: str = "GET"
    user: str | None = None
    address: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    http: str = HTTP_1_1
    via: str = ""
    post_handshake: bool = True
    body: int = 0
    """Of how many bytes the request's body is, over HTTP/1.1."""

    @property
    def writes(self) -> str:
        """The unusual parts of the request, for a message; "" if there are none."""
        parts = [f"{name}: {value}" for name, value in self.headers]
        parts += [f"Host: {self.host}"] if self.host and self.asks_for == SITE else []
        parts += [f"?{self.query}"] if self.query else []
        parts += [self.http] if self.http not in {HTTP_1_1, HTTP_2} else []
        parts += [self.method] if self.method not in {"GET", "POST"} else []
        return ", ".join([*parts, *([f"{self.via}/…"] if self.via else [])])

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The certificates that the client sends, leaf first."""
        if self.identity is None:
            return ()
        return (self.identity.certificate, *(self.identity.chain if self.chain is None else self.chain))


@dataclass(frozen=True)
class Endpoint:
    """The target of a probe: a published address, the name (SNI and Host), the port in the configuration, the path, and
    the certificates that only the server under test can have. Without certificates, the endpoint has no TLS."""

    address: tuple[str, int]
    name: str
    port: int
    path: str
    servers: frozenset[x509.Certificate]


def probe(endpoint: Endpoint, client: Client, tls: Tls, probe_id: str) -> Observation:
    """Connect, shake hands, ask for the page, and read to the end; `probe_id` goes with the request as `X-MTLS-Probe`.

    Never raises for what a server or a network can do: a failure is an observation.
    """
    start = time.perf_counter()
    context = context_for(client, tls)
    try:
        session = _session(context, endpoint, client) if client.resumes else None
        connection = _connection(context, endpoint, client)
    except OSError as error:
        return Observation(Outcome.NO_ANSWER, False, _since(start), error=str(error))
    if session:
        connection.set_session(session)
    try:
        failure = handshake(connection)
        # TLS 1.2 has checked the server's signature before the client shows its certificate, TLS 1.3 at the end.
        shown = connection.get_peer_certificate(as_cryptography=True)
        proven = (tls == "1.2" or failure is None) and shown in endpoint.servers
        wants_http2 = client.http == HTTP_2 and failure is None
        other = wants_http2 and connection.get_alpn_proto_negotiated() != http2.ALPN
        client = replace(client, http=HTTP_1_1) if other else client
        status, failure = (None, failure) if failure else _reply(connection, endpoint, client, probe_id)
    finally:
        connection.close()
    if isinstance(failure, http2.Http11RequiredError):
        return probe(endpoint, replace(client, http=HTTP_1_1), tls, probe_id)
    alert = alert_of(failure)
    if isinstance(failure, http2.RefusedError):
        return Observation(Outcome.REFUSED_BY_HTTP, proven, _since(start), error=str(failure))
    silent = Outcome.REFUSED_IN_HANDSHAKE if alert else Outcome.NO_ANSWER
    outcome = silent if status is None else _outcome_of(status)
    lost = None if status is not None or alert else f"no answer: {failure or 'the connection was closed'}"
    return Observation(outcome, proven, _since(start), alert, status, lost or (NOT_HTTP_2 if other else None))


def _reply(
    connection: SSL.Connection, endpoint: Endpoint, client: Client, probe_id: str
) -> tuple[int | None, Exception | None]:
    """Send the client's request; returns the status (None without one) and the error."""
    if client.http == HTTP_2:
        headers = _headers(client, probe_id)
        return http2.ask(connection, client.method, _host(endpoint, client), target(endpoint.path, client), headers)
    if client.resumes == SITE:
        answer, failure = _ask_twice(connection, endpoint, client, probe_id)
    else:
        answer, failure = _ask(connection, _request(endpoint, client, probe_id))
    return _status(answer), failure


def _connection(context: SSL.Context, endpoint: Endpoint, client: Client) -> SSL.Connection:
    connection = SSL.Connection(context, connect(endpoint.address))
    connection.set_connect_state()
    # pyOpenSSL has no method for it.
    lib.SSL_set_post_handshake_auth(connection._ssl, int(client.post_handshake))
    if client.asks_for is not None:
        connection.set_tlsext_host_name((endpoint.name if client.asks_for == SITE else client.asks_for).encode())
    return connection


def _session(context: SSL.Context, endpoint: Endpoint, client: Client) -> SSL.Session | None:
    """Return a session of the site to resume, None where the handshake is refused. TLS 1.3 sends the ticket after the
    handshake."""
    first = client if client.resumes == SITE else replace(client, asks_for=client.resumes, host=client.resumes)
    connection = _connection(context, endpoint, first)
    try:
        if handshake(connection) is None:
            _ask(connection, _request(endpoint, first, "before"))
            # OpenSSL does not resume a session without an orderly shutdown.
            connection.shutdown()
            return connection.get_session()
    except (SSL.Error, OSError):
        return None
    finally:
        connection.close()
    return None


def context_for(client: Client, tls: Tls) -> SSL.Context:
    """Return the TLS context of the client's side."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(_VERSIONS[tls])
    context.set_max_proto_version(_VERSIONS[tls])
    # The certificate of this run is compared as a whole, which is stricter than any chain could be.
    context.set_verify(SSL.VERIFY_NONE, None)
    context.set_cipher_list(_ANY_STRENGTH)
    if client.http == HTTP_2:
        context.set_alpn_protos([http2.ALPN, b"http/1.1"])
    if client.identity is not None:
        leaf, *chain = client.certificates
        context.use_certificate(leaf)
        for certificate in chain:
            context.add_extra_chain_cert(certificate)
        # By way of PEM, since cryptography itself reads no mismatched key and pyOpenSSL takes no ML-DSA key from it.
        pem = client.key_pem or client.identity.key_pem()
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, pem))
    return context


def connect(address: tuple[str, int]) -> socket.socket:
    """Connect, with a deadline of `DEADLINE` seconds; raises OSError if there is no answer."""
    connection = socket.create_connection(address, DEADLINE)
    # Without it Nagle's algorithm holds the request back until the server's delayed acknowledgement (40 ms).
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # OpenSSL wants a blocking descriptor; the kernel then keeps the deadline.
    connection.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", DEADLINE, 0))
    return connection


def handshake(connection: SSL.Connection) -> Exception | None:
    """Shake hands; returns the error, None without one."""
    try:
        connection.do_handshake()
    except (SSL.Error, OSError) as error:
        return error
    return None


def probe_without_tls(endpoint: Endpoint, client: Client, probe_id: str) -> Observation:
    """Ask for the page in the clear.

    Nothing proves which server answered but that it is the one published there.
    """
    start = time.perf_counter()
    try:
        with connect(endpoint.address) as connection:
            connection.sendall(_request(endpoint, client, probe_id))
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
    except OSError as error:
        return Observation(Outcome.NO_ANSWER, False, _since(start), error=str(error))
    status = _status(answer)
    if status is None:
        return Observation(Outcome.NO_ANSWER, False, _since(start), error="the answer is not HTTP")
    return Observation(_outcome_of(status), False, _since(start), None, status)


_USUAL = (("User-Agent", "mtls-harness"), ("Accept", "*/*"))
"""The headers of every client: many servers refuse requests without them."""


def _request(endpoint: Endpoint, client: Client, probe_id: str, *, connection: str = "close") -> bytes:
    headers = [("Host", _host(endpoint, client)), ("Connection", connection), *_headers(client, probe_id)]
    if client.body:
        headers += [("Content-Type", "application/octet-stream"), ("Content-Length", str(client.body))]
    lines = (f"{name}: {value}" for name, value in headers)
    head = "\r\n".join((f"{client.method} {target(endpoint.path, client)} {client.http}", *lines, "", ""))
    return head.encode() + b"x" * client.body


def target(path: str, client: Client) -> str:
    """The request target (RFC 9112 section 3.2): the path, after the client's `via` and before its query."""
    query = "?" + quote(client.query, "=&+/:") if client.query else ""
    return f"{client.via}{path}{query}"


def _host(endpoint: Endpoint, client: Client) -> str:
    """The Host header as browsers write it: without the scheme's default port (RFC 9110 section 4.2.3)."""
    written = client.host and re.search(r":\d+$", client.host)
    port = "" if written or endpoint.port == (443 if endpoint.servers else 80) else f":{endpoint.port}"
    return f"{client.host or endpoint.name}{port}"


def _headers(client: Client, probe_id: str) -> list[tuple[str, str]]:
    """The request headers, without Host and Connection."""
    own = {name.title() for name, _ in client.headers}
    usual = (entry for entry in _USUAL if entry[0] not in own)
    headers = [("X-MTLS-Probe", probe_id), *usual, *client.headers]
    if client.address:
        headers.append(("X-MTLS-Address", client.address))
    if client.user:
        headers.append(("Authorization", f"Basic {base64.b64encode(f'{client.user}:{PASSWORD}'.encode()).decode()}"))
    return headers


def _outcome_of(status: int) -> Outcome:
    return Outcome.ADMITTED if status < 400 else Outcome.REFUSED_BY_HTTP


def _ask(connection: SSL.Connection, request: bytes) -> tuple[bytes, Exception | None]:
    """Send a request and read one answer, to its end and no further (RFC 9112 section 6.3). After a failed write there
    may still be an alert to read."""
    answer = b""
    failure: Exception | None = None
    try:
        connection.sendall(request)
    except (SSL.Error, OSError) as error:
        failure = error
    try:
        while not _is_whole(answer) and (chunk := connection.recv(65536)):
            answer += chunk
    except SSL.ZeroReturnError:
        pass
    except (SSL.Error, OSError) as error:
        failure = error
    return answer, failure


def _ask_twice(
    connection: SSL.Connection, endpoint: Endpoint, client: Client, probe_id: str
) -> tuple[bytes, Exception | None]:
    """Send the request a second time on the same connection, unless the first one is admitted or the server closes.

    mod_ssl reads the certificate of a resumed session while it handles the first request. `<If>` is evaluated before
    that.
    """
    first, failure = _ask(connection, _request(endpoint, client, probe_id, connection="keep-alive"))
    if failure or (_status(first) or 0) < 300:
        return first, failure
    second, failure = _ask(connection, _request(endpoint, client, probe_id))
    return (second, failure) if second or alert_of(failure) else (first, None)


_WITHOUT_BODY = {204, 304}
_END = re.compile(rb"(?i)\r\n(?:content-length: *(\d+)|transfer-encoding: *(chunked)) *\r\n")


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if found and _status(head) in _WITHOUT_BODY:
        return True
    end = _END.search(head + b"\r\n") if found else None
    if end is None:
        return False
    return body.endswith(b"0\r\n\r\n") if end[2] else len(body) >= int(end[1])


def alert_of(failure: Exception | None) -> str | None:
    """The TLS alert in OpenSSL's error ("tlsv13 alert certificate required"); None if the error is not an alert."""
    found = re.search(r"alert ([a-z ]+)", str(failure))
    return found[1].strip().replace(" ", "_") if found else None


def _status(answer: bytes) -> int | None:
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(found[1]) if found else None


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)
