"""Which files carry an identity to each of a person's machines?

NAME.pfx             key, certificate, chain and root: AES-256 with a SHA-256 MAC
NAME-compatible.pfx  the same for whoever cannot read that: 3DES with a SHA-1 MAC
NAME.mobileconfig    the same for macOS and iOS
NAME-ca.crt          the root alone, where it is imported on its own
NAME-truststore.p12  the root for Java, which takes it from nowhere else
NAME.html            what to do with them, machine by machine

Whatever holds the key is encrypted with the one password, and none of them holds that.
"""

import re
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
    """An identity on its way to a person's machines.

    `pfx` is what the first file is called, and the others after it; `url` is what the steps visit. Without `root` the
    server's certificate is one that every machine trusts already. `compatible` makes the .pfx one that everybody reads;
    then it is the only one.
    """

    pfx: str
    identity: Identity
    root: x509.Certificate | None
    url: str
    compatible: bool = False

    @property
    def names(self) -> Names:
        """What the files are called."""
        return Names.after(self.pfx, with_root=self.root is not None, compatible=self.compatible)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """What is done with them on each kind of machine."""
        between = tuple(map(called, self.identity.chain))
        shown = Shown(called(self.identity.certificate), called(self.root) if self.root else "", between)
        found = machines(self.names, shown, self.url)
        return found if self.for_browsers else tuple(machine for machine in found if machine.name in PROGRAMS)

    @property
    def for_browsers(self) -> bool:
        """Whether browsers take this kind of key: NSS 3.110 and Keychain refuse to import an Ed25519 one."""
        return not isinstance(self.identity.key, Ed25519PrivateKey)

    def secret(self, password: bytes) -> dict[str, bytes]:
        """The files that hold the key, by name.

        Raises:
            PkiError: the password is none, or the kind of key has no place in PKCS#12.
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
            raise PkiError(f"The key of {self.names.stem} is of a kind that a .pfx cannot hold: {error}") from error
        taken = {file for machine in self.machines for file in machine.files}
        made = {names.legacy: legacy, names.pfx: pfx, names.profile: profile}
        return {name: content for name, content in made.items() if name in taken}

    def public(self, password: bytes) -> dict[str, bytes]:
        """The files that hold no secret, by name. Java wants a password for its file all the same."""
        names = self.names
        made = {names.page: page.render(self.identity.certificate, self.root, self.machines).encode()}
        if self.root and names.root and names.truststore:
            made[names.root] = self.root.public_bytes(Encoding.PEM)
            entry = pkcs12.PKCS12Certificate(self.root, called(self.root).encode())
            made[names.truststore] = pkcs12.serialize_java_truststore([entry], pbe(password, self.compatible))
        return made

    def by_file(self) -> Iterator[tuple[str, str]]:
        """Name each file that is imported, and the machines that take it."""
        for file in dict.fromkeys(machine.files[0] for machine in self.machines):
            yield file, ", ".join(machine.name for machine in self.machines if machine.files[0] == file)


def _check(password: bytes) -> None:
    """Java takes any other password for a wrong one."""
    if not re.fullmatch(rb"[ -~]+", password):
        raise PkiError(
            "The password must open the files everywhere: letters without accents, digits and signs of an English "
            "keyboard, one of them at least."
        )
