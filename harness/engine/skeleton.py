"""Which directives turn a snippet, or a fragment of conf.d, into a whole configuration?"""

import re
from collections.abc import Collection

from harness.engine.httpd_image import HttpdImage

DOCUMENT_ROOT = "/srv/harness"
_HOSTS = "/etc/httpd/harness/hosts"
_SERVER_CERTIFICATE = "/etc/httpd/harness/server.pem"
"""The server's certificate and key, if the snippet names none."""
# The modules that a snippet may use. The skeleton omits those that the image does not have: httpd then names the
# directive that it does not know.
_MODULES = """
mpm_event access_compat actions alias allowmethods asis auth_basic authn_anon authn_core authn_file authz_core
authz_groupfile authz_host authz_user autoindex brotli cache cache_disk cgid deflate dir env expires filter headers
http2 include lua auth_digest auth_form authnz_ldap dav dav_fs ldap macro md mime negotiation proxy proxy_ajp
proxy_balancer proxy_fcgi proxy_html proxy_http proxy_http2 proxy_wstunnel lbmethod_bybusyness lbmethod_byrequests
lbmethod_bytraffic ratelimit remoteip reqtimeout request rewrite session session_cookie session_crypto setenvif
slotmem_shm socache_shmcb speling ssl status substitute unique_id userdir usertrack vhost_alias xml2enc
"""
_VIRTUAL_HOST = re.compile(rb"^[ \t]*<VirtualHost\b", re.MULTILINE | re.IGNORECASE)
_CERTIFICATE = re.compile(rb"^[ \t]*SSLCertificateFile\b", re.MULTILINE | re.IGNORECASE)


_HOST_BLOCK = re.compile(rb"^[ \t]*<VirtualHost\b.*?^[ \t]*</VirtualHost>", re.MULTILINE | re.IGNORECASE | re.DOTALL)
_ROOT = re.compile(rb"^[ \t]*DocumentRoot\b", re.MULTILINE | re.IGNORECASE)
_NAME = re.compile(rb"^[ \t]*ServerName[ \t]+[^\n$]+$", re.MULTILINE | re.IGNORECASE)


def with_document_roots(snippet: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Give each virtual host of a snippet a document root of its own where nothing names one: they have no content in
    common. Returns the snippet, and the files that it then includes. Every directive but ServerName keeps its line."""
    blocks = [*_HOST_BLOCK.finditer(snippet)]
    if len(blocks) < 2 or _ROOT.search(_HOST_BLOCK.sub(b"", snippet)):
        return snippet, {}
    files: dict[str, bytes] = {}

    def changed(block: re.Match[bytes]) -> bytes:
        name = _NAME.search(block[0])
        if _ROOT.search(block[0]) or not name:
            return block[0]
        path = f"{_HOSTS}/{len(files) + 1}.conf"
        files[path] = name[0] + f"\nDocumentRoot {DOCUMENT_ROOT}/{len(files) + 1}\n".encode()
        return block[0][: name.start()] + f"Include {path}".encode() + block[0][name.end() :]

    return _HOST_BLOCK.sub(changed, snippet), files


def skeleton(path: str, snippet: bytes, root: str, image: HttpdImage, further: Collection[str] = ()) -> str:
    """The text of a main file that includes the snippet at `path`; `root` is the ServerRoot. `further` are the files of
    modules that it loads besides the usual ones.

    A snippet without a virtual host becomes the content of a TLS site.
    """
    lines = [
        f"ServerRoot {root}",
        "ServerName localhost",
        *image.load_available(_MODULES.split()),
        *(line for line in image.loads if line.endswith(tuple(f"/{file}" for file in further))),
        "User www-data" if "www-data:" in image.passwd else "User daemon",
        "Group www-data" if "www-data:" in image.group else "Group daemon",
        f"DocumentRoot {DOCUMENT_ROOT}",
        *([] if _VIRTUAL_HOST.search(snippet) else ["SSLEngine on"]),
        *([] if _CERTIFICATE.search(snippet) else [f"SSLCertificateFile {_SERVER_CERTIFICATE}"]),
        f"Include {path}",
    ]
    return "\n".join(lines) + "\n"
