"""One machine with httpd, whose virtual hosts refuse for different reasons, and with the programs that it refuses."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from docker.models.containers import Container

from harness.engine import LABEL, engine, image
from harness.engine.archive import private_archive
from harness.engine.client import discard, owner
from harness.pki import Authority, Identity, KeyType
from harness.pki.forge import tampered_signature
from tests.waiting import until

HOME = "/home/reader"
OWNER = 1000
DAY = timedelta(days=1)
PASSWORD = "correct horse"
MODULES = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user"),
    *("auth_basic", "access_compat", "http2", "ssl"),
)
HTTPD = f"""
ServerName first.test
Listen 8443
Listen 8080
PidFile {HOME}/httpd.pid
DefaultRuntimeDir {HOME}
Mutex pthread
ErrorLog {HOME}/error.log
LogLevel warn core:info ssl:debug authz_core:debug
DocumentRoot {HOME}/www
SSLStrictSNIVHostCheck on
SSLSessionCache none
SSLSessionTickets off
SSLCertificateFile {HOME}/server.crt
SSLCertificateKeyFile {HOME}/server.key
SSLCACertificateFile {HOME}/ca.crt
Protocols h2 http/1.1
"""
NODE = """
const [url, client, version] = process.argv.slice(2), read = require('fs').readFileSync;
const options = client ? {cert: read(client + '.crt'), key: read(client + '.key')} : {};
require('https').get(url, {...options, ca: read('ca.crt'), maxVersion: version}, answer => answer.resume())
  .on('error', error => console.log(error));
"""
PYTHON = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile='ca.crt')
if sys.argv[2:]:
    context.load_cert_chain(sys.argv[2] + '.crt', sys.argv[2] + '.key')
urllib.request.urlopen(sys.argv[1], context=context)
"""
# What a virtual host has beside its name and SSLEngine.
REFUSING = {
    "first": "SSLVerifyClient none",
    "other": "SSLVerifyClient none",
    "strict": "SSLVerifyClient require\nSSLCARevocationFile HOME/crl.pem\nSSLCARevocationCheck leaf",
    "stale": "SSLVerifyClient require\nSSLCARevocationFile HOME/stale.pem\nSSLCARevocationCheck leaf",
    "nocrl": "SSLVerifyClient require\nSSLCARevocationFile HOME/other.pem\nSSLCARevocationCheck leaf",
    "location": "<Location /in>\nSSLVerifyClient require\n</Location>",
    "rule": "SSLVerifyClient require\n<Location /ssl>\nSSLRequire %{SSL_CLIENT_S_DN_O} eq 'Nobody'\n</Location>\n"
    "<Location /require>\nRequire expr %{SSL_CLIENT_S_DN_O} == 'Nobody'\n</Location>",
    "old": "SSLVerifyClient require\nSSLProtocol TLSv1.2",
    "cipher": "SSLVerifyClient require\nSSLProtocol TLSv1.2\nSSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256",
    "ocsp": "SSLVerifyClient require\nSSLOCSPEnable on",
    "deadocsp": "SSLVerifyClient require\nSSLOCSPEnable on\nSSLOCSPDefaultResponder http://127.0.0.1:1/",
    "fake": "SSLVerifyClient require\nSSLOptions +FakeBasicAuth\n<Location />\nAuthType Basic\nAuthName x\n"
    "AuthUserFile HOME/users\nRequire valid-user\n</Location>",
    "email": "SSLVerifyClient require\nSSLUserName SSL_CLIENT_S_DN_Email",
    "compat": "SSLVerifyClient require\n<Location />\nOrder allow,deny\nDeny from all\n</Location>",
    "unchecked": "SSLVerifyClient require\nSSLCARevocationFile HOME/crl.pem",
}


@dataclass(frozen=True)
class Machine:
    """The container, in which every command runs."""

    container: Container

    def run(self, command: str) -> str:
        """Run a shell command; its standard output and error."""
        _, output = self.container.exec_run(["sh", "-c", command], workdir=HOME)
        assert isinstance(output, bytes)
        return output.decode(errors="replace")

    def logged(self, command: str, awaited: str) -> tuple[str, str]:
        """Run a command; its output, and what httpd logs until a text of it is there (a moment after the answer)."""
        before = len(self.run("cat error.log"))
        output = self.run(command)

        def log() -> str:
            return self.run("cat error.log")[before:]

        return output, until(f"{awaited!r} in httpd's log", lambda: log() if awaited in log() else None, log)

    def start(self, directives: str) -> str:
        """Start another httpd, whose only virtual host has these directives; its log."""
        modules = "\n".join(line for line in configuration().splitlines() if line.startswith("LoadModule"))
        server = f"SSLCertificateFile {HOME}/server.crt\nSSLCertificateKeyFile {HOME}/server.key\n"
        own = "" if "SSLCertificate" in directives else server
        put(
            self.container,
            {
                "bad.conf": f"""
{modules}
ServerName bad.test
Listen 9443
PidFile {HOME}/bad.pid
DefaultRuntimeDir {HOME}
Mutex pthread
ErrorLog {HOME}/bad.log
LogLevel warn ssl:debug
<VirtualHost *:9443>
ServerName strict.test
SSLEngine on
{own}{directives.replace("HOME", HOME)}
</VirtualHost>
""".encode()
            },
        )
        stop = (
            "until [ -s bad.pid ]; do sleep 0.05; done; kill $(cat bad.pid); while [ -e bad.pid ]; do sleep 0.05; done"
        )
        return self.run(f"rm -f bad.log; apache2 -f $PWD/bad.conf </dev/null && {{ {stop}; }}; cat bad.log")


