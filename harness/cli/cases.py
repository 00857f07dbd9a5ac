"""`mtls-harness cases`: the catalogue."""

import difflib
from collections.abc import Iterable

import click

from harness.cases import Case, catalogue
from harness.outcome import Reason


@click.command()
@click.argument("case_id", required=False, metavar="[ID]")
def cases(case_id: str | None) -> None:
    """List the catalogue, or show one case in full."""
    known = {case.id: case for case in catalogue()}
    if case_id is None:
        width = max(map(len, known))
        for case in known.values():
            click.echo(f"{case.id:<{width}}  {case.expected!s:<8}  {case.summary}")
    elif case_id in known:
        click.echo(_in_full(known[case_id]))
    else:
        raise click.UsageError(f"No case has the id {case_id!r}.{suggestion(case_id, known, 'cases')}")


def suggestion(name: str, known: Iterable[str], command: str) -> str:
    """Suggest a similar name; else the command that lists all."""
    near = difflib.get_close_matches(name, [*known], 1)
    return f" Did you mean `{near[0]}`?" if near else f" `mtls-harness {command}` lists all {command}."


def _in_full(case: Case) -> str:
    expected = case.expected
    lines = [case.id, "", case.text, "", f"Expected: {expected}"]
    if expected.alerts:
        lines += [f"Alert over TLS {tls}: {expected.alerts[tls]}" for tls in case.tls]
        reason = expected.reason
        number = f", X509_V_ERR {reason.x509_error}" if reason.x509_error is not None else ""
        lines += [f"httpd's reason: {reason.ah or reason.text}{number}"] if reason != Reason() else []
    lines += [f"Directive: {case.directive}", f"TLS: {', '.join(case.tls)}", f"Source: {case.source}"]
    return "\n".join(lines)
