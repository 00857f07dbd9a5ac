"""Which directives turn a snippet into a whole configuration?"""

import re

from harness.engine.httpd_image import HttpdImage

DOCUMENT_ROOT = "/srv/harness"
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


def skeleton(path: str, snippet: bytes, root: str, image: HttpdImage) -> str:
    """The text of a main file that includes the snippet at `path`; `root` is the ServerRoot.

    A snippet without a virtual host becomes the content of a TLS site.
    """
    lines = [
        f"ServerRoot {root}",
        "ServerName localhost",
        *image.load_available(_MODULES.split()),
        "User www-data" if "www-data:" in image.passwd else "User daemon",
        "Group www-data" if "www-data:" in image.group else "Group daemon",
        f"DocumentRoot {DOCUMENT_ROOT}",
        *([] if _VIRTUAL_HOST.search(snippet) else ["SSLEngine on"]),
        *([] if _CERTIFICATE.search(snippet) else [f"SSLCertificateFile {_SERVER_CERTIFICATE}"]),
        f"Include {path}",
    ]
    return "\n".join(lines) + "\n"
