"""How does somebody's configuration run in an image that it was not written for?

httpd is asked again and again what it makes of the configuration, and what it complains of is supplied: folders, users,
modules, certificate files. What it then runs with is the user's configuration and nothing of his machine.
"""

import contextlib
import io
import re
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import cast

from docker.errors import APIError
from docker.models.containers import Container
from docker.types import Healthcheck, LogConfig, Mount

from harness.engine.client import LABEL, ServerError, discard, engine, owned
from harness.engine.responder import responder
from harness.httpd import htaccess
from harness.httpd.directive import Directive, parse, walk
from harness.httpd.layout import CERTBOT, SNIPPET, ConfigurationError, Layout
from harness.httpd.log import ACCESS, INSTEAD, is_word
from harness.httpd.site import Sites
from harness.httpd.trace import LOG_LEVEL

_RUNTIME = "/run/mtls-harness"
"""A folder that is the server's own, whatever the image lets it write to."""
_OBSERVE = (
    f"DefaultRuntimeDir {_RUNTIME}",
    f"PidFile {_RUNTIME}/httpd.pid",
    "ErrorLog /proc/self/fd/2",
    # As it is by default, but for the client: both logs name its connection.
    r'ErrorLogFormat "[%{u}t] [%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\\ %{c}L] %M"',
    # Denial reasons appear from `info` on; `debug` adds the serial number of every certificate that was looked at.
    LOG_LEVEL,
    # GlobalLog is written for every virtual host, whatever logs of its own that has.
    f'GlobalLog /proc/self/fd/1 "{ACCESS} %{{c}}L %{{X-MTLS-Probe}}i %>s %{{X-MTLS-Passed}}i '
    "%{SSL_CLIENT_VERIFY}x %{SSL_CLIENT_M_SERIAL}x %{SSL_VERSION_INTERFACE}x %{SSL_VERSION_LIBRARY}x "
    '%{REDIRECT_STATUS}e %<f"',
    # httpd cuts off what is longer than some 200 characters. This one is about what answers in the place of others.
    f"""GlobalLog /proc/self/fd/1 "{INSTEAD} %{{X-MTLS-Probe}}i %f" "expr=-n req('X-MTLS-Instead')\"""",
    # Written last of all before a request is answered, so only where every guard has let it through. An ErrorDocument
    # passes guards of its own, which says nothing of the request that it answers: nor may it undo what that has passed.
    """RequestHeader set X-MTLS-Passed passed "expr=-z reqenv('REDIRECT_STATUS')\"""",
    """RequestHeader set X-MTLS-Instead passed "expr=-n reqenv('REDIRECT_STATUS')\"""",
)
_WITNESSES = ("headers", "log_config")
"""The modules that what is observed needs."""
# Rules about addresses see where a client says to come from, not the engine's own network: every peer may say so.
_ADDRESSES = ("RemoteIPHeader X-MTLS-Address", "RemoteIPInternalProxy 0.0.0.0/1 128.0.0.0/1")
_OF_ADDRESSES = {"remoteipheader", "remoteipproxyprotocol"}
# One shell for all that must be known of the image: the binary, its modules, what is built in, and who its users are.
_ASK_IMAGE = """
for httpd in apache2 httpd /usr/local/apache2/bin/httpd /usr/sbin/httpd; do
  command -v "$httpd" >/dev/null && break
done
command -v "$httpd" || exit 77
for folder in /usr/lib/apache2/modules /usr/lib64/httpd/modules /usr/lib/httpd/modules /usr/local/apache2/modules; do
  test -e "$folder/mod_ssl.so" && echo "$folder" && break
done
echo; "$httpd" -l; echo; ls "$folder"; echo; cat /etc/passwd; echo; cat /etc/group
"""
# What a snippet may count on. Modules that are not in the image are left out: httpd then says which one it misses.
_USUAL = """
mpm_event access_compat actions alias allowmethods asis auth_basic authn_anon authn_core authn_file authz_core
authz_groupfile authz_host authz_user autoindex brotli cache cache_disk cgid deflate dir env expires filter headers
http2 include lua auth_digest auth_form authnz_ldap dav dav_fs ldap macro md mime negotiation proxy proxy_ajp
proxy_balancer proxy_fcgi proxy_html proxy_http proxy_http2 proxy_wstunnel lbmethod_bybusyness lbmethod_byrequests
lbmethod_bytraffic ratelimit remoteip reqtimeout request rewrite session session_cookie session_crypto setenvif
slotmem_shm socache_shmcb speling ssl status substitute unique_id userdir usertrack vhost_alias xml2enc
"""
_PACKAGES = {
    "auth_openidc": "libapache2-mod-auth-openidc",
    "evasive20": "libapache2-mod-evasive",
    "jk": "libapache2-mod-jk",
    "perl": "libapache2-mod-perl2",
    "php": "libapache2-mod-php",
    "security2": "libapache2-mod-security2",
    "shib": "libapache2-mod-shib",
    "wsgi": "libapache2-mod-wsgi-py3",
}
_PREFIXES = {
    "DOS": "evasive20",
    "Jk": "jk",
    "OIDC": "auth_openidc",
    "Perl": "perl",
    "Sec": "security2",
    "Shib": "shib",
    "WSGI": "wsgi",
    "php_": "php",
}
"""How the directives of these modules begin."""
_OF_CERTBOT = (
    b"SSLEngine on\nSSLProtocol all -SSLv3 -TLSv1 -TLSv1.1\nSSLSessionTickets off\nSSLOptions +StrictRequire\n"
)
_OF_A_SNIPPET = "/etc/httpd/harness/server.pem"
"""The server's certificate and key, where a snippet names none."""
_HOST = re.compile(rb"^[ \t]*<VirtualHost\b", re.MULTILINE | re.IGNORECASE)
_CERTIFICATE = re.compile(rb"^[ \t]*SSLCertificateFile\b", re.MULTILINE | re.IGNORECASE)
_MIME_TYPES = b"text/html html\ntext/css css\n"
_TYPES = {"typesconfig": _MIME_TYPES, "mimemagicfile": b"0 string none none\n"}
_MOST_QUESTIONS = 200
_MOST_TRIES = 5
_LAST_WORD = b"mtls-harness: end of output\n"
_USER = 33
_NAME_PATHS_IN_URLS = {"location", "locationmatch", "redirect", "redirectmatch", "rewriterule", "proxypass"}
_SERVE = {"documentroot", "alias", "directory"}
_PAGE = b"Served by the server under test.\n"
_ROOTS = re.compile(rb"^[ \t]*DocumentRoot[ \t]+\"?(/[^\s\"$]+)", re.MULTILINE | re.IGNORECASE)
_DUMP = ("-t", "-D", "DUMP_CONFIG")


