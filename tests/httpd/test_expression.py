"""Expressions as formulas: the grammar of ap_expr and of SSLRequire, and what is not understood."""

import pytest

from harness.httpd.expression import parse, parse_string
from harness.httpd.formula import FALSE, TRUE, Atom, Formula, Operator, atoms, holds, negated, variables
from harness.httpd.pcre import search, wildcard
from harness.httpd.variables import Origin, Variable, extension, header, variable
from harness.httpd.witness import equivalent, witnesses

A, B, C = (header(name) for name in "abc")


def is_unknowable(formula: Formula) -> bool:
    """Whether a formula is one UNKNOWABLE atom."""
    return [one.origin for one in variables(formula)] == [Origin.UNKNOWABLE] and isinstance(formula, Atom)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("%{HTTP:A} == 'x'", "%{HTTP:A} = 'x'"),
        ("!(%{HTTP:A} == 'x')", "%{HTTP:A} != 'x'"),
        ("! %{HTTP:A} == 'x'", "%{HTTP:A} != 'x'"),
        ("not (%{HTTP:A} eq '1' or %{HTTP:B} =~ m#y,/z#i)", "( %{HTTP:A} ne '1' && %{HTTP:B} !~ m#y,/z#i )"),
        ("!(! -z %{HTTP:A})", "-z %{HTTP:A}"),
        ("! -n %{HTTP:A}", "-z %{HTTP:A}"),
        ("%{HTTP:A} == 'x' && !(%{HTTP:B} in {'y', 'z'})", "%{HTTP:A} == 'x' && %{HTTP:B} != 'y' && %{HTTP:B} != 'z'"),
        (
            "%{HTTP:A} == 'x && !y' || tolower(%{HTTP:B}) =~ /!(y)/",
            "( tolower(%{HTTP:B}) =~ /!(y)/ || %{HTTP:A} == 'x && !y' )",
        ),
        ("%{HTTP:A} -in { 'a', 'b' }", "%{HTTP:A} == 'a' or %{HTTP:A} == 'b'"),
        ("%{HTTP:A} -gt 5", "! (%{HTTP:A} -le 5)"),
        ("%{HTTP:A} ge 5", "%{HTTP:A} -ge 5"),
        ("'x' == %{HTTP:A}", "req('A') == 'x'"),
        ("%{req:A} == 'x'", "http('a') == \"x\""),
        ("%{tolower:%{HTTP:A}} == 'x'", "tolower(req('A')) == 'x'"),
        ("'%{HTTP:A}-%{HTTP:B}' == 'x-y'", "%{HTTP:A}.'-'.%{HTTP:B} == 'x-y'"),
        (
            "%{HTTP:A} == 'x' || %{HTTP:B} == 'y' && %{HTTP:C} == 'z'",
            "(%{HTTP:B} == 'y' && %{HTTP:C} == 'z') || %{HTTP:A} == 'x'",
        ),
    ],
)
def test_two_spellings_are_one_formula(text: str, same: str) -> None:
    assert equivalent(parse(text), parse(same))


