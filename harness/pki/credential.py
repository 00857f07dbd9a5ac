"""Which certificate, chain and key does a client have, and in which files?"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates, load_pkcs12

from harness.pki import purpose
from harness.pki.contents import Certificate, Contents, Form, Located, load, read
from harness.pki.files import PkiError
from harness.pki.keys import PublicKey
from harness.pki.profile import called
from harness.pki.protection import Protection, protection

Password = Callable[[Path], bytes]
"""Asks for the password of a file."""


@dataclass(frozen=True)
class Credential:
    """A client's certificate, those that it sends along, and its key as far as a file has it.

    `key_file` is the file that holds its key, None if there is no key. `misplaced` says what is wrong with the order of
    a PEM file. `password` says whether a password opened it, and was not empty.
    """

    file: str
    form: Form
    certificate: Certificate
    sent: tuple[Certificate, ...] = ()
    key_file: str | None = None
    protection: Protection | None = None
    password: bool = False
    misplaced: str | None = None


def credential(file: Path, key: Path | None, password: Password) -> Credential:
    """Read a client's certificate from a PEM, DER or .pfx file, and its key from there or from a file of its own.

    Raises:
        PkiError: the files hold no such thing, do not belong together, or do not open with the password.
    """
    content = load(file)
    contents = read(content, str(file), keys=True)
    if contents.form is Form.PKCS12:
        return _from_pfx(file, content, password)
    if contents.problems:
        raise PkiError(f"{contents.problems[0].where}: {contents.problems[0].value.text}")
    if not contents.certificates:
        what = "a CRL" if contents.crls else "only a private key" if contents.keys else "no certificate"
        raise PkiError(f"{file} holds {what}: name the file with the client's certificate.")
    public = _key_in(key or file, contents, password, apart=key is not None)
    own = _own(contents, public, key or file)
    rest = tuple(one for one in contents.certificates if one is not own)
    key_file = None if public is None else str(key or file)
    return Credential(str(file), contents.form, own, rest, key_file, misplaced=_misplaced(own, contents.certificates))


def _own(contents: Contents, public: PublicKey | None, key: Path) -> Certificate:
    """The certificate of the client among several: that of the key, else the one that is no authority."""
    if public is not None:
        own = [one for one in contents.certificates if one.value.public_key() == public]
        if not own:
            raise PkiError(
                f"The key in {key} is not the key of a certificate in {contents.file}. "
                "Compare: openssl x509 -noout -pubkey, openssl pkey -pubout"
            )
        return own[0]
    leaves = [one for one in contents.certificates if not purpose.is_authority(one.value)]
    if len(leaves) > 1:
        names = ", ".join(f"`{called(one.value)}` (line {one.line})" for one in leaves[:5])
        raise PkiError(
            f"{contents.file} holds {len(leaves)} client certificates: {names}. Name a file with one of them."
        )
    return leaves[0] if leaves else contents.certificates[0]


def _misplaced(own: Certificate, certificates: Sequence[Certificate]) -> str | None:
    """Say what is wrong with the order of a file: the client's certificate is the first, and each further one issued
    the one before it (RFC 8446 section 4.4.2)."""
    if certificates[0] is not own:
        return f"The client's certificate stands at line {own.line}, behind others. Programs send the first one."
    for below, above in pairwise(certificates):
        if not purpose.names_issuer(below.value, above.value):
            return f"Line {above.line}: `{called(above.value)}` did not issue the certificate before it."
    return None


def _key_in(file: Path, contents: Contents, password: Password, *, apart: bool) -> PublicKey | None:
    content = load(file) if apart else b""
    keys = contents.keys
    if apart:
        if content[:1] == b"\x30":
            return _loaded(load_der_private_key, content, None, file)
        keys = read(content, str(file), keys=True).keys
        if not keys:
            raise PkiError(f"{file} holds no private key.")
    if not keys:
        return None
    block = keys[0].value
    return _loaded(load_pem_private_key, block, password(file) if b"ENCRYPTED" in block else None, file)


def _loaded(loader: Callable[..., object], content: bytes, secret: bytes | None, file: Path) -> PublicKey:
    try:
        return loader(content, secret).public_key()  # type: ignore[attr-defined,no-any-return]
    except TypeError:
        raise PkiError(f"The key in {file} is encrypted: its password is needed.") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if secret is not None:
            raise PkiError(f"The key in {file} does not open with this password.") from None
        raise PkiError(f"The key in {file} is damaged or of an unknown kind: {str(error).partition('.')[0]}.") from None


def _from_pfx(file: Path, content: bytes, password: Password) -> Credential:
    found = protection(content)
    secret = password(file)
    packed = _opened(file, content, secret, found)
    others = [entry.certificate for entry in packed.additional_certs]
    if packed.key is None:
        inside = f" It holds {len(others)} certificates." if others else ""
        raise PkiError(f"{file} has no private key: a client needs one.{inside} Export it again together with its key.")
    public = packed.key.public_key()
    certificate = packed.cert.certificate if packed.cert else None
    if certificate is None or certificate.public_key() != public:
        raise PkiError(f"{file} has a key, but not the certificate of that key. Export it again.")
    sent = tuple(Located(one, str(file), 1) for one in others)
    own = Located(certificate, str(file), 1)
    return Credential(str(file), Form.PKCS12, own, sent, str(file), found, password=bool(secret))


def _opened(file: Path, content: bytes, secret: bytes, found: Protection | None) -> PKCS12KeyAndCertificates:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load_pkcs12(content, secret or None)
    except UnsupportedAlgorithm:
        raise PkiError(f"{file} is encrypted in a way that is not known here: {found}.") from None
    except (ValueError, TypeError) as error:
        text = str(error).lower()
        if "password" in text or "mac" in text:
            with_what = "this password" if secret else "an empty password"
            raise PkiError(
                f"{file} does not open with {with_what} (its encryption: {found}). Capital letters count."
            ) from None
        raise PkiError(f"{file} is a damaged .pfx: {str(error).partition('.')[0]}.") from None
