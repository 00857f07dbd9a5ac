"""What is wrong with files of certificates, CRLs and configurations, and would a client be admitted by them?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from harness.check.real_files import Sources, real_files, refusal, stores
from harness.httpd.directive import Directive
from harness.httpd.layout import MAIN_FILES
from harness.httpd.layout import read as read_layout
from harness.httpd.reader import read_written
from harness.httpd.references import AUTHORITIES, CRLS, NAMED, references
from harness.pki import purpose
from harness.pki.contents import Certificate, Contents, Crl, Form, holds_certificates, load, read
from harness.pki.credential import Credential
from harness.pki.examination import Examined, Fact, Level, facts, unreadable
from harness.pki.files import PkiError
from harness.pki.hash_folder import Folder, folder_facts
from harness.pki.path import Judgement, Revocation, Trust, day, judge

_MOST_OF_A_FOLDER = 2000


@dataclass(frozen=True)
class Admission:
    """Whether the client is admitted at one place, by the files that stand for it."""

    where: str
    judgement: Judgement


@dataclass
class Checked:
    """The facts, how much was examined, and the client's admission at each place."""

    facts: list[Fact] = field(default_factory=list)
    certificates: set[tuple[str, int]] = field(default_factory=set)
    crls: set[tuple[str, int]] = field(default_factory=set)
    admissions: list[Admission] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`fail` with an error, `inconclusive` where nothing was examined or decided, else `pass`."""
        if any(one.level is Level.ERROR for one in self.facts):
            return "fail"
        undecided = any(one.judgement.undecided for one in self.admissions)
        return "inconclusive" if undecided or not (self.certificates or self.crls) else "pass"

    def count(self, trust: Trust) -> None:
        """Count what was examined."""
        self.certificates |= {(one.file, one.line) for one in trust.authorities}
        self.crls |= {(one.file, one.line) for one in trust.crls}


def check(files: Sequence[Path], client: Credential | None, pki: Path | None, now: datetime) -> Checked:
    """Examine files as they are: certificates and CRLs by themselves, configurations with all that they refer to.

    Raises:
        PkiError: a file is neither.
        ConfigurationError: a folder or file is no configuration.
    """
    found = Checked()
    loose: list[Contents] = []
    for file in files:
        content = None if file.is_dir() else load(file)
        if is_configuration(file, content):
            _configuration(file, client, pki, now, found)
        else:
            loose += _folder(file, found) if content is None else [_file(file, content)]
    if loose:
        examined = _by_kind(loose)
        found.count(examined.trust)
        found.certificates |= {(one.file, one.line) for part in loose for one in part.certificates}
        found.facts += [fact for part in loose for fact in unreadable(part)]
        found.facts += facts(examined, now)
        if client and examined.trust.authorities:
            _admit(client, examined.trust, "", None, now, found)
    found.facts.sort(key=lambda one: [*Level].index(one.level))
    return found


def is_configuration(path: Path, content: bytes | None) -> bool:
    """Whether a file with this content, or a folder (None), is httpd's configuration, not certificates."""
    if content is None:
        return any((path / name).is_file() for name in MAIN_FILES)
    return not holds_certificates(content) and b"\0" not in content


def _configuration(path: Path, client: Credential | None, pki: Path | None, now: datetime, found: Checked) -> None:
    layout = read_layout(path)
    written = read_written(layout)
    folder = path if path.is_dir() else path.parent

    def named(file: str) -> str:
        return file if file.startswith("/") else str(folder / file)

    sources = Sources(layout, named, pki, on_disk=True)
    missing = [*_missing(written.configuration, sources)]
    for gap in written.uncertain:
        text = f"Not examined without httpd: {gap.what}."
        missing.append(Fact("uncertain", Level.NOTE, text, gap.remedy, gap.file, gap.line))
    every = (*real_files(written.configuration, sources, now), *missing)
    found.facts += [replace(one, file=named(one.file)) for one in every]
    for store in stores(written.configuration, sources):
        found.count(store.examined.trust)
        if client and store.examined.trust.authorities:
            where = store.references.in_force["sslverifyclient"]
            _admit(client, store.examined.trust, named(where.file), where, now, found)


