"""Which command line shows a result on the real server?"""

import re
import shlex

from harness.httpd.site import Site
from harness.httpd.variables import OUTSIDE
from harness.outcome import Outcome
from harness.probe import HTTP_1_1, HTTP_2, PASSWORD, SITE, Client
from harness.probe import target as request_target
from harness.verify.judgement import Result
from harness.verify.plan import PlannedProbe

CERTIFICATE, KEY = "client.crt", "client.key"
"""The files of the client's certificate and key, which the person has to have."""
_ANYBODY_MAKES = {"chain.self_signed", "chain.unknown_authority"}
_MAKE = (
    f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=anyone -keyout {KEY} -out {CERTIFICATE} 2>/dev/null"
)
_BY_NO_TOOL = {"proof", "protocol"}
"""The families whose handshakes neither curl nor openssl makes."""
_VERSIONS = {HTTP_1_1: "--http1.1", HTTP_2: "--http2", "HTTP/1.0": "--http1.0"}
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~%!$&'()*+,;=:@?-]*")


def requested_path(site: Site) -> str:
    """The path that a probe requests."""
    return site.page if site.page and site.tls and not site.guard.in_handshake else site.path


def command(result: Result, *, any_version: bool = False) -> str:
    """Return a `curl` or `openssl s_client` line, and what it prints; "" where neither tool can make such a client.

    `any_version` says that the result is the same over every version of TLS.
    """
    probe = result.probe
    if probe.case.family in _BY_NO_TOOL:
        return ""
    client = probe.client
    by_openssl = client.asks_for is None or client.resumes or client.http not in _VERSIONS
    line = _openssl(probe) if by_openssl else _curl(probe, any_version=any_version)
    if _shows_certificate(probe) and probe.case.id in _ANYBODY_MAKES:
        line = f"{_MAKE}\n{line}"
    return f"{line}  # {_printed(result)}"


def _printed(result: Result) -> str:
    client, seen = result.probe.client, result.observed
    if seen.outcome is Outcome.ADMITTED and seen.status:
        outcome = f"{seen.status}: admitted"
    else:
        outcome = f"refused: {f'status {seen.status}' if seen.status else seen.alert or 'no answer'}"
    parts = [outcome]
    if _shows_certificate(result.probe) and result.probe.case.id not in _ANYBODY_MAKES:
        parts.append(f"{CERTIFICATE}: {_certificate(result.probe)}")
    if client.address not in {None, OUTSIDE}:
        parts.append(f"run it from {client.address}")
    return "; ".join(parts)


def _shows_certificate(probe: PlannedProbe) -> bool:
    """Whether the client sends a certificate: the family `absent` keeps it, as a client without one."""
    return probe.client.identity is not None and probe.case.family != "absent"


def _certificate(probe: PlannedProbe) -> str:
    summary = probe.case.summary.rstrip(".")
    if summary.startswith("The same"):
        return f"see `mtls-harness cases {probe.case.id}`"
    return f"{summary[0].lower()}{summary[1:]}"


def _curl(probe: PlannedProbe, *, any_version: bool) -> str:
    client, site = probe.client, probe.site
    words = ["curl", "-sSk", "-o", "/dev/null", "-w", r"%{http_code}\n", _VERSIONS[client.http]]
    if site.tls and not any_version:
        words += ["--tlsv1.2", "--tls-max", "1.2"] if probe.tls == "1.2" else ["--tlsv1.3"]
    words += ["--cert", CERTIFICATE, "--key", KEY] if _shows_certificate(probe) else []
    words += _client_options(client)
    name = site.name
    if client.asks_for not in {SITE, None}:
        name = str(client.asks_for)
        words += ["--connect-to", f"{name}:{site.port}:{site.name}:{site.port}"]
    if client.host or name != site.name:
        words += ["-H", f"Host: {_host(probe)}"]
    path = request_target(requested_path(site), client)
    if client.via or not _PLAIN_PATH.fullmatch(path):
        words += ["--request-target", path]
        path = "/"
    elif "/." in path:
        words.append("--path-as-is")
    body = f"head -c {client.body} /dev/zero | " if client.body else ""
    return body + shlex.join([*words, f"{'https' if site.tls else 'http'}://{name}:{site.port}{path}"])


def _client_options(client: Client) -> list[str]:
    """The options for the request."""
    words = []
    if client.method == "HEAD":
        words.append("--head")
    elif client.method != "GET":
        words += ["-X", client.method]
    if client.body:
        words += ["--data-binary", "@-"]
    for name, value in client.headers:
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if client.user:
        words += ["-u", f"{client.user}:{PASSWORD}"]
    return words


def _openssl(probe: PlannedProbe) -> str:
    """An empty server name, a resumed session or another version of HTTP: what curl does not do."""
    client, site = probe.client, probe.site
    name = site.name if client.asks_for == SITE else client.asks_for
    first = site.name if client.resumes == SITE else client.resumes
    if not first:
        return _s_client(probe, name, _host(probe), [])
    before = _s_client(probe, first, first, ["-sess_out", "session.pem"])
    return f"{before}\n{_s_client(probe, name, _host(probe), ['-sess_in', 'session.pem'])}"


def _s_client(probe: PlannedProbe, name: str | None, host: str, more: list[str]) -> str:
    client, site = probe.client, probe.site
    path = request_target(requested_path(site), client)
    headers = [("Host", host), ("Connection", "close"), *client.headers]
    request = f"{client.method} {path} {client.http}\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers)
    text = request.replace("\\", "\\\\").replace("%", "%%").replace("\r\n", "\\r\\n")
    words = ["openssl", "s_client", "-quiet", f"-tls1_{probe.tls[-1]}", "-connect", f"{site.name}:{site.port}"]
    words += ["-servername", name] if name else ["-noservername"]
    words += ["-cert", CERTIFICATE, "-key", KEY] if _shows_certificate(probe) else []
    whole = shlex.quote(f"{text}\\r\\n")
    return f"printf {whole} | {shlex.join([*words, *more])} 2>/dev/null | head -1"


def _host(probe: PlannedProbe) -> str:
    """The name in the request, without the port where it is the scheme's own."""
    host, site = probe.client.host or probe.site.name, probe.site
    usual = 443 if site.tls else 80
    return host if site.port == usual or re.search(r":\d+$", host) else f"{host}:{site.port}"
