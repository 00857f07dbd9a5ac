"""Does OpenSSL find the certificates and CRLs of a folder? It looks only under names made of hashes."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki.contents import Certificate, Contents, Crl
from harness.pki.examination import Fact, Level
from harness.pki.hashed import name_hash

_HASHED = re.compile(r"([0-9a-f]{8})\.(r?)\d+")


@dataclass(frozen=True)
class Folder:
    """A folder by its name in messages, and what its files hold."""

    name: str
    files: tuple[Contents, ...]

    def reachable(self, *, crls: bool) -> list[Contents]:
        """The files that have the name under which OpenSSL looks for their content."""
        return [one for one in self.files if _expected(one, crls=crls) == _name_hash(one, crls=crls) != ""]


def folder_facts(folder: Folder, *, crls: bool) -> Iterator[Fact]:
    """Yield what OpenSSL cannot find."""
    kind = "CRL" if crls else "certificate"
    holding = [one for one in folder.files if (one.crls if crls else one.certificates)]
    remedy = f"Run `openssl rehash {folder.name}` there after every change."
    found = folder.reachable(crls=crls)
    if holding and not found:
        text = f"No {kind} in {folder.name} has a hash for its name: OpenSSL finds none, and no client is admitted."
        yield Fact("not_hashed", Level.ERROR, text, remedy, folder.name, 1)
        return
    known = {_encoded(entry) for one in found for entry in _entries(one, crls=crls)}
    for one in holding:
        actual, missing = (
            _name_hash(one, crls=crls),
            [entry for entry in _entries(one, crls=crls) if _encoded(entry) not in known],
        )
        if actual and actual != _expected(one, crls=crls):
            text = f"This name is the hash of another {kind}: OpenSSL does not find it."
            yield Fact("wrong_hash", Level.WARNING, text, remedy, one.file, 1)
        elif missing:
            text = f"This {kind} has no hash for its name: OpenSSL does not find it."
            yield Fact("not_hashed", Level.WARNING, text, remedy, one.file, missing[0].line)


def _entries(one: Contents, *, crls: bool) -> Sequence[Certificate] | Sequence[Crl]:
    return one.crls if crls else one.certificates


def _encoded(entry: Certificate | Crl) -> bytes:
    return entry.value.public_bytes(Encoding.DER)


def _name_hash(one: Contents, *, crls: bool) -> str:
    """The hash that a file's name is; nothing if it is none of this kind."""
    found = _HASHED.fullmatch(posixpath.basename(one.file))
    return found[1] if found and bool(found[2]) == crls else ""


def _expected(one: Contents, *, crls: bool) -> str:
    if crls:
        return name_hash(one.crls[0].value.issuer) if one.crls else ""
    return name_hash(one.certificates[0].value.subject) if one.certificates else ""
