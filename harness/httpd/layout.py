"""How is the user's configuration laid out, and how must a copy of it differ so that it runs in a container?

The user's files are read, never changed. In the copy every directive keeps its line.
"""

import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.httpd.template import advice

MOST_FILES = 10_000
MOST_BYTES = 64 << 20
SNIPPET = "/etc/httpd/harness/skeleton.conf"
"""Where the file goes that a snippet is included by."""
RESPONDER = "http://127.0.0.1:6960"
"""Where an OCSP responder answers, beside the server. RFC 6960 gave the port its number."""
CERTBOT = "/etc/letsencrypt/options-ssl-apache.conf"
"""What certbot has every virtual host include that it writes: the directives of TLS that are its own to keep."""

_SERVER_ROOT = re.compile(r'^[ \t]*ServerRoot[ \t]+"?(/[^"\s$]*)', re.MULTILINE | re.IGNORECASE)
_WHOLE = re.compile(r"^[ \t]*LoadModule[ \t]+mpm_\w+_module\b", re.MULTILINE | re.IGNORECASE)
"""What a file of its own that httpd starts with has to hold: nothing else loads an MPM."""
# What Red Hat's tree links to: the server's own folders, which hold no configuration.
_FOLDERS_OF_THE_SYSTEM = {"modules", "logs", "run", "state", "build"}
MAIN_FILES = ("apache2.conf", "conf/httpd.conf", "httpd.conf")
"""Where each of the layouts has its main file: Debian's, Red Hat's, upstream's."""


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says where and why, in httpd's own words where it was httpd."""


@dataclass(frozen=True)
class CoverageGap:
    """A part of the access decision that is not tested, such as a file outside of CONFIG."""

    what: str
    file: str
    line: int
    remedy: str = "Verify a CONFIG that holds it, or see to it yourself."