def _missing(configuration: Directive, sources: Sources) -> Iterator[Fact]:
    """Yield the files that are not here, which are not examined."""
    every = [*references(configuration)]
    for one in every:
        for name in (*AUTHORITIES, *CRLS, *NAMED):
            path, entry = one.path(name), one.in_force.get(name)
            if path and entry and not sources.at(path):
                text = f"Not examined: {path} is not here, or not readable."
                remedy = "Name the folder that holds it with --pki DIR."
                yield Fact("missing", Level.WARNING, text, remedy, entry.file, entry.line)
    if not every:
        file = next(iter(sources.layout.origin.values()))
        text = "Nothing to examine: no virtual host verifies clients by a file of authorities."
        remedy = "It takes SSLVerifyClient and SSLCACertificateFile, or SSLCACertificatePath."
        yield Fact("no_reference", Level.WARNING, text, remedy, file, 1)


def _admit(client: Credential, trust: Trust, file: str, where: Directive | None, now: datetime, found: Checked) -> None:
    judged = judge(client.certificate, client.sent, trust, now)
    place = f"{file}:{where.line}" if where else ""
    found.admissions.append(Admission(place, judged))
    found.certificates.add((client.certificate.file, client.certificate.line))
    if fact := refusal(client.certificate, judged):
        found.facts.append(replace(fact, file=file, line=where.line) if where else fact)


def admitted_until(judged: Judgement) -> str:
    """Say in a clause until when a client is admitted, and what ends then."""
    ends = judged.ends
    until = f" until {day(ends.until)}, the end of {ends.where}" if ends and ends.until else ""
    return f"{until}, with `SSLVerifyDepth {len(judged.chain) - 1}` at least"


def _file(path: Path, content: bytes) -> Contents:
    contents = read(content, str(path))
    if contents.form is Form.PKCS12:
        raise PkiError(f"{path} is a .pfx: name it with --client.")
    return contents


def _folder(path: Path, found: Checked) -> Iterator[Contents]:
    """Read all certificates and CRLs of a folder; in one with hashes for names, those that OpenSSL finds."""
    files = [file for file in sorted(path.iterdir())[:_MOST_OF_A_FOLDER] if file.is_file() and file.stat().st_size]
    loaded = {str(file): load(file) for file in files}
    parts = [read(content, name) for name, content in loaded.items() if holds_certificates(content)]
    if not parts:
        raise PkiError(f"{path} holds no certificate, no CRL and none of {', '.join(MAIN_FILES)}.")
    folder = Folder(str(path), tuple(parts))
    hashed = {crls: folder.reachable(crls=crls) for crls in (False, True)}
    if not any(hashed.values()):
        yield from parts
        return
    for crls, reachable in hashed.items():
        if reachable:
            found.facts += folder_facts(folder, crls=crls)
            yield from reachable


def _by_kind(loose: Sequence[Contents]) -> Examined:
    """Tell from the files alone what each is: a client's or server's certificate with its chain, or authorities."""
    chains = [part for part in loose if _is_chain(part.certificates)]
    authorities = tuple(one for part in loose if part not in chains for one in part.certificates)
    crls: tuple[Crl, ...] = tuple(one for part in loose for one in part.crls)
    leaves = [part.certificates[0] for part in chains]
    servers = tuple(one for one in leaves if purpose.is_for_servers(one.value))
    trust = Trust(authorities, crls, None, Revocation.CHAIN if crls and authorities else Revocation.NONE)
    return Examined(trust, servers)


def _is_chain(certificates: Sequence[Certificate]) -> bool:
    """Whether a file begins with a leaf and goes on with its issuers only."""
    if not certificates or purpose.is_authority(certificates[0].value):
        return False
    return all(purpose.names_issuer(below.value, above.value) for below, above in pairwise(certificates))