def configuration() -> str:
    """The whole configuration of httpd."""
    parts = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES]
    parts.append(HTTPD)
    for name, words in REFUSING.items():
        inside = words.replace("HOME", HOME)
        parts.append(f"<VirtualHost *:8443>\nServerName {name}.test\nSSLEngine on\n{inside}\n</VirtualHost>")
    parts.append(
        "<VirtualHost *:8080>\nServerName plain.test\n<Location />\nSSLRequireSSL\n</Location>\n</VirtualHost>"
    )
    return "\n".join(parts) + "\n"


def clients(root: Authority, revoked: Identity) -> dict[str, Identity]:
    """A client for each reason to refuse it."""
    below = root.subauthority(subject="Below")
    tampered = root.client(subject="tampered")
    return {
        "good": root.client(subject="good"),
        "expired": root.client(subject="expired", not_before=-2 * DAY, not_after=-DAY),
        "future": root.client(subject="future", not_before=DAY),
        "revoked": revoked,
        "purpose": root.client(subject="purpose", extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "stranger": Authority.root(subject="Stranger").client(subject="stranger"),
        "impostor": root.impostor().client(subject="impostor"),
        "tampered": Identity(tampered_signature(tampered.certificate), tampered.key),
        "deep": below.client(subject="deep"),
        "short": root.client(subject="short", key=KeyType.RSA_1024),
        "sha1": root.client(subject="sha1", digest=hashes.SHA1()),
    }


def pem(*certificates: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def files() -> dict[str, bytes]:
    """Everything in the machine's home."""
    root, other = Authority.root(subject="Own root"), Authority.root(subject="Other root")
    server = root.server(subject="server", names=tuple(f"{name}.test" for name in (*REFUSING, "plain")))
    revoked = root.client(subject="revoked")
    found = {
        "httpd.conf": configuration().encode(),
        "ca.crt": pem(root.certificate),
        "other.crt": pem(other.certificate),
        "server.crt": server.certificate_pem(),
        "server.key": server.key_pem(),
        "crl.pem": pem(root.crl([revoked.certificate])),
        "stale.pem": pem(root.crl(last_update=-2 * DAY, next_update=-DAY)),
        "other.pem": pem(other.crl()),
        "www/index.html": b"admitted\n",
        "users": b"someone:{SHA}x\n",
        "junk": b"junk\n",
        "visit.js": NODE.encode(),
        "visit.py": PYTHON.encode(),
        "error.log": b"",
    }
    for name, identity in clients(root, revoked).items():
        found |= {f"{name}.crt": identity.certificate_pem(), f"{name}.key": identity.key_pem()}
        found[f"{name}.p12"] = identity.pkcs12(PASSWORD.encode())
    return found


def put(container: Container, content: dict[str, bytes]) -> None:
    container.put_archive(HOME, private_archive(content, OWNER))


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    started = engine().containers.run(
        image("clients", on=image("readers")),
        init=True,
        detach=True,
        labels={LABEL: owner()},
        network_mode="none",
        extra_hosts={f"{name}.test": "127.0.0.1" for name in (*REFUSING, "plain")},
    )
    try:
        found = Machine(started)
        put(started, {"www/.keep": b""})
        found.run("mkdir -p www")
        put(started, files())
        said = found.run(
            f"keytool -importcert -noprompt -alias ca -file ca.crt -keystore trust.p12 -storepass '{PASSWORD}'"
            " && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=self -keyout self.key -out self.crt -days 9"
            " && openssl pkcs12 -export -in self.crt -inkey self.key -out self.p12 -passout 'pass:correct horse'"
            " && openssl pkcs8 -topk8 -in good.key -passout pass:x -out locked.key"
            " && openssl pkcs12 -export -legacy -in good.crt -inkey good.key -passout pass:x -out legacy.p12"
            " && cp good.crt pair.crt && cp future.key pair.key && cp junk junk.crt && cp junk junk.key"
            " && head -c 300000 /dev/zero >large && apache2 -f $PWD/httpd.conf"
        )
        until("httpd's start", lambda: "resuming normal operations" in found.run("cat error.log"), lambda: said)
        yield found
    finally:
        discard(started)