@dataclass(frozen=True)
class Httpd:
    """A running server: `ports` are those on 127.0.0.1 that each port of the configuration is published at, `responder`
    whom it asks about revoked certificates."""

    container: Container
    ports: Mapping[int, int]
    responder: Container | None = None

    def state(self) -> str | None:
        """None while it runs, undisturbed since its start; else what became of it, or of the responder."""
        if self.responder:
            self.responder.reload()
            if not self.responder.attrs["State"]["Running"]:
                return f"the OCSP responder stopped with exit code {self.responder.attrs['State']['ExitCode']}"
        self.container.reload()
        state = self.container.attrs["State"]
        if state["Running"] and not self.container.attrs["RestartCount"]:
            return None
        return f"the container stopped with exit code {state['ExitCode']}"

    def last_words(self, lines: int = 8) -> str:
        """The last lines of its log, for a message."""
        return last_words(self.container.logs().decode(errors="replace"), lines)

    def finish(self, *, keep: bool = False) -> Iterator[str]:
        """End it and yield all lines that it has logged: only a log that is closed is known to be whole.

        A server that is to be kept goes on; its log is given a moment to arrive.
        """
        if keep:
            time.sleep(1)
        else:
            with contextlib.suppress(APIError):  # It may be dead already; `state` is for those who want to know.
                self.container.kill()
            self.container.wait(timeout=60)
        rest = b""
        # Of many sites it is too long to be held at once.
        for part in self.container.logs(stream=True, follow=False):
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        yield rest.decode(errors="replace")


def last_words(log: str, lines: int = 8) -> str:
    """The last lines of a log that are more than httpd telling what it does."""
    return "\n".join([line for line in log.splitlines() if is_word(line)][-lines:])


