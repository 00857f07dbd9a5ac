"""The commands that make and keep an authority on disk: the tutorial's openssl steps, done right."""

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.pki import AUTHORITY, CLIENT, SERVER, KeyType, Profile, serial
from harness.pki.files import PkiError, write_private
from harness.pki.profile import general_name, written
from harness.pki.request import Request
from harness.pki.store import CRL_DAYS, Entry, Store, load_certificates

_FOLDER = Path("pki")
_SUBJECT = {
    "country": ("-C", NameOID.COUNTRY_NAME, "Two letters (ISO 3166)."),
    "state": ("-ST", NameOID.STATE_OR_PROVINCE_NAME, "State or province."),
    "locality": ("-L", NameOID.LOCALITY_NAME, "Town."),
    "organization": ("-O", NameOID.ORGANIZATION_NAME, "Organization."),
    "organizational-unit": ("-OU", NameOID.ORGANIZATIONAL_UNIT_NAME, "Part of it."),
    "common-name": ("-CN", NameOID.COMMON_NAME, "Common name."),
    "email": (None, NameOID.EMAIL_ADDRESS, "Email address."),
}
"""The tutorial's questions: option, attribute of the distinguished name, help; in the order of that name."""
_KINDS = [kind.value for kind in KeyType if kind is not KeyType.RSA_1024]
_REASONS = [flag.value for flag in x509.ReasonFlags if flag is not x509.ReasonFlags.remove_from_crl]
_EXISTING = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_CN_LENGTH = 64
_DNS_NAME = r"(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

Command = Callable[..., Any]


@click.group()
def pki() -> None:
    """Make and keep an authority: its certificates, its clients, and whom it has revoked.

    Everything is in one folder (--dir, by default pki/); `mtls-harness pki show` lists it.
    """


def _folder(command: Command) -> Command:
    option = click.option("--dir", "folder", type=click.Path(path_type=Path), default=_FOLDER, show_default=True)
    return option(command)


def _passphrase(command: Command) -> Command:
    return click.option(
        "--passphrase-file",
        type=_EXISTING,
        help="Where the passphrase of the authority's key stands (or in MTLS_CA_PASSPHRASE; else it is asked for).",
    )(command)


def _subject(command: Command) -> Command:
    for name, (short, _, help_text) in reversed(_SUBJECT.items()):
        command = click.option(*filter(None, (short, f"--{name}")), name.replace("-", "_"), help=help_text)(command)
    return command


def _days(default: int) -> Callable[[Command], Command]:
    return click.option("--days", type=click.IntRange(1, 36500), default=default, show_default=True, help="Validity.")


_key_type = click.option(
    "--key-type",
    type=click.Choice(_KINDS),
    default=KeyType.P_256.value,
    show_default=True,
    callback=lambda _context, _parameter, value: KeyType(value),
)
_names = click.option("--name", "names", multiple=True, help="DNS name, address or email (repeatable).")
_renew = click.option("--renew", is_flag=True, help="Issue again what is valid already; the old one stays valid.")


def _http_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch(r"http://[!-~]+", value):
        raise click.BadParameter("a CRL distribution point is an http:// address (RFC 5280 section 4.2.1.13).")
    return value


_crl_url = click.option(
    "--crl-url", callback=_http_url, help="Where the CRL can be fetched: the CRL distribution point."
)


@pki.command()
@_folder
@_passphrase
@_subject
@_days(3650)
@_key_type
@click.option("--path-length", type=click.IntRange(0, 8), help="How many authorities may stand below the root.")
@click.option("--intermediate", is_flag=True, help="Let an authority below the root issue, so that its key can rest.")
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
        name = _name(subject | {"common_name": subject["common_name"] or "mTLS root"}, "")
        root = _authority(name, path_length, days, key_type)
        between = _authority(_called(name, "issuing"), 0, days, key_type) if intermediate else None
        passphrase = _secret(passphrase_file, "MTLS_CA_PASSPHRASE")
        if passphrase is None and encrypt:
            if not sys.stdin.isatty():
                raise PkiError(
                    "Nobody can be asked for a passphrase here: use --passphrase-file or MTLS_CA_PASSPHRASE."
                )
            passphrase = _ask("Passphrase for the authority's keys", confirm=True)
            if not passphrase:
                raise PkiError("An empty passphrase protects nothing. Leave --encrypt out if none is wanted.")
        store = _store(folder, None)
        store.create(root, between, passphrase)
        where = folder / "private" / "ca.key"
        click.echo(f"{folder / 'ca.crt'} is the new authority: {written(name)}")
        click.echo(f"{where} is its key{'' if passphrase else ', not encrypted'}: whoever reads it can let anybody in.")
        if intermediate:
            click.echo("Certificates are issued by the intermediate: move that key to a safe place, the root can rest.")