@pytest.mark.parametrize(
    ("text", "opposite"),
    [
        ("%{HTTP:A} != 'x' || %{HTTP:B} !~ /^y$/", "( %{HTTP:A} == 'x' && %{HTTP:B} =~ /^y$/ )"),
        (
            "%{HTTP:A} != 'x' && (%{HTTP:B} == 'y' || -z %{HTTP:C})",
            "( %{HTTP:A} == 'x' || ( %{HTTP:B} != 'y' && -n %{HTTP:C} ) )",
        ),
        ("!(%{HTTP:A} in {'x'})", "%{HTTP:A} in {'x'}"),
        ("true", "false"),
    ],
)
def test_the_opposite_follows_de_morgans_laws(text: str, opposite: str) -> None:
    assert equivalent(negated(parse(text)), parse(opposite))
    assert not equivalent(parse(text), parse(opposite))


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        ("%{HTTP:A} == '10'", ["10"], ["", "010", "10 "]),
        ("%{HTTP:A} -eq 10", ["10", "010", " 10", "10x"], ["", "1"]),
        ("%{HTTP:A} eq 'x'", ["", "x", "0", "y"], ["1"]),
        ("%{HTTP:A} < '5'", ["10", ""], ["5", "6"]),
        ("%{HTTP:A} -lt 5", ["4", "-1", "x"], ["5", "10"]),
        ("%{HTTP:A} -ge 5", ["5", "10"], ["4", ""]),
        ("%{HTTP:A} =~ /b/", ["abc"], ["aBc"]),
        ("%{HTTP:A} =~ /b/i", ["aBc"], ["ac"]),
        (r"%{HTTP:A} =~ m#^a/b\.c$#", ["a/b.c"], ["a/bxc"]),
        ("%{HTTP:A} !~ /b/", ["", "aBc"], ["abc"]),
        ("%{HTTP:A} -strmatch 'a*c?'", ["acd", "abcd", "a/cd"], ["ac", "Acd"]),
        ("%{HTTP:A} -strcmatch 'a*c?'", ["ACD"], ["ac"]),
        ("%{HTTP:A} -strmatch 'a[bc]'", ["ab"], ["a[bc]"]),
        ("%{HTTP:A} -fnmatch 'a*'", ["ab"], ["ba", "a/b"]),
        ("%{HTTP:A} -ipmatch '10.0.0.0/8'", ["10.1.2.3"], ["11.1.2.3", "", "10"]),
        ("-T %{HTTP:A}", ["1", "on", "x"], ["", "0", "Off", "false", "no"]),
        ("-n %{HTTP:A}", ["0"], [""]),
        ("%{HTTP:A} =~ /^id=(.+)$/ && $1 == '7'", ["id=7"], ["id=8", "7"]),
        ("toupper(%{HTTP:A}) == 'X'", ["x", "X"], ["y"]),
        (r"%{HTTP:A} == 'it\'s'", ["it's"], ["it"]),
        (r"%{HTTP:A} == 'a\\b'", [r"a\b"], ["ab"]),
        (r"%{HTTP:A} == '\101cme'", ["Acme"], ["101cme"]),
        (r"%{HTTP:A} == 'a\tb'", ["a\tb"], ["atb"]),
        (r"%{HTTP:A} == 'a\fb'", ["a\fb"], ["afb"]),
    ],
)
def test_a_comparison_holds_as_httpd_says(text: str, fitting: list[str], others: list[str]) -> None:
    found = parse(text)
    assert [one for one in fitting if holds(found, {A: one}) is not True] == []
    assert [one for one in others if holds(found, {A: one}) is not False] == []


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        ("%{HTTP:A} eq 'x'", ["x"], ["", "y"]),
        ("%{HTTP:A} == 'x'", ["x"], ["", "y"]),
        ('%{HTTP:A} in {"a", "b"}', ["a", "b"], ["c"]),
        ("%{HTTP:A} < '10'", ["9", "5", "09"], ["10", "100"]),
        ("%{HTTP:A} ge '10'", ["10", "100"], ["9", ""]),
        ("%{HTTP:A} =~ m/^x/ and not %{HTTP:A} =~ m/y$/", ["x"], ["xy", "y"]),
    ],
)
def test_ssl_require_compares_by_length_first(text: str, fitting: list[str], others: list[str]) -> None:
    found = parse(text, ssl_require=True)
    assert [one for one in fitting if holds(found, {A: one}) is not True] == []
    assert [one for one in others if holds(found, {A: one}) is not False] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{SSL_CLIENT_S_DN_O} == 'x'", variable("SSL_CLIENT_S_DN_O")),
        ("%{SSL_CLIENT_S_DN_O_0} == 'x'", variable("SSL_CLIENT_S_DN_O")),
        ("%{SSL:SSL_CLIENT_VERIFY} == 'x'", variable("SSL_CLIENT_VERIFY")),
        ("%{HTTP_HOST} == 'x'", header("Host")),
        ("%{HTTP_USER_AGENT} == 'x'", header("User-Agent")),
        ("'x' in PeerExtList('1.2')", extension("1.2")),
        ("'x' in OID('1.2')", extension("1.2")),
        ("-R '10.0.0.0/8'", variable("REMOTE_ADDR")),
        ("reqenv('a') == 'x'", Variable("ENV:a", Origin.SERVER)),
        ("%{ENV:a} == 'x'", Variable("ENV:a", Origin.SERVER)),
    ],
)
def test_a_variable_has_one_name_however_it_is_written(text: str, expected: Variable) -> None:
    assert variables(parse(text)) == {expected}


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "%{HTTP:A} ==", "%{HTTP:A} == 'x' nonsense", "(%{HTTP:A} == 'x'", "%{HTTP:A == 'x'", "'x'"),
        *("%{HTTP:A} EQ 'x'", "%{HTTP:A} == 'x' AND true", "%{HTTP:A} -unknown 'x'", "-e '/x'", "-U '/x'"),
        *("%{HTTP:A} =~ s/a/b/", "%{HTTP:A} =~ m#a#x", "%{HTTP:A} =~ 'a'", "%{HTTP:A} in %{HTTP:B}"),
        *("md5(%{HTTP:A}) == 'x'", "unbase64(%{HTTP:A}) == 'x'", "file('/x') == 'x'", "%{:tolower('X'):} == 'x'"),
        *("%{TIME_HOUR} -gt 20", "%{SSL_CIPHER} == 'x'", "'x' in ldap('x')", "%{UNKNOWN} == 'x'"),
        # The environment of the process, and the notes of modules: no SetEnvIf sets them.
        *("osenv('a') == 'x'", "note('a') == 'x'"),
    ],
)
def test_what_is_not_understood_is_one_unknowable_atom(text: str) -> None:
    assert is_unknowable(parse(text)) or is_unknowable(negated(parse(text)))


