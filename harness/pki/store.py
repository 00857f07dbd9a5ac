"""Which files does an authority have on disk, and which certificates has it issued?

ca.crt, ca.crl                             the root, and what it has revoked
intermediate.crt, intermediate.crl         the authority below it, if there is one: then that one issues
private/ca.key, private/intermediate.key   may be encrypted, and moved offline
index.json                                 every serial number, its client, and when it was revoked
server/                                    all that the web server needs, and nothing else
clients/NAME/                              certificate and key of a client
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from harness.pki.authority import Authority, Identity, revoked_certificate, serial
from harness.pki.files import PkiError, locked, write_private, write_public
from harness.pki.keys import PrivateKey, PublicKey
from harness.pki.profile import Profile, written
from harness.pki.request import Request

LEVELS = ("ca", "intermediate")
CRL_DAYS = timedelta(days=30)
_ROOT_CRL_DAYS = timedelta(days=365)
"""A root above an intermediate revokes next to nothing, and its key may be offline."""


@dataclass(frozen=True)
class Entry:
    """One certificate that was issued: serial number (hexadecimal), level of its issuer, what it is for, and when it
    was revoked (None if it is not). Times are ISO 8601 in UTC."""

    serial: str
    issuer: str
    kind: str
    name: str
    subject: str
    not_after: str
    revoked: str | None = None
    reason: str | None = None

    @property
    def state(self) -> str:
        """`revoked`, `expired` or `valid`."""
        if self.revoked:
            return "revoked"
        return "expired" if datetime.fromisoformat(self.not_after) <= datetime.now(UTC) else "valid"


class Store:
    """An authority's folder. Whatever is written is written whole or not at all, by one process at a time."""

    def __init__(self, folder: Path, passphrase: Callable[[Path], bytes]) -> None:
        """`passphrase` is asked for the passphrase of a key file that is encrypted."""
        self.folder = folder
        self._passphrase = passphrase

    # --- Authorities

    def create(self, root: Profile, intermediate: Profile | None, passphrase: bytes | None) -> None:
        """Make the root, and the authority below it if one is wanted; their keys encrypted if there is a passphrase.

        Raises:
            PkiError: something of an authority is there already. It is never overwritten.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.folder):
            for file in (self._certificate_file("ca"), *map(self._key_file, LEVELS)):
                if file.exists():
                    raise PkiError(
                        f"{file} exists, and an authority is never overwritten.\n"
                        "Choose another folder with --dir, or move the old one."
                    )
            top = Authority.root(**vars(root))
            made = {"ca": top} | ({"intermediate": top.subauthority(**vars(intermediate))} if intermediate else {})
            for level, authority in made.items():
                write_private(_closed(self._key_file(level)), _key_pem(authority.key, passphrase))
            below = [
                _entry(entry.certificate, "ca", "authority", level) for level, entry in made.items() if level != "ca"
            ]
            self._write_entries(below)
            for level, authority in made.items():
                self._write_crl(level, authority, below, _ROOT_CRL_DAYS if level == "ca" and below else CRL_DAYS)
            # The root's certificate comes last: without it, the folder is not an authority.
            for level in reversed(made):
                content = made[level].certificate.public_bytes(Encoding.PEM)
                write_public(self._certificate_file(level), content)
            self._publish()

    def levels(self) -> list[str]:
        """Name the authorities that are here, the root first.

        Raises:
            PkiError: there is none.
        """
        self.certificate("ca")
        return [level for level in LEVELS if self._certificate_file(level).exists()]

    def certificate(self, level: str) -> x509.Certificate:
        """Load an authority's certificate.

        Raises:
            PkiError: there is none, or the file is foreign.
        """
        file = self._certificate_file(level)
        if not file.exists():
            raise PkiError(f"There is no authority in {self.folder}. `mtls-harness pki init` makes one.")
        return load_certificates(file)[0]

    def has_key(self, level: str) -> bool:
        """Whether an authority's key is in this folder, not offline."""
        return self._key_file(level).exists()

    def authority(self, level: str | None = None) -> Authority:
        """Load an authority with its key: the one that issues, unless a level is named.

        Raises:
            PkiError: there is none, its key is not here or is not its own, or the passphrase is wrong.
        """
        level = level or self.levels()[-1]
        certificate, file = self.certificate(level), self._key_file(level)
        if not file.exists():
            raise PkiError(
                f"The key of {self._certificate_file(level)} is not here. Is it kept offline? Put it at {file}."
            )
        key = self._load_key(file)
        if key.public_key() != certificate.public_key():
            raise PkiError(f"{file} is not the key of {self._certificate_file(level)}.")
        return Authority(certificate, key, () if level == "ca" else (certificate,))

    # --- Certificates

    def issue_server(self, profile: Profile) -> Identity:
        """Issue the server's certificate into `server/`, in the place of the one that may be there."""
        issuer, key = self.authority(), profile.private_key
        with locked(self.folder):
            certificate = self._issue(issuer, profile, key.public_key(), "server", written(profile.name))
            identity = Identity(certificate, key, issuer.chain)
            write_private(_closed(self.folder / "server" / "server.key"), identity.key_pem())
            write_public(self.folder / "server" / "server.crt", identity.certificate_pem())
            self._publish()
        return identity

    def issue_client(self, name: str, profile: Profile, *, renew: bool = False) -> tuple[Identity, Path]:
        """Issue a client's certificate; returns it and its folder, `clients/NAME/`.

        Raises:
            PkiError: a client of that name has one already, and it is not to be renewed.
        """
        folder = self._client_folder(name)
        issuer, key = self.authority(), profile.private_key
        with locked(self.folder):
            if (folder / "client.crt").exists() and not renew:
                raise PkiError(
                    f"{folder} contains a certificate already. --renew issues a new one; the old one stays "
                    "valid until it is revoked."
                )
            certificate = self._issue(issuer, profile, key.public_key(), "client", name)
            identity = Identity(certificate, key, issuer.chain)
            write_private(_closed(folder / "client.key"), identity.key_pem())
            write_public(folder / "client.crt", identity.certificate_pem())
        return identity, folder

    def sign(
        self, request: Request, profile: Profile, out: Path, *, allowed: tuple[str, ...] = (), renew: bool = False
    ) -> x509.Certificate:
        """Issue a certificate for a request that was made elsewhere, and write it with its chain to `out`.

        Subject, key and those of its names that are `allowed` are the request's, everything else is the profile's: no
        extension is copied.

        Raises:
            PkiError: the request asks for a name that is not allowed, comes with an authority's own name or key, there
                is a valid certificate of this subject and it is not to be renewed, or `out` exists.
        """
        request.check_names(allowed)
        issuer = self.authority()
        for level in self.levels():
            own = self.certificate(level)
            if request.subject == own.subject or request.key == own.public_key():
                raise PkiError(f"{request.file} has the name or the key of the authority.")
        with locked(self.folder):
            if out.exists():
                raise PkiError(f"{out} exists, and is not overwritten. Name another file with --out.")
            subject = written(request.subject)
            same = [entry for entry in self.entries() if entry.subject == subject and entry.state == "valid"]
            if same and not renew:
                raise PkiError(
                    f"{subject} has a valid certificate already (serial {same[0].serial}).\n"
                    "If this request comes from the same person, sign it with --renew."
                )
            names = request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            name = str(names[0].value) if names else subject
            requested = replace(profile, subject=request.subject, names=request.names)
            certificate = self._issue(issuer, requested, request.key, "request", name)
            write_public(out, Identity(certificate, issuer.key, issuer.chain).certificate_pem())
        return certificate

    def client(self, name: str) -> Identity:
        """Load a client's certificate, key and chain.

        Raises:
            PkiError: there is no such client here.
        """
        folder = self._client_folder(name)
        if not (folder / "client.crt").exists() or not (folder / "client.key").exists():
            raise PkiError(f"No client {name} was made in {self.folder}. `mtls-harness pki show` lists them.")
        certificate, *chain = load_certificates(folder / "client.crt")
        return Identity(certificate, self._load_key(folder / "client.key"), tuple(chain))

    # --- Revocation

    def entries(self) -> list[Entry]:
        """The issued certificates, in order.

        Raises:
            PkiError: the index is missing or foreign.
        """
        file = self.folder / "index.json"
        try:
            return [Entry(**entry) for entry in json.loads(file.read_text())]
        except (OSError, ValueError, TypeError) as error:
            raise PkiError(f"{file} cannot be read as an authority's index: {error}") from error

    def find(self, which: str) -> Entry:
        """Find a certificate by its serial number, or the one valid certificate of a name.

        Raises:
            PkiError: none fits, or more than one does.
        """
        entries = self.entries()
        number = re.sub(r"[:\s]", "", which).lstrip("0").upper()
        named = [entry for entry in entries if entry.name == which]
        found = (
            [entry for entry in entries if entry.serial.lstrip("0") == number]
            or [entry for entry in named if not entry.revoked]
            or named[-1:]
        )
        if not found:
            raise PkiError(f"{which} was never issued here. `mtls-harness pki show` lists all certificates.")
        if len(found) > 1:
            listed = ", ".join(f"{entry.serial} ({entry.state})" for entry in found)
            raise PkiError(f"{which} has several certificates. Name one by its serial number: {listed}.")
        return found[0]

    def revoke(self, which: str, reason: x509.ReasonFlags) -> Entry:
        """Revoke a certificate, named as for `find`, and renew the CRL of its issuer.

        Raises:
            PkiError: none fits, more than one does, or it is revoked already.
        """
        found = self.find(which)
        issuer = self.authority(found.issuer)
        with locked(self.folder):
            entries = self.entries()
            at = [entry.serial for entry in entries].index(found.serial)
            if not entries[at].revoked:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                entries[at] = replace(entries[at], revoked=now, reason=reason.value)
                self._write_entries(entries)
            elif self.crl(found.issuer).get_revoked_certificate_by_serial_number(int(found.serial, 16)):
                raise PkiError(f"{which} is revoked already, since {entries[at].revoked}.")
            self._write_crl(found.issuer, issuer, entries, CRL_DAYS)
            self._publish()
        return entries[at]

    def renew_crls(self, valid_for: timedelta) -> list[str]:
        """Renew the CRL of each authority whose key is here; returns their levels.

        The CRL of a root above an intermediate is valid for a year at least.

        Raises:
            PkiError: none is.
        """
        here = {level: self.authority(level) for level in self.levels() if self.has_key(level)}
        if not here:
            raise PkiError(f"No authority's key is in {self.folder / 'private'}, so no CRL can be signed.")
        with locked(self.folder):
            entries = self.entries()
            for level, authority in here.items():
                above = level != self.levels()[-1]
                self._write_crl(level, authority, entries, max(valid_for, _ROOT_CRL_DAYS) if above else valid_for)
            self._publish()
        return list(here)

    def crl(self, level: str) -> x509.CertificateRevocationList:
        """Load an authority's CRL.

        Raises:
            PkiError: it is missing or foreign.
        """
        file = self.folder / f"{level}.crl"
        try:
            return x509.load_pem_x509_crl(file.read_bytes())
        except (OSError, ValueError) as error:
            raise PkiError(f"{file} cannot be read as a CRL. `mtls-harness pki crl` makes it anew.") from error

    # --- Private: the caller holds the lock

    def _issue(self, issuer: Authority, profile: Profile, key: PublicKey, kind: str, name: str) -> x509.Certificate:
        """Certify, and write the serial number into the index before the certificate is returned."""
        entries = self.entries()
        taken = {entry.serial for entry in entries}
        while serial(certificate := issuer.certify(profile, key)) in taken:
            if profile.serial:
                raise PkiError(f"The serial number {serial(certificate)} is taken.")
        level = self.levels()[-1]
        self._write_entries([*entries, _entry(certificate, level, kind, name)])
        return certificate

    def _write_entries(self, entries: list[Entry]) -> None:
        write_private(self.folder / "index.json", json.dumps([vars(entry) for entry in entries], indent=1).encode())

    def _write_crl(self, level: str, issuer: Authority, entries: list[Entry], valid_for: timedelta) -> None:
        revoked = [
            revoked_certificate(
                int(entry.serial, 16), datetime.fromisoformat(entry.revoked), x509.ReasonFlags(entry.reason)
            )
            for entry in entries
            if entry.issuer == level and entry.revoked
        ]
        content = issuer.crl(revoked, next_update=valid_for).public_bytes(Encoding.PEM)
        write_public(self.folder / f"{level}.crl", content)

    def _publish(self) -> None:
        """Put what the web server trusts into `server/`: the root's certificate, and every authority's CRL."""
        root, published = self._certificate_file("ca").read_bytes(), _closed(self.folder / "server" / "ca.crt")
        if not published.exists() or published.read_bytes() != root:  # A new time would say that httpd must reload it.
            write_public(published, root)
        crls = [(self.folder / f"{level}.crl").read_bytes() for level in self.levels()]
        write_public(self.folder / "server" / "crl.pem", b"".join(crls))

    def _certificate_file(self, level: str) -> Path:
        return self.folder / f"{level}.crt"

    def _key_file(self, level: str) -> Path:
        return self.folder / "private" / f"{level}.key"

    def _client_folder(self, name: str) -> Path:
        if not re.fullmatch(r"[\w@][\w@.+-]{0,59}", name):
            raise PkiError(
                f"The client's name {name!r} cannot name a folder: use up to 60 letters, digits and @ . _ + -.\n"
                "Any other text can be the common name (--common-name)."
            )
        return self.folder / "clients" / name

    def _load_key(self, file: Path) -> PrivateKey:
        content = file.read_bytes()
        encrypted = b"ENCRYPTED" in content
        try:
            return load_pem_private_key(content, self._passphrase(file) if encrypted else None)  # type: ignore[return-value]
        except (ValueError, UnsupportedAlgorithm) as error:
            wrong = "The passphrase is wrong for" if encrypted else "There is no private key in"
            raise PkiError(f"{wrong} {file}.") from error


def load_certificates(file: Path) -> list[x509.Certificate]:
    """Load every certificate of a PEM file.

    Raises:
        PkiError: it holds none.
    """
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError as error:
        raise PkiError(f"{file} contains no certificate in PEM form.") from error


def _closed(file: Path) -> Path:
    """Make the file's folder if it is missing, with access for its owner only (0700)."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    return file


def _entry(certificate: x509.Certificate, level: str, kind: str, name: str) -> Entry:
    not_after = certificate.not_valid_after_utc.isoformat()
    return Entry(serial(certificate), level, kind, name, written(certificate.subject), not_after)


def _key_pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
