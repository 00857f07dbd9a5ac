"""How is a .pfx (PKCS#12, RFC 7292) encrypted, and which programs can open it? No password is needed to tell."""

from collections.abc import Iterator
from dataclasses import dataclass

_RC2_40 = "1.2.840.113549.1.12.1.6"
_CIPHERS = {
    "1.2.840.113549.1.12.1.1": "RC4-128",
    "1.2.840.113549.1.12.1.2": "RC4-40",
    "1.2.840.113549.1.12.1.3": "3DES",
    "1.2.840.113549.1.12.1.4": "2-key 3DES",
    "1.2.840.113549.1.12.1.5": "RC2-128",
    _RC2_40: "RC2-40",
    "2.16.840.1.101.3.4.1.2": "AES-128",
    "2.16.840.1.101.3.4.1.22": "AES-192",
    "2.16.840.1.101.3.4.1.42": "AES-256",
    "1.2.840.113549.3.7": "3DES (PBES2)",
}
_DIGESTS = {
    "1.3.14.3.2.26": "SHA-1",
    "2.16.840.1.101.3.4.2.1": "SHA-256",
    "2.16.840.1.101.3.4.2.2": "SHA-384",
    "2.16.840.1.101.3.4.2.3": "SHA-512",
    "1.2.840.113549.1.5.14": "PBMAC1",
}
_LEGACY = {"RC4-128", "RC4-40", "RC2-128", "RC2-40"}
_SEQUENCE, _OCTETS, _OID = 0x30, 0x04, 0x06
_DEEPEST = 30


@dataclass(frozen=True)
class Protection:
    """The ciphers of a .pfx, and the digest of its integrity check (None: it has none)."""

    ciphers: tuple[str, ...]
    mac: str | None

    def __str__(self) -> str:
        ciphers = " and ".join(self.ciphers) or "not encrypted"
        return f"{ciphers}, {f'MAC with {self.mac}' if self.mac else 'without a MAC'}"

    def refused_by(self) -> Iterator[str]:
        """Name the programs that cannot open it with the right password; most say that the password is wrong."""
        if _LEGACY.intersection(self.ciphers):
            yield "OpenSSL 3 without its legacy provider (curl, Node, Python)"
        modern = any(cipher.startswith("AES") for cipher in self.ciphers)
        if modern or self.mac not in {"SHA-1", None}:
            yield "macOS 12 and before, Android 12 and before"
            yield "Windows before 10 version 1709, Windows Server 2016 and before"
        if modern:
            yield "Java before 8u301 and 11.0.12"
        if self.mac == "PBMAC1":
            yield "OpenSSL before 3.4, Windows, macOS and Android"
        if self.mac is None:
            yield "OpenSSL before 3.0, and other programs that check the integrity"

    @property
    def remedy(self) -> str:
        """How to make a file that these programs open."""
        if _LEGACY.intersection(self.ciphers):
            return (
                "Export it again with AES-256: openssl pkcs12 -legacy -in OLD -nodes | openssl pkcs12 -export -out NEW"
            )
        return (
            "Export it again for older systems: openssl pkcs12 -in OLD -nodes | openssl pkcs12 -export -legacy -out NEW"
        )


def protection(content: bytes) -> Protection | None:
    """Read the algorithms of a .pfx; None if it is not in DER."""
    try:
        parts = _children(content)
        version, contents, *mac = _children(parts[0][1])
    except (IndexError, ValueError):
        return None
    found = [_CIPHERS[one] for one in _identifiers(contents[1], 0) if one in _CIPHERS]
    digests = [_DIGESTS[one] for one in _identifiers(mac[0][1], 0) if one in _DIGESTS] if mac else []
    digest = "PBMAC1" if "PBMAC1" in digests else next(iter(digests), None)
    return Protection(tuple(dict.fromkeys(found)), digest) if version[1] == b"\3" else None


def _identifiers(content: bytes, depth: int) -> Iterator[str]:
    """Yield every object identifier, also of what is packed into octets."""
    try:
        parts = _children(content)
    except (IndexError, ValueError):
        return
    for tag, value in parts if depth < _DEEPEST else ():
        if tag == _OID:
            yield _dotted(value)
        elif tag & 0x20 or tag == _OCTETS:
            yield from _identifiers(value, depth + 1)


def _children(content: bytes) -> list[tuple[int, bytes]]:
    """Divide content into its parts, each with its tag.

    Raises:
        ValueError: it is not DER.
        IndexError: it ends too early.
    """
    found, at = list[tuple[int, bytes]](), 0
    while at < len(content):
        tag, size, at = content[at], content[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            if not 0 < count < 5:
                raise ValueError("a length of unknown form")
            size, at = int.from_bytes(content[at : at + count]), at + count
        if at + size > len(content):
            raise ValueError("a part is longer than the whole")
        found.append((tag, content[at : at + size]))
        at += size
    return found


def _dotted(value: bytes) -> str:
    numbers, number = list[int](), 0
    for byte in value:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]])) if numbers else ""
