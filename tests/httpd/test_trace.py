"""What httpd 2.4.71 logs about the conditions of a request, as it was recorded, and the directive of each line."""

import pytest

from harness.httpd.directive import Directive, Places
from harness.httpd.environment import Condition
from harness.httpd.formula import equals
from harness.httpd.log_line import parse
from harness.httpd.trace import Index, Kind, TraceEntry, deciding, entry_of, is_about, of_request
from harness.httpd.variables import header

FILE = "/etc/httpd/conf/site.conf"
PREFIX = "[Sat Nov 28 14:19:28.881516 2026]"
THREAD = "[pid 11:tid 138]"
CLIENT = "[client 0phX3T7tXd4]"
REWRITE = "203.0.113.7 - - [www.example.test/sid#7f50eaf37b18][rid#7f50dc5700a0/initial]"


def line(module: str, source: str, text: str) -> str:
    return f"{PREFIX} [{module}] {THREAD} {CLIENT} {source}{': ' * bool(source)}{text}"


@pytest.mark.parametrize(
    ("recorded", "entry"),
    [
        (
            line("core:trace4", "util_expr_eval.c(869)", f"Evaluation of expression from {FILE}:30 gave: 0"),
            TraceEntry(Kind.EXPRESSION, f"{FILE}:30", "0"),
        ),
        (
            line(
                "rewrite:trace4",
                "mod_rewrite.c(4314)",
                f"{REWRITE} RewriteCond: input='letme' pattern='!^letme$' [NC] => not-matched",
            ),
            TraceEntry(Kind.REWRITE_CONDITION, "!^letme$", "not-matched"),
        ),
        (
            line(
                "authz_core:debug",
                "mod_authz_core.c(815)",
                "AH01626: authorization result of Require ssl-verify-client : granted",
            ),
            TraceEntry(Kind.REQUIRE, "Require ssl-verify-client", "granted"),
        ),
        (
            line(
                "authz_core:debug",
                "mod_authz_core.c(815)",
                "AH01626: authorization result of Require not expr \"%{HTTP:X-D} == 'bad'\": neutral",
            ),
            TraceEntry(Kind.REQUIRE, "Require not expr \"%{HTTP:X-D} == 'bad'\"", "neutral"),
        ),
        (
            line("authz_core:debug", "mod_authz_core.c(815)", "AH01626: authorization result of <RequireAny>: denied"),
            TraceEntry(Kind.REQUIRE, "<RequireAny>", "denied"),
        ),
        (
            line("setenvif:trace2", "mod_setenvif.c(635)", "Setting tok"),
            TraceEntry(Kind.VARIABLE, "tok", "True"),
        ),
        (
            line("ssl:info", "", 'AH02228: Failed expression: %{HTTP:X-A} eq "b"'),
            TraceEntry(Kind.SSL_REQUIRE, '%{HTTP:X-A} eq "b"', "False"),
        ),
    ],
)
def test_a_line_tells_what_was_evaluated(recorded: str, entry: TraceEntry) -> None:
    parsed = parse(recorded)
    assert parsed
    assert (parsed.client, entry_of(parsed)) == ("0phX3T7tXd4", entry)


@pytest.mark.parametrize(
    "recorded",
    [
        line("core:trace3", "request.c(360)", "request authorized without authentication by access_checker_ex hook: /"),
        line("rewrite:trace3", "mod_rewrite.c(4407)", f"{REWRITE} applying pattern '^/x' to uri '/index.html'"),
        # A path may hold the words, but neither the module nor the source file.
        line(
            "core:info",
            "core.c(1)",
            "AH00128: File does not exist: /x AH01626: authorization result of Require a: granted",
        ),
        "mtls-probe 0phX3T7tXd4 probe-1 200 passed NONE - mod_ssl/2.4.71 OpenSSL/3.5.9 - /srv/x/index.html",
    ],
)
def test_other_lines_tell_of_no_condition(recorded: str) -> None:
    parsed = parse(recorded)
    assert parsed is None or entry_of(parsed) is None


def condition(name: str, arguments: str, number: int) -> Condition:
    return Condition(Directive(name, arguments, "site.conf", number), equals(header("a"), str(number)))


REQUIRE = condition("Require", "ip 192.0.2.1", 3)
IF = condition("If", "\"%{HTTP:X-E} == 'e'\"", 5)
COND = condition("RewriteCond", "%{HTTP:X-B} !^letme$", 7)
SET = condition("SetEnvIf", "X-Tok ^a$ tok=1", 8)
SSL = condition("SSLRequire", '%{HTTP:X-A} eq "b"', 9)
PLACES = Places({FILE: "site.conf"})
INDEX = Index((REQUIRE, IF, COND, SET, SSL), PLACES)


