"""What does a server show of itself in a handshake without a client certificate?"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto
from OpenSSL._util import lib

from harness.outcome import Tls
from harness.pki.template import ATTRIBUTES
from harness.probe import Client, alert_of, connect, context_for, handshake


@dataclass(frozen=True)
class ServerHandshake:
    """The server's side of a handshake: its certificate (None if the handshake ended before it), the names of the
    authorities that it asks clients for (RFC 8446 section 4.2.4), the alert that it sent, and the verification result
    of its certificate: OpenSSL's X509_V_ERR number, 0 for a good one."""

    certificate: x509.Certificate | None
    authorities: tuple[x509.Name, ...]
    alert: str | None
    x509_error: int


def look(address: tuple[str, int], name: str, tls: Tls, *, trusted: Path | None = None) -> ServerHandshake:
    """Shake hands without a certificate; `trusted` is a PEM file of the authorities trusted for the server.

    Raises:
        OSError: there is no answer.
        OpenSSL.SSL.Error: `trusted` holds no certificate.
    """
    context = context_for(Client(), tls)
    if trusted:
        context.load_verify_locations(str(trusted))
    connection = SSL.Connection(context, connect(address))
    connection.set_connect_state()
    parameters = lib.SSL_get0_param(connection._ssl)
    if is_address(name):
        packed = ipaddress.ip_address(name).packed
        lib.X509_VERIFY_PARAM_set1_ip(parameters, packed, len(packed))
    else:
        connection.set_tlsext_host_name(name.encode())
        lib.X509_VERIFY_PARAM_set1_host(parameters, name.encode(), len(name.encode()))
    try:
        failure = handshake(connection)
        certificate = connection.get_peer_certificate(as_cryptography=True)
        authorities = (_name(entry) for entry in connection.get_client_ca_list())
        error = int(lib.SSL_get_verify_result(connection._ssl))
        return ServerHandshake(certificate, tuple(filter(None, authorities)), alert_of(failure), error)
    finally:
        connection.close()


def is_address(name: str) -> bool:
    """Whether a name is an IP address: SNI does not allow those (RFC 6066 section 3)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name(name: crypto.X509Name) -> x509.Name | None:
    """Read a name; None if it has an unknown attribute."""
    parts = [(kind.decode(), value.decode(errors="replace")) for kind, value in name.get_components()]
    if not parts or any(kind not in ATTRIBUTES for kind, _ in parts):
        return None
    return x509.Name([x509.NameAttribute(ATTRIBUTES[kind], value, _validate=False) for kind, value in parts])
