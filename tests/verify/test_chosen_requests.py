"""Requests that a client without a certificate may choose, of which a rule makes its decision."""

import ipaddress
import re
from typing import Any

import pytest

from harness.httpd.pcre import search
from harness.verify.client import Query
from harness.verify.request_input import RequestInput
from tests.dump import places

CERTIFICATE = "Require ssl-verify-client"
UNVERIFIED = "RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS"
FORBIDDEN = (UNVERIFIED, "RewriteRule ^ - [F]")
UNLESS = ("RewriteRule ^ - [L]", *FORBIDDEN)
UNLESS_PLAIN = (
    *("<RequireAny>", CERTIFICATE, "<RequireAll>", "Require all granted"),
    *("Require not env plain", "</RequireAll>", "</RequireAny>"),
)
SOMETHING = "another"


def query(*lines: str) -> Query:
    (site,) = places(*lines, client="optional")
    return Query(site)


def inside(*lines: str) -> tuple[str, ...]:
    return "<Location />", *lines, "</Location>"


def location(*lines: str) -> Query:
    return query(*inside(*lines))


def rewriting(*lines: str) -> Query:
    return location("RewriteEngine on", *lines)


def chosen(directives: Query) -> list[dict[str, Any]]:
    """What is written into each request, apart from what is usual; the names of headers in lower case."""
    return [changes(one.written) for one in directives.chosen_requests]


def changes(written: RequestInput) -> dict[str, Any]:
    found = {name: value for name, value in vars(written).items() if value}
    if written.headers:
        found["headers"] = {name.lower(): value for name, value in written.headers}
    return found


def header(name: str, value: str) -> dict[str, Any]:
    return {"headers": {name: value}}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('SetEnvIf User-Agent "^Monitor/" seen', header("user-agent", "Monitor/")),
        ("BrowserMatch ^Monitor seen", header("user-agent", "Monitor")),
        ("SetEnvIfExpr \"%{HTTP:X-Inside} == 'yes'\" seen", header("x-inside", "yes")),
        ("SetEnvIfExpr \"req('X-Inside') -strmatch 'yes'\" seen", header("x-inside", "yes")),
        ("SetEnvIfExpr \"%{HTTP_USER_AGENT} in { 'a', 'b' }\" seen", header("user-agent", "a")),
        ('SetEnvIfExpr "-n %{HTTP:X-Inside}" seen', header("x-inside", SOMETHING)),
        ("SetEnvIf User-Agent ^$ seen", header("user-agent", "")),
        ("SetEnvIf Request_Protocol HTTP/1.0 seen", {"http": "HTTP/1.0"}),
        ("SetEnvIf Request_Method ^PUT$ seen", {"method": "PUT"}),
        ('SetEnvIf ^X-In[a-z]+$ "^yes$" seen', header("x-inside", "yes")),
    ],
)
def test_a_request_sets_the_variable_that_grants(line: str, expected: dict[str, Any]) -> None:
    directives = location(line, "Require env seen", CERTIFICATE)
    found = [one.directive.line for one in directives.chosen_requests if _is_like(changes(one.written), expected)]
    assert found == [5]


