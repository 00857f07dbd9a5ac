"""Which httpd does an image hold, with which modules and accounts?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.engine.client import ServerError
from harness.engine.shell import Shell

_NO_HTTPD = 77
# One command for all facts about the image: the binary, its module folder, the modules, the accounts.
_INSPECT = f"""
for httpd in apache2 httpd /usr/local/apache2/bin/httpd /usr/sbin/httpd; do
  command -v "$httpd" >/dev/null && break
done
command -v "$httpd" || exit {_NO_HTTPD}
for folder in /usr/lib/apache2/modules /usr/lib64/httpd/modules /usr/lib/httpd/modules /usr/local/apache2/modules; do
  test -e "$folder/mod_ssl.so" && echo "$folder" && break
done
echo; "$httpd" -l; echo; ls "$folder"; echo; cat /etc/passwd; echo; cat /etc/group
echo; grep -h ^LoadModule /etc/apache2/mods-available/*.load 2>/dev/null || true
"""


@dataclass(frozen=True)
class HttpdImage:
    """An image that holds httpd.

    `name` is the image's tag. `binary` is the command that starts httpd. `module_files` are the names of the files in
    `module_folder` (`mod_ssl.so`). `built_in` are the modules inside the binary (`so`). `passwd` and `group` are the
    texts of the image's own /etc/passwd and /etc/group. `loads` are the LoadModule directives of Debian's packages.
    """

    name: str
    binary: str
    module_folder: str
    module_files: frozenset[str]
    built_in: frozenset[str]
    passwd: str
    group: str
    loads: tuple[str, ...] = ()

    def load(self, *modules: str) -> list[str]:
        """The directives that load the modules that a verification needs. httpd accepts a second LoadModule.

        Raises:
            ServerError: the image has no such module.
        """
        if missing := [name for name in modules if name not in self.built_in and not self._has_file(name)]:
            raise ServerError(f"The image {self.name} has no mod_{missing[0]}, which a verification needs.")
        return self.load_available(modules)

    def load_available(self, modules: Iterable[str]) -> list[str]:
        """The directives that load these modules, as far as the image has them as files."""
        return [
            f"LoadModule {name}_module {self.module_folder}/mod_{name}.so"
            for name in modules
            if name not in self.built_in and self._has_file(name)
        ]

    def _has_file(self, module: str) -> bool:
        return f"mod_{module}.so" in self.module_files


def inspect(shell: Shell, name: str) -> HttpdImage:
    """Read what a running container of the image `name` shows of it.

    Raises:
        ServerError: the image holds no httpd.
    """
    result = shell.run(["sh", "-c", _INSPECT])
    if result.exit_code == _NO_HTTPD:
        raise ServerError(f"There is no httpd in the image {name}: name one that has it.")
    where, built_in, modules, passwd, group, loads = (result.stdout.split("\n\n") + [""] * 6)[:6]
    binary, _, folder = where.strip().partition("\n")
    return HttpdImage(
        name,
        binary,
        folder.strip(),
        frozenset(modules.split()),
        frozenset(re.findall(r"mod_(\w+)\.c", built_in)),
        passwd,
        group,
        tuple(loads.splitlines()),
    )