@pki.command()
@_folder
@_passphrase
@_subject
@_names
@_days(397)
@_key_type
@_crl_url
def server(
    folder: Path,
    passphrase_file: Path | None,
    names: tuple[str, ...],
    days: int,
    key_type: KeyType,
    crl_url: str | None,
    **subject: str | None,
) -> None:
    """Issue the server's certificate, for localhost unless told otherwise."""
    with _plainly():
        names = names or ("localhost", "127.0.0.1", "::1")
        profile = replace(
            SERVER,
            subject=_name(subject, names[0] if len(names[0]) <= _CN_LENGTH else ""),
            names=_checked(names),
            crl_url=crl_url,
        )
        store = _store(folder, passphrase_file)
        identity = store.issue_server(_timed(profile, days, key_type, store))
        _warn_when_cut(identity.certificate, days)
        click.echo(f"{folder / 'server'} holds what the web server needs, for {', '.join(names)}.")


@pki.command()
@click.argument("name")
@_folder
@_passphrase
@_subject
@_names
@_days(365)
@_key_type
@_crl_url
@_renew
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
        profile = replace(CLIENT, subject=_name(subject, name), names=_checked(names), crl_url=crl_url)
        if not profile.name.rdns and not names:
            raise PkiError("Without a subject and without a --name, the certificate would be nobody's.")
        store = _store(folder, passphrase_file)
        identity, made = store.issue_client(name, _timed(profile, days, key_type, store), renew=renew)
        _warn_when_cut(identity.certificate, days)
        click.echo(f"{made} holds the certificate and the key of {written(identity.certificate.subject)}.")
        click.echo(f"`mtls-harness pki export {name}` makes the .pfx for a browser.")


@pki.command()
@click.argument("csr", type=_EXISTING)
@_folder
@_passphrase
@_names
@_days(365)
@_crl_url
@_renew
@click.option("--for", "purpose", type=click.Choice(["client", "server"]), default="client", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The certificate; default: CSR's name with .crt."
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
    """Issue a certificate for a request that was made elsewhere.

    The request gives subject and key. Names that it asks for must be allowed with --name; every other extension is
    decided here.
    """
    with _plainly():
        request = Request.load(csr)
        profile = replace({"client": CLIENT, "server": SERVER}[purpose], crl_url=crl_url)
        store = _store(folder, passphrase_file)
        out = out or csr.with_suffix(".crt")
        profile = _timed(profile, days, KeyType.P_256, store)
        _checked(names)
        certificate = store.sign(request, profile, out, allowed=names, renew=renew)
        _warn_when_cut(certificate, days)
        click.echo(f"{out} is the certificate of {written(certificate.subject)}, for a {purpose}.")
        if request.ignored:
            click.echo(f"Not taken from the request: {', '.join(request.ignored)}.")


@pki.command()
@click.argument("which", metavar="NAME|SERIAL")
@_folder
@_passphrase
@click.option("--reason", type=click.Choice(_REASONS), default="unspecified", show_default=True)
def revoke(which: str, folder: Path, passphrase_file: Path | None, reason: str) -> None:
    """Revoke a certificate and renew the CRL. It counts once the web server has reloaded."""
    with _plainly():
        store = _store(folder, passphrase_file)
        entry = store.revoke(which, x509.ReasonFlags(reason))
        click.echo(f"{entry.subject} (serial {entry.serial}) is revoked.")
        click.echo(f"{folder / 'server' / 'crl.pem'} says so: copy it to the web server, and reload that.")
        _say_until(store, [entry.issuer])


@pki.command()
@_folder
@_passphrase
@click.option("--days", type=click.IntRange(1, 3650), default=CRL_DAYS.days, show_default=True, help="Until the next.")
def crl(folder: Path, passphrase_file: Path | None, days: int) -> None:
    """Renew the CRLs. With an expired one, httpd refuses everybody."""
    with _plainly():
        store = _store(folder, passphrase_file)
        _say_until(store, store.renew_crls(timedelta(days=days)))


@pki.command()
@click.argument("name")
@_folder
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: NAME.pfx in the client's folder."
)
@click.option("--password-file", type=_EXISTING, help="Where the password stands (or in MTLS_EXPORT_PASSWORD).")
@click.option("--compatible", is_flag=True, help="Encrypt as older macOS, Windows and Android read it.")
@click.option("--with-ca/--without-ca", default=True, show_default=True, help="Put the root's certificate into it.")
def export(
    name: str, folder: Path, out: Path | None, password_file: Path | None, compatible: bool, with_ca: bool
) -> None:
    """Pack a client's key and certificates into a .pfx (PKCS#12), for a browser.

    Without a password a strong one is made and shown once.
    """
    with _plainly():
        store = _store(folder, None)
        identity = store.client(name)
        password = _secret(password_file, "MTLS_EXPORT_PASSWORD")
        if password is None and sys.stdin.isatty():
            password = _ask(f"Password for {name}.pfx (empty: a strong one is made)", confirm=True)
        made = "" if password else _strong()
        root = store.certificate("ca") if with_ca else None
        try:
            content = identity.pkcs12(password or made.encode(), root=root, compatible=compatible)
        except TypeError as error:
            raise PkiError(f"The key of {name} is of a kind that a .pfx cannot hold: {error}") from error
        if out and out.exists():
            raise PkiError(f"{out} exists, and is not overwritten. Name another file with --out.")
        out = out or folder / "clients" / name / f"{name}.pfx"
        write_private(out, content)
        click.echo(f"{out} is ready to be imported.")
        if made:
            click.echo(f"Its password, shown this once: {made}")


