"""Which steps install the files on each kind of system, test them and remove them again?

Encryption (from the makers' documentation and bug trackers): Windows since 10 version 1709 and Server 2019, NSS,
OpenSSL and Java since 8u301 read AES-256 with a SHA-256 MAC. Keychain and Android up to 13 report a wrong password for
it, so their files use 3DES.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from harness.pki.files import PkiError

PROGRAMS = ("curl", "Python", "Java")
"""Programs with cryptography of their own. They also support keys that browsers do not."""


@dataclass(frozen=True)
class Names:
    """The file names of one export. `legacy` is for systems that cannot read `pfx`; both can be the same. `bundle`
    contains all other files."""

    pfx: str
    legacy: str
    profile: str
    page: str
    bundle: str
    root: str | None
    truststore: str | None

    @classmethod
    def after(cls, pfx: str, *, with_root: bool, compatible: bool) -> Self:
        """Derive the names from that of the .pfx.

        Raises:
            PkiError: the .pfx has the name of another file of the export.
        """
        stem = Path(pfx).stem
        names = cls(
            pfx=pfx,
            legacy=pfx if compatible else f"{stem}-compatible.pfx",
            profile=f"{stem}.mobileconfig",
            page=f"{stem}.html",
            bundle=f"{stem}.zip",
            root=f"{stem}-ca.crt" if with_root else None,
            truststore=f"{stem}-truststore.p12" if with_root else None,
        )
        if pfx in (names.profile, names.page, names.bundle):
            raise PkiError(f"{pfx} is the name of another file of the export. End it with .pfx.")
        return names

    @property
    def all(self) -> set[str]:
        """All names."""
        return {name for name in vars(self).values() if name}

    @property
    def stem(self) -> str:
        """The common beginning of the names."""
        return Path(self.pfx).stem


@dataclass(frozen=True)
class Shown:
    """The displayed names of the certificates: the client's, its root's, and those of the intermediates."""

    client: str
    root: str
    between: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step in words, and the commands or text to type."""

    text: str
    typed: str = ""


@dataclass(frozen=True)
class Machine:
    """A kind of system, or a program with certificates of its own: its files, the one with the key first, and the
    steps."""

    name: str
    files: tuple[str, ...]
    install: tuple[Step, ...]
    check: tuple[Step, ...]
    remove: tuple[Step, ...]


def machines(names: Names, shown: Shown, url: str) -> tuple[Machine, ...]:
    """Write the steps for these files; `url` is the site for the test."""
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
    return (Step(f"Restart {browser} and open {url}. It asks which certificate to send: choose {shown.client}."),)


