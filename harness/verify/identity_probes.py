"""Which clients forge the identity that httpd passes on to a backend?"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.cases import Case, catalogue
from harness.httpd.identity import IdentityHeader, backend_url, identity_headers
from harness.httpd.site import Site
from harness.probe import IDENTITY_HEADER, OTHER_SPELLINGS, Client
from harness.verify.plan import IDENTITY, PlannedProbe, Planner


def identity_probes(
    planner: Planner, places: Sequence[Site], *, only: Callable[[Case], bool] = lambda _case: True
) -> list[PlannedProbe]:
    """Plan these clients at every site that leads to a backend for which some site sets an identity header."""
    proxied = [(site, url) for site in places if (url := backend_url(site.content))]
    headers: dict[str, dict[str, IdentityHeader]] = {}
    for site, url in proxied:
        for header in identity_headers(site.guard.directives):
            headers.setdefault(url, {}).setdefault(header.name, header)
    cases = [case for case in catalogue() if case.family == IDENTITY and only(case)]
    return [
        PlannedProbe(case, site, tls, client, planner.next_id(), _is_forged(client), case.expected, identity=one)
        for site, url in proxied
        for one in headers.get(url, {}).values()
        for case in cases
        for tls in (planner.versions_at(case, site) if site.tls else planner.versions[:1])
        if (client := _client(planner, case, site, one))
    ]


def _client(planner: Planner, case: Case, site: Site, header: IdentityHeader) -> Client | None:
    """Build a client that forges this header; None where it would not get as far as a request."""
    if case.expected.admitted != site.guard.in_handshake and (site.guard.in_handshake or not site.tls):
        return None
    client = planner.build(case, site)
    if client is None:
        return None
    names = {IDENTITY_HEADER: (header.name,), OTHER_SPELLINGS: header.other_spellings}
    written = [(names.get(name, (name,)), names.get(value, (value,))[0]) for name, value in client.headers]
    own = tuple((name, value) for spelled, value in written for name in spelled)
    return replace(client, headers=own) if own or not client.headers else None


def _is_forged(client: Client) -> bool:
    """Whether a client without a certificate writes itself an identity."""
    return client.identity is None and bool(client.headers)
