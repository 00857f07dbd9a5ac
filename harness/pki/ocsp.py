"""Which data does an OCSP responder (RFC 6960) need to answer for an authority?"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.pki.authority import Authority, Identity

_NO_CHECK = x509.Extension(x509.OCSPNoCheck.oid, False, x509.OCSPNoCheck())


@dataclass
class Register:
    """The status of the certificates that an authority has issued; those in neither list are unknown.

    `cross` are certificates of other authorities for this one, which lead to a root that the server trusts."""

    authority: Authority
    issued: list[x509.Certificate] = field(default_factory=list)
    revoked: list[x509.Certificate] = field(default_factory=list)
    cross: list[x509.Certificate] = field(default_factory=list)

    @cached_property
    def signer(self) -> Identity:
        """The delegate that signs the responses (RFC 6960 section 4.2.2.2), as nearly every authority has one.

        A response names its signer by subject, so each authority has its own.
        """
        return self.authority.client(
            subject=f"OCSP responder {self._key_hash()}"[:64],
            extended_key_usage=(ExtendedKeyUsageOID.OCSP_SIGNING,),
            extensions=(_NO_CHECK,),
        )

    def files(self, *, signer: Identity | None = None, clock: str | None = None) -> dict[str, bytes]:
        """The files for `openssl ocsp`, in a folder named by the hash of the authority's key, as in a request (RFC 6960
        section 4.1.1). `clock` is the error of the responder's clock, in the form of faketime(1)."""
        delegate = signer or self.signer
        files = {
            "index.txt": self._index(),
            "ca.crt": self.authority.certificate.public_bytes(Encoding.PEM),
            "signer.crt": delegate.certificate.public_bytes(Encoding.PEM),
            "signer.key": delegate.key_pem(),
            # openssl wants at least one.
            "chain.crt": b"".join(
                one.public_bytes(Encoding.PEM) for one in (*delegate.chain, *self.cross, delegate.certificate)
            ),
        }
        if clock:
            files["clock"] = clock.encode()
        return {f"{self._key_hash()}/{name}": content for name, content in files.items()}

    def _key_hash(self) -> str:
        key = self.authority.certificate.public_key()
        return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex().upper()

    def _index(self) -> bytes:
        """The index of `openssl ca`: state, expiry, revocation, serial number, file, subject; tabs between them."""
        lines = {}
        for state, certificates in (("V", self.issued), ("R", self.revoked)):
            for one in certificates:
                number = f"{one.serial_number:X}"
                number = number.zfill(len(number) + len(number) % 2)
                revocation = _time(one.not_valid_before_utc) if state == "R" else ""
                # The subject is not looked at, but has to be another for each.
                fields = (state, _time(one.not_valid_after_utc), revocation, number, "unknown", f"/CN={number}")
                lines[number] = "\t".join(fields) + "\n"
        return "".join(lines.values()).encode()


def _time(when: datetime) -> str:
    return when.strftime("%y%m%d%H%M%SZ")
