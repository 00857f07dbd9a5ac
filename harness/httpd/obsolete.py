"""Which settings of earlier versions of httpd and OpenSSL no longer exist, and have no influence on admission?"""

import re

MODULES = {
    *("authn_alias", "authn_default", "authz_default", "auth_anon", "auth_dbm", "cern_meta", "disk_cache", "imap"),
    *("ident", "isapi", "mem_cache", "mpm_winnt", "systemd", "watchdog"),
}
"""httpd's own modules of other versions or systems that do not decide about admission."""
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
"""Removed directives, and those that this build lacks, that do not decide about admission."""
_OLD_PROTOCOLS = re.compile(r"[+-]?SSLv[23]", re.IGNORECASE)


def is_obsolete(directive: str) -> bool:
    """Whether a directive that httpd refuses may be left out: it does not decide about admission."""
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
