"""By which values is a formula true, and are two formulas the same?"""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.httpd.formula import (
    All,
    Any,
    Applied,
    Atom,
    Formula,
    Not,
    Operator,
    Term,
    Values,
    atoms,
    number,
)
from harness.httpd.networks import first_host, network
from harness.httpd.pcre import search, texts
from harness.httpd.variables import OUTSIDE, Variable

ANOTHER = "another"
"""A value that is none of those which a formula compares with."""
MOST_STEPS = 20_000
"""How many choices a search for witnesses may make before the formula counts as too large."""
_MOST_COMBINATIONS = 4096
_SAME = re.compile(r"\^\((?:\.|\[\^[^\]]+\])[*+]\)([^\\()]*)\\1\$?")
"""The expression by which a RewriteCond compares two parts of a text, as in `%{A}=%{B}`: `^(.+)=\\1$`."""
_DOT = re.compile(r"(?<=\w)\.(?=\w)")
_JOINTS = {
    "SSL_CLIENT_S_DN": ",",
    "SSL_CLIENT_I_DN": ",",
    "HTTP:cookie": "; ",
    "QUERY_STRING": "&",
    "HTTP:user-agent": " ",
}
"""What stands between two parts of a variable's value."""
_NOTHING: Mapping[Variable, str] = MappingProxyType({})
_NO_EXTRAS: Mapping[Variable, Sequence[str]] = MappingProxyType({})
Domains = Mapping[Variable, tuple[str, ...]]
"""The values of each variable that are worth trying, or that are left."""


class TooLargeError(Exception):
    """A formula has more combinations than can be searched."""


def witnesses(
    formula: Formula,
    fixed: Values,
    *,
    defaults: Values = _NOTHING,
    extras: Mapping[Variable, Sequence[str]] = _NO_EXTRAS,
) -> Iterator[dict[Variable, str]]:
    """Yield assignments under which a formula is true. A variable has its default where that will do, and is left out
    where nothing depends on it. `fixed` are values that are given, `extras` more that are worth trying.

    Raises:
        TooLargeError: the search has more than MOST_STEPS choices.
    """
    seen: set[frozenset[tuple[Variable, str]]] = set()
    for found in solutions(formula, fixed, defaults=defaults, extras=extras):
        values = next(assignments(found))
        if (key := frozenset(values.items())) not in seen:
            seen.add(key)
            yield values


def solutions(
    formula: Formula,
    fixed: Values,
    *,
    defaults: Values = _NOTHING,
    extras: Mapping[Variable, Sequence[str]] = _NO_EXTRAS,
) -> Iterator[Domains]:
    """Yield the same as `witnesses`, with all values of each variable that will do.

    Raises:
        TooLargeError: the search has more than MOST_STEPS choices.
    """
    yield from _Search(domains(formula, fixed, defaults, extras)).solutions([(formula, True)], {})


def assignments(found: Domains) -> Iterator[dict[Variable, str]]:
    """Yield values of what is left: the first of each variable, then each other one of a single variable."""
    first = {one: left[0] for one, left in found.items()}
    yield first
    for one, left in found.items():
        yield from ({**first, one: value} for value in left[1:])


def equivalent(one: Formula, other: Formula) -> bool:
    """Whether two formulas are true for the same values, as far as their operands tell.

    Raises:
        TooLargeError: the search has too many choices.
    """
    whole = domains(Any((one, other)), {})
    differing = ([(one, True), (other, False)], [(one, False), (other, True)])
    return all(next(_Search(whole).solutions(both, {}), None) is None for both in differing)


def domains(
    formula: Formula,
    fixed: Values,
    defaults: Values = _NOTHING,
    extras: Mapping[Variable, Sequence[str]] = _NO_EXTRAS,
) -> Domains:
    """Return the values worth trying: default, each operand, what two patterns match together, none, another."""
    found: dict[Variable, dict[str, None]] = {}
    patterns: dict[Variable, dict[str, None]] = {}
    for atom in dict.fromkeys(atoms(formula)):
        for one in atom.variables:
            usual = [defaults.get(one, one.default), *extras.get(one, ())]
            found.setdefault(one, dict.fromkeys(usual))
        for one, value in _candidates(atom):
            found[one][value] = None
            if atom.operator is Operator.MATCHES and value:
                patterns.setdefault(one, {})[value] = None
    for one, values in patterns.items():
        several = list(values)[:4]
        for some in itertools.permutations(several, 2):
            found[one][_JOINTS.get(one.name, "").join(some)] = None
        found[one][_JOINTS.get(one.name, "").join(several)] = None
    return {
        one: (fixed[one],) if one in fixed else one.values or tuple({**values, "": None, ANOTHER: None})
        for one, values in found.items()
    }


