"""One httpd that answers for hundreds of generated rules, a virtual host for each."""

import io
import re
import tarfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from docker.models.containers import Container
from docker.types import Healthcheck

from harness.engine.client import LABEL, engine, owned
from harness.engine.images import image
from harness.httpd.directive import Directive, parse
from harness.httpd.log_line import FORMAT
from harness.httpd.log_line import parse as parse_line
from harness.httpd.trace import LOG_LEVEL, Trace, TraceEntry, entry_of, of_request
from harness.pki import Authority, Identity
from tests.httpd.differential.request import ADDRESS_HEADER, FILES, ID_HEADER, PEOPLE, Person

ROOT = "/srv/d"
PATHS = ("/a/b/f.txt", "/a/g.txt", "/h.txt", "/c/f.txt")
"""What is asked for."""
_SERVED = [
    f"{folder}/{name}"
    for folder in ("", "/a", "/a/b", "/a/c", "/a/b/c", "/c", "/c/c")
    for name in ("f.txt", "g.txt", "h.txt")
]
"""What there is a file of: what is asked for, and whatever a rule may make of it."""
PORT = 8443
_MODULES = (
    *("mpm_event", "access_compat", "alias", "allowmethods", "auth_basic", "authn_core", "authn_file", "authz_core"),
    *("authz_groupfile", "authz_host", "authz_user", "dir", "env", "headers", "info", "mime", "remoteip", "rewrite"),
    *("setenvif", "socache_shmcb", "ssl"),
)
_CONFIGURATION = "/run/batch.conf"
_HEAD = f"""
ServerRoot /run
ServerName main
Listen {PORT}
DefaultRuntimeDir /run
PidFile /run/httpd.pid
ErrorLog /run/error.log
ErrorLogFormat "{FORMAT.replace("%-{c}L", f"%-{{{ID_HEADER}}}i")}"
{"".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" + chr(10) for name in _MODULES)}
{chr(10).join(LOG_LEVEL)}
TypesConfig /dev/null
KeepAlive on
MaxKeepAliveRequests 0
KeepAliveTimeout 60
TraceEnable off
ServerLimit 2
StartServers 1
ThreadsPerChild 16
RemoteIPHeader {ADDRESS_HEADER}
RemoteIPInternalProxy 0.0.0.0/1 128.0.0.0/1
RequestHeader unset X-Passed early
RequestHeader set X-Passed yes
Header always set X-Passed "expr=%{{req:X-Passed}}"
SSLCertificateFile /run/server.pem
SSLCACertificateFile /run/ca.pem
SSLVerifyClient optional
SSLVHostSNIPolicy insecure
SSLSessionCache none
SSLSessionTickets off
DocumentRoot {ROOT}
<Directory />
AllowOverride None
</Directory>
"""
_ATTRIBUTES = {"O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}


@dataclass(frozen=True)
class Batch:
    """What httpd made of a batch: `hosts` by the rule's number, and the rules that it refused, with its words."""

    main: Directive
    hosts: Mapping[int, Directive]
    refused: Mapping[int, str]


@dataclass
class BatchServer:
    """A container in which one batch after the other is served."""

    container: Container
    identities: Sequence[Identity | None]
    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    def load(self, rules: Sequence[str]) -> Batch:
        """Serve these rules in the place of those before; a rule that httpd refuses is left out."""
        self._stop()
        self.container.exec_run(["rm", "-f", "/run/error.log"])
        refused: dict[int, str] = {}
        while (refusal := self._refusal(rules, refused)) is not None:
            number, words = refusal
            refused[number] = words
        _, dump, _ = self._httpd("-t", "-D", "DUMP_CONFIG")
        whole = parse(dump, {})
        self._start()
        hosts = {
            int(next(entry.find("ServerName")).arguments.removeprefix("r")): entry
            for entry in whole.find("VirtualHost")
        }
        main = Directive("", "", "", 0, tuple(one for one in whole.body if one.kind != "virtualhost"))
        return Batch(main, hosts, refused)

    def _refusal(self, rules: Sequence[str], without: Collection[int]) -> tuple[int, str] | None:
        """The first rule that httpd refuses, and the error; without a line in the error it is found by bisection."""
        text, first = _configuration(rules, without)
        _put(self.container, {_CONFIGURATION: text.encode()})
        code, _, errors = self._httpd("-t")
        if code == 0:
            return None
        if found := re.search(r"on line (\d+) of|^(?:.*\.conf):(\d+):", errors, re.MULTILINE):
            line = int(found[1] or found[2])
            return max(number for number, at in first.items() if at <= line), errors.strip()
        numbers = [*first]
        if len(numbers) == 1:
            return numbers[0], errors.strip()
        half = {*numbers[: len(numbers) // 2]}
        return self._refusal(rules, {*without, *half}) or self._refusal(rules, {*without, *numbers} - half)

    def _httpd(self, *arguments: str) -> tuple[int, str, str]:
        done = self.container.exec_run(["/usr/sbin/apache2", "-f", _CONFIGURATION, *arguments], demux=True)
        parts = cast("tuple[bytes | None, bytes | None]", done.output)
        output, errors = ((part or b"").decode(errors="replace") for part in parts)
        return done.exit_code or 0, output, errors

    def _start(self) -> None:
        code, _, errors = self._httpd("-k", "start")
        assert code == 0, errors
        self._await("test -s /run/httpd.pid")

    def _stop(self) -> None:
        end = "test -s /run/httpd.pid && kill $(cat /run/httpd.pid); while test -e /run/httpd.pid; do sleep 0.01; done"
        self.container.exec_run(["sh", "-c", end])

    def _await(self, condition: str) -> None:
        self.container.exec_run(["sh", "-c", f"until {condition}; do sleep 0.01; done"])

    def log(self) -> str:
        """What httpd has logged since the batch was loaded."""
        return cast("bytes", self.container.exec_run(["cat", "/run/error.log"]).output).decode(errors="replace")

    def traces(self) -> Mapping[str, Trace]:
        """What httpd made of the conditions of each request, by the request's id."""
        found: dict[str, list[TraceEntry]] = {}
        for line in self.log().splitlines():
            if (parsed := parse_line(line)) and parsed.client and (entry := entry_of(parsed)):
                found.setdefault(parsed.client, []).append(entry)
        return {name: of_request(entries, error_document=False) for name, entries in found.items()}

    @property
    def address(self) -> str:
        """Its own address, as httpd sees it."""
        networks = self.container.attrs["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])


def _configuration(rules: Sequence[str], without: Collection[int]) -> tuple[str, dict[int, int]]:
    """Write the configuration; also returns the line at which each rule begins."""
    parts, line = [_HEAD], _HEAD.count("\n") + 1
    first: dict[int, int] = {}
    for number, rule in enumerate(rules):
        if number not in without:
            text = f"<VirtualHost *:{PORT}>\nServerName r{number}\nSSLEngine on\n{rule}\n</VirtualHost>\n"
            first[number] = line
            line += text.count("\n")
            parts.append(text)
    return "".join(parts), first


@contextmanager
def batch_server() -> Iterator[BatchServer]:
    """Start the container, and remove it however the tests end."""
    authority = Authority.root(subject="Authority")
    server = authority.server(names=("localhost",))
    files = {
        "/run/server.pem": server.certificate_pem() + server.key_pem(),
        **FILES,
        "/run/ca.pem": authority.certificate.public_bytes(Encoding.PEM),
        **{f"{ROOT}{path}": b"served\n" for path in _SERVED},
    }
    identities = [authority.client(subject=_name(one)) if one.subject else None for one in PEOPLE]
    with owned() as label:
        container = engine().containers.create(
            image("httpd"),
            ["1000000"],
            entrypoint=["sleep"],
            ports={f"{PORT}/tcp": ("127.0.0.1", 0)},
            labels={LABEL: label},
            healthcheck=Healthcheck(test=["NONE"]),
            init=True,
        )
        _put(container, files)
        container.start()
        container.reload()
        deadline = time.monotonic() + 10
        while not container.attrs["NetworkSettings"]["Ports"].get(f"{PORT}/tcp") and time.monotonic() < deadline:
            time.sleep(0.05)
            container.reload()
        port = int(container.attrs["NetworkSettings"]["Ports"][f"{PORT}/tcp"][0]["HostPort"])
        yield BatchServer(container, identities, port)


def _name(person: Person) -> x509.Name:
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[name], value) for name, value in person.subject])


def _put(container: Container, files: Mapping[str, bytes]) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.uid, entry.gid = len(content), 33, 33
            entry.mode = 0o600 if b"PRIVATE KEY-----" in content else 0o644
            archive.addfile(entry, io.BytesIO(content))
    container.put_archive("/", stream.getvalue())
