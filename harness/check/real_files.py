"""What is wrong with the real certificates, CRLs and key files that a configuration refers to?

The run uses certificates of its own in their place; these are examined as they are. No private key is read.
"""

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from harness.check.readable import httpd_user, why_not_readable
from harness.httpd.directive import Directive, walk
from harness.httpd.layout import Layout
from harness.httpd.references import AUTHORITIES, CRLS, NAMED, READ_PER_REQUEST, References, references
from harness.pki.contents import Certificate, Contents, Form, Located, read
from harness.pki.examination import Examined, Fact, Level, facts, unreadable
from harness.pki.files import PkiError
from harness.pki.hash_folder import Folder, folder_facts
from harness.pki.path import Judgement, Revocation, Trust, judge
from harness.pki.profile import called

_TICKET_KEY = 48
"""The bytes of a session ticket key: name, AES-128 key, HMAC key (mod_ssl, SSLSessionTicketKeyFile)."""
_BLAMED = {
    "crl_missing": (*CRLS, "sslcarevocationcheck"),
    "depth_too_small": ("sslverifydepth",),
    "depth_larger_than_needed": ("sslverifydepth",),
    "trusted_not_named": NAMED,
}
"""The directives to change where that is not the one that names the file."""
_MOST_FILES = 2000


@dataclass(frozen=True)
class RealFile:
    """A file by its name in messages. `path` is where it is on this machine as httpd would open it; None for a copy."""

    name: str
    content: bytes
    path: Path | None = None


@dataclass(frozen=True)
class Sources:
    """Where real files are looked for: in CONFIG, in the folder of `--pki`, and with `on_disk` at their own place.

    `named` names a file of CONFIG in messages.
    """

    layout: Layout
    named: Callable[[str], str]
    pki: Path | None = None
    on_disk: bool = False

    def at(self, path: str) -> tuple[RealFile, ...]:
        """The file at a path of the configuration, or all files directly in that folder; none if it is not here."""
        absolute = posixpath.normpath(posixpath.join(self.layout.root, path))
        own = [
            RealFile(self.named(self.layout.origin[name]), content)
            for name, content in self.layout.files.items()
            if name == absolute or posixpath.dirname(name) == absolute
        ]
        if own:
            return tuple(own)
        if self.pki and (found := _by_ending(self.pki, absolute)):
            return tuple(_files(found, at_home=False))
        return tuple(_files(Path(absolute), at_home=True)) if self.on_disk else ()


def _by_ending(folder: Path, path: str) -> Path | None:
    """Find the longest ending of a path that exists below a folder."""
    parts = path.strip("/").split("/")
    endings = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((one for one in endings if one.exists()), None)


def _files(path: Path, *, at_home: bool) -> Iterator[RealFile]:
    every = sorted(path.iterdir())[:_MOST_FILES] if path.is_dir() and os.access(path, os.R_OK | os.X_OK) else [path]
    for one in every:
        if one.is_file() and os.access(one, os.R_OK):
            yield RealFile(_shown(one), one.read_bytes(), one if at_home else None)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else str(path)


@dataclass(frozen=True)
class Store:
    """The real files of one virtual host, as far as they are here, and which directive names each file."""

    references: References
    examined: Examined
    by_file: dict[str, Directive]
    problems: tuple[Fact, ...]


def real_files(configuration: Directive, sources: Sources, now: datetime) -> tuple[Fact, ...]:
    """Examine every real file that a configuration refers to and that is here, the worst facts first."""
    found = [_blame(fact, store) for store in stores(configuration, sources) for fact in _facts(store, now)]
    found += _ticket_keys(configuration, sources)
    found += _not_readable(configuration, sources)
    order = [*Level]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: order.index(one.level)))


def stores(configuration: Directive, sources: Sources) -> list[Store]:
    """The trusted files of each virtual host, as far as they are here."""
    found = (_store(one, sources) for one in references(configuration))
    return [store for store in found if store.examined.trust.authorities or store.problems]


def refusal(client: Certificate, judged: Judgement) -> Fact | None:
    """The fact that a real client is refused; None if it is admitted, or not decided."""
    decided = judged.refused_by
    if not decided:
        return None
    number = f" (X509_V_ERR {decided.error})" if decided.error is not None else ""
    at = f"{decided.where}: " if decided.where else ""
    text = f"The client `{called(client.value)}` is refused. {at}{decided.text}{number}"
    return Fact("client_refused", Level.ERROR, text, decided.remedy, client.file, client.line)


def real_client_facts(
    configuration: Directive, sources: Sources, like: Sequence[x509.Certificate], now: datetime
) -> Iterator[Fact]:
    """Say at which virtual hosts a real client is refused by the real files; `like` is its certificate, and those that
    it sends along."""
    client, *sent = (Located(one, "--client-like", number) for number, one in enumerate(like, 1))
    for store in stores(configuration, sources):
        if store.examined.trust.authorities:
            found = refusal(client, judge(client, sent, store.examined.trust, now))
            where = store.references.in_force["sslverifyclient"]
            if found:
                yield replace(found, file=where.file, line=where.line)


def _facts(store: Store, now: datetime) -> Iterator[Fact]:
    yield from store.problems
    if store.examined.trust.authorities:
        yield from facts(store.examined, now)


