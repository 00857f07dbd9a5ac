"""Which certificates does a configuration need, and in which files?"""

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import zip_longest

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from harness.engine.sandbox import Sandbox
from harness.httpd.directive import Directive, walk
from harness.httpd.guard import Guard
from harness.httpd.layout import RESPONDER, ConfigurationError
from harness.httpd.site import Site
from harness.httpd.variables import USER
from harness.pki import Authority, Identity, KeyType
from harness.pki.hashed import hashed
from harness.pki.key_pool import SlowKeys
from harness.pki.profile import written
from harness.pki.public_roots import certificates_in, public_roots
from harness.pki.template import ClientTemplate, part_of
from harness.pki.testbed import TestPki
from harness.probe import PASSWORD
from harness.verify.client import Query
from harness.verify.good_client import GoodClient
from harness.verify.policy import NO_POLICY, Policy
from harness.verify.subject import Attributes
from harness.verify.users import groups, passwords, stand_in

_TRUST = ("SSLCACertificateFile", "SSLCACertificatePath")
_NAMES = ("SSLCADNRequestFile", "SSLCADNRequestPath")
_CRLS = ("SSLCARevocationFile", "SSLCARevocationPath")
_OF_SERVER = ("SSLCertificateFile", "SSLCertificateKeyFile", "SSLCertificateChainFile")
_SYSTEM = re.compile(
    r"/etc/ssl/certs(/ca-certificates\.crt|/ca-bundle(\.trust)?\.crt)?/?|/etc/ssl/(cert\.pem|ca-bundle\.pem)"
    r"|/etc/pki/tls/(cert\.pem|certs/ca-bundle(\.trust)?\.crt)|/etc/pki/ca-trust/extracted/.*|/usr/share/ca-certificates(/.*)?"
)
"""Where systems keep the authorities that browsers trust."""
_SECRET = "{SHA}" + base64.b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
"""The hash of every client's password, as a password file holds it."""
_Key = tuple[str, ...]