def test_each_entry_is_tied_to_its_directive() -> None:
    trace = (
        TraceEntry(Kind.VARIABLE, "tok", "True"),
        TraceEntry(Kind.EXPRESSION, f"{FILE}:5", "1"),
        TraceEntry(Kind.REWRITE_CONDITION, "!^letme$", "not-matched"),
        TraceEntry(Kind.REQUIRE, "Require ip 192.0.2.1", "granted"),
    )
    assert INDEX.evaluated(trace) == {SET: True, IF: True, COND: False, REQUIRE: True, SSL: True}


def test_what_require_not_denies_is_true() -> None:
    # httpd writes the parts of a RequireNone so.
    for result, expected in (("denied", True), ("neutral", False)):
        trace = (TraceEntry(Kind.REQUIRE, "Require not ip 192.0.2.1", result),)
        assert INDEX.evaluated(trace)[REQUIRE] is expected


def test_the_last_of_several_evaluations_counts() -> None:
    trace = (TraceEntry(Kind.EXPRESSION, f"{FILE}:5", "0"), TraceEntry(Kind.EXPRESSION, f"{FILE}:5", "1"))
    assert INDEX.evaluated(trace)[IF] is True


def test_the_condition_that_denied_is_named() -> None:
    matched = TraceEntry(Kind.REWRITE_CONDITION, "!^letme$", "matched")
    denied = TraceEntry(Kind.REQUIRE, "Require ip 192.0.2.1", "denied")
    failed = TraceEntry(Kind.SSL_REQUIRE, '%{HTTP:X-A} eq "b"', "False")
    assert deciding(INDEX, (matched,)) == COND
    assert deciding(INDEX, (matched, failed)) == SSL
    assert deciding(INDEX, (matched, denied, TraceEntry(Kind.REQUIRE, "<RequireAny>", "denied"))) == REQUIRE
    assert deciding(INDEX, ()) is None


def test_what_httpd_escapes_is_read_as_it_stands_in_the_configuration() -> None:
    text = r'AH01626: authorization result of Require expr "%{HTTP:X-A} =~ /^\xc3\xa9\\.b$/": denied'
    parsed = parse(line("authz_core:debug", "mod_authz_core.c(815)", text))
    assert parsed
    expression = Directive("Require", 'expr "%{HTTP:X-A} =~ /^é\\.b$/"', "site.conf", 3)
    assert (entry := entry_of(parsed))
    assert is_about(entry, expression, PLACES)


def test_conditions_with_the_same_log_line_are_not_distinguished() -> None:
    others = (
        condition("RewriteCond", "%{HTTP:X-C} !^letme$", 17),
        condition("SetEnvIf", "X-Other ^b$ tok", 18),
    )
    index = Index((COND, SET, *others), PLACES)
    trace = (TraceEntry(Kind.VARIABLE, "tok", "True"), TraceEntry(Kind.REWRITE_CONDITION, "!^letme$", "matched"))
    assert index.evaluated(trace) == {}
    assert index.twins == {COND: others[0], others[0]: COND, SET: others[1], others[1]: SET}
    # None of them is set: that is clear of each.
    assert index.evaluated((TraceEntry(Kind.REQUIRE, "Require env tok", "denied"),)) == {SET: False, others[1]: False}


def test_a_directive_over_several_lines_stands_at_its_first() -> None:
    content = b"ServerName a\n<If \"%{HTTP:X-E} \\\n == \\\r\n 'e'\">\n</If>\n"
    places = Places({FILE: "site.conf"}, {FILE: content})
    assert [places.locate(FILE, number) for number in (1, 4, 5)] == [
        ("site.conf", 1),
        ("site.conf", 2),
        ("site.conf", 5),
    ]
    directive = condition("If", "\"%{HTTP:X-E} == 'e'\"", 2)
    entry = TraceEntry(Kind.EXPRESSION, f"{FILE}:4", "1")
    assert Index((directive,), places).evaluated((entry,)) == {directive: True}


def test_a_macro_stands_where_it_was_defined() -> None:
    content = b"# a\n<Macro M>\n# b\nRequire all \\\ngranted\n<If true>\n</If>\n</Macro>\nUse M\n"
    named = f'macro \'M\' (defined on line 2 of "{FILE}") used on line 9 of "{FILE}"'
    assert Places({FILE: "site.conf"}, {FILE: content}).locate(named, 2) == ("site.conf", 6)


def test_an_error_document_has_a_guard_of_its_own() -> None:
    own = TraceEntry(Kind.REQUIRE, "Require ip 192.0.2.1", "denied")
    refusal = TraceEntry(Kind.REFUSAL, "AH01630", "False")
    document = TraceEntry(Kind.REQUIRE, "Require ip 192.0.2.1", "granted")
    assert of_request((own, refusal, document), error_document=True) == (own,)
    assert of_request((own, refusal, document), error_document=False) == (own, document)
