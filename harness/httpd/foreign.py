"""Does a module that is not httpd's own decide about admission?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from harness.httpd.directive import Directive
from harness.httpd.guard import Guard

TO_TEST = "To test it as well, name an image that has the module: --image IMAGE."
"""What to do where a module that this httpd does not have keeps something from being tested."""


class Role(Enum):
    """What a directive of a foreign module does.

    CONTENT: it answers behind httpd's guard. ADMISSION: it may admit or refuse a client. OTHER: neither.
    """

    CONTENT = auto()
    ADMISSION = auto()
    OTHER = auto()


@dataclass(frozen=True)
class ForeignModule:
    """A module that is not httpd's own.

    `name` is the module's without `mod_`. `directives` matches the names of its directives. `role` is that of its
    directives, except for those that match `admission`, which decide; those that match `settings` only prepare it.
    """

    name: str
    role: Role
    directives: str
    admission: str = ""
    settings: str = ""

    def role_of(self, directive: str) -> Role:
        """The role of one of its directives."""
        if self.admission and re.fullmatch(self.admission, directive, re.IGNORECASE):
            return Role.ADMISSION
        if self.settings and re.fullmatch(self.settings, directive, re.IGNORECASE):
            return Role.OTHER
        return self.role


_PERL_AND_PYTHON = "(Access|Authen|Authz|HeaderParser|Trans|PostReadRequest|Init|Fixup|MapToStorage|Type)Handler"
_CONTENT = (
    ForeignModule("wsgi", Role.CONTENT, r"WSGI\w+", r"WSGI(AccessScript|Auth\w+Script)"),
    ForeignModule("passenger", Role.CONTENT, r"(Passenger|Rails|Rack)\w+"),
    ForeignModule("php", Role.CONTENT, r"php\d?_\w+|PHPINIDir"),
    ForeignModule("jk", Role.CONTENT, r"Jk\w+"),
    ForeignModule("fcgid", Role.CONTENT, r"Fcgid\w+", r"Fcgid(AccessChecker|Authenticator|Authorizer)\w*"),
    ForeignModule("fastcgi", Role.CONTENT, r"FastCgi\w+", r"FastCgi(AccessChecker|Authenticator|Authorizer)\w*"),
    ForeignModule("perl", Role.CONTENT, r"Perl\w*", rf"Perl|Perl{_PERL_AND_PYTHON}"),
    ForeignModule("python", Role.CONTENT, r"Python\w+", rf"Python{_PERL_AND_PYTHON}"),
    ForeignModule("dav_svn", Role.CONTENT, r"SVN\w+"),
    ForeignModule("xsendfile", Role.CONTENT, r"XSendFile\w*"),
    ForeignModule("tile", Role.CONTENT, r"(ModTile|LoadTile|AddTile)\w+"),
    ForeignModule("mapcache", Role.CONTENT, r"MapCache\w*"),
    ForeignModule("rivet", Role.CONTENT, r"Rivet\w+"),
    ForeignModule("mono", Role.CONTENT, r"Mono\w+"),
    ForeignModule("weblogic", Role.CONTENT, r"WebLogic\w+|WLLogFile|WLProxySSL\w*|MatchExpression"),
    ForeignModule("was_ap22", Role.CONTENT, r"WebSpherePluginConfig"),
    ForeignModule("pagespeed", Role.CONTENT, r"ModPagespeed\w*"),
    ForeignModule("uwsgi", Role.CONTENT, r"uWSGI\w+"),
    ForeignModule("upload_progress", Role.CONTENT, r"(Track|Report)Uploads|UploadProgress\w+"),
)
# Their directives only prepare a login. It is asked for by `AuthType`, `AuthBasicProvider` or `Require`.
_LOGINS = (
    ForeignModule("auth_openidc", Role.OTHER, r"OIDC\w+"),
    ForeignModule("oauth2", Role.OTHER, r"OAuth2\w+"),
    ForeignModule(
        "shib", Role.OTHER, r"Shib\w+", r"Shib(Require(Session|All)|AccessControl|BasicHijack|RequestSetting)"
    ),
    ForeignModule("auth_mellon", Role.OTHER, r"Mellon\w+", r"Mellon(Enable|Require|Cond)"),
    ForeignModule("auth_cas", Role.OTHER, r"CAS\w+"),
    ForeignModule("auth_gssapi", Role.OTHER, r"Gssapi\w+"),
    ForeignModule("auth_kerb", Role.OTHER, r"Krb\w+"),
    ForeignModule("auth_ntlm_winbind", Role.OTHER, r"NTLM\w+|SSPI\w+"),
    ForeignModule("auth_tkt", Role.OTHER, r"TKTAuth\w+"),
    ForeignModule(
        "authnz_external", Role.OTHER, r"(Define|Add)External(Auth|Group)\w*|SetExternal\w+|(Auth|Group)External\w*"
    ),
    ForeignModule("authn_radius", Role.OTHER, r"AddRadius\w+|AuthRadius\w+"),
    ForeignModule("authnz_pam", Role.OTHER, r"AuthPAM\w*|PAM\w+"),
    ForeignModule("auth_mysql", Role.OTHER, r"AuthMySQL\w*|Auth_MySQL\w*|Auth_PG_\w+"),
)
_ADMISSION = (
    ForeignModule(
        "security2", Role.ADMISSION, r"Sec[A-Z]\w+", settings=r"Sec(?!Rule$|Action$|RuleScript$|RuleInherit)\w+"
    ),
    ForeignModule("gridsite", Role.ADMISSION, r"GridSite\w+"),
    ForeignModule("authz_svn", Role.ADMISSION, r"AuthzSVN\w+"),
    ForeignModule("intercept_form_submit", Role.ADMISSION, r"InterceptForm\w+"),
    ForeignModule("vhost_ldap", Role.ADMISSION, r"VhostLDAP\w+"),
    ForeignModule("qos", Role.OTHER, r"QS_\w+", r"QS_(Deny|Permit)\w*"),
)
# They limit the rate, name a client or write a log. A variable that they set is UNKNOWABLE wherever a rule reads it.
_OTHERS = (
    ForeignModule("evasive20", Role.OTHER, r"DOS[A-Z]\w+"),
    ForeignModule("geoip", Role.OTHER, r"(GeoIP|MaxMind)\w+"),
    ForeignModule("lookup_identity", Role.OTHER, r"Lookup(User|Output)\w*"),
    ForeignModule("rpaf", Role.OTHER, r"RPAF_?\w+"),
    ForeignModule("mpm_itk", Role.OTHER, r"AssignUserI[Dd]\w*|MaxClientsVHost|NiceValue|LimitU?G?IDRange"),
    ForeignModule("apparmor", Role.OTHER, r"AA(Default)?HatName"),
    ForeignModule("log_sql", Role.OTHER, r"LogSQL\w+"),
    ForeignModule("bw", Role.OTHER, r"(Force)?BandWidth\w*|MinBandWidth|LargeFileLimit|CBand\w+"),
    ForeignModule("dnssd", Role.OTHER, r"DNSSD\w+"),
    ForeignModule("sts", Role.OTHER, r"STS\w+"),
)
FOREIGN_MODULES = (*_CONTENT, *_LOGINS, *_ADMISSION, *_OTHERS)
_HTTPD_AUTH_TYPES = {"none", "basic", "digest", "form"}
_OF_HTTPD = {"require", "authbasicprovider", "authdigestprovider", "dav", "<authnprovideralias", "<authzprovideralias"}
"""Directives of httpd that name a provider of another module."""


def module_of(directive: str) -> ForeignModule | None:
    """The foreign module of a directive (`WSGIScriptAlias`); None where it is of no known one."""
    name = directive.strip("<>")
    found = (module for module in FOREIGN_MODULES if re.fullmatch(module.directives, name))
    return next(found, None)


def module_named(name: str) -> ForeignModule:
    """The foreign module of this name (`wsgi`, `php8.4`). An unknown one may decide about admission."""
    known = {module.name: module for module in FOREIGN_MODULES}
    return known.get(name) or known.get(re.sub(r"[\d.]+$", "", name)) or ForeignModule(name, Role.ADMISSION, "(?!)")


def decides(entry: Directive) -> bool:
    """Whether a withdrawn directive may admit or refuse a client."""
    if not entry.withdrawn:
        return False
    name = entry.kind
    if name in _OF_HTTPD:
        return name != "dav"
    module = module_of(entry.name)
    role = module.role_of(entry.name) if module else Role.ADMISSION
    switched_off = entry.value in {"off", "none", "false", "no"}
    return role is Role.ADMISSION and not (switched_off and name != "require")


def deciding_directive(guard: Guard) -> Directive | None:
    """The directive by which a foreign module decides about admission at a site; None if httpd alone decides."""
    login = guard.in_force.get("authtype")
    if login and login.value not in _HTTPD_AUTH_TYPES and _asks_user(guard.directives):
        return login
    candidates: Iterable[Directive] = (*guard.in_force.values(), *guard.directives)
    found = next(filter(decides, candidates), None)
    # A request reaches a module of the last kind only with a verified certificate.
    late = found is not None and found.kind not in _OF_HTTPD
    return None if late and guard.in_handshake else found


def _asks_user(directives: Iterable[Directive]) -> bool:
    """Whether a Require needs a login; those about a certificate, an address or all clients do not."""
    httpds = {"all", "ssl-verify-client", "ssl", "ip", "local", "host", "env", "expr", "method", "forward-dns"}
    required = (entry for entry in directives if entry.kind == "require")
    named = ([word.lower() for word in entry.words if word.lower() != "not"] for entry in required)
    return any(not httpds.issuperset(words[:1]) for words in named)
