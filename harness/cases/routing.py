"""Who takes the way through another site?

The handshake chooses a virtual host by the server name in it (SNI), the request by its Host header. Where the two
differ, the certificate was asked for by one site and the page is that of another.
"""

from harness.cases import case
from harness.outcome import NO_CERTIFICATE, refused
from harness.pki.run import Pki
from harness.probe import NEIGHBOUR, Client

_NOBODY = refused(NO_CERTIFICATE, text="peer did not return a certificate", status=421)
_SOURCE = "RFC 6066 3, RFC 9110 7.4, SSLVHostSNIPolicy, CVE-2025-23048"


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def no_server_name(_pki: Pki) -> Client:
    """A client without a certificate that names no server in the handshake: the default virtual host answers it."""
    return Client(asks_for=None)


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def unknown_server_name(_pki: Pki) -> Client:
    """A client without a certificate that names a server in the handshake which is not here, and this site after."""
    return Client(asks_for="unknown.invalid")


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def name_of_a_neighbour(_pki: Pki) -> Client:
    """A client without a certificate that shakes hands with another site of the same port, and asks for a page of
    this one."""
    return Client(asks_for=NEIGHBOUR)
