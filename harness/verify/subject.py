"""How do a certificate's contents become the variables that mod_ssl has for them, and back?"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.formula import Values
from harness.httpd.variables import LEGACY_ISSUER, LEGACY_SUBJECT, USER, VERIFY, Origin, Variable, extension, variable
from harness.httpd.witness import ANOTHER
from harness.pki.template import ATTRIBUTES, NOBODY, Part, part_of, part_of_name

ISSUER = "Verification root"
KNOWN = ATTRIBUTES | {
    "T": NameOID.TITLE,
    "S": NameOID.SURNAME,
    "G": NameOID.GIVEN_NAME,
    "Email": NameOID.EMAIL_ADDRESS,
}
"""The attributes of a name as mod_ssl and OpenSSL call them."""
_WITHOUT_VARIABLE = {"DC", "serialNumber"}
_SHORT = {oid: name for name, oid in reversed(KNOWN.items()) if name != "Email"}
_MS_UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_DN = re.compile(r"SSL_CLIENT_([SI])_DN(?:_([A-Za-z]+?)(?:_(\d+))?)?")
_SAN = re.compile(r"SSL_CLIENT_SAN_(Email|DNS|OTHER_msUPN)_(\d+)")
_LONGEST = 64
"""Characters: the upper bound of most attributes (RFC 5280 appendix A.1)."""
Attributes = tuple[tuple[x509.ObjectIdentifier, str], ...]


@dataclass(frozen=True)
class Subject:
    """What is wanted of a client's certificate: attributes of subject and issuer, the highest first, alternative names,
    and extensions by their number with the text in them. One that is not `named` has no common name of its own."""

    subject: Attributes = ()
    issuer: Attributes = ()
    names: tuple[x509.GeneralName, ...] = ()
    extensions: Mapping[str, str] = field(default_factory=dict)
    named: bool = True

    @property
    def parts(self) -> set[Part]:
        """The parts that something is wanted of."""
        return {
            *(part_of(kind) for kind, _ in self.subject),
            *([Part.ISSUER] if self.issuer else []),
            *map(part_of_name, self.names),
            *([Part.EXTENSION] if self.extensions else []),
        }

    def lacking(self, part: Part) -> "Subject":
        """The same, with another one in the place of this part."""
        return replace(
            self,
            subject=tuple((kind, _other(kind) if part_of(kind) is part else value) for kind, value in self.subject),
            issuer=((NameOID.COMMON_NAME, ANOTHER),) if part is Part.ISSUER else self.issuer,
            names=tuple(name for name in self.names if part_of_name(name) is not part),
            extensions={} if part is Part.EXTENSION else self.extensions,
        )

    def profile(self) -> dict[str, Any]:
        """The changes that make a client's profile this one."""
        attributes = self._whole(self.subject, USER)
        return {
            "subject": x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes]),
            "names": self.names,
            "extensions": tuple(extensions_of(self.extensions)),
        }

    def values(self, verify: str = "SUCCESS") -> Values:
        """The variables that mod_ssl has for such a certificate (mod_ssl, "Environment Variables")."""
        subject, issuer = self._whole(self.subject, USER if self.named else ""), self._whole(self.issuer, ISSUER)
        found = {VERIFY: verify, "SSL_CLIENT_S_DN": _rfc2253(subject), "SSL_CLIENT_I_DN": _rfc2253(issuer)}
        for whose, attributes in (("S", subject), ("I", issuer)):
            for kind in dict.fromkeys(kind for kind, _ in attributes):
                values = [text for one, text in attributes if one == kind]
                for name in (name for name, oid in KNOWN.items() if oid == kind and name not in _WITHOUT_VARIABLE):
                    found[f"SSL_CLIENT_{whose}_DN_{name}"] = values[0]
                    found |= {f"SSL_CLIENT_{whose}_DN_{name}_{at}": text for at, text in enumerate(values)}
        for san in ("Email", "DNS", "OTHER_msUPN"):
            texts = [text for name in self.names if (text := _text_of(san, name)) is not None]
            found |= {f"SSL_CLIENT_SAN_{san}_{at}": text for at, text in enumerate(texts)}
        return {
            **{variable(name): value for name, value in found.items()},
            **{extension(number): text for number, text in self.extensions.items()},
            Variable(LEGACY_SUBJECT, Origin.CERTIFICATE): _legacy(subject),
            Variable(LEGACY_ISSUER, Origin.CERTIFICATE): _legacy(issuer),
        }

    @staticmethod
    def _whole(attributes: Attributes, name: str) -> Attributes:
        """The attributes with a common name, where none is wanted."""
        has_one = any(kind == NameOID.COMMON_NAME for kind, _ in attributes)
        return attributes if has_one or not name else (*attributes, (NameOID.COMMON_NAME, name))


ANYBODY = Subject()
"""A certificate without required contents."""
UNNAMED = Subject(named=False)
"""A certificate without a subject."""
NAMELESS = Subject(subject=((NameOID.COMMON_NAME, NOBODY),), issuer=((NameOID.COMMON_NAME, ANOTHER),))
"""A certificate with a common name and an issuer that no rule requires."""

NAMELESS_SUBJECT = Subject(subject=((NameOID.COMMON_NAME, NOBODY),))
"""A certificate of the right authority with a common name that no rule requires."""


def can_be_made(one: Variable) -> bool:
    """Whether a certificate can be made whose variable has a chosen value."""
    if (
        one.name in {VERIFY, LEGACY_SUBJECT, LEGACY_ISSUER}
        or one.name.startswith("PeerExtList:")
        or _SAN.fullmatch(one.name)
    ):
        return True
    found = _DN.fullmatch(one.name)
    return found is not None and (found[2] is None or (found[2] in KNOWN and found[2] not in _WITHOUT_VARIABLE))


