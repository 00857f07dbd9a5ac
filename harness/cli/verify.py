"""`mtls-harness verify`: its options, and a container that starts while the rest of the program is imported."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import record, running, supplied
from harness.cli.output import check_distinct, report_option
from harness.httpd.supplied import Supplied
from harness.outcome import TLS_VERSIONS

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_REPORTS = ("json", "junit", "sarif", "html")


def _config(_context: click.Context, _parameter: click.Parameter, name: str | None) -> Path | None:
    """Take the name of a configuration. An empty one would be the working directory: it is an unset variable."""
    if name == "":
        raise click.BadParameter("the name is empty. Is a variable not set?")
    return Path(name) if name is not None else None


@click.command()
@click.argument("config", required=False, type=click.Path(allow_dash=True), callback=_config, metavar="[CONFIG]")
@click.option("--reference", is_flag=True, help="Verify the reference deployment instead of CONFIG.")
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
@supplied.options
@click.option(
    "-k", "expression", default="", metavar="EXPRESSION", help="Only cases whose id matches, like pytest's -k."
)
@click.option("--tls", type=click.Choice(TLS_VERSIONS), help="Only this protocol version.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Number of parallel probes.")
@click.option("--seed", type=int, metavar="N", help="Shuffle the probes; the same number gives the same order.")
@report_option("json", "Write the report as JSON")
@report_option("junit", "Write the report as JUnit XML")
@report_option("sarif", "Write the findings as SARIF 2.1.0")
@report_option("html", "Write the report as one HTML page")
@click.option(
    "--client-like",
    "like",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Use this certificate (PEM or DER, no key) as the model of the valid client.",
)
@click.option("--pki", type=_FOLDER, metavar="DIR", help="Examine the real files in this folder as well.")
@click.option(
    "--baseline", type=_FILE, metavar="FILE", help="Accept the warnings and notes of this earlier --json report."
)
@record.option
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--offline", is_flag=True, help="Install no packages for modules that httpd lacks.")
@click.option("--keep", is_flag=True, help="Keep the container; `make clean` removes it.")
@click.option("--no-color", is_flag=True, help="No colours; also with NO_COLOR, CI=true or a pipe.")
@click.option("-q", "--quiet", is_flag=True, help="Print one line: the summary.")
@click.option("-v", "--verbose", is_flag=True, help="Print the result of every probe as well.")
def verify(**options: Any) -> None:
    """Prove which clients CONFIG admits, and which it refuses.

    CONFIG is a snippet, a whole httpd.conf, or a folder laid out like Debian's /etc/apache2, Red Hat's /etc/httpd or
    upstream's /usr/local/apache2/conf; - is standard input. It is copied and never changed. Private keys are not read.

    With --compose, CONFIG is a path inside the container. It is only needed where httpd's command line does not name
    it. The configuration is read from the image and from the mounts; the service is not started.
    """
    files = {name: file for name in _REPORTS if (file := options.pop(f"{name}_file"))}
    _check(options, files)
    if not (options["compose_file"] or options["server"] or options["keep"]):
        _begin(options["config"], options["image"], options["supplied"])
    from harness.cli.verification import run  # Half of the time that the container takes to start.

    sys.exit(run(files=files, **options))


def _check(options: dict[str, Any], files: dict[str, Path]) -> None:
    """Refuse options that do not go together.

    Raises:
        click.UsageError: what would be verified is not named, or named twice.
    """
    reference = options.pop("reference")
    if reference and options["config"]:
        raise click.UsageError("--reference is the reference deployment: leave out CONFIG.")
    if reference and (options["compose_file"] or options["server"]):
        raise click.UsageError("--reference is the reference deployment: leave out --compose and --url.")
    if not (options["config"] or reference or options["compose_file"] or options["server"]):
        raise click.UsageError("Nothing to verify: name a CONFIG, or --reference for the reference deployment.")
    if options["compose_file"] and options["image"]:
        raise click.UsageError("--compose names the image: leave --image out.")
    if options["service"] and not options["compose_file"]:
        raise click.UsageError("--service needs the Compose file: add --compose FILE.")
    if options["quiet"] and options["verbose"]:
        raise click.UsageError("-q and -v exclude each other.")
    check_distinct(files)


def _begin(config: Path | None, image: str | None, supplied: Supplied) -> None:
    if config and not (config.is_file() or config.is_dir()):
        return  # Standard input and pipes can be read only once.
    from harness.engine import ServerError, ahead, images
    from harness.httpd import layout

    # Errors of either are reported later, by the verification itself.
    with contextlib.suppress(ServerError, layout.ConfigurationError, OSError):
        if tag := images.at_hand(image):
            ahead.begin(tag, supplied.applied_to(layout.read(config or images.REFERENCE)))
