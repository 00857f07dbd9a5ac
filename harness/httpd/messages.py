"""What does a message of httpd mean where its words mislead, and what is to be written?"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """A message of httpd by a regular expression, what it means, and what to write. `{0}` is the first group."""

    pattern: str
    text: str
    remedy: str


MEANINGS = (
    Meaning(
        r"(?:Your SSL library does not have support for per-directory CA|SSLCACertificate\w+ not allowed in)",
        "A virtual host has one list of authorities. OpenSSL checks the certificate before httpd knows the path.",
        "Move SSLCACertificateFile to the <VirtualHost>, and tell authorities apart by a rule: "
        "Require expr \"%{SSL_CLIENT_I_DN} == '…'\".",
    ),
    Meaning(
        r"Invalid command '(Order|Allow|Deny|Satisfy)'",
        "`{0}` is access control of httpd 2.2. mod_access_compat still has it.",
        "`Require all granted`, `Require ip …`; or load access_compat_module.",
    ),
    Meaning(
        r"Invalid command '((?:Proxy|Balancer)\w*)'",
        "No module that has `{0}` is loaded before this line.",
        "LoadModule proxy_module, and the module of the protocol (proxy_http_module).",
    ),
    Meaning(r"Invalid command '(Rewrite\w+)'", "mod_rewrite is not loaded.", "LoadModule rewrite_module."),
    Meaning(r"Invalid command '((?:Request)?Header)'", "mod_headers is not loaded.", "LoadModule headers_module."),
    Meaning(
        r"Invalid command '(SSL\w+)'",
        "mod_ssl is not loaded before this line, or it has no such directive.",
        "Check the spelling, and write LoadModule ssl_module.",
    ),
    Meaning(r"Invalid command '(Use)'", "mod_macro is not loaded.", "LoadModule macro_module."),
    Meaning(
        r"Invalid command '(NSS\w+|GnuTLS\w+)'",
        "`{0}` is of another TLS module than mod_ssl. The verifier needs mod_ssl.",
        "Verify a configuration with mod_ssl.",
    ),
    Meaning(
        r"Invalid command '([^']*(?:[^ -~]|\\x[89a-f])[^']*)'",
        "The line has a character that looks like ASCII and is not (a quote or a blank from a web page).",
        "Type the line again.",
    ),
    Meaning(
        r"Invalid command '([^']+)'",
        "No loaded module has `{0}`: the name is misspelled, or its module is not loaded before this line.",
        "The right name, or the LoadModule of its module. An image that has the module: --image IMAGE.",
    ),
    Meaning(
        r"Config variable (\$\{\w+\}) is not defined",
        "`{0}` is neither a Define nor in httpd's environment.",
        "--define NAME=VALUE, or --env-file FILE (Debian: envvars).",
    ),
    Meaning(
        r"Invalid command '\{\{|bad (?:user|group) name \{\{",
        "The file is a template.",
        "Render it, and verify the result.",
    ),
    Meaning(
        r"bad (user|group) name (\S+)",
        "The {0} does not exist on the machine that httpd runs on.",
        "Create it, or name another one.",
    ),
    Meaning(
        r"Cannot define multiple Listeners on the same IP:port",
        "Two Listen lines, often in two files, open the same port.",
        "Keep one of them. `Listen 443` in ssl.conf or ports.conf is one.",
    ),
    Meaning(
        r"make_sock: could not bind to address (\S+)",
        "Another program, or another Listen line, has the port {0}.",
        "Remove one of them.",
    ),
    Meaning(
        r"no listening sockets available",
        "No Listen line is in force.",
        "`Listen 443`.",
    ),
    Meaning(
        r"More than one MPM loaded",
        "Two of mpm_event, mpm_worker and mpm_prefork are loaded, often by two files.",
        "Keep one LoadModule mpm_…_module.",
    ),
    Meaning(r"No MPM loaded", "httpd needs a module that handles connections.", "LoadModule mpm_event_module."),
    Meaning(
        r"SSLv[23](?: is no longer| not) supported",
        "OpenSSL was built without the protocol.",
        "`SSLProtocol -all +TLSv1.2 +TLSv1.3`.",
    ),
    Meaning(
        r"SSLProtocol: Illegal protocol '([^']+)'",
        "`{0}` is no name of a protocol, or this OpenSSL is too old for it.",
        "TLSv1.2 and TLSv1.3.",
    ),
    Meaning(
        r"SSLProtocol not allowed in|SSLProtocol: not allowed",
        "The protocol is agreed on before httpd knows the path.",
        "Move SSLProtocol to the <VirtualHost>.",
    ),
    Meaning(
        r"SSLVerifyClient: Invalid argument '([^']+)'",
        "`{0}` is no mode.",
        "`SSLVerifyClient require` (or none, optional, optional_no_ca).",
    ),
    Meaning(
        r"SSLOptions: Illegal option '([^']+)'",
        "`{0}` is no option of SSLOptions.",
        "`SSLOptions +StdEnvVars`, for example.",
    ),
    Meaning(
        r"SSLSessionCache: '(\w+)' session cache not supported",
        "The module of this cache is not loaded.",
        "LoadModule socache_{0}_module, or remove the line: tickets need no cache.",
    ),
    Meaning(
        r"Argument must be On or Off",
        "Only `on` and `off` are values here, not `yes`, `1` or `true`.",
        "on or off.",
    ),
    Meaning(
        r"Either all Options must start with \+ or -, or no Option may",
        "One Options line either changes the options before it (each with + or -) or replaces them (none with a sign).",
        "Give each word a sign, or none.",
    ),
    Meaning(
        r"</(\w+)> without matching <\w+> section",
        "A section is closed that was not opened in this file.",
        "Remove the line, or write <{0} …> above.",
    ),
    Meaning(
        r"<(\w+)> was not closed|Expected </(\w+)> before end of configuration|Expected </(\w+)> but saw",
        "A section has no end in the file in which it begins.",
        "Write its closing line.",
    ),
    Meaning(
        r"(<?\w+) not allowed in (<\w+>) context",
        "httpd reads `{0}` for the server or a virtual host only.",
        "Move it out of the section.",
    ),
    Meaning(
        r"(\w+) not allowed here",
        "`{0}` is for sections about a path only, or AllowOverride does not permit it in .htaccess.",
        "Put it into <Location />, <Directory …> or <Files …>.",
    ),
    Meaning(
        r"Unknown Authz provider: (\S+)",
        "No loaded module has `Require {0}`.",
        "Check the spelling, or load its module (mod_authz_host for ip, mod_authz_user for valid-user).",
    ),
    Meaning(
        r"Unknown Authn provider: (\S+)",
        "No loaded module has `AuthBasicProvider {0}`.",
        "Load mod_authn_{0}.",
    ),
    Meaning(
        r"Cannot load (\S+) into server: \S+: cannot open shared object file",
        "The module's file is not there.",
        "Install the module's package, or remove the line. An image that has the module: --image IMAGE.",
    ),
    Meaning(
        r"Cannot load (\S+) into server: \S+: undefined symbol: (\w+)",
        "A module that {0} builds on is not loaded before it.",
        "Load that module first (proxy_module before proxy_http_module).",
    ),
    Meaning(
        r"Can't locate API module structure",
        "The name in LoadModule is not the name of the module in that file.",
        "LoadModule ssl_module …/mod_ssl.so: name and file belong together.",
    ),
    Meaning(
        r"ServerRoot must be a valid directory",
        "The folder of ServerRoot is not on the machine.",
        "Name the folder that holds the configuration.",
    ),
    Meaning(
        r"Cannot parse (?:condition clause|expression)|Unexpected '.*' in expression|syntax error, unexpected",
        "The expression is not complete. Variables are %{NAME}, texts stand in quotes inside the expression.",
        "Require expr \"%{SSL_CLIENT_S_DN_O} == 'Example'\".",
    ),
    Meaning(
        r"Regex could not be compiled|Failed to compile regular expression|cannot compile regular expression",
        "The regular expression has an open bracket, or a `*` with nothing before it.",
        "Put a backslash before a character that is meant literally.",
    ),
    Meaning(
        r"ip address '([^']+)' appears to be invalid",
        "`{0}` is no address or network.",
        "Require ip 192.0.2.0/24.",
    ),
    Meaning(
        r"(\w+) takes (?:one|two|1|2|no)[-\w ]* arguments?",
        "`{0}` has too many or too few words. A text with blanks stands in quotes.",
        "See the manual's syntax of {0}.",
    ),
    Meaning(
        r"neither SSLCARevocationFile nor SSLCARevocationPath is configured",
        "SSLCARevocationCheck is on, and no CRL is named. httpd does not start.",
        "SSLCARevocationFile, or remove SSLCARevocationCheck.",
    ),
    Meaning(
        r"AH02240|should be SSL-aware but has no certificate configured",
        "A virtual host has SSLEngine on and no server certificate.",
        "SSLCertificateFile and SSLCertificateKeyFile.",
    ),
    Meaning(
        r"Private key .*not found|AH02204|AH02564|Init: Unable to read pass phrase",
        "The server's key cannot be read, or does not belong to the certificate.",
        "SSLCertificateKeyFile with the key of SSLCertificateFile, without a pass phrase.",
    ),
    Meaning(
        r"AH01898|Unable to configure permitted SSL ciphers|no cipher match",
        "OpenSSL has none of the suites that SSLCipherSuite names.",
        "`SSLCipherSuite HIGH:!aNULL`, for example.",
    ),
    Meaning(
        r"Unable to configure verify locations for client authentication",
        "SSLCACertificateFile holds no certificate that OpenSSL can read.",
        "A PEM file with the authorities' certificates.",
    ),
    Meaning(
        r"No matches for the wildcard|Could not open (?:configuration file|directory)",
        "A file that is to be included is not there.",
        "IncludeOptional where it may be absent; else copy it into CONFIG (or --include-dir DIR).",
    ),
    Meaning(
        r"Can't open PID file|could not create \S*pid",
        "httpd may not write to the folder of PidFile.",
        "Name a folder that httpd's user may write to.",
    ),
)


_LOG_PREFIX = re.compile(r"^\[[^\]]*\] \[\w*:\w+\] \[pid [^\]]*\] ", re.MULTILINE)
_OF_NO_USE = re.compile(r"AH01574|AH00558|AH00548|AH00117|Warning: DocumentRoot|AH00112")
"""Warnings about what the verifier itself adds, or that httpd starts with all the same."""


def essential(stderr: str) -> str:
    """What httpd wrote of an error, without the time, and without warnings that it starts with all the same."""
    lines = _LOG_PREFIX.sub("", stderr).splitlines()
    return "\n".join(line for line in lines if not _OF_NO_USE.search(line)).strip()


def explained(message: str) -> str:
    """A message of httpd, and below it what it means, where that is known."""
    for meaning in MEANINGS:
        if found := re.search(meaning.pattern, message):
            groups = [group or "" for group in found.groups()]
            text, remedy = (_filled(part, groups) for part in (meaning.text, meaning.remedy))
            return f"{message}\nMeaning: {text}\nWrite: {remedy}"
    return message


def _filled(text: str, groups: list[str]) -> str:
    return re.sub(r"\{(\d)\}", lambda one: groups[int(one[1])] if int(one[1]) < len(groups) else "", text)
