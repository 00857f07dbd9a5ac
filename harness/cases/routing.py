"""Requests that reach a site through another site's handshake.

The server name in the handshake (SNI) selects one virtual host, the Host header of the request another. Where they
differ, one site verifies the certificate and another serves the page.
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
    """A client without a certificate that sends no server name in the handshake: the default virtual host answers."""
    return Client(asks_for=None)


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def unknown_server_name(_pki: TestPki) -> Client:
    """A client without a certificate that names an unknown server in the handshake, and this site in the request."""
    return Client(asks_for=_UNKNOWN)


@case(_NOBODY, source="RFC 9110 7.2, VirtualHost", directive="Require")
def another_host(_pki: TestPki) -> Client:
    """A client without a certificate that names this site in the handshake, and an unknown host in the request: a rule
    that depends on the Host header does not apply to it.

    Tested only at the default virtual host of a port.
    """
    return Client(host=_UNKNOWN)


@case(_NOBODY, source=_SOURCE, directive="SSLVHostSNIPolicy")
def name_of_a_neighbour(_pki: TestPki) -> Client:
    """A client without a certificate that makes the handshake with another site of the same port, and requests a page
    of this site."""
    return Client(asks_for=NEIGHBOUR)


@case(_FOREIGN, source="RFC 8446 4.6.1, CVE-2025-23048", directive="ServerName", issued_by=NEIGHBOUR)
def other_vhost_after_resumption(pki: TestPki) -> Client:
    """A client of another site's authority that resumes its session with that site under this site's name: the
    certificate is not verified again.

    httpd separates the sessions of its virtual hosts by ServerName and port.
    """
    return Client(pki.identity(), resumes=NEIGHBOUR)


@case(_NOBODY, source="ServerAlias")
def by_alias(_pki: TestPki) -> Client:
    """A client without a certificate that uses one of the site's aliases."""
    return Client(asks_for=ALIAS)


@case(_FOREIGN, source=_SOURCE, directive="SSLVHostSNIPolicy", issued_by=NEIGHBOUR)
def client_of_a_neighbour(pki: TestPki) -> Client:
    """A client of another site's authority that makes the handshake with that site, and requests a page of this one."""
    return Client(pki.identity(), asks_for=NEIGHBOUR)
