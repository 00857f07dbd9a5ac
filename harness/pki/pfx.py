"""Which certificates are in a file of any form: PEM, DER, or a .pfx (PKCS#12, RFC 7292) that wants a password?"""

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates, load_pkcs12

from harness.pki.files import PkiError
from harness.pki.store import load_certificates

_SEQUENCE = b"\x30"
"""With which every certificate and every .pfx in DER begins."""


def read_certificates(file: Path, password: Callable[[Path], bytes]) -> list[x509.Certificate]:
    """Load every certificate of a file, the one that belongs to the key first; `password` is asked where one is needed.

    Raises:
        PkiError: the file holds none, is damaged, or does not open with the password.
    """
    content = file.read_bytes()
    if not content.startswith(_SEQUENCE):
        return load_certificates(file)
    try:
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        read = _opened(file, content, password(file))
    return [entry.certificate for entry in (read.cert, *read.additional_certs) if entry]


def _opened(file: Path, content: bytes, password: bytes) -> PKCS12KeyAndCertificates:
    try:
        password.decode()
        return load_pkcs12(content, password)
    except UnicodeDecodeError as error:
        raise PkiError(f"The password for {file} is not text in UTF-8.") from error
    except ValueError as error:
        if "password" not in str(error):
            raise PkiError(f"{file} is neither a certificate nor a .pfx, or is damaged.") from error
        wrong = "this password" if password else "an empty password"
        raise PkiError(
            f"{file} does not open with {wrong}. Passwords are case-sensitive. The issuer can export the file again."
        ) from (error)
