"""Ways in that no client here can try."""

from pathlib import Path

import pytest

from harness.httpd.guard import Guard
from harness.verify import Target, verify
from harness.verify.untried import Lets, untried
from tests.dump import places

CERTIFICATE = "Require ssl-verify-client"
VERIFIED = "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"
UNVERIFIED = "RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS"
DENIED, GRANTED = "Require all denied", "Require all granted"
OTHERWISE = ("<Else>", DENIED, "</Else>")
AT_NIGHT = "%{TIME_HOUR} -gt 20"


def guard(*lines: str) -> Guard:
    (site, *_) = places("<Location />", *lines, "</Location>", client="optional")
    return site.guard


def rewriting(*conditions: str) -> tuple[str, ...]:
    return "RewriteEngine on", *conditions, "RewriteRule ^ - [F]"


@pytest.mark.parametrize(
    "lines",
    [
        (f'Require expr "{VERIFIED} || {AT_NIGHT}"',),
        (f'Require expr "{AT_NIGHT}"', CERTIFICATE),
        ("Require env GEOIP_COUNTRY", CERTIFICATE),
        (f'SetEnvIfExpr "{AT_NIGHT}" night', "Require env night", CERTIFICATE),
        (f'SSLRequire {VERIFIED} or %{{TIME_WDAY}} == "0"',),
        (f'<If "{AT_NIGHT}">', "Require all granted", "</If>", CERTIFICATE),
        (f'<If "{VERIFIED}">', GRANTED, "</If>", f'<ElseIf "{AT_NIGHT}">', GRANTED, "</ElseIf>", *OTHERWISE),
        (f'<If "!({VERIFIED}) && !({AT_NIGHT})">', "Require all denied", "</If>"),
        rewriting(UNVERIFIED, "RewriteCond %{TIME_HOUR} <20"),
        rewriting(UNVERIFIED, "RewriteCond ${known:%{HTTP_USER_AGENT}|no} =no"),
        rewriting(f'RewriteCond expr "!({VERIFIED} || {AT_NIGHT})"'),
        ('Require expr "%{SSL_CIPHER} =~ /AES256/"', CERTIFICATE),
        ("Require expr \"unbase64(req('X-Key')) == 'open'\"", CERTIFICATE),
    ],
)
def test_what_nobody_can_choose_may_be_as_good_as_a_certificate(lines: tuple[str, ...]) -> None:
    lets, rules = untried(guard(*lines), "/")
    assert lets is Lets.NOBODY_KNOWS
    assert rules


@pytest.mark.parametrize(
    "lines",
    [
        (CERTIFICATE,),
        (f'Require expr "{VERIFIED} && {AT_NIGHT}"',),
        ("<RequireAll>", CERTIFICATE, f'Require expr "{AT_NIGHT}"', "</RequireAll>"),
        ("<RequireAll>", CERTIFICATE, "<RequireNone>", f'Require expr "{AT_NIGHT}"', "</RequireNone>", "</RequireAll>"),
        (f'SSLRequire {VERIFIED} and %{{TIME_WDAY}} >= "1"',),
        (f'<If "{AT_NIGHT}">', "Require all denied", "</If>", CERTIFICATE),
        (f'<If "{AT_NIGHT}">', CERTIFICATE, "</If>", CERTIFICATE),
        (*rewriting(UNVERIFIED, "RewriteCond %{TIME_HOUR} <20"), CERTIFICATE),
        (*rewriting(UNVERIFIED), *rewriting("RewriteCond %{TIME_HOUR} >20")),
        ("Require valid-user", CERTIFICATE),
        ('<If "%{HTTP_REFERER} =~ m#spam#">', "Require all denied", "</If>", "<Else>", CERTIFICATE, "</Else>"),
        (f'<If "{AT_NIGHT}">', DENIED, "</If>", f'<ElseIf "{VERIFIED}">', GRANTED, "</ElseIf>", *OTHERWISE),
        ("RequestHeader unset X-Probe early", "SetEnvIf X-Probe yes probe", "Require env probe", CERTIFICATE),
        ("RequestHeader unset X-Key early", *rewriting(UNVERIFIED, "RewriteCond %{HTTP:X-Key} !=open")),
        ("AuthMerging And", "Require method POST", "</Location>", "<Location />", "AuthMerging And", CERTIFICATE),
        ("<RequireAny>", "Require method GET OPTIONS", CERTIFICATE, "</RequireAny>"),
        (f"Require expr \"{VERIFIED} || %{{REQUEST_URI}} == '/public'\"",),
        (
            "RewriteEngine on",
            "RewriteCond %{ENV:seen} =1",
            "RewriteRule ^ - [E=seen:1]",
            "Require env seen",
            CERTIFICATE,
        ),
        (f'Require expr "{VERIFIED} || %{{HTTP:Authorization}} =~ /^Bearer /"',),
        ("SSLVerifyClient require", f'Require expr "{AT_NIGHT}"'),
        (f'Require expr "{VERIFIED} && %{{SSL_CLIENT_S_DN_O}} =~ /TIME(1|2)/"',),
    ],
)
def test_where_the_certificate_is_wanted_all_the_same_it_opens_nothing(lines: tuple[str, ...]) -> None:
    assert untried(guard(*lines), "/")[0] is Lets.NO


