"""When is an access decision true? A Boolean formula over the variables of a request, in three-valued logic."""

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote, unquote

from harness.httpd.networks import Network as Network
from harness.httpd.networks import in_network
from harness.httpd.networks import network as network
from harness.httpd.pcre import group_filled, readable, search
from harness.httpd.variables import Origin, Variable

Values = Mapping[Variable, str]


# --- terms ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Applied:
    """A function of a term: one of FUNCTIONS, or `match`: what the group `group` of `pattern` finds in it."""

    function: str
    argument: "Term"
    pattern: str = ""
    group: int = 0

    def value(self, argument: str) -> str:
        """The function's value for the value of its argument."""
        if self.function == "match":
            found = search(self.pattern, argument)
            groups = (found[0], *found.groups("")) if found else ()
            return groups[self.group] if self.group < len(groups) else ""
        return FUNCTIONS[self.function](argument)

    def arguments(self, wanted: str) -> list[str]:
        """Values of the argument for which the function's value may be this one."""
        if self.function == "match":
            return [wanted, *([filled] if (filled := group_filled(self.pattern, self.group, wanted)) else [])]
        return [quote(wanted)] if self.function == "unescape" else [unquote(wanted), wanted]


def _escaped(text: str) -> str:
    """Escape a path as httpd does (ap_os_escape_path)."""
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, "$-_.+!*'(),:@&=/~", "latin-1"))


FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "tolower": str.lower,
    "toupper": str.upper,
    "escape": _escaped,
    "unescape": unquote,
}
Term = tuple["str | Variable | Applied", ...]
"""A text made of constants, variables and functions, one after the other."""


def variables_of(term: Term) -> Iterator[Variable]:
    """Yield the variables in a term."""
    for part in term:
        if isinstance(part, Variable):
            yield part
        elif isinstance(part, Applied):
            yield from variables_of(part.argument)


def evaluated(term: Term, values: Values) -> str | None:
    """Return the term's text; None where the values do not hold all its variables."""
    parts: list[str] = []
    for part in term:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Variable):
            if part not in values:
                return None
            parts.append(values[part])
        else:
            inner = evaluated(part.argument, values)
            if inner is None:
                return None
            parts.append(part.value(inner))
    return "".join(parts)


# --- formulas -------------------------------------------------------------------------------------------------------
class Operator(StrEnum):
    """How an atom compares its two terms; `Not` makes the opposites."""

    EQUAL = "=="
    MATCHES = "=~"
    LESS = "<"
    LESS_OR_EQUAL = "<="
    NUMBER_EQUAL = "-eq"
    NUMBER_LESS = "-lt"
    NUMBER_LESS_OR_EQUAL = "-le"
    SHORTER_OR_LESS = "lt"
    SHORTER_OR_EQUAL = "le"
    IN_NETWORK = "-ipmatch"


_COMPARED: Mapping[Operator, Callable[[str, str], bool]] = {
    Operator.EQUAL: lambda left, right: left == right,
    Operator.MATCHES: lambda left, right: search(right, left) is not None,
    Operator.LESS: lambda left, right: left < right,
    Operator.LESS_OR_EQUAL: lambda left, right: left <= right,
    Operator.NUMBER_EQUAL: lambda left, right: number(left) == number(right),
    Operator.NUMBER_LESS: lambda left, right: number(left) < number(right),
    Operator.NUMBER_LESS_OR_EQUAL: lambda left, right: number(left) <= number(right),
    # SSLRequire's own order: by length first.
    Operator.SHORTER_OR_LESS: lambda left, right: (len(left), left) < (len(right), right),
    Operator.SHORTER_OR_EQUAL: lambda left, right: (len(left), left) <= (len(right), right),
    Operator.IN_NETWORK: in_network,
}


class _Hashed:
    """Keeps its hash: formulas are large, and are often looked up."""

    _kept: int | None = None

    def kept_hash(self, content: object) -> int:
        """The hash of its content, worked out once."""
        if self._kept is None:
            object.__setattr__(self, "_kept", hash((type(self), content)))
        assert self._kept is not None
        return self._kept


