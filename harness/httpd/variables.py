"""What decides the value of a variable of httpd: the certificate, the request, the address, or nothing in a test?

The names are those of httpd's own manual ("Expressions in Apache HTTP Server", mod_rewrite, mod_ssl). One variable has
one name here, however it is written: a header's is `HTTP:` and its name in lower case.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """What decides a variable's value."""

    CERTIFICATE = "certificate"
    REQUEST = "request"
    ADDRESS = "address"
    PASSWORD = "password"  # noqa: S105 - the name of an origin
    SERVER = "server"
    UNKNOWABLE = "unknowable"


@dataclass(frozen=True)
class Variable:
    """A variable by its one name."""

    name: str
    origin: Origin

    def __str__(self) -> str:
        return f"%{{{self.name}}}"

    @property
    def default(self) -> str:
        """Its value where the client does nothing special."""
        return _DEFAULTS.get(self.name, "")

    @property
    def values(self) -> tuple[str, ...]:
        """All values that it can have at a server under test, the usual one first; () where there are others."""
        return _CLOSED.get(self.name, ())


USER = "mtls-harness"
"""The common name and the user name of a client without another required one; files that CONFIG does not hold have
this user."""
USER_AGENT = "mtls-harness"
"""The User-Agent of every probe without another one."""
OUTSIDE = "203.0.113.7"
"""An address for documentation, which no client has (RFC 5737)."""
LEGACY_SUBJECT = "SSL_CLIENT_S_DN (legacy)"
"""The subject in the form `/O=…/CN=…`: the user of `SSLOptions +FakeBasicAuth`."""
LEGACY_ISSUER = "SSL_CLIENT_I_DN (legacy)"
BASIC_USER = "basic user"
"""The user name of the request's Basic credentials (RFC 7617)."""
VERIFY = "SSL_CLIENT_VERIFY"
RAW_PATH = "RAW_PATH"
"""The path as the client writes it, before httpd takes the dots out of it: what SetEnvIf calls Request_URI."""

MAYBE_SET = "the variable "
"""Begins the name of an environment variable that nothing in the configuration sets: a module may."""

_DEFAULTS = {
    "REQUEST_METHOD": "GET",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP:user-agent": USER_AGENT,
    "HTTP:accept": "*/*",
    "REMOTE_ADDR": OUTSIDE,
    "HTTPS": "on",
    "REQUEST_SCHEME": "https",
    "SSL_PROTOCOL": "TLSv1.3",
    "IPV6": "off",
    "IS_SUBREQ": "false",
}
_CLOSED = {"SSL_PROTOCOL": ("TLSv1.3", "TLSv1.2"), "SERVER_PROTOCOL": ("HTTP/1.1", "HTTP/1.0"), "IPV6": ("off",)}
_REQUEST = {
    *("QUERY_STRING", "REQUEST_METHOD", "THE_REQUEST", "SERVER_PROTOCOL", "SERVER_NAME", "SERVER_PORT", "SSL_TLS_SNI"),
    "RAW_PATH",
}
_ADDRESS = {"REMOTE_ADDR", "REMOTE_HOST", "CONN_REMOTE_ADDR"}
_SERVER = {
    *("HTTPS", "REQUEST_SCHEME", "REQUEST_URI", "DOCUMENT_URI", "REQUEST_FILENAME", "SCRIPT_FILENAME", "SCRIPT_NAME"),
    *("DOCUMENT_ROOT", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_SOFTWARE"),
    *("API_VERSION", "IPV6", "IS_SUBREQ", "HANDLER", "REQUEST_STATUS", "AUTH_TYPE", "SSL_PROTOCOL", "SCRIPT_USER"),
    *("SSL_VERSION_INTERFACE", "SSL_VERSION_LIBRARY", "SCRIPT_GROUP", "SCRIPT_URI", "SCRIPT_URL", "REMOTE_IDENT"),
}
HEADERS = {
    "HTTP_ACCEPT": "accept",
    "HTTP_COOKIE": "cookie",
    "HTTP_FORWARDED": "forwarded",
    "HTTP_HOST": "host",
    "HTTP_PROXY_CONNECTION": "proxy-connection",
    "HTTP_REFERER": "referer",
    "HTTP_USER_AGENT": "user-agent",
}
"""The variables that are headers, as ap_expr and mod_rewrite have them."""
_INDEXED = re.compile(r"(SSL_CLIENT_[SI]_DN_\w+|SSL_CLIENT_SAN_\w+)_0")
"""The first attribute or name of a kind: the same one as without a number, for an attribute."""


def variable(name: str) -> Variable:
    """Return the variable of this name; one that is not known is UNKNOWABLE."""
    if name in HEADERS:
        return header(HEADERS[name])
    # Names ignore case; mod_ssl writes these parts so.
    name = name.replace("_EMAIL", "_Email").replace("_MSUPN", "_msUPN")
    if (first := _INDEXED.fullmatch(name)) and "_SAN_" not in name:
        name = first[1]
    if name.startswith("SSL_CLIENT_"):
        return Variable(name, Origin.CERTIFICATE)
    if name.startswith("SSL_SERVER_") or name in _SERVER:
        return Variable(name, Origin.SERVER)
    if name in _REQUEST:
        return Variable(name, Origin.REQUEST)
    return Variable(name, Origin.ADDRESS if name in _ADDRESS else Origin.UNKNOWABLE)


def header(name: str) -> Variable:
    """Return the variable of a request header."""
    return Variable(f"HTTP:{name.lower()}", Origin.REQUEST)


def extension(oid: str) -> Variable:
    """Return the variable of a certificate extension (`PeerExtList`, `OID`)."""
    return Variable(f"PeerExtList:{oid}", Origin.CERTIFICATE)


def environment(name: str) -> Variable:
    """Return an environment variable: what sets it decides it."""
    return Variable(f"ENV:{name.lower()}", Origin.SERVER)
