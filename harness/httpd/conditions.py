"""Which conditions are about the path of a request, and so about some paths only: of <If>, and before a RewriteRule?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.httpd.directive import Directive, walk
from harness.httpd.expression import parse, require_expression
from harness.httpd.formula import (
    TRUE,
    All,
    Any,
    Formula,
    Not,
    all_of,
    any_of,
    matches,
    negated,
)
from harness.httpd.path_sample import PATH, is_about_path
from harness.httpd.pcre import search
from harness.httpd.rewrite import condition_formula
from harness.httpd.rewrite_rule import Condition, Rule, rules

CONDITIONS = {"if", "elseif", "else"}
DECIDING = {"rewritecond", "require", "if", "elseif", "sslrequire", "setenvif", "setenvifexpr"}
"""What decides by headers and variables."""
_FORWARDING = {"header", "requestheader", "directoryindex"}
_SOME = ("/", "/q/q")


@dataclass(frozen=True)
class PathCondition:
    """An If, ElseIf, Else or RewriteRule that is about some paths only.

    `path` is the part of its condition that depends on the path alone. `directives` hold at those paths: the section
    itself, or the rule with its other conditions. `is_complete` says that the condition has no other part.
    """

    entry: Directive
    path: Formula
    directives: tuple[Directive, ...]
    is_complete: bool = False
    conditions: tuple[Directive, ...] = ()


def split_by_path(body: Sequence[Directive]) -> tuple[tuple[Directive, ...], list[PathCondition]]:
    """Return what a section says of all its places, and the conditions in it that are about some paths only."""
    kinds = {entry.kind for entry in body}
    found = [one for chain in chains(body) for one in _of_chain(chain)] if "if" in kinds else []
    found += filter(None, map(_of_rule, rules(body))) if "rewritecond" in kinds else ()
    if not found:
        return tuple(body), []
    moved = {id(entry) for one in found for entry in (one.entry, *one.conditions)}
    order = {id(entry): number for number, entry in enumerate(body)}
    everywhere = tuple(entry for entry in body if id(entry) not in moved)
    return everywhere, sorted(found, key=lambda one: order[id(one.entry)])


def chains(body: Iterable[Directive]) -> list[list[Directive]]:
    """Return the conditional sections: each If with the ElseIf and Else that follow it."""
    found: list[list[Directive]] = []
    for entry in body:
        if entry.kind == "if":
            found.append([entry])
        elif entry.kind in CONDITIONS and found:
            found[-1].append(entry)
    return found


def expression(entry: Directive) -> Formula:
    """Return the expression of an If, ElseIf, Else, SSLRequire or `Require expr`; of other directives, TRUE."""
    match entry.kind:
        case "if" | "elseif":
            return parse("".join(entry.words[:1]))
        case "sslrequire":
            return parse(entry.arguments, ssl_require=True)
        case "require":
            first, _, rest = entry.arguments.strip().removeprefix("not ").strip().partition(" ")
            return parse(require_expression(rest)) if first.lower() == "expr" else TRUE
    return TRUE


def _of_chain(chain: Iterable[Directive]) -> Iterator[PathCondition]:
    before: list[Formula] = []
    for branch in chain:
        parts = [*conjuncts(all_of((*before, expression(branch))))]
        path = all_of(filter(is_about_path, parts))
        before.append(negated(expression(branch)))
        if path != TRUE:
            yield PathCondition(branch, path, (branch,), all(map(is_about_path, parts)))


def conjuncts(formula: Formula) -> Iterator[Formula]:
    """Yield the parts of a formula that must all be true."""
    match formula:
        case All(parts):
            for part in parts:
                yield from conjuncts(part)
        case Not(Any(parts)):
            for part in parts:
                yield from conjuncts(negated(part))
        case _:
            yield formula


def exceptions(formula: Formula) -> Iterator[Formula]:
    """Yield which paths a formula leaves out: each part about the path that must not be true."""
    yield from (part.part for part in conjuncts(formula) if isinstance(part, Not) and is_about_path(part))


def _of_rule(rule: Rule) -> PathCondition | None:
    """Return the paths of a rule with a condition about a certificate; None where it is about all paths."""
    if not any(one.directive.mentions("ssl_client") for one in rule.conditions):
        return None
    path, others = [_path_of(rule)], []
    group: list[Condition] = []
    for condition in rule.conditions:
        group.append(condition)
        if not condition.joined_by_or:
            formula = any_of(condition_formula(rule, one) for one in group)
            path += [formula] if is_about_path(formula) else []
            others += [] if is_about_path(formula) else [one.directive for one in group]
            group = []
    # An OR that nothing follows is always true.
    others += [one.directive for one in group]
    if (found := all_of(path)) == TRUE:
        return None
    conditions = tuple(one.directive for one in rule.conditions)
    return PathCondition(rule.directive, found, (*others, rule.directive), conditions=conditions)


def _path_of(rule: Rule) -> Formula:
    """Return a rule's pattern as a formula about the path; in a folder's rules paths begin after the folder's own."""
    text = rule.pattern.removeprefix("!")
    if text == "^$" or all(search(rule.expression, path) for path in _SOME):
        return TRUE
    anchored = f"/{text[1:]}" if text[:1] == "^" and text[1:2].isalnum() else text
    found = matches((PATH,), rule.in_its_case(anchored))
    return negated(found) if rule.pattern.startswith("!") else found


def forwards_identity(entry: Directive) -> bool:
    """Whether a directive sends the client's identity to an application."""
    return entry.kind == "requestheader" and entry.mentions("ssl_client_")


def without_decision(level: Directive, whole: Sequence[Directive]) -> Iterator[Directive]:
    """Yield the conditions without influence on admission: an If and its Else that only set headers, and the
    conditions of a RewriteRule that only sets a variable which nothing in the `whole` looks at."""
    for chain in chains(level.body):
        if all(inner.kind in _FORWARDING for branch in chain for inner in walk(branch)):
            yield from chain
    for rule in rules(level.body):
        if _only_sets(rule, whole):
            yield from (one.directive for one in rule.conditions)
    for entry in level.body:
        yield from without_decision(entry, whole)


def _only_sets(rule: Rule, whole: Sequence[Directive]) -> bool:
    """Whether a RewriteRule does nothing but set variables, and nothing looks at them."""
    if rule.substitution != "-" or not {"E"} <= rule.flags.keys() <= {"E", "NE", "NC"}:
        return False
    names = [value.partition(":")[0].lstrip("!").lower() for value in rule.variables]
    looking = [entry for entry in whole if entry.kind in DECIDING | {"allow", "deny"}]
    return not any(entry.mentions(name) for name in names for entry in looking)
