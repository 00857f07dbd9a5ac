"""Rules that compare a name in a form that httpd never writes, where clients are admitted all the same."""

import pytest

from harness.httpd.directive import parse
from harness.httpd.site import sites
from harness.verify.finding import Finding
from harness.verify.name_forms import name_forms
from tests.dump import dump

OLD, NEW = "/C=CH/O=Example/CN=Anna", "CN=Anna,O=Example,C=CH"


def found(*lines: str, like: bool = False) -> list[tuple[str, int]]:
    section = ("<Location />", *lines, "</Location>")
    whole = dump("<VirtualHost *:443>", "SSLEngine on", "SSLVerifyClient require", *section, "</VirtualHost>")
    places = sites(parse(whole, {"/site.conf": "site.conf"}), complete=False).places
    return [(one.id, one.line) for one in name_forms(places, (), like=like)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            (
                "<RequireAll>",
                "Require all granted",
                f"Require not expr \"%{{SSL_CLIENT_S_DN}} == '{OLD}'\"",
                "</RequireAll>",
            ),
            7,
        ),
        (("RewriteEngine on", f"RewriteCond %{{SSL:SSL_CLIENT_S_DN}} ^{OLD}$", "RewriteRule ^ - [F]"), 6),
        (
            ("Require expr \"%{SSL_CLIENT_S_DN_O} == 'Example'\"", f"Require expr \"%{{SSL_CLIENT_S_DN}} == '{OLD}'\""),
            6,
        ),
    ],
    ids=["not", "rewrite", "alternative"],
)
def test_a_rule_that_is_never_true_is_named(rules: tuple[str, ...], expected: int) -> None:
    assert found(*rules) == [("rules.name_never_true", expected)]
    assert found(*(rule.replace(OLD, NEW) for rule in rules)) == []


def test_a_name_in_both_forms_is_no_finding() -> None:
    assert found(f"Require expr \"%{{SSL_CLIENT_S_DN}} in {{ '{OLD}', '{NEW}' }}\"") == []


def test_an_unusual_order_is_named_unless_a_real_client_shows_the_order() -> None:
    rule = "Require expr \"%{SSL_CLIENT_S_DN} == 'C=CH,O=Example,CN=Anna'\""
    assert found(rule) == [("rules.name_order", 5)]
    assert found(rule, like=True) == []


def test_what_an_error_blames_is_named_once() -> None:
    error = Finding("valid.locked-out", "error", "s1", ("valid.p256",), "", "", "site.conf", 5)
    whole = dump(
        "<VirtualHost *:443>",
        "SSLEngine on",
        "SSLVerifyClient require",
        "<Location />",
        f"Require expr \"%{{SSL_CLIENT_S_DN}} == '{OLD}'\"",
        "</Location>",
        "</VirtualHost>",
    )
    places = sites(parse(whole, {"/site.conf": "site.conf"}), complete=False).places
    assert [*name_forms(places, (), like=False)] != []
    assert [*name_forms(places, [error], like=False)] == []
