"""The client that a site's access decision admits: certificate, address, user and request."""

import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.httpd.directive import parse
from harness.httpd.site import sites
from harness.httpd.variables import OUTSIDE, USER
from harness.pki.template import ClientTemplate, Part
from harness.verify.client import Query
from harness.verify.good_client import GoodClient
from harness.verify.request_input import USUAL, RequestInput
from harness.verify.subject import ANYBODY
from tests.dump import dump

ORGANISATION, UNIT, NAME = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME
ACME, OPS = "%{SSL_CLIENT_S_DN_O} == 'Acme'", "%{SSL_CLIENT_S_DN_OU} == 'Ops'"
CERTIFICATE = "Require ssl-verify-client"
PASSWORD = ("AuthType Basic", "AuthUserFile /etc/users")
ANY_PASSWORD = ("AuthType Basic", "AuthBasicProvider anon")
FAKE_USER = ("SSLOptions +FakeBasicAuth", "AuthType Basic", "AuthUserFile users")


def query(*lines: str, client: str = "require", files: dict[str, bytes] | None = None) -> Query:
    """The queries on a site with these lines, from the fourth on; `files` are those of CONFIG."""
    whole = dump("<VirtualHost *:443>", "SSLEngine on", f"SSLVerifyClient {client}", *lines, "</VirtualHost>")
    (site,) = sites(
        parse(whole, {"/site.conf": "site.conf"}), complete=False, files=lambda path: (files or {}).get(path, b"")
    ).places
    return Query(site)


def good(*lines: str, client: str = "require", files: dict[str, bytes] | None = None) -> GoodClient:
    return query("<Location />", *lines, "</Location>", client=client, files=files).good_client


def all_of(*lines: str) -> tuple[str, ...]:
    return "<RequireAll>", *lines, "</RequireAll>"


def unread(client: GoodClient) -> list[tuple[str, int]]:
    return [(one.directive.file, one.directive.line) for one in client.unread]


def test_every_part_of_a_conjunction_is_needed() -> None:
    found = good(f'Require expr "{ACME} && {OPS}"')
    assert dict(found.subject.subject) == {ORGANISATION: "Acme", UNIT: "Ops"}
    assert found.needed == {Part.ORGANISATION, Part.UNIT}
    assert found.unread == ()


@pytest.mark.parametrize(
    "lines",
    [
        (f'Require expr "{ACME} || {OPS}"',),
        (f'Require expr "{ACME} or {OPS}"',),
        (f'Require expr "{ACME}"', f'Require expr "{OPS}"'),
        ("<RequireAny>", f'Require expr "{ACME}"', "Require ip 192.0.2.1", "</RequireAny>"),
        (f"SSLRequire {ACME}", "Satisfy any", "Require ip 192.0.2.1"),
        (f"Require expr \"{ACME} || %{{HTTP:X-Key}} == 'open'\"",),
    ],
)
def test_of_two_alternatives_a_client_has_one_and_is_denied_without_it(lines: tuple[str, ...]) -> None:
    found = good(*lines)
    assert found.subject.subject == ((ORGANISATION, "Acme"),)
    assert found.needed == {Part.ORGANISATION}
    assert found.certain


@pytest.mark.parametrize(
    "lines",
    [
        all_of("Require all granted", "<RequireNone>", f'Require expr "{ACME}"', "</RequireNone>"),
        all_of("Require all granted", f'Require not expr "{ACME}"'),
        (f'Require expr "!({ACME})"',),
        (f"SSLRequire {ACME}", "Satisfy any"),
        (f"SSLRequire {ACME}", "Satisfy any", "Require all granted"),
    ],
)
def test_no_part_is_needed_where_every_other_client_is_admitted(lines: tuple[str, ...]) -> None:
    found = good(*lines)
    assert (found.subject, found.needed, found.unread) == (ANYBODY, frozenset(), ())


def test_where_nothing_grants_no_part_is_needed_and_the_condition_is_named() -> None:
    found = good("<RequireNone>", f'Require expr "{ACME}"', "</RequireNone>")
    assert (found.subject, found.needed, unread(found)) == (ANYBODY, frozenset(), [("site.conf", 6)])


@pytest.mark.parametrize(
    "lines",
    [
        all_of(CERTIFICATE, f'Require expr "{ACME}"'),
        (f"Require expr \"{ACME} && %{{SSL_CLIENT_VERIFY}} == 'SUCCESS'\"",),
        ('SSLRequire %{SSL_CLIENT_S_DN_O} eq "Acme"', "Require all granted", "Require ip 192.0.2.1"),
        ('Require expr "%{SSL_CLIENT_S_DN_O} =~ m#^Acme$#"',),
        ("Require expr \"%{SSL_CLIENT_S_DN_O} in { 'Acme', 'Or not' }\"",),
        ("<RequireAny>", *all_of(f'Require expr "{ACME}"'), "</RequireAny>"),
        (f'SetEnvIfExpr "{ACME}" known', "Require env known"),
    ],
)
def test_what_stands_alone_or_in_require_all_is_needed(lines: tuple[str, ...]) -> None:
    found = good(*lines)
    assert found.subject.subject == ((ORGANISATION, "Acme"),)
    assert (found.needed, found.unread) == (frozenset({Part.ORGANISATION}), ())


