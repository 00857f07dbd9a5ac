"""How does Apple's configuration profile carry an identity to macOS and iOS?

Payload types and keys are those of Apple's device management reference: Configuration, com.apple.security.pkcs12, .root
and .pkcs1. The password is left out, as that reference advises: a profile is not encrypted, and the device asks for it.
"""

import plistlib
import uuid
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki.authority import Identity
from harness.pki.profile import called

_OURS = uuid.uuid5(uuid.NAMESPACE_URL, "io.mtls-harness")


def write(identity: Identity, root: x509.Certificate | None, password: bytes) -> bytes:
    """Write the profile as an XML property list. A later one of the same subject takes its place on a device.

    Raises:
        ValueError: the password is empty.
        TypeError: the kind of key has no place in PKCS#12.
    """
    certificate = identity.certificate
    subject, issuer = certificate.subject.public_bytes(), certificate.issuer.public_bytes()
    whole = _common("Configuration", called(certificate), uuid.uuid5(_OURS, (issuer + subject).hex()))
    return plistlib.dumps(
        whole
        | {
            "PayloadDescription": f"The client certificate of {called(certificate)}.",
            "PayloadScope": "User",
            "PayloadContent": [*_authorities(identity, root), _identity(identity, password)],
        }
    )


def _authorities(identity: Identity, root: x509.Certificate | None) -> Iterator[dict[str, object]]:
    kinds = [(root, "root")] if root else []
    for certificate, kind in (*kinds, *((entry, "pkcs1") for entry in identity.chain)):
        yield _payload(certificate, kind) | {
            "PayloadCertificateFileName": f"{kind}.cer",
            "PayloadContent": certificate.public_bytes(Encoding.DER),
        }


def _identity(identity: Identity, password: bytes) -> dict[str, object]:
    return _payload(identity.certificate, "pkcs12") | {
        "PayloadCertificateFileName": "identity.p12",
        # Keychain takes AES for a wrong password, in versions that are in use.
        "PayloadContent": identity.pkcs12(password, compatible=True),
    }


def _payload(certificate: x509.Certificate, kind: str) -> dict[str, object]:
    own = uuid.uuid5(_OURS, certificate.fingerprint(hashes.SHA256()).hex())
    return _common(f"com.apple.security.{kind}", called(certificate), own)


def _common(kind: str, name: str, own: uuid.UUID) -> dict[str, object]:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"io.mtls-harness.{own}",
        "PayloadUUID": str(own).upper(),
        "PayloadDisplayName": name,
    }
