"""Which httpd does an image hold, with which modules and accounts, and which package adds a missing module?"""

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
"""Debian's packages of modules, by the name of the module."""
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
"""The modules by the prefix of their directives."""
_UNKNOWN_DIRECTIVE = re.compile(r"Invalid command '(\w+)'")


@dataclass(frozen=True)
class HttpdImage:
    """An image that holds httpd.

    `name` is the image's tag. `binary` is the command that starts httpd. `module_files` are the names of the files in
    `module_folder` (`mod_ssl.so`). `built_in` are the modules inside the binary (`so`). `passwd` and `group` are the
    texts of the image's own /etc/passwd and /etc/group.
    """

    name: str
    binary: str
    module_folder: str
    module_files: frozenset[str]
    built_in: frozenset[str]
    passwd: str
    group: str

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

    def package_hint(self, file: str) -> str:
        """A sentence that names the Debian package of a module file (`mod_wsgi.so`) that the image does not have."""
        name = file.removeprefix("mod_").removeprefix("lib").removesuffix(".so")
        short = re.sub(r"\d+(\.\d+)?$", "", name) if name.startswith("php") else name
        package = _PACKAGES.get(short, f"libapache2-mod-{short.replace('_', '-')}")
        return (
            f"The image {self.name} has no {file}. Debian's package is {package}: make an image that has it, and name "
            "it with --image."
        )

    def package_hints(self, error: str) -> list[str]:
        """The packages that add the directive that httpd does not know; none if it is not of a known module."""
        unknown = _UNKNOWN_DIRECTIVE.search(error)
        modules = [name for prefix, name in _PREFIXES.items() if unknown and unknown[1].startswith(prefix)]
        return [self.package_hint(f"mod_{name}.so") for name in modules]


def inspect(shell: Shell, name: str) -> HttpdImage:
    """Read what a running container of the image `name` shows of it.

    Raises:
        ServerError: the image holds no httpd.
    """
    result = shell.run(["sh", "-c", _INSPECT])
    if result.exit_code == _NO_HTTPD:
        raise ServerError(f"There is no httpd in the image {name}: name one that has it.")
    where, built_in, modules, passwd, group = (result.stdout.split("\n\n") + [""] * 5)[:5]
    binary, _, folder = where.strip().partition("\n")
    return HttpdImage(
        name,
        binary,
        folder.strip(),
        frozenset(modules.split()),
        frozenset(re.findall(r"mod_(\w+)\.c", built_in)),
        passwd,
        group,
    )
