"""How does the version of a server change the rules for its clients' certificates?"""

import re
from dataclasses import dataclass
from typing import Self

_OPENSSL = re.compile(r"openssl[/ -]?(\d+)\.(\d+)", re.IGNORECASE)
_HTTPD = re.compile(r"(?:apache|httpd)[/ -]?(\d+)\.(\d+)\.(\d+)", re.IGNORECASE)
_LEVEL_2 = re.compile(r"debian|ubuntu|red ?hat|rhel|centos|rocky|alma|fedora", re.IGNORECASE)


@dataclass(frozen=True)
class ServerVersion:
    """A server as its `Server` header names it. None stands for what it does not tell."""

    text: str = ""
    openssl: tuple[int, int] | None = None
    httpd: tuple[int, int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text such as `Apache/2.4.62 (Debian) OpenSSL/3.0.15`.

        Raises:
            ValueError: it names neither a version of httpd nor one of OpenSSL.
        """
        openssl, httpd = _OPENSSL.search(text), _HTTPD.search(text)
        if not openssl and not httpd:
            raise ValueError(f"`{text}` names no version. Example: Apache/2.4.62 (Debian) OpenSSL/3.0.15")
        return cls(
            text,
            (int(openssl[1]), int(openssl[2])) if openssl else None,
            (int(httpd[1]), int(httpd[2]), int(httpd[3])) if httpd else None,
        )

    @property
    def level(self) -> int | None:
        """OpenSSL's security level as the distribution, or OpenSSL since 3.2, sets it; None where it is not known."""
        if _LEVEL_2.search(self.text):
            return 2
        return None if self.openssl is None else 2 if self.openssl >= (3, 2) else 1

    @property
    def sha1_bits(self) -> int:
        """The strength of SHA-1 in bits: OpenSSL 3 counts the attacks on it."""
        return 80 if self.openssl and self.openssl < (3, 0) else 63

    def knows(self, key: str) -> bool | None:
        """Whether it can verify keys of this kind; None where that is not known."""
        since = {"Ed25519": (1, 1), "Ed448": (1, 1)}.get(key, (3, 5) if key.startswith(("MLDSA", "SLHDSA")) else (0, 0))
        if since == (0, 0):
            return True
        return None if self.openssl is None else self.openssl >= since

    @property
    def speaks_tls_1_3(self) -> bool | None:
        """Whether it can speak TLS 1.3 (httpd 2.4.36 with OpenSSL 1.1.1); None where that is not known."""
        if self.httpd and self.httpd < (2, 4, 36):
            return False
        return None if self.openssl is None else self.openssl >= (1, 1)