@dataclass(frozen=True)
class Atom(_Hashed):
    """One comparison. The pattern of MATCHES and the network of IN_NETWORK stand in `right`."""

    left: Term
    operator: Operator
    right: Term

    def __hash__(self) -> int:
        return self.kept_hash((self.left, self.operator, self.right))

    def __str__(self) -> str:
        return f"{shown(self.left)} {self.operator} '{shown(self.right)}'"

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that it looks at."""
        return (*variables_of(self.left), *variables_of(self.right))

    def holds(self, values: Values) -> bool | None:
        """Whether it is true; None where the values do not tell."""
        left, right = evaluated(self.left, values), evaluated(self.right, values)
        return None if left is None or right is None else _COMPARED[self.operator](left, right)


@dataclass(frozen=True)
class Not(_Hashed):
    """The opposite of a formula."""

    part: "Formula"

    def __hash__(self) -> int:
        return self.kept_hash(self.part)


@dataclass(frozen=True)
class All(_Hashed):
    """True where every part is; without parts it is true."""

    parts: tuple["Formula", ...] = ()

    def __hash__(self) -> int:
        return self.kept_hash(self.parts)


@dataclass(frozen=True)
class Any(_Hashed):
    """True where one part is; without parts it is false."""

    parts: tuple["Formula", ...] = ()

    def __hash__(self) -> int:
        return self.kept_hash(self.parts)


Formula = Atom | Not | All | Any
TRUE, FALSE = All(), Any()


def negated(formula: Formula) -> Formula:
    """Return the opposite, without a double negation and with constants folded."""
    if isinstance(formula, Not):
        return formula.part
    return FALSE if formula == TRUE else TRUE if formula == FALSE else Not(formula)


def all_of(parts: Iterable[Formula]) -> Formula:
    """Return what is true where every part is, with constants folded."""
    return _joined(All, parts, TRUE, FALSE)


def any_of(parts: Iterable[Formula]) -> Formula:
    """Return what is true where one part is, with constants folded."""
    return _joined(Any, parts, FALSE, TRUE)


def either(condition: Formula, then: Formula, otherwise: Formula) -> Formula:
    """Return `then` where the condition holds, and `otherwise` where it does not."""
    if then == otherwise:
        return then
    if then in (TRUE, FALSE):
        return any_of((condition, otherwise)) if then == TRUE else all_of((negated(condition), otherwise))
    if otherwise in (TRUE, FALSE):
        return any_of((negated(condition), then)) if otherwise == TRUE else all_of((condition, then))
    return any_of((all_of((condition, then)), all_of((negated(condition), otherwise))))


def constant_folded(atom: Atom) -> Formula:
    """Return TRUE or FALSE for an atom about constants alone."""
    known = atom.holds({})
    return atom if known is None else TRUE if known else FALSE


def equals(variable: Variable, value: str) -> Formula:
    """Return the atom that a variable has this value."""
    return Atom((variable,), Operator.EQUAL, (value,))


def matches(term: Term, pattern: str) -> Formula:
    """Return the atom that a pattern is found in a term; one that Python reads in another way is not understood."""
    if not readable(pattern):
        return unknowable(f"{shown(term)} =~ {pattern}")
    return constant_folded(Atom(term, Operator.MATCHES, (pattern,)))


def unknowable(text: str) -> Formula:
    """Return the one atom that stands for what is not understood."""
    return Atom((Variable(text, Origin.UNKNOWABLE),), Operator.EQUAL, ("true",))


def _joined(kind: type[All] | type[Any], parts: Iterable[Formula], neutral: Formula, ends: Formula) -> Formula:
    found: dict[Formula, None] = {}
    for part in parts:
        if part == ends:
            return ends
        if part != neutral:
            found.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    if any(isinstance(part, Not) and part.part in found for part in found):
        return ends  # A part and its opposite.
    return next(iter(found)) if len(found) == 1 else kind(tuple(found))


def atoms(formula: Formula) -> Iterator[Atom]:
    """Yield every atom."""
    match formula:
        case Atom():
            yield formula
        case Not(part):
            yield from atoms(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from atoms(part)


def variables(formula: Formula) -> set[Variable]:
    """Return the variables that a formula looks at."""
    return {one for atom in atoms(formula) for one in atom.variables}


def depends_on(formula: Formula, origin: Origin) -> bool:
    """Whether a formula looks at a variable of this origin."""
    return any(one.origin is origin for one in variables(formula))


def holds(formula: Formula, values: Values) -> bool | None:
    """Whether a formula is true (Kleene's three-valued logic): None where the values do not decide it."""
    match formula:
        case Atom():
            return formula.holds(values)
        case Not(part):
            inner = holds(part, values)
            return None if inner is None else not inner
        case All(parts) | Any(parts):
            decisive = isinstance(formula, Any)
            unknown = False
            for part in parts:
                inner = holds(part, values)
                if inner is decisive:
                    return decisive
                unknown |= inner is None
            return None if unknown else not decisive


def replaced(formula: Formula, change: Callable[[Atom], Formula]) -> Formula:
    """Return the formula with something else in the place of each atom, and constants folded."""
    match formula:
        case Atom():
            return change(formula)
        case Not(part):
            return negated(replaced(part, change))
        case All(parts):
            return all_of(replaced(part, change) for part in parts)
        case Any(parts):
            return any_of(replaced(part, change) for part in parts)


def substituted(formula: Formula, values: Mapping[Variable, Term]) -> Formula:
    """Return a formula with these terms in the place of variables."""

    def put(term: Term) -> Term:
        parts: list[str | Variable | Applied] = []
        for part in term:
            if isinstance(part, Variable):
                parts += values.get(part, (part,))
            else:
                parts.append(replace(part, argument=put(part.argument)) if isinstance(part, Applied) else part)
        return tuple(parts)

    if variables(formula).isdisjoint(values):
        return formula
    return replaced(formula, lambda atom: constant_folded(Atom(put(atom.left), atom.operator, put(atom.right))))


def cofactor(formula: Formula, values: Values) -> Formula:
    """Return what is left of a formula where these variables have these values."""

    def change(atom: Atom) -> Formula:
        known = atom.holds(values)
        return atom if known is None else TRUE if known else FALSE

    return replaced(formula, change)


def compares_numbers(formula: Formula) -> bool:
    """Whether a formula compares anything as a number."""
    return any(atom.operator is Operator.NUMBER_EQUAL for atom in atoms(formula))


_MOST_OPEN = 6
"""For how many open atoms every combination is looked at."""


def decided(formula: Formula, is_open: Callable[[Atom], bool]) -> Formula:
    """Return what makes a formula true whatever becomes of the open atoms."""
    found = list(dict.fromkeys(atom for atom in atoms(formula) if is_open(atom)))
    if len(found) > _MOST_OPEN:
        return _decided_apart(formula, is_open, positive=True)
    constants: tuple[Formula, Formula] = (TRUE, FALSE)
    combinations = itertools.product(constants, repeat=len(found))
    settled = (dict(zip(found, values, strict=True)) for values in combinations)
    return all_of(replaced(formula, functools.partial(_settled_by, one)) for one in settled)


def _settled_by(values: Mapping[Atom, Formula], atom: Atom) -> Formula:
    return values.get(atom, atom)


def _decided_apart(formula: Formula, is_open: Callable[[Atom], bool], *, positive: bool) -> Formula:
    """The same where too many atoms are open: each counts as what is worse for it, wherever it stands."""
    match formula:
        case Atom():
            return (FALSE if positive else TRUE) if is_open(formula) else formula
        case Not(part):
            return negated(_decided_apart(part, is_open, positive=not positive))
        case All(parts):
            return all_of(_decided_apart(part, is_open, positive=positive) for part in parts)
        case Any(parts):
            return any_of(_decided_apart(part, is_open, positive=positive) for part in parts)


# --- values ---------------------------------------------------------------------------------------------------------
def number(text: str) -> int:
    """Read a number as C's atoi does: 0 where there is none."""
    found = re.match(r"\s*[+-]?\d+", text)
    return int(found[0]) if found else 0


def shown(term: Term) -> str:
    """Write a term as httpd's configuration does."""
    return "".join(part if isinstance(part, str) else _shown(part) for part in term)


def _shown(part: Variable | Applied) -> str:
    if isinstance(part, Variable):
        return str(part)
    return f"{part.function}({shown(part.argument)})" if part.function != "match" else f"${part.group}"
