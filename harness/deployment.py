"""How is the reference deployment started from nothing, and stopped?

`make up`, `make down` and `make clean`. With a PKI and an image, `docker compose up` is enough.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509

from harness.engine import ServerError, base, image, purge
from harness.engine.compose import command as compose_command
from harness.pki import AUTHORITY, CLIENT, SERVER
from harness.pki.files import PkiError, write_private
from harness.pki.store import CRL_DAYS, Store, load_certificates

PKI = Path("pki")
ENVIRONMENT = Path(".env")
NAMES = ("localhost", "reference.test")
"""The server names of the configuration in images/httpd."""
FIRST_CLIENT = "visitor"
_PORT = "8443"
_CONTAINERS_USER = 33
_START = 30
"""Seconds that httpd may take to answer."""
_CRL_LEFT = timedelta(days=7)
"""A CRL that expires sooner is renewed."""
_CERTIFICATE_LEFT = timedelta(days=30)
"""A certificate that expires sooner is announced."""


@click.group()
def deployment() -> None:
    """Start or stop the reference deployment."""


@deployment.command()
def up() -> None:
    """Make the PKI and the image if they are missing, and start the deployment."""
    tag = image("httpd")
    store = Store(PKI, _no_passphrase)
    _prepare(store)
    user = own(PKI / "server")
    port = _port()
    chosen = {"MTLS_HTTPD_IMAGE": tag, "MTLS_BASE_IMAGE": base(), "MTLS_USER": user, "MTLS_PORT": str(port)}
    _start(compose_command(), port, chosen)
    _remember(chosen)
    client = PKI / "clients" / FIRST_CLIENT
    click.echo(f"The reference deployment runs at https://localhost:{port}/. It admits only clients of pki/ca.crt.")
    if (client / "client.key").exists():
        click.echo(f"  curl --cacert pki/ca.crt --cert {client}/client.crt --key {client}/client.key "
                   f"https://localhost:{port}/whoami")  # fmt: skip
    click.echo("`mtls-harness pki client NAME` issues another certificate. `make down` stops the server.")
    for words in _expiring(store):
        click.echo(f"Warning: {words}", err=True)


@deployment.command()
def down() -> None:
    """Stop the deployment after the current requests. pki/ stays."""
    _compose(compose_command(), "down")


@deployment.command()
def clean() -> None:
    """Stop the deployment and remove every container, volume and image of the project. pki/ stays."""
    if ENVIRONMENT.exists():
        _compose(compose_command(), "down")
    count = purge()
    click.echo(f"Removed {count} containers, volumes and images. pki/ is unchanged.")


def _prepare(store: Store) -> None:
    """Make missing parts of the PKI: authority, first client, server's certificate, CRLs that last another week."""
    if not (PKI / "ca.crt").exists():
        limits = x509.BasicConstraints(ca=True, path_length=0)
        years = timedelta(days=3650)
        store.create(replace(AUTHORITY, subject="mTLS root", basic_constraints=limits, not_after=years), None, None)
        store.issue_client(FIRST_CLIENT, replace(CLIENT, subject=FIRST_CLIENT, not_after=timedelta(days=365)))
    if not (PKI / "server" / "server.crt").exists() or not (PKI / "server" / "server.key").exists():
        store.issue_server(replace(SERVER, subject=NAMES[0], names=NAMES, not_after=timedelta(days=397)))
    soon = datetime.now(UTC) + _CRL_LEFT
    ends = [store.crl(level).next_update_utc for level in store.levels()]
    if any(end is None or end < soon for end in ends):
        store.renew_crls(CRL_DAYS)


def _expiring(store: Store) -> Iterator[str]:
    """Yield a warning for each certificate that expires within 30 days, and each CRL within 7, with the remedy."""
    now = datetime.now(UTC)
    server = load_certificates(PKI / "server" / "server.crt")[0]
    if server.not_valid_after_utc < now + _CERTIFICATE_LEFT:
        names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        again = " ".join(str(name.value) for name in names)
        yield (
            f"{PKI}/server/server.crt expires on {server.not_valid_after_utc:%Y-%m-%d %H:%M} UTC. "
            f"Renew it: `mtls-harness pki server {again}`, then `make up`."
        )
    for level in store.levels():
        end = store.certificate(level).not_valid_after_utc
        if end < now + _CERTIFICATE_LEFT:
            yield f"{PKI}/{level}.crt expires on {end:%Y-%m-%d %H:%M} UTC, and with it every certificate below it."
        crl_end = store.crl(level).next_update_utc
        if crl_end is None or crl_end < now + _CRL_LEFT:
            yield (
                f"{PKI}/{level}.crl expires on {crl_end or now:%Y-%m-%d %H:%M} UTC. Then httpd refuses every client. "
                f"Its key is offline: put it at {PKI}/private/{level}.key, then `make up`."
            )


