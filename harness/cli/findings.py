"""`mtls-harness findings`: what a finding means."""

import click

from harness.cli.cases import suggestion
from harness.report.help import explanation
from harness.verify.finding_kind import kinds


@click.command()
@click.argument("finding", required=False, metavar="[ID]")
def findings(finding: str | None) -> None:
    """List the kinds of finding, or explain one in full."""
    known = kinds()
    if finding is None:
        width = max(map(len, known))
        for id_, kind in known.items():
            click.echo(f"{id_:<{width}}  {kind.what}")
    elif finding in known:
        click.echo(f"{finding}\n\n{explanation(finding)}")
    else:
        raise click.UsageError(f"No finding has the id {finding!r}.{suggestion(finding, known, 'findings')}")
