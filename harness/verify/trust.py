"""Does the server trust its own certificate as an authority for clients?"""

from collections.abc import Iterable, Iterator

from harness.engine.sandbox import Sandbox
from harness.httpd.site import Site
from harness.verify.finding import Finding


def server_as_authority(places: Iterable[Site], sandbox: Sandbox) -> Iterator[Finding]:
    """Yield the lines that make the server's own certificate an authority for clients: with the key on the web server
    anyone can issue clients."""
    seen: set[tuple[str, int]] = set()
    for site in places:
        entry, own = (site.guard.in_force.get(name) for name in ("sslcacertificatefile", "sslcertificatefile"))
        if not (site.guard.requirement and entry and own and entry.words and own.words):
            continue
        is_same = sandbox.absolute(entry.words[0]) == sandbox.absolute(own.words[0])
        if not is_same or (entry.file, entry.line) in seen:
            continue
        seen.add((entry.file, entry.line))
        yield Finding(
            "trust.server_certificate",
            "warning",
            site.id,
            (),
            f"Clients' certificates may be issued by the server's own key: `{entry.name} {entry.arguments}` is also the"
            " SSLCertificateFile.",
            "Name an authority here whose key is not on the web server.",
            entry.file,
            entry.line,
        )
