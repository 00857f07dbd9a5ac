"""`mtls-harness check`: real certificates, CRLs and configurations, as files."""

import json
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from harness.check.files import Checked, admitted_until
from harness.check.files import check as check_files
from harness.check.meaning import FILES
from harness.cli.client_file import client_of
from harness.cli.ending import EXIT, no_traceback
from harness.cli.output import report_option
from harness.cli.terminal import console_for
from harness.pki.examination import Fact
from harness.pki.profile import called
from harness.report.file import STDOUT, write

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_VERDICTS = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold magenta"}


@click.command()
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILES...")
@click.option("--client", type=_PATH, metavar="FILE", help="Would this client be admitted? PEM, DER or .pfx.")
@click.option(
    "--pki",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder with the files that CONFIG refers to.",
)
@click.option(
    "--password-file", type=_PATH, metavar="FILE", help="File with the password of --client (or set MTLS_PASSWORD)."
)
@report_option("json", "Write the result as JSON")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--no-color", is_flag=True, help="No colours; also with NO_COLOR, CI=true or a pipe.")
def check(
    files: tuple[Path, ...],
    client: Path | None,
    pki: Path | None,
    password_file: Path | None,
    json_file: Path | None,
    strict: bool,
    no_color: bool,
) -> None:
    """Examine real certificates, CRLs and configurations, without Docker.

    FILES are certificates, bundles and CRLs (PEM or DER), folders of them, and configurations as for verify. Of a
    configuration, all files that it refers to are examined. No private key of a server is read.

    Exit codes: 0 no error; 1 an error, or the client is refused; 2 wrong command line or file; 3 nothing was examined.
    """
    with no_traceback():
        shown = client_of(client, None, password_file) if client else None
        found = check_files(files, shown, pki, datetime.now(UTC))
    strictly = strict and found.verdict == "pass" and any(one.level == "warning" for one in found.facts)
    verdict = "fail" if strictly else found.verdict
    console = console_for(no_color=no_color, aside=json_file == STDOUT)
    _show(found, verdict, called(shown.certificate.value) if shown else "", console)
    if json_file:
        write(json_file, json.dumps(_data(found, verdict), indent=2, ensure_ascii=False) + "\n")
    sys.exit(EXIT[verdict])


def _show(found: Checked, verdict: str, client: str, console: Console) -> None:
    for finding in found.facts:
        place = f"{finding.file}:{finding.line}"
        console.print(f"[{_STYLES[finding.level]}]{finding.level}[/] {escape(place)}", soft_wrap=True)
        for text in filter(None, (finding.message, finding.remedy)):
            console.print(escape(_indented(text, console.width)))
    for one in found.admissions:
        where = f" at {one.where}" if one.where else ""
        if undecided := one.judgement.undecided:
            line = f"Not decided whether `{client}` is accepted{where}: {undecided.text}"
        else:
            line = f"`{client}` is accepted in the handshake{where}{admitted_until(one.judgement)}."
        if one.judgement.refused_by is None:
            console.print(escape(line), soft_wrap=True)
    if any(one.judgement.refused_by is None for one in found.admissions):
        console.print("Rules (Require) are not examined here: `mtls-harness verify --client-like FILE`.")
    console.print(f"[{_VERDICTS[verdict]}]{verdict.upper()}[/]: {_summary(found)}", soft_wrap=True)


def _indented(text: str, width: int) -> str:
    lines = textwrap.wrap(text, max(width - 2, 20), break_on_hyphens=False, break_long_words=False)
    return textwrap.indent("\n".join(lines), "  ")


def _summary(found: Checked) -> str:
    if not found.certificates and not found.crls:
        return "nothing was examined: no file with a certificate or a CRL is here."
    count = Counter(str(one.level) for one in found.facts)
    levels = [_counted(count[level], level) for level in _STYLES if count[level]]
    examined = f"{_counted(len(found.certificates), 'certificate')} and {_counted(len(found.crls), 'CRL')} examined"
    return f"{', '.join(levels) or 'no findings'}. {examined}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _data(found: Checked, verdict: str) -> dict[str, Any]:
    return {
        "version": 1,
        "verdict": verdict,
        "examined": {"certificates": len(found.certificates), "crls": len(found.crls)},
        "findings": [_finding(one) for one in found.facts],
        "admissions": [
            {
                "where": one.where or None,
                "admitted": False if one.judgement.refused_by else None if one.judgement.undecided else True,
                "until": ends.until.isoformat() if (ends := one.judgement.ends) and ends.until else None,
            }
            for one in found.admissions
        ],
    }


def _finding(fact: Fact) -> dict[str, Any]:
    """Return a fact in the shape of a finding of `verify`."""
    return vars(fact) | {"id": f"files.{fact.id}", "site": "", "cases": [], "why": FILES[fact.id]}
