"""More of what httpd does and no manual says: users, options, folders of rules, memory, addresses, and its own log."""

from collections.abc import Iterable

import pytest

from harness.httpd.authorization import Decision, Place, Section, decide
from harness.httpd.directive import Directive, Places
from harness.httpd.environment import Condition
from harness.httpd.formula import FALSE, TRUE, depends_on, equals, holds, variables
from harness.httpd.log_line import parse as parse_line
from harness.httpd.section import Section as PlaceSection
from harness.httpd.section import merged, sections
from harness.httpd.trace import Index, Kind, TraceEntry, entry_of
from harness.httpd.variables import BASIC_USER, LEGACY_SUBJECT, Origin, Variable, header, variable
from tests.httpd.places import body, decision

BY_PASSWORD = Variable(BASIC_USER, Origin.PASSWORD)
BY_SUBJECT = Variable(LEGACY_SUBJECT, Origin.CERTIFICATE)
NAME = variable("SSL_CLIENT_S_DN_CN")
ASKING = "AuthType Basic\nAuthUserFile users\n"
USERS = {"users": b"bob:x\n/CN=anna:x\n"}
FILE = "site.conf"
A_IS_1 = "%{HTTP:A} == '1'"


def at(text: str, kind: str, folder: str, *, server: str = "", elsewhere: str = "") -> Decision:
    """The decision at /a/x, whose content is /srv/a/x; `elsewhere` is what is said of every other content."""

    def sections(_: str, content: str) -> Iterable[Section]:
        yield Section(body(text if content == "/srv/a/x" else elsewhere), kind, folder)

    known = {"DOCUMENT_ROOT": "/srv"}
    return decide(Place("/a/x", [body(server)], sections, lambda mapped: f"/srv{mapped}", known, lambda _: b""))


# --- users
def test_sslusername_names_nobody_where_a_basic_password_is_faked() -> None:
    text = f"{ASKING}SSLUserName SSL_CLIENT_S_DN_CN\nSSLOptions +FakeBasicAuth\nRequire valid-user"
    found = decision(text, files=USERS).formula
    assert NAME not in variables(found)
    assert holds(found, {BY_SUBJECT: "/CN=anna", BY_PASSWORD: ""}) is True
    assert holds(found, {BY_SUBJECT: "/CN=bob", BY_PASSWORD: ""}) is False


def test_a_user_is_asked_for_only_where_one_may_be_granted() -> None:
    inner = "<RequireAll>\nRequire all granted\n<RequireNone>\n{}\n</RequireNone>\n</RequireAll>"
    twice = ASKING + inner.format(inner.format("Require user bob"))
    assert decision(twice, files=USERS).formula == FALSE, "denied for good before anybody says to be bob"
    some = f"{ASKING}<RequireAny>\nRequire all denied\nRequire user bob\n</RequireAny>"
    assert decision(some, files=USERS).formula == equals(BY_PASSWORD, "bob")
    every = f"{ASKING}<RequireAll>\nRequire expr {A_IS_1}\nRequire user bob\n</RequireAll>"
    assert holds(decision(every, files=USERS).formula, {header("A"): "1", BY_PASSWORD: "bob"}) is True


@pytest.mark.parametrize(
    ("options", "faked"),
    [
        ("SSLOptions +FakeBasicAuth\nSSLOptions +StdEnvVars", True),
        ("SSLOptions +FakeBasicAuth\nSSLOptions StdEnvVars", False),
        ("SSLOptions +FakeBasicAuth\nSSLOptions -FakeBasicAuth", False),
        ("SSLOptions FakeBasicAuth StdEnvVars", False),
        ("SSLOptions StdEnvVars +FakeBasicAuth", True),
    ],
)
def test_the_words_of_ssloptions_add_up(options: str, faked: bool) -> None:
    found = decision(f"{ASKING}{options}\nRequire valid-user", files=USERS).formula
    assert (BY_SUBJECT in variables(found)) is faked


