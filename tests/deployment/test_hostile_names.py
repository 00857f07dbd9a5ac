"""A certificate's text is its owner's choice: whatever it holds, page, JSON and log stay what they are."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from harness.pki.forge import resign
from tests.deployment.conftest import Files, Site, logged, serial_of

# RFC 5280 allows 64 bytes, an attacker does not keep to it.
pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:Attribute's length")]

ELEMENTS = {"html", "meta", "title", "link", "main", "p", "h1", "bdi", "dl", "div", "dt", "dd", "a", "span"}
FORGED = '172.17.0.1 [now] "GET / HTTP/1.1" 200 1 verify=SUCCESS serial=00 subject="CN=root" TLSv1.3 x'
NAMES = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover=\"alert(1)' x='",
    "entity": "&lt;b&gt; &amp; &#60;",
    "json": '","subject":"CN=root","x":"',
    "backslash": "\\u0041\\\\\\",
    "newline": f"x\n{FORGED}",
    "carriage return": f"x\r\n{FORGED}",
    "escape sequence": "x\x1b[2K\x1b[1;31mroot",
    "nul": "root\0.example.test",
    "utf-8": "Zoë Ω 日本 🔑",
    "other spaces": "root\u00a0\u2003\u3000admin",
    "right to left": "abc\u202egnp.exe\u2066x",
    "line separator": "a\u2028b\u2029c\u0085d",
    "percent": "%s %d %{SSL_CLIENT_S_DN}x %1",
    "log quote": 'x" TLSv1.3 x\\n' + FORGED,
}


class Page(HTMLParser):
    """What a browser would see: elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def named(site: Site, name: str) -> Files:
    """Issue a client of this name, longer than RFC 5280 allows if need be."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)])
    return site.pki.files(site.pki.root.client(subject=subject))


def assert_harmless(site: Site, client: Files) -> Page:
    page = site.get(client).content.decode("utf-8", errors="strict")
    seen = Page(page)
    assert seen.elements <= ELEMENTS
    assert seen.attributes <= {"lang", "charset", "name", "content", "rel", "href", "class"}
    assert not [character for character in page if not character.isprintable() and character != "\n"]
    identity = site.whoami(client)
    assert set(identity) == {
        "subject",
        "issuer",
        "serial",
        "not_before",
        "not_after",
        "verified",
        "protocol",
        "cipher",
    }
    assert identity["serial"] == serial_of(client)
    for line in site.access(serial_of(client)):
        assert line.isprintable()
        assert logged(line)["serial"] == serial_of(client)
    return seen


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_hostile_name_does_no_harm(site: Site, name: str) -> None:
    assert_harmless(site, named(site, name))
    entries = [logged(line) for line in site.log().splitlines() if re.match(r"[0-9.]+ \[", line)]
    assert "CN=root" not in {entry["subject"] for entry in entries}


def test_a_forged_line_would_be_noticed() -> None:
    assert re.match(r"[0-9.]+ \[", FORGED)
    assert logged(FORGED)["subject"] == "CN=root"


def test_a_name_in_any_script_is_shown_as_it_is(site: Site) -> None:
    client = named(site, NAMES["utf-8"])
    assert NAMES["utf-8"] in assert_harmless(site, client).text
    assert site.whoami(client)["subject"] == f"CN={NAMES['utf-8']}"


def test_markup_is_shown_as_text(site: Site) -> None:
    client = named(site, NAMES["markup"])
    assert f"You are {NAMES['markup']}" in assert_harmless(site, client).text


def test_what_would_be_invisible_is_shown_by_its_number(site: Site) -> None:
    client = named(site, NAMES["right to left"])
    assert "You are abcU+202Egnp.exeU+2066x" in assert_harmless(site, client).text
    assert b"\\u202egnp" in site.get(client, "/whoami").content


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\xc3(", b"\xed\xa0", b"\xe2\x82"], ids=bytes.hex)
def test_bytes_that_are_no_utf_8_do_no_harm(site: Site, raw: bytes) -> None:
    # In a subject, OpenSSL itself refuses them; an email address of subjectAltName is taken for Latin-1.
    identity = site.pki.root.client(names=(f"bad-{'?' * len(raw)}@example.test",))
    encoded = identity.certificate.public_bytes(Encoding.DER)
    assert encoded.count(b"bad-" + b"?" * len(raw)) == 1
    changed = x509.load_der_x509_certificate(encoded.replace(b"bad-" + b"?" * len(raw), b"bad-" + raw))
    signed = resign(changed, site.pki.root.key, hashes.SHA256())
    seen = assert_harmless(site, site.pki.files(replace(identity, certificate=signed)))
    assert f"You are bad-{raw.decode('latin-1')[0]}" in seen.text