def test_a_rule_that_a_later_section_replaces_is_not_needed() -> None:
    found = query(
        *("<Location />", f'Require expr "{ACME}"', "</Location>"),
        *("<LocationMatch ^/>", "Require all granted", "</LocationMatch>"),
    ).good_client
    assert (found.subject, found.needed) == (ANYBODY, frozenset())


def test_issuer_names_and_extensions_are_read() -> None:
    found = good(
        "Require expr \"%{SSL_CLIENT_I_DN_CN} == 'Corp' && %{SSL_CLIENT_SAN_Email_0} =~ /^[a-z]+@acme[.]test$/"
        " && %{SSL_CLIENT_SAN_DNS_0} == 'a.acme.test' && 'x' in PeerExtList('1.2.3')\""
    )
    assert found.subject.issuer == ((NAME, "Corp"),)
    (email,) = (name for name in found.subject.names if isinstance(name, x509.RFC822Name))
    assert email.value.endswith("@acme.test")
    assert set(found.subject.names) == {email, x509.DNSName("a.acme.test")}
    assert found.subject.extensions == {"1.2.3": "x"}
    assert found.needed == {Part.ISSUER, Part.EMAIL, Part.ALTERNATIVE_NAME, Part.EXTENSION}


def test_an_alternative_name_that_an_open_expression_takes_for_another_is_similar() -> None:
    found = good('Require expr "%{SSL_CLIENT_SAN_DNS_0} =~ /^a.acme.test$/"')
    assert found.similar_names == ((x509.DNSName("a.acme.test"), x509.DNSName("axacmextest")),)


@pytest.mark.parametrize(
    ("rule", "files", "subject"),
    [
        (("Require valid-user",), {"users": b"guest:x\n/O=Acme/CN=al:x\n"}, {ORGANISATION: "Acme", NAME: "al"}),
        (("Require user /CN=carol",), {"users": b"/CN=alice:x\n/CN=carol:x\n"}, {NAME: "carol"}),
        (("Require valid-user",), {}, {NAME: USER}),
        (("Require user /CN=anna",), {}, {NAME: "anna"}),
        (
            ("AuthGroupFile users", "Require group admins"),
            {"users": b'/CN=carol:x\n/CN=alice:x\nadmins: root "/CN=alice"\n'},
            {NAME: "alice"},
        ),
    ],
)
def test_the_user_that_is_made_from_a_certificate_is_its_subject(
    rule: tuple[str, ...], files: dict[str, bytes], subject: dict[Any, str]
) -> None:
    found = good(*FAKE_USER, *rule, files=files)
    assert dict(found.subject.subject) == subject
    assert found.needed == found.subject.parts
    assert found.request.user == ""


@pytest.mark.parametrize(
    "expression",
    [
        "%{SSL_CLIENT_M_SERIAL} == '01'",
        "%{SSL_CLIENT_S_DN_C} == 'Germany'",
        "%{SSL_CLIENT_V_REMAIN} -gt 10",
        "%{SSL_CLIENT_S_DN_DC} == 'test'",
        f"{ACME} && %{{SSL_CLIENT_A_KEY}} == 'rsaEncryption'",
    ],
)
def test_a_rule_that_no_certificate_here_can_be_made_for_is_named(expression: str) -> None:
    assert unread(good(f'Require expr "{expression}"')) == [("site.conf", 5)]


def test_a_client_writes_the_host_that_its_certificate_must_name() -> None:
    found = good('Require expr "%{SSL_CLIENT_S_DN_CN} == %{HTTP_HOST}"')
    assert found.request.host == dict(found.subject.subject).get(NAME, USER)
    assert found.unread == ()


@pytest.mark.parametrize("other", ["%{HTTP_HOST}", f"'{USER}'"])
def test_the_common_name_that_every_client_has_is_needed_where_a_rule_asks_for_it(other: str) -> None:
    assert good(f'Require expr "%{{SSL_CLIENT_S_DN_CN}} == {other}"').needed == {Part.COMMON_NAME}


