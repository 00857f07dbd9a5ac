"""What do the rules at a place want to see in a certificate that is good already?"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.conditions import MARK, split_by_variable
from harness.httpd.directive import Directive
from harness.httpd.guard import USERS, Guard
from harness.httpd.pcre import search, texts
from harness.pki.template import ATTRIBUTES, NOBODY, Part, part_of, part_of_name
from harness.verify.normal import normal
from harness.verify.rules import QUOTED, USER, denies, hinges_on, is_certain, is_turned
from harness.verify.users import members, user

# The attributes by the names that mod_ssl has for them, beside OpenSSL's.
_ATTRIBUTES = ATTRIBUTES | {
    "T": NameOID.TITLE,
    "S": NameOID.SURNAME,
    "G": NameOID.GIVEN_NAME,
    "Email": NameOID.EMAIL_ADDRESS,
}
_NO_VARIABLE = {"DC", "serialNumber"}
"""Attributes that mod_ssl has no variable for."""
_LOWERED = re.compile(r"\btolower\(\s*(%\{[^}]*\})\s*\)")
_THERE = re.compile(r"-n\s*(%\{SSL_CLIENT_[^}]+\})")
_UNWANTED = re.compile(
    r"%\{SSL_CLIENT_(?!VERIFY)[^}]*\}\s*(?:!=|-?ne\b)\s*(['\"]).*?\1"
    rf"|%\{{SSL_CLIENT_(?!VERIFY)[^}}]*\}}\s*!~\s*m?({MARK}).*?\2i?"
    r"|-z\s*%\{SSL_CLIENT_[^}]*\}"
)
"""What a good client has not."""
_DOT = re.compile(r"(?<=\w)\.(?=\w)")
"""A dot that stands for any letter where one of a name's own is meant."""
_ANOTHER = "another"
_OF_NOBODY = {"S_DN": f"CN={NOBODY}", "S_DN_CN": NOBODY}
_LONGEST = 64
"""Characters: the upper bound of most attributes (RFC 5280 appendix A.1)."""
_MS_UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
# One value, or the first of a list; or an expression.
_VALUE = r"""(?:\{\s*)?(?P<quote>['"])(?P<value>(?:(?!(?P=quote)).)*)(?P=quote)(?:[^{}]*\})?"""
_PATTERN = rf"""m?(?P<mark>{MARK})(?P<pattern>.+?)(?P=mark)i?"""
_EQUALS = rf"\s*(?:==?|-?eq|-?in|-strc?match|=~)\s*(?:{_PATTERN}|{_VALUE})"
_ASKED = re.compile(
    rf"%\{{SSL_CLIENT_(?P<what>[SI]_DN(?:_[A-Za-z]+)?|SAN_(?:Email|DNS|OTHER_msUPN))(?:_\d+)?\}}{_EQUALS}"
)
_EXTENSION = re.compile(rf"{_VALUE}\s*-?in\s*(?:PeerExtList|OID)\(\s*['\"](?P<what>[\d.]+)['\"]\s*\)")
_MENTIONED = re.compile(r"SSL_CLIENT_(?!VERIFY\b)|PeerExtList|OID\(")


@dataclass
class Demands:
    """What was read: attributes of subject and issuer by their type, alternative names (each with one that is as good,
    if any), extensions; the parts without any one of which nobody is to get in, or whether (`certain`) that is known of
    all together; the attributes of a subject that are as good to an expression; and the rules that want something which
    could not be read."""

    subject: dict[x509.ObjectIdentifier, str] = field(default_factory=dict)
    issuer: dict[x509.ObjectIdentifier, str] = field(default_factory=dict)
    names: dict[x509.GeneralName, x509.GeneralName | None] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)
    needed: set[Part] = field(default_factory=set)
    similar: dict[x509.ObjectIdentifier, str] = field(default_factory=dict)
    certain: bool = False
    unread: list[Directive] = field(default_factory=list)

    def model(self) -> dict[str, Any]:
        """The same for a `ClientTemplate`."""
        made = (_extension(number, value) for number, value in self.extensions.items())
        return {
            "subject": tuple(self.subject.items()),
            "issuer": tuple(self.issuer.items()),
            "names": tuple(self.names),
            "similar_names": tuple((name, other) for name, other in self.names.items() if other),
            "extensions": tuple(made),
            "needed": frozenset(self.needed),
            "similar": tuple(self.similar.items()),
            "certain": self.certain,
            "unread": bool(self.unread),
        }


