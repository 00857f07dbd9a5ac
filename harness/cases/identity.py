"""What a backend learns of the client, where httpd passes an identity on in a request header.

Tested at every site that leads to a backend for which `RequestHeader` sets such a header. A real httpd takes the
requests in the backend's place, and logs the headers that it receives. A backend that runs as CGI, WSGI, Rack or PHP
reads `X-User`, `X_User` and `x-user` as the same variable (RFC 3875, section 4.1.18).
"""

from harness.cases import case
from harness.outcome import own_identity
from harness.pki.testbed import TestPki
from harness.probe import FORGED, IDENTITY_HEADER, OTHER_SPELLINGS, Client

_HEADER = "RequestHeader"


@case(own_identity(), source="RFC 9110 5.1, CVE-2026-35616", directive=_HEADER)
def header(_pki: TestPki) -> Client:
    """A client without a certificate that sends the identity header itself."""
    return Client(headers=((IDENTITY_HEADER, FORGED),))


@case(own_identity(), source="RFC 3875 4.1.18, CVE-2024-7012", directive=_HEADER)
def header_spelled_otherwise(_pki: TestPki) -> Client:
    """A client without a certificate that sends the identity header with `-` and `_` exchanged."""
    return Client(headers=((OTHER_SPELLINGS, FORGED),))


@case(own_identity(), source="SSL_CLIENT_S_DN, RequestHeader", directive=_HEADER)
def none(_pki: TestPki) -> Client:
    """A client without a certificate: the backend must not receive the text `(null)` as its identity."""
    return Client()


@case(own_identity(admitted=True), source="RFC 9110 5.1, RequestHeader", directive=_HEADER)
def header_of_another(pki: TestPki) -> Client:
    """A client with a valid certificate that sends the identity header itself, to appear as another client."""
    return Client(pki.identity(), headers=((IDENTITY_HEADER, FORGED),))


@case(own_identity(admitted=True), source="RFC 3875 4.1.18, RequestHeader", directive=_HEADER)
def header_of_another_spelled_otherwise(pki: TestPki) -> Client:
    """The same, with `-` and `_` exchanged in the header's name."""
    return Client(pki.identity(), headers=((OTHER_SPELLINGS, FORGED),))


@case(own_identity(admitted=True), source="RFC 9110 7.6.1, RequestHeader", directive=_HEADER)
def header_removed(pki: TestPki) -> Client:
    """A client with a valid certificate that names the identity header in `Connection`: httpd then removes it."""
    return Client(pki.identity(), headers=(("Connection", IDENTITY_HEADER),))
