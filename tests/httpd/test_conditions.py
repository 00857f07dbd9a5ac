"""What a condition on the path makes of <If>, <Else> and RewriteRule: about which paths they are."""

from dataclasses import replace

import pytest

from harness.httpd.conditions import exceptions, split_by_path, without_decision
from harness.httpd.directive import Directive, parse, walk
from harness.httpd.rewrite import condition_formula
from harness.httpd.rewrite_rule import rules
from harness.httpd.section import Section, sections
from harness.httpd.site import sites

VERIFIED = "%{SSL_CLIENT_VERIFY} != 'SUCCESS'"
NOT_VERIFIED = Directive("RewriteCond", "%{SSL:SSL_CLIENT_VERIFY} !=SUCCESS", "site.conf", 1)
DENIED = Directive("Require", "all denied", "site.conf", 3)


def condition(text: str, name: str = "If") -> Directive:
    return Directive(name, f'"{text}"' if text else "", "site.conf", 2, (DENIED,))


def rewriting(*lines: str) -> list[Directive]:
    split = (line.partition(" ") for line in lines)
    return [Directive(name, arguments, "site.conf", 2) for name, _, arguments in split]


def only(*body: Directive) -> Section:
    (section,) = sections(body)
    return section


@pytest.mark.parametrize(
    ("test", "inside", "outside"),
    [
        ("%{REQUEST_URI} =~ m#^/admin/#", "/admin/x", "/x"),
        ("%{REQUEST_URI} =~ m#^/admin/#i", "/ADMIN/x", "/x"),
        ("%{REQUEST_URI} !~ m#^/public/#", "/x", "/public/x"),
        ("! (%{REQUEST_URI} =~ m#^/public/#)", "/x", "/public/x"),
        ("%{REQUEST_URI} == '/admin'", "/admin", "/admin/x"),
        ("%{REQUEST_URI} != '/login'", "/", "/login"),
        ("%{REQUEST_URI} -strmatch '/reports/*.csv'", "/reports/a.csv", "/reports/a.txt"),
        ("%{REQUEST_URI} =~ m#^/admin/# && %{REQUEST_URI} !~ m#help#", "/admin/x", "/admin/help"),
        ("(%{REQUEST_URI} =~ m#^/a/# || %{REQUEST_URI} =~ m#^/b/#)", "/b/x", "/x"),
        ("%{REQUEST_URI} in { '/a', '/b' }", "/b", "/c"),
        ("!(%{REQUEST_URI} =~ m#^/a/# || %{REQUEST_URI} == '/b')", "/x", "/b"),
        ("tolower(%{REQUEST_URI}) =~ m#^/admin/#", "/ADMIN/x", "/x"),
    ],
)
def test_an_if_is_about_the_paths_that_pass_its_tests(test: str, inside: str, outside: str) -> None:
    section = only(condition(f"{test} && {VERIFIED}"))
    assert section.covers(inside, "", None)
    assert not section.covers(outside, "", None)
    assert section.covers(str(section.example()), "", None)
    asking, *_ = section.inner()
    assert asking == section.entry
    assert section.unconditional == ()


@pytest.mark.parametrize(
    "text",
    [
        VERIFIED,
        f"%{{REQUEST_URI}} =~ m#^/admin/# || {VERIFIED}",
    ],
)
def test_any_other_if_is_about_everything(text: str) -> None:
    entry = condition(text)
    assert split_by_path((entry,)) == ((entry,), [])


def test_an_else_is_about_the_other_paths() -> None:
    first, second = condition("%{REQUEST_URI} =~ m#^/a/#"), condition("%{REQUEST_URI} =~ m#^/b/#", "ElseIf")
    _, otherwise, last = sections((first, second, condition("", "Else")))
    assert [otherwise.covers(path, "", None) for path in ("/a/", "/b/", "/c/")] == [False, True, False]
    assert [last.covers(path, "", None) for path in ("/a/", "/b/", "/c/")] == [False, False, True]


