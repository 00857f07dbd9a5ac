"""What a rule asks for that any client may write into a request, and how it is written there."""

from typing import Any

import pytest

from harness.server.configuration import parse
from harness.server.sites import sites
from harness.verify.written import written

HOST = """# In file: /site.conf
#   1:
<VirtualHost *:443>
  #   2:
  SSLEngine on
  #   3:
  SSLVerifyClient optional
{0}
</VirtualHost>
"""


def asked(*lines: str) -> list[tuple[int, dict[str, Any]]]:
    numbered = "\n".join(part for number, line in enumerate(lines, 4) for part in (f"#   {number}:", line))
    (site,) = sites(parse(HOST.format(numbered), {"/site.conf": "site.conf"}), complete=False).places
    return [(entry.line, changes) for entry, changes in written(site.guard, site.name)]


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
        ('SetEnvIf Request_URI "^/public/" public', {"via": "/public/.."}),
    ],
)
def test_it_is_written_as_the_line_asks_for_it(line: str, changes: dict[str, Any]) -> None:
    assert asked(line) == [(4, changes)]


def test_a_host_is_written_with_a_port_and_a_dot_as_well() -> None:
    hosts = ["inside", "localhost:443", "localhost."]
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
    assert [change for _, change in asked(*lines)] == [changes]
