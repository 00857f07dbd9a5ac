"""Grants for a client without a certificate: none, by address, by request, untestable, or for all clients."""

from enum import StrEnum
from pathlib import Path

import pytest

from harness.verify import Target, verify
from harness.verify.client import Query
from tests.dump import places

CERTIFICATE = "Require ssl-verify-client"
VERIFIED = "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"
UNVERIFIED = "RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS"
DENIED, GRANTED = "Require all denied", "Require all granted"
OTHERWISE = ("<Else>", DENIED, "</Else>")
AT_NIGHT = "%{TIME_HOUR} -gt 20"


class Grant(StrEnum):
    """A grant for a client without a certificate."""

    NOTHING = "nothing"
    ADDRESS = "address"
    UNTESTABLE = "untestable"
    WORDS = "words"
    ALL = "all"


def query(*lines: str, client: str = "optional") -> Query:
    (site, *_) = places(*lines, client=client)
    return Query(site)


def location(*lines: str, client: str = "optional") -> Query:
    return query("<Location />", *lines, "</Location>", client=client)


def grants(directives: Query) -> set[Grant]:
    """What admits a client without a certificate. Where all are admitted, a request has no say."""
    if directives.opens_to_all:
        return {Grant.ALL, *([Grant.UNTESTABLE] if directives.untestable_grants() else [])}
    kinds = {
        Grant.ADDRESS: directives.address_grants(),
        Grant.UNTESTABLE: directives.untestable_grants(),
        Grant.WORDS: directives.request_grants(),
    }
    return {kind for kind, conditions in kinds.items() if conditions} or {Grant.NOTHING}


def rewriting(*conditions: str) -> tuple[str, ...]:
    return "RewriteEngine on", *conditions, "RewriteRule ^ - [F]"


@pytest.mark.parametrize(
    ("lines", "responsible"),
    [
        ((f'Require expr "{VERIFIED} || {AT_NIGHT}"',), {5}),
        ((f'Require expr "{AT_NIGHT}"', CERTIFICATE), {5}),
        (("Require env GEOIP_COUNTRY", CERTIFICATE), {5}),
        ((f'SetEnvIfExpr "{AT_NIGHT}" night', "Require env night", CERTIFICATE), {5, 6}),
        ((f'SSLRequire {VERIFIED} or %{{TIME_WDAY}} == "0"',), {5}),
        ((f'<If "{AT_NIGHT}">', GRANTED, "</If>", CERTIFICATE), {5}),
        ((f'<If "{VERIFIED}">', GRANTED, "</If>", f'<ElseIf "{AT_NIGHT}">', GRANTED, "</ElseIf>", *OTHERWISE), {8}),
        ((f'<If "!({VERIFIED}) && !({AT_NIGHT})">', DENIED, "</If>"), {5}),
        (rewriting(UNVERIFIED, "RewriteCond %{TIME_HOUR} <20"), {7}),
        (rewriting(UNVERIFIED, "RewriteCond ${known:%{HTTP_USER_AGENT}|no} =no"), {7}),
        (rewriting(f'RewriteCond expr "!({VERIFIED} || {AT_NIGHT})"'), {6}),
        (('Require expr "%{SSL_CIPHER} =~ /AES256/"', CERTIFICATE), {5}),
        (("Require expr \"unbase64(req('X-Key')) == 'open'\"", CERTIFICATE), {5}),
        (("Require ldap-group cn=ops", CERTIFICATE), {5}),
    ],
)
def test_an_untestable_condition_may_replace_a_certificate(lines: tuple[str, ...], responsible: set[int]) -> None:
    directives = location(*lines)
    assert grants(directives) == {Grant.UNTESTABLE}
    assert {one.directive.line for one in directives.untestable_grants()} == responsible


