"""Which cases does `-k EXPRESSION` choose?"""

import ast
from collections.abc import Callable

import click

from harness.cases import Case

_ALLOWED = (ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Name, ast.Attribute, ast.Load)


def matcher(expression: str) -> Callable[[Case], bool]:
    """Read words joined by `and`, `or`, `not` and brackets; a word matches a case whose id contains it.

    Raises:
        click.UsageError: it is not such an expression.
    """
    if not expression.strip():
        return lambda _case: True
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        for node in ast.walk(tree):
            if not isinstance(node, _ALLOWED):
                raise SyntaxError
    except SyntaxError:
        raise click.UsageError(
            f"-k {expression!r} is no expression of case ids, `and`, `or`, `not` and brackets. "
            "Example: -k 'revocation and not crl'"
        ) from None
    return lambda case: _holds(tree, case.id)


def _holds(tree: ast.expr, case_id: str) -> bool:
    match tree:
        case ast.BoolOp(ast.And(), values):
            return all(_holds(value, case_id) for value in values)
        case ast.BoolOp(ast.Or(), values):
            return any(_holds(value, case_id) for value in values)
        case ast.UnaryOp(ast.Not(), operand):
            return not _holds(operand, case_id)
    return ast.unparse(tree) in case_id