def test_an_else_is_about_the_paths_that_no_earlier_condition_admits_at_all() -> None:
    first = condition("%{REQUEST_URI} =~ m#^/a/# && %{REQUEST_URI} !~ m#help#")
    _, otherwise = sections((first, condition("", "Else")))
    assert [otherwise.covers(path, "", None) for path in ("/a/", "/a/help", "/b/")] == [False, True, True]


def test_an_else_after_a_condition_on_more_than_the_path_is_about_everything() -> None:
    body = (condition(f"%{{REQUEST_URI}} =~ m#^/a/# && {VERIFIED}"), condition("", "Else"))
    everywhere, somewhere = split_by_path(body)
    assert (everywhere, [one.entry for one in somewhere]) == (body[1:], [body[0]])


def test_an_else_counts_at_all_its_places_only_where_the_path_alone_leads_to_it() -> None:
    on_path = condition("%{REQUEST_URI} =~ m#^/a/#")
    mixed = condition(f"%{{REQUEST_URI}} =~ m#^/b/# && {VERIFIED}", "ElseIf")
    otherwise = condition("", "Else")
    _, alone = sections((on_path, otherwise))
    *_, after_mixed = sections((on_path, mixed, otherwise))
    assert (alone.unconditional, after_mixed.unconditional) == ((DENIED,), ())


@pytest.mark.parametrize(
    ("lines", "inside", "outside"),
    [
        (["RewriteCond %{REQUEST_URI} ^/admin/", "RewriteRule ^ - [F]"], "/admin/x", "/x"),
        (["RewriteCond %{REQUEST_URI} !^/help [NC]", "RewriteRule .* - [F]"], "/x", "/HELP"),
        (["RewriteCond %{REQUEST_URI} =/admin", "RewriteRule ^ - [F]"], "/admin", "/admin/x"),
        (['RewriteCond expr "%{REQUEST_URI} =~ m#^/admin/#"', "RewriteRule ^ - [F]"], "/admin/x", "/x"),
        (["RewriteCond %{REQUEST_URI} !^/help [NoCase]", "RewriteRule .* - [Forbidden]"], "/x", "/HELP"),
        (["RewriteRule ^/reports/ - [F]"], "/reports/x", "/x"),
        (["RewriteRule !^/help/ - [F]"], "/x", "/help/x"),
        (["RewriteRule ^admin/ - [F]"], "/admin/x", "/x"),
        (
            ["RewriteCond %{REQUEST_URI} ^/a/ [OR]", "RewriteCond %{REQUEST_URI} ^/b/", "RewriteRule ^ - [F]"],
            "/b/x",
            "/x",
        ),
    ],
)
def test_a_rewrite_rule_is_about_the_paths_that_pass_its_tests(lines: list[str], inside: str, outside: str) -> None:
    section = only(NOT_VERIFIED, *rewriting(*lines))
    assert section.covers(inside, "", None)
    assert not section.covers(outside, "", None)
    assert section.covers(str(section.example()), "", None)
    assert NOT_VERIFIED in section.inner()


@pytest.mark.parametrize(
    "lines",
    [
        ["RewriteRule ^ - [F]"],
        ["RewriteCond %{REQUEST_URI} ^/admin/ [OR]", "RewriteRule ^ - [F]"],
        ["RewriteCond %{REQUEST_URI} ^/admin/ [OR]", "RewriteCond %{REMOTE_ADDR} ^10", "RewriteRule ^ - [F]"],
        [],
    ],
)
def test_any_other_rewriting_is_about_everything(lines: list[str]) -> None:
    body = (NOT_VERIFIED, *rewriting(*lines))
    assert split_by_path(body) == (body, [])


