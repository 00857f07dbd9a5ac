"""What do the rules at a place want to see in a certificate that is good already?"""

import re
from collections.abc import Callable

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.server.sites import Guard

Attributes = tuple[tuple[x509.ObjectIdentifier, str], ...]

# The attributes by the names that mod_ssl has for them.
_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "T": NameOID.TITLE,
    "S": NameOID.SURNAME,
    "G": NameOID.GIVEN_NAME,
    "UID": NameOID.USER_ID,
    "Email": NameOID.EMAIL_ADDRESS,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
_VALUE = r"""(?:\{\s*)?['"](?P<value>[^'"]*)['"]"""
_ONE = re.compile(
    rf"%\{{SSL_CLIENT_(?P<whose>[SI])_DN(?:_(?P<name>\w+?))?(?:_\d+)?\}}\s*(?:==|=|-eq|eq|-strmatch|in)\s*{_VALUE}"
)
_SAN = re.compile(rf"%\{{SSL_CLIENT_SAN_(?:Email|DNS)_\d+\}}\s*(?:==|=|eq|in)\s*{_VALUE}")


def demands(guard: Guard, given: Callable[[str], bytes]) -> tuple[Attributes, Attributes, tuple[str, ...]]:
    """Read subject, issuer and alternative names that the rules ask for.

    `given` is what CONFIG holds of a file, for the password file of `SSLOptions +FakeBasicAuth`: its user is a subject.
    A demand of another form is not met, and the control shows it.
    """
    subject: dict[x509.ObjectIdentifier, str] = {}
    issuer: dict[x509.ObjectIdentifier, str] = {}
    names: dict[str, None] = {}
    for entry in guard.rules:
        for found in _ONE.finditer(entry.arguments.replace("\\", "")):
            wanted = subject if found["whose"] == "S" else issuer
            pairs = {found["name"]: found["value"]} if found["name"] else _distinguished(found["value"])
            for name, value in pairs.items():
                if name in _ATTRIBUTES:
                    wanted.setdefault(_ATTRIBUTES[name], value)
        names |= {found["value"]: None for found in _SAN.finditer(entry.arguments)}
    if any("fakebasicauth" in word.lower() for word in guard.arguments("SSLOptions")):
        for path in guard.arguments("AuthUserFile"):
            users = re.findall(r"^(/[^:\n]+):", given(path).decode(errors="replace"), re.MULTILINE)
            for name, value in _distinguished(users[0] if users else "").items():
                subject.setdefault(_ATTRIBUTES.get(name, NameOID.COMMON_NAME), value)
    return tuple(subject.items()), tuple(issuer.items()), tuple(names)


def passwords(guard: Guard, given: Callable[[str], bytes]) -> tuple[str, ...]:
    """Read which users of a password file need no certificate, where `SSLOptions +FakeBasicAuth` makes users of those
    who have one; those first who have the password that all of these have."""
    if not any("fakebasicauth" in word.lower() for word in guard.arguments("SSLOptions")):
        return ()
    lines = [line for path in guard.arguments("AuthUserFile") for line in given(path).decode(errors="replace").split()]
    known = [(name, secret) for name, _, secret in (line.rpartition(":") for line in lines) if name]
    fake = {secret for name, secret in known if name.startswith("/")}
    plain = [(name, secret) for name, secret in known if not name.startswith("/")]
    return tuple(name for name, secret in sorted(plain, key=lambda user: user[1] not in fake))


def _distinguished(text: str) -> dict[str, str]:
    """Split a name in its legacy form (`/O=…/CN=…`) or that of RFC 4514 (`CN=…,O=…`), the highest attribute first."""
    parts = text.split("/")[1:] if text.startswith("/") else text.split(",")[::-1]
    return {name.strip(): value for name, _, value in (part.partition("=") for part in parts) if value}
