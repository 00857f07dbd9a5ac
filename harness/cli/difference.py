"""How does a comparison look on the terminal?"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from harness.outcome import TLS_VERSIONS
from harness.verify.diff import Access, Comparison

_CLOSING = {
    "pass": "[bold green]PASS[/]: no new client is admitted, and no valid client is newly refused.",
    "fail": "[bold red]FAIL[/]: different clients are admitted.",
    "inconclusive": "[bold magenta]INCONCLUSIVE[/]: some clients have no clear outcome.",
}


def show(found: Comparison, console: Console) -> None:
    """Print what differs, then the verdict."""
    for title, urls in (("Only in OLD:", found.only_old), ("Only in NEW:", found.only_new)):
        if urls:
            console.print(f"[bold]{title}[/] {escape(', '.join(urls))}", soft_wrap=True)
    parts = (
        ("red", "Newly admitted:", found.newly),
        ("yellow", "No longer admitted:", found.no_longer),
        ("magenta", "No clear outcome:", found.unknown),
    )
    for colour, title, visits in parts:
        if visits:
            console.print(f"[bold {colour}]{title}[/]")
        for url, clients in _places(visits):
            console.print(f"  {escape(url)}", soft_wrap=True)
            console.print(Padding(escape(", ".join(clients)), (0, 0, 0, 4)))
    console.print(_CLOSING[found.verdict()])


def _places(visits: Iterable[Access]) -> Iterator[tuple[str, list[str]]]:
    """Yield each place with its clients, and the version of TLS where it is only one."""
    for url, here in groupby(visits, key=lambda one: one.url):
        clients = []
        for (case, whose), group in groupby(here, key=lambda one: (one.case, one.whose)):
            versions = tuple(visit.tls for visit in group)
            over = "" if versions == TLS_VERSIONS else f" over TLS {versions[0]}"
            clients.append(f"{case}{f' {whose}' if whose else ''}{over}")
        yield url, clients
