"""Expressions of httpd's (ap_expr) in every spelling."""

from tests.httpd.differential.writer import Writer

VALUES = ("1", "2", "10", "5", "abc", "ABC", "a/b", "a", "b", "", "off", "x=1", "-3", "0", "A", "B", "x", "y", "no")
HEADERS = ("X-A", "X-B", "X-C", "User-Agent", "Referer", "Cookie")
PATTERNS = (
    *("^1$", "^a", "c$", "b", "^(a|b)", "^$", "^a(.*)$", "[0-9]+", "^[^a]", "x=(\\d)", "(.)(.)", "^.$", "^A$"),
    *("^(\\w+)=(\\w+)", "a|b|c", "^.*$", "\\.", "^[[:alpha:]]+$", "a{1,2}", "(?i)abc"),
)
CERTIFICATE = (
    *("SSL_CLIENT_S_DN_O", "SSL_CLIENT_S_DN_OU", "SSL_CLIENT_S_DN_CN", "SSL_CLIENT_S_DN", "SSL_CLIENT_VERIFY"),
    "SSL_CLIENT_S_DN_O_0",
)
REQUEST = (
    *("REMOTE_ADDR", "REQUEST_URI", "QUERY_STRING", "REQUEST_METHOD", "HTTPS", "HTTP_USER_AGENT", "HTTP_REFERER"),
    *("HTTP_COOKIE", "REQUEST_SCHEME", "SERVER_NAME"),
)
OPERANDS = (*VALUES, "SUCCESS", "NONE", "GET", "POST", "/a/b/f.txt", "anna", "CN=anna,OU=x,O=A", "203.0.113.7")
NETWORKS = ("10.0.0.0/8", "203.0.113.0/24", "192.0.2.7", "198.51.100.0/255.255.255.0", "2001:db8::/32", "0.0.0.0/1")
VARIABLES = ("e1", "e2")


def variable(writer: Writer) -> str:
    """A variable, as it may also stand in a string."""
    header, name, set_before = writer.pick(*HEADERS), writer.pick(*CERTIFICATE, *REQUEST), writer.pick(*VARIABLES)
    return writer.pick(
        f"%{{HTTP:{header}}}",
        f"%{{{writer.pick('req', 'http', 'HTTP', 'req_novary')}:{header}}}",
        f"%{{{name}}}",
        f"%{{{name}}}",
        f"%{{SSL:{writer.pick(*CERTIFICATE)}}}",
        f"%{{{writer.pick('reqenv', 'env', 'ENV')}:{set_before}}}",
    )


def call(writer: Writer) -> str:
    """A function of the request."""
    return writer.pick(
        f"{writer.pick('req', 'http', 'HTTP')}('{writer.pick(*HEADERS)}')",
        f"{writer.pick('reqenv', 'env')}('{writer.pick(*VARIABLES)}')",
    )


def string(writer: Writer) -> str:
    """A string, in which variables may stand."""
    text = writer.pick(*OPERANDS)
    if writer.pick(0, 0, 0, 1):
        text = "".join(writer.several(1, 3, lambda one: one.pick(one.pick(*OPERANDS), variable(one))))
    return f"'{text}'" if writer.pick(1, 1, 0) else f'"{text}"'


def word(writer: Writer, depth: int = 1) -> str:
    """A word: a string, a variable, a function of one, or several of them one after the other."""
    kind = writer.pick(*range(10)) if depth else writer.pick(*range(7))
    if kind < 4:
        return variable(writer)
    if kind < 6:
        return string(writer)
    if kind == 6:
        return writer.pick(call(writer), call(writer), "$1", "$0", "'$1'", "'a$2'", "'$1$1'")
    inner = word(writer, depth - 1)
    if kind == 7:
        return f"{inner}{writer.pick('.', ' . ')}{word(writer, depth - 1)}"
    return f"{writer.pick('tolower', 'toupper', 'escape')}({inner})"


def regex(writer: Writer) -> str:
    """A regular expression between marks."""
    text = writer.pick(*PATTERNS)
    return writer.pick(f"/{text}/", f"m#{text}#") + writer.pick("", "", "i")


def comparison(writer: Writer) -> str:
    """One comparison."""
    left = word(writer)
    match writer.pick(*range(12)):
        case 0 | 1:
            return f"{left} {writer.pick('==', '!=', '=', '<', '<=', '>', '>=')} {string(writer)}"
        case 2:
            return f"{left}{writer.pick('==', '!=')}{string(writer)}"
        case 3:
            return f"{string(writer)} {writer.pick('==', '!=')} {left}"
        case 4 | 5:
            return f"{left} {writer.pick('=~', '!~')} {regex(writer)}"
        case 6:
            operator = writer.pick("-eq", "-ne", "-lt", "-le", "-gt", "-ge", "eq", "lt", "ge", "ne")
            return f"{left} {operator} {writer.pick('1', '5', '10', '-3', chr(39) + '5' + chr(39))}"
        case 7:
            return f"{writer.pick('-n', '-z', '-T')} {left}"
        case 8:
            return f"{left} {writer.pick('-in', 'in')} {{{', '.join(writer.several(1, 3, string))}}}"
        case 9:
            pattern = writer.pick("a*", "?", "*b", "A*", "1?", "*", "[ab]*", "/a/*", "*/b/*")
            return f"{left} {writer.pick('-strmatch', '-strcmatch', '-fnmatch')} '{pattern}'"
        case 10:
            network = writer.pick(*NETWORKS)
            return writer.pick(f"%{{REMOTE_ADDR}} -ipmatch '{network}'", f"-R '{network}'")
    return writer.pick("true", "false")


def expression(writer: Writer, depth: int = 2) -> str:
    """A whole expression."""
    if writer.pick(*[0] * 199, 1):
        return f"%{{TIME_HOUR}} == '{writer.pick('01', '25')}'"
    kind = writer.pick(*range(7)) if depth else 0
    if kind < 4:
        return comparison(writer)
    inner = expression(writer, depth - 1)
    if kind == 4:
        return f"{writer.pick('!', 'not ', '', '! ')}({inner})"
    if kind == 5:
        return f"{writer.pick('!', 'not ')}{inner}"
    return f"{inner} {writer.pick('&&', '||', 'and', 'or')} {expression(writer, depth - 1)}"
