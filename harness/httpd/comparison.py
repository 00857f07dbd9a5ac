"""Which formula is one test or comparison of an httpd expression (ap_expr)?"""

from harness.httpd.formula import (
    Atom,
    Formula,
    Operator,
    Term,
    constant_folded,
    matches,
    negated,
    shown,
    unknowable,
)
from harness.httpd.pcre import wildcard
from harness.httpd.variables import variable

_FALSE_WORDS = r"(?i)^(|0|off|false|no)$"


def unary(operator: str, operand: Term) -> Formula:
    """The formula of a test of one term, such as `-n`."""
    match operator:
        case "n":
            return compared(operand, Operator.EQUAL, ("",), positive=False)
        case "z":
            return compared(operand, Operator.EQUAL, ("",))
        case "T":
            return negated(matches(operand, _FALSE_WORDS))
        case "R":
            return Atom((variable("REMOTE_ADDR"),), Operator.IN_NETWORK, operand)
    return unknowable(f"-{operator} {shown(operand)}")


def binary(operator: str, left: Term, right: Term) -> Formula:
    """The formula of a test of two terms, such as `-strmatch`."""
    match operator:
        case "-ipmatch":
            return constant_folded(Atom(left, Operator.IN_NETWORK, right))
        case "-strmatch" | "-strcmatch" | "-fnmatch" if all(isinstance(part, str) for part in right):
            text = "".join(map(str, right))
            return matches(left, wildcard(text, any_case=operator == "-strcmatch", path=operator == "-fnmatch"))
    return unknowable(f"{shown(left)} {operator} {shown(right)}")


def compared(left: Term, operator: Operator, right: Term, *, positive: bool = True) -> Formula:
    """Compare two terms; a constant that is compared with a variable stands on the right."""
    constant = all(isinstance(part, str) for part in left) and not all(isinstance(part, str) for part in right)
    if constant and operator in {Operator.EQUAL, Operator.NUMBER_EQUAL}:
        left, right = right, left
    found = constant_folded(Atom(left, operator, right))
    return found if positive else negated(found)


def equal(left: Term, right: Term) -> Formula:
    """Whether two terms are the same text."""
    return compared(left, Operator.EQUAL, right)
