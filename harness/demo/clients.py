"""Which clients visit the site, and with which .pfx?"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from harness.pki import Authority, serial
from harness.pki.files import PkiError
from harness.pki.testbed import DAY

NAMES = ("anna", "bert")


@dataclass(frozen=True)
class Clients:
    """The authorities that the site trusts, and their CRLs (PEM); each client's .pfx and serial number by name; one
    password for all of them."""

    authorities: bytes
    crls: bytes
    pfx: Mapping[str, bytes] = field(repr=False)
    serials: Mapping[str, str]
    password: str = field(repr=False)


def made_up() -> Clients:
    """Make an authority with clients. The first one's certificate is older: Chromium offers it last."""
    root = Authority.root(subject="Demo authority", not_before=-3 * DAY)
    made = {name: root.client(subject=name, not_before=-DAY * (2 - age)) for age, name in enumerate(NAMES)}
    password = secrets.token_urlsafe(12)
    return Clients(
        root.certificate.public_bytes(Encoding.PEM),
        root.crl().public_bytes(Encoding.PEM),
        {name: identity.pkcs12(password.encode()) for name, identity in made.items()},
        {name: serial(identity.certificate) for name, identity in made.items()},
        password,
    )


def from_file(pfx: Path, password: bytes, folder: Path) -> Clients:
    """Read a user's .pfx, and the web server's files in the folder of `mtls-harness pki`.

    Raises:
        PkiError: the password is wrong or empty, the file is not a .pfx or contains no certificate with its key, or a
            file is missing in the folder.
    """
    if not password:
        raise PkiError(
            f"The password of {pfx} is empty: Firefox and Android refuse such a file. Export it again with one."
        )
    content = pfx.read_bytes()
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
    except ValueError as error:
        raise PkiError(
            f"{pfx} cannot be opened: the password is wrong, or the file is not a .pfx (PKCS#12)."
        ) from error
    if key is None or certificate is None:
        raise PkiError(
            f"{pfx} contains no certificate with its private key. `mtls-harness pki export` makes such a file."
        )
    files = [folder / "server" / name for name in ("ca.crt", "crl.pem")]
    for file in files:
        if not file.is_file():
            raise PkiError(
                f"{file} is missing. Name the authority's folder with --dir (`mtls-harness pki init` makes one)."
            )
    authorities, crls = (file.read_bytes() for file in files)
    name = pfx.stem
    return Clients(authorities, crls, {name: content}, {name: serial(certificate)}, password.decode(errors="replace"))


def hidden(clients: Clients, name: str) -> str | None:
    """Return why a browser does not offer this client's certificate: httpd does not name its issuer (RFC 8446 section
    4.2.4). None if httpd names it."""
    _, certificate, chain = pkcs12.load_key_and_certificates(clients.pfx[name], clients.password.encode())
    trusted = [entry.subject for entry in x509.load_pem_x509_certificates(clients.authorities)]
    assert certificate is not None
    issuers = [certificate.issuer, *(entry.issuer for entry in chain)]
    if any(issuer in trusted for issuer in issuers):
        return None
    known = ", ".join(subject.rfc4514_string() for subject in trusted)
    return (
        f"The browser hides {name}: its issuer is {certificate.issuer.rfc4514_string()}, and the site names only "
        f"{known}. Import a certificate of that authority, or add its issuer to SSLCACertificateFile."
    )
