"""What a rule asks for that any client may write into a request, and how it is written there."""

from typing import Any

import pytest

from harness.verify.written import customary, written
from tests.dump import places


def asked(*lines: str) -> list[tuple[int, dict[str, Any]]]:
    opened = ["</If>" for line in lines if line.startswith("<If")]
    (site,) = places(*lines, *opened, client="optional")
    return [(entry.line, changes) for entry, changes in written(site)]


def header(name: str, value: str) -> dict[str, Any]:
    return {"headers": ((name, value),)}


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ('SetEnvIf User-Agent "^Monitor/" monitor', header("User-Agent", "Monitor/")),
        ("BrowserMatch ^Monitor monitor", header("User-Agent", "Monitor")),
        ("RewriteCond %{HTTP:X-Forwarded-Proto} !=https", header("X-Forwarded-Proto", "https")),
        ("RewriteCond %{HTTP_COOKIE} session=1", header("Cookie", "session=1")),
        ("RewriteCond %{QUERY_STRING} ^token=a$", {"query": "token=a"}),
        ("SetEnvIfExpr \"%{HTTP:X-Inside} == 'yes'\" inside", header("X-Inside", "yes")),
        ("SetEnvIfExpr \"req('X-Inside') -strmatch 'yes'\" inside", header("X-Inside", "yes")),
        ("SetEnvIfExpr \"%{HTTP_USER_AGENT} in { 'a', 'b' }\" inside", header("User-Agent", "a")),
        ('SetEnvIfExpr "-n %{HTTP:X-Inside}" inside', header("X-Inside", "1")),
        ("SetEnvIf Request_Protocol HTTP/1.0 old", {"http": "HTTP/1.0"}),
        ("RewriteCond %{HTTP:X-Inside} ^$", header("X-Inside", "1")),
        ("RewriteCond expr \"%{HTTP:X-Inside} == 'yes'\"", header("X-Inside", "yes")),
        ("<If \"tolower(%{HTTP:X-Inside}) == 'yes'\">", header("X-Inside", "yes")),
        ("<If \"'yes' == req('X-Inside')\">", header("X-Inside", "yes")),
        ("<If \"! -z req('X-Inside')\">", header("X-Inside", "1")),
        ("<If \"%{HTTP:X-Real-IP} -ipmatch '192.0.2.0/24'\">", header("X-Real-IP", "192.0.2.0")),
    ],
)
def test_it_is_written_as_the_line_asks_for_it(line: str, changes: dict[str, Any]) -> None:
    silent = (4, header("User-Agent", ""))
    assert [one for one in asked(line) if one != silent] == [(4, changes)]
    assert (silent in asked(line)) == ("agent" in line.lower() or "browser" in line.lower())


def test_a_host_is_written_in_other_ways_as_well() -> None:
    hosts = ["inside", "localhost:443", "localhost.", "LOCALHOST"]
    assert asked("RewriteCond %{HTTP_HOST} ^inside$") == [(4, {"host": host}) for host in hosts]


@pytest.mark.parametrize(
    "line",
    [
        "SetEnvIf Remote_Addr ^10 inside",
        "RewriteCond %{REMOTE_ADDR} ^10",
        "RewriteCond %{REQUEST_METHOD} ^GET$",
        "RewriteCond %{HTTP:Authorization} ^Basic",
        "SetEnvIfExpr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\" verified",
    ],
)
def test_what_nobody_can_write_is_not(line: str) -> None:
    assert asked(line) == []


def test_the_same_is_written_once() -> None:
    assert asked("SetEnvIf X-Inside ^yes$ a", "SetEnvIf X-Inside ^yes$ b") == [(4, header("X-Inside", "yes"))]


def test_where_any_peer_is_believed_the_address_is_written() -> None:
    lines = ("RemoteIPHeader X-Forwarded-For", "<Location />", "Require ip 192.0.2.0/24", "Require ssl-verify-client")
    assert asked(*lines, "</Location>") == [(4, header("X-Forwarded-For", "192.0.2.0"))]


@pytest.mark.parametrize(
    ("lines", "changes"),
    [
        (('SetEnvIf Request_URI "^/public/" public',), {"via": "/public/.."}),
        (('SetEnvIf Request_URI "^/admin/" guarded',), {"via": "/."}),
        (("RewriteCond %{THE_REQUEST} /public",), {"query": "/public"}),
        ((r"RewriteCond %{THE_REQUEST} ^GET\ /public/",), {"via": "/public/.."}),
        (
            ("<Location />", "<LimitExcept GET PUT>", "Require valid-user", "</LimitExcept>", "</Location>"),
            {"method": "PUT"},
        ),
        (("RewriteCond %{REQUEST_METHOD} =DELETE",), {"method": "DELETE"}),
    ],
)
def test_so_is_what_the_request_line_holds(lines: tuple[str, ...], changes: dict[str, Any]) -> None:
    assert changes in [change for _, change in asked(*lines)]


@pytest.mark.parametrize(
    "lines",
    [
        ("RewriteCond %{HTTP:X-A} =a", "RewriteCond %{HTTP:X-B} =b", "RewriteRule ^ - [E=inside:1]"),
        ("<If \"%{HTTP:X-A} == 'a' && %{HTTP:X-B} == 'b'\">",),
        ("SetEnvIf X-A ^a$ a", "SetEnvIf X-B ^b$ b"),
        ("RewriteCond %{HTTP:X-A},%{HTTP:X-B} =a,b",),
    ],
)
def test_what_is_asked_together_is_written_together(lines: tuple[str, ...]) -> None:
    assert [change for _, change in asked(*lines)][-1] == {"headers": (("X-A", "a"), ("X-B", "b"))}


@pytest.mark.parametrize(
    "lines",
    [
        ('SetEnvIf X-Role "^(.*)$" role=$1', "Require expr \"reqenv('role') == 'admin'\""),
        ("RewriteRule ^ - [E=role:%{HTTP:X-Role}]", "RewriteCond %{ENV:role} =admin"),
    ],
)
def test_a_variable_may_hold_what_a_header_says(lines: tuple[str, ...]) -> None:
    assert header("X-Role", "admin") in [change for _, change in asked(*lines)]


@pytest.mark.parametrize(
    ("lines", "changes"),
    [
        (("Require method POST",), {"method": "POST"}),
        (("Require method GET POST",), {}),
        (("AllowMethods PUT POST",), {"method": "PUT"}),
        (("Require expr \"req('X-Key') == 'a'\"",), header("X-Key", "a")),
        (("Require method POST", "Require ssl-verify-client"), {}),
        (("RewriteCond %{HTTP:X-Key} !^a$", "RewriteRule ^ - [R=406]"), header("X-Key", "a")),
        (("RewriteCond %{HTTP:X-Key} ^a$", "RewriteRule ^ - [F]"), {}),
    ],
)
def test_what_a_rule_wants_of_everybody_everybody_writes(lines: tuple[str, ...], changes: dict[str, Any]) -> None:
    (site,) = places("<Location />", *lines, "</Location>", client="optional")
    assert customary(site) == changes
