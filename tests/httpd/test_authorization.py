"""One policy in many spellings is one formula."""

import pytest

from harness.httpd.expression import parse
from harness.httpd.formula import FALSE, TRUE
from harness.httpd.witness import equivalent
from tests.httpd.places import decision

ORGANISATION, OU = "%{SSL_CLIENT_S_DN_O} == 'Acme'", "%{SSL_CLIENT_S_DN_OU} == 'Ops'"
VERIFIED = "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"


SPELLINGS = {
    "RequireAll": f'<RequireAll>\nRequire expr "{ORGANISATION}"\nRequire expr "{OU}"\n</RequireAll>',
    "one expression": f'Require expr "{ORGANISATION} && {OU}"',
    "words": f'Require expr "{ORGANISATION} and {OU}"',
    "If and Else": f'<If "{ORGANISATION} && {OU}">\nRequire all granted\n</If>\n<Else>\nRequire all denied\n</Else>',
    "If not": f'<If "!({ORGANISATION} && {OU})">\nRequire all denied\n</If>',
    "ElseIf": f'<If "!({ORGANISATION})">\nRequire all denied\n</If>\n<ElseIf "!({OU})">\nRequire all denied\n</ElseIf>',
    "nested If": (
        f'<If "{ORGANISATION}">\n<If "{OU}">\nRequire all granted\n</If>\n<Else>\nRequire all denied\n</Else>\n</If>\n'
        "<Else>\nRequire all denied\n</Else>"
    ),
    "constant on the left": "Require expr \"'Acme' == %{SSL_CLIENT_S_DN_O} && 'Ops' == %{SSL_CLIENT_S_DN_OU}\"",
    "RequireNone": (
        "<RequireAll>\nRequire all granted\n<RequireNone>\n"
        f'Require expr "!({ORGANISATION})"\nRequire expr "!({OU})"\n</RequireNone>\n</RequireAll>'
    ),
    "Require not": (
        f'<RequireAll>\nRequire all granted\nRequire not expr "!({ORGANISATION})"\n'
        f'Require not expr "!({OU})"\n</RequireAll>'
    ),
    "SSLRequire": f"SSLRequire {ORGANISATION} and {OU}",
    "RewriteCond": (
        "RewriteEngine on\nRewriteCond %{SSL:SSL_CLIENT_S_DN_O} !=Acme [OR]\n"
        "RewriteCond %{SSL:SSL_CLIENT_S_DN_OU} !=Ops\nRewriteRule ^ - [F]"
    ),
    "RewriteCond expr": f'RewriteEngine on\nRewriteCond expr "! ({ORGANISATION} && {OU})"\nRewriteRule ^ - [forbidden]',
    "SetEnvIfExpr": f'SetEnvIfExpr "{ORGANISATION} && {OU}" ok\nRequire env ok',
    "concatenated": "Require expr \"%{SSL_CLIENT_S_DN_O}.'/'.%{SSL_CLIENT_S_DN_OU} == 'Acme/Ops'\"",
    "list": "Require expr \"%{SSL_CLIENT_S_DN_O} in {'Acme'} && %{SSL_CLIENT_S_DN_OU} in {'Ops'}\"",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_is_the_same_formula(text: str) -> None:
    assert equivalent(decision(text).formula, parse(f"{ORGANISATION} && {OU}"))


def test_requires_of_one_section_are_alternatives() -> None:
    assert equivalent(
        decision(f'Require expr "{ORGANISATION}"\nRequire expr "{OU}"').formula, parse(f"{ORGANISATION} || {OU}")
    )


def test_the_last_section_counts_unless_they_are_merged() -> None:
    first, second = f'Require expr "{ORGANISATION}"', f'Require expr "{OU}"'
    assert equivalent(decision(first, second).formula, parse(OU))
    assert equivalent(decision(first, f"AuthMerging And\n{second}").formula, parse(f"{ORGANISATION} && {OU}"))
    assert equivalent(decision(first, f"AuthMerging Or\n{second}").formula, parse(f"{ORGANISATION} || {OU}"))


def test_what_only_denies_grants_nothing() -> None:
    assert decision("Require not expr true").formula == FALSE
    assert decision(f'Require not expr "{ORGANISATION}"').formula == FALSE
    assert decision("<RequireNone>\nRequire all denied\n</RequireNone>").formula == FALSE


def test_satisfy_makes_one_of_both_enough() -> None:
    text = "Order deny,allow\nDeny from all\nAllow from 10.0.0.0/8\nRequire ssl-verify-client"
    both = parse(f"%{{REMOTE_ADDR}} -ipmatch '10.0.0.0/8' && {VERIFIED}")
    assert equivalent(decision(text).formula, both)
    either = parse(f"%{{REMOTE_ADDR}} -ipmatch '10.0.0.0/8' || {VERIFIED}")
    assert equivalent(decision(f"{text}\nSatisfy any").formula, either)


def test_a_limit_is_about_its_methods_alone() -> None:
    text = "Require all granted\n<LimitExcept GET>\nRequire ssl-verify-client\n</LimitExcept>"
    assert decision(text).formula == TRUE, "Require all granted is an alternative"
    text = "<RequireAll>\nRequire all granted\n</RequireAll>"
    assert decision(text).formula == TRUE
    text = "<Limit POST>\nRequire ssl-verify-client\n</Limit>"
    assert equivalent(decision(text).formula, parse(f"%{{REQUEST_METHOD}} != 'POST' || {VERIFIED}"))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS\nRewriteRule ^/x - [F]", VERIFIED),
        ("RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS\nRewriteRule ^/y - [F]", "true"),
        ("RewriteRule ^/x - [S=1]\nRewriteRule ^ - [F]", "true"),
        ("RewriteRule ^/y - [C]\nRewriteRule ^ - [F]", "true"),
        ("RewriteCond %{HTTP:A} =1\nRewriteRule ^ - [L]\nRewriteRule ^ - [F]", "%{HTTP:A} == '1'"),
        ("RewriteRule ^/x$ /y\nRewriteRule ^/y$ - [F]", "false"),
        ("RewriteCond %{SSL_CLIENT_VERIFY} !=SUCCESS\nRewriteRule ^ - [F]", "false"),
        (
            "RewriteCond %{HTTP:A} ^a(.*)$\nRewriteCond %1 !=b\nRewriteRule ^ - [F]",
            "%{HTTP:A} == 'ab' || %{HTTP:A} !~ /^a/",
        ),
        ("RewriteCond %{HTTP:A} =1 [OR]\nRewriteRule ^ - [R=404]", "false"),
    ],
)
def test_rewrites_are_followed_rule_by_rule(rules: str, expected: str) -> None:
    assert equivalent(decision(server=f"RewriteEngine on\n{rules}").formula, parse(expected))


def test_a_variable_is_what_sets_it_last() -> None:
    text = "SetEnvIf X-A ^1$ ok\nSetEnvIf X-B ^1$ !ok\nRequire env ok"
    assert equivalent(decision(text).formula, parse("%{HTTP:X-A} == '1' && %{HTTP:X-B} != '1'"))


def test_what_is_not_understood_is_one_unknowable_condition() -> None:
    found = decision("Require ldap-group cn=ops")
    assert [str(one.formula) for one in found.conditions] == ["%{Require ldap-group cn=ops} == 'true'"]


def test_a_subject_is_a_user_by_fake_basic_auth() -> None:
    text = "SSLOptions +FakeBasicAuth\nAuthType Basic\nAuthUserFile users\nRequire valid-user"
    found = decision(text, files={"users": b"/CN=anna:x\nbob:x\n"})
    assert str(found.formula.parts[0]) == "%{SSL_CLIENT_S_DN (legacy)} == '/CN=anna'"  # type: ignore[union-attr]
