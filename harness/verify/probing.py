"""How are probes sent to an httpd in a container, and how is its log read?"""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cryptography import x509

from harness.engine import ServerError
from harness.engine.server import Httpd
from harness.httpd.log import Log, LogReader
from harness.outcome import Observation, Outcome
from harness.probe import Endpoint, probe, probe_without_tls
from harness.verify.plan import PlannedProbe
from harness.verify.progress import Progress, quiet

_LOGGED_S = 1
_START = 120
"""Seconds that httpd may take until it answers the control."""


@dataclass(frozen=True)
class Prober:
    """Sends probes to an httpd that runs in a container. `servers` are the certificates that only this httpd has."""

    httpd: Httpd
    servers: frozenset[x509.Certificate]
    jobs: int

    def wait(self, probes: Sequence[PlannedProbe]) -> dict[str, Observation]:
        """Repeat the first probe until the server answers, then send all of them.

        Raises:
            ServerError: httpd stopped, or does not answer within _START seconds.
        """
        deadline = time.monotonic() + _START
        while self._observe(probes[0]).outcome is Outcome.NO_ANSWER:
            if (ended := self.httpd.state()) or time.monotonic() > deadline:
                ended = ended or f"httpd did not answer within {_START} s"
                raise ServerError(f"{ended}. Its last words:\n{self.httpd.last_words()}")
            time.sleep(0.01)
        return self.probe(probes)

    def probe(self, probes: Sequence[PlannedProbe], progress: Progress = quiet) -> dict[str, Observation]:
        """Send all these probes in parallel; returns each one's observation by its id."""
        return in_parallel(self._observe, probes, self.jobs, progress)

    def _observe(self, planned: PlannedProbe) -> Observation:
        site = planned.site
        servers = self.servers if site.tls else frozenset()
        # For a folder's index, mod_dir asks the guard once more, with GET: a second check that other pages do not have.
        path = site.page if site.tls and not site.guard.in_handshake else site.path
        endpoint = Endpoint(("127.0.0.1", self.httpd.ports[site.listener]), site.name, site.port, path, servers)
        return (
            probe(endpoint, planned.client, planned.tls, planned.probe_id)
            if site.tls
            else probe_without_tls(endpoint, planned.client, planned.probe_id)
        )


@dataclass
class RunLog:
    """The log of an httpd that runs in a container, read once from its beginning to its end."""

    httpd: Httpd
    _reader: LogReader = field(default_factory=LogReader)
    _lines: int = 0

    def until(self, observed: Mapping[str, Observation]) -> Log:
        """Return the log, once it has each answered request, or after _LOGGED_S seconds: httpd logs a request after its
        answer."""
        answered = {probe_id for probe_id, seen in observed.items() if seen.status is not None}
        deadline = time.monotonic() + _LOGGED_S
        while True:
            self._take(self.httpd.logged())
            if answered <= self._reader.requests.keys() or time.monotonic() > deadline:
                return self._reader.log()
            time.sleep(0.05)

    def whole(self, *, keep: bool) -> Log:
        """Stop the server, unless `keep` is set; returns the whole log."""
        self._take(self.httpd.finish(keep=keep))
        return self._reader.log()

    def _take(self, lines: Iterable[str]) -> None:
        for line in itertools.islice(lines, self._lines, None):
            self._reader.add(line)
            self._lines += 1


def in_parallel(
    observe: Callable[[PlannedProbe], Observation], probes: Sequence[PlannedProbe], jobs: int, progress: Progress
) -> dict[str, Observation]:
    """Observe every probe, `jobs` at a time; returns the observations by the probes' ids."""
    observed = {}
    with ThreadPoolExecutor(max_workers=jobs) as workers:
        for planned, observation in zip(probes, workers.map(observe, probes), strict=True):
            observed[planned.probe_id] = observation
            progress("probes", len(observed), len(probes))
    return observed
