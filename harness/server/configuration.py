"""Which directives are in force, where do they stand, and which places do they guard?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.server.engine import ServerError, discard
from harness.server.httpd import HOME, PORT, Stage

CONFIGURATION = f"{HOME}/conf/"
_DUMP = (
    "-t",
    "-D",
    "DUMP_CONFIG",
    "-c",
    "LoadModule info_module /usr/lib/apache2/modules/mod_info.so",
)


class ConfigurationError(Exception):
    """httpd does not accept the configuration; the message holds httpd's own words, with file and line."""


@dataclass(frozen=True)
class Directive:
    """One directive as httpd understood it; a section also has the directives inside it, in `body`.

    `file` is relative to the configuration.
    """

    name: str
    arguments: str
    file: str
    line: int
    body: tuple["Directive", ...] = ()

    def find(self, name: str) -> Iterator["Directive"]:
        """Yield the directives of this name that stand directly inside (names of directives ignore case)."""
        return (entry for entry in self.body if entry.name.lower() == name.lower())


@dataclass(frozen=True)
class Guard:
    """What protects a site: the directives in force, and the section that they are in force for."""

    section: Directive
    in_force: Mapping[str, Directive]

    @property
    def verify_client(self) -> str:
        """`SSLVerifyClient`, httpd's default where it is absent."""
        return self._value("SSLVerifyClient", "none")

    @property
    def verify_depth(self) -> int:
        """`SSLVerifyDepth`, httpd's default where it is absent."""
        return int(self._value("SSLVerifyDepth", "1"))

    @property
    def revocation(self) -> str:
        """`SSLCARevocationCheck`, httpd's default where it is absent."""
        return self._value("SSLCARevocationCheck", "none")

    def responsible(self, name: str) -> Directive:
        """Name the line to change: the directive, or the opening line of the section that lacks it."""
        return self.in_force.get(name.lower(), self.section)

    def _value(self, name: str, default: str) -> str:
        found = self.in_force.get(name.lower())
        return found.arguments.split()[0].lower() if found else default


@dataclass(frozen=True)
class Site:
    """One place to knock: the server name asked for, the port inside the container, the path, and its guard."""

    id: str
    name: str
    port: int
    path: str
    guard: Guard

    @property
    def url(self) -> str:
        """As a visitor writes it."""
        return f"https://{self.name}:{self.port}{self.path}"


def effective(stage: Stage, files: Mapping[str, bytes]) -> Directive:
    """Let httpd itself resolve its configuration (mod_info's dump); returns it as one section.

    Raises:
        ConfigurationError: httpd refuses the configuration.
        ServerError: the engine, or an image that holds no httpd.
    """
    container = stage.container(*_DUMP)
    try:
        stage.put(files, through=container)
        container.start()
        code = container.wait(timeout=30)["StatusCode"]
        dump = container.logs(stderr=False).decode(errors="replace")
        words = container.logs(stdout=False).decode(errors="replace").strip()
    finally:
        discard(container)
    if code:
        raise (ConfigurationError if "yntax error" in words else ServerError)(words.replace(CONFIGURATION, ""))
    return parse(dump)


def parse(dump: str) -> Directive:
    """Read what `DUMP_CONFIG` prints: directives, before each its file and line in comments."""
    stack: list[tuple[str, str, str, int, list[Directive]]] = [("", "", "", 0, [])]
    file, line = "", 0
    for text in map(str.strip, dump.splitlines()):
        if found := re.fullmatch(r"# In file: (.*)", text):
            file = found[1].removeprefix(CONFIGURATION)
        elif found := re.fullmatch(r"# +(\d+):", text):
            line = int(found[1])
        elif re.fullmatch(r"</\w+>", text) and len(stack) > 1:
            name, arguments, where, opened, body = stack.pop()
            stack[-1][4].append(Directive(name, arguments, where, opened, tuple(body)))
        elif found := re.fullmatch(r"<(\w+) ?(.*)>", text):
            stack.append((found[1], found[2], file, line, []))
        elif line:
            name, _, arguments = text.partition(" ")
            stack[-1][4].append(Directive(name, arguments, file, line))
    return Directive("", "", "", 0, tuple(stack[0][4]))


def sites(configuration: Directive) -> tuple[Site, ...]:
    """Find the places to knock at: every virtual host that speaks TLS.

    Raises:
        ServerError: there is none.
    """
    server = {entry.name.lower(): entry for entry in configuration.body}
    found: list[Site] = []
    for host in configuration.find("VirtualHost"):
        in_force = server | {entry.name.lower(): entry for entry in host.body}
        if "sslengine" in in_force and in_force["sslengine"].arguments.lower().startswith("on"):
            name = in_force["servername"].arguments.split(":")[0]
            found.append(Site(f"s{len(found) + 1}", name, PORT, "/", Guard(host, in_force)))
    if not found:
        raise ServerError("The configuration has no virtual host with `SSLEngine on`: there is no door to knock at.")
    return tuple(found)
