"""Who takes the way through another site?

The handshake chooses a virtual host by the server name in it (SNI), the request by its Host header. Where the two
differ, the certificate was asked for by one site and the page is that of another.
"""

from dataclasses import replace

from harness.cases import case
from harness.outcome import NO_CERTIFICATE, refused
from harness.pki.testbed import TestPki
from harness.probe import ALIAS, NEIGHBOUR, Client

_NOBODY = refused(NO_CERTIFICATE, text="peer did not return a certificate")
_UNKNOWN = "unknown.invalid"
_SOURCE = "RFC 6066 3, RFC 9110 7.4, SSLVHostSNIPolicy, CVE-2025-23048"
# The neighbour's guard has verified it; this site's must refuse it all the same.
_FOREIGN = replace(refused("unknown_ca", x509_error=20), by_rule=True)


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def no_server_name(_pki: TestPki) -> Client:
    """A client without a certificate that names no server in the handshake: the default virtual host answers it."""
    return Client(asks_for=None)


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def unknown_server_name(_pki: TestPki) -> Client:
    """A client without a certificate that names a server in the handshake which is not here, and this site after."""
    return Client(asks_for=_UNKNOWN)


@case(_NOBODY, source="RFC 9110 7.2, VirtualHost", directive="Require")
def another_host(_pki: TestPki) -> Client:
    """A client without a certificate that names this site in the handshake, and one that is not here in the request: a
    rule that depends on the Host header does not see it.

    Asked only of the virtual host that answers at its port to names which no other has.
    """
    return Client(host=_UNKNOWN)


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def name_of_a_neighbour(_pki: TestPki) -> Client:
    """A client without a certificate that shakes hands with another site of the same port, and asks for a page of
    this one."""
    return Client(asks_for=NEIGHBOUR)


@case(_FOREIGN, source="RFC 8446 4.6.1, CVE-2025-23048", directive="ServerName", issued_by=NEIGHBOUR)
def other_vhost_after_resumption(pki: TestPki) -> Client:
    """A client of another site's authority that shook hands with that site, and resumes that session with this one's
    name: what was verified there is not verified again.

    httpd keeps the sessions of its virtual hosts apart by their ServerName and port.
    """
    return Client(pki.identity(), resumes=NEIGHBOUR)


@case(_NOBODY, source="ServerAlias")
def by_alias(_pki: TestPki) -> Client:
    """A client without a certificate that calls the site by another of its names."""
    return Client(asks_for=ALIAS)


@case(_FOREIGN, source=_SOURCE, directive="SSLVHostSNIPolicy", issued_by=NEIGHBOUR)
def client_of_a_neighbour(pki: TestPki) -> Client:
    """A client of another site's authority that shakes hands with that site, and asks for a page of this one."""
    return Client(pki.identity(), asks_for=NEIGHBOUR)
