"""The options that several pki commands share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from harness.cli.pki.subject import ATTRIBUTES
from harness.pki import KeyType

Command = Callable[..., Any]


_FOLDER = Path("pki")


_KINDS = [kind.value for kind in KeyType if kind is not KeyType.RSA_1024]


EXISTING = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


def in_folder(command: Command) -> Command:
    """`--dir`: the authority's folder."""
    option = click.option("--dir", "folder", type=click.Path(path_type=Path), default=_FOLDER, show_default=True)
    return option(command)


def passphrase(command: Command) -> Command:
    """`--passphrase-file`: for the authority's key."""
    return click.option(
        "--passphrase-file",
        type=EXISTING,
        help="File with the passphrase of the authority's key (or set MTLS_CA_PASSPHRASE; else a prompt).",
    )(command)


def password(what: str) -> Callable[[Command], Command]:
    """`--password-file`: for a .pfx."""
    return click.option(
        "--password-file",
        type=EXISTING,
        help=f"File with {what} (or set MTLS_EXPORT_PASSWORD; else a prompt).",
    )


def subject_options(command: Command) -> Command:
    """The tutorial's questions, as options."""
    for name, (short, _, help_text) in reversed(ATTRIBUTES.items()):
        command = click.option(*filter(None, (short, f"--{name}")), name.replace("-", "_"), help=help_text)(command)
    return command


def days(default: int) -> Callable[[Command], Command]:
    """`--days`: how long a certificate is valid."""
    return click.option(
        "--days", type=click.IntRange(1, 36500), default=default, show_default=True, help="Validity in days."
    )


key_type = click.option(
    "--key-type",
    type=click.Choice(_KINDS),
    default=KeyType.P_256.value,
    show_default=True,
    callback=lambda _context, _parameter, value: KeyType(value),
)


names = click.option("--name", "names", multiple=True, help="DNS name, address or email (repeatable).")


renew = click.option("--renew", is_flag=True, help="Issue another certificate; the old one stays valid.")


def _http_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch(r"http://[!-~]+", value):
        raise click.BadParameter("a CRL distribution point is an http:// address (RFC 5280 section 4.2.1.13).")
    return value


crl_url = click.option("--crl-url", callback=_http_url, help="URL of the CRL (CRL distribution point).")


def _https_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        if value is None or (re.fullmatch(r"https://[!-~]+", value) and urlsplit(value).hostname):
            return value
    except ValueError:  # Brackets that hold no IPv6 address.
        pass
    raise click.BadParameter(f"{value!r} is not an https:// URL. Example: https://www.example.test/")


url = click.option("--url", callback=_https_url, help="URL of the site, for the tests on the page.")