@pki.command()
@click.argument("which", metavar="[NAME|SERIAL|FILE]", required=False)
@_folder
def show(which: str | None, folder: Path) -> None:
    """List what was issued, or show one certificate in full."""
    with _plainly():
        store = _store(folder, None)
        if which is None:
            _show_all(store)
        elif Path(which).is_file():
            for certificate in load_certificates(Path(which)):
                click.echo(_in_full(certificate))
        else:
            _show_entry(store.find(which))


def _show_all(store: Store) -> None:
    for level in store.levels():
        certificate = store.certificate(level)
        key = "key here" if (store.folder / "private" / f"{level}.key").exists() else "key offline"
        name = written(certificate.subject)
        click.echo(f"{level}: {name}, valid until {certificate.not_valid_after_utc:%Y-%m-%d}, {key}")
    _say_until(store, store.levels())
    entries = store.entries()
    for entry in entries:
        until = f"until {entry.not_after[:10]}" if entry.state == "valid" else ""
        click.echo(f"{entry.serial:<40}  {entry.kind:<9}  {entry.state:<7}  {entry.name}  {until}".rstrip())
    if not entries:
        click.echo("Nothing was issued yet.")


def _show_entry(entry: Entry) -> None:
    for field, value in vars(entry).items():
        if value:
            click.echo(f"{field:<10} {value}")
    click.echo(f"{'state':<10} {entry.state}")


def _in_full(certificate: x509.Certificate) -> str:
    lines = [
        f"subject    {written(certificate.subject)}",
        f"issuer     {written(certificate.issuer)}",
        f"serial     {serial(certificate)}",
        f"not before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC",
        f"not after  {certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",
        f"SHA-256    {certificate.fingerprint(hashes.SHA256()).hex(':').upper()}",
    ]
    for extension in certificate.extensions:
        match extension.value:
            case x509.BasicConstraints() as limits:
                lines.append(f"authority  {'yes' if limits.ca else 'no'}")
            case x509.ExtendedKeyUsage() as usages:
                known = {ExtendedKeyUsageOID.CLIENT_AUTH: "client", ExtendedKeyUsageOID.SERVER_AUTH: "server"}
                lines.append(f"for        {', '.join(known.get(usage, usage.dotted_string) for usage in usages)}")
            case x509.SubjectAlternativeName() as names:
                lines.append(f"names      {', '.join(str(name.value) for name in names)}")
    return "\n".join(lines)


# --- What the commands share


