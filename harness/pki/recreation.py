"""How are the authorities of CONFIG made again, with keys that the run has?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from harness.pki.authority import Authority
from harness.pki.key_pool import SLOW_KINDS, SlowKeys
from harness.pki.keys import KeyType
from harness.pki.public_roots import is_public
from harness.pki.revocation import MakeCrls, current, dated_like
from harness.pki.template import ClientTemplate, names_responder
from harness.pki.trust_store import TrustStore

_DERIVED = (
    *(x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.BasicConstraints, x509.KeyUsage),
    x509.AuthorityInformationAccess,
)
"""Extensions that a profile sets by fields of its own, or that follow from issuer and key."""
_RSA = {int(kind.removeprefix("rsa-")): kind for kind in SLOW_KINDS if kind is not KeyType.RSA_1024}
"""The RSA keys that an authority may have, by size in bits."""


@dataclass
class Recreation:
    """Authorities with the names, constraints, kinds of key and validity of those in CONFIG, but with other keys.

    `made` are the new authorities by subject. `ocsp_url` takes the place of the responder that a certificate names.
    """

    template: ClientTemplate
    store: TrustStore
    keys: SlowKeys
    ocsp_url: str | None
    made: dict[x509.Name, Authority] = field(default_factory=dict)

    def run(self) -> None:
        """Make every authority of the template, and those above the model client, and add them to the store."""
        trusted, like = set(self.template.authorities), self.template.like
        if not trusted and (top := like[-1]).issuer != top.subject:
            self.made[top.issuer] = self.store.add(Authority.root(subject=top.issuer), trusted=True)
        for certificate in self._issuers_first():
            above = self.made.get(certificate.issuer)
            if trusted and not above and certificate not in trusted:
                continue  # An issuer of the model client that leads to no authority of CONFIG.
            changes = self._profile_of(certificate)
            authority = above.subauthority(**changes) if above else Authority.root(**changes)
            if above:
                self.store.record(authority.certificate, above)
            self.store.add(
                authority, trusted=certificate in trusted or not above, crls=self._crls_of(certificate.subject)
            )
            self.made.setdefault(certificate.subject, authority)

    def issuer(self) -> Authority:
        """The issuer of good clients: the authority that the template names, else the issuer of the model client, else
        the lowest authority, whose clients need every other one above it."""
        like = self.template.like
        if self.template.authority in self.made:
            return self.made[self.template.authority]
        if like and like[0].issuer in self.made:
            return self.made[like[0].issuer]
        issuers = {one.issuer for one in self.template.authorities if one.issuer != one.subject}
        lowest = [authority for name, authority in self.made.items() if name not in issuers] or [*self.made.values()]
        return next((authority for authority in lowest if not is_public(authority)), lowest[0])

    def others(self) -> tuple[Authority, ...]:
        """The authorities outside the chains of the one that the template names; none if it names none."""
        wanted = self.template.authority
        if wanted not in self.made:
            return ()
        return tuple(authority for name, authority in self.made.items() if wanted not in self._chain(name))

    def _issuers_first(self) -> Iterator[x509.Certificate]:
        """Yield each certificate of an authority after that of its issuer, as far as the issuer is there at all.

        The caller makes an authority before it asks for the next certificate.
        """
        waiting = list(dict.fromkeys([*self.template.authorities, *self.template.like[1:]]))
        names = {certificate.subject for certificate in waiting}
        while waiting:
            ready = (one for one in waiting if one.issuer not in names - self.made.keys() - {one.subject})
            certificate = next(ready, waiting[0])
            waiting.remove(certificate)
            yield certificate

    def _profile_of(self, certificate: x509.Certificate) -> dict[str, Any]:
        """The changes to `AUTHORITY` that make it like a certificate."""
        by_kind = {type(entry.value): entry for entry in certificate.extensions}
        constraints, usage = by_kind.get(x509.BasicConstraints), by_kind.get(x509.KeyUsage)
        rsa = _RSA.get(getattr(certificate.public_key(), "key_size", 0))
        return {
            "subject": certificate.subject,
            "not_before": certificate.not_valid_before_utc,
            "not_after": certificate.not_valid_after_utc,
            "basic_constraints": constraints.value if constraints else None,
            "key_usage": usage.value if usage else None,
            "extensions": tuple(entry for kind, entry in by_kind.items() if kind not in _DERIVED),
            "key": self.keys[rsa] if rsa else KeyType.P_256,
            "ocsp_url": self.ocsp_url if names_responder(certificate) else None,
        }

    def _crls_of(self, issuer: x509.Name) -> MakeCrls:
        """Make the issuer's CRLs of CONFIG again, with their dates; if CONFIG holds CRLs, but none of this issuer, the
        new authority has none."""
        if not self.template.crls:
            return current
        return dated_like([crl for crl in self.template.crls if crl.issuer == issuer])

    def _chain(self, name: x509.Name) -> set[x509.Name]:
        """The subjects of an authority and of all authorities above it."""
        chain: set[x509.Name] = set()
        while name in self.made and name not in chain:
            chain.add(name)
            name = self.made[name].certificate.issuer
        return chain