@dataclass(frozen=True)
class _Image:
    """What must be known of an image before a configuration can be run in it."""

    httpd: str
    folder: str
    modules: frozenset[str]
    built_in: frozenset[str]
    users: str
    groups: str


@dataclass
class Sandbox:
    """An image, a configuration, and all that was added so that the one runs in the other."""

    image: str
    layout: Layout
    label: str
    _about: _Image | None = None
    _files: dict[str, bytes] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)
    _links: dict[str, str] = field(default_factory=dict)
    _says_addresses: bool = True
    _users: dict[str, list[str]] = field(default_factory=lambda: {"passwd": [], "group": []})

    def effective(self) -> Directive:
        """Let httpd resolve the configuration (mod_info's dump), supplying what it misses; returns it as one section.

        Raises:
            ConfigurationError: httpd refuses it, in its own words; or it needs a module that is not in the image.
            ServerError: the engine, or an image that holds no httpd.
        """
        container = self._container(["sleep", "600"])
        try:
            container.start()
            self._about = self._inspect(container)
            self._prepare()
            self._put(container, self._files)
            configuration = parse(self._dump(container), self.layout.origin, self.layout.files)
            if read := [*htaccess.overrides(configuration, self.layout.files)]:
                configuration = parse(
                    self._dump(container, htaccess.lines(read)), self.layout.origin, self.layout.files
                )
        finally:
            discard(container)
        self._furnish(configuration)
        # Where the configuration has a header of its own for it, that stays.
        self._says_addresses = all(entry.name.lower() not in _OF_ADDRESSES for entry in walk(configuration))
        return configuration

    @contextmanager
    def running(
        self, files: Mapping[str, bytes], sites: Sites, *, answers: Mapping[str, bytes], keep: bool = False
    ) -> Iterator[Httpd]:
        """Start httpd with these files in the place of those that the configuration names, so that it listens for all
        its sites. `answers` are the files of the OCSP responder that httpd asks; without any there is none.

        Raises:
            ServerError: it did not start; the message holds its log's last words.
        """
        loaded = self._load(*_WITNESSES, *(["remoteip"] if self._says_addresses else []))
        addresses = _ADDRESSES if self._says_addresses else ()
        lines = (*loaded, *self.layout.listen, *(f"Listen {port}" for port in sites.to_open), *_OBSERVE, *addresses)
        options = [part for line in lines for part in ("-c", line)]
        container = self._container(self._command("-D", "FOREGROUND", *options), ports=sites.ports)
        try:
            self._put(container, self._files | self._pages(sites) | dict(files))
            container.start()
            published = self._published(container, sites.ports)
            if answers:
                with responder(container, self.label, answers, keep=keep) as asked:
                    yield Httpd(container, published, asked)
            else:
                yield Httpd(container, published)
        finally:
            if not keep:
                discard(container)

    def given(self, path: str) -> bytes:
        """What CONFIG itself holds at a path of the container; nothing where it does not."""
        return self.layout.files.get(path, b"")

    def absolute(self, path: str) -> str:
        """Resolve a path as httpd does: relative to ServerRoot."""
        path = path.strip('"')
        return path if path.startswith("/") else f"{self.layout.root}/{path}"

    def _container(self, command: list[str], ports: tuple[int, ...] = ()) -> Container:
        labels = {LABEL: self.label}
        return engine().containers.create(
            self.image,
            command[1:],
            entrypoint=command[:1],
            # Nobody: ports below 1024 are free in a container, and `User` is what only root can obey.
            user=f"{_USER}:{_USER}",
            working_dir="/",
            environment=dict(self.layout.environment),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            ports={f"{port}/tcp": ("127.0.0.1", 0) for port in ports} or None,
            network_mode=None if ports else "none",
            # Names of proxies' upstreams do not resolve: nothing outside is asked.
            dns=["127.0.0.1"] if ports else None,
            # Empty: what the image itself has there is not part of CONFIG.
            mounts=[Mount(home, None, no_copy=True, labels=labels)] if (home := self.layout.home) else None,
            labels=labels,
            healthcheck=Healthcheck(test=["NONE"]),
            # Whatever the engine does by default: what a rotation throws away would be missing as evidence.
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "100g", "max-file": "1"}),
        )

    def _command(self, *arguments: str) -> list[str]:
        about = self._about
        assert about is not None
        base = [about.httpd, "-d", self.layout.root, "-f", self.layout.main, *self.layout.options]
        variables = f"{self.layout.root}/envvars"
        if variables not in self.layout.files:
            return [*base, *arguments]
        return ["sh", "-c", f'. "{variables}"; exec "$@"', "sh", *base, *arguments]

    def _inspect(self, container: Container) -> _Image:
        for _ in range(_MOST_TRIES):
            code, text, _ = _run(container, ["sh", "-c", _ASK_IMAGE])
            if code == 77:
                raise ServerError(f"There is no httpd in the image {self.image}: name one that has it.")
            where, built_in, modules, users, groups = (text.split("\n\n") + [""] * 5)[:5]
            httpd, _, folder = where.strip().partition("\n")
            # A busy engine may also lose a part in the middle.
            if "mod_ssl.so" in modules.split() or not folder:
                break
        return _Image(
            httpd,
            folder.strip(),
            frozenset(modules.split()),
            frozenset(re.findall(r"mod_(\w+)\.c", built_in)),
            users,
            groups,
        )

    def _prepare(self) -> None:
        about = self._about
        assert about is not None
        built_in = "|".join(sorted(about.built_in | {"core", "so", "http"}))
        load = re.compile(rf"^(?=[ \t]*LoadModule[ \t]+(?:{built_in})_module\b)".encode(), re.MULTILINE | re.IGNORECASE)
        self._files = {path: load.sub(b"#", content) for path, content in self.layout.files.items()}
        self._folders |= {f"{self.layout.root}/logs", "/run/apache2", "/var/log/apache2", _RUNTIME}
        self._files.setdefault(f"{self.layout.root}/mime.types", _MIME_TYPES)
        self._files.setdefault(CERTBOT, _OF_CERTBOT)
        if self.layout.is_snippet:
            (snippet,) = self.layout.files
            self._files[SNIPPET] = self._skeleton(about, snippet).encode()
        # Asking once for each of these would take long where there are many.
        for content in self.layout.files.values():
            for kind, value in re.findall(rb"^[ \t]*SSL\w+(File|Path)[ \t]+\"?([^\s\"$]+)", content, re.MULTILINE):
                self._supply(self.absolute(value.decode(errors="replace")), folder=kind == b"Path")
            self._folders |= {root.decode(errors="replace") for root in _ROOTS.findall(content)}

    def _skeleton(self, about: _Image, snippet: str) -> str:
        """What stands around a snippet. One that has no virtual host is what stands in a site with TLS."""
        said = self.layout.files[snippet]
        lines = [
            f"ServerRoot {self.layout.root}",
            "ServerName localhost",
            *(
                f"LoadModule {name}_module {about.folder}/mod_{name}.so"
                for name in _USUAL.split()
                if f"mod_{name}.so" in about.modules and name not in about.built_in
            ),
            "User www-data" if "www-data:" in about.users else "User daemon",
            "Group www-data" if "www-data:" in about.groups else "Group daemon",
            "DocumentRoot /srv/harness",
            *([] if _HOST.search(said) else ["SSLEngine on"]),
            *([] if _CERTIFICATE.search(said) else [f"SSLCertificateFile {_OF_A_SNIPPET}"]),
            f"Include {snippet}",
        ]
        return "\n".join(lines) + "\n"

    def _supply(self, path: str, *, folder: bool) -> None:
        if folder:
            self._folders.add(path)
        elif not self._files.get(path, b"").strip():
            self._files[path] = b"-"

    def _dump(self, container: Container, more: Iterable[str] = ()) -> str:
        """Ask until httpd has nothing left to complain of; `more` are directives for this once."""
        command = self._command(
            *_DUMP, *(part for line in (*self._load("info"), *self.layout.listen, *more) for part in ("-c", line))
        )
        words = ""
        for _ in range(_MOST_QUESTIONS):
            code, output, errors = _run(container, command)
            if code == 0:
                return output
            said = errors.strip()
            before = dict(self._files)
            if said == words or not self._answer(said):
                break
            words = said
            new = {path: content for path, content in self._files.items() if before.get(path) != content}
            self._put(container, new)
        unknown = re.search(r"Invalid command '(\w+)'", said)
        modules = [name for prefix, name in _PREFIXES.items() if unknown and unknown[1].startswith(prefix)]
        hints = [_package(f"mod_{name}.so", self.image) for name in modules]
        raise ConfigurationError("\n".join([self._shown(said), *hints]))

    def _pages(self, sites: Sites) -> dict[str, bytes]:
        """Make a page for each site that serves files: what is not there has no guard, for httpd walks real folders."""
        pages = {}
        for site in sites.places:
            if site.content.startswith("/") and site.content not in self._folders:
                folder = site.content.endswith("/")
                pages[f"{site.content}index.html" if folder else site.content] = _PAGE
        files = pages.keys() | self._files.keys()
        # What lies below a file is the program's that it is.
        return {
            path: content
            for path, content in pages.items()
            if path not in self._files and files.isdisjoint(map(str, PurePosixPath(path).parents))
        }

    def _load(self, *names: str) -> list[str]:
        """The directives that load what the verifier needs for itself; one that is loaded already is no mistake.

        Raises:
            ServerError: the image has no such module.
        """
        about = self._about
        assert about is not None
        wanted = [name for name in names if name not in about.built_in]
        if missing := [name for name in wanted if f"mod_{name}.so" not in about.modules]:
            raise ServerError(f"The image {self.image} has no mod_{missing[0]}, which a verification needs.")
        return [f"LoadModule {name}_module {about.folder}/mod_{name}.so" for name in wanted]

    def _answer(self, said: str) -> bool:
        """Supply what httpd complains of; False where that is nothing which could be supplied."""
        about = self._about
        assert about is not None
        if found := re.search(r"Cannot load \S+ into server: (/\S+/)(\S+?): cannot open shared object file", said):
            folder, name = found[1].rstrip("/"), found[2]
            if name not in about.modules:
                raise ConfigurationError(self._shown(said) + "\n" + _package(name, self.image))
            self._links[folder] = about.folder
            return folder != about.folder
        if found := re.search(r"AH0054[34]: \S+: bad (user|group) name (\S+)", said):
            number = 5000 + len(self._users["passwd"]) + len(self._users["group"])
            self._users["group"].append(f"{found[2]}:x:{number}:")
            if found[1] == "user":
                self._users["passwd"].append(f"{found[2]}:x:{number}:{number}::/:/bin/false")
            return True
        if found := re.search(r"DocumentRoot '([^']+)' is not a directory", said):
            self._folders.add(found[1])
            return True
        if found := re.search(r"RewriteMap: file for map \S+ not found:\s*(\S+)", said):
            self._supply(found[1], folder=False)
            return True
        if found := re.search(r"SSL\w+: (file|directory) '([^']+)' does not exist", said):
            self._supply(found[2], folder=found[1] == "directory")
            return True
        return False

    def _furnish(self, configuration: Directive) -> None:
        """Make the folders that a directive names, with a page in each that a visitor can be given."""
        entries = [entry for entry in walk(configuration) if entry.name.lower() not in _NAME_PATHS_IN_URLS]
        pages = {"index.html"}
        for entry in entries:
            if entry.name.lower() == "directoryindex":
                pages |= {name for name in entry.arguments.split() if re.fullmatch(r"[\w.-]+", name)}
            elif entry.name.lower() in _TYPES:
                self._files.setdefault(self.absolute(entry.words()[0]), _TYPES[entry.name.lower()])
        for entry in entries:
            serves = entry.name.lower() in _SERVE
            for path in (re.sub(r"^\w+:", "", word) for word in entry.words()):
                if re.fullmatch(r"/[\w./@+-]+", path) and path not in self._files:
                    is_folder = serves or entry.name.lower() == "cacheroot"
                    where = path.rstrip("/") if is_folder else path.rpartition("/")[0]
                    self._folders |= {where} - {""}
                    if serves and where.count("/") > 1:
                        self._files |= {
                            f"{where}/{page}": _PAGE for page in pages if f"{where}/{page}" not in self._files
                        }
        if self.layout.is_snippet:
            self._files.setdefault("/srv/harness/index.html", _PAGE)

    def _put(self, container: Container, files: Mapping[str, bytes]) -> None:
        """Copy files into a container through the engine's API: nothing of the machine is mounted."""
        about = self._about
        assert about is not None
        stream = io.BytesIO()
        links = {path: to for path, to in self._links.items() if path != to}
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for folder in sorted((self._folders | _above(files)) - files.keys() - links.keys()):
                entry = tarfile.TarInfo(folder.lstrip("/"))
                entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, _USER, _USER
                archive.addfile(entry)
            for name, to in links.items():
                entry = tarfile.TarInfo(name.lstrip("/"))
                entry.type, entry.linkname = tarfile.SYMTYPE, to
                archive.addfile(entry)
            accounts = {
                "/etc/passwd": "\n".join([about.users.strip(), *self._users["passwd"], ""]),
                "/etc/group": "\n".join([about.groups.strip(), *self._users["group"], ""]),
            }
            for name, content in (dict(files) | {path: text.encode() for path, text in accounts.items()}).items():
                entry = tarfile.TarInfo(name.lstrip("/"))
                entry.size, entry.uid, entry.gid = len(content), _USER, _USER
                entry.mode = 0o600 if b"PRIVATE KEY-----" in content else 0o644
                archive.addfile(entry, io.BytesIO(content))
        container.put_archive("/", stream.getvalue())

    def _published(self, container: Container, ports: tuple[int, ...]) -> dict[int, int]:
        """Wait until the ports of a server that was just started are published; returns those on 127.0.0.1."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            container.reload()
            bindings = container.attrs["NetworkSettings"]["Ports"]
            if all(bindings.get(f"{port}/tcp") for port in ports):
                return {port: int(bindings[f"{port}/tcp"][0]["HostPort"]) for port in ports}
            if not container.attrs["State"]["Running"]:
                break
            time.sleep(0.02)
        words = last_words(container.logs().decode(errors="replace"))
        ended = Httpd(container, {}).state() or "httpd opened none of its ports within 10 s"
        raise ServerError(f"{ended}. Its last words:\n{self._shown(words)}")

    def _shown(self, words: str) -> str:
        return self.layout.named(words)


@contextmanager
def sandbox(image: str, layout: Layout, *, keep: bool = False) -> Iterator[Sandbox]:
    """Prepare for a run, and remove all that it made, however it ends, unless it is to be kept.

    Raises:
        ServerError: the engine refused something, here or while the workbench was in use.
    """
    with owned(keep=keep) as label:
        yield Sandbox(image, layout, label)


def _run(container: Container, command: list[str]) -> tuple[int, str, str]:
    """Run a command inside; returns its exit code, and what it wrote to stdout and stderr.

    A busy engine may lose the end of an output: where the last word is missing, it is asked again.

    Raises:
        ServerError: the last word never came.
    """
    end = _LAST_WORD.decode()
    whole = ["sh", "-c", f'"$@"; code=$?; printf %s "{end}"; printf %s "{end}" >&2; exit $code', "sh", *command]
    for _ in range(_MOST_TRIES):
        done = container.exec_run(whole, demux=True)
        output, errors = (part or b"" for part in cast("tuple[bytes | None, bytes | None]", done.output))
        if output.endswith(_LAST_WORD) and errors.endswith(_LAST_WORD):
            said, complained = (part.removesuffix(_LAST_WORD).decode(errors="replace") for part in (output, errors))
            return done.exit_code or 0, said, complained
    raise ServerError(f"The engine does not hand out all that `{command[0]}` prints.")


def _above(files: Iterable[str]) -> set[str]:
    """The folders that files lie in: some systems keep keys where only root may look, and httpd here is not root."""
    above = {str(folder) for path in files for folder in PurePosixPath(path).parents}
    return {folder for folder in above if folder.count("/") > 1 or folder == "/root"}


def _package(file: str, image: str) -> str:
    name = file.removeprefix("mod_").removeprefix("lib").removesuffix(".so")
    short = re.sub(r"\d+(\.\d+)?$", "", name) if name.startswith("php") else name
    package = _PACKAGES.get(short, f"libapache2-mod-{short.replace('_', '-')}")
    return (
        f"The image {image} has no {file}. Debian's package is {package}: make an image that has it, and name it with "
        "--image."
    )