class _Wrong(click.ClickException):
    exit_code = 2


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Turn what a user can cause into a message and exit code 2."""
    try:
        yield
    except PkiError as error:
        raise _Wrong(str(error)) from None
    except (click.Abort, KeyboardInterrupt):
        raise _Wrong("Interrupted. What was there is as it was.") from None
    except OSError as error:
        raise _Wrong(f"{error.filename or 'The file system'}: {error.strerror}. What was there is as it was.") from None


def _store(folder: Path, passphrase_file: Path | None) -> Store:
    def passphrase(key: Path) -> bytes:
        given = _secret(passphrase_file, "MTLS_CA_PASSPHRASE")
        if given is None and not sys.stdin.isatty():
            raise PkiError(f"{key} is encrypted. Put its passphrase into --passphrase-file or MTLS_CA_PASSPHRASE.")
        return _ask(f"Passphrase of {key}") if given is None else given

    return Store(folder, passphrase)


def _secret(file: Path | None, variable: str) -> bytes | None:
    """Take a secret from a file (its first line) or the environment; None where neither has one."""
    if file:
        lines = file.read_bytes().splitlines()
        if not lines or not lines[0]:
            raise PkiError(f"{file} is empty: its first line must be the secret.")
        return lines[0]
    return os.environ[variable].encode() if os.environ.get(variable) else None


def _ask(what: str, *, confirm: bool = False) -> bytes:
    answer: str = click.prompt(
        what, hide_input=True, confirmation_prompt=confirm, default="", show_default=False, err=True
    )
    return answer.encode()


def _strong() -> str:
    """Make a password of 100 bits that can be read out over the telephone."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def _name(subject: dict[str, str | None], common_name: str) -> x509.Name:
    """Build a distinguished name from the options given.

    Raises:
        PkiError: a value that does not fit its attribute (RFC 5280 appendix A.1: lengths, two letters of a country).
    """
    attributes = []
    for option, (_, oid, _) in _SUBJECT.items():
        value = subject.get(option.replace("-", "_"))
        if value is None and option == "common-name":
            value = common_name
        if value:
            if not value.isprintable():
                raise PkiError(f"--{option} {value!r} holds characters that cannot be printed.")
            try:
                attributes.append(x509.NameAttribute(oid, value))
            except ValueError as error:
                raise PkiError(f"--{option} {value!r}: {error}") from error
    return x509.Name(attributes)


def _called(name: x509.Name, addition: str) -> x509.Name:
    """The same name with a common name of its own: two authorities of one name would be taken for one another."""
    return x509.Name(
        [
            x509.NameAttribute(entry.oid, f"{str(entry.value)[: 63 - len(addition)]} {addition}")
            if entry.oid == NameOID.COMMON_NAME
            else entry
            for entry in name
        ]
    )


def _authority(name: x509.Name, path_length: int, days: int, key_type: KeyType) -> Profile:
    limits = x509.BasicConstraints(ca=True, path_length=path_length)
    return replace(AUTHORITY, subject=name, basic_constraints=limits, not_after=timedelta(days=days), key=key_type)


def _checked(names: tuple[str, ...]) -> tuple[str | x509.GeneralName, ...]:
    """Read names as they go into subjectAltName.

    Raises:
        PkiError: one is none.
    """
    try:
        read = tuple(map(general_name, names))
    except ValueError as error:
        raise PkiError(f"--name: {error}") from error
    for name in read:
        if isinstance(name, x509.DNSName) and not re.fullmatch(_DNS_NAME, name.value):
            raise PkiError(f"--name {name.value!r} is no DNS name, address or email address.")
    return read


def _timed(profile: Profile, days: int, key_type: KeyType, store: Store) -> Profile:
    """A certificate that outlives its issuer helps nobody: it ends with it at the latest."""
    end = min(store.certificate(level).not_valid_after_utc for level in store.levels())
    return replace(profile, not_after=min(end, datetime.now(UTC) + timedelta(days=days)), key=key_type)


def _warn_when_cut(certificate: x509.Certificate, days: int) -> None:
    end = certificate.not_valid_after_utc
    if end < datetime.now(UTC) + timedelta(days=days, minutes=-1):
        click.echo(f"It ends on {end:%Y-%m-%d}, with the authority itself.", err=True)


def _say_until(store: Store, levels: list[str]) -> None:
    for level in levels:
        until = store.crl(level).next_update_utc
        click.echo(f"CRL of {level}: valid until {until:%Y-%m-%d %H:%M} UTC; `mtls-harness pki crl` renews it.")
