"""`mtls-harness explain`: why a client is refused, by the files of the client and of the server, or by a message."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harness.cli.client_file import client_of
from harness.cli.ending import no_traceback
from harness.cli.error_message import explain_message
from harness.cli.output import report_option
from harness.explain.client import Explanation
from harness.explain.client import explain as explain_client
from harness.explain.server_version import ServerVersion
from harness.pki.contents import Form, load, read
from harness.pki.files import PkiError
from harness.pki.path import Condition, Revocation, Trust
from harness.pki.profile import called
from harness.report.file import STDOUT, write

_PATH = click.Path(path_type=Path)
_MODES = click.Choice([str(one) for one in Revocation])
_EXIT = {True: 0, False: 1, None: 3}
_MARKS = {True: "ok ", False: "NO ", None: "?  "}


@click.command()
@click.option("--error", metavar="TEXT", help="A message of a client or of httpd; - reads a log from standard input.")
@click.option("--client", type=_PATH, metavar="FILE", help="The client: .pfx, PEM or DER.")
@click.option("--key", type=_PATH, metavar="FILE", help="Key of --client, if it is in another file.")
@click.option("--password-file", type=_PATH, metavar="FILE", help="Password (- is stdin; or set MTLS_PASSWORD).")
@click.option("--ca", multiple=True, type=_PATH, metavar="FILE", help="File of SSLCACertificateFile (repeatable).")
@click.option("--crl", multiple=True, type=_PATH, metavar="FILE", help="File of SSLCARevocationFile (repeatable).")
@click.option("--revocation", type=_MODES, help="SSLCARevocationCheck; by default chain if there is a --crl.")
@click.option("--depth", type=click.IntRange(0, 100), default=1, show_default=True, help="SSLVerifyDepth.")
@click.option("--server-version", metavar="TEXT", help="As in its header: Apache/2.4.62 (Debian) OpenSSL/3.0.15")
@report_option("json", "Write the result as JSON")
@click.pass_context
def explain(
    context: click.Context,
    error: str | None,
    client: Path | None,
    key: Path | None,
    password_file: Path | None,
    ca: tuple[Path, ...],
    crl: tuple[Path, ...],
    revocation: str | None,
    depth: int,
    server_version: str | None,
    json_file: Path | None,
) -> None:
    """Explain why a client is refused, by its files or by an error message: no server, no Docker.

    Exit codes: 0 admitted; 1 refused, and explained; 2 wrong command line or file; 3 not recognised.
    """
    with no_traceback():
        if error is not None:
            _only_a_message(context)
            sys.exit(explain_message(error, json_file))
        if client is None or not ca:
            raise click.UsageError("Give --client FILE and --ca FILE, or --error TEXT.")
        version = _version(server_version)
        authorities = tuple(one for file in ca for one in _contents(file, "certificate"))
        crls = tuple(one for file in crl for one in _contents(file, "CRL"))
        mode = Revocation(revocation) if revocation else Revocation.CHAIN if crl else Revocation.NONE
        trust = Trust(authorities, crls, depth, mode, level=version.level, sha1=version.sha1_bits)
        found = explain_client(client_of(client, key, password_file), trust, version, datetime.now(UTC))
    if json_file != STDOUT:
        _show(found)
    if json_file:
        write(json_file, json.dumps(_data(found), indent=2, ensure_ascii=False) + "\n")
    sys.exit(_EXIT[found.admitted])


def _only_a_message(context: click.Context) -> None:
    options = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if others := [f"--{name.replace('_', '-')}" for name in options if name not in {"error", "json_file"}]:
        raise click.UsageError(f"--error explains a message alone. Remove {', '.join(others)}.")


def _version(text: str | None) -> ServerVersion:
    try:
        return ServerVersion.parse(text) if text else ServerVersion()
    except ValueError as error:
        raise click.UsageError(f"--server-version: {error}") from None


def _contents(file: Path, kind: str) -> tuple[Any, ...]:
    found = read(load(file), str(file))
    if found.form is Form.PKCS12:
        raise PkiError(f"{file} is a .pfx, not the server's file of authorities.")
    if found.problems:
        raise PkiError(f"{found.problems[0].where}: {found.problems[0].value.text}")
    entries = found.crls if kind == "CRL" else found.certificates
    if not entries:
        raise PkiError(f"{file} holds no {kind}.")
    return entries


def _show(found: Explanation) -> None:
    for sentence in filter(None, found.sentences()):
        click.echo(sentence)
    click.echo("\nChain:")
    for name in found.chain:
        click.echo(f"  {name}")
    click.echo("\nConditions, in the order in which OpenSSL looks at them:")
    for one in found.conditions:
        where = f"  [{one.where}]" if one.where else ""
        decided = "   <- decides" if one is found.deciding else ""
        click.echo(f"  {_MARKS[one.met]} {one.text}{where}{decided}")
    click.echo("\nNotes:")
    for note in found.notes:
        click.echo(f"  {note}")


def _data(found: Explanation) -> dict[str, Any]:
    what, why, remedy = found.sentences()
    ends = found.ends
    return {
        "version": 1,
        "client": called(found.credential.certificate.value),
        "admitted": found.admitted,
        "until": ends.until.isoformat() if found.admitted and ends and ends.until else None,
        "what": what,
        "why": why,
        "remedy": remedy,
        "chain": [*found.chain],
        "conditions": [_condition(one) for one in found.conditions],
        "decided_by": _condition(found.deciding) if found.deciding else None,
        "notes": [*found.notes],
    }


def _condition(one: Condition) -> dict[str, Any]:
    return vars(one) | {"until": one.until.isoformat() if one.until else None}