@pytest.mark.parametrize(
    ("expression", "spared", "covered"),
    [
        ("^/(?!health$)", "/health", "/healthy"),
        (r"^/(?!.*\.css$).*", "/a/b.css", "/a/b"),
        ("^/(?!static/|login$)", "/static/x", "/x"),
    ],
)
def test_what_an_expression_looks_ahead_for_it_spares(expression: str, spared: str, covered: str) -> None:
    section = Section(Directive("LocationMatch", f'"{expression}"', "site.conf", 1))
    assert section.spares(spared)
    assert not section.spares(covered)
    assert section.covers(covered, "", None)


def test_a_path_that_an_expression_does_not_name_is_not_spared() -> None:
    assert not Section(Directive("LocationMatch", '"^/admin/(?!help$)"', "site.conf", 1)).spares("/x")


def test_what_a_condition_leaves_out_is_spared() -> None:
    section = only(condition(f"%{{REQUEST_URI}} =~ m#^/admin/# && %{{REQUEST_URI}} !~ m#help# && {VERIFIED}"))
    assert section.spares("/admin/help")
    assert not section.spares("/help")
    assert not section.spares("/admin/x")


def test_a_comparison_that_is_no_expression_leaves_out_no_path() -> None:
    (rule,) = rules(rewriting("RewriteCond %{REQUEST_URI} !-f", "RewriteRule ^ -"))
    assert [*exceptions(condition_formula(rule, rule.conditions[0]))] == []


SETS = "RewriteRule ^ - [E=VERIFIED:1]"
VERIFIED_BY_TLS = "RewriteCond %{SSL:SSL_CLIENT_VERIFY} =SUCCESS"


def undeciding(level: Directive, *beside: Directive) -> list[str]:
    whole = [*walk(level), *beside]
    return [entry.name for entry in without_decision(level, whole)]


def test_a_rule_that_only_sets_a_variable_decides_nothing() -> None:
    assert undeciding(Directive("", "", "", 0, tuple(rewriting(VERIFIED_BY_TLS, SETS)))) == ["RewriteCond"]


@pytest.mark.parametrize(
    "rule", ["RewriteRule ^ - [F]", "RewriteRule ^ - [E=VERIFIED:1,L]", "RewriteRule ^ /x [E=A:1]"]
)
def test_a_rule_that_does_more_decides(rule: str) -> None:
    assert undeciding(Directive("", "", "", 0, tuple(rewriting(VERIFIED_BY_TLS, rule)))) == []


def test_a_variable_that_is_asked_for_anywhere_decides() -> None:
    inside = Directive("Location", "/", "", 0, tuple(rewriting(VERIFIED_BY_TLS, SETS)))
    (asked,) = rewriting("Require env VERIFIED")
    assert undeciding(Directive("", "", "", 0, (inside,)), asked) == []


def test_a_condition_whose_else_decides_does_too() -> None:
    header = Directive("RequestHeader", "set X-User a", "site.conf", 3)
    only = replace(condition(VERIFIED), body=(header,))
    assert undeciding(Directive("", "", "", 0, (only, replace(condition("", "Else"), body=(header,))))) == [
        "If",
        "Else",
    ]
    assert undeciding(Directive("", "", "", 0, (only, condition("", "Else")))) == []


def test_a_path_that_a_rule_leaves_out_is_a_site_without_a_claim() -> None:
    lines = (
        "Listen 443",
        "<VirtualHost *:443>",
        "  ServerName a.test",
        "  SSLEngine on",
        "  SSLVerifyClient optional",
        "  RewriteEngine on",
        "  RewriteCond %{REQUEST_URI} !^/login",
        "  RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS",
        "  RewriteRule ^ - [F]",
        "</VirtualHost>",
    )
    dump = "\n".join(
        f"#   {number}:\n{line}" if not line.startswith("</") else line for number, line in enumerate(lines, 1)
    )
    found = {site.path: site.guard.requirement for site in sites(parse(f"# In file: /x\n{dump}\n", {})).places}
    assert found.keys() == {"/", "/login"}
    assert (found["/login"], found["/"] is None) == (None, False)
