"""A client whose session counts for more than its handshake did."""

from harness.cases import case
from harness.outcome import refused
from harness.pki.testbed import TestPki
from harness.probe import SITE, Client


@case(refused("unknown_ca"), source="RFC 8446 2.2, RFC 5246 7.3, SSLVerifyClient optional_no_ca")
def unverified_becomes_verified(pki: TestPki) -> Client:
    """A client with a self-signed certificate that connects, asks for the page, and connects again with the session of
    the first connection.

    httpd does not verify the certificate of a resumed session again. Where the handshake takes certificates of unknown
    authorities (`SSLVerifyClient optional_no_ca`), it knows from the first connection that this one was not verified
    (SSL_CLIENT_VERIFY is GENEROUS); in the second it says SUCCESS. Asked only where the handshake requires no
    certificate. A client that was given no session connects as if for the first time.
    """
    return Client(pki.self_signed(), resumes=SITE)
