"""What takes the requests in place of the backends of a configuration, and logs what it receives?

A second httpd in the same container. `ProxyRemote` leads each proxied request to it, whatever the backend's address;
mod_log_forensic logs the request with all headers.
"""

from harness.engine.httpd_image import HttpdImage
from harness.engine.observation import RUNTIME_FOLDER

FILE = f"{RUNTIME_FOLDER}/backend.conf"
_FIRST_PORT = 19990
_MODULES = ("mpm_event", "authz_core", "unixd", "rewrite", "log_forensic")


def free_port(ports: tuple[int, ...]) -> int:
    """A port that the configuration does not use."""
    return next(port for port in range(_FIRST_PORT, _FIRST_PORT + len(ports) + 1) if port not in ports)


def configuration(image: HttpdImage, port: int) -> bytes:
    """The configuration of the second httpd: it answers every request with status 204."""
    return "\n".join(
        [
            f"ServerRoot {RUNTIME_FOLDER}",
            "ServerName backend",
            *image.load_available(_MODULES),
            f"DefaultRuntimeDir {RUNTIME_FOLDER}",
            f"PidFile {RUNTIME_FOLDER}/backend.pid",
            f"Listen 127.0.0.1:{port}",
            "LogLevel crit",
            "ErrorLog /proc/self/fd/2",
            "ForensicLog /proc/self/fd/1",
            "RewriteEngine on",
            "RewriteRule ^ - [R=204,L]",
            "",
        ]
    ).encode()


def directives(port: int) -> tuple[str, ...]:
    """The directives that lead the proxied requests of the configuration to the second httpd."""
    return (f"ProxyRemote * http://127.0.0.1:{port}",)