@pytest.mark.parametrize(
    ("section", "without_certificate"),
    [
        # What denies before mod_ssl keeps httpd from asking for the certificate.
        ("SSLVerifyClient require\nDeny from all\nSatisfy any", True),
        ("SSLVerifyClient require\nAllowMethods PUT\nSatisfy any", True),
        ("SSLVerifyClient require\nDeny from all\nSatisfy any\nRequire all denied", False),
        ("SSLVerifyClient require\nSatisfy any", None),
        ("SSLVerifyClient require", False),
    ],
)
def test_satisfy_any_forgives_that_a_certificate_is_missing(section: str, without_certificate: bool | None) -> None:
    values = {variable("SSL_CLIENT_VERIFY"): "NONE", variable("REQUEST_METHOD"): "GET"}
    assert holds(decision(section).formula, values) is without_certificate


# --- rules
@pytest.mark.parametrize(
    ("rule", "kind", "folder", "expected"),
    [
        # The rules of a section see the path of the content, without what the section names at its beginning.
        ("RewriteRule ^srv/a/x - [F]", "location", "/", FALSE),
        ("RewriteRule ^/srv/a/x - [F]", "location", "/", TRUE),
        ("RewriteRule ^/srv/a/x - [F]", "location", "/a", FALSE),
        ("RewriteRule ^/srv/a/x - [F]", "files", "x", FALSE),
        ("RewriteRule ^x - [F]", "directory", "/srv/a", FALSE),
        ("RewriteRule ^x - [F]", "directory", "^/srv/a", TRUE),
        # It is put before a path without a slash; what then has none is a bad request.
        ("RewriteRule ^ y", "files", "x", FALSE),
        ("RewriteRule ^ y", "directory", "/srv/a", TRUE),
        # The path of the content itself is no redirect, whatever the query is now.
        ("RewriteRule ^ x?q=1", "directory", "/srv/a", TRUE),
        # A base takes the place of the folder, and of nothing else.
        ("RewriteBase /\nRewriteRule ^ /srv/a/y", "directory", "/srv/a", TRUE),
    ],
)
def test_rules_of_a_section_know_its_name_as_their_folder(rule: str, kind: str, folder: str, expected: object) -> None:
    assert at(f"RewriteEngine on\n{rule}", kind, folder).formula == expected


def test_options_of_the_server_are_those_of_its_sections_as_well() -> None:
    def with_options(server: str) -> Decision:
        found = [
            Section(body("RewriteEngine on\nRewriteRule ^ - [F]"), "directory", "/srv"),
            Section(body("RewriteEngine on\nRewriteRule nowhere - [F]"), "files", "x"),
        ]
        return decide(Place("/x", [body(server)], lambda *_: found, lambda url: f"/srv{url}", {}, lambda _: b""))

    assert with_options("RewriteOptions Inherit").formula == FALSE
    assert with_options("").formula == TRUE


def test_a_rule_of_an_if_has_no_folder() -> None:
    text = '<If "true">\nRewriteEngine on\nRewriteRule ^ y\n</If>'
    assert at(text, "directory", "/srv/a").formula == FALSE, "a bad request"


def test_a_rule_of_the_server_may_lead_to_a_file() -> None:
    server = "RewriteEngine on\nRewriteRule ^ {}"
    denied = "Require all denied"
    assert at("", "directory", "/", server=server.format("/srv/b"), elsewhere=denied).formula == FALSE
    assert at("", "directory", "/", server=server.format("/srv/a/x"), elsewhere=denied).formula == TRUE
    # A slash is put before a path that has none, and what is no folder of the system's is a URL's path.
    assert at("", "directory", "/", server=server.format("a/x"), elsewhere=denied).formula == TRUE


def test_an_expression_sees_the_query_that_a_rule_has_made() -> None:
    rules = "RewriteRule ^ /y?\nRewriteCond expr \"%{QUERY_STRING} == '1'\"\nRewriteRule ^ - [F]"
    assert decision(server=f"RewriteEngine on\n{rules}").formula == TRUE


