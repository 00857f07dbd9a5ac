"""Which paths lie beside what a rule covers: below a program, and by the name of what answers for all."""

import pytest

from harness.httpd.directive import parse
from harness.httpd.site import Site, sites
from tests.dump import dump, places

PHP = ('<FilesMatch "\\.php$">', "SetHandler proxy:fcgi://127.0.0.1:9000", "</FilesMatch>")
FORBIDDEN = ("RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS", "RewriteRule ^ - [F]")


def found(*lines: str) -> tuple[Site, ...]:
    return places("DocumentRoot /var/www/html", *lines)


def location(path: str, rule: str = "Require ssl-verify-client", kind: str = "Location") -> tuple[str, ...]:
    return f'<{kind} "{path}">', rule, f"</{kind}>"


def exception(expression: str) -> tuple[str, ...]:
    return location(expression, "Require all granted", "LocationMatch")


@pytest.mark.parametrize(
    "program",
    [
        PHP,
        ("AddType application/x-httpd-php .php",),
        ("AddHandler cgi-script .php",),
        ("AddHandler application/x-httpd-php php",),
    ],
)
def test_what_looks_like_an_exception_may_lie_below_a_program(program: tuple[str, ...]) -> None:
    site = next(
        one for one in found(*program, *location("/"), *exception(r"\.css$")) if one.path.startswith("/x.php/x")
    )
    assert site.guard.requirement
    assert site.guard.bypassed_by
    assert site.guard.bypassed_by.name == "LocationMatch"


@pytest.mark.parametrize("pattern", [r"!\.css$", "!/public/"])
def test_so_may_what_a_condition_leaves_out(pattern: str) -> None:
    places = found(*PHP, "RewriteEngine on", f"RewriteCond %{{REQUEST_URI}} {pattern}", *FORBIDDEN)
    (site,) = (one for one in places if one.guard.bypassed_by and not one.guard.exempt)
    assert site.guard.bypassed_by
    assert site.guard.bypassed_by.name == "RewriteCond"


@pytest.mark.parametrize("expression", [r"^/static/[a-z]+\.css$", r"^/[^/]+\.css$"])
def test_no_program_is_below_what_begins_otherwise(expression: str) -> None:
    assert not any(one.guard.bypassed_by for one in found(*PHP, *location("/"), *exception(expression)))


def test_without_programs_nothing_lies_below_one() -> None:
    assert not any(one.guard.bypassed_by for one in found(*location("/"), *exception(r"\.css$")))


@pytest.mark.parametrize(
    "front",
    ["FallbackResource /index.php", "RewriteRule ^ /index.php", "RewriteRule ^(.*)$ %{DOCUMENT_ROOT}/index.php"],
)
def test_what_answers_for_all_has_a_name_of_its_own(front: str) -> None:
    (site,) = (one for one in found(front, *location("/admin")) if one.guard.bypassed_by)
    assert site.path == "/index.php/admin/"
    assert site.guard.requirement is None, "what it makes of that is the program's to say"


@pytest.mark.parametrize("other", ["FallbackResource /index.html", "RewriteRule ^/old$ /index.php"])
def test_a_page_does_not_and_nor_does_what_answers_for_one_path(other: str) -> None:
    assert not any(one.guard.bypassed_by for one in found(other, *location("/admin")))


def test_where_all_is_guarded_its_own_name_is_too() -> None:
    assert not any(one.guard.bypassed_by for one in found("FallbackResource /index.php", *location("/")))


@pytest.mark.parametrize(
    ("expression", "beside"),
    [
        ("^/admin/[a-z]+", {"/admin/", "/admin/1"}),
        ("^/admin/.+$", {"/admin/"}),
        (r"^/orders/\d+", set()),
        ("^/admin/", {"/admin"}),
    ],
)
def test_an_expression_about_names_may_leave_out_others(expression: str, beside: set[str]) -> None:
    guard = location(expression, kind="LocationMatch")
    assert {one.path for one in found("ProxyPass / http://app.example:1/", *guard) if one.guard.bypassed_by} == beside


@pytest.mark.parametrize(
    ("test", "beside"),
    [
        ("%{REQUEST_URI} =~ m#^/admin/[a-z]+#", {"/admin/", "/admin/1"}),
        ("%{REQUEST_URI} =~ m#^/admin/#", {"/admin"}),
        ("%{REQUEST_URI} in { '/admin/a', '/admin/b' }", {"/admin/a/x", "/admin/b/x"}),
        ("%{REQUEST_URI} != '/'", set()),
    ],
)
def test_so_may_a_condition_on_the_path(test: str, beside: set[str]) -> None:
    guard = (f"<If \"{test} && %{{SSL_CLIENT_VERIFY}} != 'SUCCESS'\">", "Require all denied", "</If>")
    assert {one.path for one in found("ProxyPass / http://app.example:1/", *guard) if one.guard.bypassed_by} == beside


def test_an_expression_that_names_its_exceptions_leaves_out_nothing_by_mistake() -> None:
    guard = location("^/(?!login).+", kind="LocationMatch")
    assert not any(one.guard.bypassed_by for one in found("ProxyPass / http://app.example:1/", *guard))


def test_every_path_that_a_condition_names_is_a_site() -> None:
    test = "(%{REQUEST_URI} =~ m#^/a/# || %{REQUEST_URI} == '/b.html') && %{SSL_CLIENT_VERIFY} != 'SUCCESS'"
    guarded = (one for one in found(f'<If "{test}">', "Require all denied", "</If>") if one.guard.requirement)
    assert {one.path for one in guarded} == {"/a/", "/b.html"}