def demands(guard: Guard, given: Callable[[str], bytes]) -> Demands:
    """Read what the rules ask for.

    `given` is what CONFIG holds of a file, for the password file of `SSLOptions +FakeBasicAuth`: its user is a subject.
    """
    read = Demands()
    for rule in guard.rules:
        if denies(guard, rule):
            continue
        text = _as_name(guard, rule, given) or _expression(_spelled_out(guard, rule))
        text = _LOWERED.sub(r"\1", text)
        text = _THERE.sub(r"\1 =~ /./", normal(text, negated=is_turned(guard, rule)))
        wanted = _UNWANTED.sub("", text)
        parts = [part for found in _found(wanted) for part in _take(read, found)]
        rest = _EXTENSION.sub("", _ASKED.sub("", wanted))
        # Where it is as good not to have something, nobody has to have anything else.
        either = "||" in text and wanted != text
        if _MENTIONED.search(rest) or None in parts:
            read.unread.append(rule)
        anybody = rule.arguments.lower().startswith("valid-user")
        if hinges_on(guard, rule) and not anybody and "||" not in QUOTED.sub("", rest):
            read.needed |= {part for part in parts if part}
        read.certain |= bool(parts) and not anybody and not either and is_certain(guard, rule)
    if guard.fake_basic_auth:
        parts = [_take_attribute(read.subject, *one) for one in _attributes(user(guard, given) or "")]
        if any(hinges_on(guard, rule) for rule in guard.rules if rule.arguments.startswith(USERS)):
            read.needed |= {part for part in parts if part}
        # A certificate without a subject makes no user.
        read.subject = read.subject or {NameOID.COMMON_NAME: USER}
    return read


def _expression(rule: Directive) -> str:
    """The expression of a rule as httpd reads it: without the quotes around it all."""
    if rule.name.lower() == "sslrequire":
        return rule.arguments
    if rule.name.lower() == "rewritecond":
        what, pattern, *_ = [*rule.words(), ""]
        if what == "expr":
            return pattern
        pattern, what = pattern.removeprefix("!"), what.replace("%{SSL:", "%{")
        if what.count("%{") > 1:
            return _of_several(what, pattern)
        tested = f"== '{pattern[1:]}'" if pattern.startswith("=") else f"=~ m/{pattern}/"
        return f"{what} {tested}"
    return replace(rule, arguments=re.sub(r"^\s*expr\s+", "", rule.arguments)).expression


def _of_several(text: str, pattern: str) -> str:
    """The expression of a RewriteCond about several variables in one text: each as it is in one that is wanted."""
    parts = split_by_variable(text, pattern[1:] if pattern.startswith("=") else _matching(pattern) or "")
    return " && ".join(f"{variable} == '{part}'" for variable, part in parts) or text


def _spelled_out(guard: Guard, rule: Directive) -> Directive:
    """What a rule asks for, where that is a variable which an expression sets (`SetEnvIfExpr`)."""
    kind, *names = rule.words() if rule.name.lower() == "require" else [""]
    setting = (
        entry for entry in guard.directives if entry.name.lower() == "setenvifexpr" and names[:1] == entry.words()[1:2]
    )
    found = next(setting, None) if kind.lower() == "env" and len(names) == 1 else None
    return replace(rule, arguments=found.words()[0]) if found else rule


def _as_name(guard: Guard, rule: Directive, given: Callable[[str], bytes]) -> str | None:
    """The expression of a rule about users where these are known by their certificates (SSLUserName)."""
    kind, *names = rule.words() if rule.name.lower() == "require" else [""]
    variable = guard.arguments("SSLUserName")
    if not variable or kind.lower() not in {"user", "group", "valid-user"}:
        return None
    anybody = f"{USER}@example.org" if "email" in variable[0].lower() else USER
    known = {"user": names, "group": members(guard, given)}.get(kind.lower(), [])
    return f"%{{{variable[0]}}} == '{next(iter(known), anybody)}'"


def _found(text: str) -> Iterator[re.Match[str]]:
    yield from _ASKED.finditer(text)
    yield from _EXTENSION.finditer(text)


