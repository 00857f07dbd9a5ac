"""Would OpenSSL accept a client's certificate, by which condition not, and until when?

The conditions stand in the order in which OpenSSL's `X509_verify_cert` looks at them: the first that is not met is the
error that a server logs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from harness.pki import purpose
from harness.pki.contents import Certificate, Crl
from harness.pki.profile import called, written
from harness.pki.purpose import extension
from harness.pki.revoked import Answer, look_up

_MOST = 20
"""A longer chain is a circle."""
_USABLE = "The certificates may be used for TLS clients, and their issuers may issue them."


class Revocation(StrEnum):
    """For which certificates of a chain a CRL is asked."""

    NONE = "none"
    LEAF = "leaf"
    CHAIN = "chain"


@dataclass(frozen=True)
class Trust:
    """What a server trusts.

    `depth` is the number of certificates that a chain may have above the client's own, None for any. `level` is the
    security level of OpenSSL, None where it is not known (1 or 2); `sha1` is the strength of SHA-1 in bits. With
    `without_crl` an authority without a CRL is accepted. `complete` says whether all authorities are known, and
    `crls_known` the same of the CRLs. With `responder` an OCSP responder is asked as well.
    """

    authorities: tuple[Certificate, ...]
    crls: tuple[Crl, ...] = ()
    depth: int | None = 1
    revocation: Revocation = Revocation.NONE
    without_crl: bool = False
    level: int | None = None
    sha1: int = 63
    complete: bool = True
    crls_known: bool = True
    responder: bool = False

    @property
    def checks_crls(self) -> bool:
        """Whether CRLs are asked, and known."""
        return self.crls_known and self.revocation is not Revocation.NONE


@dataclass(frozen=True)
class Condition:
    """One condition of admission. `met` is None where it is not examined. `error` is OpenSSL's number (X509_V_ERR),
    `until` the time when it ends to be met."""

    id: str
    met: bool | None
    text: str
    where: str = ""
    error: int | None = None
    until: datetime | None = None
    remedy: str = ""


@dataclass(frozen=True)
class Judgement:
    """The chain of a client's certificate, from that certificate on, and each condition."""

    chain: tuple[Certificate, ...]
    conditions: tuple[Condition, ...]

    @property
    def refused_by(self) -> Condition | None:
        """The condition that refuses the client; None if none does."""
        return next((one for one in self.conditions if one.met is False), None)

    @property
    def undecided(self) -> Condition | None:
        """A condition that was not examined; None if there is none."""
        return next((one for one in self.conditions if one.met is None), None)

    @property
    def ends(self) -> Condition | None:
        """The condition that ends first; None if none ends."""
        timed = [one for one in self.conditions if one.until]
        return min(timed, key=lambda one: one.until or datetime.max, default=None)


def judge(leaf: Certificate, sent: Sequence[Certificate], trust: Trust, now: datetime) -> Judgement:
    """Judge the certificate of a client that sends the certificates `sent` along."""
    chain, anchored = build(leaf, sent, trust.authorities)
    first = (_trusted(chain, sent, trust, anchored=anchored),)
    usage = [*_usage(chain)]
    if not anchored and not trust.complete:
        text = "Not examined: the chain. Not all files of the trusted authorities are here."
        return Judgement(tuple(chain), (Condition("trust", None, text, leaf.where),))
    if not anchored:
        return Judgement(tuple(chain), (*first, _dates(leaf, now, "the client's certificate")))
    return Judgement(
        tuple(chain),
        (
            *first,
            *(usage or [Condition("usage", True, _USABLE)]),
            *_strength(chain, trust),
            *_revocation(chain, trust, now),
            *_signatures(chain),
            _depth(chain, trust.depth),
            *(_dates(entry, now, _role(chain, entry)) for entry in reversed(chain)),
        ),
    )


def build(
    leaf: Certificate, sent: Sequence[Certificate], trusted: Sequence[Certificate]
) -> tuple[list[Certificate], bool]:
    """Build the chain as OpenSSL does: trusted issuers first, and nothing else above one.

    Returns it with whether it ends at a trusted authority that is self-signed.
    """
    known = {entry.value for entry in trusted}
    chain = [leaf]
    while not purpose.is_self_signed(chain[-1].value) and len(chain) < _MOST:
        last = chain[-1].value
        among = [entry for entry in trusted if purpose.names_issuer(last, entry.value)]
        if not among and (len(chain) == 1 or last not in known):
            used = {entry.value for entry in chain}
            among = [one for one in sent if one.value not in used and purpose.names_issuer(last, one.value)]
        if not among:
            break
        # Of several with one name, those that made the signature and are valid longest come first.
        among.sort(
            key=lambda one: (not purpose.is_signed_by(last, one.value), -one.value.not_valid_after_utc.timestamp())
        )
        chain.append(among[0])
    return chain, chain[-1].value in known and purpose.is_self_signed(chain[-1].value)