@dataclass(frozen=True)
class Layout:
    """A configuration as it goes into a container.

    `files` are by their path there; `origin` names each by its path in CONFIG. `root` is the ServerRoot that httpd is
    started with, `main` the file, `options` are further ones. `port_substitutes` are the ports that stand for an
    address in a container, which has one address only, each with the port that it is really at; `listen` opens them.
    `home` is the folder that CONFIG takes the place of, whatever the image has there; "" where it is a file.
    `loopback_only` are the ports at which only the machine itself is answered. `included` are files that the user has
    elsewhere, by a path from there; `ignore_missing` says to run without included files that are nowhere.
    """

    name: str
    root: str
    main: str
    files: Mapping[str, bytes]
    origin: Mapping[str, str]
    coverage_gaps: tuple[CoverageGap, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    port_substitutes: Mapping[int, int] = field(default_factory=dict)
    listen: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    home: str = ""
    loopback_only: frozenset[int] = frozenset()
    included: Mapping[str, bytes] = field(default_factory=dict)
    ignore_missing: bool = False

    @property
    def is_snippet(self) -> bool:
        """Whether the rest of a configuration has to be supplied."""
        return self.main == SNIPPET

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that the files name, whether or not they are in force; https where they name none."""
        named = {int(port) for content in self.files.values() for _, port, _ in _LISTENED.findall(content)}
        for content in self.files.values():
            for _, addresses in _HOST.findall(content):
                named |= {int(port) for _, port in _addresses(addresses) if port.isdigit()}
        return (*sorted(port for port in {*named, *self.port_substitutes} if 0 < port < 1 << 16),) or (443,)

    def path_of(self, file: str) -> str | None:
        """The path in the container of a file that the user names so; None for another file."""
        return next((path for path, name in self.origin.items() if name == file), None)

    def named(self, words: str) -> str:
        """Name every file of the copy in a message as the user knows it."""
        for path in sorted(self.origin, key=len, reverse=True):
            for spelling in (path, _escaped(path)):
                words = words.replace(spelling, self.origin[path])
        return words


def _escaped(path: str) -> str:
    """The path as httpd's error log spells it: bytes beyond ASCII in hex."""
    return "".join(chr(byte) if byte < 0x80 else f"\\x{byte:02x}" for byte in path.encode(errors="surrogateescape"))


def read(config: Path) -> Layout:
    """Recognise the layout and make the copy.

    Debian's `/etc/apache2` has an `apache2.conf`, Red Hat's `/etc/httpd` a `conf/httpd.conf`, upstream's
    `/usr/local/apache2/conf` an `httpd.conf`. A file that loads an MPM is a whole configuration. Any other one is a
    snippet, whatever it says of modules, ports and users: what it lacks is supplied.

    Raises:
        ConfigurationError: there is nothing that could be a configuration, it is too large, or a link leaves it.
    """
    if config.is_file():
        return single(config.name, config.read_bytes())
    if not config.is_dir():
        raise ConfigurationError(f"{config}: there is no such file or folder.")
    found = next((name for name in MAIN_FILES if (config / name).is_file()), None)
    if found is None:
        raise ConfigurationError(
            f"{config} holds none of {', '.join(MAIN_FILES)}: name the folder that does, or one configuration file."
        )
    server_root = _SERVER_ROOT.search(_text(config / found) or "")
    root = server_root[1].rstrip("/") if server_root else None
    if found == "apache2.conf":
        home = root = root or "/etc/apache2"
        name = "Debian"
    elif found == "conf/httpd.conf":
        home = root = root or "/etc/httpd"
        name = "Red Hat"
    else:
        root = root or "/usr/local/apache2"
        home = f"{root}/conf"
        name = "upstream"
    files: dict[str, bytes] = {}
    origin: dict[str, str] = {}
    coverage_gaps: list[CoverageGap] = []
    total = 0
    for relative, path in _walk(config, home):
        content = path.read_bytes()
        total += len(content)
        if len(files) >= MOST_FILES or total > MOST_BYTES:
            raise ConfigurationError(
                f"{config} holds more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB: is it a configuration?"
            )
        if b"PRIVATE KEY-----" in content:
            continue
        inside = f"{home}/{relative}"
        real = path.relative_to(config.resolve())
        origin[inside] = str(real)
        files[inside] = content
        coverage_gaps += _coverage_gaps(content, str(real), home)
    return _copied(
        Layout(name, root, f"{home}/{found}", files, origin, tuple(coverage_gaps), _environment(home), home=home)
    )


def gathered(
    *,
    main: str,
    root: str,
    files: Mapping[str, bytes],
    origin: Mapping[str, str],
    environment: Mapping[str, str],
    options: Iterable[str],
    coverage_gaps: Iterable[CoverageGap],
) -> Layout:
    """Make the copy of a configuration that lies in a container already, as it lies there."""
    variables = _environment(root) | dict(environment)
    lying = Layout("a container's", root, main, files, origin, tuple(coverage_gaps), variables, options=tuple(options))
    return _copied(lying)


def server_root(content: bytes) -> str | None:
    """The ServerRoot that a file names, if it does."""
    found = _SERVER_ROOT.search(content.decode(errors="surrogateescape"))
    return found[1].rstrip("/") if found else None


def single(name: str, content: bytes) -> Layout:
    """Make the copy of one file, of which only the content is known: `name` is for the user.

    Raises:
        ConfigurationError: it is binary, or a template that is not rendered.
    """
    if b"\0" in content:
        raise ConfigurationError(f"{name} is binary, not a configuration file.")
    text = content.decode(errors="surrogateescape")
    if is_template := advice(name, text):
        raise ConfigurationError(is_template)
    server_root = _SERVER_ROOT.search(text)
    root = server_root[1].rstrip("/") if server_root else "/etc/httpd"
    # httpd's own syntax has no escape for every character that a file's name may have.
    inside = f"{root}/conf/{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"
    whole = _WHOLE.search(text)
    return _copied(
        Layout(
            "a whole configuration file" if whole else "a snippet",
            root,
            inside if whole else SNIPPET,
            {inside: content},
            {inside: name},
            tuple(_coverage_gaps(content, name, root)),
            _environment("/etc/apache2"),
        )
    )


def _environment(home: str) -> dict[str, str]:
    """What Debian's `envvars` sets where CONFIG has none."""
    return {
        "APACHE_CONFDIR": home,
        "APACHE_RUN_USER": "www-data",
        "APACHE_RUN_GROUP": "www-data",
        "APACHE_PID_FILE": "/run/httpd.pid",
        "APACHE_RUN_DIR": "/run/apache2",
        "APACHE_LOCK_DIR": "/run/apache2",
        "APACHE_LOG_DIR": "/var/log/apache2",
    }


def _text(path: Path) -> str | None:
    content = path.read_bytes()
    return None if b"\0" in content else content.decode(errors="surrogateescape")


def _walk(config: Path, home: str) -> Iterator[tuple[str, Path]]:
    """Yield every file by its path below CONFIG; a link inside CONFIG is followed, one that leaves it is refused."""
    top = config.resolve()

    def inside(folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
        for path in sorted(folder.iterdir()):
            name = prefix + path.name
            target = _target(path, top, home) if path.is_symlink() else path
            if target is None:
                if path.name in _FOLDERS_OF_THE_SYSTEM:
                    continue
                raise ConfigurationError(
                    f"{config / name} is a link to {path.readlink()}, which is not in {config}: what stands there "
                    "cannot be seen. Put a copy in its place."
                )
            if target in above:
                raise ConfigurationError(f"{config / name} is a link to a folder that it lies in itself.")
            if target.is_dir():
                yield from inside(target, f"{name}/", (*above, target))
            elif target.is_file():
                yield name, target

    yield from inside(top, "", (top,))


def _target(link: Path, top: Path, home: str) -> Path | None:
    """Follow a link, an absolute one as if CONFIG lay where it belongs; None if it leads out or nowhere."""
    to = link.readlink()
    try:
        where = top / to.relative_to(home) if to.is_absolute() and to.is_relative_to(home) else link
        target = where.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    return target if target.is_relative_to(top) else None


# --- the copy -------------------------------------------------------------------------------------------------------

# Where httpd writes, which terminal and which hardware it uses: none of it decides about admission. And the log
# has to come here, in httpd's own format and at a level that gives reasons.
_LEFT_OUT = re.compile(
    rb"^(?=[ \t]*(?:ErrorLog|ErrorLogFormat|LogLevel|LogLevelOverride|CustomLog|TransferLog|GlobalLog|ForensicLog"
    rb"|ScriptLog|PidFile|ScoreBoardFile|DefaultRuntimeDir|Mutex|CoreDumpDirectory|SSLPassPhraseDialog|SSLCryptoDevice"
    rb"|SSLRandomSeed|RemoteIPProxyProtocol"
    rb"|LoadModule[ \t]+systemd_module)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_LISTEN = re.compile(rb"^([ \t]*Listen[ \t]+)\"?(?:\[[^\]]*\]|[^\s:\"]+):(\d+|\$)", re.MULTILINE | re.IGNORECASE)
_LISTENED = re.compile(
    rb"^[ \t]*Listen[ \t]+\"?(?:(\[[^\]]*\]|[^\s:\"]+):)?(\d+)\"?(?:[ \t]+(\w+))?", re.MULTILINE | re.IGNORECASE
)
_HOST = re.compile(rb"^([ \t]*<VirtualHost[ \t]+)([^>\n]+)>", re.MULTILINE | re.IGNORECASE)
_ASKS = re.compile(
    rb"^([ \t]*SSLOCSP(?:DefaultResponder|ProxyURL)[ \t]+\"?)(?:(\w+://)[^\s/\"]+|[$][^\s/\"]+)",
    re.MULTILINE | re.IGNORECASE,
)
_ELSEWHERE = re.compile(rb"(\w://(?:[^\s/@]*@)?)(?!127\.)(\d+\.\d+\.\d+\.\d+)")


_FIRST_SUBSTITUTE = 49152
"""The first of the dynamic ports (RFC 6335 section 6)."""


def _copied(layout: Layout) -> Layout:
    """Change what has to differ in a container, in every file."""
    port_substitutes = _port_substitutes(layout.files.values())
    listening = [entry for content in layout.files.values() for entry in _LISTENED.findall(content)]
    listened = {port: protocol for _, port, protocol in listening}
    listen = (
        f"Listen {port} {listened[real].decode() or ('https' if real == b'443' else 'http')}"
        for (_, real), port in port_substitutes.items()
        if real in listened
    )
    return replace(
        layout,
        files={path: _copy(content, port_substitutes) for path, content in layout.files.items()},
        port_substitutes={port: int(real) for (_, real), port in port_substitutes.items()},
        listen=tuple(listen),
        loopback_only=_loopback_only(listening),
    )


def _copy(content: bytes, port_substitutes: Mapping[tuple[bytes, bytes], int]) -> bytes:
    if b"\0" in content:
        return content
    content = _LEFT_OUT.sub(rb"#", content)
    # Red Hat's name for what the system's policy allows; elsewhere OpenSSL's own default.
    content = content.replace(b"PROFILE=SYSTEM", b"DEFAULT")
    content = _listening_once(content)
    content = _HOST.sub(lambda found: found[1] + b" ".join(_ports(found[2], port_substitutes)) + b">", content)
    # The scheme stays: httpd cannot query a responder over https, and then no client is admitted.
    here = RESPONDER.encode().partition(b"://")
    content = _ASKS.sub(lambda found: found[1] + (found[2] or here[0] + here[1]) + here[2], content)
    # No outside server is contacted, not even by a proxy: there it is unreachable, which does not change admission.
    return _ELSEWHERE.sub(lambda found: found[1] + _unreachable_address(found[2]), content)


def _unreachable_address(address: bytes) -> bytes:
    """A loopback address without a server, a different one for each address (RFC 1122 section 3.2.1.3)."""
    number = zlib.crc32(address)
    return b"127.%d.%d.%d" % (1 + (number >> 16) % 254, (number >> 8) % 256, 1 + number % 254)


def _listening_once(content: bytes) -> bytes:
    """Listen at every address that there is, once where several are named for one port: a container has one."""
    seen: set[bytes] = set()

    def instead(found: re.Match[bytes]) -> bytes:
        first = found[2] not in seen
        seen.add(found[2])
        return (b"" if first else b"#") + found[1] + found[2]

    return _LISTEN.sub(instead, content)


def _loopback_only(listening: Collection[tuple[bytes, bytes, bytes]]) -> frozenset[int]:
    """The ports at which only the machine itself is answered, of all that are listened on (`_LISTENED`)."""
    outside = {port for address, port, _ in listening if not re.match(rb"127\.|\[::1\]|localhost", address)}
    return frozenset(int(port) for _, port, _ in listening if port not in outside)


def _ports(arguments: bytes, port_substitutes: Mapping[tuple[bytes, bytes], int]) -> list[bytes]:
    ports = (b"%d" % port_substitutes[one] if one in port_substitutes else one[1] for one in _addresses(arguments))
    return list(dict.fromkeys(b"*:" + port if port else b"*" for port in ports))


def _addresses(arguments: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the addresses of a virtual host, each with its port (nothing where it has none)."""
    for one in arguments.replace(b'"', b"").split():
        found = re.fullmatch(rb"(\[[^\]]*\]|[^:]*)(?::(.*))?", one)
        address, port = (found[1], found[2] or b"") if found else (one, b"")
        yield b"*" if address == b"_default_" else address, port


def _port_substitutes(contents: Collection[bytes]) -> dict[tuple[bytes, bytes], int]:
    """The port that stands for each address (with its port) that distinguishes virtual hosts of one port, except for
    one address: `*`, or else the first.

    Raises:
        ConfigurationError: some of them are at every port.
    """
    sets: dict[bytes, dict[frozenset[bytes], None]] = {}
    for _, arguments in (host for content in contents for host in _HOST.findall(content)):
        mine: dict[bytes, set[bytes]] = {}
        for address, port in _addresses(arguments):
            mine.setdefault(port, set()).add(address)
        for port, found in mine.items():
            sets.setdefault(port, {})[frozenset(found)] = None
    several = {port: sorted(set().union(*found)) for port, found in sets.items() if len(found) > 1}
    if unclear := [port.decode(errors="replace") or "every port" for port in several if not port.isdigit()]:
        raise ConfigurationError(
            f"Virtual hosts are told apart by their address at {unclear[0]}. A container has one address, and a port "
            "stands for each other: write its number into every <VirtualHost>, such as <VirtualHost 192.0.2.1:443>."
        )
    apart = [(address, port) for port, found in several.items() for address in found if address != found[0]]
    named = {int(number) for content in contents for number in re.findall(rb"\b\d{5}\b", content)}
    free = (number for number in range(_FIRST_SUBSTITUTE, 1 << 16) if number not in named)
    return dict(zip(apart, free, strict=False))


def _coverage_gaps(content: bytes, file: str, home: str) -> Iterator[CoverageGap]:
    """Yield the files that the configuration would include on the user's machine."""
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        found = re.match(r"\s*IncludeOptional\s+\"?(/[^\"\s]+)", line, re.IGNORECASE)
        if found and not found[1].startswith(f"{home}/"):
            yield CoverageGap(f"the files {found[1]}, which lie outside of CONFIG", file, number)
        if re.match(rf'\s*Include\s+"?{re.escape(CERTBOT)}"?\s*$', line, re.IGNORECASE):
            yield CoverageGap("what was changed in this file since certbot wrote it", file, number)
