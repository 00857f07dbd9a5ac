"""Access rules in every spelling."""

import re

from hypothesis import strategies as st

from tests.httpd.differential.compare import GeneratedRule
from tests.httpd.differential.expressions import (
    CERTIFICATE,
    HEADERS,
    NETWORKS,
    OPERANDS,
    PATTERNS,
    REQUEST,
    VARIABLES,
    expression,
)
from tests.httpd.differential.request import GROUP_FILE, ITSELF, USER_FILE, Request
from tests.httpd.differential.server import PATHS, ROOT
from tests.httpd.differential.writer import Draw, Writer, by_hypothesis

_USERS = (
    "Require valid-user",
    "Require user anna",
    "Require user bert cleo",
    "<RequireAll>\nRequire valid-user\n</RequireAll>",
    "Require group g",
    "Require group h k",
    "<RequireAll>\nRequire not group h\nRequire valid-user\n</RequireAll>",
)
_HEADS = (
    *("Location /", "Location /", "Location /a", "Location /a/b", f"Directory {ROOT}", f"Directory {ROOT}/a"),
    *("Location /", "Location /", "Location /a", "Location /a/b", f"Directory {ROOT}", f"Directory {ROOT}/a"),
    *("LocationMatch ^/a/", "LocationMatch ^/(a|c)/b?", "Location /a/*/f.txt", "Location /a/*", "Location ~ /(a|c)/"),
    *(f"DirectoryMatch ^{ROOT}/a", f"Directory ~ {ROOT}/(a|c)", f"Directory {ROOT}/*", "Directory /srv/"),
    *("Files f.txt", "Files *.txt", r"FilesMatch ^f\.txt$", r"FilesMatch \.(txt|html)$", 'Files "?.txt"'),
)
_METHODS = ("GET", "POST", "GET POST", "PUT DELETE", "HEAD", "OPTIONS", "GET HEAD")


