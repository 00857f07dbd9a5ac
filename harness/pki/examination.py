"""What is wrong with the certificates and CRLs by which a server verifies its clients?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import purpose, revoked
from harness.pki.contents import Certificate, Contents, Crl, Form
from harness.pki.path import Revocation, Trust, build, day
from harness.pki.profile import called, written
from harness.pki.public_roots import issued_publicly

SOON = timedelta(days=30)
"""How long before the end of an authority it is time to act."""
CRL_SOON = timedelta(days=7)
"""The same of a CRL, where less than a third of its time is left: many are renewed every day."""
_LEAST_BITS = 112
"""What OpenSSL's security level 2 asks for, Debian's default and OpenSSL's own since 3.2."""


class Level(StrEnum):
    """The severity of a fact. `ERROR`: no client at all can be admitted."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Fact:
    """One fact about a file that a person should know: what, in which line, and what to do."""

    id: str
    level: Level
    message: str
    remedy: str
    file: str
    line: int

    @property
    def where(self) -> str:
        """Its place as `file:line`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Examined:
    """The files of one server: its trusted authorities and CRLs, its own certificates, and the authorities that it
    names to its clients (None: all trusted ones)."""

    trust: Trust
    servers: tuple[Certificate, ...] = ()
    named: tuple[Certificate, ...] | None = None


def facts(examined: Examined, now: datetime) -> Iterator[Fact]:
    """Yield every fact about the files, in the order in which they stand there."""
    trust = examined.trust
    public = {entry for entry in trust.authorities if issued_publicly(entry.value)}
    # A copy of a browser's list has authorities that are on no other copy.
    own = [entry for entry in trust.authorities if entry not in public and len(public) <= len(trust.authorities) / 2]
    authorities = [entry for entry in own if purpose.is_authority(entry.value)]
    alone = any(purpose.is_self_signed(entry.value) for entry in own if entry not in authorities)
    usable = (
        alone or not trust.complete or bool(public) or any(_reason(entry, trust, now) is None for entry in authorities)
    )
    severe = Level.WARNING if usable else Level.ERROR
    yield from _public(public, len(trust.authorities))
    for entry in own:
        yield from _of_certificate(entry, trust, severe, now)
    yield from _crls(authorities, trust, severe, now)
    yield from _depth(authorities, trust)
    yield from _servers(own, examined.servers)
    yield from _duplicates(trust.authorities, "certificate")
    if examined.named is not None:
        yield from _named(examined.named, trust.authorities)


def unreadable(contents: Contents) -> Iterator[Fact]:
    """Yield the facts about the unreadable parts of a file, and about a form that httpd cannot read."""
    for problem in contents.problems:
        fatal = problem.value.fatal
        effect = "httpd does not start with it" if fatal else "httpd does not see it"
        remedy = f"Take this block out, or put the right one in its place: {effect}."
        level = Level.ERROR if fatal else Level.WARNING
        yield Fact("unreadable", level, problem.value.text, remedy, problem.file, problem.line)
    if contents.form is Form.DER:
        kind = "crl" if contents.crls else "x509"
        remedy = f"Convert it: openssl {kind} -inform DER -in {contents.file} -out {contents.file}.pem"
        yield Fact("not_pem", Level.ERROR, "This file is DER. httpd reads PEM only.", remedy, contents.file, 1)


def _reason(authority: Certificate, trust: Trust, now: datetime) -> str | None:
    """Why no client of an authority is admitted; None if there is no reason."""
    chain, anchored = build(authority, (), trust.authorities)
    if not anchored:
        return "incomplete"
    for entry in chain:
        if not entry.value.not_valid_before_utc <= now <= entry.value.not_valid_after_utc:
            return "dates"
        if purpose.lacks_client_auth(entry.value) or not purpose.is_authority(entry.value):
            return "purpose"
    checked = chain if trust.revocation is Revocation.CHAIN else chain[:1]
    if trust.checks_crls and any(_crl_reason(entry, trust, now) for entry in checked):
        return "revocation"
    return None


def _crl_reason(authority: Certificate, trust: Trust, now: datetime) -> revoked.Answer | None:
    own = [one for one in trust.crls if revoked.is_of(one.value, authority.value)]
    if not own:
        return None if trust.without_crl else revoked.Answer("missing")
    return revoked.problem(revoked.best_of(own, now), authority.value, now)


def _public(public: Iterable[Certificate], number: int) -> Iterator[Fact]:
    found = sorted(public, key=lambda one: (one.file, one.line))
    if found:
        name = called(found[0].value)
        text = f"`{name}` is a public authority, trusted to verify clients: anybody can get a certificate there."
        if len(found) > 1:
            text = (
                f"{len(found)} of {number} trusted authorities are public, such as `{name}`: anybody is their customer."
            )
        remedy = "Keep only the authorities that issue your own clients."
        yield _fact(found[0], "public_authority", Level.WARNING, text, remedy)


