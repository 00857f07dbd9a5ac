"""The sites and credentials for a server that is already running, from the options about it."""

import re
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from harness.cli.pki.secret import secret
from harness.httpd.site import Site
from harness.pki import Authority, Identity, PrivateKey
from harness.pki.files import PkiError
from harness.verify.live import Credentials, site_at

_URL = re.compile(r"https://(?P<name>[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?(?P<path>/\S*)?")


@dataclass(frozen=True)
class Running:
    """The sites to probe, and the credentials for that."""

    places: tuple[Site, ...]
    lent: Credentials


def running(urls: tuple[str, ...], files: dict[str, Path | None]) -> Running:
    """Read what the options name.

    Raises:
        click.UsageError: something is no URL, no certificate or no key, or does not fit the rest.
    """
    password = _password(files["password_file"])
    client, key, ca, ca_key = files["client"], files["key"], files["ca"], files["ca_key"]
    if ca_key and not ca:
        raise click.UsageError("--ca-key is the key of an authority: add its certificate with --ca.")
    if key and not client:
        raise click.UsageError("--key is the key of a client: add its certificate with --client.")
    authorities = _certificates(ca) if ca else []
    issuer = None
    if ca_key and ca:
        above = tuple(one for one in authorities if one.issuer != one.subject)
        issuer = Authority(authorities[0], _key(ca_key, ca, authorities[0], password), above)
    credentials = Credentials(
        client=_identity(client, key, password) if client else None,
        authority=authorities[0] if authorities else None,
        issuer=issuer,
        server_ca=files["server_ca"],
    )
    return Running(tuple(_site(number, url) for number, url in enumerate(dict.fromkeys(urls), 1)), credentials)


def _password(file: Path | None) -> bytes | None:
    try:
        return secret(file, "MTLS_PASSWORD")
    except PkiError as error:
        raise click.UsageError(str(error)) from None


def _site(number: int, url: str) -> Site:
    found = _URL.fullmatch(url)
    if not found or int(found["port"] or 443) > 65535:
        raise click.UsageError(f"--url {url} is not an https:// URL. Example: https://localhost:8443/")
    return site_at(number, found["name"], int(found["port"] or 443), found["path"] or "/")


def _identity(file: Path, key: Path | None, password: bytes | None) -> Identity:
    content = file.read_bytes()
    if b"-----BEGIN" in content:
        certificates = _certificates(file)
        return Identity(certificates[0], _key(key or file, file, certificates[0], password), tuple(certificates[1:]))
    try:
        packed = pkcs12.load_pkcs12(content, password)
    except ValueError:
        raise click.UsageError(
            f"{file} is neither PEM nor a .pfx that opens with this password (--password-file)."
        ) from None
    if packed.cert is None or packed.key is None:
        raise click.UsageError(f"{file} must contain a certificate and its key.")
    chain = tuple(entry.certificate for entry in packed.additional_certs)
    above = tuple(one for one in chain if one.issuer != one.subject)
    return Identity(packed.cert.certificate, packed.key, above)  # type: ignore[arg-type]


def _certificates(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError:
        raise click.UsageError(f"{file} contains no certificate in PEM format.") from None


def _key(file: Path, certificate_file: Path, certificate: x509.Certificate, password: bytes | None) -> PrivateKey:
    content = file.read_bytes()
    if b"PRIVATE KEY-----" not in content:
        raise click.UsageError(f"{file} contains no private key in PEM format. Name the key file with --key.")
    try:
        # An unneeded password is not an error: it may be for another file.
        key = load_pem_private_key(content, password if b"ENCRYPTED" in content else None)
    except (TypeError, ValueError):
        raise click.UsageError(
            f"The key in {file} cannot be read. Is the password correct (--password-file)?"
        ) from None
    if key.public_key() != certificate.public_key():
        raise click.UsageError(f"The key in {file} does not belong to the certificate in {certificate_file}.")
    return key  # type: ignore[return-value]
