"""Which identity does httpd pass on to a backend, and in which request header?"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.httpd.backend import backend
from harness.httpd.directive import Directive

_SETTING = {"set", "add", "append", "merge", "setifempty"}
_IDENTITY = re.compile(r"SSL_CLIENT_|REMOTE_USER")
_SEPARATORS = "-_"


@dataclass(frozen=True)
class IdentityHeader:
    """A request header by which a backend learns the client's identity, and the directive that sets it."""

    name: str
    directive: Directive

    def is_meant_by(self, name: str) -> bool:
        """Whether an application reads a header of this name as the same variable: as `HTTP_` and the name in capitals,
        with `_` for each `-` (RFC 3875, section 4.1.18)."""
        return _variable(name) == _variable(self.name)

    @property
    def other_spellings(self) -> tuple[str, ...]:
        """The names with `-` and `_` exchanged that mean the same variable."""
        parts = re.split(f"[{_SEPARATORS}]", self.name)
        joints = itertools.product(_SEPARATORS, repeat=len(parts) - 1)
        names = ("".join(itertools.chain(*zip(parts, (*joint, ""), strict=True))) for joint in joints)
        return tuple(name for name in names if name != self.name)


def identity_headers(directives: Iterable[Directive]) -> tuple[IdentityHeader, ...]:
    """The headers that `RequestHeader` sets to the client's identity by TLS or a login, each once."""
    found: dict[str, IdentityHeader] = {}
    for entry in directives:
        words = entry.words if entry.kind == "requestheader" else ()
        action, name, *value = [word for word in words if word.lower() != "early"] + ["", ""][: 2 - len(words)]
        if action.lower() in _SETTING and any(map(_IDENTITY.search, value)):
            found.setdefault(_variable(name), IdentityHeader(name, entry))
    return tuple(found.values())


def backend_url(content: str) -> str:
    """The backend of what a site serves, as `http://app:8000`; "" for files, and behind a Unix socket."""
    found = backend(content)
    return str(replace(found, path="")) if found and found.host and not found.socket else ""


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
