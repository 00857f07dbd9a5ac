"""What does the user supply that CONFIG does not hold: included files, values of variables?"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.httpd.layout import ConfigurationError, Layout

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)")


@dataclass(frozen=True)
class Supplied:
    """What the user supplies beside CONFIG.

    `include_folders` hold files that CONFIG includes. `defines` are variables as `Define` sets them, None for one that
    only `<IfDefine>` reads. `environment` are variables of httpd's environment. `ignore_missing` runs without the files
    that an Include names and that are nowhere.
    """

    include_folders: tuple[Path, ...] = ()
    defines: Mapping[str, str | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    ignore_missing: bool = False

    def applied_to(self, layout: Layout) -> Layout:
        """The layout with all that is supplied.

        Raises:
            ConfigurationError: a file of a folder cannot be read.
        """
        return replace(
            layout,
            environment={**layout.environment, **self.environment},
            options=(*layout.options, *_options(self.defines)),
            included=dict(item for folder in reversed(self.include_folders) for item in _files(folder)),
            ignore_missing=self.ignore_missing,
        )


NOTHING = Supplied()


def read_environment(file: Path) -> dict[str, str]:
    """The variables of a file with a line `NAME=VALUE` for each, as Compose and systemd read it.

    Raises:
        ConfigurationError: a line is no assignment.
    """
    found = {}
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        assignment = _ASSIGNMENT.fullmatch(text)
        if not assignment:
            raise ConfigurationError(f"{file}:{number}: `{text}` is no assignment. Write `NAME=VALUE`.")
        found[assignment[1]] = re.sub(r"^(['\"])(.*)\1$", r"\2", assignment[2].strip())
    return found


def _options(defines: Mapping[str, str | None]) -> Iterable[str]:
    for name, value in defines.items():
        quoted = re.sub(r'(["\\])', r"\\\1", value or "")
        yield from ("-D", name) if value is None else ("-C", f'Define {name} "{quoted}"')


def _files(folder: Path) -> Iterable[tuple[str, bytes]]:
    """Yield the files below a folder, by their path in it. A private key is not read."""
    for path in sorted(folder.rglob("*")):
        try:
            content = path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
        if content is not None and b"PRIVATE KEY-----" not in content:
            yield str(path.relative_to(folder)), content