@pytest.mark.parametrize(
    "lines",
    [
        (f"Require expr \"{VERIFIED} || -R '10.0.0.0/8'\"",),
        (r'SetEnvIf Remote_Addr "^10\." inside', "Require env inside", CERTIFICATE),
        rewriting(UNVERIFIED, r"RewriteCond %{REMOTE_ADDR} !^10\."),
    ],
)
def test_an_address_may_be_as_good_on_purpose(lines: tuple[str, ...]) -> None:
    lets, rules = untried(guard(*lines), "/")
    assert lets is Lets.FROM_SOMEWHERE
    assert rules


@pytest.mark.parametrize(
    "lines",
    [
        (f"Require expr \"{VERIFIED} || %{{HTTP_USER_AGENT}} == 'probe'\"",),
        ("<RequireAny>", "Require method POST", CERTIFICATE, "</RequireAny>"),
        ("SetEnvIf X-Probe yes probe", "Require env probe", CERTIFICATE),
        rewriting(UNVERIFIED, "RewriteCond %{HTTP:X-Key} !=open"),
        rewriting("RewriteCond %{HTTP:X-Key} (.+)", "RewriteCond %1 =open", "RewriteRule ^ - [L]", UNVERIFIED),
    ],
)
def test_what_is_written_is_for_the_probes_to_show(lines: tuple[str, ...]) -> None:
    lets, rules = untried(guard(*lines), "/")
    assert lets is Lets.IF_WRITTEN
    assert rules


@pytest.mark.parametrize(
    "lines",
    [
        ("Require all granted",),
        (f"Require expr \"{VERIFIED} || %{{REQUEST_URI}} == '/'\"",),
        ("SetEnvIf Request_URI ^/$ public", "Require env public", CERTIFICATE),
        ("Require not env bad",),
    ],
)
def test_what_is_given_to_all_shows_itself(lines: tuple[str, ...]) -> None:
    assert untried(guard(*lines), "/")[0] is Lets.YES


@pytest.mark.engine
def test_a_way_in_that_is_not_tried_is_no_pass(tmp_path: Path) -> None:
    said = (
        "SSLVerifyClient optional",
        "SSLCACertificateFile /etc/ssl/ca.crt",
        "<Location />",
        "Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS' || %{TIME_YEAR} -lt 2000\"",
        "</Location>",
    )
    (config := tmp_path / "site.conf").write_text("\n".join(said))
    run = verify(Target.from_path(config), only=lambda case: case.family == "absent" or case.id == "valid.p256")
    assert run.verdict() == "inconclusive"
    assert "site.conf:4" in (run.trouble or "")
    assert [(entry.level, entry.file, entry.line) for entry in run.findings] == [("warning", "site.conf", 4)]
    assert verify(Target.from_path(config), only=lambda case: case.id == "valid.p256").verdict(strict=True) == "pass"