def test_whether_a_certificate_was_verified_is_no_part_of_it() -> None:
    found = good("Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"")
    assert found == GoodClient(request=RequestInput(address=OUTSIDE))


@pytest.mark.parametrize(
    "rule",
    [
        ("Require expr \"%{SSL_CLIENT_S_DN_O} == 'Acme, Inc.'\"",),
        # Of Require's expression httpd takes the quotes alone, of an If's the backslashes as well.
        (r"""Require expr "%{SSL_CLIENT_S_DN} == 'CN=anna,O=Acme\\, Inc.'" """,),
        (r"""<If "%{SSL_CLIENT_S_DN} != 'CN=anna,O=Acme\\\\, Inc.'">""", "Require all denied", "</If>"),
    ],
)
def test_a_comma_may_be_part_of_a_value(rule: tuple[str, ...]) -> None:
    found = good(*rule)
    assert dict(found.subject.subject).get(ORGANISATION) == "Acme, Inc."
    assert found.unread == ()


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
def test_a_subject_is_made_for_an_expression_and_one_beside_it_where_that_has_no_ends(
    expression: str, subject: dict[Any, str], needed: set[Part], similar: dict[Any, str]
) -> None:
    found = good(f'Require expr "{expression}"')
    assert {kind: value for kind, value in found.subject.subject if kind in subject} == subject
    assert (set(found.needed), dict(found.similar)) == (needed, similar)


def test_of_a_name_that_may_be_any_nothing_is_needed() -> None:
    found = good('Require expr "%{SSL_CLIENT_S_DN} =~ m#CN=[^,]+,O=Acme$#"')
    assert found.needed == {Part.ORGANISATION}


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
        # One of both is enough, and without that one the client is denied.
        (
            "%{SSL_CLIENT_S_DN_O} != 'Acme' && %{SSL_CLIENT_S_DN_OU} != 'Ops'",
            {ORGANISATION: "Acme"},
            {Part.ORGANISATION},
        ),
    ],
)
def test_of_a_condition_that_denies_the_opposite_is_needed(
    condition: str, subject: dict[Any, str], needed: set[Part]
) -> None:
    found = query(f'<If "{condition}">', "Require all denied", "</If>").good_client
    assert (dict(found.subject.subject), set(found.needed)) == (subject, needed)


@pytest.mark.parametrize(
    ("other", "certain"),
    [
        (f'Require expr "{OPS}"', True),
        ("Require ip 192.0.2.1", True),
        ("Require env inside", False),
        ("Require ldap-group cn=ops", False),
        ("Require method GET", True),
        ("Require method POST", True),
    ],
)
def test_it_is_certain_where_all_that_admits_others_is_known(other: str, certain: bool) -> None:
    assert good(f'Require expr "{ACME}"', other).certain == certain


@pytest.mark.parametrize("engine", [("RewriteEngine on",), ()])
def test_a_condition_that_only_chooses_asks_for_nothing(engine: tuple[str, ...]) -> None:
    proxied = ("RewriteCond %{SSL:SSL_CLIENT_S_DN_OU} =Beta", "RewriteRule ^/(.*)$ http://127.0.0.1:1/$1 [P]")
    assert query(*engine, *proxied).good_client.subject == ANYBODY


@pytest.mark.parametrize(
    ("lines", "attribute"),
    [
        (("SSLUserName SSL_CLIENT_S_DN_Email", "Require valid-user"), NameOID.EMAIL_ADDRESS),
        (('Require expr "-n %{SSL_CLIENT_S_DN_OU}"',), UNIT),
    ],
)
def test_an_attribute_that_only_has_to_be_there_is_there_with_any_value(
    lines: tuple[str, ...], attribute: x509.ObjectIdentifier
) -> None:
    found = good(*lines)
    ((kind, value),) = found.subject.subject
    assert kind == attribute
    assert value


def test_a_rewrite_may_ask_for_two_parts_in_one_text() -> None:
    cond = "RewriteCond %{SSL:SSL_CLIENT_S_DN_O},%{SSL:SSL_CLIENT_S_DN_OU} !^Acme,Ops$"
    found = good("RewriteEngine on", cond, "RewriteRule ^ - [F]")
    assert dict(found.subject.subject) == {ORGANISATION: "Acme", UNIT: "Ops"}
    assert found.needed == {Part.ORGANISATION, Part.UNIT}
    assert good(cond, "RewriteRule ^ - [F]").subject == ANYBODY, "without RewriteEngine on, no rule counts"


def test_a_template_says_the_same() -> None:
    found = ClientTemplate(**good(f'Require expr "{ACME}"').template())
    assert (found.subject, set(found.needed)) == (((ORGANISATION, "Acme"),), {Part.ORGANISATION})
    assert not found.unread