def _of_certificate(entry: Certificate, trust: Trust, severe: Level, now: datetime) -> Iterator[Fact]:
    certificate, name = entry.value, called(entry.value)
    if not purpose.is_authority(certificate):
        alone = purpose.is_self_signed(certificate)
        effect = "it is self-signed, so it alone is admitted" if alone else "as a trusted certificate it has no effect"
        remedy = "Issue clients from an authority: this one cannot be revoked."
        yield _fact(
            entry,
            "leaf_certificate",
            Level.NOTE if alone else severe,
            f"`{name}` is no authority: {effect}.",
            remedy if alone else "Remove it, and add the authority that issued it.",
        )
        return
    yield from _authority_dates(entry, severe, now)
    if purpose.lacks_client_auth(certificate):
        text = f"extendedKeyUsage of the authority `{name}` does not have clientAuth. Its clients are refused."
        remedy = "Issue the authority's certificate again with clientAuth."
        yield _fact(entry, "authority_without_client_auth", severe, text, remedy)
    chain, anchored = build(entry, (), trust.authorities)
    if not anchored and chain[-1] is entry and trust.complete:
        issuer = written(certificate.issuer)
        text = f"The issuer of the authority `{name}` is missing: {issuer}. Its clients are refused."
        remedy = "Add the issuer's certificate: OpenSSL needs the chain up to the root."
        yield _fact(entry, "incomplete_chain", severe, text, remedy)
    (key, bits), (digest, signed) = purpose.key_bits(certificate), purpose.digest_bits(certificate)
    if bits < _LEAST_BITS:
        text = f"The key of `{name}` is weak: {key}. OpenSSL refuses its clients at security level 2."
        yield _fact(entry, "weak_key", Level.WARNING, text, "Make a new authority with RSA-3072 or P-256.")
    if signed < _LEAST_BITS and not purpose.is_self_signed(certificate):
        text = f"The signature of `{name}` is weak: {digest}. OpenSSL refuses its clients at security level 2."
        yield _fact(entry, "weak_digest", Level.WARNING, text, "Issue the authority's certificate again with SHA-256.")


def _authority_dates(entry: Certificate, severe: Level, now: datetime) -> Iterator[Fact]:
    name = called(entry.value)
    start, end = entry.value.not_valid_before_utc, entry.value.not_valid_after_utc
    if end < now:
        text = f"The authority `{name}` expired on {day(end)}. Its clients are refused."
        yield _fact(entry, "authority_expired", severe, text, "Renew the authority, or remove it.")
    elif start > now:
        text = f"The authority `{name}` is not valid before {day(start)}. Its clients are refused until then."
        remedy = "Check the clocks of the authority and of the server."
        yield _fact(entry, "authority_not_yet_valid", severe, text, remedy)
    elif end - now < SOON:
        text = f"The authority `{name}` expires on {day(end)}. From then on, all its clients are refused."
        remedy = "Renew it, and add the new certificate beside this one."
        yield _fact(entry, "authority_expires_soon", Level.WARNING, text, remedy)


def _fact(entry: Certificate | Crl, kind: str, level: Level, message: str, remedy: str) -> Fact:
    return Fact(kind, level, message, remedy, entry.file, entry.line)


def _crls(authorities: Sequence[Certificate], trust: Trust, severe: Level, now: datetime) -> Iterator[Fact]:
    checked = trust.checks_crls
    level = severe if checked else Level.NOTE
    without = [entry for entry in authorities if not any(revoked.is_of(one.value, entry.value) for one in trust.crls)]
    if checked and without and not trust.without_crl:
        names = ", ".join(f"`{called(entry.value)}`" for entry in without)
        text = f"There is no CRL of {names}. With `SSLCARevocationCheck {trust.revocation}` its clients are refused."
        remedy = "Add the CRL of each authority to the file of SSLCARevocationFile."
        yield _fact(without[0], "crl_missing", severe, text, remedy)
    for one in trust.crls:
        issuers = [entry for entry in trust.authorities if revoked.is_of(one.value, entry.value)]
        yield from _of_crl(one, issuers, trust, level, now)
    yield from _duplicates(trust.crls, "CRL")