def test_nobody_knows_where_a_redirect_leads_that_another_rule_changes() -> None:
    rules = "RewriteRule ^ /y [R]\nRewriteRule z /z"
    found = decision("Require all denied", server=f"RewriteEngine on\n{rules}").formula
    assert depends_on(found, Origin.UNKNOWABLE)


# --- sections
def test_files_are_those_of_the_content() -> None:
    files = PlaceSection(Directive("Files", "x", FILE, 1))
    assert files.covers("/a/y", "/srv/a/x", None)
    assert not files.covers("/a/x", "/srv/a/y", None)
    assert files.covers("/a/x", "https://backend/y", None), "a URL has no file"


def test_files_of_a_folder_come_after_files_of_every_folder() -> None:
    text = "<Directory /srv/a>\n<Files x>\n</Files>\n</Directory>\n<Directory /srv>\n<Files x>\n</Files>\n</Directory>"
    found = merged([*sections(body(f"{text}\n<Files x>\n</Files>"))])
    assert [one.within and one.within.text for one in found if one.kind == "files"] == [None, "/srv", "/srv/a"]


# --- variables, memory, addresses
def test_a_group_in_memory_that_is_not_cleared_leaves_the_whole_request_open() -> None:
    rule = "RewriteEngine on\nRewriteCond expr \"$1 == 'a' || true\"\nRewriteRule ^ - [E=q:1]"
    for text in (rule, "SetEnvIfExpr \"'$1' == 'a' || true\" e"):
        assert depends_on(decision(server=text).formula, Origin.UNKNOWABLE)
    matched = "RewriteEngine on\nRewriteCond expr \"'a' =~ /(a)/ && $1 == 'a'\"\nRewriteRule ^ - [F]"
    assert decision(server=matched).formula == FALSE


def test_a_setenvifexpr_is_evaluated_once_for_all_its_variables() -> None:
    server = "SetEnvIfExpr \"-z reqenv('one')\" one two"
    assert decision("Require env two", server=server).formula == TRUE


def test_sections_that_the_rules_of_the_server_lead_away_from_have_no_conditions() -> None:
    server = "RewriteEngine on\nRewriteRule ^ /srv/b [L]"
    found = at(f"SSLRequire {A_IS_1}", "directory", "/", server=server)
    assert not [one for one in found.conditions if one.directive.name == "SSLRequire"]


def test_an_expression_for_names_of_headers_is_open_for_other_names() -> None:
    one, other = header("x-a"), Variable("another header that ^X-[A]$ names", Origin.REQUEST)
    found = decision("Require env ok", server="SetEnvIf ^X-[A]$ ^1$ ok").formula
    assert holds(found, {one: "1", other: ""}) is True
    assert holds(found, {one: "1", other: "x"}) is None
    assert (
        decision("Require env ok", server="SetEnvIfNoCase ^X-A$ ^1$ ok").formula
        == decision("Require env ok", server="SetEnvIfNoCase X-A ^1$ ok").formula
    )


def test_a_variable_of_the_process_stays_open_even_where_a_directive_may_set_it() -> None:
    for name, is_open in (("PATH", True), ("LC_ALL", True), ("token", False)):
        text = f"SetEnvIf A ^1$ {name}=x\nRewriteEngine on\nRewriteCond %{{ENV:{name}}} .\nRewriteRule ^ - [F]"
        assert depends_on(decision(server=text).formula, Origin.UNKNOWABLE) is is_open


def test_the_server_itself_is_local() -> None:
    found, client, server = decision("Require local").formula, variable("REMOTE_ADDR"), variable("SERVER_ADDR")
    assert holds(found, {client: "192.0.2.1", server: "192.0.2.1"}) is True
    assert holds(found, {client: "192.0.2.2", server: "192.0.2.1"}) is False
    assert holds(found, {client: "127.1.2.3", server: ""}) is True


