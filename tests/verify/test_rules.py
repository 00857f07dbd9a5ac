"""What rules want of a good client beside his certificate: where he comes from, and whose password he knows."""

import ipaddress

import pytest

from harness.httpd.guard import Guard
from harness.verify.rules import USER, address, by_address, user
from tests.dump import places

CERTIFICATE = "Require ssl-verify-client"
PASSWORD = ("AuthType Basic", "AuthUserFile /etc/users")


def guard(*lines: str, verify: str = "optional") -> Guard:
    (site,) = places("<Location />", *lines, "</Location>", client=verify)
    return site.guard


def all_of(*lines: str) -> tuple[str, ...]:
    return "<RequireAll>", *lines, "</RequireAll>"


@pytest.mark.parametrize("said", ["10.20.0.0/16", "10.20", "10.20.0.0/255.255.0.0", "10.20.30.40"])
def test_where_address_and_certificate_are_wanted_a_good_client_comes_from_there(said: str) -> None:
    found = address(guard(*all_of(f"Require ip {said}", CERTIFICATE)))
    assert ipaddress.ip_address(found) in ipaddress.ip_network("10.20.0.0/16")


def test_the_machine_itself_is_an_address_as_well() -> None:
    assert address(guard(*all_of("Require local", CERTIFICATE))) == "127.0.0.1"


def test_an_address_that_does_instead_of_a_certificate_is_nobodys() -> None:
    either = guard("Require ip 203.0.113.0/24", CERTIFICATE)
    assert address(either) == "198.51.100.7"
    assert [rule.arguments for rule in by_address(either)] == ["ip 203.0.113.0/24"]


def test_an_address_alone_is_another_lock() -> None:
    alone = guard("Require ip 10.0.0.0/8")
    assert address(alone) == "203.0.113.7"


def test_an_address_beside_the_handshake_is_wanted_too() -> None:
    assert address(guard("Require ip 10.0.0.0/8", verify="require")) == "10.0.0.1"


def test_who_is_not_to_come_is_nobodys_address_either() -> None:
    assert address(guard(*all_of("Require not ip 203.0.113.7", CERTIFICATE))) == "198.51.100.7"


def test_the_older_way_to_allow_addresses() -> None:
    assert address(guard("Order deny,allow", "Deny from all", "Allow from 10.1", CERTIFICATE)) == "10.1.0.1"
    either = guard("Order deny,allow", "Deny from all", "Allow from 10.1", "Satisfy any", CERTIFICATE)
    assert address(either) == "203.0.113.7"
    assert [rule.name for rule in by_address(either)] == ["Allow"]


def test_a_password_beside_the_certificate_is_known() -> None:
    assert user(guard(*PASSWORD, *all_of("Require valid-user", CERTIFICATE))) == USER
    assert user(guard(*PASSWORD, *all_of("Require user anna bert", CERTIFICATE))) == "anna"
    assert user(guard(*PASSWORD, "Require valid-user", verify="require")) == USER


@pytest.mark.parametrize(
    "lines",
    [
        (*PASSWORD, "Require valid-user", CERTIFICATE),
        (*PASSWORD, "Require valid-user"),
        (*PASSWORD, "SSLOptions +FakeBasicAuth", *all_of("Require valid-user", CERTIFICATE)),
        ("AuthType Digest", "AuthUserFile /etc/users", *all_of("Require valid-user", CERTIFICATE)),
        ("AuthType Basic", *all_of("Require valid-user", CERTIFICATE)),
    ],
)
def test_no_password_is_known_that_is_not_wanted_beside_it_or_cannot_be(lines: tuple[str, ...]) -> None:
    assert user(guard(*lines)) is None
