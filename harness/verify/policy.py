"""What must be true of which sites by the user's policy, whatever the configuration claims?"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.site import Site, Sites
from harness.outcome import TLS_VERSIONS, Tls

ADMIT = ("anyone", "clients", "nobody")
REVOCATION = ("chain", "leaf", "soft", "none")
_PORTS = {"https": "443", "http": "80"}
_URL = re.compile(r"(?P<scheme>https?)://(?P<name>[^/:]+)(?::(?P<port>\d+|\*))?(?P<path>/.*)?")
_EMAIL = {"emailAddress": NameOID.EMAIL_ADDRESS}


class PolicyError(Exception):
    """The policy is wrong, or does not fit the configuration; the message has the line and the correction."""


@dataclass(frozen=True)
class Promise:
    """What must be true of the sites whose URL matches: an entry of the policy, and its line there.

    `subject` are attributes that the subject of an admitted client must have; `authority` is who must have issued it,
    by its distinguished name or by a file of CONFIG. What is None or empty is left to the configuration's own claims.
    """

    url: str
    admit: str
    line: int
    authority: str | None = None
    subject: tuple[tuple[x509.ObjectIdentifier, str], ...] = ()
    revocation: str | None = None
    tls: tuple[Tls, ...] = ()

    def matches(self, site: Site) -> bool:
        """Whether the pattern fits the site's URL: `*` is any text, `?` one character, no port the scheme's own."""
        scheme, name, port, path = self._parts()
        here = fnmatchcase(site.path, path) and fnmatchcase(str(site.port), port) and (scheme == "https") == site.tls
        return here and any(fnmatchcase(one, name) for one in (site.name, *site.aliases))

    def path(self, name: str, port: int, tls: bool) -> str | None:
        """The path to probe in a virtual host that the pattern speaks of; None where it does not."""
        scheme, its_name, its_port, path = self._parts()
        here = (scheme == "https") == tls and fnmatchcase(name, its_name) and fnmatchcase(str(port), its_port)
        return re.sub(r"[*?]", "x", path.removesuffix("*")) if here else None

    def _parts(self) -> tuple[str, str, str, str]:
        found = _URL.fullmatch(self.url)
        assert found is not None
        return found["scheme"], found["name"], found["port"] or _PORTS[found["scheme"]], found["path"] or "/"


@dataclass(frozen=True)
class Acceptance:
    """A finding that the user accepts: an entry of the policy, and its line there. It is about one id at one line."""

    finding: str
    reason: str
    line: int
    file: str = ""
    at: int = 0


@dataclass(frozen=True)
class Policy:
    """The promises in the order of the file: for each site the first one that matches counts.

    `accepted` are the findings that the user accepts.
    """

    name: str = ""
    promises: tuple[Promise, ...] = ()
    accepted: tuple[Acceptance, ...] = ()

    def promise_for(self, site: Site) -> Promise | None:
        """The promise for a site; None if the policy has none."""
        return next((promise for promise in self.promises if promise.matches(site)), None)

    def is_public(self, site: Site) -> bool:
        """Whether the policy makes the site public."""
        promise = self.promise_for(site)
        return promise is not None and promise.admit == "anyone"

    def paths(self, name: str, port: int, tls: bool) -> Iterator[str]:
        """Yield the paths to probe in a virtual host, in addition to those of its own sections."""
        found = (promise.path(name, port, tls) for promise in self.promises)
        return (path for path in found if path is not None)

    def apply_to(self, found: Sites) -> Sites:
        """Add the policy's promises to the claims of the configuration: every site with a promise has a claim.

        Raises:
            PolicyError: a promise is about no site.
        """
        self.check(found.places)
        return self.claimed(found)

    def claimed(self, found: Sites) -> Sites:
        """Give a claim to every site with a promise."""
        return replace(found, places=tuple(_claimed(site) if self.promise_for(site) else site for site in found.places))

    def check(self, places: Sequence[Site], *, unseen: Sequence[str] = ()) -> None:
        """Check that every promise is about a site, and has none of the keys `unseen`, which no probe can prove.

        Raises:
            PolicyError: a promise is about no site, or has such a key. It would count as proved without a probe.
        """
        met = {self.promise_for(site) for site in places}
        for promise in self.promises:
            if promise not in met:
                self._reject(promise.line, _about_nothing(promise, places))
            if stated := [key for key in unseen if getattr(promise, key)]:
                self._reject(promise.line, f"`{stated[0]}` cannot be proved from outside: verify the configuration.")

    def _reject(self, line: int, message: str) -> NoReturn:
        raise PolicyError(f"{self.name}:{line}: {message}")

    def issuer(
        self,
        promise: Promise | None,
        read_file: Callable[[str], list[x509.Certificate]],
        trusted: list[x509.Certificate],
    ) -> x509.Name | None:
        """The name of the authority in a promise; None if it names none.

        `read_file` returns the certificates in a file of CONFIG. `trusted` are the site's authorities in CONFIG.

        Raises:
            PolicyError: there is no such file, or CONFIG trusts others there.
        """
        if promise is None or promise.authority is None:
            return None
        if "=" in promise.authority:
            name = _name(promise.authority)
        else:
            found = read_file(promise.authority)
            if not found:
                self._reject(promise.line, f"`authority` names {promise.authority}: CONFIG has no such certificate.")
            name = found[0].subject
        if trusted and name not in {one.subject for one in trusted}:
            known = ", ".join(f'"{one.subject.rfc4514_string()}"' for one in trusted[:5])
            self._reject(promise.line, f"`authority` is none of those that CONFIG trusts at {promise.url}: {known}.")
        return name


NO_POLICY = Policy()
"""No policy: the configuration's own claims are the promise."""


