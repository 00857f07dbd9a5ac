"""What did earlier versions of httpd and OpenSSL understand that these do not, and that decides nothing?"""

import re

MODULES = {
    *("authn_alias", "authn_default", "authz_default", "auth_anon", "auth_dbm", "cern_meta", "disk_cache", "imap"),
    *("ident", "isapi", "mem_cache", "mpm_winnt", "systemd", "watchdog"),
}
"""Modules of httpd's own that another version or system has, and that decide nothing."""
_DIRECTIVES = {
    *(
        "acceptmutex",
        "accessconfig",
        "addmodule",
        "clearmodulelist",
        "lockfile",
        "port",
        "resourceconfig",
        "servertype",
    ),
    *("authauthoritative", "authdefaultauthoritative", "authzdefaultauthoritative", "authzgroupfileauthoritative"),
    *("authzuserauthoritative", "authzownerauthoritative", "authzldapauthoritative", "authzdbmauthoritative"),
    *("rewritelock", "rewritelog", "rewriteloglevel", "ssllog", "sslloglevel", "sslmutex", "win32disableacceptex"),
    *("mcachesize", "mcachemaxobjectcount", "mcacheminobjectsize", "mcachemaxobjectsize", "cachegcinterval"),
    *("sslcompression", "sslfips", "sslinsecurerenegotiation", "sslsrpverifierfile", "sslsrpunknownuserseed"),
}
"""Directives that were dropped, or that this build lacks, and that decide nothing."""
_OLD_PROTOCOLS = re.compile(r"[+-]?SSLv[23]", re.IGNORECASE)


def is_obsolete(directive: str) -> bool:
    """Whether a directive that httpd refuses may be left out: it decides nothing."""
    return directive.lower() in _DIRECTIVES


def without_old_protocols(text: str) -> str | None:
    """An SSLProtocol without SSLv2 and SSLv3, which OpenSSL no longer has; None where it names neither. One that leaves
    nothing that clients speak today is left out."""
    name, *protocols = text.split()
    kept = [one for one in protocols if not _OLD_PROTOCOLS.fullmatch(one)]
    if len(kept) == len(protocols):
        return None
    is_spoken = any(re.fullmatch(r"\+?(all|TLSv1\.[23])", one, re.IGNORECASE) for one in kept)
    return " ".join([name, *kept]) if is_spoken else f"# {text.strip()}"