def _is_like(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether a request is the expected one; of a header that is found by an expression, only its value counts."""
    same = list(found.get("headers", {}).values()) == list(expected.get("headers", {}).values())
    return found == expected or (same and found.keys() == expected.keys() and "x-inside" in expected["headers"])


@pytest.mark.parametrize(
    ("cond", "expected"),
    [
        ("%{HTTP:X-Forwarded-Proto} !=https", header("x-forwarded-proto", "https")),
        ("%{HTTP_COOKIE} session=1", header("cookie", "session=1")),
        ("%{HTTP_COOKIE} !session=1", header("cookie", "session=1")),
        ("%{QUERY_STRING} ^token=a$", {"query": "token=a"}),
        ("%{QUERY_STRING} !^token=a$", {"query": "token=a"}),
        ("%{HTTP:X-Inside} ^$", header("x-inside", SOMETHING)),
        ("expr \"%{HTTP:X-Inside} == 'yes'\"", header("x-inside", "yes")),
        ("expr \"%{HTTP:X-Inside} != 'yes'\"", header("x-inside", "yes")),
        ("%{HTTP_USER_AGENT} .", header("user-agent", "")),
        ("%{HTTP_HOST} ^inside$", {"host": "inside"}),
        ("%{HTTP_HOST} !^inside$", {"host": "inside"}),
        ("%{SERVER_PORT} !=8443", {"host": "localhost:8443"}),
        ("%{REQUEST_METHOD} !=DELETE", {"method": "DELETE"}),
    ],
)
def test_a_request_turns_a_condition_of_a_rewrite(cond: str, expected: dict[str, Any]) -> None:
    directives = rewriting(UNVERIFIED, f"RewriteCond {cond}", "RewriteRule ^ - [F]")
    assert expected in chosen(directives)
    assert {one.directive.line for one in directives.chosen_requests} == {7}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("tolower(%{HTTP:X-Inside}) == 'yes'", {"x-inside": "yes"}),
        ("'yes' == req('X-Inside')", {"x-inside": "yes"}),
        ("! -z req('X-Inside')", {"x-inside": SOMETHING}),
        ("%{HTTP:X-Inside} -gt 5", {"x-inside": "6"}),
    ],
)
@pytest.mark.parametrize("is_empty", [False, True])
def test_a_request_turns_an_if_also_where_nothing_follows_from_it(
    condition: str, expected: dict[str, str], *, is_empty: bool
) -> None:
    opening = () if is_empty else ("Require all granted",)
    directives = location(f'<If "{condition}">', *opening, "</If>", *(() if is_empty else (CERTIFICATE,)))
    assert chosen(directives) == [{"headers": expected}]


def test_a_header_has_an_address_of_the_network_that_is_asked_for() -> None:
    directives = location(
        "<If \"%{HTTP:X-Real-IP} -ipmatch '192.0.2.0/24'\">", "Require all granted", "</If>", CERTIFICATE
    )
    (found,) = chosen(directives)
    assert ipaddress.ip_address(found["headers"]["x-real-ip"]) in ipaddress.ip_network("192.0.2.0/24")


@pytest.mark.parametrize(
    "pattern",
    ["^localhost$", "=localhost", "^localhost(:443)?$", r"^localhost\.?(:443)?$", "^(localhost|LOCALHOST)(:443)?$"],
)
def test_the_name_of_a_site_is_written_in_another_way_that_httpd_takes_for_the_same(pattern: str) -> None:
    directives = rewriting(f"RewriteCond %{{HTTP_HOST}} {pattern}", *FORBIDDEN)
    hosts = [one["host"] for one in chosen(directives) if "host" in one]
    same = [host for host in hosts if re.fullmatch(r"(?i)localhost\.?(:\d+)?", host)]
    expression = f"^{pattern[1:]}$" if pattern.startswith("=") else pattern
    assert any(search(expression, host) is None for host in same)


@pytest.mark.parametrize(
    "line",
    [
        "SetEnvIf Remote_Addr ^10 seen",
        "SetEnvIfExpr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\" seen",
        "SetEnvIf Authorization ^Basic seen",
        "SetEnvIf X-Inside ^yes$ not_asked_for",
    ],
)
def test_a_value_that_no_request_decides_is_not_sent(line: str) -> None:
    assert chosen(location(line, "Require env seen", CERTIFICATE)) == []


def test_an_address_is_not_written() -> None:
    assert chosen(rewriting(UNVERIFIED, "RewriteCond %{REMOTE_ADDR} ^10", "RewriteRule ^ - [F]")) == []


def test_a_password_is_not_written() -> None:
    found = chosen(rewriting(UNVERIFIED, "RewriteCond %{HTTP:Authorization} !^Basic", "RewriteRule ^ - [F]"))
    assert not [one for one in found if one["headers"]["authorization"].lower().startswith("basic")]


def test_the_same_is_written_once() -> None:
    directives = location("SetEnvIf X-Inside ^yes$ a", "SetEnvIf X-Inside ^yes$ b", "Require env a b", CERTIFICATE)
    assert chosen(directives) == [header("x-inside", "yes")]
    assert [one.directive.line for one in directives.chosen_requests] == [5]


def test_where_any_peer_is_believed_the_address_is_written() -> None:
    grants = inside("Require ip 192.0.2.0/24", CERTIFICATE)
    (found,) = chosen(query("RemoteIPHeader X-Forwarded-For", *grants))
    address = ipaddress.ip_address(found["headers"]["x-forwarded-for"])
    assert address in ipaddress.ip_network("192.0.2.0/24")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (('SetEnvIf Request_URI "^/public/" public', "Require env public", CERTIFICATE), [{"via": "/public/.."}]),
        (('SetEnvIf Request_URI "^/$" plain', *UNLESS_PLAIN), [{"via": "/."}]),
    ],
)
def test_a_path_with_dots_is_what_the_server_sees_before_it_takes_them_out(
    lines: tuple[str, ...], expected: list[dict[str, Any]]
) -> None:
    setting, *requiring = lines
    assert chosen(query(setting, *inside(*requiring))) == expected
    # A section is found after the dots are gone (mod_setenvif, header_parser).
    assert chosen(location(setting, *requiring)) == []


@pytest.mark.parametrize(
    ("cond", "ways"),
    [
        ("!/public", [{"query": "/public"}, {"via": "/public/.."}]),
        (r"!^GET\ /public/", [{"via": "/public/.."}]),
        ("!HTTP/1.0$", [{"http": "HTTP/1.0"}]),
    ],
)
def test_the_request_line_is_as_the_client_writes_it(cond: str, ways: list[dict[str, Any]]) -> None:
    found = chosen(rewriting(f"RewriteCond %{{THE_REQUEST}} {cond}", *FORBIDDEN))
    assert [one for one in found if one in ways]


@pytest.mark.parametrize(
    ("lines", "methods"),
    [
        (("<LimitExcept GET PUT>", CERTIFICATE, "</LimitExcept>"), {"PUT"}),
        (("<Limit GET POST>", CERTIFICATE, "</Limit>"), {"PUT", "DELETE", "PATCH", SOMETHING}),
        (
            ("AuthType Basic", "AuthUserFile users", "<LimitExcept GET PUT>", "Require valid-user", "</LimitExcept>"),
            {"PUT"},
        ),
        (("Require method POST", CERTIFICATE), {"POST"}),
        (("RewriteEngine on", "RewriteCond %{REQUEST_METHOD} ^GET$", *FORBIDDEN), {"POST", "PUT", SOMETHING}),
    ],
)
def test_a_method_is_chosen_that_needs_no_certificate(lines: tuple[str, ...], methods: set[str]) -> None:
    found = chosen(location(*lines))
    assert methods & {one.get("method", "") for one in found}


@pytest.mark.parametrize(
    "lines",
    [
        (
            *("RewriteEngine on", "RewriteCond %{HTTP:X-A} =a", "RewriteCond %{HTTP:X-B} =b"),
            *("RewriteRule ^ - [E=inside:1]", *inside("Require env inside", CERTIFICATE)),
        ),
        inside("RewriteEngine on", "RewriteCond %{HTTP:X-A} =a", "RewriteCond %{HTTP:X-B} =b", *UNLESS),
        inside(
            *("<If \"%{HTTP:X-A} == 'a' && %{HTTP:X-B} == 'b'\">", "Require all granted", "</If>"),
            *("<Else>", CERTIFICATE, "</Else>"),
        ),
        inside(
            *("SetEnvIf X-A ^a$ a", "SetEnvIf X-B ^b$ b", "<RequireAny>", CERTIFICATE),
            *("<RequireAll>", "Require env a", "Require env b", "</RequireAll>", "</RequireAny>"),
        ),
        inside("RewriteEngine on", "RewriteCond %{HTTP:X-A},%{HTTP:X-B} =a,b", *UNLESS),
    ],
    ids=["environment", "conditions", "if", "variables", "one text"],
)
def test_values_that_are_required_together_are_sent_together(lines: tuple[str, ...]) -> None:
    assert {"headers": {"x-a": "a", "x-b": "b"}} in chosen(query(*lines))


def test_the_request_for_one_alternative_has_only_its_values() -> None:
    found = chosen(rewriting("RewriteCond %{HTTP:X-A} =a [OR]", "RewriteCond %{HTTP:X-B} =b", *UNLESS))
    assert found == [header("x-a", "a"), header("x-b", "b")]


def test_a_rewrite_of_a_section_sets_no_variable_that_its_require_sees() -> None:
    """The rules of a section run last (mod_rewrite, fixup)."""
    directives = rewriting(
        "RewriteCond %{HTTP:X-A} =a", "RewriteRule ^ - [E=inside:1]", "Require env inside", CERTIFICATE
    )
    assert not directives.request_grants()


@pytest.mark.parametrize(
    "lines",
    [
        inside('SetEnvIf X-Role "^(.*)$" role=$1', "Require expr \"reqenv('role') == 'admin'\"", CERTIFICATE),
        (
            *("RewriteEngine on", "RewriteRule ^ - [E=role:%{HTTP:X-Role}]"),
            *inside("Require expr \"reqenv('role') == 'admin'\"", CERTIFICATE),
        ),
        (
            *("RewriteEngine on", "RewriteRule ^ - [E=role:%{HTTP:X-Role}]"),
            *("RewriteCond %{ENV:role} !=admin", *FORBIDDEN),
        ),
        inside(
            "RewriteEngine on", "RewriteRule ^ - [E=role:%{HTTP:X-Role}]", "RewriteCond %{ENV:role} !=admin", *FORBIDDEN
        ),
    ],
    ids=["SetEnvIf", "rewrite and require", "rewrite of the server", "rewrite of a section"],
)
def test_a_variable_may_hold_what_a_header_says(lines: tuple[str, ...]) -> None:
    assert header("x-role", "admin") in chosen(query(*lines))


@pytest.mark.parametrize(
    "lines",
    [
        ("SetEnvIf X-Key ^open$ seen", *inside("Require env seen", CERTIFICATE)),
        ("RewriteEngine on", "RewriteCond %{HTTP:X-Key} !=open", *FORBIDDEN),
    ],
)
def test_a_header_that_httpd_takes_away_before_it_looks_is_not_written(lines: tuple[str, ...]) -> None:
    assert header("x-key", "open") in chosen(query(*lines))
    assert header("x-key", "open") in chosen(query("RequestHeader unset X-Key", *lines)), "that is too late"
    assert chosen(query("RequestHeader unset X-Key early", *lines)) == []
    assert chosen(query("RequestHeader set X-Key none early", *lines)) == []
    assert query(*lines).request_grants()
    assert not query("RequestHeader unset X-Key early", *lines).request_grants()
