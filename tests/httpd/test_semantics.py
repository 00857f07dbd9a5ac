"""Behaviour of httpd that no manual describes: each of these was a disagreement between its answers and the formula."""

import pytest

from harness.httpd.authorization import Place, Section, decide
from harness.httpd.expression import parse
from harness.httpd.formula import FALSE, TRUE, Formula, cofactor, depends_on, holds
from harness.httpd.pcre import readable, search, wildcard
from harness.httpd.variables import BASIC_USER, LEGACY_SUBJECT, Origin, Variable, header, variable
from harness.httpd.witness import equivalent
from tests.httpd.places import body, decision

CERTIFICATE = "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"
A_IS_1 = "%{HTTP:A} == '1'"
POST = "%{REQUEST_METHOD} == 'POST'"
GET = "(%{REQUEST_METHOD} == 'GET' || %{REQUEST_METHOD} == 'HEAD')"


def rewritten(rules: str) -> Formula:
    return decision(server=f"RewriteEngine on\n{rules}").formula


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        # GET and HEAD are one method.
        ("Require method HEAD", GET),
        ("<Limit HEAD>\nRequire ssl-verify-client\n</Limit>", f"!{GET} || {CERTIFICATE}"),
        ("AllowMethods POST", "%{REQUEST_METHOD} == 'POST'"),
        ("AllowMethods POST\nAllowMethods HEAD", f"%{{REQUEST_METHOD}} == 'POST' || {GET}"),
        # Without AuthType httpd requests no user name.
        ("Require valid-user", "false"),
        # Each Order and Satisfy is about the methods of its <Limit>.
        ("<Limit POST>\nOrder allow,deny\n</Limit>", "%{REQUEST_METHOD} != 'POST'"),
        (
            "<Limit POST>\nSatisfy any\n</Limit>\nDeny from all\nRequire ssl-verify-client",
            f"%{{REQUEST_METHOD}} == 'POST' && {CERTIFICATE}",
        ),
        # AllowMethods is a part of access, and StrictRequire is about those who name a user.
        (
            "AllowMethods POST\nSatisfy any\nRequire ssl-verify-client",
            f"%{{REQUEST_METHOD}} == 'POST' || {CERTIFICATE}",
        ),
        (f"SSLRequire {CERTIFICATE}\nSSLOptions +StrictRequire\nSatisfy any\nRequire all granted", "true"),
        # Only double quotes around a whole expression are taken away, and no escape inside of them.
        ("Require expr 'a'.'b' == 'ab' && %{HTTP:A} == '1'", A_IS_1),
        ("Require expr \"'a\\\\\\\\b' == 'a\\\\b' || false\"", "false"),
    ],
)
def test_a_section_comes_to(section: str, expected: str) -> None:
    assert equivalent(decision(section).formula, parse(expected))


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        # Conditional sections are walked level by level.
        (
            ['<If "true">\n<If "true">\nRequire all denied\n</If>\n</If>', '<If "true">\nRequire all granted\n</If>'],
            "false",
        ),
        # Those of one level are merged with each other first, and AuthMerging is about the result.
        (
            [
                f"Require expr {A_IS_1}",
                '<If "true">\nRequire all granted\n</If>',
                f'<If "true">\nAuthMerging And\nRequire expr {CERTIFICATE}\n</If>',
            ],
            f"{A_IS_1} && {CERTIFICATE}",
        ),
        (
            ["Require all denied", "Require all granted", f"AuthMerging And\nRequire expr {A_IS_1}"],
            A_IS_1,
        ),
        # The directives of mod_access_compat in a section replace all earlier ones.
        (["Order allow,deny\nAllow from 10.0.0.0/8\nSatisfy any", "Deny from 192.0.2.0/24"], "!(-R '192.0.2.0/24')"),
        # A section without Require takes the requirement away, if it says how to merge.
        (["Require all denied", "AuthMerging Off"], "true"),
        (["Require all denied", "AuthMerging And"], "false"),
        (["AllowMethods POST", "AllowMethods reset"], "true"),
    ],
)
def test_sections_are_merged(sections: list[str], expected: str) -> None:
    assert equivalent(decision(*sections).formula, parse(expected))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Texts are compared by length first; without case, letter by letter.
        ("RewriteCond %{HTTP:A} >aaa\nRewriteRule ^ - [F]", "%{HTTP:A} !~ /^(....+|[b-z]..|a[b-z].|aa[b-z])$/"),
        ("RewriteCond %{HTTP:A} <abc [NC]\nRewriteRule ^ - [F]", "!(tolower(%{HTTP:A}) < 'abc')"),
        # What a text is compared with is taken as it is written.
        ("RewriteCond %{HTTP:A} =%{HTTPS}\nRewriteRule ^ - [F]", "!(%{HTTP:A} == '%'.'{HTTPS}')"),
        # A `!` before an expression is about all of it, and names of variables ignore case.
        (
            "RewriteCond expr \"!%{HTTP:A} == '1' || %{HTTP:B} == '1'\"\nRewriteRule ^ - [F]",
            f"{A_IS_1} || %{{HTTP:B}} == '1'",
        ),
        ("RewriteCond %{https} =on\nRewriteRule ^ - [F]", "false"),
        # Without a substitution nothing is redirected.
        ("RewriteRule ^ - [R=302]", "true"),
        ("RewriteRule ^ /y [R=302]", "false"),
        # A variable is seen by the rules after it, on the way on which it is set.
        (
            f'RewriteCond expr "{A_IS_1}"\nRewriteRule ^ - [E=x:1]\nRewriteCond %{{ENV:x}} =1\nRewriteRule ^ - [F]',
            f"!({A_IS_1})",
        ),
        # `%1` is of the last condition that matched: of an OR, of the one that did.
        (
            "RewriteCond %{HTTP:A} ^a(.) [OR]\nRewriteCond %{HTTP:B} ^b(.)\nRewriteCond %1 =1\nRewriteRule ^ - [F]",
            "!((%{HTTP:A} =~ /^a(.)/ && $1 == '1') || (%{HTTP:A} !~ /^a./ && %{HTTP:B} =~ /^b(.)/ && $1 == '1'))",
        ),
        (
            "RewriteCond %{HTTP:A} ^(.)$\nRewriteCond %{HTTP:B} =2\nRewriteCond %1 =1\nRewriteRule ^ - [F]",
            f"!({A_IS_1} && %{{HTTP:B}} == '2')",
        ),
        # PT ends the list as L does.
        ("RewriteRule ^ - [PT]\nRewriteRule ^ - [F]", "true"),
        # A slash is put before what has none.
        ("RewriteRule ^/x$ y", "true"),
    ],
)
def test_rules_of_the_server_come_to(rules: str, expected: str) -> None:
    assert equivalent(rewritten(rules), parse(expected))


