"""Which configurations are known to be right or wrong, and how does each lie in its layout?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import certifi
from cryptography.hazmat.primitives.serialization import Encoding

from harness.pki import Authority

HERE = Path(__file__).parent
AT_FAULT = "# at fault:"
"""Stands before the line that a finding has to name."""
_YEAR = timedelta(days=365)

# What each layout has around the file in question: a server that does nothing yet, as its distribution would lay it
# out. `{site}` is where that file goes.
_DEBIAN = {
    "apache2.conf": """\
DefaultRuntimeDir ${APACHE_RUN_DIR}
PidFile ${APACHE_PID_FILE}
User ${APACHE_RUN_USER}
Group ${APACHE_RUN_GROUP}
HostnameLookups Off
ErrorLog ${APACHE_LOG_DIR}/error.log
LogLevel warn
IncludeOptional mods-enabled/*.load
IncludeOptional mods-enabled/*.conf
Include ports.conf
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
<Directory /var/www/>
    AllowOverride None
    Require all granted
</Directory>
AccessFileName .htaccess
IncludeOptional conf-enabled/*.conf
IncludeOptional sites-enabled/*.conf
""",
    "envvars": """\
export APACHE_RUN_USER=www-data
export APACHE_RUN_GROUP=www-data
export APACHE_PID_FILE=/var/run/apache2/apache2.pid
export APACHE_RUN_DIR=/var/run/apache2
export APACHE_LOG_DIR=/var/log/apache2
""",
    "ports.conf": "Listen 80\n<IfModule ssl_module>\n    Listen 443\n</IfModule>\n",
    "mods-available/ssl.conf": "SSLSessionCache shmcb:${APACHE_RUN_DIR}/ssl_scache(512000)\nSSLProtocol all -SSLv3\n",
}
_REDHAT = {
    "conf/httpd.conf": """\
ServerRoot "/etc/httpd"
Listen 80
Include conf.modules.d/*.conf
User apache
Group apache
ServerAdmin root@localhost
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "/var/www/html"
<Directory "/var/www">
    AllowOverride None
    Require all granted
</Directory>
ErrorLog "logs/error_log"
LogLevel warn
IncludeOptional conf.d/*.conf
""",
    "conf.d/ssl.conf": """\
Listen 443 https
SSLPassPhraseDialog exec:/usr/libexec/httpd-ssl-pass-dialog
SSLSessionCache shmcb:/run/httpd/sslcache(512000)
SSLCryptoDevice builtin
SSLCipherSuite PROFILE=SYSTEM
""",
}
_UPSTREAM = {
    "httpd.conf": """\
ServerRoot "/usr/local/apache2"
Listen 80
User www-data
Group www-data
ServerAdmin you@example.com
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "/usr/local/apache2/htdocs"
<Directory "/usr/local/apache2/htdocs">
    Require all granted
</Directory>
<Directory "/var/www">
    Require all granted
</Directory>
ErrorLog /proc/self/fd/2
LogLevel warn
Include conf/extra/httpd-ssl.conf
Include conf/extra/site.conf
""",
    "extra/httpd-ssl.conf": """\
Listen 443
SSLProtocol all -SSLv3
SSLPassPhraseDialog builtin
SSLSessionCache "shmcb:/usr/local/apache2/logs/ssl_scache(512000)"
""",
}
_MODULES = """
mpm_event access_compat alias auth_basic authn_core authn_file authz_core authz_groupfile authz_host authz_user dir env
headers macro mime proxy proxy_http rewrite setenvif socache_shmcb ssl http2
""".split()  # noqa: SIM905 - a word list reads better than a list of strings


@dataclass(frozen=True)
class Configuration:
    """One file of the corpus. Its opening comments say what it shows, in which layout it lies, and for a broken one by
    which cases that is proved."""

    path: Path

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def correct(self) -> bool:
        """Whether every promise holds."""
        return self.path.parent.name == "correct"

    @cached_property
    def text(self) -> str:
        """Its content."""
        return self.path.read_text()

    @cached_property
    def properties(self) -> Mapping[str, str]:
        """Its opening comments of the form `name: value`."""
        return dict(re.findall(r"^# ([a-z ]+): (.+)$", self.text, re.MULTILINE))

    @property
    def proved_by(self) -> set[str]:
        """The cases that have to show the fault."""
        return set(self.properties.get("proved by", "").replace(",", " ").split())

    @property
    def line(self) -> int | None:
        """The line at fault: None where there is none."""
        lines = self.text.splitlines()
        marks = [number for number, line in enumerate(lines, 1) if line.strip() == AT_FAULT]
        assert len(marks) <= 1, self.path
        return marks[0] + 1 if marks else None

    def lay_out(self, folder: Path, text: str | None = None) -> tuple[Path, str]:
        """Write it (or `text` in its place) to where its layout has it; returns CONFIG, and the file's name in it."""
        layout = self.properties["layout"]
        write = {"debian": _debian, "redhat": _redhat, "upstream": _upstream}.get(layout)
        if write is None:
            file = folder / "httpd.conf"
            file.write_text(self.text if text is None else text)
            return file, file.name
        name = write(folder, self.text if text is None else text)
        if kind := self.properties.get("pki"):
            _material(folder, kind)
        if users := self.properties.get("users"):
            # The password of every user that SSLOptions +FakeBasicAuth makes is "password"; this is its crypt(3).
            lines = (f"{user}:xxj31ZMTZzkVA\n" for user in users.split())
            (folder / "users").write_text("".join(lines))
        if group := self.properties.get("group"):
            (folder / "groups").write_text(f"{group}\n")
        return folder, name


def corpus() -> list[Configuration]:
    """Every configuration, the correct ones first."""
    found = [*sorted(HERE.glob("correct/*.conf")), *sorted(HERE.glob("broken/*.conf"))]
    return [Configuration(path) for path in found]


def _debian(folder: Path, text: str) -> str:
    _write(folder, _DEBIAN)
    for name in _MODULES:
        load = f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        _write(folder, {f"mods-available/{name}.load": load})
    (folder / "mods-enabled").mkdir()
    for path in (folder / "mods-available").iterdir():
        (folder / "mods-enabled" / path.name).symlink_to(f"../mods-available/{path.name}")
    (folder / "conf-enabled").mkdir()
    _write(folder, {"sites-available/site.conf": text})
    (folder / "sites-enabled").mkdir()
    (folder / "sites-enabled" / "site.conf").symlink_to("../sites-available/site.conf")
    return "sites-available/site.conf"


def _redhat(folder: Path, text: str) -> str:
    _write(folder, _REDHAT)
    modules = "".join(f"LoadModule {name}_module modules/mod_{name}.so\n" for name in [*_MODULES, "systemd", "unixd"])
    _write(folder, {"conf.modules.d/00-base.conf": modules, "conf.d/site.conf": text})
    for name, to in {"modules": "../../usr/lib64/httpd/modules", "logs": "../../var/log/httpd"}.items():
        (folder / name).symlink_to(to)
    return "conf.d/site.conf"


def _upstream(folder: Path, text: str) -> str:
    _write(folder, _UPSTREAM)
    modules = "".join(f"LoadModule {name}_module modules/mod_{name}.so\n" for name in [*_MODULES, "unixd", "version"])
    main = folder / "httpd.conf"
    main.write_text(modules + main.read_text())
    _write(folder, {"extra/site.conf": text})
    return "extra/site.conf"


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _material(folder: Path, kind: str) -> None:
    """Put an authority of the owner's, and its CRL, into CONFIG."""
    if kind == "public":
        (folder / "ca.crt").write_bytes(Path(certifi.where()).read_bytes())
        return
    dates = {"not_before": -2 * _YEAR, "not_after": -_YEAR} if kind == "expired" else {}
    root = Authority.root(subject="Example root", **dates)
    if kind == "unconstrained":
        root = Authority.root(subject="Example root", basic_constraints=None, key_usage=None)
    below = kind in {"intermediate", "root_crl"}
    issuing = root.subauthority(subject="Example issuing authority") if below else root
    crls = {
        "stale": [root.crl(last_update=-2 * _YEAR, next_update=-_YEAR)],
        "foreign": [Authority.root(subject="Another root").crl()],
        "root_crl": [root.crl()],
    }.get(kind, [root.crl(), issuing.crl()])
    certificates = dict.fromkeys([root.certificate, issuing.certificate])
    (folder / "ca.crt").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    (folder / "crl.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in crls))
