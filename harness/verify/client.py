"""Which clients does a site's access decision call for? Each question is a query on its formula."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from harness.httpd.environment import Condition
from harness.httpd.formula import Formula, holds
from harness.httpd.site import Site
from harness.verify import grants
from harness.verify.chosen_requests import ChosenRequest, chosen_requests
from harness.verify.coverage_clients import CoverageClient, Unseen, can_be, coverage_clients, unpredicted
from harness.verify.good_client import GoodClient, good_client
from harness.verify.site_values import METHOD, SiteValues


@dataclass(frozen=True)
class Query:
    """The questions about one site's decision; the answers that take a search are kept."""

    site: Site

    @functools.cached_property
    def _values(self) -> SiteValues:
        return SiteValues(self.site)

    @functools.cached_property
    def good_client(self) -> GoodClient:
        """The client that the site must admit."""
        return good_client(self._values)

    @functools.cached_property
    def chosen_requests(self) -> list[ChosenRequest]:
        """The requests that may admit a client without a certificate."""
        return chosen_requests(self._values)

    def admits(self, method: str) -> bool:
        """Whether the decision may admit the good client with this method."""
        good = self.good_client
        seen = {**self._values.seen(good.subject, good.request), METHOD: method}
        return holds(self.site.decision.formula, seen) is not False

    def coverage_clients(self, unseen: Iterable[Unseen]) -> list[CoverageClient]:
        """The clients for the values of conditions that no request of the run showed."""
        return coverage_clients(self._values, self.good_client, unseen)

    def unpredicted(self, conditions: Iterable[Condition]) -> list[Unseen]:
        """The values of conditions that httpd does not trace and that no client of every run is predicted to show."""
        return unpredicted(self._values, self.good_client, self.chosen_requests, conditions)

    @property
    def opens_to_all(self) -> bool:
        """Whether the decision admits a client without a certificate and with a usual request."""
        return grants.opens_to_all(self._values)

    def untestable_grants(self) -> list[Condition]:
        """The conditions that no client here can bring about, and that may admit a client without a certificate."""
        return grants.untestable_grants(self._values)

    def request_grants(self) -> list[Condition]:
        """The conditions by which a request alone admits, according to the decision."""
        return grants.request_grants(self._values)

    def address_grants(self) -> list[Condition]:
        """The conditions by which an address admits a client without a certificate."""
        return grants.address_grants(self._values)

    def can_be(self, wanted: Formula) -> bool:
        """Whether some client makes a formula true at the site, also one that cannot be made here."""
        return can_be(self._values, wanted)
