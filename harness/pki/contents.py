"""What stands in a file of certificates, CRLs and keys, and in which line?"""

import codecs
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from harness.pki.files import PkiError

MOST_BYTES = 64 << 20
"""The largest CRLs of public authorities have some 30 MiB."""
_Value = TypeVar("_Value")
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n(?:[^-]|-(?!----))*-----END \1-----")
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_KEY_STORES = {b"\xfe\xed\xfe\xed": "a Java keystore (JKS)", b"\xce\xce\xce\xce": "a Java keystore (JCEKS)"}
_PKCS7 = bytes.fromhex("06092a864886f70d010702")
"""The object identifier of signed data, with which a .p7b begins."""


class Form(StrEnum):
    """How a file is encoded."""

    PEM = "PEM"
    DER = "DER"
    PKCS12 = "PKCS#12"


@dataclass(frozen=True)
class Located(Generic[_Value]):
    """Something with the file that it stands in, and the line where it begins (from 1)."""

    value: _Value
    file: str
    line: int

    @property
    def where(self) -> str:
        """Its place as `file:line`."""
        return f"{self.file}:{self.line}"


Certificate = Located[x509.Certificate]
Crl = Located[x509.CertificateRevocationList]


@dataclass(frozen=True)
class Problem:
    """What could not be read, in a sentence. httpd does not start with a `fatal` one, and does not see the others."""

    text: str
    fatal: bool


@dataclass(frozen=True)
class Contents:
    """What a file holds. `keys` are the private keys of a PEM file, not decoded, and empty where only their place was
    asked for."""

    file: str
    form: Form
    certificates: tuple[Certificate, ...] = ()
    crls: tuple[Crl, ...] = ()
    keys: tuple[Located[bytes], ...] = field(default=(), repr=False)
    problems: tuple[Located[Problem], ...] = ()

    def with_problem(self, text: str, line: int, *, fatal: bool = True) -> "Contents":
        """The same with one more problem."""
        return replace(self, problems=(*self.problems, Located(Problem(text, fatal), self.file, line)))


def load(file: Path) -> bytes:
    """Read a file, if it can be one of certificates.

    Raises:
        PkiError: it is not there, not readable, empty, no file, or too large.
    """
    try:
        if file.is_dir():
            raise PkiError(f"{file} is a folder, not a file.")
        if file.is_file() and file.stat().st_size > MOST_BYTES:
            size = file.stat().st_size >> 20
            raise PkiError(f"{file} has {size} MiB: not a file of certificates (at most {MOST_BYTES >> 20} MiB).")
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise PkiError(f"{file} does not exist.") from None
    except OSError as error:
        raise PkiError(f"{file} cannot be read: {error.strerror or error}.") from None
    if len(content) > MOST_BYTES:
        raise PkiError(f"{file} has more than {MOST_BYTES >> 20} MiB: not a file of certificates.")
    if not content.strip():
        raise PkiError(f"{file} is empty.")
    return content


def holds_certificates(content: bytes) -> bool:
    """Whether a file's content looks like certificates, CRLs or keys, in PEM, DER or a key store."""
    pem = any(label[1].rpartition(b" ")[2] in {b"CERTIFICATE", b"CRL", b"KEY", b"PKCS7"} for label in _begins(content))
    return pem or content[:2] in {b"\x30\x80", b"\x30\x81", b"\x30\x82", b"\x30\x83"} or content[:4] in _KEY_STORES


def read(content: bytes, name: str, *, keys: bool = False) -> Contents:
    """Read a file's content; `name` is what the file is called in messages. Private keys are only noted, unless `keys`
    are asked for.

    Raises:
        PkiError: it is neither PEM nor DER, or a kind of file that holds no X.509 for OpenSSL.
    """
    if content[:4] in _KEY_STORES:
        raise PkiError(
            f"{name} is {_KEY_STORES[content[:4]]}. Convert it: keytool -importkeystore -srckeystore {name} "
            "-destkeystore client.p12 -deststoretype PKCS12"
        )
    if content[:2] in _UTF_16:
        raise PkiError(f"{name} is text in UTF-16. OpenSSL reads ASCII only: save it as UTF-8 or ANSI.")
    with warnings.catch_warnings():
        # Old public roots break rules that are younger than they are.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        if any(_begins(content)):
            return _pem(content, name, keys=keys)
        if content[:1] == b"\x30":
            return _der(content, name)
    raise PkiError(f"{name} is neither PEM (-----BEGIN CERTIFICATE-----) nor DER.")


