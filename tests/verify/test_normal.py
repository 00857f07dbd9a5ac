"""Expressions without their negations."""

import pytest

from harness.verify.normal import normal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%{A} == 'x'", "%{A} == 'x'"),
        ("!(%{A} == 'x')", "%{A} != 'x'"),
        ("! %{A} == 'x'", "%{A} != 'x'"),
        ("not (%{A} eq 'x' or %{B} =~ m#y,/z#i)", "( %{A} ne 'x' && %{B} !~ m#y,/z#i )"),
        ("!(! -z %{A})", "-z %{A}"),
        ("%{A} == 'x' && !(%{B} in {'y', 'z'})", "%{A} == 'x'"),
        ("%{A} == 'x && !y' || tolower(%{B}) =~ /!(y)/", "( %{A} == 'x && !y' || tolower(%{B}) =~ /!(y)/ )"),
        ("'x' in PeerExtList('1.2')", "'x' in PeerExtList('1.2')"),
    ],
)
def test_comparisons_are_left(text: str, said: str) -> None:
    assert normal(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%{A} != 'x' || %{B} !~ /^y$/", "( %{A} == 'x' && %{B} =~ /^y$/ )"),
        ("%{A} != 'x' && (%{B} == 'y' || -z %{C})", "( %{A} == 'x' || ( %{B} != 'y' && -n %{C} ) )"),
        ("!(%{A} in {'x'})", "%{A} in {'x'}"),
    ],
)
def test_so_does_the_opposite(text: str, said: str) -> None:
    assert normal(text, negated=True) == said