def test_a_location_decides_whether_the_rules_of_the_server_are_followed() -> None:
    server = "RewriteEngine on\nRewriteRule ^ - [F]"
    assert decision("RewriteEngine off", server=server).formula == TRUE
    conditional = f'<If "{A_IS_1}">\nRewriteEngine off\n</If>'
    assert equivalent(decision(conditional, server=server).formula, parse(A_IS_1))
    assert decision("RewriteEngine on", server=server.replace("on\n", "off\n")).formula == FALSE


def test_rules_of_an_if_replace_those_of_the_section() -> None:
    section = f'RewriteEngine on\nRewriteRule ^ - [F]\n<If "{A_IS_1}">\nRewriteRule ^ - [L]\n</If>'
    assert equivalent(decision(section).formula, parse(A_IS_1))


@pytest.mark.parametrize(
    ("setters", "expected"),
    [
        ("SetEnvIf A ^1$ OK\n", A_IS_1),
        ("SetEnvIf A ^1$ ok=\n", A_IS_1),
        ("SetEnvIf A . ok\nSetEnvIf A ^2$ ok=!x", "%{HTTP:A} =~ /./ && %{HTTP:A} != '2'"),
        # A variable is looked at where no header of its name is sent.
        ("SetEnvIf A ^1$ b=2\nSetEnvIf b ^2$ ok", f"%{{HTTP:b}} == '2' || (%{{HTTP:b}} == '' && {A_IS_1})"),
        # The same attribute is looked up once for all directives in a row.
        ("SetEnvIf ok ^$ ok=x\nSetEnvIf ok ^x$ !ok\n", "true"),
    ],
)
def test_variables_are_set(setters: str, expected: str) -> None:
    found = decision("Require env ok", server=setters).formula
    # A header of the variable's own name decides as well.
    assert equivalent(cofactor(found, {header("ok"): ""}), parse(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$1", "%{HTTP:A} =~ /^x(.*)$/ && $1 == 'y'"),
        ("\\$1", "false"),
        ("%{HTTPS}", "false"),
    ],
)
def test_a_value_holds_groups_and_no_variables(value: str, expected: str) -> None:
    text = f"SetEnvIf A ^x(.*)$ e={value}\n<Location />\nRequire expr \"reqenv('e') == 'y'\"\n</Location>"
    setter, *_ = text.splitlines()
    assert equivalent(decision("Require expr reqenv('e') == 'y'", server=setter).formula, parse(expected))


