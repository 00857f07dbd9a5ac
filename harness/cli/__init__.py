"""The command line."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from harness import verify as verification
from harness.cases import Case, catalogue
from harness.cli import record as recording
from harness.cli import running
from harness.cli.compare import show as show_comparison
from harness.cli.demo import demo
from harness.cli.ending import EXIT, no_traceback
from harness.cli.expression import matcher
from harness.cli.pki import pki
from harness.outcome import TLS_VERSIONS, Reason, Tls
from harness.pki.template import client_like
from harness.report import FORMATS
from harness.report.table import show
from harness.verify.diff import compare as compare_configurations
from harness.verify.live import verify_running
from harness.verify.policy import read as read_policy

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_REPORT = click.File("w", encoding="utf-8", lazy=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mtls-harness")
def main() -> None:
    """Prove which clients an Apache httpd with mutual TLS admits, and which it refuses.

    Exit codes: 0 pass; 1 fail; 2 wrong command line, policy or configuration; 3 no verdict.
    """


main.add_command(demo)
main.add_command(pki)


@main.command()
@click.argument("config", required=False, type=click.Path(path_type=Path), metavar="[CONFIG]")
@click.option("--image", help="Run httpd from this image instead of the project's own.")
@click.option("--policy", type=_FILE, metavar="FILE.toml", help="Requirements beyond CONFIG's own (docs/policy.md).")
@click.option(
    "--compose",
    "compose_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Verify a service of this Compose file.",
)
@click.option("--service", metavar="NAME", help="Service name, if the file has several.")
@click.option("--site", "urls", multiple=True, metavar="URL", help="Only this site (repeatable).")
@running.options
@click.option(
    "-k", "expression", default="", metavar="EXPRESSION", help="Only cases whose id matches, like pytest's -k."
)
@click.option("--tls", type=click.Choice(TLS_VERSIONS), help="Only this protocol version.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Number of parallel probes.")
@click.option("--seed", type=int, metavar="N", help="Shuffle the probes; the same number gives the same order.")
@click.option("--json", "json_file", type=_REPORT, help="Write the report as JSON (- is stdout).")
@click.option("--junit", "junit_file", type=_REPORT, help="Write the report as JUnit XML (- is stdout).")
@click.option("--sarif", "sarif_file", type=_REPORT, help="Write the findings as SARIF 2.1.0 (- is stdout).")
@click.option("--html", "html_file", type=_REPORT, help="Write the report as one HTML page (- is stdout).")
@click.option(
    "--client-like",
    "like",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Use this certificate (PEM or DER, no key) as the model of the valid client.",
)
@recording.option
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--keep", is_flag=True, help="Keep the container; `make clean` removes it.")
@click.option("--no-color", is_flag=True, help="No colours; also with NO_COLOR, CI=true or a pipe.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def verify(
    config: Path | None,
    image: str | None,
    policy: Path | None,
    compose_file: Path | None,
    service: str | None,
    urls: tuple[str, ...],
    expression: str,
    tls: Tls | None,
    jobs: int,
    seed: int | None,
    json_file: TextIO | None,
    junit_file: TextIO | None,
    sarif_file: TextIO | None,
    html_file: TextIO | None,
    like: Path | None,
    record: Path | None,
    server: running.Running | None,
    strict: bool,
    keep: bool,
    no_color: bool,
    quiet: bool,
) -> None:
    """Prove which clients CONFIG admits, and which it refuses. Without CONFIG: the reference deployment.

    CONFIG is a snippet, a whole httpd.conf, or a folder laid out like Debian's /etc/apache2, Red Hat's /etc/httpd or
    upstream's /usr/local/apache2/conf. It is copied and never changed. Private keys are not read.

    With --compose, CONFIG is a path inside the container. It is only needed where httpd's command line does not name
    it. The configuration is read from the image and from the mounts; the service is not started.
    """
    if compose_file and image:
        raise click.UsageError("--compose names the image: leave --image out.")
    if service and not compose_file:
        raise click.UsageError("--service needs the Compose file: add --compose FILE.")
    asked = {"json": json_file, "junit": junit_file, "sarif": sarif_file, "html": html_file}
    files = {name: file for name, file in asked.items() if file}
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("CI") == "true"
    # A report on standard output must not be mixed with the table.
    aside = any(file.name == "<stdout>" for file in files.values())
    console = Console(no_color=plain, highlight=False, quiet=quiet, stderr=aside)
    with no_traceback(), _progress(console, silent=plain or quiet) as progress:
        common: dict[str, Any] = {
            "policy": read_policy(policy) if policy else verification.NO_POLICY,
            "only": matcher(expression),
            "versions": (tls,) if tls else TLS_VERSIONS,
            "jobs": jobs,
            "progress": progress,
        }
        if server:
            run = verify_running(server.places, server.lent, **common)
        else:
            known = client_like(like) if like else ()
            target = _subject(config, compose_file, service)
            own: dict[str, Any] = {"of_image": image, "urls": urls, "seed": seed, "keep": keep, "like": known}
            run = verification.verify(target, **own, **common)
    show(run, console, strict=strict)
    for name, file in files.items():
        file.write(FORMATS[name](run, strict))
    kept = record is None or recording.keeps(run, record, console)
    sys.exit(EXIT[run.verdict(strict=strict)] or int(not kept))


@main.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--image", help="Run httpd from this image instead of the project's own.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Number of parallel probes.")
@click.option("--no-color", is_flag=True, help="No colours; also with NO_COLOR, CI=true or a pipe.")
def compare(old: Path, new: Path, image: str | None, jobs: int, no_color: bool) -> None:
    """Show which clients NEW admits that OLD refuses, and which it no longer admits.

    Exit codes: 0 no new client is admitted, and no valid one is newly refused; 1 otherwise; 2 and 3 as for verify.
    """
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("CI") == "true"
    console = Console(no_color=plain, highlight=False)
    subjects = (verification.Target.from_path(old), verification.Target.from_path(new))
    with no_traceback(), _progress(console, silent=plain) as progress:
        found = compare_configurations(*subjects, of_image=image, jobs=jobs, progress=progress)
    show_comparison(found, console)
    sys.exit(EXIT[found.verdict()])


def _subject(config: Path | None, compose_file: Path | None, service: str | None) -> verification.Target:
    if compose_file:
        return verification.Target.from_compose(compose_file, service, str(config) if config else None)
    return verification.Target.from_path(config) if config else verification.REFERENCE


@main.command()
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
        raise click.UsageError(f"No case has the id {case_id!r}. `mtls-harness cases` lists all cases.")


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


@contextlib.contextmanager
def _progress(console: Console, *, silent: bool) -> Iterator[verification.Progress]:
    columns = (TextColumn("{task.description:<14}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    silent = silent or not console.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=silent) as bar:
        task = bar.add_task("", total=None)
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)