def _store(one: References, sources: Sources) -> Store:
    by_file: dict[str, Directive] = {}
    problems: list[Fact] = []

    def contents(names: Iterable[str]) -> list[Contents]:
        found: list[Contents] = []
        for name in names:
            path = one.path(name)
            files = sources.at(path) if path else ()
            for file in files:
                by_file.setdefault(file.name, one.in_force[name])
            parsed = [part for file in files if (part := _parsed(file, problems, folder=name.endswith("path")))]
            if path and files and name.endswith("path") and name not in NAMED:
                folder = Folder(posixpath.dirname(files[0].name), tuple(parsed))
                by_file.setdefault(folder.name, one.in_force[name])
                problems.extend(folder_facts(folder, crls=name in CRLS))
                parsed = folder.reachable(crls=name in CRLS)
            found += parsed
        return found

    mode, without_crl = one.revocation
    trusted, revoked = contents(AUTHORITIES), contents(CRLS)
    crls = tuple(entry for part in revoked for entry in part.crls)
    named = contents(NAMED) if any(one.path(name) for name in NAMED) else []
    trust = Trust(
        _certificates(trusted),
        crls,
        one.depth,
        Revocation(mode),
        without_crl,
        one.security_level,
        complete=_all_here(one, AUTHORITIES, sources),
        crls_known=_all_here(one, CRLS, sources),
        responder=one.asks_responder,
    )
    servers = [part for entry in one.servers for part in _identity(entry, sources)]
    examined = Examined(trust, tuple(servers), _certificates(named) if named else None)
    return Store(one, examined, by_file, tuple(problems))


def _all_here(one: References, names: Iterable[str], sources: Sources) -> bool:
    return all(sources.at(path) for name in names if (path := one.path(name)))


def _certificates(parts: Iterable[Contents]) -> tuple[Certificate, ...]:
    return tuple(entry for part in parts for entry in part.certificates)


def _parsed(file: RealFile, problems: list[Fact], *, folder: bool) -> Contents | None:
    try:
        found = read(file.content, file.name)
    except PkiError as error:
        if not folder:
            problems.append(Fact("unreadable", Level.ERROR, str(error), "httpd does not start with it.", file.name, 1))
        return None
    if found.form is not Form.PKCS12:
        problems.extend(unreadable(found))
    return found


def _identity(entry: Directive, sources: Sources) -> tuple[Certificate, ...]:
    """The server's own certificate, without its chain."""
    path = next(iter(entry.words), "")
    for file in sources.at(path) if path else ():
        found = _parsed(file, [], folder=True)
        return found.certificates[:1] if found else ()
    return ()


def _blame(fact: Fact, store: Store) -> Fact:
    blamed = _BLAMED.get(fact.id)
    where = store.references.responsible(*blamed) if blamed else store.by_file.get(fact.file)
    return _at(fact, where or store.references.responsible())


def _at(fact: Fact, where: Directive) -> Fact:
    """The same fact at the directive that names the file."""
    return replace(fact, message=f"{fact.where}: {fact.message}", file=where.file, line=where.line)


def _ticket_keys(configuration: Directive, sources: Sources) -> Iterator[Fact]:
    """With a known key anyone can make a session ticket that is admitted as any client (RFC 5077 section 5.3)."""
    for entry in walk(configuration):
        if entry.kind != "sslsessionticketkeyfile" or not entry.words:
            continue
        for file in sources.at(entry.words[0]):
            for fact in _of_ticket_key(file):
                yield _at(fact, entry)


def _of_ticket_key(file: RealFile) -> Iterator[Fact]:
    remedy = f"Make a new one on the server: openssl rand -out FILE {_TICKET_KEY}"
    size, counts = len(file.content), file.content[:_TICKET_KEY]
    if size < _TICKET_KEY:
        text = f"The ticket key has {size} bytes instead of {_TICKET_KEY}: httpd does not start."
        yield Fact("ticket_key_length", Level.ERROR, text, remedy, file.name, 1)
    elif len(set(counts)) < _TICKET_KEY // 4:
        text = "The ticket key is no random number: anybody can make a session that is admitted without a certificate."
        yield Fact("ticket_key_guessable", Level.ERROR, text, remedy, file.name, 1)
    elif _is_committed(Path(file.name)):
        text = "The ticket key is in a git repository: anyone who reads it can make a session of any client."
        yield Fact("ticket_key_committed", Level.WARNING, text, f"{remedy}. Do not commit it.", file.name, 1)
    elif size > _TICKET_KEY:
        text = f"The ticket key has {size} bytes. Only the first {_TICKET_KEY} count."
        yield Fact("ticket_key_length", Level.NOTE, text, remedy, file.name, 1)


def _is_committed(file: Path) -> bool:
    """Whether git's index lists a file: its path stands there as it is (gitformat-index, versions 2 and 3)."""
    path = file.absolute()
    for folder in path.parents:
        index = folder / ".git" / "index"
        if index.is_file():
            return os.fsencode(path.relative_to(folder)) + b"\0" in index.read_bytes()
    return False


def _not_readable(configuration: Directive, sources: Sources) -> Iterator[Fact]:
    """Find what httpd opens for a request, not at its start as root: its user must be able to read it."""
    if not sources.on_disk:
        return
    user = httpd_user(configuration)
    for entry in walk(configuration):
        kind = entry.kind
        hashed = kind in {"sslcacertificatepath", "sslcarevocationpath"}
        if not entry.words or not (hashed or kind in READ_PER_REQUEST):
            continue
        path = Path(posixpath.normpath(posixpath.join(sources.layout.root, entry.words[0])))
        for one in [path, *sorted(path.glob("*.*"))] if hashed and re.fullmatch("/.+", str(path)) else [path]:
            if reason := why_not_readable(one, user):
                text = f"httpd's user {user.name} cannot read {one}: {reason}."
                remedy = f"Let {user.name} read it: httpd opens it for a request, no longer as root."
                yield Fact("not_readable", Level.WARNING, text, remedy, entry.file, entry.line)
                break
