"""What does `mtls-harness verify` do with its options?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.ending import EXIT
from harness.cli.expression import matcher
from harness.cli.terminal import console_for, progress_on
from harness.httpd.supplied import Supplied
from harness.outcome import TLS_VERSIONS, Tls
from harness.pki.template import client_like
from harness.report import FORMATS
from harness.report import baseline as known_findings
from harness.report import record as recording
from harness.report.file import STDOUT, write
from harness.report.terminal import Detail, show
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
    files: dict[str, Path],
    like: Path | None,
    pki: Path | None,
    baseline: Path | None,
    record: Path | None,
    server: "Running | None",
    supplied: Supplied,
    strict: bool,
    offline: bool,
    keep: bool,
    no_color: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Verify, print the result, and write the reports; returns the exit code."""
    # A report on standard output must not be mixed with the findings.
    console = console_for(no_color=no_color, aside=STDOUT in files.values())
    known = known_findings.read(baseline) if baseline else frozenset()
    with progress_on(console, silent=quiet) as progress:
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
            model = client_like(like) if like else ()
            own: dict[str, Any] = {"of_image": image, "urls": urls, "seed": seed, "keep": keep}
            own |= {"like": model, "pki": pki}
            target = _target(config, compose_file, service, supplied)
            found = verify(target, **own, offline=offline, **common)
    found, further = recording.compared(found, record) if record else (found, [])
    if baseline:
        found = known_findings.without_known(found, known, baseline)
    for name, file in files.items():
        write(file, FORMATS[name](found, strict))
    detail = Detail.SUMMARY if quiet else Detail.EVERYTHING if verbose else Detail.FINDINGS
    show(found, console, strict=strict, detail=detail, further=further)
    return EXIT[found.verdict(strict=strict)]


def _target(config: Path | None, compose_file: Path | None, service: str | None, supplied: Supplied) -> Target:
    if compose_file:
        return Target.from_compose(compose_file, service, str(config) if config else None, supplied)
    return Target.from_path(config, supplied) if config else REFERENCE
