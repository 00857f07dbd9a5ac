"""How many probes a second does the harness make, next to openssl's own load generator?"""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harness.bench.rig import CORES, NAME, PATH, Material, deployed, loader, s_time
from harness.bench.row import Row, middle, spread
from harness.engine import ServerError
from harness.engine.reference import PORT
from harness.outcome import TLS_VERSIONS, Outcome, Tls
from harness.pki import Identity, PrivateKey
from harness.probe import Client, Endpoint, probe

_JOBS = 8
"""As many probes at the same time as `verify` makes."""
_START = 15


def rows(shared: Material, rounds: int) -> Iterator[Row]:
    """Probe in rounds, a second each: the threads of one process, one process per core, and s_time."""
    spawn = multiprocessing.get_context("spawn")
    with deployed(shared) as port, loader(shared, "host") as load, ProcessPoolExecutor(CORES, spawn) as processes:
        prober = _Prober.from_material(shared, port)
        prober.wait()
        share = max(1, _JOBS // CORES)
        for tls in TLS_VERSIONS:
            threads, per_core, rival = [], [], []
            list(processes.map(prober.rate, [tls] * CORES, [1] * CORES, [0.2] * CORES))  # They have to start, too.
            for _ in range(rounds):
                threads.append(prober.rate(tls, _JOBS, 1))
                per_core.append(sum(processes.map(prober.rate, [tls] * CORES, [share] * CORES, [1] * CORES)))
                rival.append(s_time(load, port, tls, 1, _JOBS))
            for way, ours in ((f"{_JOBS} threads", threads), (f"{CORES} processes", per_core)):
                yield Row(
                    f"TLS {tls}, {way}",
                    middle(ours),
                    "1/s",
                    "s_time",
                    middle(rival),
                    at_least=0.8,
                    detail=f"ours {spread(ours)}, s_time {spread(rival)}",
                )


class _Prober:
    """Sends probes of a good client to the reference deployment; can be pickled for another process."""

    def __init__(self, port: int, server: bytes, certificate: bytes, key: bytes) -> None:
        self._parts = port, server, certificate, key
        self._endpoint = Endpoint(
            ("127.0.0.1", port), NAME, PORT, PATH, frozenset([x509.load_pem_x509_certificate(server)])
        )
        private = cast("PrivateKey", load_pem_private_key(key, None))
        self._client = Client(Identity(x509.load_pem_x509_certificate(certificate), private))

    @classmethod
    def from_material(cls, shared: Material, port: int) -> "_Prober":
        return cls(port, shared.server.certificate_pem(), shared.client.certificate_pem(), shared.client.key_pem())

    def __reduce__(self) -> tuple[type["_Prober"], tuple[int, bytes, bytes, bytes]]:
        return _Prober, self._parts

    def wait(self) -> None:
        deadline = time.monotonic() + _START
        while (seen := probe(self._endpoint, self._client, "1.3", "wait")).outcome is not Outcome.ADMITTED:
            if time.monotonic() > deadline:
                raise ServerError(f"The reference deployment refuses a good client: {seen}")
            time.sleep(0.05)

    def rate(self, tls: Tls, jobs: int, seconds: float) -> float:
        """Probe from this many threads for so long; returns probes per second."""
        start = time.perf_counter()
        with ThreadPoolExecutor(jobs) as workers:
            count = sum(workers.map(lambda _: self._count(tls, start + seconds), range(jobs)))
        return count / (time.perf_counter() - start)

    def _count(self, tls: Tls, until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            if (seen := probe(self._endpoint, self._client, tls, "bench")).outcome is not Outcome.ADMITTED:
                raise ServerError(f"The reference deployment refuses a good client: {seen}")
            count += 1
        return count
