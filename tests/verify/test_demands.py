"""What rules want of a certificate, read from httpd's dump of them: what is needed, and what cannot be read."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.pki.template import Part
from harness.verify.demands import Demands, demands
from tests.dump import places

ORGANISATION, UNIT, NAME = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME
ACME, OPS = "%{SSL_CLIENT_S_DN_O} == 'Acme'", "%{SSL_CLIENT_S_DN_OU} == 'Ops'"


def read(*lines: str, users: bytes = b"") -> Demands:
    (site,) = places(*lines, client="require")
    return demands(site.guard, lambda _path: users)


def location(*lines: str, users: bytes = b"") -> Demands:
    return read("<Location />", *lines, "</Location>", users=users)


def test_every_part_of_a_conjunction_is_needed() -> None:
    found = location(f'Require expr "{ACME} && {OPS}"')
    assert found.subject == {ORGANISATION: "Acme", UNIT: "Ops"}
    assert found.needed == {Part.ORGANISATION, Part.UNIT}
    assert found.unread == []


@pytest.mark.parametrize(
    "lines",
    [
        (f'Require expr "{ACME} || {OPS}"',),
        (f'Require expr "{ACME} or {OPS}"',),
        (f'Require expr "{ACME}"', f'Require expr "{OPS}"'),
        ("<RequireAny>", f'Require expr "{ACME}"', "Require ip 192.0.2.1", "</RequireAny>"),
        ("<RequireNone>", f'Require expr "{ACME}"', "</RequireNone>"),
        (f'Require expr "!({ACME})"',),
        (f'SSLRequire "{ACME}"', "Satisfy any"),
    ],
)
def test_no_part_is_needed_where_another_will_do(lines: tuple[str, ...]) -> None:
    assert location(*lines).needed == set()


@pytest.mark.parametrize(
    "lines",
    [
        ("<RequireAll>", "Require ssl-verify-client", f'Require expr "{ACME}"', "</RequireAll>"),
        (f"Require expr \"{ACME} && %{{SSL_CLIENT_VERIFY}} == 'SUCCESS'\"",),
        ('SSLRequire %{SSL_CLIENT_S_DN_O} eq "Acme"', "Require all granted", "Require ip 192.0.2.1"),
        ('Require expr "%{SSL_CLIENT_S_DN_O} =~ m#^Acme$#"',),
        ("Require expr \"%{SSL_CLIENT_S_DN_O} in { 'Acme', 'Or not' }\"",),
        ("<RequireAny>", "<RequireAll>", f'Require expr "{ACME}"', "</RequireAll>", "</RequireAny>"),
    ],
)
def test_what_stands_alone_or_in_require_all_is_needed(lines: tuple[str, ...]) -> None:
    found = location(*lines)
    assert (found.subject, found.needed, found.unread) == ({ORGANISATION: "Acme"}, {Part.ORGANISATION}, [])


def test_a_rule_that_a_later_section_replaces_is_not_needed() -> None:
    assert (
        read(
            *("<Location />", f'Require expr "{ACME}"', "</Location>"),
            *("<LocationMatch ^/>", "Require all granted", "</LocationMatch>"),
        ).needed
        == set()
    )


def test_issuer_names_and_extensions_are_read() -> None:
    found = location(
        "Require expr \"%{SSL_CLIENT_I_DN_CN} == 'Corp' && %{SSL_CLIENT_SAN_Email_0} =~ /^[a-z]+@acme[.]test$/"
        " && %{SSL_CLIENT_SAN_DNS_0} == 'a.acme.test' && 'x' in PeerExtList('1.2.3')\""
    )
    assert found.issuer == {NAME: "Corp"}
    email, name = found.names
    assert isinstance(email, x509.RFC822Name)
    assert email.value.endswith("@acme.test")
    assert name == x509.DNSName("a.acme.test")
    assert found.extensions == {"1.2.3": "x"}
    assert found.needed == {Part.ISSUER, Part.EMAIL, Part.ALTERNATIVE_NAME, Part.EXTENSION}


def test_the_user_that_is_made_from_a_certificate_is_its_subject() -> None:
    found = location(
        "SSLOptions +FakeBasicAuth", "AuthUserFile users", "Require valid-user", users=b"guest:x\n/O=Acme/CN=alice:x\n"
    )
    assert found.subject == {ORGANISATION: "Acme", NAME: "alice"}
    assert found.needed == {Part.ORGANISATION, Part.COMMON_NAME}


@pytest.mark.parametrize(
    "expression",
    [
        "%{SSL_CLIENT_M_SERIAL} == '01'",
        "%{SSL_CLIENT_S_DN_C} == 'Germany'",
        "%{SSL_CLIENT_V_REMAIN} -gt 10",
        "%{SSL_CLIENT_S_DN_DC} == 'test'",
        "%{SSL_CLIENT_S_DN_CN} == %{HTTP_HOST}",
        f"{ACME} && %{{SSL_CLIENT_A_KEY}} == 'rsaEncryption'",
    ],
)
def test_a_rule_that_cannot_be_read_is_told(expression: str) -> None:
    (rule,) = location(f'Require expr "{expression}"').unread
    assert (rule.file, rule.line) == ("site.conf", 5)


def test_whether_a_certificate_was_verified_is_no_demand() -> None:
    assert location("Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"") == Demands()


@pytest.mark.parametrize(
    "rule",
    [
        "Require expr \"%{SSL_CLIENT_S_DN_O} == 'Acme, Inc.'\"",
        "Require expr \"%{SSL_CLIENT_S_DN} == 'CN=anna,O=Acme\\\\, Inc.'\"",
    ],
)
def test_a_comma_may_be_part_of_a_value(rule: str) -> None:
    assert location(rule).subject[ORGANISATION] == "Acme, Inc."


@pytest.mark.parametrize(
    ("expression", "subject", "needed", "similar"),
    [
        ("%{SSL_CLIENT_S_DN} =~ /O=Acme/", {ORGANISATION: "Acme"}, {Part.ORGANISATION}, {ORGANISATION: "Acmex"}),
        ("%{SSL_CLIENT_S_DN} =~ m!anna!", {NAME: "anna"}, {Part.COMMON_NAME}, {NAME: "xannax"}),
        ("%{SSL_CLIENT_S_DN_CN} =~ /^anna/", {NAME: "anna"}, {Part.COMMON_NAME}, {NAME: "annax"}),
        ("%{SSL_CLIENT_S_DN_CN} =~ /^anna-/", {NAME: "anna-"}, {Part.COMMON_NAME}, {}),
        ("%{SSL_CLIENT_S_DN} =~ /,O=Acme$/", {ORGANISATION: "Acme"}, {Part.ORGANISATION}, {}),
        ("%{SSL_CLIENT_S_DN_CN} =~ /anna/", {NAME: "anna"}, {Part.COMMON_NAME}, {NAME: "xannax"}),
        ("%{SSL_CLIENT_S_DN_CN} =~ /^anna$/", {NAME: "anna"}, {Part.COMMON_NAME}, {}),
        ("%{SSL_CLIENT_S_DN_CN} =~ /^a.test$/", {NAME: "a.test"}, {Part.COMMON_NAME}, {NAME: "axtest"}),
        (r"%{SSL_CLIENT_S_DN_CN} =~ /^a\.test$/", {NAME: "a.test"}, {Part.COMMON_NAME}, {}),
    ],
)
def test_a_subject_is_read_from_an_expression_and_where_that_has_no_ends(
    expression: str, subject: dict[Any, str], needed: set[Part], similar: dict[Any, str]
) -> None:
    found = location(f'Require expr "{expression}"')
    assert {kind: value for kind, value in found.subject.items() if kind in subject} == subject
    assert (found.needed, found.similar) == (needed, similar)


def test_of_a_name_that_may_be_any_nothing_is_needed() -> None:
    found = location('Require expr "%{SSL_CLIENT_S_DN} =~ m#CN=[^,]+,O=Acme$#"')
    assert found.needed == {Part.ORGANISATION}


def test_a_user_has_to_be_in_the_group() -> None:
    lines = ("SSLOptions +FakeBasicAuth", "AuthUserFile users", "AuthGroupFile users", "Require group admins")
    found = location(*lines, users=b'/CN=carol:x\n/CN=alice:x\nadmins: root "/CN=alice"\n')
    assert found.subject == {NAME: "alice"}
    assert found.needed == {Part.COMMON_NAME}


DENIED = ("Require all denied", "</If>")


@pytest.mark.parametrize(
    ("condition", "subject", "needed"),
    [
        ("%{SSL_CLIENT_S_DN_OU} == 'Guests'", {}, set()),
        ("%{SSL_CLIENT_S_DN_OU} != 'Ops'", {UNIT: "Ops"}, {Part.UNIT}),
        ("%{SSL_CLIENT_S_DN_OU} !~ /^Ops$/", {UNIT: "Ops"}, {Part.UNIT}),
        ("!(%{SSL_CLIENT_S_DN_OU} == 'Ops')", {UNIT: "Ops"}, {Part.UNIT}),
        (
            "%{SSL_CLIENT_S_DN_O} != 'Acme' || %{SSL_CLIENT_S_DN_OU} != 'Ops'",
            {ORGANISATION: "Acme", UNIT: "Ops"},
            {Part.ORGANISATION, Part.UNIT},
        ),
        (
            "%{SSL_CLIENT_S_DN_O} != 'Acme' && %{SSL_CLIENT_S_DN_OU} != 'Ops'",
            {ORGANISATION: "Acme", UNIT: "Ops"},
            set(),
        ),
    ],
)
def test_of_a_condition_that_keeps_out_the_opposite_is_wanted(
    condition: str, subject: dict[Any, str], needed: set[Part]
) -> None:
    found = read(f'<If "{condition}">', *DENIED)
    assert (found.subject, found.needed) == (subject, needed)


@pytest.mark.parametrize(
    ("lines", "certain"),
    [
        ((f'Require expr "{ACME}"', f'Require expr "{OPS}"'), True),
        ((f'Require expr "{ACME}"', "Require ip 192.0.2.1"), True),
        ((f'Require expr "{ACME}"', "Require env inside"), False),
        ((f'Require expr "{ACME}"', "Require method GET"), True),
    ],
)
def test_it_is_certain_where_all_that_lets_in_others_is_known(lines: tuple[str, ...], certain: bool) -> None:
    assert location(*lines).certain == certain


def test_a_condition_that_only_chooses_wants_nothing() -> None:
    found = read("RewriteCond %{SSL:SSL_CLIENT_S_DN_OU} =Beta", "RewriteRule ^/(.*)$ http://127.0.0.1:1/$1 [P]")
    assert found.subject == {}


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        (
            ("SSLUserName SSL_CLIENT_S_DN_Email", "Require valid-user"),
            {NameOID.EMAIL_ADDRESS: "mtls-harness@example.org"},
        ),
        ((f'SetEnvIfExpr "{ACME}" known', "Require env known"), {ORGANISATION: "Acme"}),
        (('Require expr "-n %{SSL_CLIENT_S_DN_OU}"',), {UNIT: "m"}),
        (("RewriteCond %{SSL:SSL_CLIENT_S_DN_O},%{SSL:SSL_CLIENT_S_DN_OU} !^Acme,Ops$", "RewriteRule ^ - [F]"), None),
    ],
)
def test_other_ways_to_ask_for_a_part(lines: tuple[str, ...], subject: dict[Any, str] | None) -> None:
    assert location(*lines).subject == (subject or {ORGANISATION: "Acme", UNIT: "Ops"})