@pytest.mark.parametrize(
    "lines",
    [
        (CERTIFICATE,),
        (f'Require expr "{VERIFIED} && {AT_NIGHT}"',),
        ("<RequireAll>", CERTIFICATE, f'Require expr "{AT_NIGHT}"', "</RequireAll>"),
        ("<RequireAll>", CERTIFICATE, "<RequireNone>", f'Require expr "{AT_NIGHT}"', "</RequireNone>", "</RequireAll>"),
        (f'SSLRequire {VERIFIED} and %{{TIME_WDAY}} >= "1"',),
        (f'<If "{AT_NIGHT}">', DENIED, "</If>", CERTIFICATE),
        (f'<If "{AT_NIGHT}">', CERTIFICATE, "</If>", CERTIFICATE),
        (*rewriting(UNVERIFIED, "RewriteCond %{TIME_HOUR} <20"), CERTIFICATE),
        (*rewriting(UNVERIFIED), *rewriting("RewriteCond %{TIME_HOUR} >20")),
        ("Require valid-user", CERTIFICATE),
        ("AuthType Basic", "AuthUserFile users", "Require valid-user", CERTIFICATE),
        ('<If "%{HTTP_REFERER} =~ m#spam#">', DENIED, "</If>", "<Else>", CERTIFICATE, "</Else>"),
        (f'<If "{AT_NIGHT}">', DENIED, "</If>", f'<ElseIf "{VERIFIED}">', GRANTED, "</ElseIf>", *OTHERWISE),
        ("AuthMerging And", "Require method POST", "</Location>", "<Location />", "AuthMerging And", CERTIFICATE),
        (f"Require expr \"{VERIFIED} || %{{REQUEST_URI}} == '/public'\"",),
        # The rules of a section run after its Require.
        *(
            ("RewriteEngine on", cond, "RewriteRule ^ - [E=seen:1]", "Require env seen", CERTIFICATE)
            for cond in ("RewriteCond %{ENV:seen} =1", "RewriteCond %{HTTP:X-Key} =1")
        ),
        (f'Require expr "{VERIFIED} || %{{HTTP:Authorization}} =~ /^Bearer /"',),
        ("SSLVerifyClient require", f'Require expr "{AT_NIGHT}"'),
        (f'Require expr "{VERIFIED} && %{{SSL_CLIENT_S_DN_O}} =~ /TIME(1|2)/"',),
        ("<RequireNone>", DENIED, "</RequireNone>"),
    ],
)
def test_where_the_certificate_is_wanted_all_the_same_nothing_else_admits(lines: tuple[str, ...]) -> None:
    assert grants(location(*lines)) == {Grant.NOTHING}


@pytest.mark.parametrize(
    "lines",
    [
        ("SetEnvIf X-Key yes seen", "<Location />", "Require env seen", CERTIFICATE, "</Location>"),
        rewriting(UNVERIFIED, "RewriteCond %{HTTP:X-Key} !=open"),
    ],
)
def test_a_header_that_httpd_removes_early_admits_no_client(lines: tuple[str, ...]) -> None:
    assert grants(query("RequestHeader unset X-Key early", *lines)) == {Grant.NOTHING}
    assert grants(query("RequestHeader unset X-Key", *lines)) == {Grant.WORDS}, "that is too late"


@pytest.mark.parametrize(
    "lines",
    [
        ("Require ip 10.0.0.0/8",),
        (f'Require expr "{AT_NIGHT}"',),
        ("Require ip 10.0.0.0/8", f'Require expr "{AT_NIGHT}"', CERTIFICATE),
        (f"Require expr \"{VERIFIED} || %{{HTTP:X-Key}} == 'open'\"",),
    ],
)
def test_where_the_handshake_wants_the_certificate_no_rule_admits_a_client_without(lines: tuple[str, ...]) -> None:
    directives = location(*lines, client="require")
    assert (directives.address_grants(), directives.untestable_grants(), directives.request_grants()) == ([], [], [])


@pytest.mark.parametrize(
    ("lines", "responsible"),
    [
        ((f"Require expr \"{VERIFIED} || -R '10.0.0.0/8'\"",), {5}),
        ((r'SetEnvIf Remote_Addr "^10\." inside', "Require env inside", CERTIFICATE), {5, 6}),
        (rewriting(UNVERIFIED, r"RewriteCond %{REMOTE_ADDR} !^10\."), {7}),
        (("Require ip 203.0.113.0/24", CERTIFICATE), {5}),
        (("Require host inside.test", CERTIFICATE), {5}),
        (("Order deny,allow", "Deny from all", "Allow from 10.1", "Satisfy any", CERTIFICATE), {7}),
    ],
)
def test_an_address_may_be_as_good_on_purpose(lines: tuple[str, ...], responsible: set[int]) -> None:
    directives = location(*lines)
    assert grants(directives) == {Grant.ADDRESS}
    assert {one.directive.line for one in directives.address_grants()} == responsible


@pytest.mark.parametrize(
    "lines",
    [
        ("<RequireAll>", "Require ip 10.0.0.0/8", CERTIFICATE, "</RequireAll>"),
        ("<RequireAll>", "Require not ip 203.0.113.7", CERTIFICATE, "</RequireAll>"),
        ("Order deny,allow", "Deny from all", "Allow from 10.1", CERTIFICATE),
    ],
)
def test_an_address_in_addition_to_the_certificate_admits_no_other_client(lines: tuple[str, ...]) -> None:
    assert grants(location(*lines)) == {Grant.NOTHING}


