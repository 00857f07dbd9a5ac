"""The requests of the differential tests: who sends them, and which value each variable has in them."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.httpd.variables import BASIC_USER, MAYBE_SET, Variable

ADDRESS_HEADER = "X-Address"
ID_HEADER = "X-Id"
ITSELF = "itself"
"""Stands for the address of the server itself."""
USER_AGENT = "probe"


@dataclass(frozen=True)
class Person:
    """A client's certificate: `subject` holds its attributes, most general first. Without any there is none."""

    subject: tuple[tuple[str, str], ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        """The variables of mod_ssl that the rules look at."""
        if not self.subject:
            return {"SSL_CLIENT_VERIFY": "NONE"}
        values = {f"SSL_CLIENT_S_DN_{name}": value for name, value in self.subject}
        written = ",".join(f"{name}={value.replace(',', chr(92) + ',')}" for name, value in self.subject[::-1])
        legacy = "".join(f"/{name}={value}" for name, value in self.subject)
        return {
            **values,
            "SSL_CLIENT_S_DN": written,
            "SSL_CLIENT_S_DN (legacy)": legacy,
            "SSL_CLIENT_VERIFY": "SUCCESS",
            "SSL_CLIENT_I_DN": "CN=Authority",
            "SSL_CLIENT_I_DN_CN": "Authority",
            "SSL_CLIENT_M_VERSION": "3",
        }


PEOPLE = (
    Person(),
    Person((("O", "A"), ("OU", "x"), ("CN", "anna"))),
    Person((("O", "B"), ("OU", "x"), ("CN", "bert"))),
    Person((("O", "A"), ("OU", "y"), ("CN", "cleo"))),
    Person((("O", "Acme, Inc"), ("CN", "10"))),
)


USER_FILE = "/run/users"
USERS = ("anna", "bert", "/O=A/OU=x/CN=anna", "/O=B/OU=x/CN=bert")
"""Who is in the password file, the subjects of `SSLOptions +FakeBasicAuth` among them."""


GROUP_FILE = "/run/groups"
FILES = {
    # All have the password "password" (SHA-1, as htpasswd -s writes it).
    USER_FILE: "".join(f"{name}:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n" for name in USERS).encode(),
    GROUP_FILE: b'g: anna cleo\nh: bert\ng: nobody\nk: "/O=A/OU=x/CN=anna"\n',
}
"""The password file and the group file."""


@dataclass(frozen=True)
class Request:
    """One request for a path. `person` is an index of PEOPLE; `headers` are written besides the usual ones."""

    method: str = "GET"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    address: str = "203.0.113.7"
    person: int = 0
    tls: str = "1.3"
    user: str = ""
    """Who says that their password is "password"; it is so for the users of USERS."""

    def written(self, host: str, path: str, number: int = 0, server: str = "127.0.0.1") -> bytes:
        """The request as it is sent, with a number for the log; `server` is the server's own address."""
        address = server if self.address == ITSELF else self.address
        query = f"?{self.query}" if self.query else ""
        own = {name.lower() for name, _ in self.headers}
        usual = [("User-Agent", USER_AGENT)] if "user-agent" not in own else []
        body = [("Content-Length", "0")] if self.method in {"POST", "PUT", "PATCH"} else []
        lines = [("Host", host), (ADDRESS_HEADER, address), (ID_HEADER, f"n{number}"), *usual, *body, *self.headers]
        if self.user:
            lines.append(("Authorization", f"Basic {base64.b64encode(f'{self.user}:password'.encode()).decode()}"))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return f"{self.method} {path}{query} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


@dataclass(frozen=True)
class RequestValues(Mapping[Variable, str]):
    """The value of every variable that can be known of a request; a header that is not sent is empty."""

    request: Request
    host: str
    path: str
    root: str
    server: str = "127.0.0.1"

    def __getitem__(self, wanted: Variable) -> str:
        found = self._found(wanted.name)
        if found is None:
            raise KeyError(wanted)
        return found

    def __contains__(self, wanted: object) -> bool:
        return isinstance(wanted, Variable) and self._found(wanted.name) is not None

    def __iter__(self) -> Iterator[Variable]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def _found(self, name: str) -> str | None:
        request = self.request
        if name.startswith(MAYBE_SET):
            # No module that is loaded here sets it.
            return ""
        if name.startswith("HTTP:"):
            return self._header(name[5:])
        if name.startswith("SSL_CLIENT_"):
            known = PEOPLE[request.person].variables
            return known.get(name, "" if name.startswith(("SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN")) else None)
        query = f"?{request.query}" if request.query else ""
        return {
            "QUERY_STRING": request.query,
            BASIC_USER: request.user if request.user in USERS else "",
            "REQUEST_METHOD": request.method,
            "REMOTE_ADDR": self.server if request.address == ITSELF else request.address,
            "SERVER_ADDR": self.server,
            "SERVER_PORT": "443",
            "REQUEST_URI": self.path,
            "RAW_PATH": self.path,
            "THE_REQUEST": f"{request.method} {self.path}{query} HTTP/1.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": self.host,
            "HTTPS": "on",
            "REQUEST_SCHEME": "https",
            "SSL_PROTOCOL": f"TLSv{request.tls}",
            "IPV6": "off",
            "IS_SUBREQ": "false",
            "DOCUMENT_ROOT": self.root,
            "REQUEST_FILENAME": f"{self.root}{self.path}",
            "SCRIPT_FILENAME": f"{self.root}{self.path}",
        }.get(name)

    def _header(self, name: str) -> str:
        found = [value for one, value in self.request.headers if one.lower() == name]
        usual = {"user-agent": USER_AGENT, "host": self.host}
        if not found and self.request.method in {"POST", "PUT", "PATCH"} and name == "content-length":
            return "0"
        return ", ".join(found) if found else usual.get(name, "")
