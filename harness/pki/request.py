"""What does a certificate signing request ask for, and may it be granted?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from harness.pki.files import PkiError
from harness.pki.keys import PublicKey
from harness.pki.profile import general_name

_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1)


@dataclass(frozen=True)
class Request:
    """A request (PKCS#10, RFC 2986) whose own signature holds and whose key is good enough."""

    file: Path
    subject: x509.Name
    key: PublicKey
    names: tuple[x509.GeneralName, ...]
    ignored: tuple[str, ...]
    """The other extensions that it asks for. They are the authority's to decide."""

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a request in PEM form. Its signature proves that its sender has the key.

        Raises:
            PkiError: it is no request, its signature does not hold, it has no subject, or its key is too weak.
        """
        try:
            request = x509.load_pem_x509_csr(file.read_bytes())
            holds = request.is_signature_valid
            extensions, key = list(request.extensions), request.public_key()
        except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
            raise PkiError(f"{file} cannot be read as a certificate signing request in PEM form: {error}") from error
        if not holds:
            raise PkiError(f"{file} is not signed by the key that it asks a certificate for.")
        if not request.subject.rdns:
            raise PkiError(f"{file} has no subject. A certificate needs one.")
        if not all(str(attribute.value).isprintable() for attribute in request.subject):
            raise PkiError(f"The subject in {file} contains characters that cannot be printed.")
        if weak := _weakness(key):
            raise PkiError(
                f"{file} comes with {weak}. Ask for RSA of 2048 bits or more, P-256, P-384, Ed25519 or ML-DSA-65."
            )
        names = [entry.value for entry in extensions if isinstance(entry.value, x509.SubjectAlternativeName)]
        others = [type(entry.value).__name__ for entry in extensions if entry.value not in names]
        return cls(file, request.subject, key, tuple(name for value in names for name in value), tuple(others))

    def check_names(self, allowed: tuple[str, ...]) -> None:
        """Refuse a request that asks for a name (subjectAltName) that is not among those allowed.

        Raises:
            PkiError: it does; the message lists what it asks for.
        """
        granted = list(map(general_name, allowed))
        if surplus := [str(name.value) for name in self.names if name not in granted]:
            raise PkiError(
                f"{self.file} asks for {', '.join(surplus)}, which was not allowed.\n"
                "If the sender may have these names, allow each with --name."
            )


def _weakness(key: PublicKey) -> str | None:
    """Say what is wrong with a key; None where it is one that this project makes, too."""
    match key:
        case rsa.RSAPublicKey():
            return f"an RSA key of {key.key_size} bits" if key.key_size < _RSA_BITS else None
        case ec.EllipticCurvePublicKey():
            return None if isinstance(key.curve, _CURVES) else f"a key on the curve {key.curve.name}"
        case ed25519.Ed25519PublicKey() | mldsa.MLDSA65PublicKey():
            return None
        case _:
            return f"a key of another kind ({type(key).__name__})"