@pytest.mark.parametrize("network", ["10.20.0.0/16", "10.20", "10.20.0.0/255.255.0.0", "10.20.30.40"])
def test_a_client_comes_from_the_network_that_a_rule_asks_for_beside_the_certificate(network: str) -> None:
    found = good(*all_of(f"Require ip {network}", CERTIFICATE), client="optional")
    assert ipaddress.ip_address(found.request.address) in ipaddress.ip_network("10.20.0.0/16")


@pytest.mark.parametrize(
    ("lines", "client", "address"),
    [
        (all_of("Require local", CERTIFICATE), "optional", "127.0.0.1"),
        (("Require ip 203.0.113.0/24", CERTIFICATE), "optional", "198.51.100.7"),
        (all_of("Require not ip 203.0.113.7", CERTIFICATE), "optional", "198.51.100.7"),
        (("Require ip 10.0.0.0/8",), "require", "10.0.0.1"),
        (("Require ip 10.0.0.0/8",), "optional", OUTSIDE),
        (("Order deny,allow", "Deny from all", "Allow from 10.1", CERTIFICATE), "optional", "10.1.0.1"),
        (("Order deny,allow", "Deny from all", "Allow from 10.1", "Satisfy any", CERTIFICATE), "optional", OUTSIDE),
        ((CERTIFICATE,), "optional", OUTSIDE),
    ],
)
def test_a_client_comes_from_where_it_must_and_else_from_outside(
    lines: tuple[str, ...], client: str, address: str
) -> None:
    assert good(*lines, client=client).request.address == address


@pytest.mark.parametrize(
    ("lines", "client", "user"),
    [
        ((*PASSWORD, *all_of("Require valid-user", CERTIFICATE)), "optional", USER),
        ((*PASSWORD, *all_of("Require user anna bert", CERTIFICATE)), "optional", "anna"),
        ((*PASSWORD, "Require valid-user"), "require", USER),
        ((*ANY_PASSWORD, "Anonymous guest", *all_of("Require valid-user", CERTIFICATE)), "optional", "guest"),
        ((*ANY_PASSWORD, "Anonymous *", "Require valid-user"), "require", USER),
    ],
)
def test_a_client_has_the_password_that_is_required_with_the_certificate(
    lines: tuple[str, ...], client: str, user: str
) -> None:
    assert good(*lines, client=client).request.user == user


@pytest.mark.parametrize(
    "lines",
    [
        (*PASSWORD, "Require valid-user", CERTIFICATE),
        (*PASSWORD, "Require valid-user"),
        (*PASSWORD, "SSLOptions +FakeBasicAuth", *all_of("Require valid-user", CERTIFICATE)),
        ("AuthType Digest", "AuthUserFile /etc/users", *all_of("Require valid-user", CERTIFICATE)),
        ("AuthType Basic", *all_of("Require valid-user", CERTIFICATE)),
        ("AuthUserFile /etc/users", *all_of("Require valid-user", CERTIFICATE)),
        ("AuthType Basic", "AuthBasicProvider ldap", *all_of("Require valid-user", CERTIFICATE)),
    ],
)
def test_a_client_has_no_password_that_is_not_required_or_in_no_file(lines: tuple[str, ...]) -> None:
    assert good(*lines, client="optional").request.user == ""


@pytest.mark.parametrize(
    ("lines", "request_input"),
    [
        (("Require method POST",), RequestInput(method="POST")),
        (("Require method GET POST",), USUAL),
        (("AllowMethods PUT POST",), RequestInput(method="PUT")),
        (("Require expr \"req('X-Key') == 'a'\"",), RequestInput(headers=(("X-Key", "a"),))),
        (("Require method POST", CERTIFICATE), USUAL),
        (
            ("RewriteEngine on", "RewriteCond %{HTTP:X-Key} !^a$", "RewriteRule ^ - [R=406]"),
            RequestInput(headers=(("X-Key", "a"),)),
        ),
        (("RewriteEngine on", "RewriteCond %{HTTP:X-Key} ^a$", "RewriteRule ^ - [F]"), USUAL),
    ],
)
def test_a_client_sends_the_header_that_a_rule_requires_of_every_client(
    lines: tuple[str, ...], request_input: RequestInput
) -> None:
    found = good(*lines, client="optional").request
    assert found == RequestInput(**{**vars(request_input), "address": OUTSIDE})


@pytest.mark.parametrize(
    ("lines", "method"),
    [
        (("<Limit POST>", CERTIFICATE, "</Limit>"), "POST"),
        (("<LimitExcept GET POST>", CERTIFICATE, "</LimitExcept>"), "PUT"),
        (("Require method GET POST", CERTIFICATE), "PUT"),
        (("Require method POST", CERTIFICATE), None),
        ((CERTIFICATE,), None),
    ],
)
def test_where_reading_is_public_a_writing_client_needs_the_certificate(
    lines: tuple[str, ...], method: str | None
) -> None:
    assert good(*lines, client="optional").writing_method == method