def _of_crl(one: Crl, issuers: Sequence[Certificate], trust: Trust, level: Level, now: datetime) -> Iterator[Fact]:
    crl, name = one.value, written(one.value.issuer)

    def fact(kind: str, level: Level, message: str, remedy: str) -> Fact:
        return Fact(kind, level, message, remedy, one.file, one.line)

    renew = "Make a new CRL, copy it to the server and reload httpd."
    if not issuers:
        subjects = {purpose.canonical(entry.value.subject): entry for entry in trust.authorities}
        if same := subjects.get(purpose.canonical(crl.issuer)):
            text = f"The CRL of {name} is by another key than the authority at {same.where}: it does not count."
            yield fact("crl_of_another_key", level, text, "Add the CRL that this authority signed.")
        else:
            text = f"The issuer of this CRL is not among the trusted authorities: {name}."
            yield fact(
                "crl_of_unknown_issuer", Level.NOTE, text, "Right if clients send that intermediate. Else remove it."
            )
    elif not any(revoked.is_signed(crl, entry.value) for entry in issuers):
        text = f"The CRL of {name} is signed by another key. All clients of that authority are refused."
        yield fact("crl_of_another_key", level, text, "Add the CRL that this authority signed.")
    newest = revoked.best_of([other for other in trust.crls if _same_issuer(other, one)], now)
    end = crl.next_update_utc
    if newest is not one and newest.value != crl:
        text = f"A newer CRL of {name} is at {newest.where}: this one does not count."
        yield fact("crl_superseded", Level.NOTE, text, "Remove the older one.")
    elif end and end < now:
        text = f"The CRL of {name} is out of date since {day(end)}. All clients of that authority are refused."
        yield fact("crl_expired", level, text, renew)
    elif crl.last_update_utc > now:
        text = f"The CRL of {name} is not valid before {day(crl.last_update_utc)}. Until then its clients are refused."
        yield fact("crl_not_yet_valid", level, text, "Check the clocks of the authority and of the server.")
    elif end and end - now < min(CRL_SOON, (end - crl.last_update_utc) / 3):
        text = f"The CRL of {name} runs out on {day(end)}. From then on, all clients of that authority are refused."
        soon = Level.NOTE if level is Level.NOTE else Level.WARNING
        yield fact("crl_expires_soon", soon, text, f"{renew} Renew it by a timer.")


def _same_issuer(one: Crl, other: Crl) -> bool:
    return purpose.canonical(one.value.issuer) == purpose.canonical(other.value.issuer) and _key(one) == _key(other)


def _key(one: Crl) -> bytes | None:
    try:
        return one.value.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _depth(authorities: Sequence[Certificate], trust: Trust) -> Iterator[Fact]:
    if trust.depth is None:
        return
    needed = 0
    for entry in authorities:
        chain, anchored = build(entry, (), trust.authorities)
        needed = max(needed, len(chain) if anchored else 0)
        if anchored and len(chain) > trust.depth:
            text = (
                f"Clients of `{called(entry.value)}` have {len(chain)} certificates above their own, and SSLVerifyDepth"
                f" allows {trust.depth}: they are refused."
            )
            yield _fact(entry, "depth_too_small", Level.WARNING, text, f"Write `SSLVerifyDepth {len(chain)}`.")
    # A CRL of an authority that is not here means that clients send intermediates.
    sent = any(not any(revoked.is_of(crl.value, one.value) for one in trust.authorities) for crl in trust.crls)
    if 0 < needed < trust.depth and not sent:
        text = f"The authorities need `SSLVerifyDepth {needed}`, and it is {trust.depth}."
        remedy = f"Write `SSLVerifyDepth {needed}`, unless clients send further intermediates."
        yield _fact(authorities[0], "depth_larger_than_needed", Level.NOTE, text, remedy)


def _servers(own: Sequence[Certificate], servers: Sequence[Certificate]) -> Iterator[Fact]:
    for entry in own:
        for server in servers:
            if entry.value == server.value:
                text = f"The server's own certificate `{called(entry.value)}` is among the clients' authorities."
                remedy = "Use an authority of its own for clients: the server's key can be stolen from the server."
                yield _fact(entry, "server_certificate", Level.WARNING, text, remedy)
            elif purpose.names_issuer(server.value, entry.value) and purpose.is_signed_by(server.value, entry.value):
                text = f"The authority `{called(entry.value)}` issues servers as well: {server.where} is by it."
                remedy = (
                    "A server's certificate with clientAuth is admitted as a client. Use an authority for clients only."
                )
                yield Fact("server_authority", Level.NOTE, text, remedy, entry.file, entry.line)


def _duplicates(entries: Sequence[Certificate] | Sequence[Crl], kind: str) -> Iterator[Fact]:
    first: dict[bytes, Certificate | Crl] = {}
    for entry in entries:
        earlier = first.setdefault(entry.value.public_bytes(Encoding.DER), entry)
        if earlier is not entry:
            text = f"The same {kind} stands at {earlier.where} already."
            yield Fact("duplicate", Level.NOTE, text, "Remove one of them.", entry.file, entry.line)


def _named(named: Sequence[Certificate], trusted: Sequence[Certificate]) -> Iterator[Fact]:
    known = {purpose.canonical(entry.value.subject) for entry in trusted}
    named_subjects = {purpose.canonical(entry.value.subject) for entry in named}
    for entry in named:
        if purpose.canonical(entry.value.subject) not in known:
            text = f"The server names the authority `{called(entry.value)}` to its clients, and does not trust it."
            remedy = "Remove it from SSLCADNRequestFile, or add it to SSLCACertificateFile."
            yield Fact("named_not_trusted", Level.WARNING, text, remedy, entry.file, entry.line)
    for entry in trusted:
        if purpose.is_self_signed(entry.value) and purpose.canonical(entry.value.subject) not in named_subjects:
            name = called(entry.value)
            text = f"The server trusts `{name}` and does not name it: browsers do not offer its certificates."
            yield Fact("trusted_not_named", Level.NOTE, text, "Add it to SSLCADNRequestFile.", entry.file, entry.line)
