"""Which path does an expression, or a formula about the path, look like?"""

import re
from collections.abc import Iterator

from harness.httpd.formula import Formula, Operator, atoms, holds, variables
from harness.httpd.pcre import search, texts
from harness.httpd.variables import variable

PATH = variable("REQUEST_URI")
_NAMES = {PATH, variable("DOCUMENT_URI")}
_SIMPLE = ("/x", "/index.html", "/x/y")
"""The first candidates for an expression with a look-ahead: a generator does not know what that excludes."""
_USABLE = re.compile(r"[\w./~-]+")


def matching(expression: str) -> str | None:
    """Make a path, or a file's name, that an expression matches, always the same one; None where none is found."""
    for simple in _SIMPLE:
        if ("(?=" in expression or "(?!" in expression) and search(expression, simple):
            return simple
    for text in texts(expression):
        # A name that is all suffix is an unusual one.
        for candidate in (f"x{text}", text) if text.startswith(".") else (text,):
            if _USABLE.fullmatch(candidate) and search(expression, candidate):
                return candidate
    return None


def is_about_path(formula: Formula) -> bool:
    """Whether a formula depends on the path and on nothing else."""
    found = variables(formula)
    return bool(found) and found <= _NAMES


def passes(formula: Formula, path: str) -> bool:
    """Whether a formula about the path is true for this one."""
    return holds(formula, dict.fromkeys(_NAMES, path)) is True


def example(formula: Formula) -> str | None:
    """Make a path for which a formula about the path is true; None where none is found."""
    return next(iter(examples(formula)), None)


def examples(formula: Formula) -> list[str]:
    """Make a path for each text and pattern by which a formula about the path is true, or else any one."""
    made = dict.fromkeys(path if path.startswith("/") else f"/{path}" for path in _operands(formula))
    found = [path for path in made if passes(formula, path)]
    return found or [path for path in ("/", *_SIMPLE) if passes(formula, path)][:1]


def _operands(formula: Formula) -> Iterator[str]:
    """Yield what the path is compared with, and a text for each pattern."""
    for atom in atoms(formula):
        text = "".join(part for part in atom.right if isinstance(part, str))
        made = text if atom.operator is Operator.EQUAL else matching(text)
        if made and _USABLE.fullmatch(made):
            yield made