def test_an_if_sees_no_variable_that_a_section_sets() -> None:
    condition = "<If \"reqenv('e') == '1'\">\nRequire all denied\n</If>"
    assert decision(f"SetEnvIf A . e\n{condition}").formula == TRUE
    assert decision(condition, server="SetEnvIfExpr true e").formula == FALSE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'abc' =~ /(b)/ && $1 == 'b'", "true"),
        ("'abc' =~ /(b)/ && 'x' =~ /x/ && $1 == 'b'", "true"),
        ("'abc' =~ /(b)/ && 'x' !~ /(y)/ && $1 == ''", "true"),
        ("(%{HTTP:A} == '1' && 'b' =~ /(b)/) || $1 == 'b'", A_IS_1),
        ("%{HTTP:A} =~ /^(1)$/ || $1 == ''", "true"),
        ("'\\101\\x' == 'Ax'", "true"),
        ("%{https} == 'on' && %{HTTPS} == 'on'", "%{HTTPS} == 'on'"),
        ("escape('a?&=+;b') == 'a%3f&=+%3bb'", "true"),
        ("'::ffff:192.0.2.7' -ipmatch '192.0.2.0/24'", "true"),
        ("'a/b' -fnmatch '*'", "false"),
        ("'a/b' -strmatch '*'", "true"),
        ("'b' -strmatch '[!a]' && 'B' -strcmatch '[a-c]' && '[ab' -strmatch '[ab'", "true"),
    ],
)
def test_an_expression_comes_to(text: str, expected: str) -> None:
    assert equivalent(parse(text), parse(expected))


@pytest.mark.parametrize("text", ["osenv('x') == '1'", "note('x') == '1'", "%{TIME_HOUR} == '1'", "-d 'x'"])
def test_an_unknown_value_stays_open(text: str) -> None:
    assert depends_on(parse(text), Origin.UNKNOWABLE)


def test_memory_that_is_not_cleared_is_not_read_as_empty() -> None:
    # In RewriteCond and SetEnvIfExpr, httpd 2.4 reads it, and may even end by it.
    assert depends_on(rewritten("RewriteCond expr \"$1 == ''\"\nRewriteRule ^ - [F]"), Origin.UNKNOWABLE)
    assert parse("$1 == ''") == TRUE


def test_an_expression_that_python_reads_otherwise_stays_open() -> None:
    assert not readable(r"a\Kb")
    assert depends_on(parse(r"%{HTTP:A} =~ /a\Kb/"), Origin.UNKNOWABLE)


def test_the_end_is_the_end() -> None:
    assert search("^a$", "a\n") is None
    assert search("^a.b$", "a\nb") is not None
    assert search(r"^\d$", "\u0663") is None
    assert search(wildcard("a[b-d]*", any_case=True), "ACx")


