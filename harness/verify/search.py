"""Which client makes a formula true at a site, and can one be made?"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from harness.httpd.environment import Condition
from harness.httpd.formula import Atom, Formula, Values, all_of, atoms, decided, equals, holds, negated, variables
from harness.httpd.site import Site
from harness.httpd.variables import Origin, Variable
from harness.httpd.witness import TooLargeError, assignments, domains, solutions, witnesses
from harness.verify.request_input import RequestInput, other_spellings, request_with, values_of
from harness.verify.site_values import ADDRESS, METHOD, SiteValues
from harness.verify.subject import Subject, can_be_made

READING = {"HEAD", "OPTIONS", "TRACE", "CONNECT"}
"""The methods that change nothing: a site may allow them to all clients, or httpd itself answers."""
WRITES = all_of(negated(equals(METHOD, method)) for method in sorted(READING))
"""True for every other method."""
_MOST_TRIED = 200
"""How many witnesses are tried until one can be made a client."""
_Made = TypeVar("_Made")
_Subject = TypeVar("_Subject", bound=Subject | None)


def certain(formula: Formula) -> Formula:
    """What makes a formula true whatever the value of its open atoms."""
    return decided(formula, _is_open)


def possible(formula: Formula) -> Formula:
    """What makes a formula true for some value of its open atoms."""
    return negated(certain(negated(formula)))


def open_conditions(site: Site) -> list[Condition]:
    """The conditions of a site that have an open atom."""
    return [one for one in site.decision.conditions if any(map(_is_open, atoms(one.formula)))]


def _is_open(atom: Atom) -> bool:
    """Whether no client here can bring about what an atom compares."""
    return any(
        one.origin is Origin.UNKNOWABLE or (one.origin is Origin.CERTIFICATE and not can_be_made(one))
        for one in atom.variables
    )


def fixed_values(formula: Formula, values: Values, *, free: Collection[Origin]) -> dict[Variable, str]:
    """The values of the formula's variables, except those of an origin that is free."""
    return {one: values.get(one, one.default) for one in variables(formula) if one.origin not in free}


def server_values(formula: Formula, values: Values) -> dict[Variable, str]:
    """The values of the formula's variables that only the server decides."""
    return fixed_values(formula, values, free=set(Origin) - {Origin.SERVER})


def is_satisfiable(formula: Formula, fixed: Values, defaults: Values) -> bool:
    """Whether a formula has a witness with these values; true as well where it is too large to search."""
    try:
        return next(witnesses(formula, fixed, defaults=defaults), None) is not None
    except TooLargeError:
        return True


def search(
    site: Site, formula: Formula, fixed: Values, defaults: Values, make: Callable[[Values], _Made | None]
) -> Iterator[_Made]:
    """Yield what `make` returns for the witnesses of a formula: one for each solution. It returns None for a witness
    that no client or request has. A formula that is too large to search ends the search."""
    extras: dict[Variable, list[str]] = {}
    compared = [(one, value) for one, values in domains(formula, {}).items() for value in values if value]
    for one, value in other_spellings(site, compared):
        extras.setdefault(one, []).append(value)
    try:
        for solution in itertools.islice(solutions(formula, fixed, defaults=defaults, extras=extras), _MOST_TRIED):
            made = next((one for one in map(make, assignments(solution)) if one is not None), None)
            if made is not None:
                yield made
    except TooLargeError:
        return


def make_client(
    site_values: SiteValues, formula: Formula, usual: Values, subjects: Iterable[_Subject], witness: Values
) -> tuple[_Subject, RequestInput] | None:
    """Make a client with the request of a witness and the first of these certificates that fits; None where none does:
    with the values that httpd then sees, the formula is false."""
    request = request_with(site_values.site, witness)
    if request is None:
        return None
    request = request if request.address else replace(request, address=usual[ADDRESS])
    seen = {**usual, **values_of(site_values.site, request), ADDRESS: request.address}
    seen[METHOD] = witness.get(METHOD, usual[METHOD])
    for subject in subjects:
        if holds(formula, {**seen, **site_values.certificate(subject)}) is not False:
            return subject, request
    return None
