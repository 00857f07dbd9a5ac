"""Revocation by OCSP: revoked certificates, and responses that prove nothing.

Tested only where `SSLOCSPEnable` is in force. A refusal has httpd's message about the response beside the error.
"""

from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.cases import case
from harness.outcome import refused
from harness.pki import Authority
from harness.pki.ocsp import Register
from harness.pki.revocation import outdated, silent
from harness.pki.testbed import TestPki
from harness.probe import Client

_ENABLE = "SSLOCSPEnable"
_NO_VERIFY = "SSLOCSPNoVerify"
_REVOKED = refused("certificate_revoked", x509_error=23)
_NOT_TRUSTED = refused("handshake_failure", x509_error=50, ah="AH01925")


@case(_REVOKED, source="RFC 6960 2.2", directive=_ENABLE)
def revoked_leaf(pki: TestPki) -> Client:
    """A certificate that the responder reports as revoked, whatever the CRL contains."""
    identity = pki.identity()
    pki.revoke_by_responder(identity)
    return Client(identity)


@case(_REVOKED, source="RFC 6960 2.2", directive=_ENABLE, depth=2)
def revoked_intermediate(pki: TestPki) -> Client:
    """A valid certificate below an intermediate that the responder calls revoked: `SSLOCSPEnable leaf` misses it."""
    intermediate = pki.intermediate()
    pki.revoke_by_responder(intermediate, pki.issuing_parent)
    return Client(pki.identity(intermediate))


@case(refused("handshake_failure", x509_error=50, ah="AH03239"), source="RFC 6960 2.2", directive=_ENABLE)
def unknown(pki: TestPki) -> Client:
    """A certificate unknown to its authority's responder, such as one made with a stolen signing key."""
    identity = pki.identity()
    pki.forget(identity)
    return Client(identity)


@case(refused("handshake_failure", x509_error=50, ah="AH02273"), source="RFC 6960 4.2.2.1", directive=_ENABLE)
def outdated_answer(pki: TestPki) -> Client:
    """A certificate that was good two days ago: the response has expired."""
    return Client(pki.identity(pki.authority(answers=outdated)))


@case(refused("handshake_failure", x509_error=50, ah="AH01980"), source="SSLOCSPEnable", directive=_ENABLE)
def no_answer(pki: TestPki) -> Client:
    """A certificate for which the responder gives no response: its status is unknown."""
    return Client(pki.identity(pki.authority(answers=silent)))


@case(refused("handshake_failure", x509_error=50, ah="AH01918"), source="SSLOCSPEnable", directive=_ENABLE)
def no_responder_named(pki: TestPki) -> Client:
    """A certificate that names no responder: `no_ocsp_for_cert_ok` accepts it.

    Tested only where `SSLOCSPDefaultResponder` names none either.
    """
    return Client(pki.identity(ocsp_url=None))


@case(_NOT_TRUSTED, source="RFC 6960 3.2, 4.2.2.2", directive=_NO_VERIFY)
def answer_by_stranger(pki: TestPki) -> Client:
    """A certificate whose OCSP response is signed by a responder of another authority."""
    return Client(pki.identity(pki.authority(answers=_by_stranger)))


@case(_NOT_TRUSTED, source="RFC 6960 4.2.2.2", directive=_NO_VERIFY)
def answer_by_client(pki: TestPki) -> Client:
    """A certificate whose OCSP response is signed by another client of the same authority, not by a responder."""
    return Client(pki.identity(pki.authority(answers=_by_client)))


def _by_stranger(register: Register) -> dict[str, bytes]:
    stranger = Authority.root(subject="Strangers")
    return register.files(signer=stranger.client(extended_key_usage=(ExtendedKeyUsageOID.OCSP_SIGNING,)))


def _by_client(register: Register) -> dict[str, bytes]:
    return register.files(signer=register.authority.client(subject="another client"))
