"""Which files bring an identity to each of a person's systems?

NAME.pfx             key, certificate, chain and root: AES-256 with a SHA-256 MAC
NAME-compatible.pfx  the same for systems that cannot read that: 3DES with a SHA-1 MAC
NAME.mobileconfig    the same for macOS and iOS
NAME-ca.crt          the root alone, where it is imported separately
NAME-truststore.p12  the root for Java, which reads it only from there
NAME.html            the steps for each system
NAME.zip             all of these, to send to a phone

Every file with the key is encrypted with the same password. No file contains the password.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from harness.pki.authority import Identity, pbe
from harness.pki.export import mobileconfig, page
from harness.pki.export.steps import PROGRAMS, Machine, Names, Shown, machines
from harness.pki.files import PkiError
from harness.pki.profile import called


@dataclass(frozen=True)
class Export:
    """The files of an identity for a person's systems.

    `pfx` is the name of the first file, and the other names derive from it; `url` is the site for the tests. Without
    `root`, the server's certificate is of an authority that every system trusts. `compatible` encrypts the .pfx for
    older systems; then there is no second one.
    """

    pfx: str
    identity: Identity
    root: x509.Certificate | None
    url: str
    compatible: bool = False

    @property
    def names(self) -> Names:
        """The names of the files."""
        return Names.after(self.pfx, with_root=self.root is not None, compatible=self.compatible)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The steps for each kind of system."""
        between = tuple(map(called, self.identity.chain))
        shown = Shown(called(self.identity.certificate), called(self.root) if self.root else "", between)
        found = machines(self.names, shown, self.url)
        return found if self.for_browsers else tuple(machine for machine in found if machine.name in PROGRAMS)

    @property
    def for_browsers(self) -> bool:
        """Whether browsers support this kind of key: NSS 3.110 and Keychain refuse to import Ed25519."""
        return not isinstance(self.identity.key, Ed25519PrivateKey)

    def secret(self, password: bytes) -> dict[str, bytes]:
        """The files that contain the key, by name; also the archive of all files.

        Raises:
            PkiError: the password is unsuitable, or PKCS#12 cannot contain this kind of key.
        """
        names = self.names
        _check(password)
        try:
            pfx, legacy = (
                self.identity.pkcs12(password, root=self.root, compatible=compatible)
                for compatible in (self.compatible, True)
            )
            profile = mobileconfig.write(self.identity, self.root, password)
        except TypeError as error:
            raise PkiError(f"A .pfx cannot contain the key of {self.names.stem}: {error}") from error
        taken = {file for machine in self.machines for file in machine.files}
        made = {names.legacy: legacy, names.pfx: pfx, names.profile: profile}
        files = {name: content for name, content in made.items() if name in taken}
        return files | {names.bundle: _zip(files | self.public(password))}

    def public(self, password: bytes) -> dict[str, bytes]:
        """The files without a secret, by name. Java needs a password for its file as well."""
        names = self.names
        made = {names.page: page.render(self.identity.certificate, self.root, self.machines).encode()}
        if self.root and names.root and names.truststore:
            made[names.root] = self.root.public_bytes(Encoding.PEM)
            entry = pkcs12.PKCS12Certificate(self.root, called(self.root).encode())
            made[names.truststore] = pkcs12.serialize_java_truststore([entry], pbe(password, self.compatible))
        return made

    def by_file(self) -> Iterator[tuple[str, str]]:
        """Yield each file to import, and the systems that use it."""
        for file in dict.fromkeys(machine.files[0] for machine in self.machines):
            yield file, ", ".join(machine.name for machine in self.machines if machine.files[0] == file)


def _zip(files: dict[str, bytes]) -> bytes:
    """Make a ZIP archive; its content is already encrypted or public."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _check(password: bytes) -> None:
    """Refuse characters that some systems cannot enter; Java reports any other password as wrong."""
    if not re.fullmatch(rb"[ -~]+", password):
        raise PkiError(
            "The password must work on every system: letters without accents, digits and signs of an English "
            "keyboard, at least one."
        )
