"""To which files for the verification of clients do the virtual hosts refer?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.httpd.directive import Directive, walk

AUTHORITIES = ("sslcacertificatefile", "sslcacertificatepath")
CRLS = ("sslcarevocationfile", "sslcarevocationpath")
NAMED = ("sslcadnrequestfile", "sslcadnrequestpath")
_IN_FORCE = {
    *(*AUTHORITIES, *CRLS, *NAMED, "sslcarevocationcheck", "sslciphersuite"),
    *("sslocspenable", "sslverifyclient", "sslverifydepth"),
}
_LEVEL = re.compile(r"@SECLEVEL=(\d)")
READ_PER_REQUEST = ("authuserfile", "authgroupfile", "authdigestfile", "authdbmuserfile", "authdbmgroupfile")


@dataclass(frozen=True)
class References:
    """The directives of a virtual host about client certificates: those in force by their names in lower case, and
    those of its own certificates. `depth_by_path` says that a section has an SSLVerifyDepth of its own."""

    in_force: Mapping[str, Directive]
    servers: tuple[Directive, ...]
    depth_by_path: bool = False

    def path(self, name: str) -> str | None:
        """The file or folder that a directive names; None if there is no such directive."""
        entry = self.in_force.get(name)
        return next(iter(entry.words), None) if entry else None

    def responsible(self, *names: str) -> Directive:
        """The first of these directives that is in force, else what names the authorities."""
        order = (*names, *AUTHORITIES, "sslverifyclient")
        return next(self.in_force[name] for name in order if name in self.in_force)

    @property
    def depth(self) -> int | None:
        """`SSLVerifyDepth`, httpd's default where it is absent or no number; None where it depends on the path."""
        if self.depth_by_path:
            return None
        text = self.path("sslverifydepth") or ""
        return int(text) if text.isdigit() else 1

    @property
    def revocation(self) -> tuple[str, bool]:
        """`SSLCARevocationCheck`: `none`, `leaf` or `chain`, and whether an authority may have no CRL."""
        entry = self.in_force.get("sslcarevocationcheck")
        arguments = entry.arguments.lower().split() if entry else []
        mode = arguments[0] if arguments and arguments[0] in {"leaf", "chain"} else "none"
        return mode, "no_crl_for_cert_ok" in arguments

    @property
    def asks_responder(self) -> bool:
        """Whether OCSP is enabled (`SSLOCSPEnable`)."""
        entry = self.in_force.get("sslocspenable")
        return entry is not None and entry.value != "off"

    @property
    def security_level(self) -> int | None:
        """OpenSSL's security level where `SSLCipherSuite` sets it; None where it is OpenSSL's default."""
        entry = self.in_force.get("sslciphersuite")
        found = _LEVEL.search(entry.arguments) if entry else None
        return int(found[1]) if found else None


def references(configuration: Directive) -> Iterator[References]:
    """Yield what each virtual host that verifies clients refers to; those that refer to the same come once."""
    hosts = [*configuration.find("VirtualHost")]
    seen: set[tuple[Directive, ...]] = set()
    for host in hosts or [configuration]:
        levels = [configuration, host] if host is not configuration else [host]
        in_force = {entry.kind: entry for level in levels for entry in level.body if entry.kind in _IN_FORCE}
        client_verification = [entry for entry in walk(host) if entry.kind == "sslverifyclient"]
        client_verification += filter(None, [in_force.get("sslverifyclient")])
        # With optional_no_ca a certificate need not be valid.
        asks = [entry for entry in client_verification if entry.value in {"require", "optional"}]
        if not asks:
            continue
        in_force["sslverifyclient"] = asks[0]
        servers = tuple(host.find("SSLCertificateFile")) or tuple(configuration.find("SSLCertificateFile"))
        key = (*(in_force[name] for name in sorted(in_force) if name != "sslverifyclient"), *servers)
        if key not in seen and any(name in in_force for name in AUTHORITIES):
            seen.add(key)
            inside = (entry for part in host.body if part.kind != "virtualhost" for entry in walk(part))
            yield References(in_force, servers, any(entry.kind == "sslverifydepth" for entry in inside))
