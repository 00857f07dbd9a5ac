"""What does one client see when it knocks at one place?

Raw TLS through pyOpenSSL: it makes the handshakes that Python's own ssl refuses, and unlike an HTTP library it still
reads after a failed write, where TLS 1.3 delivers the alert.
"""

import re
import socket
import struct
import time
from dataclasses import dataclass, field

from cryptography import x509
from OpenSSL import SSL, crypto

from harness.outcome import Observation, Outcome, Tls
from harness.pki import Identity

DEADLINE = 10
"""Seconds that one read or write may take."""
_VERSIONS: dict[Tls, int] = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_ANY_STRENGTH = b"ALL:@SECLEVEL=0"
"""A hostile client sends what a careful library would refuse to load: judging it is the server's business."""


@dataclass(frozen=True)
class Client:
    """Who knocks: an identity, or nobody. `chain` replaces the certificates that are sent after the leaf,
    `key_pem` the key that signs."""

    identity: Identity | None = None
    chain: tuple[x509.Certificate, ...] | None = None
    key_pem: bytes | None = field(default=None, repr=False)

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """All that the client sends, leaf first."""
        if self.identity is None:
            return ()
        return (self.identity.certificate, *(self.identity.chain if self.chain is None else self.chain))


@dataclass(frozen=True)
class Door:
    """Where to knock: a published address, the name asked for (SNI and Host), the path, and the certificate that
    only the server under test can have."""

    address: tuple[str, int]
    name: str
    port: int
    path: str
    server: x509.Certificate


def probe(door: Door, client: Client, tls: Tls, mark: str) -> Observation:
    """Connect, shake hands, ask for the page, and read to the end; `mark` goes with the request as `X-MTLS-Probe`.

    Never raises for what a server or a network can do: a failure is an observation.
    """
    start = time.perf_counter()
    try:
        connection = SSL.Connection(_context(client, tls), _connect(door.address))
    except OSError as error:
        return Observation(Outcome.NO_ANSWER, False, _since(start), error=str(error))
    connection.set_connect_state()
    connection.set_tlsext_host_name(door.name.encode())
    try:
        failure = _shake_hands(connection)
        # TLS 1.2 has checked the server's signature before the client shows its certificate, TLS 1.3 at the end.
        proven = (tls == "1.2" or failure is None) and connection.get_peer_certificate(
            as_cryptography=True
        ) == door.server
        answer = b""
        if failure is None:
            answer, failure = _ask(connection, door, mark)
    finally:
        connection.close()
    alert = _alert(failure)
    status = _status(answer)
    if status is not None:
        outcome = Outcome.ADMITTED if status < 400 else Outcome.REFUSED_BY_HTTP
    else:
        outcome = Outcome.REFUSED_IN_HANDSHAKE if alert else Outcome.NO_ANSWER
    lost = None if status is not None or alert else f"no answer: {failure or 'the connection was closed'}"
    return Observation(outcome, proven, _since(start), alert, status, lost)


def _context(client: Client, tls: Tls) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(_VERSIONS[tls])
    context.set_max_proto_version(_VERSIONS[tls])
    # The certificate of this run is compared as a whole, which is stricter than any chain could be.
    context.set_verify(SSL.VERIFY_NONE, None)
    context.set_cipher_list(_ANY_STRENGTH)
    if client.identity is not None:
        leaf, *chain = client.certificates
        context.use_certificate(leaf)
        for certificate in chain:
            context.add_extra_chain_cert(certificate)
        # By way of PEM, since cryptography itself reads no mismatched key and pyOpenSSL takes no ML-DSA key from it.
        pem = client.key_pem or client.identity.key_pem()
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, pem))
    return context


def _connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, DEADLINE)
    # Without it Nagle's algorithm holds the request back until the server's delayed acknowledgement (40 ms).
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # OpenSSL wants a blocking descriptor; the kernel then keeps the deadline.
    connection.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", DEADLINE, 0))
    return connection


def _shake_hands(connection: SSL.Connection) -> Exception | None:
    try:
        connection.do_handshake()
    except (SSL.Error, OSError) as error:
        return error
    return None


def _ask(connection: SSL.Connection, door: Door, mark: str) -> tuple[bytes, Exception | None]:
    host = f"{door.name}:{door.port}"
    request = f"GET {door.path} HTTP/1.1\r\nHost: {host}\r\nX-MTLS-Probe: {mark}\r\nConnection: close\r\n\r\n"
    answer = b""
    failure: Exception | None = None
    try:
        connection.sendall(request.encode())
    except (SSL.Error, OSError) as error:
        failure = error
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except SSL.ZeroReturnError:
        pass
    except (SSL.Error, OSError) as error:
        failure = error
    return answer, failure


def _alert(failure: Exception | None) -> str | None:
    """Read the alert out of OpenSSL's words ("tlsv13 alert certificate required"); None if it was none."""
    found = re.search(r"alert ([a-z ]+)", str(failure))
    return found[1].strip().replace(" ", "_") if found else None


def _status(answer: bytes) -> int | None:
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(found[1]) if found else None


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)
