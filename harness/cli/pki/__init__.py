"""`mtls-harness pki`: the commands for a certificate authority on disk."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509

from harness.cli.pki import options
from harness.cli.pki.listing import crl_end, in_full, say_until, show_all, show_entry, validity
from harness.cli.pki.secret import ask, opened, password_of, secret, strong_password
from harness.cli.pki.subject import CN_LENGTH, alternative_names, called, default_url, distinguished_name
from harness.pki import AUTHORITY, CLIENT, SERVER, KeyType, Profile
from harness.pki.export import Export
from harness.pki.export.steps import Names
from harness.pki.files import PkiError, write_together
from harness.pki.pfx import read_certificates
from harness.pki.profile import written
from harness.pki.request import Request
from harness.pki.store import CRL_DAYS, Store

_REASONS = [flag.value for flag in x509.ReasonFlags if flag is not x509.ReasonFlags.remove_from_crl]


@click.group()
def pki() -> None:
    """Manage a certificate authority: issue, revoke, export.

    All files are in one folder (--dir, by default pki/). `mtls-harness pki show` lists the certificates.
    """


@pki.command()
@options.in_folder
@options.passphrase
@options.subject_options
@options.days(3650)
@options.key_type
@click.option("--path-length", type=click.IntRange(0, 8), help="Maximum number of authorities below the root.")
@click.option(
    "--intermediate", is_flag=True, help="Issue by an intermediate, so that the root's key can be kept offline."
)
@click.option("--encrypt", is_flag=True, help="Ask for a passphrase and encrypt the keys with it.")
def init(
    folder: Path,
    passphrase_file: Path | None,
    days: int,
    key_type: KeyType,
    path_length: int | None,
    intermediate: bool,
    encrypt: bool,
    **subject: str | None,
) -> None:
    """Make a new authority."""
    below = 1 if intermediate else 0
    path_length = below if path_length is None else path_length
    if path_length < below:
        raise click.UsageError("An intermediate needs --path-length 1 or more.")
    with _plainly():
        name = distinguished_name(subject | {"common_name": subject["common_name"] or "mTLS root"}, "")
        root = _authority(name, path_length, days, key_type)
        between = _authority(called(name, "issuing"), 0, days, key_type) if intermediate else None
        passphrase = secret(passphrase_file, "MTLS_CA_PASSPHRASE")
        if passphrase is None and encrypt:
            if not sys.stdin.isatty():
                raise PkiError("No terminal to ask for the passphrase: use --passphrase-file or MTLS_CA_PASSPHRASE.")
            passphrase = ask("Passphrase for the authority's keys", confirm=True)
            if not passphrase:
                raise PkiError("The passphrase is empty. Leave --encrypt out for unencrypted keys.")
        store = opened(folder, None)
        store.create(root, between, passphrase)
        where = folder / "private" / "ca.key"
        click.echo(f"{folder / 'ca.crt'} is the new authority: {written(name)}")
        click.echo(
            f"{where} is its key{'' if passphrase else ', not encrypted'}. Keep it secret: it can issue clients."
        )
        if intermediate:
            click.echo(f"The intermediate issues the certificates. Move {where} offline.")


@pki.command()
@click.argument("hosts", metavar="[NAME]...", nargs=-1)
@options.in_folder
@options.passphrase
@options.subject_options
@options.names
@options.days(397)
@options.key_type
@options.crl_url
def server(
    hosts: tuple[str, ...],
    folder: Path,
    passphrase_file: Path | None,
    names: tuple[str, ...],
    days: int,
    key_type: KeyType,
    crl_url: str | None,
    **subject: str | None,
) -> None:
    """Issue the server's certificate for each NAME (the same as --name), for localhost by default."""
    with _plainly():
        names = (*hosts, *names) or ("localhost", "127.0.0.1", "::1")
        profile = replace(
            SERVER,
            subject=distinguished_name(subject, names[0] if len(names[0]) <= CN_LENGTH else ""),
            names=alternative_names(names),
            crl_url=crl_url,
        )
        store = opened(folder, passphrase_file)
        identity = store.issue_server(_timed(profile, days, key_type, store))
        _warn_when_cut(identity.certificate, days)
        click.echo(f"{folder / 'server'} contains the web server's files, for {', '.join(names)}.")


