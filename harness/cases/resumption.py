"""Resumed sessions that count for more than their first handshake."""

from harness.cases import case
from harness.outcome import refused
from harness.pki.testbed import TestPki
from harness.probe import SITE, Client


@case(refused("unknown_ca"), source="RFC 8446 2.2, RFC 5246 7.3, SSLVerifyClient optional_no_ca")
def unverified_becomes_verified(pki: TestPki) -> Client:
    """A client with a self-signed certificate that connects, requests the page, and connects again with the first
    connection's session.

    httpd does not verify the certificate of a resumed session again. With `SSLVerifyClient optional_no_ca` the
    handshake accepts certificates of unknown authorities: SSL_CLIENT_VERIFY is GENEROUS in the first connection, and
    SUCCESS in the second. Tested only where the handshake requires no certificate. A client without a session makes a
    new handshake.
    """
    return Client(pki.self_signed(), resumes=SITE)