def _role(chain: Sequence[Certificate], entry: Certificate) -> str:
    if entry is chain[0]:
        return "the client's certificate"
    return f"{'the root' if entry is chain[-1] else 'the intermediate'} `{called(entry.value)}`"


def _trusted(chain: list[Certificate], sent: Sequence[Certificate], trust: Trust, *, anchored: bool) -> Condition:
    last, known = chain[-1], {entry.value for entry in trust.authorities}
    names = " ← ".join(f"`{called(entry.value)}`" for entry in chain)
    if anchored:
        return Condition("trust", True, f"The chain ends at a trusted root: {names}.", last.where)
    if purpose.is_self_signed(last.value):
        alone = last is chain[0]
        what = "The client's certificate is self-signed" if alone else f"The root `{called(last.value)}` was sent"
        text = f"{what}, and the server does not trust it."
        remedy = "Add it to the file of SSLCACertificateFile, if every certificate of it may be admitted."
        return Condition("trust", False, text, last.where, 18 if alone else 19, remedy=remedy)
    issuer = written(last.value.issuer)
    error = 2 if last.value in known else 20
    impostors = [
        one
        for one in (*trust.authorities, *sent)
        if purpose.canonical(one.value.subject) == purpose.canonical(last.value.issuer)
    ]
    if impostors:
        text = (
            f"The issuer of `{called(last.value)}` has the name {issuer}, but another key than the authority of that"
            f" name at {impostors[0].where}."
        )
        remedy = "Add the authority with the right key, or issue the client's certificate again."
        return Condition("trust", False, text, last.where, error, remedy=remedy)
    text = f"The issuer of `{called(last.value)}` is missing: {issuer}."
    if error == 2:
        remedy = "Add it to the file of SSLCACertificateFile: OpenSSL needs the whole chain up to the root."
    else:
        remedy = "Let the client send it as an intermediate, or trust it in SSLCACertificateFile."
    return Condition("trust", False, text, last.where, error, remedy=remedy)


def _usage(chain: Sequence[Certificate]) -> Iterator[Condition]:
    """Check the extensions in the order of `check_extensions`, from the client's certificate up."""
    reissue = "Issue this certificate again, with"
    below = 0
    for number, entry in enumerate(chain):
        certificate, role = entry.value, _role(chain, entry)
        if oid := purpose.unknown_critical(certificate):
            text = f"A critical extension of {role} is not known to OpenSSL: {oid.dotted_string}."
            yield Condition(
                "extensions", False, text, entry.where, 34, remedy=f"{reissue} that extension not critical."
            )
        if number and not purpose.is_authority(certificate):
            text = f"{role} may not issue certificates (basicConstraints, keyUsage)."
            remedy = f"{reissue} basicConstraints CA:TRUE and keyUsage keyCertSign."
            yield Condition("authority", False, _begin(text), entry.where, 79, remedy=remedy)
        if purpose.lacks_client_auth(certificate) or purpose.old_type_forbids(certificate):
            text = f"extendedKeyUsage of {role} does not have clientAuth."
            yield Condition("purpose", False, text, entry.where, 26, remedy=f"{reissue} clientAuth.")
        elif not number and purpose.cannot_sign(certificate):
            text = f"keyUsage of {role} does not have digitalSignature."
            yield Condition("purpose", False, text, entry.where, 26, remedy=f"{reissue} keyUsage digitalSignature.")
        constraints = extension(certificate, x509.BasicConstraints)
        limit = constraints.path_length if constraints else None
        if number and limit is not None and below > limit:
            text = f"{role} allows {limit} intermediates below it; the chain has {below} (pathlen)."
            remedy = "Issue clients directly below it, or issue it again with a larger pathlen."
            yield Condition("path_length", False, _begin(text), entry.where, 25, remedy=remedy)
        if number and not purpose.is_self_issued(certificate):
            below += 1
        if extension(certificate, x509.NameConstraints):
            text = f"Not examined: the name constraints of {role}."
            yield Condition("name_constraints", None, text, entry.where)


