"""`mtls-harness demo`: the reference deployment in a real browser."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from harness import demo as shown
from harness.cli.ending import EXIT
from harness.cli.output import report_option
from harness.cli.pki import options
from harness.cli.pki.secret import ask, secret
from harness.cli.terminal import console_for
from harness.demo.browser import Name
from harness.demo.clients import Clients, from_file
from harness.demo.page import CLOSING, render
from harness.demo.scene import SCENES, Scene
from harness.outcome import Verdict
from harness.pki.files import PkiError
from harness.report.file import STDOUT, write


@click.command()
@click.option("--browser", type=click.Choice(["chromium", "firefox"]), default="chromium", show_default=True)
@click.option("--watch", is_flag=True, help="Control the browser yourself, from your own browser; Ctrl-C ends it.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of --watch on 127.0.0.1; 0 (default) is any free port."
)
@click.option("--pfx", type=options.EXISTING, help="Use this certificate instead.")
@click.option(
    "--password-file", type=options.EXISTING, help="File with the password of --pfx (or set MTLS_EXPORT_PASSWORD)."
)
@options.in_folder
@report_option("html", "Write the tour with its pictures as one HTML page")
@click.option("--no-color", is_flag=True, help="No colours; also with NO_COLOR, CI=true or a pipe.")
def demo(
    browser: Name,
    watch: bool,
    port: int | None,
    pfx: Path | None,
    password_file: Path | None,
    folder: Path,
    html_file: Path | None,
    no_color: bool,
) -> None:
    """Visit the reference deployment with a real browser, and show which clients are admitted.

    With --pfx, the browser uses that certificate, and the site trusts the authority in --dir.
    """
    if port is not None and not watch:
        raise click.UsageError("--port is the port of --watch: use both.")
    console = console_for(no_color=no_color, aside=html_file == STDOUT)
    clients = _own(pfx, password_file, folder) if pfx else None
    if watch:
        _watch(console, browser, port or 0, clients)
        return
    scenes = shown.own_certificate(pfx.stem) if pfx else SCENES
    console.print("Preparing the tour. The first time takes a minute or two.", style="dim")
    tour = shown.tour(browser, _narrator(console), clients=clients, scenes=scenes)
    console.print()
    for number, visit in enumerate(tour.visits, 1):
        good = visit.verdict is Verdict.AS_EXPECTED
        console.print(f"{'✓' if good else '✗'} {number}. {visit.scene.title}", style="green" if good else "bold red")
    console.print(f"{tour.verdict.upper()}: {CLOSING[tour.verdict]} {tour.seconds:.1f} s.", style="bold")
    if html_file:
        write(html_file, render(tour))
    sys.exit(EXIT[tour.verdict])


def _own(pfx: Path, password_file: Path | None, folder: Path) -> Clients:
    password = secret(password_file, "MTLS_EXPORT_PASSWORD")
    if password is None and sys.stdin.isatty():
        password = ask(f"Password of {pfx}")
    if password is None:
        raise PkiError(f"No terminal to ask for the password of {pfx}: use --password-file or MTLS_EXPORT_PASSWORD.")
    return from_file(pfx, password, folder)


def _watch(console: Console, browser: Name, port: int, clients: Clients | None) -> None:
    try:
        shown.watch(browser, lambda words: console.print(escape(words), soft_wrap=True), port=port, clients=clients)
    except KeyboardInterrupt:
        console.print("Ended. All containers are removed.")


def _narrator(console: Console) -> shown.Narrator:
    def begin(number: int, scene: Scene) -> shown.Tell:
        console.print(f"\n{number}. {scene.title}", style="bold")
        console.print(Padding(scene.about, (0, 0, 0, 3)))
        return lambda words: console.print(Padding(f"· {escape(words)}", (0, 0, 0, 3)), style="cyan")

    return begin