@dataclass
class _Search:
    """A depth-first search: what must hold at once narrows the values that are left, an alternative is a choice."""

    whole: Domains
    steps: Iterator[int] = field(default_factory=itertools.count)

    def solutions(self, wanted: Sequence[tuple[Formula, bool]], found: Domains) -> Iterator[Domains]:
        """Yield what is left of the values where each formula is true, or false, as wanted."""
        settled = self._settled(list(wanted)[::-1], found)
        if settled is None:
            return
        found, choices = settled
        if not choices:
            yield found
            return
        (part, positive), *others = choices
        if isinstance(part, Atom):
            for narrowed in self._combinations(part, positive, found):
                yield from self.solutions(others, narrowed)
        elif isinstance(part, All | Any):
            for one in part.parts:
                yield from self.solutions([*others, (one, positive)], found)

    def _settled(
        self, agenda: list[tuple[Formula, bool]], found: Domains
    ) -> tuple[Domains, list[tuple[Formula, bool]]] | None:
        """Take all that must hold at once; returns what is left and the choices, None where it cannot hold."""
        choices: list[tuple[Formula, bool]] = []
        while agenda:
            part, positive = agenda.pop()
            if next(self.steps) > MOST_STEPS:
                raise TooLargeError
            if isinstance(part, Not):
                agenda.append((part.part, not positive))
            elif isinstance(part, Atom):
                if len(set(part.variables)) > 1:
                    choices.append((part, positive))
                elif narrowed := self._narrowed(part, positive, found):
                    found = narrowed[0]
                else:
                    return None
            elif isinstance(part, All) == positive:
                agenda += [(one, positive) for one in reversed(part.parts)]
            elif not part.parts:
                return None
            else:
                choices.append((part, positive))
        return found, choices

    def _narrowed(self, atom: Atom, positive: bool, found: Domains) -> list[Domains]:
        """What is left of the values where an atom about one variable, or none, is true, or false; nothing where it
        cannot be."""
        if not atom.variables:
            return [found] if atom.holds({}) is positive else []
        one = atom.variables[0]
        left = tuple(value for value in found.get(one, self.whole[one]) if atom.holds({one: value}) is positive)
        return [{**found, one: left}] if left else []

    def _combinations(self, atom: Atom, positive: bool, found: Domains) -> Iterator[Domains]:
        """Yield the values of several variables for which an atom about all of them is true, or false."""
        names = tuple(dict.fromkeys(atom.variables))
        known = [found.get(name, self.whole[name]) for name in names]
        if positive and atom.operator is Operator.EQUAL:
            # What must be equal may have any value of the other.
            shared = tuple(dict.fromkeys(value for values in known for value in values))
            known = [values if name in found else (*values, *shared) for name, values in zip(names, known, strict=True)]
        for values in itertools.islice(itertools.product(*known), _MOST_COMBINATIONS):
            one = dict(zip(names, values, strict=True))
            if atom.holds(one) is positive:
                next(self.steps)
                yield {**found, **{name: (value,) for name, value in one.items()}}


def _candidates(atom: Atom) -> Iterator[tuple[Variable, str]]:
    """Yield values of an atom's variables that are worth trying: such as make it true, and such as make it false."""
    if all(isinstance(part, str) for part in atom.right):
        for text in _examples(atom.operator, "".join(map(str, atom.right))):
            yield from _assignments(atom.left, text)
        if atom.operator is Operator.MATCHES and (same := _SAME.fullmatch("".join(map(str, atom.right)))):
            yield from _equal_parts(atom.left, same[1])


def _equal_parts(term: Term, separator: str) -> Iterator[tuple[Variable, str]]:
    """Yield the value with which a variable is equal to the text on the other side of a separator."""
    at = next((number for number, part in enumerate(term) if isinstance(part, Variable)), 0)
    one, before, after = term[at], term[:at], term[at + 1 :]
    text = "".join(map(str, before or after))
    if (
        isinstance(one, Variable)
        and not (before and after)
        and all(isinstance(part, str) for part in (*before, *after))
    ):
        is_apart = text.endswith(separator) if before else text.startswith(separator)
        if separator and is_apart:
            yield one, text.removesuffix(separator) if before else text.removeprefix(separator)


def _assignments(term: Term, text: str) -> Iterator[tuple[Variable, str]]:
    """Yield values of single variables that help the term to have this text."""
    parts = [part for part in term if not isinstance(part, str)]
    pattern = "".join(re.escape(part) if isinstance(part, str) else "(.*)" for part in term)
    found = re.fullmatch(pattern, text, re.DOTALL)
    for part, piece in zip(parts, found.groups(), strict=True) if found else ():
        if isinstance(part, Variable):
            yield part, piece
        elif isinstance(part, Applied):
            for argument in part.arguments(piece):
                yield from _assignments(part.argument, argument)


@functools.cache
def _examples(operator: Operator, operand: str) -> tuple[str, ...]:
    """Return texts that stand in this relation to the operand, and such as do not."""
    match operator:
        case Operator.EQUAL | Operator.SHORTER_OR_EQUAL:
            return (operand,)
        case Operator.MATCHES:
            # A dot between letters is mostly meant as a dot.
            made = itertools.chain(texts(_DOT.sub(r"\.", operand)), texts(operand))
            fitting = (text for text in made if text.isprintable() and search(operand, text))
            return tuple(itertools.islice(dict.fromkeys(fitting), 2))
        case Operator.LESS | Operator.LESS_OR_EQUAL | Operator.SHORTER_OR_LESS:
            return (operand, f"{operand}~", operand[:-1])
        case Operator.NUMBER_EQUAL | Operator.NUMBER_LESS | Operator.NUMBER_LESS_OR_EQUAL:
            return tuple(str(number(operand) + step) for step in (0, 1, -1))
    found = network(operand)
    return (*([first_host(found)] if found else []), OUTSIDE, "198.51.100.7", "192.0.2.7")
