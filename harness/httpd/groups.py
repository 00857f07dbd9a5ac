"""What do `$1` and `%1` hold: the groups of which regular expression, and when?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.httpd.formula import TRUE, Applied, Formula, Term, all_of, any_of, either, negated, unknowable, variables
from harness.httpd.variables import Origin, Variable


@dataclass(frozen=True)
class Match:
    """A regular expression that was looked for in a text. Where it was not found, its groups are empty."""

    text: Term
    pattern: str


Groups = tuple[tuple[Formula, Match | None], ...]
"""Which match the groups are of: the first one whose condition holds; the last condition is TRUE."""
NO_GROUPS: Groups = ((TRUE, None),)
"""Where nothing was matched before, every group is empty."""
UNCLEARED: Groups = ((TRUE, Match((), "(uncleared)")),)
"""The groups where nothing was matched before, and httpd has not cleared the memory: their content is unknown."""


_UNCLEARED_MEMORY = "memory that is not cleared, by "


def uncleared(text: str) -> Formula:
    """Return the atom of a condition that looks at a group before there is any, where httpd has not cleared them."""
    return unknowable(f"{_UNCLEARED_MEMORY}{text}")


def is_uncleared(formula: Formula) -> bool:
    """Whether a condition is such a one: httpd 2.4 may end by it, whatever else the condition says."""
    return any(one.name.startswith(_UNCLEARED_MEMORY) for one in variables(formula))


def reference(number: int) -> Variable:
    """Return what stands for a group in a term, until `filled` puts the group in its place."""
    return Variable(f"${number}", Origin.UNKNOWABLE)


def refers(*terms: Term) -> bool:
    """Whether a reference to a group stands in any of these terms."""
    return any(
        (isinstance(part, Variable) and part.name[:1] == "$" and part.name[1:].isdigit())
        or (isinstance(part, Applied) and refers(part.argument))
        for term in terms
        for part in term
    )


def filled(term: Term, match: Match | None) -> Term:
    """Return a term with groups in the place of references."""
    return tuple(
        part if isinstance(part, str) else found for part in term if (found := _filled(part, match)) is not None
    )


def _filled(part: str | Variable | Applied, match: Match | None) -> str | Variable | Applied | None:
    if isinstance(part, Applied):
        return replace(part, argument=filled(part.argument, match))
    if isinstance(part, str) or not refers((part,)):
        return part
    if match == UNCLEARED[0][1]:
        return part
    return Applied("match", match.text, match.pattern, int(part.name[1:])) if match else None


def by_match(groups: Groups, build: Callable[[Match | None], Formula]) -> Formula:
    """Return the formula that is built of the match that the groups are of."""
    *others, (_, last) = groups
    found = build(last)
    for condition, match in reversed(others):
        found = either(condition, build(match), found)
    return found


def where(condition: Formula, then: Groups, otherwise: Groups) -> Groups:
    """Return the groups `then` where a condition holds, and the others where it does not."""
    if then == otherwise:
        return then
    return (*((all_of((condition, one)), match) for one, match in then), *otherwise)


def cases(groups: Groups) -> Iterable[tuple[Formula, Match | None]]:
    """Yield each match with the whole condition under which the groups are of it."""
    before: list[Formula] = []
    for condition, match in groups:
        yield all_of((negated(any_of(before)), condition)), match
        before.append(condition)