def test_what_is_not_understood_leaves_the_rest_as_it_is() -> None:
    found = parse("%{HTTP:A} == 'x' || -e '/x'")
    assert holds(found, {A: "x"}) is True
    assert holds(found, {A: "y"}) is None


def test_constants_are_folded() -> None:
    assert parse("true") == parse("'a' == 'a'") == parse("'b' in {'a', 'b'}") == parse("-n 'a'") == TRUE
    assert parse("false") == parse("not true") == parse("2 -lt 1") == parse("'a' =~ /b/") == FALSE
    assert parse("true || -e '/x'") == TRUE


@pytest.mark.parametrize("constant", ["-n 'a'", "-z ''", "'a' =~ /a/", "'a' -strmatch 'a*'", "-T '1'"])
def test_a_condition_about_constants_has_a_witness(constant: str) -> None:
    assert next(witnesses(parse(f"{constant} && %{{HTTP:A}} == 'x'"), {})) == {A: "x"}


def test_a_group_is_that_of_the_last_match() -> None:
    """After an alternative it is that of the match which was found; of what was not found it is empty."""
    either = parse("(%{HTTP:A} =~ /(a)/ || %{HTTP:B} =~ /(b)/) && $1 == 'a'")
    assert holds(either, {A: "a", B: "b"}) is True
    assert holds(either, {A: "x", B: "b"}) is False
    assert holds(parse("!(%{HTTP:A} =~ /(a)/) && $1 == 'a'"), {A: "x"}) is False
    assert parse("$1 == 'x'") == FALSE


def test_a_string_holds_variables_and_functions() -> None:
    assert parse_string("a-%{HTTP:B}-c") == ("a-", B, "-c")
    assert parse_string("%{HTTP:C}") == (C,)
    (broken,) = parse_string("%{HTTP:A")
    assert isinstance(broken, Variable)
    assert broken.origin is Origin.UNKNOWABLE


def test_a_wildcard_is_an_expression_with_both_ends() -> None:
    assert search(wildcard("a.*", any_case=False), "a.b")
    assert not search(wildcard("a.*", any_case=False), "axb")
    assert search(wildcard("a?", any_case=True), "AB")


def test_the_constant_stands_on_the_right_of_an_equation() -> None:
    (found,) = atoms(parse("'x' == %{HTTP:A}"))
    assert found == Atom((A,), Operator.EQUAL, ("x",))
