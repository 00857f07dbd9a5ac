"""Under which names does OpenSSL look for certificates and CRLs in a folder?"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from harness.pki.keys import KeyType, generate


def hashed(
    folder: str, certificates: Iterable[x509.Certificate], crls: Iterable[x509.CertificateRevocationList] = ()
) -> dict[str, bytes]:
    """Lay out a folder as `openssl rehash` does (openssl-rehash(1)): `HASH.0` a certificate, `HASH.r0` a CRL."""
    found: dict[str, bytes] = {}
    count: Counter[str] = Counter()
    for name, content in (
        *((name_hash(entry.subject), entry.public_bytes(Encoding.PEM)) for entry in certificates),
        *((f"{name_hash(entry.issuer)}.r", entry.public_bytes(Encoding.PEM)) for entry in crls),
    ):
        stem = name if name.endswith(".r") else f"{name}."
        found[f"{folder}/{stem}{count[stem]}"] = content
        count[stem] += 1
    return found


def name_hash(name: x509.Name) -> str:
    """Return the name of a file without its number: OpenSSL computes X509_NAME_hash of a certificate of that name."""
    key = generate(KeyType.P_256)
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(moment).not_valid_after(moment)
    certificate = builder.sign(key, hashes.SHA256())
    return f"{crypto.X509.from_cryptography(certificate).subject_name_hash():08x}"
