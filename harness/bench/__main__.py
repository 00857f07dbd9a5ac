"""`python -m harness.bench`: measure everything, side by side."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from harness.bench import certificates, probes, processes, servers, sites, verdict
from harness.bench.rig import CORES, material
from harness.bench.row import Row
from harness.engine import ServerError, sweep
from harness.httpd.layout import ConfigurationError

VERSION = 1
_SITES = (1, 10, 100, 1000)


@click.command()
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), default="build/bench.json",
              show_default=True, help="File of the measurements.")  # fmt: skip
@click.option("--seconds", type=click.IntRange(1), default=5, show_default=True, envvar="MTLS_BENCH_SECONDS",
              help="Rounds of a second each; with fewer than 5, everything is shorter.")  # fmt: skip
def bench(json_file: Path, seconds: int) -> None:
    """Measure probes, handshakes, certificates, verdicts and many sites, next to comparable tools.

    Exit codes: 0 measured, also if a goal is not met; 3 not measured.
    """
    console = Console(highlight=False)
    start = time.perf_counter()
    try:
        sections: dict[str, list[Row]] = {}
        for section, found in _sections(seconds):
            with console.status(section):
                sections[section] = list(found)
    except (ServerError, ConfigurationError) as error:
        click.echo(f"Not measured. {error}", err=True)
        sys.exit(3)
    console.print(_table(sections))
    taken = time.perf_counter() - start
    data = {"version": VERSION, "machine": _machine(), "taken_s": round(taken, 1),
            "rows": [{"section": section, **row.as_data()}
                     for section, rows in sections.items() for row in rows]}  # fmt: skip
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_text(json.dumps(data, indent=2) + "\n")
    console.print(f"Measured in {taken:.0f} s on {CORES} cores. {json_file} has all values.", style="dim")


def _sections(seconds: int) -> Iterator[tuple[str, Iterator[Row]]]:
    sweep()
    shared, whole = material(), seconds >= 5
    yield "P-256 certificates", certificates.rows(200 if whole else 20)
    yield "verify, to its verdict", verdict.rows(5 if whole else 1)
    yield "probes", probes.rows(shared, seconds)
    yield "mutual TLS handshakes", servers.rows(shared, seconds)
    yield "sites, three cases each", sites.rows(_SITES if whole else _SITES[:3])
    yield "whole commands", processes.rows(5 if whole else 1)


def _table(sections: dict[str, list[Row]]) -> Table:
    table = Table("", "ours", "next to", "theirs", "ratio", "goal", box=None, pad_edge=False)
    for column in (1, 3, 4):
        table.columns[column].justify = "right"
    for section, rows in sections.items():
        table.add_row(f"[bold]{section}[/]")
        for row in rows:
            table.add_row(*_line(row))
    return table


def _line(row: Row) -> tuple[str, ...]:
    met = {True: "[green]met[/]", False: "[bold red]not met[/]", None: ""}[row.met]
    theirs = f"{_short(row.rival_value)} {row.unit}" if row.rival_value else ""
    ratio = f"{row.ratio:.2f}" if row.ratio else ""
    return f"  {row.what}", f"{_short(row.value)} {row.unit}", row.rival, theirs, ratio, f"{row.goal} {met}".strip()


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _machine() -> dict[str, Any]:
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False).stdout.strip()
    return {"cores": CORES, "python": platform.python_version(), "system": platform.platform(), "openssl": openssl,
            "load_average": os.getloadavg()[0]}  # fmt: skip


if __name__ == "__main__":
    bench()
