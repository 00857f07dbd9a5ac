"""Which backend URL does a target of mod_proxy name?"""

import re
from dataclasses import dataclass

THIS_MACHINE = "127.0.0.1"
_URL = re.compile(
    r"(?:(?P<socket>unix:[^|]*)\|)?(?P<scheme>\w+)://(?:[^/@]*@)?(?P<host>\[[^\]]*\]|[^/:@]*)(?::(?P<port>\d+))?"
    r"(?P<path>(?:[/$].*)?)",
    re.DOTALL,
)
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https", "h2": "https", "h2c": "http"}
"""The protocol that each scheme uses; a WebSocket is opened over HTTP."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Backend:
    """A backend URL: `socket` is `unix:` and a path, or "". `path` may begin with a group of an expression (`$1`)."""

    socket: str
    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        """The URL in its one form: without user and default port; behind a socket without a host."""
        if self.socket:
            return f"{self.socket}|{self.scheme}://{self.path}"
        default = self.port in (0, _PORTS.get(self.scheme))
        return f"{self.scheme}://{self.host}{'' if default else f':{self.port}'}{self.path}"


def backend(target: str) -> Backend | None:
    """Read a target; None if it is no URL."""
    if not (found := _URL.fullmatch(target)):
        return None
    scheme, host = found["scheme"].lower(), found["host"].lower()
    scheme = _SCHEMES.get(scheme, scheme)
    host = THIS_MACHINE if host in {"localhost", "[::1]"} else host
    return Backend(found["socket"] or "", scheme, host, int(found["port"] or _PORTS.get(scheme, 0)), found["path"])