def quoted(text: str) -> str:
    """Write a text as one argument."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def require(writer: Writer) -> str:
    """One Require."""
    return f"Require {requirement(writer)}"


def requirement(writer: Writer) -> str:
    """What one Require asks for."""
    kind = writer.pick(*range(9))
    if kind == 0:
        return f"env {writer.pick('e1', 'e2', 'e1 e2')}"
    if kind == 1:
        return f"method {writer.pick(*_METHODS)}"
    if kind == 2:
        return f"ip {writer.pick(*NETWORKS, '10', '203.0.113')}"
    if kind < 8:
        text = expression(writer)
        bare = f"expr {text}" if text[0] + text[-1] != '""' else f"expr ({text})"
        return bare if '"' in text or writer.pick(0, 1) else f'expr "{text}"'
    return writer.pick("all granted", "all denied", "ssl", "ssl-verify-client", "local", "valid-user", "user anna")


def block(writer: Writer, depth: int = 2) -> str:
    """Require directives, in containers and out of them."""
    if depth == 2 and writer.pick(*[0] * 5, 1):
        kind = writer.pick("Limit", "LimitExcept")
        inner = block(writer, 1)
        return f"<{kind} {writer.pick(*_METHODS)}>\n{inner}\n</{kind}>"
    if not depth or writer.pick(0, 1):
        return "\n".join(writer.several(1, 2, require))
    kind = writer.pick("RequireAll", "RequireAny", "RequireNone")
    inside = writer.several(1, 3, lambda one: block(one, depth - 1 if depth == 1 else 1))
    if kind == "RequireNone":
        found = f"<RequireNone>\n{chr(10).join(inside)}\n</RequireNone>"
        return f"<RequireAll>\n{writer.pick('Require all granted', require(writer))}\n{found}\n</RequireAll>"
    if kind == "RequireAll":
        inside += writer.several(0, 1, lambda one: f"Require not {requirement(one)}")
    return f"<{kind}>\n{chr(10).join(inside)}\n</{kind}>"


def access(writer: Writer) -> str:
    """Order, Allow, Deny and Satisfy."""
    hosts = ("all", "10", "203.0.113.0/24", "192.0.2.7", "env=e1", "env=!e2", "2001:db8::/32", "203.0.113.7 10.1.2.3")
    lines = [f"Order {writer.pick('allow,deny', 'deny,allow', 'Deny,Allow', 'mutual-failure')}"] * writer.pick(0, 1, 1)
    lines += writer.several(1, 3, lambda one: f"{one.pick('Allow', 'Deny')} from {one.pick(*hosts)}")
    lines += [f"Satisfy {writer.pick('any', 'all', 'Any')}"] * writer.pick(0, 0, 1)
    if writer.pick(0, 0, 0, 1):
        inside = "\n".join(lines)
        return f"<Limit {writer.pick(*_METHODS)}>\n{inside}\n</Limit>"
    return "\n".join(lines)


def requirement_of_ssl(writer: Writer) -> str:
    """SSLRequire, and what goes with it."""
    text = f"SSLRequire {expression(writer)}"
    return writer.pick(text, text, text, f"{text}\nSSLOptions +StrictRequire", "SSLRequireSSL")


def users(writer: Writer) -> str:
    """What asks for a user."""
    asking = f"AuthType Basic\nAuthName x\nAuthUserFile {USER_FILE}\nAuthGroupFile {GROUP_FILE}\n"
    before = writer.pick("", "", "SSLOptions +FakeBasicAuth\n", "SSLUserName SSL_CLIENT_S_DN_CN\n", _options(writer))
    return f"{before}{writer.pick(asking, asking, '')}{block(writer, 1)}\n{writer.pick(*_USERS)}"


def _options(writer: Writer) -> str:
    """SSLOptions, with signs and without."""
    words = ("+FakeBasicAuth", "FakeBasicAuth", "-FakeBasicAuth", "+StrictRequire", "StrictRequire", "+StdEnvVars")
    return f"SSLOptions {' '.join(writer.several(1, 2, lambda one: one.pick(*words)))}\n"


def certificate(writer: Writer) -> str:
    """SSLVerifyClient of a section."""
    return f"SSLVerifyClient {writer.pick('require', 'require', 'optional', 'none')}"


def methods(writer: Writer) -> str:
    """AllowMethods."""
    return f"AllowMethods {writer.pick(*_METHODS, 'reset')}"


def redirect(writer: Writer) -> str:
    """Redirect, as it may stand in a section."""
    return writer.pick(
        *("Redirect 403 /a", "Redirect /a/b https://r.invalid/x", "RedirectMatch 403 ^/a/b", "RedirectMatch 410 ^/c"),
        *("Redirect 404 /c", "RedirectMatch (.*)\\.txt$ https://r.invalid$1"),
    )


def _without_groups(writer: Writer) -> str:
    """An expression that looks at no group before there is one: httpd reads memory then that is not cleared."""
    text = expression(writer)
    return "%{HTTP:X-A} =~ /^(.)(.*)$/ && $2 == 'b'" if re.search(r"\$\d", text) else text


def condition(writer: Writer) -> str:
    """One RewriteCond."""
    flags = writer.pick("", "", "", " [OR]", " [NC]", " [NC,OR]")
    if writer.pick(0, 0, 0, 1):
        text = _without_groups(writer)
        if '"' not in text:
            return f'RewriteCond expr "{writer.pick("", "", "", "!")}{text}"{flags}'
    tested = writer.pick(
        f"%{{HTTP:{writer.pick(*HEADERS)}}}",
        f"%{{{writer.pick(*REQUEST, 'REQUEST_FILENAME', 'THE_REQUEST')}}}",
        f"%{{SSL:{writer.pick(*CERTIFICATE)}}}",
        f"%{{ENV:{writer.pick(*VARIABLES)}}}",
        writer.pick("%1", "%1%2", "$1", "$0", "%0", "%1x", "%{HTTP:X-A}%{HTTP:X-B}", "%{HTTP:X-A}/$1", "%{HTTP:X-B}%1"),
    )
    compared = f"{writer.pick('=', '<', '>', '-eq', '-gt', '<=', '>=')}{writer.pick('1', '5', 'abc', 'A')}"
    pattern = writer.pick(writer.pick(*PATTERNS), compared)
    return f"RewriteCond {tested} {writer.pick('', '', '!')}{pattern}{flags}"


def rewrite(writer: Writer) -> str:
    """RewriteRule with its conditions."""
    pattern = writer.pick("^", "^", "^", "!^/c", "/a/", "f", "^x", "(.*)", "^/a/(.*)$", "b/(f)", "^b/", "F")
    flags = writer.pick(
        *("F", "F", "F", "G", "R=403", "L", "S=1", "C", "E=e1:1", "E=e2:a", "F,NC", "NC,L", "E=!e1", "END", "NS,F"),
        *("E=e1:$1", "E=e2:%1", "E=e1:%{HTTP:X-A}", "E=e2:%{ENV:e1}x", "R=302", "R,L", "PT", "N=3", "S=2", "L,E=e1:x"),
        *("forbidden", "last", "E=e2", "R=404,NC"),
    )
    target = writer.pick(
        *("-", "-", "-", "-", "-", "-", "/c/f.txt", "/a/g.txt", "/h.txt?x=1", "/c/f.txt?"),
        *("g.txt", "c/f.txt", f"{ROOT}/c/f.txt", "f.txt?x=1"),
    )
    if "N=" in flags:
        target = "/c/f.txt"
    conditions = writer.several(0, 3, condition)
    if any(" expr " in one for one in conditions):
        # What `%1` is after an expression without groups, httpd does not know: it reads memory that is not cleared.
        conditions = [one for one in conditions if not re.search(r"%\d", one)]
    return "\n".join([*conditions, f"RewriteRule {pattern} {target} [{re.sub('%[0-9]', 'a', flags)}]"])


def rewrites(writer: Writer) -> str:
    """Several RewriteRules."""
    options = ["RewriteOptions Inherit"] * writer.pick(*[0] * 9, 1)
    return "\n".join([f"RewriteEngine {writer.pick(*['on'] * 9, 'off')}", *options, *writer.several(1, 3, rewrite)])


def rewrites_of_folder(writer: Writer) -> str:
    """Several RewriteRules of a section, which may have a base."""
    return f"{writer.pick('', '', '', '', 'RewriteBase /a', 'RewriteBase /')}\n{rewrites(writer)}".strip()


def setter(writer: Writer) -> str:
    """What sets environment variables."""
    names = writer.pick("e1", "e2", "e1=x", "e2=1", "!e1", "e1 e2=5", "e1=$1", "E2=a$1b", "e1=$2$0", "e1=!", "e2=")
    attribute = writer.pick(*HEADERS, "Request_Method", "Remote_Addr", "Request_URI", "e1")
    if writer.pick(*[0] * 49, 1):
        attribute = writer.pick("^X-[AB]$", "^X-A$", "Refer+er")
    match writer.pick(*range(4)):
        case 0:
            if writer.pick(0, 0, 0, 1):
                return f'SetEnvIfExpr "%{{HTTP:{writer.pick(*HEADERS)}}} =~ /^(.)(.*)$/" {names}'
            return f"SetEnvIfExpr {quoted(_without_groups(writer))} {writer.pick('e1', 'e2=x', '!e1', 'e2=abc E1')}"
        case 1:
            return f"{writer.pick('BrowserMatch', 'BrowserMatchNoCase')} {writer.pick(*PATTERNS)} {names}"
    return f"{writer.pick('SetEnvIf', 'SetEnvIfNoCase')} {attribute} {writer.pick(*PATTERNS)} {names}"


def conditional(writer: Writer, depth: int = 1) -> str:
    """If, ElseIf and Else."""

    def inside() -> str:
        if depth and writer.pick(0, 0, 1):
            return conditional(writer, depth - 1)
        others = (access, requirement_of_ssl, methods, redirect, setter, rewrites, certificate)
        found = writer.write(block) if writer.pick(0, 1) else writer.write(block, *others)
        return writer.pick("", "", "", "", "AuthMerging And\n", "AuthMerging Or\n", "AuthMerging Off\n") + found

    found = f"<If {quoted(expression(writer))}>\n{inside()}\n</If>"
    if writer.pick(0, 0, 1):
        found += f"\n<ElseIf {quoted(expression(writer))}>\n{inside()}\n</ElseIf>"
    if writer.pick(0, 1):
        found += f"\n<Else>\n{inside()}\n</Else>"
    return found


def section(writer: Writer) -> str:
    """A section about some paths."""
    head = writer.pick(*_HEADS)
    merging = writer.pick("", "", "", "", "AuthMerging And\n", "AuthMerging Or\n", "AuthMerging Off\n")
    makers = (
        *(block, block, block, users, conditional, setter, rewrites_of_folder, access, requirement_of_ssl, methods),
        *(redirect, writer.pick(block, block, block, certificate)),
    )
    body = "\n".join(writer.several(1, 3, lambda one: one.write(*makers)))
    if head.startswith("Directory") and writer.pick(0, 0, 0, 1):
        # A <Files> inside of a folder is about files of that folder.
        body = f"{body}\n<Files {writer.pick('f.txt', '*.txt')}>\n{block(writer)}\n</Files>"
    if not re.fullmatch(r"\w+ [\w/]+", head):
        # A folder by the name of a pattern has no files.
        body = re.sub(r"^(RewriteRule \S+) (\w)", r"\1 /\2", body, flags=re.MULTILINE)
    return f"<{head}>\n{merging}{body}\n</{head.split()[0]}>"


@st.composite
def rules(draw: Draw) -> tuple[GeneratedRule, list[Request]]:
    """A rule, and requests with anything in them."""
    writer = by_hypothesis(draw)
    return rule(writer), requests(writer)


def rule(writer: Writer) -> GeneratedRule:
    """Everything in one virtual host."""
    parts = writer.several(1, 3, lambda one: one.write(section, section, setter, rewrites, conditional))
    text = "\n".join(parts)
    if "RewriteBase" in text or "[PT]" in text:
        # Both take the path of a file for a URL's, at which there is nothing.
        text = text.replace(f" {ROOT}/c/f.txt [", " /c/f.txt [")
    return GeneratedRule(text, writer.pick(*[PATHS[0]] * 8, *PATHS))


def requests(writer: Writer) -> list[Request]:
    """Some requests with anything in them."""
    return [_request(writer) for _ in range(3)]


def _request(writer: Writer) -> Request:
    values = [one for one in OPERANDS if one]
    return Request(
        writer.pick("GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"),
        writer.pick("", "", "x=1", "1", "abc"),
        tuple((name, writer.pick(*values)) for name in writer.some(HEADERS, 3)),
        writer.pick("203.0.113.7", "10.1.2.3", "192.0.2.7", "127.0.0.1", "2001:db8::1", ITSELF),
        writer.pick(*range(5)),
        writer.pick("1.3", "1.2"),
        writer.pick(*[""] * 5, "anna", "bert", "cleo"),
    )