@pki.command()
@click.argument("name")
@options.in_folder
@options.passphrase
@options.subject_options
@options.names
@options.days(365)
@options.key_type
@options.crl_url
@options.renew
def client(
    name: str,
    folder: Path,
    passphrase_file: Path | None,
    names: tuple[str, ...],
    days: int,
    key_type: KeyType,
    crl_url: str | None,
    renew: bool,
    **subject: str | None,
) -> None:
    """Issue a certificate for the client NAME."""
    with _plainly():
        email = subject.get("email")
        names = tuple(dict.fromkeys((*names, *([email] if email else []))))
        profile = replace(
            CLIENT, subject=distinguished_name(subject, name), names=alternative_names(names), crl_url=crl_url
        )
        if not profile.name.rdns and not names:
            raise PkiError("A certificate needs a subject or a --name.")
        store = opened(folder, passphrase_file)
        identity, made = store.issue_client(name, _timed(profile, days, key_type, store), renew=renew)
        _warn_when_cut(identity.certificate, days)
        click.echo(f"{made} contains the certificate and the key of {written(identity.certificate.subject)}.")
        click.echo(f"`mtls-harness pki export {name}` makes the .pfx for a browser.")


@pki.command()
@click.argument("csr", type=options.EXISTING)
@options.in_folder
@options.passphrase
@options.names
@options.days(365)
@options.crl_url
@options.renew
@click.option("--for", "purpose", type=click.Choice(["client", "server"]), default="client", show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the certificate; default: CSR with the ending .crt.",
)
def sign(
    csr: Path,
    folder: Path,
    passphrase_file: Path | None,
    names: tuple[str, ...],
    days: int,
    crl_url: str | None,
    renew: bool,
    purpose: str,
    out: Path | None,
) -> None:
    """Issue a certificate for a certificate signing request (CSR).

    The request provides subject and key. Its names must be allowed with --name; its other extensions are ignored.
    """
    with _plainly():
        request = Request.load(csr)
        profile = replace({"client": CLIENT, "server": SERVER}[purpose], crl_url=crl_url)
        store = opened(folder, passphrase_file)
        out = out or csr.with_suffix(".crt")
        profile = _timed(profile, days, KeyType.P_256, store)
        alternative_names(names)
        certificate = store.sign(request, profile, out, allowed=names, renew=renew)
        _warn_when_cut(certificate, days)
        click.echo(f"{out} is the certificate of {written(certificate.subject)}, for a {purpose}.")
        if request.ignored:
            click.echo(f"Not taken from the request: {', '.join(request.ignored)}.")


@pki.command()
@click.argument("which", metavar="NAME|SERIAL")
@options.in_folder
@options.passphrase
@click.option("--reason", type=click.Choice(_REASONS), default="unspecified", show_default=True)
def revoke(which: str, folder: Path, passphrase_file: Path | None, reason: str) -> None:
    """Revoke a certificate and renew the CRL. It counts after a reload of the web server."""
    with _plainly():
        store = opened(folder, passphrase_file)
        entry = store.revoke(which, x509.ReasonFlags(reason))
        click.echo(f"{entry.subject} (serial {entry.serial}) is revoked.")
        click.echo(f"Updated {folder / 'server' / 'crl.pem'}. It counts after a reload: `make up`.")
        say_until(store, [entry.issuer])


@pki.command()
@options.in_folder
@options.passphrase
@click.option(
    "--days", type=click.IntRange(1, 3650), default=CRL_DAYS.days, show_default=True, help="Days until the CRL expires."
)
def crl(folder: Path, passphrase_file: Path | None, days: int) -> None:
    """Renew the CRLs. With an expired CRL, httpd refuses every client.

    A CRL whose key is offline is not renewed; a warning names it. If it expires before the renewed ones do, the exit
    code is 1. The CRL of a root above an intermediate is valid for a year at least.
    """
    with _plainly():
        store = opened(folder, passphrase_file)
        renewed = store.renew_crls(timedelta(days=days))
        say_until(store, renewed)
        left = [level for level in store.levels() if level not in renewed]
        for level in left:
            click.echo(f"Not renewed: the CRL of {level} ({validity(store, level)}), because its key is offline. When "
                       "it expires, httpd refuses every client.\nPut the key at "
                       f"{folder / 'private' / level}.key and run this command again.", err=True)  # fmt: skip
        if any(crl_end(store, level) < min(crl_end(store, here) for here in renewed) for level in left):
            sys.exit(1)


