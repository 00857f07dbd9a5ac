"""Who has a good certificate, but speaks a version of TLS that is not wanted?"""

from harness.cases import case
from harness.outcome import refused
from harness.pki.testbed import TestPki
from harness.probe import Client


@case(
    refused("protocol_version", text="unsupported protocol"),
    source="RFC 8446 6.2, RFC 9325 3.1.1, SSLProtocol",
    directive="SSLProtocol",
)
def unwanted_version(pki: TestPki) -> Client:
    """A good client that offers only a protocol version which the policy does not want at this place.

    Asked only where a policy names versions, over each of the others. A server that answers there at all speaks it.
    """
    return Client(pki.identity())
