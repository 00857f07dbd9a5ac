"""Which CRL does OpenSSL take for a certificate, and what does it say?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from harness.pki import purpose
from harness.pki.authority import serial
from harness.pki.contents import Crl
from harness.pki.profile import written

_NEVER = datetime.max.replace(tzinfo=UTC)
_RENEW = "Make a new CRL, copy it to the server and reload httpd."


@dataclass(frozen=True)
class Answer:
    """What the CRLs say of a certificate. `error` is OpenSSL's number (X509_V_ERR), None if it is not revoked; `until`
    is when the CRL runs out."""

    text: str
    where: str = ""
    error: int | None = None
    until: datetime | None = None
    remedy: str = ""


def look_up(certificate: x509.Certificate, issuer: x509.Certificate, crls: Sequence[Crl], now: datetime) -> Answer:
    """Look a certificate up in the best CRL of its issuer."""
    name = written(certificate.issuer)
    own = [one for one in crls if in_scope(one.value, certificate) and is_of(one.value, issuer)]
    if not own:
        other = next((one for one in crls if _same_name(one.value, issuer)), None)
        more = f" The one at {other.where} is by another key or for other certificates." if other else ""
        remedy = "Add the authority's CRL to the file of SSLCARevocationFile."
        return Answer(f"there is no CRL of {name}.{more}", other.where if other else "", 3, remedy=remedy)
    best = best_of(own, now)
    crl, where = best.value, best.where
    if trouble := problem(best, issuer, now):
        return trouble
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is not None:
        when = f"{entry.revocation_date_utc:%Y-%m-%d}"
        text = f"revoked on {when}{_reason(entry)} (serial number {serial(certificate)})."
        return Answer(text, where, 23, remedy="Issue a new certificate. A revoked one stays revoked.")
    return Answer(f"not revoked by the CRL of {name}.", where, until=crl.next_update_utc)


def best_of(own: Sequence[Crl], now: datetime) -> Crl:
    """The CRL that counts where an authority has several: one that is valid now, and of these the newest."""
    return max(own, key=lambda one: (is_current(one.value, now), one.value.last_update_utc))


def problem(found: Crl, issuer: x509.Certificate, now: datetime) -> Answer | None:
    """Say why OpenSSL rejects a CRL of this issuer, and with it every certificate that the CRL is asked about; None if
    it does not."""
    crl, where, name = found.value, found.where, written(issuer.subject)
    usage = purpose.extension(issuer, x509.KeyUsage)
    if usage and not usage.crl_sign:
        remedy = "Issue the authority's certificate again with keyUsage cRLSign."
        return Answer(f"keyUsage of {name} does not allow it to sign CRLs.", where, 35, remedy=remedy)
    if crl.last_update_utc > now:
        return Answer(f"the CRL of {name} is not valid yet.", where, 11, remedy="Check the clock of the server.")
    if (crl.next_update_utc or _NEVER) < now:
        return Answer(
            f"the CRL of {name} is out of date since {crl.next_update_utc:%Y-%m-%d}.", where, 12, None, _RENEW
        )
    if not is_signed(crl, issuer):
        return Answer(f"the CRL of {name} is signed by another key.", where, 8, remedy=_RENEW)
    return None


def is_of(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether a CRL says that it is by this authority: by name, and by key where it names one."""
    if not _same_name(crl, issuer):
        return False
    try:
        named = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return True
    return purpose.matches(named, issuer)


def is_signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether the authority's key signed the CRL."""
    try:
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def is_current(crl: x509.CertificateRevocationList, now: datetime) -> bool:
    """Whether a CRL is valid at this time."""
    return crl.last_update_utc <= now <= (crl.next_update_utc or _NEVER)


def in_scope(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether a CRL is about this kind of certificate (RFC 5280 section 5.2.5), as far as OpenSSL looks by default."""
    try:
        part = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    authority = purpose.is_authority(certificate)
    if part.indirect_crl or part.only_contains_attribute_certs or part.only_some_reasons:
        return False
    if (part.only_contains_user_certs and authority) or (part.only_contains_ca_certs and not authority):
        return False
    points = purpose.extension(certificate, x509.CRLDistributionPoints) or ()
    named = {name for point in points for name in point.full_name or ()}
    return not part.full_name or bool(named.intersection(part.full_name))


def _same_name(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    return purpose.canonical(crl.issuer) == purpose.canonical(issuer.subject)


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        return f", {entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value}"
    except x509.ExtensionNotFound:
        return ""
