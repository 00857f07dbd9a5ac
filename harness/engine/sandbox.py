"""How does a configuration run in an image that it was not written for?

httpd resolves the configuration and names what is missing. The sandbox adds that, and asks again. The container then
holds the user's configuration, but no other file of the user's machine.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from harness.engine import backend, observation
from harness.engine.adaptation import Adaptation
from harness.engine.ahead import Starting, take
from harness.engine.client import ServerError, discard, owned
from harness.engine.container import start
from harness.engine.filesystem import Filesystem
from harness.engine.httpd_image import HttpdImage
from harness.engine.packages import Packages
from harness.engine.responder import responder
from harness.engine.server import Httpd, published
from harness.engine.shell import Shell
from harness.engine.supplement import absolute, add_content, add_missing, site_pages
from harness.httpd import htaccess
from harness.httpd.directive import Directive, parse
from harness.httpd.layout import ConfigurationError, CoverageGap, Layout
from harness.httpd.messages import essential, explained
from harness.httpd.site import Sites

_DUMP = ("-t", "-D", "DUMP_CONFIG")
_MOST_QUESTIONS = 200
"""How often httpd may name something that is missing."""


class PackagesFailedError(ServerError):
    """httpd does not start with the modules that were installed for it."""


class _MoreModules(Exception):  # noqa: N818 - it is no error
    """There is an image with more modules now."""


@dataclass
class Sandbox:
    """An image, a configuration, and everything that the configuration needs in order to run in the image.

    `image` is a tag. `first` is the container that was started for it. With `keep`, httpd runs on at the end. Call
    `effective` before `running`.
    """

    image: str
    layout: Layout
    first: Starting
    keep: bool
    _stack: ExitStack
    packages: Packages | None = None
    """Where modules are had from that the image lacks; None: nowhere."""
    _adaptation: Adaptation | None = None
    _inspected: HttpdImage | None = None
    _filesystem: Filesystem = field(default_factory=Filesystem)
    _addresses: bool = True
    """Whether probes choose their client address."""

    def effective(self) -> Directive:
        """Let httpd resolve the configuration (mod_info's dump), and add what is missing; returns it as one section.

        Raises:
            ConfigurationError: httpd refuses it, in httpd's own words; or it needs a module that the image lacks.
            ServerError: the engine refused something, or the image holds no httpd.
        """
        configuration = None
        while configuration is None:
            try:
                configuration = self._resolved_with_overrides(self.first.shell())
            except _MoreModules:
                self._restart()
        add_content(configuration, self._filesystem, self.layout)
        self._addresses = not observation.sets_client_address(configuration)
        return configuration

    def _resolved_with_overrides(self, shell: Shell) -> Directive:
        """The configuration with what `.htaccess` files say, as httpd resolves it."""
        self._inspected, self._filesystem = self.first.filled()
        self._adaptation = Adaptation(self.layout)
        configuration = self._resolved(shell)
        self.adaptation.check()
        self._put(shell, self.adaptation.leave_out_suites(configuration, self._filesystem))
        self._put(shell, self.adaptation.leave_out(observation.log_levels(configuration), self._filesystem))
        if overrides := [*htaccess.overrides(configuration, self.layout.files)]:
            configuration = self._resolved(shell, htaccess.lines(overrides))
        return configuration

    def _restart(self) -> None:
        """Go on in a container of the image that has more modules."""
        discard(self.first.shell().container)
        assert self.packages is not None
        self.image = self.packages.image
        modules, label = self.packages.files, self.first.label
        self.first = Starting.begin(self.image, self.layout, modules=modules, label=label, keep=self.keep)
        self._stack.callback(self.first.close)

    @contextmanager
    def running(
        self, files: Mapping[str, bytes], sites: Sites, *, answers: Mapping[str, bytes], backends: bool = False
    ) -> Iterator[Httpd]:
        """Start httpd so that it listens for all sites, and stop it at the end, unless it is to be kept.

        `files` replace those that the configuration names. `answers` are the files of the OCSP responder that httpd
        asks; without any there is no responder. With `backends`, a second httpd takes the requests in place of the
        configuration's backends.

        Raises:
            ServerError: the engine refused something.
        """
        shell = self._with_ports(sites.ports)
        self._put(shell, self._filesystem.files | site_pages(sites, self._filesystem) | dict(files))
        ports = published(shell.container, sites.ports)
        directives = [
            *self._httpd_image.load(*observation.modules(addresses=self._addresses)),
            *self.layout.listen,
            *(f"Listen {port}" for port in sites.to_open),
            *observation.directives(addresses=self._addresses),
        ]
        if backends:
            port = backend.free_port(sites.ports)
            self._put(shell, {backend.FILE: backend.configuration(self._httpd_image, port)})
            shell.background([self._httpd_image.binary, "-f", backend.FILE, "-D", "FOREGROUND"])
            directives += backend.directives(port)
        output = shell.become(self._command(["-D", "FOREGROUND"], directives))
        httpd = Httpd(shell.container, output, ports, self.layout.named)
        try:
            if answers:
                with responder(shell.container, self.first.label, answers, keep=self.keep) as ocsp:
                    yield replace(httpd, responder=ocsp)
            else:
                yield httpd
        except ServerError as error:
            if self.packages and self.packages.installed:
                raise PackagesFailedError(str(error)) from error
            raise

    def _with_ports(self, ports: Sequence[int]) -> Shell:
        """The container that was started, or another one if that does not publish all these ports."""
        shell = self.first.shell()
        if {*ports} <= {*self.first.ports}:
            return shell
        discard(shell.container)
        other = start(self.image, self.layout, self.first.label, ports, keep=self.keep)
        self._stack.callback(other.close)
        return other

    def config_file(self, path: str) -> bytes:
        """The content of a file of CONFIG by its path in the container; empty if CONFIG does not hold it."""
        return self.layout.files.get(path, b"")

    def absolute(self, path: str) -> str:
        """Resolve a path as httpd does: relative to ServerRoot."""
        return absolute(path, self.layout.root)

    def gaps(self) -> Iterator[CoverageGap]:
        """Yield what is not tested since this httpd is not the one that CONFIG was written for."""
        yield from self.adaptation.gaps()
        if self.packages:
            yield from self.packages.gaps()

    @property
    def adaptation(self) -> Adaptation:
        """How the copy differs from CONFIG, and what is not tested for that."""
        assert self._adaptation is not None, "effective() adapts the copy"
        return self._adaptation

    @property
    def _httpd_image(self) -> HttpdImage:
        assert self._inspected is not None, "effective() inspects the image"
        return self._inspected

    def _command(self, arguments: Iterable[str], directives: Iterable[str]) -> list[str]:
        """The command that starts httpd with these arguments, and with directives in addition to the configuration's.

        Debian's `envvars` is a shell script: a shell reads it first.
        """
        httpd = [self._httpd_image.binary, "-d", self.layout.root, "-f", self.layout.main, *self.layout.options]
        # A directive that was taken out is held by one of mod_env (harness.httpd.withdrawn).
        for line in self._httpd_image.load_available(["env", *self.adaptation.modules]):
            httpd += ["-C", line]
        command = [*httpd, *arguments, *(part for line in directives for part in ("-c", line))]
        variables = f"{self.layout.root}/envvars"
        return (
            ["sh", "-c", f'. "{variables}"; exec "$@"', "sh", *command] if variables in self.layout.files else command
        )

    def _resolved(self, shell: Shell, more: Iterable[str] = ()) -> Directive:
        """The configuration as httpd resolves it; `more` are directives for this resolution only."""
        directives = [*self._httpd_image.load("info"), *self.layout.listen, *more]
        return parse(self._dump(shell, directives), self.layout.origin, self.layout.files)

    def _dump(self, shell: Shell, directives: Sequence[str]) -> str:
        """Let httpd dump its configuration again and again, and add what it names as missing; returns the dump.

        Raises:
            ConfigurationError: httpd names something that cannot be added, or the same thing twice.
        """
        error = ""
        for _ in range(_MOST_QUESTIONS):
            result = shell.run(self._command(_DUMP, directives))
            if result.exit_code == 0:
                return result.stdout
            previous, error = error, essential(result.stderr)
            before = dict(self._filesystem.files)
            if error == previous or not self._overcome(error):
                break
            after = self._filesystem.files
            self._put(shell, {path: after[path] for path in after if before.get(path) != after[path]})
        raise ConfigurationError(explained(self.layout.named(error)))

    def _overcome(self, error: str) -> bool:
        """Add what httpd names as missing, or change the copy so that httpd takes it; False where neither is right.

        Raises:
            _MoreModules: a package with the module was installed, in another image.
        """
        if self.packages and self.packages.install(error, self.layout):
            raise _MoreModules
        image = self._httpd_image
        return add_missing(error, self._filesystem, image) or self.adaptation.apply(error, self._filesystem, image)

    def _put(self, shell: Shell, files: Mapping[str, bytes]) -> None:
        """Copy files into a container through the engine's API: it mounts no folder of the user's machine."""
        shell.container.put_archive("/", self._filesystem.archive(files))


@contextmanager
def sandbox(image: str, layout: Layout, *, packages: Packages | None = None, keep: bool = False) -> Iterator[Sandbox]:
    """Provide a sandbox, and remove its containers and volumes at the end, unless they are to be kept. `packages` are
    those of modules that the image lacks.

    Its container starts at once, in the background.

    Raises:
        ServerError: the engine refused something, here or during the use of the sandbox.
    """
    first = take(image, layout, keep=keep)
    with owned(first.label, keep=keep, in_background=True), ExitStack() as stack:
        stack.callback(first.close)
        yield Sandbox(image, layout, first, keep, stack, packages)
