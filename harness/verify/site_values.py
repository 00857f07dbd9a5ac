"""Which values do httpd's variables have at a site, for a usual client and for any other?"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from harness.httpd.formula import Atom, Network, Operator, Values, atoms, network, variables
from harness.httpd.site import Site
from harness.httpd.variables import OUTSIDE, VERIFY, Origin, Variable, variable
from harness.verify.request_input import RequestInput, usual_values, values_of
from harness.verify.subject import Subject, can_be_made

ADDRESS, METHOD = variable("REMOTE_ADDR"), variable("REQUEST_METHOD")
VERIFIED: Values = {variable(VERIFY): "SUCCESS"}
"""The value that every verified certificate has."""
_OUTSIDE = (OUTSIDE, "198.51.100.7", "192.0.2.7")
"""Addresses for documentation (RFC 5737): no client has one."""


@dataclass(frozen=True)
class SiteValues:
    """The values of the variables of one site's decision and intention."""

    site: Site

    @functools.cached_property
    def usual(self) -> Values:
        """The values for a usual request from an address that no condition names; those of certificates left out."""
        address = next(
            (one for one in _OUTSIDE if not any(ip_address(one) in net for net in self._networks())), OUTSIDE
        )
        used = {one for atom in self._atoms() for one in atom.variables}
        defaults = {one: one.default for one in used if one.origin not in {Origin.CERTIFICATE, Origin.UNKNOWABLE}}
        return {**defaults, **usual_values(self.site), ADDRESS: address}

    @functools.cached_property
    def no_certificate(self) -> Values:
        """The values of mod_ssl's variables for a client without a certificate."""
        return {**dict.fromkeys(self._of_certificates, ""), variable(VERIFY): "NONE"}

    @property
    def unauthenticated(self) -> Values:
        """The values for a client without a certificate and with a usual request."""
        return {**self.usual, **self.no_certificate}

    def certificate(self, subject: Subject | None) -> Values:
        """The values of mod_ssl's variables for a verified certificate: empty where it lacks something. None is no
        certificate."""
        if subject is None:
            return self.no_certificate
        return {**{one: "" for one in self._of_certificates if can_be_made(one)}, **subject.values()}

    def seen(self, subject: Subject | None, request: RequestInput) -> Values:
        """The values for a client with this certificate and this request. None is no certificate."""
        address = {ADDRESS: request.address} if request.address else {}
        return {**self.usual, **values_of(self.site, request), **address, **self.certificate(subject)}

    @functools.cached_property
    def _of_certificates(self) -> set[Variable]:
        used = variables(self.site.decision.formula) | variables(self.site.intention)
        return {one for one in used if one.origin is Origin.CERTIFICATE}

    def _networks(self) -> Iterator[Network]:
        for atom in self._atoms():
            if atom.operator is Operator.IN_NETWORK and (found := network("".join(map(str, atom.right)))):
                yield found

    def _atoms(self) -> Iterator[Atom]:
        yield from atoms(self.site.decision.formula)
        yield from atoms(self.site.intention)
        for condition in self.site.decision.conditions:
            yield from atoms(condition.formula)