def _begins(content: bytes) -> Iterator[re.Match[bytes]]:
    return _BEGIN.finditer(content)


def _pem(content: bytes, name: str, *, keys: bool) -> Contents:
    found = Contents(name, Form.PEM)
    content = content.removeprefix(codecs.BOM_UTF8)
    whole = {block.start(): block for block in _BLOCK.finditer(content)}
    line, counted, end = 1, 0, 0
    for begin in _begins(content):
        line += content.count(b"\n", counted, begin.start())
        counted = begin.start()
        block = whole.get(begin.start())
        if begin.start() and content[begin.start() - 1 : begin.start()] != b"\n":
            text = "This block does not begin at the start of its line: OpenSSL does not see it."
            found = found.with_problem(text, line, fatal=False)
            end = block.end() if block else end
        elif block:
            end = block.end()
            found = _with_block(found, block[1].decode(), block[0], line, keys=keys)
        elif begin.start() >= end:
            label = begin[1].decode()
            text = f"-----BEGIN {label}----- has no end line. Copy the whole block again."
            # With another block behind it, OpenSSL takes both for one.
            found = found.with_problem(text, line, fatal=b"-----END" not in content[begin.end() :])
    return found


def _with_block(found: Contents, label: str, block: bytes, line: int, *, keys: bool) -> Contents:
    file = found.file
    if label.endswith("PRIVATE KEY"):
        return replace(found, keys=(*found.keys, Located(block if keys else b"", file, line)))
    try:
        if label in {"CERTIFICATE", "X509 CERTIFICATE"}:
            certificate = _checked(x509.load_pem_x509_certificate(_relabelled(block, label)))
            return replace(found, certificates=(*found.certificates, Located(certificate, file, line)))
        if label == "X509 CRL":
            return replace(found, crls=(*found.crls, Located(x509.load_pem_x509_crl(block), file, line)))
    except (ValueError, TypeError) as error:
        kind = "CRL" if "CRL" in label else "certificate"
        return found.with_problem(f"The {kind} is damaged or not valid X.509: {_short(error)}.", line)
    if label in {"PKCS7", "TRUSTED CERTIFICATE"}:
        way = "openssl pkcs7 -print_certs" if label == "PKCS7" else "openssl x509"
        text = f"A {label} block is not a plain certificate. Convert it: {way} -in {file}"
        return found.with_problem(text, line, fatal=label != "PKCS7")
    return found


def _relabelled(block: bytes, label: str) -> bytes:
    return block.replace(label.encode(), b"CERTIFICATE")


def _checked(certificate: x509.Certificate) -> x509.Certificate:
    """Let cryptography parse everything now that it would parse later.

    Raises:
        ValueError: the certificate breaks the rules of its encoding.
    """
    _ = certificate.extensions, certificate.subject, certificate.issuer
    return certificate


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". See ")[0].rstrip(".") or type(error).__name__


def _der(content: bytes, name: str) -> Contents:
    if is_pkcs12(content):
        return Contents(name, Form.PKCS12)
    if _PKCS7 in content[:32]:
        raise PkiError(f"{name} is a PKCS#7 file (.p7b). Convert it: openssl pkcs7 -inform DER -print_certs -in {name}")
    try:
        return Contents(
            name, Form.DER, certificates=(Located(_checked(x509.load_der_x509_certificate(content)), name, 1),)
        )
    except ValueError as error:
        try:
            return Contents(name, Form.DER, crls=(Located(x509.load_der_x509_crl(content), name, 1),))
        except ValueError:
            raise PkiError(
                f"{name} is DER, but no certificate, no CRL and no .pfx, or it is damaged: {_short(error)}."
            ) from None


def is_pkcs12(content: bytes) -> bool:
    """Whether DER content is a .pfx: a SEQUENCE that begins with version 3 (RFC 7292 section 4)."""
    head = content[:24]
    lengths = {0x80: 2, 0x81: 3, 0x82: 4, 0x83: 5, 0x84: 6}
    start = lengths.get(head[1], 2) if len(head) > 1 else 0
    return head[:1] == b"\x30" and head[start : start + 3] == b"\x02\x01\x03"