def _begin(text: str) -> str:
    return text[0].upper() + text[1:]


def _strength(chain: Sequence[Certificate], trust: Trust) -> Iterator[Condition]:
    """Check keys, and the digests of all signatures but the root's own, against OpenSSL's security level."""
    levels = (1, 2) if trust.level is None else (trust.level,)
    least = [purpose.least_bits(level) for level in levels]
    remedy = "Issue it again with RSA-2048 or P-256 and SHA-256."
    weakest = 256
    for entry in chain:
        role, anchor = _role(chain, entry), entry is chain[-1] and purpose.is_self_signed(entry.value)
        key, digest = purpose.key_bits(entry.value), purpose.digest_bits(entry.value, trust.sha1)
        signed = () if anchor else (("signature", 68, *digest),)
        for what, error, name, bits in (("key", 66 if entry is chain[0] else 67, *key), *signed):
            weakest = min(weakest, bits)
            if bits < least[0]:
                text = f"The {what} of {role} is too weak for OpenSSL's security level {levels[0]}: {name}."
                yield Condition("strength", False, text, entry.where, error, remedy=remedy)
            elif bits < least[-1]:
                text = f"The {what} of {role} is too weak for OpenSSL's security level 2 (default since 3.2): {name}."
                yield Condition("strength", None, text, entry.where, error, remedy=remedy)
    if weakest >= least[-1]:
        yield Condition("strength", True, f"Keys and signatures suffice for OpenSSL's security level {levels[-1]}.")


def _revocation(chain: Sequence[Certificate], trust: Trust, now: datetime) -> Iterator[Condition]:
    checked = {Revocation.NONE: 0, Revocation.LEAF: 1, Revocation.CHAIN: len(chain)}[trust.revocation]
    if trust.responder:
        yield Condition("ocsp", None, "Not examined: the answers of the OCSP responder.")
    if not checked:
        yield Condition("revocation", True, "Revocation is not checked.")
    elif not trust.crls_known:
        yield Condition("revocation", None, "Not examined: the CRLs, which are not here.")
        return
    for number, entry in enumerate(chain[:checked]):
        issuer = chain[min(number + 1, len(chain) - 1)].value
        found: Answer = look_up(entry.value, issuer, trust.crls, now)
        if found.error == 3 and trust.without_crl:
            yield Condition("revocation", True, f"No CRL of {written(entry.value.issuer)}: accepted without one.")
            continue
        text = f"{_begin(_role(chain, entry))}: {found.text}"
        yield Condition(
            "revocation", found.error is None, text, found.where, found.error, found.until, remedy=found.remedy
        )


def _signatures(chain: Sequence[Certificate]) -> Iterator[Condition]:
    for below, above in zip(chain, (*chain[1:], chain[-1]), strict=True):
        if not purpose.is_signed_by(below.value, above.value):
            text = f"The signature of {_role(chain, below)} was not made by the key of `{called(above.value)}`."
            remedy = "Use the authority that issued the certificate: another one has the same name."
            yield Condition("signature", False, text, below.where, 7, remedy=remedy)


def _depth(chain: Sequence[Certificate], allowed: int | None) -> Condition:
    above = len(chain) - 1
    text = f"{above} certificate{'s' if above != 1 else ''} above the client's own, including the root."
    if allowed is None:
        return Condition("depth", True, f"{text} SSLVerifyDepth must be at least {above}.")
    if above <= allowed:
        return Condition("depth", True, f"{text} SSLVerifyDepth allows {allowed}.")
    remedy = f"Write `SSLVerifyDepth {above}` into the virtual host."
    return Condition(
        "depth", False, f"{text} SSLVerifyDepth allows only {allowed}.", chain[-1].where, 22, remedy=remedy
    )


def _dates(entry: Certificate, now: datetime, role: str) -> Condition:
    certificate = entry.value
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if start > now:
        text = f"{_begin(role)} is not valid before {day(start)}."
        remedy = "Check the clocks of the authority and of the server, or wait."
        return Condition("dates", False, text, entry.where, 9, remedy=remedy)
    if end < now:
        text = f"{_begin(role)} expired on {day(end)}."
        return Condition("dates", False, text, entry.where, 10, remedy="Renew this certificate.")
    return Condition("dates", True, f"{_begin(role)} is valid until {day(end)}.", entry.where, until=end)


def day(moment: datetime) -> str:
    """Write a moment in minutes of UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
