"""Which authorities does one server trust, and whom have they issued, revoked and forgotten?

A stale, foreign or absent CRL is one more authority in the same trust bundle, so that one server serves every case. The
same goes for the answers of OCSP responders.
"""

import copy
import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning

from harness.pki import CLIENT, Authority, Identity, KeyType, PrivateKey, generate
from harness.pki.ocsp import Register
from harness.pki.template import NOBODY, ClientTemplate, Part, key_like, names_responder

DAY = timedelta(days=1)
Revoked = Sequence[x509.Certificate]
MakeCrls = Callable[[Authority, Revoked], list[x509.CertificateRevocationList]]
Answers = Callable[[Register], dict[str, bytes]]
"""What a responder is given of an authority's register, by file name."""
_SLOW = (KeyType.RSA_4096, KeyType.RSA_3072, KeyType.RSA_2048, KeyType.RSA_1024)


@dataclass
class _Known:
    """An authority of the run, how its CRLs are made from the certificates that it has put on them, and how a responder
    answers for it."""

    authority: Authority
    trusted: bool
    crls: MakeCrls
    answers: Answers
    listed: list[x509.Certificate]
    register: Register


def current(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """One CRL that is valid today: what an authority should have."""
    return [authority.crl(revoked)]


def stale(authority: Authority, revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """One CRL whose nextUpdate has passed (RFC 5280 section 5.1.2.5)."""
    return [authority.crl(revoked, last_update=-2 * DAY, next_update=-DAY)]


def absent(_authority: Authority, _revoked: Revoked) -> list[x509.CertificateRevocationList]:
    """No CRL at all."""
    return []


def truthful(register: Register) -> dict[str, bytes]:
    """What a responder should have."""
    return register.files()


def outdated(register: Register) -> dict[str, bytes]:
    """A responder whose answers ran out two days ago (RFC 6960 section 4.2.2.1)."""
    return register.files(clock="-2d")


def silent(_register: Register) -> dict[str, bytes]:
    """A responder that has no answer."""
    return {}


class SlowKeys:
    """RSA keys take up to a second. One of each size serves a whole process, made while other things are waited for."""

    def __init__(self, kinds: Sequence[KeyType] = _SLOW) -> None:
        """Begin to make keys of these kinds."""
        workers = ThreadPoolExecutor(max_workers=2)
        self._keys = {kind: workers.submit(generate, kind) for kind in kinds}
        workers.shutdown(wait=False)

    def __getitem__(self, kind: KeyType) -> PrivateKey:
        return self._keys[kind].result()


@functools.cache
def slow_keys() -> SlowKeys:
    """The process's RSA keys: throw-away ones, so that several runs may have the same."""
    return SlowKeys()


class TestPki:
    """All that is issued for one trust store. `root` is the authority that issues what a case does not want otherwise:
    the trusted root, or where CONFIG trusts an intermediate, that. What a case asks for beyond belongs to it alone.
    `others` are trusted as well, but what they issue is not of the model's authority."""

    __test__ = False  # pytest would take it for a class of tests

    def __init__(
        self,
        depth: int,
        *,
        template: ClientTemplate | None = None,
        keys: SlowKeys | None = None,
        ocsp_url: str | None = None,
        root: Authority | None = None,
    ) -> None:
        """Start with the root, a new one unless it is given; `depth` is how many certificates above the leaf the server
        promises to accept, `ocsp_url` the responder that the certificates name."""
        self.depth = depth
        self.ocsp_url = ocsp_url
        self.template = template or ClientTemplate()
        self._keys = keys or slow_keys()
        self._known: dict[bytes, _Known] = {}
        self._own_authorities: dict[str, Authority] = {}
        self._case = ""
        self._asked = 0
        self.others: tuple[Authority, ...] = ()
        self.root = self._enter(root, trusted=True, crls=absent) if root else self._made()
        self.names = {known.authority.certificate.subject for known in self._known.values()}
        """The authorities that are there before any case asks for its own."""

    def with_constraints(self, depth: int, template: ClientTemplate) -> "TestPki":
        """The same authorities, for a place that asks something else of their clients or of the length of chains."""
        other = copy.copy(self)
        other.depth, other.template = depth, template
        return other

    @property
    def store(self) -> int:
        """What tells its authorities from those of another, but not from those of one that stands beside it."""
        return id(self._known)

    @property
    def anchor(self) -> Authority:
        """The trusted authority above `root`, or `root` itself."""
        name = self.root.chain[-1].issuer if self.root.chain else self.root.certificate.subject
        return next(one.authority for one in self._known.values() if one.authority.certificate.subject == name)

    def _made(self) -> Authority:
        return self._recreate() if self.template.authorities or self.template.like else self._first()

    @property
    def issuing_parent(self) -> Authority:
        """What intermediates are made below: `root`, or where that leaves no room for any, the authority above it."""
        only_root = self._intermediates_allowed(self.root) or self.template.authority or self.template.like
        return self.root if only_root else self.anchor

    @property
    def intermediates_allowed(self) -> int:
        """How many intermediates may stand between `issuing_parent` and a leaf."""
        return self._intermediates_allowed(self.issuing_parent)

    def _intermediates_allowed(self, authority: Authority) -> int:
        below = self.depth - 1 - len(authority.chain)
        try:
            limit = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        except x509.ExtensionNotFound:
            limit = None
        return max(0, below if limit is None else min(below, limit))

    def _first(self) -> Authority:
        wanted = [x509.NameAttribute(kind, value) for kind, value in self.template.issuer]
        subject = self.template.authority or (x509.Name(wanted) if wanted else "Verification root")
        if self.template.authority and wanted:
            # Which others the server trusts is not known; that a rule tells them apart is.
            self.others = (self.authority(subject="Another root"),)
        return self._enter(Authority.root(subject=subject), trusted=True)

    def _recreate(self) -> Authority:
        """Make the authorities of CONFIG again: names, constraints, kinds of key and validity, with other keys; returns
        the issuer of the client that is the model, else the lowest, whose clients need every other one above it."""
        made: dict[x509.Name, Authority] = {}
        trusted, like = set(self.template.authorities), self.template.like
        if not trusted and (top := like[-1]).issuer != top.subject:
            made[top.issuer] = self._enter(Authority.root(subject=top.issuer), trusted=True)
        waiting = list(dict.fromkeys([*self.template.authorities, *like[1:]]))
        names = {certificate.subject for certificate in waiting}
        while waiting:
            certificate = next(
                (one for one in waiting if one.issuer not in names - made.keys() - {one.subject}), waiting[0]
            )
            waiting.remove(certificate)
            above = made.get(certificate.issuer)
            if trusted and not above and certificate not in trusted:
                continue  # What came with the model leads to no authority of this place.
            changes = self._likeness(certificate)
            authority = above.subauthority(**changes) if above else Authority.root(**changes)
            if above:
                self._known[_print(above)].register.issued.append(authority.certificate)
            trust = certificate in trusted or not above
            made.setdefault(
                certificate.subject, self._enter(authority, trusted=trust, crls=self._crls_like(certificate))
            )
        if self.template.authority in made:
            self.others = tuple(made[name] for name in made if self.template.authority not in _line(name, made))
            return made[self.template.authority]
        if like and like[0].issuer in made:
            return made[like[0].issuer]
        issuers = {one.issuer for one in self.template.authorities if one.issuer != one.subject}
        lowest = [authority for name, authority in made.items() if name not in issuers] or [*made.values()]
        return next((authority for authority in lowest if not _is_public(authority)), lowest[0])

    @property
    def public(self) -> Authority | None:
        """A trusted authority that browsers trust as well; None where there is none."""
        return next((known.authority for known in self._known.values() if _is_public(known.authority)), None)

    def _likeness(self, certificate: x509.Certificate) -> dict[str, Any]:
        own = (
            *(x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.BasicConstraints, x509.KeyUsage),
            x509.AuthorityInformationAccess,
        )
        by_kind = {type(entry.value): entry for entry in certificate.extensions}
        constraints, usage = by_kind.get(x509.BasicConstraints), by_kind.get(x509.KeyUsage)
        size = getattr(certificate.public_key(), "key_size", 0)
        rsa = next((kind for kind in _SLOW[:3] if kind.value == f"rsa-{size}"), None)
        return {
            "subject": certificate.subject,
            "not_before": certificate.not_valid_before_utc,
            "not_after": certificate.not_valid_after_utc,
            "basic_constraints": constraints.value if constraints else None,
            "key_usage": usage.value if usage else None,
            "extensions": tuple(entry for kind, entry in by_kind.items() if kind not in own),
            "key": self._keys[rsa] if rsa else KeyType.P_256,
            "ocsp_url": self.ocsp_url if names_responder(certificate) else None,
        }

    def _crls_like(self, certificate: x509.Certificate) -> MakeCrls:
        """Make the CRLs of CONFIG again, with their dates; an authority that has none there has none here."""
        if not self.template.crls:
            return current
        theirs = [crl for crl in self.template.crls if crl.issuer == certificate.subject]
        return lambda authority, revoked: [
            authority.crl(revoked, last_update=crl.last_update_utc, next_update=crl.next_update_utc or 30 * DAY)
            for crl in theirs
        ]

    def begin(self, case: str, kind: int = 0) -> None:
        """Start another probe of a case: the authorities that its earlier probes made are used again, at sites of the
        same kind, where the same becomes of their clients."""
        self._case, self._asked = f"{case} {kind}" if kind else case, 0

    def authority(
        self, *, trusted: bool = True, crls: MakeCrls = current, answers: Answers = truthful, **changes: Any
    ) -> Authority:
        """Make a root of the case's own, in the server's trust bundle unless told otherwise."""
        self._asked += 1
        key = f"{self._case} root {self._asked}"
        if key not in self._own_authorities:
            made = Authority.root(**{"subject": key} | changes)
            self._own_authorities[key] = self._enter(made, trusted=trusted, crls=crls, answers=answers)
        return self._own_authorities[key]

    def intermediate(
        self,
        under: Authority | None = None,
        *,
        crls: MakeCrls = current,
        **changes: Any,
    ) -> Authority:
        """Make an authority below another (below `issuing_parent` when none is named); the server knows its CRL."""
        self._asked += 1
        above = under or self.issuing_parent
        key = f"{self._case} intermediate {self._asked}"
        if key not in self._own_authorities:
            made = above.subauthority(**{"subject": key, "ocsp_url": self.ocsp_url} | changes)
            self._record(made.certificate, above)
            self._own_authorities[key] = self._enter(made, crls=crls)
        return self._own_authorities[key]

    def identity(self, under: Authority | None = None, **changes: Any) -> Identity:
        """Issue a client certificate that is right in all that `changes` do not say (below `root` by default)."""
        good = self.template.profile(self._case or "control") | self._own()
        return self._issue(under, **good | changes | {"extensions": _together(changes, good)})

    def self_signed(self) -> Identity:
        """Make a client certificate that its own key signed, and that is right in all else; no responder knows it."""
        profile = replace(CLIENT, **self.template.profile(self._case) | self._own() | {"ocsp_url": None})
        alone = Authority.root(**{entry.name: getattr(profile, entry.name) for entry in fields(profile)})
        return Identity(alone.certificate, alone.key)

    def stranger(self) -> Identity | None:
        """Issue a certificate that is good in itself and has nothing of what the model demands; None where it demands
        nothing, or where something else may do as well."""
        if not self.template.demanding or not (
            self.template.needed or (self.template.certain and not self.template.unread)
        ):
            return None
        under = self.authority() if self.template.issuer else None
        return self._issue(under, subject=NOBODY, ocsp_url=self.ocsp_url)

    def lacking(self, part: Part) -> Identity | None:
        """Issue a certificate that has all that is wanted but one part; None where nobody has to have that."""
        if part not in self.template.needed:
            return None
        under = self.authority() if part is Part.ISSUER else None
        changes = self.template.lacking(part, self._case) | self._own()
        return self._issue(under, **changes)

    def resembling(self) -> Identity | None:
        """Issue a certificate that an expression takes for what is wanted; None where none is known."""
        changes = self.template.resembling(self._case)
        return self._issue(None, **changes | self._own()) if changes else None

    def suits(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate has all that rules and responders want of a good client: who lacks it shows nothing
        where he is refused."""
        asked = self.ocsp_url and all(map(names_responder, self.template.like[:1]))
        return self.template.met_by(certificate) and (not asked or names_responder(certificate))

    def _own(self) -> dict[str, Any]:
        """What follows from who issues the certificate: its responder, and a key of the kind that the model has."""
        if not self.template.like:
            return {"ocsp_url": self.ocsp_url}
        like = self.template.like[0]
        kind = key_like(like.public_key())
        key = self._keys[kind] if kind in _SLOW else kind
        return {"ocsp_url": self.ocsp_url if names_responder(like) else None, "key": key}

    def _issue(self, under: Authority | None, **changes: Any) -> Identity:
        made = (under or self.root).client(**changes)
        self._record(made.certificate, under)
        return made

    def cross_signed(self, other: Authority) -> x509.Certificate:
        """Certify another authority's name and key by `issuing_parent`."""
        made = self.issuing_parent.cross_sign(other, ocsp_url=self.ocsp_url)
        self._record(made, self.issuing_parent)
        self._known[_print(other)].register.cross.append(made)
        return made

    def key(self, kind: KeyType) -> PrivateKey:
        """The run's RSA key of this size."""
        return self._keys[kind]

    def revoke(self, revoked: Identity | Authority, by: Authority | None = None) -> None:
        """Put a certificate on the CRL of the authority that issued it (`root` when none is named)."""
        listed = self._known[_print(by or self.root)].listed
        if revoked.certificate not in listed:
            listed.append(revoked.certificate)

    def revoke_by_responder(self, revoked: Identity | Authority, by: Authority | None = None) -> None:
        """Let the responder of its issuer (`root` when none is named) call a certificate revoked that is on no CRL."""
        self._known[_print(by or self.root)].register.revoked.append(revoked.certificate)

    def forget(self, identity: Identity) -> None:
        """Strike a certificate out of the register of `root`: its responder does not know it."""
        self._known[_print(self.root)].register.issued.remove(identity.certificate)

    def trusted(self) -> list[x509.Certificate]:
        """The trust bundle: for `SSLCACertificateFile`."""
        return [known.authority.certificate for known in self._known.values() if known.trusted]

    def crls(self) -> list[x509.CertificateRevocationList]:
        """The CRLs of every authority: for `SSLCARevocationFile`."""
        return [crl for known in self._known.values() for crl in known.crls(known.authority, known.listed)]

    def answers(self) -> dict[str, bytes]:
        """What the responder is given of every authority, by file name."""
        return {name: file for known in self._known.values() for name, file in known.answers(known.register).items()}

    def responders(self) -> list[x509.Certificate]:
        """Who signs the answers of every authority, as it wants it: for `SSLOCSPResponderCertificateFile`."""
        return [known.register.signer.certificate for known in self._known.values()]

    def _record(self, issued: x509.Certificate, by: Authority | None) -> None:
        """Enter a certificate in the register of its issuer, where that is an authority of the run."""
        if known := self._known.get(_print(by or self.root)):
            known.register.issued.append(issued)

    def _enter(
        self, authority: Authority, *, trusted: bool = False, crls: MakeCrls = current, answers: Answers = truthful
    ) -> Authority:
        self._known[_print(authority)] = _Known(authority, trusted, crls, answers, [], Register(authority))
        return authority


def _is_public(authority: Authority) -> bool:
    return authority.certificate.subject in public_names()


@functools.cache
def public_names() -> frozenset[x509.Name]:
    """The names of the authorities that browsers trust."""
    return frozenset(certificate.subject for certificate in public_roots())


@functools.cache
def public_roots() -> tuple[x509.Certificate, ...]:
    """The authorities that browsers trust, as Mozilla lists them."""
    return tuple(certificates_in(Path(certifi.where()).read_bytes()))


def certificates_in(content: bytes) -> list[x509.Certificate]:
    """Read the certificates of a PEM file; none from what is no such file."""
    with warnings.catch_warnings():
        # Some public roots are older than the rules that they break; here only their names count.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            return x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []
        except ValueError:
            return []


def _together(changes: dict[str, Any], good: dict[str, Any]) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    """The extensions of a change, and of the good profile those that it does not speak of."""
    changed = {entry.oid: entry for entry in changes.get("extensions", ())}
    return tuple(({entry.oid: entry for entry in good["extensions"]} | changed).values())


def _line(name: x509.Name, made: Mapping[x509.Name, Authority]) -> set[x509.Name]:
    """Name an authority and all those above it."""
    line: set[x509.Name] = set()
    while name in made and name not in line:
        line.add(name)
        name = made[name].certificate.issuer
    return line


def _print(authority: Authority) -> bytes:
    return authority.certificate.public_bytes(Encoding.DER)
