"""What does `mtls-harness verify` do with its options?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from harness.cli import record as recording
from harness.cli.ending import EXIT
from harness.cli.expression import matcher
from harness.cli.terminal import console_for, progress_on
from harness.httpd.supplied import Supplied
from harness.outcome import TLS_VERSIONS, Tls
from harness.pki.template import client_like
from harness.report import FORMATS
from harness.report.table import show
from harness.verify import NO_POLICY, REFERENCE, Target, verify
from harness.verify.policy import read as read_policy

if TYPE_CHECKING:
    from harness.cli.credentials import Running


def run(
    *,
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
    pki: Path | None,
    record: Path | None,
    server: "Running | None",
    supplied: Supplied,
    strict: bool,
    offline: bool,
    keep: bool,
    no_color: bool,
    quiet: bool,
) -> int:
    """Verify, print the result, and write the reports; returns the exit code."""
    asked = {"json": json_file, "junit": junit_file, "sarif": sarif_file, "html": html_file}
    files = {name: file for name, file in asked.items() if file}
    # A report on standard output must not be mixed with the table.
    console = console_for(
        no_color=no_color, silent=quiet, aside=any(file.name == "<stdout>" for file in files.values())
    )
    with progress_on(console) as progress:
        common: dict[str, Any] = {
            "policy": read_policy(policy) if policy else NO_POLICY,
            "only": matcher(expression),
            "versions": (tls,) if tls else TLS_VERSIONS,
            "jobs": jobs,
            "progress": progress,
        }
        if server:
            from harness.verify.live import verify_running

            found = verify_running(server.places, server.lent, **common)
        else:
            known = client_like(like) if like else ()
            own: dict[str, Any] = {"of_image": image, "urls": urls, "seed": seed, "keep": keep}
            own |= {"like": known, "pki": pki}
            target = _target(config, compose_file, service, supplied)
            found = verify(target, **own, offline=offline, **common)
    show(found, console, strict=strict)
    for name, file in files.items():
        file.write(FORMATS[name](found, strict))
    kept = record is None or recording.keeps(found, record, console)
    return EXIT[found.verdict(strict=strict)] or int(not kept)


def _target(config: Path | None, compose_file: Path | None, service: str | None, supplied: Supplied) -> Target:
    if compose_file:
        return Target.from_compose(compose_file, service, str(config) if config else None, supplied)
    return Target.from_path(config, supplied) if config else REFERENCE
