"""Which authorities does one server know, which of them does it trust, and what have they issued and revoked?

A stale, foreign or absent CRL belongs to one more authority in the same trust bundle, so that one server serves every
case. So do the answers of OCSP responders.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki.authority import Authority
from harness.pki.ocsp import Register
from harness.pki.revocation import Answers, MakeCrls, current, truthful


@dataclass
class _Entry:
    """An authority, and how it publishes revocation: `revoked` are the certificates on its CRLs. Its responder answers
    from `register`."""

    authority: Authority
    trusted: bool
    crls: MakeCrls
    answers: Answers
    register: Register
    revoked: list[x509.Certificate] = field(default_factory=list)


class TrustStore:
    """The authorities of one server, in the order in which they were added."""

    def __init__(self) -> None:
        """Begin without any authority."""
        self._entries: dict[bytes, _Entry] = {}

    def __iter__(self) -> Iterator[Authority]:
        return (entry.authority for entry in self._entries.values())

    def add(
        self, authority: Authority, *, trusted: bool = False, crls: MakeCrls = current, answers: Answers = truthful
    ) -> Authority:
        """Add an authority; returns it. Only a `trusted` one is in the trust bundle."""
        self._entries[_key(authority)] = _Entry(authority, trusted, crls, answers, Register(authority))
        return authority

    def record(self, issued: x509.Certificate, issuer: Authority) -> None:
        """Enter a certificate in the register of its issuer; does nothing if the store does not hold that authority."""
        if entry := self._entries.get(_key(issuer)):
            entry.register.issued.append(issued)

    def record_cross(self, issued: x509.Certificate, subject: Authority) -> None:
        """Enter a certificate that another authority issued for this one."""
        self._entries[_key(subject)].register.cross.append(issued)

    def revoke(self, certificate: x509.Certificate, issuer: Authority) -> None:
        """Put a certificate on the CRL of its issuer."""
        revoked = self._entries[_key(issuer)].revoked
        if certificate not in revoked:
            revoked.append(certificate)

    def revoke_by_responder(self, certificate: x509.Certificate, issuer: Authority) -> None:
        """Mark a certificate as revoked in the register of its issuer, but on no CRL."""
        self._entries[_key(issuer)].register.revoked.append(certificate)

    def forget(self, certificate: x509.Certificate, issuer: Authority) -> None:
        """Remove a certificate from the register of its issuer: the responder answers `unknown`."""
        self._entries[_key(issuer)].register.issued.remove(certificate)

    def trusted(self) -> list[x509.Certificate]:
        """The trust bundle: for `SSLCACertificateFile`."""
        return [entry.authority.certificate for entry in self._entries.values() if entry.trusted]

    def crls(self) -> list[x509.CertificateRevocationList]:
        """The CRLs of every authority: for `SSLCARevocationFile`."""
        return [crl for entry in self._entries.values() for crl in entry.crls(entry.authority, entry.revoked)]

    def answers(self) -> dict[str, bytes]:
        """The files of the OCSP responder of every authority, by file name."""
        return {name: file for entry in self._entries.values() for name, file in entry.answers(entry.register).items()}

    def responders(self) -> list[x509.Certificate]:
        """The certificates of the OCSP signers of every authority: for `SSLOCSPResponderCertificateFile`."""
        return [entry.register.signer.certificate for entry in self._entries.values()]


def _key(authority: Authority) -> bytes:
    return authority.certificate.public_bytes(Encoding.DER)
