"""Which request headers pass the client's identity to a backend, and under which other names?"""

import pytest

from harness.httpd.directive import Directive
from harness.httpd.identity import backend_url, identity_headers


def header(arguments: str) -> Directive:
    return Directive("RequestHeader", arguments, "site.conf", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        'set X-User "%{SSL_CLIENT_S_DN_CN}s"',
        'setifempty X-User "%{SSL_CLIENT_S_DN_CN}s" env=x',
        'set X-User "expr=%{REMOTE_USER}"',
        'append X-User "%{SSL_CLIENT_S_DN}s" early',
    ],
)
def test_a_header_with_the_name_of_the_client_is_an_identity(arguments: str) -> None:
    assert [one.name for one in identity_headers([header(arguments)])] == ["X-User"]


@pytest.mark.parametrize(
    "arguments", ["unset X-User", 'set X-Forwarded-Proto "https"', 'set X-Cipher "%{SSL_CIPHER}s"', "unset", ""]
)
def test_a_header_that_says_nothing_of_the_client_is_none(arguments: str) -> None:
    assert identity_headers([header(arguments)]) == ()


def test_the_spellings_are_those_of_one_variable() -> None:
    (one,) = identity_headers([header('set X-SSL-User "%{SSL_CLIENT_S_DN_CN}s"')])
    assert set(one.other_spellings) == {"X_SSL_User", "X_SSL-User", "X-SSL_User"}
    assert all(map(one.is_meant_by, (*one.other_spellings, "x-ssl-user")))
    assert not one.is_meant_by("X-SSLUser")


def test_a_backend_is_named_without_the_path() -> None:
    assert backend_url("http://App:8000/x/y") == "http://app:8000"
    assert backend_url("/var/www/html/") == ""