@dataclass
class Provisioner:
    """All certificates of a run: the servers', and a PKI for each trust store that a site has."""

    sandbox: Sandbox
    configuration: Directive
    keys: SlowKeys
    depth: int | None = None
    """The promised depth of a chain where it is not that of SSLVerifyDepth."""
    like: tuple[x509.Certificate, ...] = ()
    """The certificate of the model client, and those of its issuers."""
    policy: Policy = NO_POLICY
    unread: dict[Directive, None] = field(default_factory=dict)
    """The rules whose requirements for a certificate could not be read."""
    _pkis: dict[_Key, TestPki] = field(default_factory=dict)
    _stores: dict[_Key, TestPki] = field(default_factory=dict)
    _pki_of_site: dict[str, TestPki] = field(default_factory=dict)
    _servers: dict[str, Identity] = field(default_factory=dict)
    _queries: dict[str, Query] = field(default_factory=dict)

    def pki(self, site: Site) -> TestPki:
        """The PKI of the site's clients; sites that name the same files, depth and rules share one."""
        if site.id not in self._pki_of_site:
            self._pki_of_site[site.id] = self._pki_for_files(site)
        return self._pki_of_site[site.id]

    def query(self, site: Site) -> Query:
        """The queries on a site's decision."""
        return self._queries.setdefault(site.id, Query(site))

    def _pki_for_files(self, site: Site) -> TestPki:
        guard = site.guard
        depth = self.depth or guard.verify_depth
        files = [self._path(guard, name) for name in (*_TRUST, *_CRLS)]
        good = self.query(site).good_client
        users = passwords(guard, lambda path: self.sandbox.config_file(self.sandbox.absolute(path)))
        self.unread.update({one.directive: None for one in good.unread})
        promise = self.policy.promise_for(site)
        if promise:
            good = _with_subject(good, promise.subject)
        wanted = good.template() | {"address": good.request.address, "user": good.request.user or None}
        trusted = self._authorities(files[:2])
        authority = self.policy.issuer(promise, self._certificates_in, trusted)
        # Where no responder is configured, a certificate has to name one.
        url = RESPONDER if guard.ocsp != "off" and not guard.has("SSLOCSPDefaultResponder") else None
        key = (*files, str(depth), repr((wanted, authority)), str(url), *users)
        if key not in self._pkis:
            template = ClientTemplate(
                **wanted,
                like=self.like,
                authorities=tuple(trusted),
                crls=tuple(_crls(self._from_config(files[2:]))),
                users=users,
                authority=authority,
            )
            self._pkis[key] = self._shared_pki(files, depth, template, url)
        return self._pkis[key]

    def _shared_pki(self, files: list[str], depth: int, template: ClientTemplate, url: str | None) -> TestPki:
        """A PKI for these files, shared by sites with the same trust store: two authorities of one name in one file
        cannot be distinguished."""
        key = (*files[:2], *(files[2:] if template.crls else ()), str(url), repr((template.issuer, template.authority)))
        if key not in self._stores:
            self._stores[key] = TestPki(depth, template=template, keys=self.keys, ocsp_url=url)
            return self._stores[key]
        return self._stores[key].with_constraints(depth, template)

    def check_issuer(self) -> None:
        """Check that an authority which CONFIG trusts issued the certificate of the model client.

        Raises:
            ConfigurationError: none did, so nothing could be proved about that client.
        """
        known = {name for pki in self._pkis.values() for name in pki.names}
        if self.like and self.like[0].issuer not in known:
            raise ConfigurationError(
                f"The certificate of --client-like was issued by {written(self.like[0].issuer)}, but CONFIG trusts "
                f"{'; '.join(sorted(map(written, known)))}.\nIf there is an intermediate between them, append its "
                "certificate to the client's."
            )

    def stand_in(self, site: Site) -> str | None:
        """The user made of the good client's certificate, for a password file that CONFIG does not hold."""
        return stand_in(site.guard, lambda path: self.sandbox.config_file(self.sandbox.absolute(path)))

    def blind(self, site: Site) -> bool:
        """Whether the policy names an authority, and the other authorities that the site trusts are unknown."""
        pki = self.pki(site)
        return pki.template.authority is not None and not (pki.template.authorities or pki.others)

    def servers(self) -> frozenset[x509.Certificate]:
        """Every certificate that only the server under test can have."""
        return frozenset(identity.certificate for identity in self._servers.values())

    def issue_servers(self, places: Iterable[Site]) -> None:
        """Issue a server certificate for every key that the configuration names."""
        names = tuple(dict.fromkeys(["localhost", *(site.name for site in places)]))
        root = Authority.root(subject="Verification server root")
        for number, certificate, key in self._pairs():
            path = self.sandbox.absolute(key or certificate)
            if path not in self._servers:
                usable = tuple(name for name in names if re.fullmatch(r"[A-Za-z0-9.*-]+", name))
                kind = self._kind(certificate, number)
                made = self.keys[kind] if kind is KeyType.RSA_2048 else kind
                self._servers[path] = root.server(subject=usable[-1][:60], names=usable, key=made)

    def files(self, places: Iterable[Site]) -> dict[str, bytes]:
        """Every file that a TLS directive names, by its path in the container. A file with several roles holds what
        each of them needs."""
        roles: dict[str, dict[bytes, None]] = {}

        def add(path: str, *contents: bytes) -> None:
            roles.setdefault(path, {}).update(dict.fromkeys(contents))

        for _, certificate, key in self._pairs():
            identity = self._servers[self.sandbox.absolute(key or certificate)]
            add(self.sandbox.absolute(certificate), identity.certificate_pem())
            add(self.sandbox.absolute(key or certificate), identity.key_pem())
        servers = set(roles)
        trust: dict[str, list[x509.Certificate]] = {}
        crls: dict[str, list[x509.CertificateRevocationList]] = {}
        all_trusted: list[x509.Certificate] = []
        for site in {self._key_of(site): site for site in places if site.guard.requirement}.values():
            pki = self.pki(site)
            all_trusted += pki.trusted()
            for name in (*_TRUST, *_NAMES):
                trust.setdefault(self._path(site.guard, name), []).extend(pki.trusted())
            for name in _CRLS:
                crls.setdefault(self._path(site.guard, name), []).extend(pki.crls())
        all_trusted = all_trusted or TestPki(1, keys=self.keys).trusted()
        folders: dict[str, bytes] = {}
        for entry in walk(self.configuration):
            if not entry.kind.startswith("ssl") or not entry.words:
                continue
            path = self.sandbox.absolute(entry.words[0])
            if entry.name.endswith("Path") and path != "/":
                folders |= hashed(path, trust.get(path) or all_trusted, crls.get(path, []))
            elif entry.name.endswith("File") and not (path in servers and entry.name in _OF_SERVER):
                add(path, *self._content(entry.name, path, trust, crls, all_trusted))
        files = {path: b"".join(contents) for path, contents in roles.items()}
        return self._password_files(places) | folders | files | self._groups()

    def _groups(self) -> dict[str, bytes]:
        """The files of groups for Diffie-Hellman: as in CONFIG, else a standard one."""
        named = (entry for entry in walk(self.configuration) if entry.kind == "sslopensslconfcmd")
        paths = [self.sandbox.absolute(entry.words[1]) for entry in named if entry.value == "dhparameters"]
        return {path: self.sandbox.config_file(path) or _group() for path in paths}

    def answers(self, places: Iterable[Site]) -> dict[str, bytes]:
        """Every file of the OCSP responder; none if no site uses one."""
        asking = {
            id(pki): pki
            for site in places
            if site.guard.requirement and site.guard.ocsp != "off"
            for pki in [self.pki(site)]
        }
        return {name: content for pki in asking.values() for name, content in pki.answers().items()}

    def _content(
        self,
        name: str,
        path: str,
        trust: dict[str, list[x509.Certificate]],
        crls: dict[str, list[x509.CertificateRevocationList]],
        all_trusted: list[x509.Certificate],
    ) -> list[bytes]:
        if "Revocation" in name:
            return _pem(crls.get(path) or [crl for pki in self._pkis.values() for crl in pki.crls()])
        if name.lower() == "sslocsprespondercertificatefile":
            return _pem(signer for pki in self._pkis.values() for signer in pki.responders())
        if "MachineCertificate" in name:
            identity = Authority.root(subject="Verification proxy root").client(subject="proxy")
            return [identity.certificate_pem() + identity.key_pem()]
        return _pem(trust.get(path) or all_trusted)

    def _key_of(self, site: Site) -> _Key:
        pki = self.pki(site)
        return (str(pki.store), *(self._path(site.guard, name) for name in (*_TRUST, *_NAMES, *_CRLS)))

    def _path(self, guard: Guard, name: str) -> str:
        found = guard.arguments(name)
        return self.sandbox.absolute(found[0]) if found else ""

    def _password_files(self, places: Iterable[Site]) -> dict[str, bytes]:
        """The password and group files, by path. The users of the run's clients come first: the first line of a user
        counts. A file that CONFIG does not hold has the user of the good client."""
        users: dict[str, dict[str, None]] = {}
        members: dict[str, str] = {}
        for site in places:
            guard, user = site.guard, self.stand_in(site) or self.pki(site).template.user
            if guard.requirement and user and guard.has("AuthUserFile"):
                users.setdefault(self._path(guard, "AuthUserFile"), {})[user] = None
            if guard.requirement and guard.has("AuthGroupFile") and (user or guard.has("SSLUserName")):
                path = self._path(guard, "AuthGroupFile")
                named = (f'{name}: "{user or USER}"\n' for name in groups(guard))
                members[path] = members.get(path, "") + "".join(named)
        in_groups = {path: text.encode() for path, text in members.items() if not self.sandbox.config_file(path)}
        return in_groups | {
            path: "".join(f"{user}:{_SECRET}\n" for user in names).encode() + self.sandbox.config_file(path)
            for path, names in users.items()
        }

    def _pairs(self) -> Iterator[tuple[int, str, str | None]]:
        """Yield every server certificate and its key, after its number in the virtual host."""
        for level in (self.configuration, *self.configuration.find("VirtualHost")):
            certificates = [entry.words[0] for entry in level.find("SSLCertificateFile")]
            keys = [entry.words[0] for entry in level.find("SSLCertificateKeyFile")]
            for number, (certificate, key) in enumerate(zip_longest(certificates, keys)):
                if certificate:
                    yield number, certificate, key

    def _kind(self, certificate: str, number: int) -> KeyType:
        """The key type for the configuration's cipher suites: as the user's own certificate, else by their names."""
        own = certificates_in(self.sandbox.config_file(self.sandbox.absolute(certificate)))
        suites = " ".join(entry.arguments for entry in walk(self.configuration) if entry.kind == "sslciphersuite")
        only_rsa = "RSA" in suites.replace("ECDSA", "") and "ECDSA" not in suites
        if own:
            only_rsa = isinstance(own[0].public_key(), rsa.RSAPublicKey)
        return KeyType.RSA_2048 if only_rsa or number == 1 else KeyType.P_256

    def _authorities(self, paths: Sequence[str]) -> list[x509.Certificate]:
        """The authorities that CONFIG holds, without those of the system's trust store."""
        if any(_SYSTEM.fullmatch(path) and not self._from_config([path]) for path in paths):
            return list(public_roots())
        return certificates_in(self._from_config(paths))

    def _certificates_in(self, file: str) -> list[x509.Certificate]:
        """Read the certificates in a file of CONFIG, named as the configuration does or by its path in CONFIG."""
        inside = self.sandbox.layout.path_of(file) or self.sandbox.absolute(file)
        return certificates_in(self.sandbox.config_file(inside))

    def _from_config(self, paths: Iterable[str]) -> bytes:
        """The content of these files and folders, as far as CONFIG holds them."""
        return b"".join(
            content
            for path in filter(None, paths)
            for name, content in self.sandbox.layout.files.items()
            if name == path or name.startswith(f"{path}/")
        )


