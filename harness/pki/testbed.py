"""Which certificates does a case need, and which authority issues them?"""

import copy
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.pki import CLIENT, Authority, Identity, KeyType, PrivateKey
from harness.pki.key_pool import SLOW_KINDS, SlowKeys, slow_keys
from harness.pki.public_roots import is_public
from harness.pki.recreation import Recreation
from harness.pki.revocation import Answers, MakeCrls, absent, current, truthful
from harness.pki.template import NOBODY, ClientTemplate, Part, key_like, names_responder
from harness.pki.trust_store import TrustStore

DAY = timedelta(days=1)
"""The unit of the validity periods that a case asks for."""
_ROOT = "Verification root"
"""The common name of the default issuer, unless a rule wants another one."""


class TestPki:
    """Everything issued for one trust store.

    `root` is the default issuer: the trusted root, or the intermediate that CONFIG trusts in its place. `others` are
    trusted as well, but are outside the chains of the authority that the template names. Any other authority belongs
    to the case that asked for it.
    """

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
        """Begin with `root`, or with the authorities of the template, or with a new root.

        `depth` is the number of certificates above the leaf that the server promises to accept. `ocsp_url` is the
        responder that the certificates name.
        """
        self.depth = depth
        self.ocsp_url = ocsp_url
        self.template = template or ClientTemplate()
        self._keys = keys or slow_keys()
        self._trust_store = TrustStore()
        self._own_authorities: dict[str, Authority] = {}
        self._case = ""
        self._asked = 0
        self.others: tuple[Authority, ...] = ()
        self.root = self._trust_store.add(root, trusted=True, crls=absent) if root else self._default_issuer()
        self.names = {authority.certificate.subject for authority in self._trust_store}
        """The subjects of the authorities that exist before any case asks for one."""

    def with_constraints(self, depth: int, template: ClientTemplate) -> "TestPki":
        """The same authorities, for a site with another template of its clients or another depth."""
        other = copy.copy(self)
        other.depth, other.template = depth, template
        return other

    @property
    def store(self) -> int:
        """A number that two PKIs share if they have the same authorities (`with_constraints`)."""
        return id(self._trust_store)

    def _default_issuer(self) -> Authority:
        if self.template.authorities or self.template.like:
            recreation = Recreation(self.template, self._trust_store, self._keys, self.ocsp_url)
            recreation.run()
            self.others = recreation.others()
            return recreation.issuer()
        wanted = [x509.NameAttribute(kind, value) for kind, value in self.template.issuer]
        named = any(one.oid == NameOID.COMMON_NAME for one in wanted)
        own = [] if named else [x509.NameAttribute(NameOID.COMMON_NAME, _ROOT)]
        subject = self.template.authority or x509.Name([*wanted, *own])
        if self.template.authority and wanted:
            # It is not known which others the server trusts, but a rule distinguishes them by their names.
            self.others = (self.authority(subject="Another root"),)
        return self._trust_store.add(Authority.root(subject=subject), trusted=True)

    @property
    def anchor(self) -> Authority:
        """The trusted authority above `root`, or `root` itself."""
        name = self.root.chain[-1].issuer if self.root.chain else self.root.certificate.subject
        return next(one for one in self._trust_store if one.certificate.subject == name)

    @property
    def public(self) -> Authority | None:
        """A trusted authority that browsers trust as well; None if there is none."""
        return next(filter(is_public, self._trust_store), None)

    @property
    def issuing_parent(self) -> Authority:
        """The parent of new intermediates: `root`, or the anchor above it if `root` allows no intermediate."""
        only_root = self._intermediates_allowed(self.root) or self.template.authority or self.template.like
        return self.root if only_root else self.anchor

    @property
    def intermediates_allowed(self) -> int:
        """How many intermediates a chain may have between `issuing_parent` and a leaf."""
        return self._intermediates_allowed(self.issuing_parent)

    def _intermediates_allowed(self, authority: Authority) -> int:
        below = self.depth - 1 - len(authority.chain)
        try:
            limit = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        except x509.ExtensionNotFound:
            limit = None
        return max(0, below if limit is None else min(below, limit))

    def begin(self, case: str, kind: int = 0) -> None:
        """Start another probe of a case. At sites of the same `kind` its clients have the same outcomes: there it uses
        the authorities of the case's earlier probes again."""
        self._case, self._asked = f"{case} {kind}" if kind else case, 0

    def authority(
        self, *, trusted: bool = True, crls: MakeCrls = current, answers: Answers = truthful, **changes: Any
    ) -> Authority:
        """Make a root for this case only. The server trusts it by default."""
        self._asked += 1
        key = f"{self._case} root {self._asked}"
        if key not in self._own_authorities:
            made = Authority.root(**{"subject": key} | changes)
            self._own_authorities[key] = self._trust_store.add(made, trusted=trusted, crls=crls, answers=answers)
        return self._own_authorities[key]

    def intermediate(
        self,
        under: Authority | None = None,
        *,
        crls: MakeCrls = current,
        **changes: Any,
    ) -> Authority:
        """Make an authority below another one (default: `issuing_parent`). The server has its CRL."""
        self._asked += 1
        above = under or self.issuing_parent
        key = f"{self._case} intermediate {self._asked}"
        if key not in self._own_authorities:
            made = above.subauthority(**{"subject": key, "ocsp_url": self.ocsp_url} | changes)
            self._trust_store.record(made.certificate, above)
            self._own_authorities[key] = self._trust_store.add(made, crls=crls)
        return self._own_authorities[key]

    def identity(self, under: Authority | None = None, **changes: Any) -> Identity:
        """Issue the client certificate of a good client (default issuer: `root`), apart from the `changes`."""
        good = self.template.profile(self._case or "control") | self._key_and_responder()
        return self._issue(under, **good | changes | {"extensions": _merged_extensions(good, changes)})

    def self_signed(self) -> Identity:
        """Make the client certificate of a good client, but signed by its own key. It names no responder."""
        good = self.template.profile(self._case) | self._key_and_responder()
        profile = replace(CLIENT, **good | {"ocsp_url": None})
        alone = Authority.root(**{entry.name: getattr(profile, entry.name) for entry in fields(profile)})
        return Identity(alone.certificate, alone.key)

    def stranger(self) -> Identity | None:
        """Issue a valid certificate that fulfils nothing that the template demands; None if it demands nothing, or if
        something that is not known may also admit a client."""
        template = self.template
        if not template.demanding or not (template.needed or (template.certain and not template.unread)):
            return None
        under = self.authority() if template.issuer else None
        return self._issue(under, subject=NOBODY, ocsp_url=self.ocsp_url)

    def lacking(self, part: Part) -> Identity | None:
        """Issue a certificate that fulfils all that the template demands except one part; None if no client needs that
        part."""
        if part not in self.template.needed:
            return None
        under = self.authority() if part is Part.ISSUER else None
        return self._issue(under, **self.template.lacking(part, self._case) | self._key_and_responder())

    def resembling(self) -> Identity | None:
        """Issue a certificate that an inexact expression confuses with that of a good client; None if none is known."""
        changes = self.template.resembling(self._case)
        return self._issue(None, **changes | self._key_and_responder()) if changes else None

    def suits(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate has all that rules and responders demand of a good client. Otherwise its refusal does
        not prove anything else."""
        needs_responder = self.ocsp_url and all(map(names_responder, self.template.like[:1]))
        return self.template.met_by(certificate) and (not needs_responder or names_responder(certificate))

    def _key_and_responder(self) -> dict[str, Any]:
        """The changes to a profile that depend on the run: the responder, and a key of the same kind as the model
        client's."""
        if not self.template.like:
            return {"ocsp_url": self.ocsp_url}
        like = self.template.like[0]
        kind = key_like(like.public_key())
        key = self._keys[kind] if kind in SLOW_KINDS else kind
        return {"ocsp_url": self.ocsp_url if names_responder(like) else None, "key": key}

    def _issue(self, under: Authority | None, **changes: Any) -> Identity:
        issuer = under or self.root
        made = issuer.client(**changes)
        self._trust_store.record(made.certificate, issuer)
        return made

    def cross_signed(self, other: Authority) -> x509.Certificate:
        """Issue a certificate of `issuing_parent` for another authority's name and key."""
        made = self.issuing_parent.cross_sign(other, ocsp_url=self.ocsp_url)
        self._trust_store.record(made, self.issuing_parent)
        self._trust_store.record_cross(made, other)
        return made

    def key(self, kind: KeyType) -> PrivateKey:
        """The run's RSA key of this size."""
        return self._keys[kind]

    def revoke(self, revoked: Identity | Authority, by: Authority | None = None) -> None:
        """Put a certificate on the CRL of its issuer (default: `root`)."""
        self._trust_store.revoke(revoked.certificate, by or self.root)

    def revoke_by_responder(self, revoked: Identity | Authority, by: Authority | None = None) -> None:
        """Let the responder of the issuer (default: `root`) answer `revoked`. No CRL lists the certificate."""
        self._trust_store.revoke_by_responder(revoked.certificate, by or self.root)

    def forget(self, identity: Identity) -> None:
        """Let the responder of `root` answer `unknown`."""
        self._trust_store.forget(identity.certificate, self.root)

    def trusted(self) -> list[x509.Certificate]:
        """The trust bundle: for `SSLCACertificateFile`."""
        return self._trust_store.trusted()

    def crls(self) -> list[x509.CertificateRevocationList]:
        """The CRLs of every authority: for `SSLCARevocationFile`."""
        return self._trust_store.crls()

    def answers(self) -> dict[str, bytes]:
        """The files of the OCSP responder of every authority, by file name."""
        return self._trust_store.answers()

    def responders(self) -> list[x509.Certificate]:
        """The certificates of the OCSP signers of every authority: for `SSLOCSPResponderCertificateFile`."""
        return self._trust_store.responders()


def _merged_extensions(
    good: Mapping[str, Any], changes: Mapping[str, Any]
) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    """The extensions of both, those of `changes` in the place of those with the same OID."""
    by_oid = {entry.oid: entry for entry in (*good["extensions"], *changes.get("extensions", ()))}
    return tuple(by_oid.values())