def own(folder: Path) -> str:
    """Make httpd's user the owner of the server's key, since httpd never runs as root; returns that user and group."""
    if os.getuid():
        return f"{os.getuid()}:{os.getgid()}"
    for path in (folder, *folder.iterdir()):
        os.chown(path, _CONTAINERS_USER, _CONTAINERS_USER)
    return f"{_CONTAINERS_USER}:{_CONTAINERS_USER}"


def _port() -> int:
    """Return the port: MTLS_PORT, else the one in .env, else 8443.

    Raises:
        PkiError: it is not a port number.
    """
    text = os.environ.get("MTLS_PORT") or _remembered().get("MTLS_PORT") or _PORT
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise PkiError(f"MTLS_PORT is {text!r}, not a port number. Example: MTLS_PORT=9443 make up")
    return int(text)


def _remembered() -> dict[str, str]:
    if not ENVIRONMENT.exists():
        return {}
    lines = [line.partition("=") for line in ENVIRONMENT.read_text().splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, _, value in lines}


def _remember(variables: dict[str, str]) -> None:
    """Write them into .env, where Compose reads them. Other lines stay."""
    kept = ENVIRONMENT.read_text().splitlines() if ENVIRONMENT.exists() else []
    kept = [line for line in kept if line.partition("=")[0].strip() not in variables]
    lines = [*kept, *(f"{name}={value}" for name, value in variables.items())]
    write_private(ENVIRONMENT, "".join(f"{line}\n" for line in lines).encode())


def _start(command: list[str], port: int, variables: Mapping[str, str]) -> None:
    """Start the service, or reload it where it runs. If Compose fails, a server that ran runs again.

    Raises:
        ServerError: the port is taken, or httpd does not answer.
    """
    running = bool(_compose(command, "ps", "-q", quiet=True))
    if _taken(port) and not (running and _publishes(command, port)):
        free = next(other for other in range(9443, 1 << 16) if not _taken(other))
        raise ServerError(f"Port {port} is taken. Choose another: MTLS_PORT={free} make up")
    try:
        _compose(command, "up", "--detach", "--no-build", variables=variables)
    except ServerError:
        again = ("up", "--detach", "--no-build") if running else ("down",)
        with contextlib.suppress(ServerError):
            _compose(command, *again, quiet=True)  # Without the new variables: .env has the former ones.
        raise
    if running:
        # httpd reads its certificates and CRLs again.
        _compose(command, "kill", "-s", "SIGUSR1", quiet=True, variables=variables)
    _wait(port, PKI / "server" / "server.crt")


def _publishes(command: list[str], port: int) -> bool:
    """Whether the service that runs now is published at this port."""
    try:
        return _compose(command, "port", "httpd", "8443", quiet=True).strip().endswith(f":{port}")
    except ServerError:  # It does not run.
        return False


def _compose(
    command: list[str], *arguments: str, quiet: bool = False, variables: Mapping[str, str] | None = None
) -> str:
    """Call Compose, with variables that .env does not have yet; returns its output if it is to be quiet.

    Raises:
        ServerError: it failed. Its own message is on the terminal, or in the error.
    """
    environment = {**os.environ, **(variables or {})}
    environment |= {} if variables else {"MTLS_PORT": _remembered().get("MTLS_PORT", _PORT)}
    done = subprocess.run([*command, *arguments], capture_output=quiet, text=True, check=False, env=environment)
    if done.returncode:
        raise ServerError(f"{done.stderr or ''}`{' '.join((*command, *arguments))}` failed.")
    return done.stdout or ""


def _taken(port: int) -> bool:
    """Whether a server listens at this port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait(port: int, certificate: Path) -> None:
    """Wait until the server with this certificate answers at the port.

    Raises:
        ServerError: it does not answer within 30 seconds.
    """
    ours = x509.load_pem_x509_certificate(certificate.read_bytes())
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if (seen := _shown(port)) == ours:
            return
        time.sleep(0.1)
    if seen:
        raise ServerError(
            f"Port {port} answers with another certificate than {certificate}. Write `make down`, then `make up`."
        )
    raise ServerError(f"httpd does not answer on port {port}. Read its log: `docker-compose logs`.")


def _shown(port: int) -> x509.Certificate | None:
    """Fetch the certificate of the server at this port; None without an answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=NAMES[0]) as connection,
    ):
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    return None


def _no_passphrase(key: Path) -> bytes:
    raise PkiError(
        f"{key} is encrypted. Write `mtls-harness pki server` if the server's certificate is missing, else "
        "`mtls-harness pki crl`. Then repeat `make up`."
    )


def main() -> None:
    """Run a command. An error that a user can cause is a message, not a traceback."""
    try:
        deployment()
    except ServerError as error:
        click.echo(str(error), err=True)
        sys.exit(3)
    except PkiError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"{error.filename or 'The file system'}: {error.strerror}.", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
