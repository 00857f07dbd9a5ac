"""How is a configuration proved: read, planned, issued for, run, probed and judged?"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from harness.cases import Case
from harness.outcome import TLS_VERSIONS, Observation, Outcome, Tls, Verdict
from harness.pki.run import Pki
from harness.probe import Door, probe
from harness.server import ServerError, image, sweep
from harness.server.configuration import Site, effective, sites
from harness.server.httpd import Httpd, running, stage
from harness.server.images import ROOT, given
from harness.server.log import read
from harness.verify.findings import Finding, findings
from harness.verify.judgement import Result, weigh
from harness.verify.plan import Knock, controls, plan

PKI_FILES = ("pki/server.crt", "pki/server.key", "pki/ca.crt", "pki/crl.pem")
"""What the configuration expects of its PKI, below httpd's home."""
_START = 15
"""Seconds that httpd may take until it answers the control."""

Progress = Callable[[str, int, int], None]
"""Called with the step that is under way, how much of it is done and how much there is."""


def quiet(_step: str, _done: int, _total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Subject:
    """What is proved: a folder with a configuration, what to call it, and how deep a chain it promises to accept."""

    configuration: Path
    name: str
    depth: int

    def files(self) -> dict[str, bytes]:
        """The configuration as it goes into the container."""
        found = sorted(path for path in self.configuration.rglob("*") if path.is_file())
        return {f"conf/{path.relative_to(self.configuration)}": path.read_bytes() for path in found}


REFERENCE = Subject(ROOT / "images" / "httpd" / "conf", "images/httpd/conf", depth=3)
"""The reference deployment: what `compose.yaml` runs. It promises the whole catalogue."""


@dataclass(frozen=True)
class Run:
    """A finished run. `trouble` says why nothing can be concluded, None where all is well; `timing_s` is in seconds."""

    subject: Subject
    image: str
    versions: Mapping[str, str]
    sites: tuple[Site, ...]
    results: tuple[Result, ...]
    findings: tuple[Finding, ...]
    trouble: str | None
    timing_s: Mapping[str, float]

    def verdict(self, *, strict: bool = False) -> str:
        """`pass`, `fail` or `inconclusive`; with `strict`, warnings count as errors do.

        What was proved stands even where something else could not be told, unless the run as a whole proves nothing.
        """
        if self.trouble:
            return "inconclusive"
        if any(entry.level == "error" or (strict and entry.level == "warning") for entry in self.findings):
            return "fail"
        if not self.results or any(entry.verdict is Verdict.INCONCLUSIVE for entry in self.results):
            return "inconclusive"
        return "pass"


def verify(
    subject: Subject = REFERENCE,
    *,
    of_image: str | None = None,
    only: Callable[[Case], bool] = lambda _case: True,
    urls: Sequence[str] = (),
    versions: Sequence[Tls] = TLS_VERSIONS,
    jobs: int = 8,
    keep: bool = False,
    progress: Progress = quiet,
) -> Run:
    """Prove a configuration in a container of its own.

    Raises:
        ServerError: no engine, no image, or httpd did not start.
        ConfigurationError: httpd refuses the configuration.
        NothingToDoError: nothing is left after `only`, `urls` and `versions`.
    """
    clock = _Clock()
    pki = Pki(subject.depth)
    progress("images", 0, 1)
    tag = given(of_image) if of_image else image("httpd")
    sweep()
    files = subject.files()
    with stage(tag, keep=keep) as on:
        progress("configuration", 0, 1)
        configuration = effective(on, files | dict.fromkeys(PKI_FILES, b"-"))
        clock.lap("engine")
        progress("certificates", 0, 1)
        places = tuple(site for site in sites(configuration) if not urls or site.url in urls)
        knocks = plan(pki, places, versions, only=only)
        before, after = (controls(pki, places, versions, mark) for mark in ("before", "after"))
        server = pki.server(tuple(site.name for site in places))
        material = (server.certificate_pem(), server.key_pem(), pki.trust_pem(), pki.crl_pem())
        files |= dict(zip(PKI_FILES, material, strict=True))
        clock.lap("pki")
        progress("server", 0, 1)
        with running(on, files, keep=keep) as httpd:
            prober = _Prober(httpd, server.certificate, jobs)
            observed = prober.wait(before)
            clock.lap("engine")
            observed |= prober.probe(knocks, progress)
            observed |= prober.probe(after)
            clock.lap("probes")
            ended = httpd.state()
            text = httpd.finish(keep=keep)
    clock.lap("engine")
    log = read(text)
    results, shut = weigh(knocks, (*before, *after), observed, log)
    trouble = ended or (_shut(shut[0], observed) if shut else None)
    return Run(
        subject=subject,
        image=tag,
        versions=log.versions,
        sites=places,
        results=results,
        findings=findings(results, subject.depth),
        trouble=f"{trouble}\nThe log's last words:\n{_last_words(text)}" if trouble else None,
        timing_s=clock.times(),
    )


@dataclass(frozen=True)
class _Prober:
    """The client's side of a run."""

    httpd: Httpd
    certificate: x509.Certificate
    jobs: int

    def wait(self, knocks: Sequence[Knock]) -> dict[str, Observation]:
        """Probe until the server answers at all; raises ServerError when it has died or stays silent."""
        deadline = time.monotonic() + _START
        while self._one(knocks[0]).outcome is Outcome.NO_ANSWER:
            if (ended := self.httpd.state()) or time.monotonic() > deadline:
                ended = ended or f"httpd did not answer within {_START} s"
                raise ServerError(f"{ended}. Its last words:\n{self.httpd.last_words()}")
            time.sleep(0.01)
        return self.probe(knocks)

    def probe(self, knocks: Sequence[Knock], progress: Progress = quiet) -> dict[str, Observation]:
        """Make all these probes in parallel."""
        observed = {}
        with ThreadPoolExecutor(max_workers=self.jobs) as workers:
            for knock, observation in zip(knocks, workers.map(self._one, knocks), strict=True):
                observed[knock.mark] = observation
                progress("probes", len(observed), len(knocks))
        return observed

    def _one(self, knock: Knock) -> Observation:
        site = knock.site
        door = Door(("127.0.0.1", self.httpd.port), site.name, site.port, site.path, self.certificate)
        return probe(door, knock.client, knock.tls, knock.mark)


class _Clock:
    """Adds up how long each part of a run took, in seconds."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._spent: dict[str, float] = {}

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self._spent[part] = self._spent.get(part, 0) + now - self._last
        self._last = now

    def times(self) -> dict[str, float]:
        return {
            name: round(seconds, 3) for name, seconds in [("total", self._last - self._start), *self._spent.items()]
        }


def _shut(control: Knock, observed: Mapping[str, Observation]) -> str:
    seen = observed[control.mark]
    what = seen.alert or seen.error or f"status {seen.status}"
    return (
        f"The control, a client with everything in order, did not get in at {control.site.url} "
        f"over TLS {control.tls} ({seen.outcome}: {what}), so no refusal means anything."
    )


def _last_words(log: str, lines: int = 8) -> str:
    return "\n".join(log.splitlines()[-lines:])