# --- the log


def condition(name: str, arguments: str, line: int, value: str = "1", *, once: bool = True) -> Condition:
    return Condition(Directive(name, arguments, FILE, line), equals(header("a"), value), once)


def evaluated(conditions: Iterable[Condition], *entries: TraceEntry) -> dict[int, bool]:
    found = Index(tuple(conditions), Places({})).evaluated(entries)
    return {one.directive.line: value for one, value in found.items()}


GRANTED = TraceEntry(Kind.REQUIRE, "result", "granted")


def test_httpd_logs_an_expression_without_the_sign_before_it() -> None:
    conditions = [condition("RewriteCond", f'expr "{sign}{A_IS_1}"', line) for line, sign in ((1, ""), (2, "!"))]
    entries = [TraceEntry(Kind.EXPRESSION, f"{FILE}:{line}", "1") for line in (1, 2)]
    assert evaluated(conditions, *entries) == {1: True, 2: False}


def test_what_a_limit_leaves_out_is_no_evaluation() -> None:
    def read(message: str) -> TraceEntry | None:
        line = parse_line(f"[x] [authz_core:debug] [pid 1:tid 2] [client c] mod_authz_core.c(798): {message}")
        return entry_of(line) if line else None

    assert read("AH01625: authorization result of Require ip 10: denied (directive limited to other methods)") is None
    assert read("AH01626: authorization result of Require ip 10: denied") is not None
    assert read("AH01628: authorization result: granted (no directives)") == GRANTED


def test_a_variable_that_several_directives_set_tells_of_none_of_them() -> None:
    conditions = [condition("SetEnvIf", "A 1 e", 1), condition("BrowserMatch", "2 !e", 2)]
    set_once = TraceEntry(Kind.VARIABLE, "e", "True")
    assert evaluated(conditions, set_once, GRANTED) == {}
    assert evaluated(conditions[:1], set_once, GRANTED) == {1: True}
    assert evaluated(conditions, GRANTED) == {1: False, 2: False}
    assert evaluated(conditions, TraceEntry(Kind.EXPRESSION, f"{FILE}:9", "1")) == {}, "a rule answered first"


def test_an_sslrequire_that_httpd_may_not_have_come_to_is_not_said_to_hold() -> None:
    conditions = [condition("SSLRequire", "true", 1), condition("SSLRequire", "false", 2, once=False)]
    assert evaluated(conditions, GRANTED) == {1: True}
    assert evaluated(conditions[:1], TraceEntry(Kind.EXPRESSION, f"{FILE}:9", "1")) == {}
    failed = TraceEntry(Kind.SSL_REQUIRE, "true", "False")
    assert evaluated(conditions, failed) == {1: False}


def test_what_an_if_asks_is_not_asked_once() -> None:
    found = decision(f"SSLRequire {A_IS_1}\n<If \"%{{HTTP:B}} == '1'\">\nSSLRequire -n %{{HTTP:C}}\n</If>").conditions
    assert [one.is_asked_once for one in found if one.directive.name == "SSLRequire"] == [True, False]
    found = decision(f"SSLRequire {A_IS_1}\nSatisfy any").conditions
    assert not any(one.is_asked_once for one in found if one.directive.name == "SSLRequire")


def test_what_several_directives_set_is_not_asked_once() -> None:
    one, two = "SetEnvIf A ^1$ ok", "SetEnvIf B ^1$ ok"
    for server, is_alone in ((one, True), (f"{one}\n{two}", False)):
        found = decision("Require env ok", server=server).conditions
        assert {entry.is_asked_once for entry in found if entry.directive.name == "SetEnvIf"} == {is_alone}
    twins = [condition("SetEnvIf", "A 1 e", 1, once=False)]
    assert evaluated(twins, TraceEntry(Kind.VARIABLE, "e", "True"), GRANTED) == {}