def _take(read: Demands, found: re.Match[str]) -> Iterator[Part | None]:
    """Note one demand; yields the parts that it is about, None where no value that meets it could be made."""
    what = found["what"]
    pattern = found.groupdict().get("pattern")
    value = _matching(_DOT.sub(r"\.", pattern)) if pattern else found["value"]
    whose, _, attribute = what.partition("_DN")
    # What nobody in particular has as well is as good as not read.
    if (
        not value
        or "${" in value  # A variable that nobody defined: httpd leaves it as it is.
        or attribute[1:] in _NO_VARIABLE
        or (pattern and what in _OF_NOBODY and search(pattern, _OF_NOBODY[what]))
    ):
        yield None
    elif what[0].isdigit():
        read.extensions.setdefault(what, value)
        yield Part.EXTENSION
    elif what.startswith("SAN_"):
        name = _alternative_name(what, value)
        if name:
            others = (_alternative_name(what, one) for one in _resembling(value) if pattern and search(pattern, one))
            read.names[name] = next(others, None)
        yield part_of_name(name) if name else None
    else:
        yield from _take_name(read, whose, attribute[1:], value, pattern)


def _take_name(read: Demands, whose: str, attribute: str, value: str, pattern: str | None) -> Iterator[Part | None]:
    """Note what is wanted of a subject or an issuer: of one attribute, or of the name as a whole ("")."""
    wanted = read.subject if whose == "S" else read.issuer
    # A text without any attribute's name may stand in any: in the common name as well.
    named = [*_attributes(value)] if not attribute and "=" in value else [(attribute or "CN", value)]
    if not attribute and pattern and pattern.startswith("^") and named and named[-1][0] != "CN":
        wanted.setdefault(NameOID.COMMON_NAME, USER)  # Which then does not come first in the text.
    for kind, one in named:
        part = _take_attribute(wanted, kind, one)
        # Of a part that may be anything, nothing is wanted.
        if part and pattern and search(pattern, value.replace(one, _ANOTHER) if one else value):
            continue
        if part and pattern and whose == "S":
            others = (other for other in _resembling(one) if search(pattern, value.replace(one, other)))
            if (other := next(others, "")) and _fits(_ATTRIBUTES[kind], other):
                read.similar[_ATTRIBUTES[kind]] = other
        yield part if whose == "S" else part and Part.ISSUER


def _resembling(value: str) -> Iterator[str]:
    """Yield what an expression may take for a value, where it has no ends or takes a dot for any letter; what begins as
    the names of a group do (`ops-`) is meant to go on."""
    yield f"x{value}x"
    if re.search(r"\w$", value):
        yield f"{value}x"
    if "." in value:
        yield value.replace(".", "x")


def _attributes(name: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a name, or of a part of it, in its legacy form (`/O=…/CN=…`) or that of RFC 4514
    (`CN=…,O=…`), the highest first, each with its value."""
    parts = name.split("/")[1:] if name.startswith("/") else re.split(r"(?<!\\),", name)[::-1]
    if name and not parts[0]:
        parts[0] = "C=XX"  # Something stands above the others.
    for kind, _, value in (part.partition("=") for part in parts if part):
        yield kind.strip(), re.sub(r"\\(?=[,+\"\\<>;=])", "", value)


def _take_attribute(wanted: dict[x509.ObjectIdentifier, str], kind: str, value: str) -> Part | None:
    """Note one attribute; returns the part that it is, None where it has no known type."""
    known = _ATTRIBUTES.get(kind)
    if not known or not _fits(known, value or _ANOTHER):
        return None
    wanted.setdefault(known, value or _ANOTHER)
    return part_of(known)


def _fits(attribute: x509.ObjectIdentifier, value: str) -> bool:
    """Whether a certificate can say so: some attributes have a length."""
    try:
        return bool(x509.NameAttribute(attribute, value))
    except ValueError:
        return False


def _matching(expression: str) -> str | None:
    """Make a text that an expression matches, always the same one; None where none is found."""
    fitting = (text for text in texts(expression) if 0 < len(text) <= _LONGEST and text.isprintable())
    return next((text for text in fitting if search(expression, text)), None)


def _alternative_name(kind: str, value: str) -> x509.GeneralName | None:
    if kind.endswith("msUPN"):
        return x509.OtherName(_MS_UPN, _utf8(value))
    try:
        return x509.RFC822Name(value) if kind.endswith("Email") else x509.DNSName(value)
    except ValueError:
        return None


def _extension(number: str, value: str) -> x509.Extension[x509.ExtensionType]:
    kind = x509.ObjectIdentifier(number)
    return x509.Extension(kind, False, x509.UnrecognizedExtension(kind, _utf8(value)))


def _utf8(text: str) -> bytes:
    """Encode a UTF8String (X.690) of less than 128 bytes."""
    encoded = text.encode()
    return bytes([0x0C, len(encoded)]) + encoded
