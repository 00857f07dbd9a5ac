"""Valid clients that use an unwanted version of TLS."""

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
    """A valid client that offers only a protocol version that the policy excludes at this site.

    Tested only where a policy names versions, over each of the others. Any answer shows that the server supports it.
    """
    return Client(pki.identity())
