"""Which configuration is verified, and how are its lines named in messages?"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.engine.images import REFERENCE as CONFIGURATION
from harness.httpd.layout import Layout, read, single
from harness.httpd.supplied import NOTHING, Supplied

_STDIN = "standard input"


@dataclass(frozen=True)
class Target:
    """A configuration and its name.

    `depth` is the length of the chains that it promises to accept; None where it promises only what it claims itself.
    For a Compose service, `configuration` is the Compose file and `line` the service's line in it; `layout` and `image`
    were read from there. `supplied` is what the user adds to it. `file` is the one file that the configuration consists
    of, None for a folder.
    """

    configuration: Path
    name: str
    depth: int | None = None
    layout: Layout | None = None
    image: str | None = None
    line: int = 1
    supplied: Supplied = NOTHING
    file: Path | None = None

    @classmethod
    def from_path(cls, config: Path, supplied: Supplied = NOTHING) -> Self:
        """The target for a user's configuration. Its files are named by their path from the working directory.

        `-` is standard input. A pipe is read here, once.

        Raises:
            ConfigurationError: what comes from a pipe is binary.
        """
        if config == Path("-"):
            layout = single(_STDIN, sys.stdin.buffer.read())
            return cls(config, _STDIN, layout=layout, supplied=supplied)
        if config.exists() and not (config.is_file() or config.is_dir()):
            layout = single(str(config), config.read_bytes())
            return cls(config, str(config), layout=layout, supplied=supplied)
        folder = config if config.is_dir() else config.parent
        return cls(config, str(folder), supplied=supplied, file=None if config.is_dir() else config)

    @classmethod
    def from_compose(
        cls, file: Path, name: str | None, config: str | None = None, supplied: Supplied = NOTHING
    ) -> Self:
        """The target for a Compose service. `config` is the configuration's path in the container, where the command of
        httpd does not name it.

        Raises:
            ConfigurationError: the Compose file, the service's name or its configuration cannot be used.
            ServerError: Compose, the engine or the image.
        """
        from harness.engine.compose import service  # With PyYAML, for this alone.
        from harness.engine.service import configuration as configuration_of

        found = service(file, name)
        layout = configuration_of(found, config)
        return cls(file, f"{file}, service {found.name}", None, layout, found.image, found.line, supplied)

    def read(self) -> Layout:
        """The copy of the configuration, with what the user supplies beside it.

        Raises:
            ConfigurationError: there is nothing that could be a configuration.
        """
        return self.supplied.applied_to(self.layout or read(self.configuration))

    @property
    def subject(self) -> str:
        """What is verified, as the user named it."""
        return str(self.file or self.name)

    def locate(self, file: str, line: int) -> str:
        """Name a line of the configuration by its file's path from the working directory; the target's name where there
        is no file."""
        return f"{self.named(file)}:{line}" if file else self.subject

    def named(self, file: str) -> str:
        """Name a file of the configuration by its path from the working directory."""
        return file if self.layout else str(Path(self.name, file))

    def path(self, file: str) -> Path:
        """The path of such a file on the user's disk, if it is there."""
        config = self.configuration
        folder = Path() if self.layout else config if config.is_dir() else config.parent
        return (folder / file).resolve()


REFERENCE = Target(CONFIGURATION, "images/httpd/conf", depth=3)
"""The reference deployment: `compose.yaml` runs it. It promises the whole catalogue."""