@pytest.mark.parametrize("flags", ["[L]", "[last]", "[Last,NoCase]"])
def test_a_flag_has_two_names(flags: str) -> None:
    lines = (*PHP, "RewriteEngine on", rf"RewriteRule \.css$ - {flags}", *FORBIDDEN)
    (site,) = (one for one in found(*lines) if one.guard.bypassed_by)
    assert site.guard.bypassed_by
    assert (site.guard.bypassed_by.name, site.guard.bypassed_by.line) == ("RewriteRule", 9)


def test_what_is_served_by_its_name_in_small_letters_has_another() -> None:
    lines = ("RewriteMap lower int:tolower", "RewriteRule ^/(.*)$ /${lower:$1}", *location("/admin"))
    (site,) = (one for one in found(*lines) if one.guard.bypassed_by)
    assert (site.path, bool(site.guard.requirement)) == ("/ADMIN/", True)


@pytest.mark.parametrize(
    ("condition", "rule", "reported"),
    [
        ("%{QUERY_STRING} ^page=(.*)$", "^/show$ /%1 [L]", True),
        ("%{HTTP_COOKIE} lang=(\\w+)", "^/(.*)$ /%1/$1", True),
        ("%{QUERY_STRING} ^page=(.*)$", "^/show$ /%1 [R=301]", False),
        ("%{REQUEST_URI} ^/old/(.*)$", "^ /new/%1 [L]", False),
        ("%{QUERY_STRING} ^page=", "^/show$ /shown.html [L]", False),
    ],
)
def test_a_path_with_a_part_from_the_request_is_reported(condition: str, rule: str, reported: bool) -> None:
    whole = dump(
        "<VirtualHost *:443>",
        "SSLEngine on",
        "RewriteEngine on",
        f"RewriteCond {condition}",
        f"RewriteRule {rule}",
        "</VirtualHost>",
    )
    unseen = sites(parse(whole, {"/site.conf": "site.conf"}), complete=False).coverage_gaps
    assert [entry.line for entry in unseen if "as the client writes it" in entry.what] == ([5] if reported else [])


WHOLE_SITE = location("/")
BY_REWRITE = ("RewriteEngine on", "RewriteCond %{SSL:SSL_CLIENT_VERIFY} !=SUCCESS")
EITHER = ("<Location />", "<RequireAny>", "Require ssl-verify-client")
END = ("</RequireAny>", "</Location>")
EXEMPTIONS = {
    "LocationMatch": (*WHOLE_SITE, *exception("/webhook$")),
    "one of two": (*WHOLE_SITE, *exception("^/a$|/webhook$")),
    "If": (*WHOLE_SITE, '<If "%{REQUEST_URI} =~ m#/webhook$#">', "Require all granted", "</If>"),
    "If not": ('<If "%{REQUEST_URI} !~ m#/webhook$#">', "Require ssl-verify-client", "</If>"),
    "RewriteCond": ("RewriteEngine on", "RewriteCond %{REQUEST_URI} !/webhook$", *FORBIDDEN),
    "RewriteRule": ("RewriteEngine on", "RewriteRule /webhook$ - [L]", *FORBIDDEN),
    "pattern": (*BY_REWRITE, "RewriteRule !/webhook$ - [F]"),
    "SetEnvIf": ('SetEnvIf Request_URI "/webhook$" hook', *EITHER, "Require env hook", *END),
    "Require expr": (*EITHER, 'Require expr "%{REQUEST_URI} =~ m#/webhook$#"', *END),
}


@pytest.mark.parametrize("backend", [(), ("ProxyPass / http://127.0.0.1:8080/",)], ids=["folder", "backend"])
@pytest.mark.parametrize("rule", EXEMPTIONS.values(), ids=EXEMPTIONS)
def test_an_exception_without_an_anchor_opens_guarded_paths_that_end_so(
    rule: tuple[str, ...], backend: tuple[str, ...]
) -> None:
    (site,) = (one for one in found(*backend, *rule) if one.guard.exempt)
    assert (site.path, site.guard.exempt, site.guard.requirement) == ("/q/q/webhook", "/webhook", None)
    anchored = (line.replace("/webhook", "^/webhook") for line in rule)
    assert [one for one in found(*backend, *anchored) if one.guard.exempt] == []


@pytest.mark.parametrize(
    ("expression", "path"),
    [("health", "/q/q/qhealth"), ("^health$", None), (r"\.css$", None), (r"^health\.html$", None)],
)
def test_an_expression_about_names_opens_longer_names_unless_it_is_about_their_ending(
    expression: str, path: str | None
) -> None:
    folder = location("/var/www/html", kind="Directory")
    names = location(expression, "Require all granted", "FilesMatch")
    assert next((one.path for one in found(*folder, *names) if one.guard.exempt), None) == path


@pytest.mark.parametrize("expression", [r"\.css$", "/.well-known/acme-challenge/"])
def test_an_exception_that_is_meant_for_every_folder_is_none_by_mistake(expression: str) -> None:
    assert [one for one in found(*WHOLE_SITE, *exception(expression)) if one.guard.exempt] == []


def test_the_guarded_folder_is_tried_with_the_path_of_the_exception() -> None:
    places = found(*location("/admin"), *exception("/status$"))
    assert [one.path for one in places if one.guard.exempt] == ["/admin/status"]


def test_a_path_promises_nothing_where_only_other_paths_ask_for_a_certificate() -> None:
    optional = location("/app", "SSLVerifyClient optional")
    required = {one.path: one.guard.requirement is not None for one in found("SSLCACertificateFile ca.crt", *optional)}
    assert required == {"/": False, "/app/": True}
    (root,) = found("SSLCACertificateFile ca.crt")
    assert root.guard.requirement is not None
