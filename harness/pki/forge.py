"""How is a certificate made that no careful library would make?

cryptography's builder refuses version 1, MD5 and SHA-1, and rightly so. Here the encoded certificate (X.690 DER) is
taken apart, changed and signed anew.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.pki.keys import PrivateKey

_SEQUENCE, _BIT_STRING, _VERSION, _EXTENSIONS = 0x30, 0x03, 0xA0, 0xA3
_ALGORITHMS = {
    ("rsa", "md5"): bytes.fromhex("300d06092a864886f70d0101040500"),
    ("rsa", "sha1"): bytes.fromhex("300d06092a864886f70d0101050500"),
    ("rsa", "sha256"): bytes.fromhex("300d06092a864886f70d01010b0500"),
    ("ec", "sha1"): bytes.fromhex("300906072a8648ce3d0401"),
    ("ec", "sha256"): bytes.fromhex("300a06082a8648ce3d040302"),
}
"""AlgorithmIdentifiers of RFC 3279 section 2.2 and RFC 5758 section 3.2."""


def resign(
    certificate: x509.Certificate, key: PrivateKey, digest: hashes.HashAlgorithm, *, version: int = 3
) -> x509.Certificate:
    """Sign a certificate anew, with any digest, and optionally as version 1 without its extensions.

    Raises:
        ValueError: the key and the digest make no signature algorithm that is known here.
    """
    kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ec"
    algorithm = _ALGORITHMS.get((kind, digest.name))
    if algorithm is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError(f"No signature algorithm for {type(key).__name__} with {digest.name} is known.")
    parts = _parts(_parts(certificate.tbs_certificate_bytes)[0][1])
    dropped = {_VERSION, _EXTENSIONS} if version == 1 else set()
    kept = [(tag, body) for tag, body in parts if tag not in dropped]
    signature_algorithm = next(index for index, (tag, _) in enumerate(kept) if tag == _SEQUENCE)
    kept[signature_algorithm] = _parts(algorithm)[0]
    tbs = _encode(_SEQUENCE, b"".join(_encode(tag, body) for tag, body in kept))
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(tbs, padding.PKCS1v15(), digest)
    else:
        signature = key.sign(tbs, ec.ECDSA(digest))
    return _assemble(tbs, algorithm, signature)


def tampered_signature(certificate: x509.Certificate) -> x509.Certificate:
    """Change one bit of the issuer's signature."""
    signature = bytearray(certificate.signature)
    signature[-1] ^= 1
    return _assemble(certificate.tbs_certificate_bytes, _algorithm(certificate), bytes(signature))


def tampered_body(certificate: x509.Certificate) -> x509.Certificate:
    """Change one letter of the subject and keep the issuer's signature, which no longer fits."""
    tbs, subject = certificate.tbs_certificate_bytes, certificate.subject.public_bytes()
    changed = subject[:-1] + bytes([subject[-1] ^ 1])
    start = tbs.rindex(subject)
    return _assemble(
        tbs[:start] + changed + tbs[start + len(subject) :], _algorithm(certificate), certificate.signature
    )


def mismatched_key(certificate: x509.Certificate, other: PrivateKey) -> bytes:
    """Encode `other` (a key on P-256) so that it claims the certificate's public key as its own (RFC 5915, PEM).

    OpenSSL compares only the public halves when it loads a key, so a client with this one presents the certificate
    and signs the handshake with the other key.
    """
    foreign = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    claimed = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    encoded = other.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    point = 65
    return _pem("EC PRIVATE KEY", encoded.replace(foreign[-point:], claimed[-point:]))


def _algorithm(certificate: x509.Certificate) -> bytes:
    tag, body = _parts(_parts(certificate.public_bytes(Encoding.DER))[0][1])[1]
    return _encode(tag, body)


def _assemble(tbs: bytes, algorithm: bytes, signature: bytes) -> x509.Certificate:
    whole = _encode(_SEQUENCE, tbs + algorithm + _encode(_BIT_STRING, b"\0" + signature))
    return x509.load_der_x509_certificate(whole)


def _parts(encoded: bytes) -> list[tuple[int, bytes]]:
    parts, at = [], 0
    while at < len(encoded):
        tag, length, at = encoded[at], encoded[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(encoded[at : at + size]), at + size
        parts.append((tag, encoded[at : at + length]))
        at += length
    return parts


def _encode(tag: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes([tag, length]) + body
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size) + body


def _pem(label: str, encoded: bytes) -> bytes:
    import base64
    import textwrap

    lines = "\n".join(textwrap.wrap(base64.b64encode(encoded).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()
