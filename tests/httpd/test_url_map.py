"""Where paths lead: Alias, ProxyPass, RewriteRule and Redirect, each read once."""

import pytest

from harness.httpd.backend import backend
from harness.httpd.directive import Directive, parse
from harness.httpd.redirect import redirect
from harness.httpd.url_map import Mapping, mappings
from tests.dump import dump

ROOT = "/var/www/html"


def read(*lines: str) -> list[Mapping]:
    return [*mappings((parse(dump("RewriteEngine on", *lines), {"/site.conf": "site.conf"}),), ROOT)]


@pytest.mark.parametrize(
    ("target", "one_form"),
    [
        ("http://localhost:80/x", "http://127.0.0.1/x"),
        ("HTTPS://App.example:443", "https://app.example"),
        ("wss://[::1]:8443/ws", "https://127.0.0.1:8443/ws"),
        ("h2c://user@app.example:8080$1", "http://app.example:8080$1"),
        ("unix:/run/app.sock|http://anything/x", "unix:/run/app.sock|http:///x"),
    ],
)
def test_a_backend_has_one_form(target: str, one_form: str) -> None:
    assert str(backend(target)) == one_form


@pytest.mark.parametrize("target", ["/srv/www/", "!", "proxy", "http://app.example:port/"])
def test_any_other_target_is_no_backend(target: str) -> None:
    assert backend(target) is None


@pytest.mark.parametrize(
    ("lines", "served"),
    [
        (["Alias /files /srv/files"], "/srv/files/x"),
        (["<Location /files>", "Alias /srv/files", "</Location>"], "/srv/files/x"),
        (["<Location /files>", "ScriptAlias /srv/files", "</Location>"], "/srv/files/x"),
        (
            ["<Location /files>", "SetHandler proxy:http://localhost:80/files", "</Location>"],
            "http://127.0.0.1/files/x",
        ),
        (
            ["ProxyPass /files balancer://pool/f", "<Proxy balancer://pool>", "BalancerMember ajp://b:1", "</Proxy>"],
            "ajp://b:1/f/x",
        ),
        (["ProxyPassMatch ^/files http://app.example"], "http://app.example/files/x"),
        (["RewriteRule ^/FILES/(.*)$ http://app.example/$1 [proxy,nocase]"], "http://app.example/x"),
    ],
)
def test_a_path_leads_to_its_target(lines: list[str], served: str) -> None:
    (mapping,) = read(*lines)
    assert mapping.applies_to("/files/x")
    assert mapping.content("/files/x") == served


def test_a_rule_that_ignores_case_leads_to_all_below_its_path() -> None:
    (mapping,) = read("RewriteRule ^/files/(.*)$ http://app.example/$1 [P,NC]")
    assert mapping.start == ("/files/", "http://app.example/")


@pytest.mark.parametrize("flags", ["F", "forbidden", "Gone", "R=404", "redirect"])
def test_a_rule_that_answers_by_itself_leads_nowhere(flags: str) -> None:
    assert read(f"RewriteRule ^/old$ /srv/old [{flags}]") == []


@pytest.mark.parametrize(
    ("condition", "leads"),
    [
        ("%{SSL:SSL_CLIENT_VERIFY} !=SUCCESS", False),
        ("%{SSL:SSL_CLIENT_VERIFY} ^NONE$", False),
        ("%{SSL:SSL_CLIENT_VERIFY} =SUCCESS", True),
        ("%{SSL:SSL_CLIENT_S_DN} ^$", False),
        ("%{SSL:SSL_CLIENT_S_DN} !^$", True),
        ("expr \"%{SSL_CLIENT_VERIFY} != 'SUCCESS'\"", False),
    ],
)
def test_what_unauthenticated_clients_get_instead_is_no_way_to_it(condition: str, *, leads: bool) -> None:
    assert bool(read(f"RewriteCond {condition}", "RewriteRule ^/a$ /srv/a")) is leads


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Redirect / https://www.example/", (302, "/", "https://www.example/")),
        ("Redirect permanent /x https://www.example/", (301, "/x", "https://www.example/")),
        ("Redirect https://www.example/", (302, "", "https://www.example/")),
        ("Redirect gone /x", (410, "/x", "")),
        ("Redirect 404", (404, "", "")),
        ('RedirectMatch 308 "^/a b" /c', (308, "^/a b", "/c")),
        ("RedirectPermanent /x /y", (301, "/x", "/y")),
    ],
)
def test_a_redirect_has_a_status_a_path_and_a_target(line: str, read: tuple[int, str, str]) -> None:
    name, _, arguments = line.partition(" ")
    found = redirect(Directive(name, arguments, "site.conf", 1))
    assert found
    assert (found.status, found.path, found.target) == read
