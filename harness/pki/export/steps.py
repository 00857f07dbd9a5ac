"""What does a person do with the files on each kind of machine: to install them, to check that they work, to remove
them again?

Who reads which encryption (from the makers' documentation and bug trackers, where it says since when): Windows since 10
version 1709 and Server 2019, NSS, OpenSSL and Java since 8u301 read AES-256 with a SHA-256 MAC. Keychain and Android up
to 13 report a wrong password, so for these it is 3DES.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from harness.pki.files import PkiError

PROGRAMS = ("curl", "Python", "Java")
"""The machines that are none: they have cryptography of their own, and use keys of which no browser knows."""


@dataclass(frozen=True)
class Names:
    """What the files of one export are called. Who is not served by `pfx` takes `legacy`; they can be the same."""

    pfx: str
    legacy: str
    profile: str
    page: str
    root: str | None
    truststore: str | None

    @classmethod
    def after(cls, pfx: str, *, with_root: bool, compatible: bool) -> Self:
        """Call them after the .pfx.

        Raises:
            PkiError: it is called as one of the others would be.
        """
        stem = Path(pfx).stem
        names = cls(
            pfx=pfx,
            legacy=pfx if compatible else f"{stem}-compatible.pfx",
            profile=f"{stem}.mobileconfig",
            page=f"{stem}.html",
            root=f"{stem}-ca.crt" if with_root else None,
            truststore=f"{stem}-truststore.p12" if with_root else None,
        )
        if pfx in (names.profile, names.page):
            raise PkiError(f"{pfx} is what another file of the export is called. Let the .pfx end with .pfx.")
        return names

    @property
    def all(self) -> set[str]:
        """All of them."""
        return {name for name in vars(self).values() if name}

    @property
    def stem(self) -> str:
        """What all of them begin with."""
        return Path(self.pfx).stem


@dataclass(frozen=True)
class Shown:
    """What the certificates are called where a machine lists them: the client's, its root's, and those between."""

    client: str
    root: str
    between: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """What is done in words, and below it what is typed, word for word."""

    text: str
    typed: str = ""


@dataclass(frozen=True)
class Machine:
    """A kind of machine, or a program that has certificates of its own: the files that it takes, the one with the key
    first, and the steps."""

    name: str
    files: tuple[str, ...]
    install: tuple[Step, ...]
    check: tuple[Step, ...]
    remove: tuple[Step, ...]


def machines(names: Names, shown: Shown, url: str) -> tuple[Machine, ...]:
    """Write the steps for these files; `url` is what is visited to check."""
    return (
        _windows(names, shown, url),
        _macos(names, shown, url),
        _ios(names, shown, url),
        _android(names, shown, url),
        _chrome(names, shown, url),
        _firefox(names, shown, url),
        _curl(names, url),
        _python(names, url),
        _java(names, url),
    )


def _some(*steps: Step | None) -> tuple[Step, ...]:
    return tuple(step for step in steps if step)


def _files(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def _choose(shown: Shown, url: str, browser: str) -> tuple[Step, ...]:
    return (Step(f"Restart {browser} and open {url}. It asks which certificate to use: choose {shown.client}."),)


def _windows(names: Names, shown: Shown, url: str) -> Machine:
    old = f" Windows before 10 version 1709, and Server 2016, take {names.legacy}." if names.legacy != names.pfx else ""
    between = "".join(f", {name} in “Intermediate Certification Authorities”" for name in shown.between)
    trusted = f", {shown.root} in “Trusted Root Certification Authorities”" if names.root else ""
    return Machine(
        name="Windows",
        files=(names.pfx,),
        install=_some(
            Step(f"Double-click {names.pfx}, choose “Current User”, and type the password.{old}"),
            Step("Leave “Automatically select the certificate store” as it is, up to “Finish”."),
            Step(
                f"Windows asks whether to trust {shown.root}. Say yes only if the thumbprint it shows is the SHA-1 "
                "fingerprint at the top of this page."
            )
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Edge or Chrome"),
        remove=(
            Step(f"Press Windows+R, type certmgr.msc, and delete {shown.client} in “Personal”{between}{trusted}."),
        ),
    )


def _macos(names: Names, shown: Shown, url: str) -> Machine:
    return Machine(
        name="macOS",
        files=(names.profile,),
        install=_some(
            Step(
                f"Double-click {names.profile}, then open System Settings > General > Device Management (before macOS "
                "15: Privacy & Security > Profiles), open the profile and choose “Install”. That it is not signed is "
                "as it should be."
            ),
            Step("Type the password when the Mac asks for that of the certificate."),
            Step(
                f"If the browser does not trust the server: open {shown.root} in Keychain Access, and under “Trust” "
                "choose “Always Trust” for SSL."
            )
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Safari or Chrome"),
        remove=(
            Step("Select the profile in the same place, and click the minus sign. Everything that came with it goes."),
        ),
    )


def _ios(names: Names, shown: Shown, url: str) -> Machine:
    return Machine(
        name="iOS",
        files=(names.profile,),
        install=_some(
            Step(
                f"Bring {names.profile} to the device (AirDrop, Files, mail) and tap it. Then open Settings > General "
                "> VPN & Device Management, tap the profile and “Install”. That it is not signed is as it should be."
            ),
            Step("Type the device's code, then the password when it is asked for that of the certificate."),
            Step(f"Open Settings > General > About > Certificate Trust Settings, and switch {shown.root} on.")
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Safari"),
        remove=(Step("Open the profile in the same place, and tap “Remove Profile”. Everything goes with it."),),
    )


def _android(names: Names, shown: Shown, url: str) -> Machine:
    trusted = f" {shown.root} is in “Trusted credentials”, under “User”." if names.root else ""
    return Machine(
        name="Android",
        files=_files(names.legacy, names.root),
        install=_some(
            Step(
                f"Copy {names.legacy} to the device. Open Settings > Security & privacy > More security settings > "
                "Encryption & credentials > Install a certificate (or search the settings for “certificate”: makers "
                "differ)."
            ),
            Step(f"Choose “VPN & app user certificate”, then {names.legacy}, and type the password."),
            Step(f"Copy {names.root} to the device as well, and install it there as “CA certificate”.")
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Chrome"),
        remove=(Step(f"Delete {shown.client} in “User credentials”, in the same place.{trusted}"),),
    )


def _chrome(names: Names, shown: Shown, url: str) -> Machine:
    store = 'db=$HOME/.pki/nssdb; [ -d "$db" ] || db=$HOME/.local/share/pki/nssdb'
    tool = 'certutil -d sql:"$db"'
    lines = [store, f'[ -e "$db/cert9.db" ] || {{ mkdir -p -m 700 "$db"; {tool} -N --empty-password; }}']
    gone = [store, f"{tool} -F -n {_nickname(shown.client)}"]
    if names.root:
        # In front of the .pfx, or it would have the name that the .pfx gives it. A colon would end the name of a token.
        known = shlex.quote(shown.root.replace(":", " "))
        lines.append(f"{tool} -A -t C,, -n {known} -i {shlex.quote(names.root)}")
        gone.append(f"{tool} -D -n {known}")
    lines.append(f'pk12util -d sql:"$db" -i {shlex.quote(names.pfx)}')
    gone += [f"{tool} -D -n {_nickname(name)}" for name in shown.between]
    return Machine(
        name="Chrome on Linux",
        files=_files(names.pfx, names.root),
        install=(
            Step(
                "Start Chrome once and close it, so that it has made its folder (a Snap's is another: "
                "~/snap/chromium/current/.pki/nssdb). Then, with NSS's tools (Debian: libnss3-tools; Fedora: "
                "nss-tools), in the folder of this page:",
                "\n".join(lines),
            ),
        ),
        check=_choose(shown, url, "Chrome"),
        remove=(Step("Close Chrome, and type:", "\n".join(gone)),),
    )


def _nickname(name: str) -> str:
    """Quote a name for NSS's tools, which take what stands before a colon for the token that holds it."""
    return shlex.quote(f"NSS Certificate DB:{name}" if ":" in name else name)