def test_an_internal_redirect_is_another_request() -> None:
    def place(text: str) -> Place:
        return Place(
            "/x",
            [body("")],
            lambda url, _: [Section(body(text if url == "/x" else f"Require expr {A_IS_1}"), "directory", "/var/www")],
            lambda mapped: f"/var/www{mapped}",
            {},
            lambda _: b"",
        )

    assert equivalent(decide(place("RewriteEngine on\nRewriteRule ^x$ y")).formula, parse(A_IS_1))
    assert equivalent(decide(place("RewriteEngine on\nRewriteRule ^x$ /y?q=1")).formula, parse(A_IS_1))


def test_a_query_is_what_the_last_rule_made_of_it() -> None:
    found = decision("Require expr %{QUERY_STRING} == 'q=1'", server="RewriteEngine on\nRewriteRule ^ /y?q=1 [PT]")
    assert found.formula == TRUE
    kept = decision("Require expr %{QUERY_STRING} == 'q=1'", server="RewriteEngine on\nRewriteRule ^ /y [PT]").formula
    assert holds(kept, {variable("QUERY_STRING"): "q=1"}) is True


def test_a_variable_of_the_environment_has_one_name() -> None:
    assert variable("HTTP_USER_AGENT") == header("User-Agent") == Variable("HTTP:user-agent", Origin.REQUEST)


def test_sections_of_one_kind_are_merged_with_each_other_first() -> None:
    bodies = (
        "Require all denied",
        f"AuthMerging Or\nRequire expr {A_IS_1}",
        f"AuthMerging And\nRequire expr {CERTIFICATE}",
    )
    kinds = ("directory", "location", "location")
    place = Place(
        "/x",
        [body("")],
        lambda _url, _content: [Section(body(text), kind) for text, kind in zip(bodies, kinds, strict=True)],
        lambda mapped: f"/var/www{mapped}",
        {},
        lambda _: b"",
    )
    # AuthMerging is then that of the last one, about all of them.
    assert decide(place).formula == FALSE


def test_a_certificate_takes_the_place_of_a_password() -> None:
    text = "SSLOptions +FakeBasicAuth\nAuthType Basic\nAuthUserFile users\nRequire valid-user"
    found = decision(text, files={"users": b"/CN=anna:x\nbob:x\n"}).formula
    by_password, by_subject = Variable(BASIC_USER, Origin.PASSWORD), Variable(LEGACY_SUBJECT, Origin.CERTIFICATE)
    assert holds(found, {by_password: "bob", by_subject: ""}) is True
    assert holds(found, {by_password: "bob", by_subject: "/CN=eve"}) is False


def test_end_ends_the_rewriting_of_what_comes_after_as_well() -> None:
    text = "RewriteEngine on\nRewriteRule ^ /y [{}]"
    assert decision(text.format("END")).formula == TRUE
    assert decision(text.format("L")).formula == FALSE, "a circle"


def test_a_request_cannot_have_a_subject_as_its_user_name() -> None:
    found = decision(
        "AuthType Basic\nAuthUserFile users\nRequire valid-user", files={"users": b"/CN=anna:x\nbob:x\n"}
    ).formula
    by_password = Variable(BASIC_USER, Origin.PASSWORD)
    assert holds(found, {by_password: "bob"}) is True
    assert holds(found, {by_password: "/CN=anna"}) is False


def test_what_is_granted_without_a_user_is_granted_to_all() -> None:
    text = "AuthType Basic\nAuthUserFile users\n<RequireAll>\nRequire all granted\nRequire not user bob\n</RequireAll>"
    assert decision(text, files={"users": b"bob:x\n"}).formula == TRUE


def test_a_certificate_or_a_password_names_the_user() -> None:
    text = "SSLUserName SSL_CLIENT_S_DN_CN\nAuthType Basic\nAuthUserFile users\nRequire user bob"
    found = decision(text, files={"users": b"bob:x\n"}).formula
    by_password, name = Variable(BASIC_USER, Origin.PASSWORD), variable("SSL_CLIENT_S_DN_CN")
    assert holds(found, {by_password: "", name: "bob"}) is True
    assert holds(found, {by_password: "bob", name: ""}) is True
    assert holds(found, {by_password: "bob", name: "eve"}) is False
