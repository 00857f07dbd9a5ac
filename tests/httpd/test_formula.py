"""The formula: constants, three-valued logic, witnesses, equivalence."""

import time

import pytest

from harness.httpd.expression import parse
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Atom,
    Formula,
    all_of,
    any_of,
    cofactor,
    decided,
    equals,
    holds,
    negated,
    variables,
)
from harness.httpd.variables import Origin, Variable, header, variable
from harness.httpd.witness import MOST_STEPS, TooLargeError, equivalent, witnesses

A, B, C = (header(name) for name in "abc")


def is_unknowable(atom: Atom) -> bool:
    return any(one.origin is Origin.UNKNOWABLE for one in atom.variables)


def test_constants_fold() -> None:
    atom = equals(A, "1")
    assert all_of((atom, TRUE)) == any_of((atom, FALSE)) == atom
    assert all_of((atom, FALSE)) == FALSE
    assert any_of((atom, TRUE)) == negated(FALSE) == TRUE


def test_what_is_not_known_decides_only_where_it_counts() -> None:
    formula = any_of((equals(A, "1"), equals(B, "1")))
    assert holds(formula, {A: "1"}) is True
    assert holds(formula, {A: "2"}) is None
    assert holds(formula, {A: "2", B: "2"}) is False


def test_a_constant_hides_no_unknowable_condition() -> None:
    formula = cofactor(parse("%{HTTPS} == 'off' || %{TIME_HOUR} == '03'"), {variable("HTTPS"): "on"})
    assert {one.name for one in variables(formula)} == {"TIME_HOUR"}
    assert decided(formula, is_unknowable) == FALSE
    assert next(witnesses(formula, {})) == {variable("TIME_HOUR"): "03"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{HTTP:A} == '1' && %{HTTP:B} != '1' && %{HTTP:C} == '1'", {A: "1", B: "", C: "1"}),
        ("%{HTTP:A} =~ /x=1/ && %{HTTP:A} =~ /y=2/", {A: "x=1y=2"}),
        ("%{HTTP:A} == %{HTTP:B} && %{HTTP:A} == 'z'", {A: "z", B: "z"}),
        ("%{HTTP:A}.'-'.%{HTTP:B} == 'x-y'", {A: "x", B: "y"}),
        ("%{HTTP:A} =~ /^id=(.+)$/ && $1 == '7'", {A: "id=7"}),
        ("%{HTTP:A} -gt 5", {A: "6"}),
    ],
)
def test_a_witness_makes_it_true(text: str, expected: dict[Variable, str]) -> None:
    assert next(witnesses(parse(text), {})) == expected


def test_nothing_makes_a_contradiction_true() -> None:
    assert next(witnesses(parse("%{HTTP:A} == '1' && %{HTTP:A} == '2'"), {}), None) is None


def test_a_witness_keeps_the_values_that_are_given() -> None:
    formula = parse("(%{HTTP:A} == '1' && %{HTTP:B} != '2') || (%{HTTP:A} == '3' && %{HTTP:B} == '2')")
    assert next(witnesses(formula, {A: "3"})) == {A: "3", B: "2"}


def test_de_morgans_laws_hold() -> None:
    assert equivalent(parse("!(%{HTTP:A} == '1' || %{HTTP:B} == '2')"), parse("%{HTTP:A} != '1' && %{HTTP:B} != '2'"))
    assert not equivalent(parse("%{HTTP:A} == '1'"), parse("%{HTTP:A} == '2'"))


def test_two_hundred_atoms_take_less_than_the_blink_of_an_eye() -> None:
    parts = [any_of(equals(header(f"h{number}"), str(value)) for value in range(4)) for number in range(50)]
    formula: Formula = all_of(parts)
    start = time.process_time()
    assert next(witnesses(formula, {}))
    assert time.process_time() - start < 1, "50 ms on an idle machine"


def test_too_large_a_formula_says_so() -> None:
    parts = [
        any_of(all_of((equals(header(f"{n}-{i}"), "1"), negated(equals(A, str(i))))) for i in range(3))
        for n in range(30)
    ]
    contradiction = all_of((*parts, *(negated(equals(header(f"29-{i}"), "1")) for i in range(3))))
    with pytest.raises(TooLargeError):
        next(witnesses(contradiction, {}), None)
    assert MOST_STEPS <= 20_000