@pki.command()
@click.argument("name")
@options.in_folder
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the .pfx; default: NAME.pfx in the client's folder.",
)
@options.password("the password")
@click.option("--compatible", is_flag=True, help="Encrypt the .pfx for older Windows, Android and Java.")
@click.option("--with-ca/--without-ca", default=True, show_default=True, help="Include the root's certificate.")
@options.url
def export(
    name: str,
    folder: Path,
    out: Path | None,
    password_file: Path | None,
    compatible: bool,
    with_ca: bool,
    url: str | None,
) -> None:
    """Export a client's key and certificates for installation, with a page of steps.

    It writes a .pfx (PKCS#12), a second .pfx for older systems, a .mobileconfig for macOS and iOS, the root's
    certificate, a truststore for Java, an .html page, and a .zip of them for a phone. The page shows how to install,
    test and remove them. Without a password, a strong one is generated and shown once. All files use the same password.
    """
    with _plainly():
        store = opened(folder, None)
        identity, root = store.client(name), store.certificate("ca") if with_ca else None
        target = out or folder / "clients" / name / f"{name}.pfx"
        made = Export(target.name, identity, root, url or default_url(store), compatible)
        if out:
            _nothing_at(out.with_name(file) for file in made.names.all)
        password = secret(password_file, "MTLS_EXPORT_PASSWORD")
        if password is None and sys.stdin.isatty():
            password = ask(f"Password for {target.name} (empty: generate a strong one)", confirm=True)
        shown = "" if password else strong_password()
        private, public = made.secret(password or shown.encode()), made.public(password or shown.encode())
        write_together(
            {target.with_name(file): content for file, content in private.items()},
            {target.with_name(file): content for file, content in public.items()},
        )
        if not out:  # Files of an earlier export have another password.
            for file in Names.after(target.name, with_root=True, compatible=False).all - private.keys() - public.keys():
                target.with_name(file).unlink(missing_ok=True)
        click.echo(f"Exported {target}.")
        if shown:
            click.echo(f"Its password, shown this once: {shown}")
        click.echo(f"{target.with_name(made.names.page)} shows how to import it. Choose the file for your system:")
        if not made.for_browsers:
            click.echo("Browsers do not support Ed25519 keys. For browsers, renew with --key-type p-256.", err=True)
        width = max(len(file) for file, _ in made.by_file())
        for file, machines in made.by_file():
            click.echo(f"  {file:<{width}}  {machines}")
        click.echo(f"{made.names.bundle} contains all files: send it to a phone or another machine.")


@pki.command()
@click.argument("which", metavar="[NAME|SERIAL|FILE]", required=False)
@options.in_folder
@options.password("the .pfx's password")
def show(which: str | None, folder: Path, password_file: Path | None) -> None:
    """List the issued certificates, or show one in full, or all of a FILE (PEM, DER or .pfx)."""
    with _plainly():
        store = opened(folder, None)
        if which is None:
            show_all(store)
        elif Path(which).is_file():
            found = read_certificates(Path(which), lambda file: password_of(file, password_file))
            click.echo("\n\n".join(map(in_full, found)))
        else:
            show_entry(store.find(which))


# --- What the commands share


class _Wrong(click.ClickException):
    exit_code = 2


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Turn every error that a user can cause into a message and exit code 2."""
    try:
        yield
    except PkiError as error:
        raise _Wrong(str(error)) from None
    except (click.Abort, KeyboardInterrupt):
        raise _Wrong("Interrupted. Existing files are unchanged.") from None
    except BrokenPipeError:
        raise  # The reader has closed the pipe; click ends quietly.
    except OSError as error:
        raise _Wrong(
            f"{error.filename or 'The file system'}: {error.strerror}. Existing files are unchanged."
        ) from None


def _nothing_at(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists():
            raise PkiError(f"{path} exists and is not overwritten. Name another file with --out.")


def _authority(name: x509.Name, path_length: int, days: int, key_type: KeyType) -> Profile:
    limits = x509.BasicConstraints(ca=True, path_length=path_length)
    return replace(AUTHORITY, subject=name, basic_constraints=limits, not_after=timedelta(days=days), key=key_type)


def _timed(profile: Profile, days: int, key_type: KeyType, store: Store) -> Profile:
    """Limit the validity of a certificate to that of its issuers."""
    end = min(store.certificate(level).not_valid_after_utc for level in store.levels())
    return replace(profile, not_after=min(end, datetime.now(UTC) + timedelta(days=days)), key=key_type)


def _warn_when_cut(certificate: x509.Certificate, days: int) -> None:
    end = certificate.not_valid_after_utc
    if end < datetime.now(UTC) + timedelta(days=days, minutes=-1):
        click.echo(f"It expires on {end:%Y-%m-%d}, with the authority itself.", err=True)
