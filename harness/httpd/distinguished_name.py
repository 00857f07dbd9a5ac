"""Does a text that a rule compares with a name (DN) have the form in which httpd writes names?

mod_ssl writes a subject as RFC 2253 says: `CN=Anna,O=Example,C=CH`, the lowest attribute first and no space after a
comma. `SSLOptions +LegacyDNStringFormat` keeps the form of before 2.3.11, which FakeBasicAuth has as well:
`/C=CH/O=Example/CN=Anna`. The types are OpenSSL's short names, such as `emailAddress`.
"""

import re
from dataclasses import replace

from harness.httpd.formula import Atom, Formula, Operator, atoms
from harness.httpd.variables import LEGACY_ISSUER, LEGACY_SUBJECT

_NAMES = {"SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN"}
_LEGACY_NAMES = {LEGACY_SUBJECT, LEGACY_ISSUER}
_ALIASES = """
    email=emailAddress e=emailAddress s=ST userid=UID surname=SN givenname=GN commonname=CN organizationname=O
    organizationalunitname=OU countryname=C stateorprovincename=ST localityname=L
"""
_SHORT_NAMES = ("C", "ST", "L", "O", "OU", "CN", "DC", "UID", "SN", "GN", "street", "emailAddress", "serialNumber")
_TYPES = {name.lower(): name for name in _SHORT_NAMES} | dict(pair.split("=") for pair in _ALIASES.split())
"""OpenSSL's name of each type, by the lower-case form of what people write."""
_TYPE = rf"(?i:{'|'.join(_TYPES)})(?=\s*=)"
_LEGACY_PART = re.compile(rf"(?<!\\)\\?/{_TYPE}")
_PART = re.compile(rf"(?<!\\)[,;]\s*{_TYPE}")
_SPACED = re.compile(rf"(?<!\\)(?:[,;]\s+|;){_TYPE}")
_NAMED = re.compile(rf"(?:(?<=^)|(?<=[,;/(|^])|(?<=[,;] ))({_TYPE})")
_FRAME = re.compile(r"((?:\(\?\w+\))?)(\^?)(.*?)((?<!\\)\$?)", re.DOTALL)
"""The flags and anchors of an expression, and what stands between."""


def misspelled(formula: Formula) -> list[Atom]:
    """Return the comparisons with a name that are never true, since httpd writes no name in that form."""
    return [atom for atom in dict.fromkeys(atoms(formula)) if corrected(atom) != atom]


def corrected(atom: Atom) -> Atom:
    """Return the comparison with the same name in the form that httpd writes; itself where the form is right, or is not
    understood."""
    text = _text(atom)
    if text is None or not _is_wrong(atom, text):
        return atom
    written = _rewritten(atom, text)
    return atom if _is_wrong(atom, written) else replace(atom, right=(written,))


def is_reversed(atom: Atom) -> bool:
    """Whether a comparison names the country before the common name where httpd writes it last, or after it where httpd
    writes it first: only certificates with their attributes in an unusual order have such a name."""
    text = _text(atom)
    types = _NAMED.findall(text) if text and "|" not in text else []
    if not {"C", "CN"} <= set(types) or _is_wrong(atom, text or ""):
        return False
    return (types.index("C") < types.index("CN")) != is_legacy(atom)


def in_usual_order(atom: Atom) -> str:
    """Return the name of a comparison with its attributes the other way round."""
    return _joined(_parts(_text(atom) or ""), legacy=is_legacy(atom))


def _text(atom: Atom) -> str | None:
    """Return the text or expression that a name is compared with; None where an atom compares no name."""
    if len(atom.left) != 1 or getattr(atom.left[0], "name", None) not in _NAMES | _LEGACY_NAMES:
        return None
    of_text = atom.operator in {Operator.EQUAL, Operator.MATCHES}
    return "".join(map(str, atom.right)) if of_text and all(isinstance(one, str) for one in atom.right) else None


def is_legacy(atom: Atom) -> bool:
    """Whether httpd writes the name of a comparison as `/C=…/O=…/CN=…`."""
    return getattr(atom.left[0], "name", None) in _LEGACY_NAMES


def _is_wrong(atom: Atom, text: str) -> bool:
    """Whether no name has this form: in an expression, none of the alternatives that name an attribute."""
    if atom.operator is Operator.EQUAL:
        return _is_never_written(atom, f"^{text}")
    named = [part for part in text.split("|") if re.search(_TYPE, part)]
    return bool(named) and all(_is_never_written(atom, part) for part in named)


def _is_never_written(atom: Atom, text: str) -> bool:
    any_case = "(?i)" in text
    unknown = [one for one in _NAMED.findall(text) if _TYPES.get(one.lower(), one) != one and not any_case]
    if is_legacy(atom):
        other = re.search(rf"\^{_TYPE}", text) or (atom.operator is Operator.MATCHES and _PART.search(text))
        return bool(unknown or other)
    # A value may hold a slash: of a whole name, only the first sign counts.
    other = (_LEGACY_PART.search if atom.operator is Operator.MATCHES else _LEGACY_PART.match)(text.removeprefix("^"))
    return bool(unknown or other or _SPACED.search(text))


def _rewritten(atom: Atom, text: str) -> str:
    """Write a name, or an expression about one, in the form that httpd has for it."""
    legacy = is_legacy(atom)
    if atom.operator is Operator.EQUAL:
        is_other = (_LEGACY_PART.match(text) is not None) != legacy
        parts = _parts(text)
        return _joined(parts if is_other else parts[::-1], legacy=legacy)
    found = _FRAME.fullmatch(text)
    flags, begin, inner, end = found.groups() if found else ("", "", text, "")
    is_other = (_LEGACY_PART.search(inner) is not None) != legacy
    parts = _parts(inner)
    if not is_other:
        return f"{flags}{begin}{_joined(parts[::-1], legacy=legacy)}{end}"
    return f"{flags}{'^' if end else ''}{_joined(parts, legacy=legacy)}{'$' if begin else ''}"


def _parts(text: str) -> list[str]:
    """Return the attributes of a name in the order in which they stand there; a part without a type belongs to the one
    before, unless it stands for any."""
    is_legacy = _LEGACY_PART.search(text) is not None
    found: list[str] = []
    for part in re.split(r"\\?/" if is_legacy else r"(?<!\\)[,;]\s*", text):
        if found and part and not re.match(_TYPE, part) and not part.startswith((".", "[")):
            found[-1] += f"{'/' if is_legacy else ','}{part}"
        elif part:
            found.append(part)
    return [_with_known_type(part) for part in found]


def _with_known_type(part: str) -> str:
    kind, sign, value = part.partition("=")
    return f"{_TYPES.get(kind.strip().lower(), kind.strip())}={value.lstrip()}" if sign else part


def _joined(parts: list[str], *, legacy: bool) -> str:
    """Write attributes the other way round."""
    return "".join(f"/{part}" for part in parts[::-1]) if legacy else ",".join(parts[::-1])