def _firefox(names: Names, shown: Shown, url: str) -> Machine:
    trusted = f", and {shown.root} in “Authorities”" if names.root else ""
    return Machine(
        name="Firefox on Linux",
        files=_files(names.pfx, names.root),
        install=_some(
            Step(
                "Open Settings > Privacy & Security > Certificates > View Certificates. In “Your Certificates”, import "
                f"{names.pfx} and type the password."
            ),
            Step(f"In “Authorities”, import {names.root} and tick “Trust this CA to identify websites”.")
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Firefox"),
        remove=(Step(f"In the same place, delete {shown.client} in “Your Certificates”{trusted}."),),
    )


def _pem(names: Names) -> str:
    return f"{names.stem}.pem"


def _unpacked(names: Names) -> tuple[Step, ...]:
    return (
        Step(
            f"Unpack {names.pfx} into a file that only you may read, for the key in it is not encrypted any more:",
            f"(umask 077; openssl pkcs12 -in {shlex.quote(names.pfx)} -nodes -out {shlex.quote(_pem(names))})",
        ),
    )


def _curl(names: Names, url: str) -> Machine:
    trusting = f" --cacert {shlex.quote(names.root)}" if names.root else ""
    return Machine(
        name="curl",
        files=_files(names.pfx, names.root),
        install=_unpacked(names),
        check=(Step("Type:", f"curl --cert {shlex.quote(_pem(names))}{trusting} {shlex.quote(url)}"),),
        remove=(Step("Type:", f"rm {shlex.quote(_pem(names))}"),),
    )


def _python(names: Names, url: str) -> Machine:
    trusting = f", verify={names.root!r}" if names.root else ""
    return Machine(
        name="Python",
        files=_files(names.pfx, names.root),
        install=_unpacked(names),
        check=(
            Step(
                "With requests:",
                f"import requests\nprint(requests.get({url!r}, cert={_pem(names)!r}{trusting}).status_code)",
            ),
        ),
        remove=(Step("Type:", f"rm {shlex.quote(_pem(names))}"),),
    )


def _java(names: Names, url: str) -> Machine:
    stores = {"keyStore": names.pfx} | ({"trustStore": names.truststore} if names.truststore else {})
    options = [
        _quoted(f"-Djavax.net.ssl.{store}{key}={value}")
        for store, file in stores.items()
        for key, value in (("", file), ("Type", "PKCS12"), ("Password", "PASSWORD"))
    ]
    arguments = f"{names.stem}.args"
    old = (
        " Java before 8u301 and 11.0.12 needs an export that was made with --compatible."
        if names.legacy != names.pfx
        else ""
    )
    host = urlsplit(url).hostname or ""
    return Machine(
        name="Java",
        files=_files(names.pfx, names.truststore),
        install=(
            Step(
                f"Put these lines into a file {arguments} that only you may read (chmod 600), with the password in the "
                f"place of PASSWORD, and a backslash in front of each backslash and double quote in it.{old}",
                "\n".join(options),
            ),
        ),
        check=_some(
            Step(
                "Run the program with them, in the folder of this page (Java 8 wants the lines themselves instead of "
                "the file's name):",
                f"java {shlex.quote('@' + arguments)} PROGRAM",
            ),
            Step(
                f"Java tells a server no name that has no dot in it (SNI). If {host} answers 403 for that reason, use "
                "a name that has one."
            )
            if "." not in host
            else None,
        ),
        remove=(Step("Delete the files.", f"rm {shlex.join([arguments, *_files(names.pfx, names.truststore)])}"),),
    )


def _quoted(argument: str) -> str:
    """Quote an argument as a file of Java's arguments wants it: a password may hold spaces."""
    if re.fullmatch(r"[\w.=@+/-]+", argument) and not argument.endswith("PASSWORD"):
        return argument
    escaped = re.sub(r'([\\"])', r"\\\1", argument)
    return f'"{escaped}"'