@pytest.mark.parametrize(
    ("lines", "responsible"),
    [
        ((f"Require expr \"{VERIFIED} || %{{HTTP_USER_AGENT}} == 'probe'\"",), {5}),
        (("<RequireAny>", "Require method POST", CERTIFICATE, "</RequireAny>"), {6}),
        (("SetEnvIf X-Probe yes probe", "Require env probe", CERTIFICATE), {5, 6}),
        (rewriting(UNVERIFIED, "RewriteCond %{HTTP:X-Key} !=open"), {7}),
        (
            rewriting("RewriteCond %{HTTP:X-Key} (.+)", "RewriteCond %1 =open", "RewriteRule ^ - [L]", UNVERIFIED),
            {6, 7},
        ),
        (("<Limit GET>", CERTIFICATE, "</Limit>"), {5}),
        # Too early for a section: httpd runs `early` before it knows the path.
        (("RequestHeader unset X-Key early", *rewriting(UNVERIFIED, "RewriteCond %{HTTP:X-Key} !=open")), {8}),
    ],
)
def test_what_is_written_is_for_the_probes_to_show(lines: tuple[str, ...], responsible: set[int]) -> None:
    directives = location(*lines)
    assert grants(directives) == {Grant.WORDS}
    assert {one.directive.line for one in directives.request_grants()} == responsible


@pytest.mark.parametrize(
    "lines",
    [
        (GRANTED,),
        (f"Require expr \"{VERIFIED} || %{{REQUEST_URI}} == '/'\"",),
        ("SetEnvIf Request_URI ^/$ public", "Require env public", CERTIFICATE),
        ("<RequireAll>", GRANTED, "Require not env bad", "</RequireAll>"),
        ("<RequireAny>", "Require method GET OPTIONS", CERTIFICATE, "</RequireAny>"),
        ("<LimitExcept GET PUT>", CERTIFICATE, "</LimitExcept>"),
        ('<If "%{HTTP_REFERER} =~ m#spam#">', DENIED, "</If>"),
        (f"Require expr \"{VERIFIED} || %{{HTTP_COOKIE}} != 'x'\"",),
        rewriting(UNVERIFIED, "RewriteCond %{HTTP_COOKIE} session=1"),
        rewriting("RewriteCond %{HTTP:X-Key} ^a$"),
        (f'<If "{AT_NIGHT}">', GRANTED, "</If>"),
    ],
)
def test_a_grant_for_all_is_found_by_the_probes(lines: tuple[str, ...]) -> None:
    assert grants(location(*lines)) == {Grant.ALL}


def test_a_negated_condition_alone_grants_nothing() -> None:
    assert grants(location("Require not env bad")) == {Grant.NOTHING}


@pytest.mark.engine
def test_a_grant_that_is_not_tested_is_no_pass(tmp_path: Path) -> None:
    lines = (
        "SSLVerifyClient optional",
        "SSLCACertificateFile /etc/ssl/ca.crt",
        "<Location />",
        "Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS' || %{TIME_YEAR} -lt 2000\"",
        "</Location>",
    )
    (config := tmp_path / "site.conf").write_text("\n".join(lines))
    run = verify(Target.from_path(config), only=lambda case: case.family == "absent" or case.id == "valid.p256")
    assert run.verdict() == "inconclusive"
    assert "site.conf:4" in (run.trouble or "")
    assert [(entry.level, entry.file, entry.line) for entry in run.findings] == [("warning", "site.conf", 4)]
    assert verify(Target.from_path(config), only=lambda case: case.id == "valid.p256").verdict(strict=True) == "pass"


@pytest.mark.parametrize("other", ["Require ip 10.0.0.0/8", "Require expr \"%{HTTP:X-Key} == 'open'\""])
def test_another_grant_does_not_hide_an_untestable_one(other: str) -> None:
    directives = location("<RequireAny>", other, f'Require expr "{AT_NIGHT}"', CERTIFICATE, "</RequireAny>")
    assert [one.directive.line for one in directives.untestable_grants()] == [7]


def test_an_untestable_condition_does_not_count_with_an_address_that_is_not_admitted() -> None:
    night = ("<RequireAll>", f'Require expr "{AT_NIGHT}"', CERTIFICATE, "</RequireAll>")
    directives = location("<RequireAny>", "Require ip 10.0.0.0/8", *night, "</RequireAny>")
    assert directives.untestable_grants() == []
