"""The expressions of `-k`."""

import ast
import difflib
from collections.abc import Callable

import click

from harness.cases import Case, catalogue

_ALLOWED = (ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Name, ast.Attribute, ast.Load)


def matcher(expression: str) -> Callable[[Case], bool]:
    """Parse words joined by `and`, `or`, `not` and brackets. A word matches every case whose id contains it.

    Raises:
        click.UsageError: the syntax is wrong, or no case matches.
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
            f"-k {expression!r} is not a valid expression of case ids, `and`, `or`, `not` and brackets. "
            "Example: -k 'revocation and not crl'"
        ) from None
    if not any(_holds(tree, case.id) for case in catalogue()):
        raise click.UsageError(f"No case matches `-k {expression}`.{_suggestion(tree)}")
    return lambda case: _holds(tree, case.id)


def _suggestion(tree: ast.expr) -> str:
    """Suggest an id, or a part of one, for the first word that matches no case; else the command that lists them."""
    ids = [case.id for case in catalogue()]
    words = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)]
    unknown = next((word for word in words if not any(word in one for one in ids)), "")
    known = dict.fromkeys(part for one in ids for part in (one, *one.split(".")))
    found = difflib.get_close_matches(unknown, known, 1)
    return f" Did you mean `{found[0]}`?" if found else " `mtls-harness cases` lists all cases."


def _holds(tree: ast.expr, case_id: str) -> bool:
    match tree:
        case ast.BoolOp(ast.And(), values):
            return all(_holds(value, case_id) for value in values)
        case ast.BoolOp(ast.Or(), values):
            return any(_holds(value, case_id) for value in values)
        case ast.UnaryOp(ast.Not(), operand):
            return not _holds(operand, case_id)
    return ast.unparse(tree) in case_id