def _about_nothing(promise: Promise, places: Sequence[Site]) -> str:
    if taken := next((site for site in places if promise.matches(site)), None):
        return f'url = "{promise.url}" is never reached: an earlier entry speaks of {taken.url}. Put this one first.'
    urls = [site.url for site in places]
    near = difflib.get_close_matches(promise.url, urls, 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f'url = "{promise.url}" is about none of the sites.{hint}\nThe sites are: {", ".join(urls)}'


def _claimed(site: Site) -> Site:
    """The site with a claim: its section, if the configuration itself claims nothing."""
    return replace(site, guard=replace(site.guard, requirement=site.guard.requirement or site.guard.section))


# --- the file -------------------------------------------------------------------------------------------------------


def read(file: Path) -> Policy:
    """Read a policy, as docs/policy.md describes it.

    Raises:
        PolicyError: it cannot be read, is not TOML, has a key that is not known, or a value that cannot be.
    """
    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{file} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file} is not TOML: {error}") from None
    return _Reader(file, text).policy(data)


@dataclass(frozen=True)
class _Reader:
    file: Path
    text: str

    def policy(self, data: Mapping[str, Any]) -> Policy:
        for key in data:
            self._known(key, ("site", "accept"), self._line(key))
        sites, accepted = self._entries(data, "site"), self._entries(data, "accept")
        if not (sites or accepted):
            self._fail(1, "a policy is a list of [[site]] and [[accept]] entries, one at least.")
        return Policy(
            str(self.file),
            tuple(self._promise(*numbered) for numbered in enumerate(sites)),
            tuple(self._acceptance(*numbered) for numbered in enumerate(accepted)),
        )

    def _entries(self, data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        entries = data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._fail(self._line(name), f"`{name}` is a list of entries: write [[{name}]].")
        return entries

    def _acceptance(self, number: int, entry: Mapping[str, Any]) -> Acceptance:
        def line(key: str) -> int:
            return self._line(key, number, "accept")

        for key, value in entry.items():
            self._known(key, tuple(_ACCEPTANCE), line(key))
            self._converted(key, value, _ACCEPTANCE[key], line(key))
        for key in ("finding", "reason"):
            if key not in entry:
                self._fail(line("accept"), f"this [[accept]] lacks `{key}`.")
        if ("file" in entry) != ("line" in entry):
            self._fail(line("accept"), "this [[accept]] needs both `file` and `line`, or neither.")
        return Acceptance(
            entry["finding"], entry["reason"], line("finding"), entry.get("file", ""), entry.get("line", 0)
        )

    def _promise(self, number: int, entry: Mapping[str, Any]) -> Promise:
        for key in entry:
            self._known(key, tuple(_VALUES), self._line(key, number))
        read = {key: self._value(key, value, self._line(key, number)) for key, value in entry.items()}
        header = self._line("site", number)
        for key in ("url", "admit"):
            if key not in read:
                self._fail(header, f"this [[site]] lacks `{key}`.")
        if "tls" in read and read["url"].startswith("http:"):
            self._fail(self._line("tls", number), "`tls` needs a URL that begins with https.")
        if read["admit"] != "clients":
            for key in read.keys() & {"authority", "subject", "revocation"}:
                message = f'`{key}` says which clients are admitted, so it needs admit = "clients".'
                self._fail(self._line(key, number), message)
        return Promise(line=self._line("url", number), **read)

    def _value(self, key: str, value: Any, line: int) -> Any:
        return self._converted(key, value, _VALUES[key], line)

    def _converted(self, key: str, value: Any, kind: tuple[str, Callable[[Any], Any]], line: int) -> Any:
        wanted, convert = kind
        try:
            return convert(value)
        except ValueError:
            near = difflib.get_close_matches(str(value), re.findall(r'"(\w+)"', wanted), 1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            self._fail(line, f"`{key}` must be {wanted}, not {value!r}.{hint}")

    def _known(self, key: str, known: tuple[str, ...], line: int) -> None:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean `{near[0]}`?" if near else f"There is: {', '.join(known)}."
            self._fail(line, f"there is no key `{key}`. {hint}")

    def _line(self, key: str, number: int | None = None, table: str = "site") -> int:
        """Find the line of a key: of the whole file, or of the entry of this number in a list (whose own line is that
        of its header, such as `[[site]]`).

        tomllib gives no lines. Where an entry is written in another way than docs/policy.md shows, its line is 1.
        """
        lines = self.text.splitlines()
        all_headers = [at for at, line in enumerate(lines, 1) if re.match(r"\s*\[\[", line)]
        own = re.compile(rf"\s*\[\[\s*[\"']?{table}[\"']?\s*\]\]")
        headers = [at for at in all_headers if own.match(lines[at - 1])]
        if number is None:
            start, end = 1, len(lines)
        elif number < len(headers):
            start = headers[number]
            end = next((at for at in all_headers if at > start), len(lines) + 1) - 1
        else:
            return 1
        pattern = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
        return next((at for at in range(start, end + 1) if pattern.match(lines[at - 1])), start)

    def _fail(self, line: int, message: str) -> NoReturn:
        raise PolicyError(f"{self.file}:{line}: {message}")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def _url(value: Any) -> str:
    if not _URL.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _one_of(*known: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in known:
            raise ValueError
        return str(value)

    return convert


def _name(value: Any) -> x509.Name:
    return x509.Name.from_rfc4514_string(_text(value), _EMAIL)


def _authority(value: Any) -> str:
    if "=" in _text(value):
        _name(value)
    return str(value)


def _subject(value: Any) -> tuple[tuple[x509.ObjectIdentifier, str], ...]:
    return tuple((entry.oid, str(entry.value)) for entry in _name(value))


def _versions(value: Any) -> tuple[Tls, ...]:
    if not isinstance(value, list) or not value or not all(one in TLS_VERSIONS for one in value):
        raise ValueError
    return tuple(tls for tls in TLS_VERSIONS if tls in value)


def _line_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError
    return value


def _choice(known: tuple[str, ...]) -> str:
    return "one of " + ", ".join(f'"{one}"' for one in known)


_VALUES: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "url": ('a URL with a scheme, such as "https://www.example.test/admin/*"', _url),
    "admit": (_choice(ADMIT), _one_of(*ADMIT)),
    "authority": ('a distinguished name such as "CN=Example root,O=Example", or a file of CONFIG', _authority),
    "subject": ('attributes of a distinguished name, such as "OU=Operations,O=Example"', _subject),
    "revocation": (_choice(REVOCATION), _one_of(*REVOCATION)),
    "tls": ('a list of "1.2" and "1.3"', _versions),
}
"""Every key of a [[site]]: what it must be, in words, and how it is read."""
_ACCEPTANCE: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "finding": ('the id of a finding, such as "revocation.not_checked"', _text),
    "file": ("a file of CONFIG", _text),
    "line": ("the number of a line", _line_number),
    "reason": ("a text", _text),
}
"""Every key of an [[accept]]."""