def subject_with(values: Values) -> Iterator[Subject]:
    """Yield certificates that may have these values, in more than one order of the attributes; none where one of the
    values cannot stand in a certificate."""
    usual = ANYBODY.values()
    wanted: dict[str, list[tuple[x509.ObjectIdentifier, str]]] = {"S": [], "I": []}
    names: list[x509.GeneralName] = []
    extensions: dict[str, str] = {}
    own = [(one, value) for one, value in values.items() if one.origin is Origin.CERTIFICATE and one.name != VERIFY]
    for one, value in sorted(own, key=lambda pair: (len(pair[0].name), pair[0].name)):
        if value == usual.get(one, ""):
            continue
        if one.name.startswith("PeerExtList:"):
            extensions[one.name.partition(":")[2]] = value
        elif found := _SAN.fullmatch(one.name):
            names += [name for name in [_alternative_name(found[1], value)] if name]
        else:
            whose, attributes = _attributes(one, value)
            if not all(kind and _fits(kind, text) for kind, text in attributes):
                return
            wanted[whose] += [(kind, text) for kind, text in attributes if kind and (kind, text) not in wanted[whose]]
    made = Subject(tuple(wanted["S"]), tuple(wanted["I"]), tuple(names), extensions)
    yield made
    if made.subject and not any(kind == NameOID.COMMON_NAME for kind, _ in made.subject):
        # A common name that does not come first in the text.
        yield replace(made, subject=((NameOID.COMMON_NAME, USER), *made.subject))


def _attributes(one: Variable, value: str) -> tuple[str, list[tuple[x509.ObjectIdentifier | None, str]]]:
    """The attributes that a variable's value is about, and of which name: the subject's or the issuer's."""
    if one.name in {LEGACY_SUBJECT, LEGACY_ISSUER}:
        return one.name[11], list(named_attributes(value))
    found = _DN.fullmatch(one.name)
    if found is None:
        return "S", [(None, value)]
    if found[2]:
        return found[1], [(KNOWN.get(found[2]), value)] if value else []
    # A text without any attribute's name may stand in any: in the common name as well.
    return found[1], list(named_attributes(value)) if "=" in value else [(NameOID.COMMON_NAME, value)]


def named_attributes(name: str) -> Iterator[tuple[x509.ObjectIdentifier | None, str]]:
    """Yield the attributes of a name, or of a part of it, in its legacy form (`/O=…/CN=…`) or that of RFC 4514
    (`CN=…,O=…`), the highest first; the type is None where it is not known."""
    parts = name.split("/")[1:] if name.startswith("/") else re.split(r"(?<!\\),", name)[::-1]
    if parts and not parts[0]:
        parts[0] = "C=XX"  # Something stands above the others.
    for kind, _, value in (part.partition("=") for part in parts if part):
        yield KNOWN.get(kind.strip()), re.sub(r"\\(?=[,+\"\\<>;=])", "", value) or ANOTHER


def _fits(attribute: x509.ObjectIdentifier, value: str) -> bool:
    """Whether a certificate can say so: some attributes have a length."""
    try:
        return 0 < len(value) <= _LONGEST and "${" not in value and bool(x509.NameAttribute(attribute, value))
    except ValueError:
        return False


def _legacy(attributes: Attributes) -> str:
    """A name as OpenSSL wrote it in one line, the highest first."""
    return "".join(f"/{_SHORT[kind]}={value}" for kind, value in attributes)


def _rfc2253(attributes: Attributes) -> str:
    """A name as mod_ssl writes it: RFC 2253, the lowest first."""
    escaped = ((kind, re.sub(r"([,+\"\\<>;])", r"\\\1", value)) for kind, value in reversed(attributes))
    return ",".join(f"{_SHORT[kind]}={value}" for kind, value in escaped)


def _other(attribute: x509.ObjectIdentifier) -> str:
    return "XX" if attribute == NameOID.COUNTRY_NAME else ANOTHER


def _alternative_name(kind: str, value: str) -> x509.GeneralName | None:
    if kind == "OTHER_msUPN":
        return x509.OtherName(_MS_UPN, utf8(value))
    try:
        return x509.RFC822Name(value) if kind == "Email" else x509.DNSName(value)
    except ValueError:
        return None


def alternative_name_like(name: x509.GeneralName, value: str) -> x509.GeneralName | None:
    """Return an alternative name of the same kind with another value; None where it cannot have it."""
    kind = next(one for one in ("Email", "DNS", "OTHER_msUPN") if _text_of(one, name) is not None)
    return _alternative_name(kind, value)


def _text_of(kind: str, name: x509.GeneralName) -> str | None:
    if isinstance(name, x509.OtherName):
        return name.value[2:].decode() if kind == "OTHER_msUPN" else None
    matching = {"Email": x509.RFC822Name, "DNS": x509.DNSName}.get(kind)
    return str(name.value) if matching and isinstance(name, matching) else None


def text_of(name: x509.GeneralName) -> str:
    """The text of an alternative name."""
    return next(text for kind in ("Email", "DNS", "OTHER_msUPN") if (text := _text_of(kind, name)) is not None)


def extensions_of(texts: Mapping[str, str]) -> Iterable[x509.Extension[x509.ExtensionType]]:
    """The extensions with these texts, by their numbers."""
    for number, text in texts.items():
        kind = x509.ObjectIdentifier(number)
        yield x509.Extension(kind, False, x509.UnrecognizedExtension(kind, utf8(text)))


def utf8(text: str) -> bytes:
    """Encode a UTF8String (X.690) of less than 128 bytes."""
    encoded = text.encode()
    return bytes([0x0C, len(encoded)]) + encoded