def _windows(names: Names, shown: Shown, url: str) -> Machine:
    old = (
        f" For Windows before 10 version 1709, and Server 2016, use {names.legacy}."
        if names.legacy != names.pfx
        else ""
    )
    between = "".join(f", {name} in “Intermediate Certification Authorities”" for name in shown.between)
    trusted = f", {shown.root} in “Trusted Root Certification Authorities”" if names.root else ""
    return Machine(
        name="Windows",
        files=(names.pfx,),
        install=_some(
            Step(f"Double-click {names.pfx}, choose “Current User”, and enter the password.{old}"),
            Step("Keep “Automatically select the certificate store”, and continue to “Finish”."),
            Step(
                f"Windows asks whether to trust {shown.root}. Choose “Yes” only if its thumbprint is the SHA-1 "
                "fingerprint at the top of this page."
            )
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Edge or Chrome"),
        remove=(
            Step(f"Press Windows+R, enter certmgr.msc, and delete {shown.client} in “Personal”{between}{trusted}."),
        ),
    )


def _macos(names: Names, shown: Shown, url: str) -> Machine:
    return Machine(
        name="macOS",
        files=(names.profile,),
        install=_some(
            Step(
                f"Double-click {names.profile}, then open System Settings > General > Device Management (before macOS "
                "15: Privacy & Security > Profiles), open the profile and choose “Install”. The warning “not signed” "
                "is expected."
            ),
            Step("Enter the password of the certificate when macOS asks for it."),
            Step(
                f"If the browser does not trust the server: open {shown.root} in Keychain Access, and under “Trust” "
                "choose “Always Trust” for SSL."
            )
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Safari or Chrome"),
        remove=(
            Step(
                "Select the profile in the same place, and click the minus sign. This removes its certificates as well."
            ),
        ),
    )


def _ios(names: Names, shown: Shown, url: str) -> Machine:
    return Machine(
        name="iOS",
        files=(names.profile,),
        install=_some(
            Step(
                f"Send {names.bundle} to the device (AirDrop, Files, mail) and tap it in Files: that unpacks it. Tap "
                f"{names.profile} in it. Then open Settings > General > VPN & Device Management, tap the profile and "
                "“Install”. The warning “not signed” is expected."
            ),
            Step("Enter the device's code, then the password of the certificate."),
            Step(f"Open Settings > General > About > Certificate Trust Settings, and switch {shown.root} on.")
            if names.root
            else None,
        ),
        check=_choose(shown, url, "Safari"),
        remove=(
            Step(
                "Open the profile in the same place, and tap “Remove Profile”. This removes its certificates as well."
            ),
        ),
    )


def _android(names: Names, shown: Shown, url: str) -> Machine:
    trusted = f" {shown.root} is in “Trusted credentials”, under “User”." if names.root else ""
    return Machine(
        name="Android",
        files=_files(names.legacy, names.root),
        install=_some(
            Step(
                f"Copy {names.bundle} to the device (cable, mail) and tap it in Files: that unpacks it. Open Settings "
                "> Security & privacy > More security settings > Encryption & credentials > Install a certificate (or "
                "search the settings for “certificate”: the path differs between makers)."
            ),
            Step(f"Choose “VPN & app user certificate”, then {names.legacy}, and enter the password."),
            Step(f"Install {names.root} in the same place as “CA certificate”.") if names.root else None,
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
        # Before the .pfx, or NSS uses the name in the .pfx. A colon ends the name of a token.
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
                "Start Chrome once and close it, so that its folder exists (a Snap uses "
                "~/snap/chromium/current/.pki/nssdb). Then run these commands in the folder of this page, with NSS's "
                "tools (Debian: libnss3-tools; Fedora: nss-tools):",
                "\n".join(lines),
            ),
        ),
        check=_choose(shown, url, "Chrome"),
        remove=(Step("Close Chrome, and run:", "\n".join(gone)),),
    )


def _nickname(name: str) -> str:
    """Quote a name for NSS's tools, which read the text before a colon as a token's name."""
    return shlex.quote(f"NSS Certificate DB:{name}" if ":" in name else name)


def _firefox(names: Names, shown: Shown, url: str) -> Machine:
    trusted = f", and {shown.root} in “Authorities”" if names.root else ""
    return Machine(
        name="Firefox",
        files=_files(names.pfx, names.root),
        install=_some(
            Step(
                "Firefox has certificates of its own, on Windows, macOS and Linux alike. Open Settings > Privacy & "
                "Security > Certificates > View Certificates. In “Your Certificates”, choose “Import…”, select "
                f"{names.pfx} and enter the password."
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
            f"Unpack {names.pfx} into a file that only you can read, because its key is not encrypted:",
            f"(umask 077; openssl pkcs12 -in {shlex.quote(names.pfx)} -nodes -out {shlex.quote(_pem(names))})",
        ),
    )


def _curl(names: Names, url: str) -> Machine:
    trusting = f" --cacert {shlex.quote(names.root)}" if names.root else ""
    return Machine(
        name="curl",
        files=_files(names.pfx, names.root),
        install=_unpacked(names),
        check=(Step("Run:", f"curl --cert {shlex.quote(_pem(names))}{trusting} {shlex.quote(url)}"),),
        remove=(Step("Run:", f"rm {shlex.quote(_pem(names))}"),),
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
        remove=(Step("Run:", f"rm {shlex.quote(_pem(names))}"),),
    )


def _java(names: Names, url: str) -> Machine:
    stores = {"keyStore": names.pfx} | ({"trustStore": names.truststore} if names.truststore else {})
    options = [
        _quoted(f"-Djavax.net.ssl.{store}{key}={value}")
        for store, file in stores.items()
        for key, value in (("", file), ("Type", "PKCS12"), ("Password", "PASSWORD"))
    ]
    arguments = f"{names.stem}.args"
    old = " Java before 8u301 and 11.0.12 needs an export with --compatible." if names.legacy != names.pfx else ""
    host = urlsplit(url).hostname or ""
    return Machine(
        name="Java",
        files=_files(names.pfx, names.truststore),
        install=(
            Step(
                f"Write these lines into a file {arguments} that only you can read (chmod 600). Replace PASSWORD with "
                f"the password, with a backslash before each backslash and double quote in it.{old}",
                "\n".join(options),
            ),
        ),
        check=_some(
            Step(
                "Run the program with this file, in the folder of this page (Java 8 needs the lines themselves instead "
                "of the file's name):",
                f"java {shlex.quote('@' + arguments)} PROGRAM",
            ),
            Step(
                f"Java sends no server name (SNI) without a dot. If {host} answers 403 for that reason, use a name "
                "with a dot."
            )
            if "." not in host
            else None,
        ),
        remove=(Step("Delete the files.", f"rm {shlex.join([arguments, *_files(names.pfx, names.truststore)])}"),),
    )


def _quoted(argument: str) -> str:
    """Quote an argument for a file of Java's arguments: a password may contain spaces."""
    if re.fullmatch(r"[\w.=@+/-]+", argument) and not argument.endswith("PASSWORD"):
        return argument
    escaped = re.sub(r'([\\"])', r"\\\1", argument)
    return f'"{escaped}"'