def _with_subject(good: GoodClient, wanted: Attributes) -> GoodClient:
    """The good client with the subject that a policy requires."""
    own = tuple(one for one in good.subject.subject if one[0] not in dict(wanted))
    needed = good.needed | {part_of(kind) for kind, _ in wanted}
    return replace(good, subject=replace(good.subject, subject=(*own, *wanted)), needed=needed)


def _pem(entries: Iterable[x509.Certificate | x509.CertificateRevocationList]) -> list[bytes]:
    return [entry.public_bytes(Encoding.PEM) for entry in entries]


def _group() -> bytes:
    """The group ffdhe2048 for Diffie-Hellman (RFC 7919 appendix A.1)."""
    e = sum(Fraction(1, math.factorial(number)) for number in range(400))
    prime = 2**2048 - 2**1984 + (math.floor(2**1918 * e) + 560316) * 2**64 - 1
    # DHParameter of PKCS #3: SEQUENCE {INTEGER prime, INTEGER 2}.
    encoded = bytes.fromhex("30820108 02820101 00") + prime.to_bytes(256) + bytes.fromhex("020102")
    return b"-----BEGIN DH PARAMETERS-----\n%b-----END DH PARAMETERS-----\n" % base64.encodebytes(encoded)


def _crls(content: bytes) -> list[x509.CertificateRevocationList]:
    blocks = re.findall(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", content, re.DOTALL)
    try:
        return [x509.load_pem_x509_crl(block) for block in blocks]
    except ValueError:
        return []
