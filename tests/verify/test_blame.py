"""What a finding tells to write, and that it is not there already."""

import pytest

from harness.httpd.directive import parse
from harness.httpd.site import Site, sites
from harness.verify.blame import remedy
from tests.dump import dump


def site(*lines: str) -> Site:
    whole = dump("<VirtualHost *:443>", "SSLEngine on", *lines, "</VirtualHost>")
    return sites(parse(whole, {"/site.conf": "site.conf"}), complete=False).places[0]


@pytest.mark.parametrize(
    ("blamed", "directive"),
    [
        ("RewriteCond", "RewriteEngine on"),
        ("SSLVerifyClient", "SSLVerifyClient require"),
        ("SSLCARevocationCheck", "SSLCARevocationCheck chain"),
        ("SSLOCSPEnable", "SSLOCSPEnable on"),
        ("SSLVHostSNIPolicy", "SSLVHostSNIPolicy secure"),
        ("Require", "Require ssl-verify-client"),
        ("Require all denied", "Require all denied"),
        ("SSLVerifyDepth", "SSLVerifyDepth 2"),
    ],
)
@pytest.mark.parametrize("written", ["as the remedy", "in capitals"])
def test_a_remedy_never_tells_to_write_what_is_there(blamed: str, directive: str, written: str) -> None:
    other = "SSLCACertificateFile ca.crt"
    assert f"rite `{directive}`" in remedy(blamed, site(other).guard, 2)
    name, _, arguments = directive.partition(" ")
    there = directive if written == "as the remedy" else f"{name} {arguments.upper()}"
    assert f"rite `{directive}`" not in remedy(blamed, site(other, there).guard, 2)


def test_a_remedy_names_the_section_that_does_not_cover_the_path() -> None:
    rule = ('<Location "/var/www/html">', "Require ssl-verify-client", "</Location>")
    guard = site("DocumentRoot /var/www/html", "SSLVerifyClient optional", *rule).guard
    start = "`Require ssl-verify-client` is in a section that does not cover this path."
    assert remedy("Require", guard, 2).startswith(start)
