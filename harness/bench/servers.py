"""How many full mutual TLS handshakes a second does the reference deployment answer?

Next to httpd as Debian ships it, with the same `require`; and, for information, to nginx and s_server.
"""

from collections.abc import Iterator

from harness.bench.rig import Material, loaded
from harness.bench.row import Row, middle, spread
from harness.outcome import TLS_VERSIONS


def rows(shared: Material, rounds: int) -> Iterator[Row]:
    """Load them in turn, a second each, in rounds: what disturbs the machine disturbs all alike."""
    with loaded(shared) as servers:
        for tls in TLS_VERSIONS:
            measured = [{name: one.requests(tls, 1) for name, one in servers.items()} for _ in range(rounds)]
            rates = {name: [entry[name][0] for entry in measured] for name in servers}
            costs = {name: [entry[name][1] for entry in measured] for name in servers}
            for rival in ("stock", "nginx", "s_server"):
                yield Row(
                    f"TLS {tls}",
                    middle(rates["httpd"]),
                    "1/s",
                    rival,
                    middle(rates[rival]),
                    # What httpd itself costs is not the deployment's: only next to a stock httpd there is a goal.
                    at_least=1 if rival == "stock" else None,
                    detail=f"httpd {spread(rates['httpd'])}, {rival} {spread(rates[rival])}",
                )
            yield Row(
                f"TLS {tls}, processor time",
                middle(costs["httpd"]),
                "ms",
                "nginx",
                middle(costs["nginx"]),
                detail=f"httpd {spread(costs['httpd'], 2)}, nginx {spread(costs['nginx'], 2)}",
            )
