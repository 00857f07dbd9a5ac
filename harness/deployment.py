"""How is the reference deployment brought up from nothing, and taken away again?

`make up`, `make down` and `make clean`; whoever has a PKI and an image needs only `docker compose up`.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509

from harness.engine import ServerError, base, image, purge
from harness.engine.compose import command as compose_command
from harness.pki import AUTHORITY, CLIENT, SERVER
from harness.pki.files import PkiError, write_private
from harness.pki.store import CRL_DAYS, Store

PKI = Path("pki")
ENVIRONMENT = Path(".env")
NAMES = ("localhost", "reference.test")
"""What the configuration in images/httpd answers to."""
FIRST_CLIENT = "visitor"
_PORT = "8443"
_CONTAINERS_USER = 33
_START = 30
"""Seconds that httpd may take to answer."""
_CRL_LEFT = timedelta(days=7)


@click.group()
def deployment() -> None:
    """Bring the reference deployment up, or take it away."""


@deployment.command()
def up() -> None:
    """Make the PKI and the image if they are missing, and start the deployment."""
    tag = image("httpd")
    store = Store(PKI, _no_passphrase)
    _prepare(store)
    user = own(PKI / "server")
    port = _port()
    _remember({"MTLS_HTTPD_IMAGE": tag, "MTLS_BASE_IMAGE": base(), "MTLS_USER": user, "MTLS_PORT": str(port)})
    command = compose_command()
    was_up = bool(_compose(command, "ps", "-q", quiet=True))
    if not was_up and _taken(port):
        raise ServerError(f"The port {port} is taken. Choose another: MTLS_PORT={port + 1000} make up")
    _compose(command, "up", "--detach", "--no-build")
    if was_up:
        _compose(command, "kill", "-s", "SIGUSR1", quiet=True)  # httpd reads its certificates and CRLs again.
    _wait(port, PKI / "server" / "server.crt")
    client = PKI / "clients" / FIRST_CLIENT
    click.echo(f"The reference deployment is up at https://localhost:{port}/ and lets in only clients of pki/ca.crt.")
    if (client / "client.key").exists():
        click.echo(f"  curl --cacert pki/ca.crt --cert {client}/client.crt --key {client}/client.key "
                   f"https://localhost:{port}/whoami")  # fmt: skip
    click.echo("`mtls-harness pki client NAME` issues another client's certificate, `make down` takes it away.")


@deployment.command()
def down() -> None:
    """Stop the deployment: requests under way are answered first. pki/ stays."""
    _compose(compose_command(), "down")


@deployment.command()
def clean() -> None:
    """Stop the deployment and remove every container, volume and image of the project. pki/ stays."""
    if ENVIRONMENT.exists():
        _compose(compose_command(), "down")
    count = purge()
    click.echo(f"{count} containers, volumes and images removed; pki/ is as it was.")


def _prepare(store: Store) -> None:
    """Make what is missing of the PKI: an authority, a first client, the server's certificate, CRLs that still hold."""
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


def own(folder: Path) -> str:
    """See to it that httpd, which never runs as root, may read the server's key; returns its user and group."""
    if os.getuid():
        return f"{os.getuid()}:{os.getgid()}"
    for path in (folder, *folder.iterdir()):
        os.chown(path, _CONTAINERS_USER, _CONTAINERS_USER)
    return f"{_CONTAINERS_USER}:{_CONTAINERS_USER}"


def _port() -> int:
    """The port that the user names now or named before; 8443 if he never did.

    Raises:
        PkiError: it is none.
    """
    text = os.environ.get("MTLS_PORT") or _remembered().get("MTLS_PORT") or _PORT
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise PkiError(f"MTLS_PORT is {text!r}, and must be a port number: MTLS_PORT=9443 make up")
    return int(text)


def _remembered() -> dict[str, str]:
    if not ENVIRONMENT.exists():
        return {}
    lines = [line.partition("=") for line in ENVIRONMENT.read_text().splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, _, value in lines}


def _remember(variables: dict[str, str]) -> None:
    """Write them into .env, where compose finds them; what else stands there stays."""
    kept = ENVIRONMENT.read_text().splitlines() if ENVIRONMENT.exists() else []
    kept = [line for line in kept if line.partition("=")[0].strip() not in variables]
    lines = [*kept, *(f"{name}={value}" for name, value in variables.items())]
    write_private(ENVIRONMENT, "".join(f"{line}\n" for line in lines).encode())


def _compose(command: list[str], *arguments: str, quiet: bool = False) -> str:
    """Call Compose; returns what it printed if it is to be quiet.

    Raises:
        ServerError: it failed; its own words are on the terminal or in the message.
    """
    done = subprocess.run([*command, *arguments], capture_output=quiet, text=True, check=False)
    if done.returncode:
        raise ServerError(f"{done.stderr or ''}`{' '.join((*command, *arguments))}` failed.")
    return done.stdout or ""


def _taken(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait(port: int, certificate: Path) -> None:
    """Wait until the server with this certificate answers at the port.

    Raises:
        ServerError: it does not.
    """
    ours = x509.load_pem_x509_certificate(certificate.read_bytes())
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if (seen := _shown(port)) == ours:
            return
        time.sleep(0.1)
    if seen:
        raise ServerError(
            f"Another server answers on port {port}, or httpd still uses an older certificate: "
            "`make down`, then `make up`."
        )
    raise ServerError(f"httpd does not answer on port {port}. `docker-compose logs` shows its words.")


def _shown(port: int) -> x509.Certificate | None:
    """Fetch the certificate that the server at this port shows; None where nobody answers."""
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
        f"{key} is encrypted. Make what is missing with `mtls-harness pki server` or `mtls-harness pki crl`, "
        "then type `make up` again."
    )


def main() -> None:
    """Run a command; what a user can cause ends in a message."""
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
