"""Which formula is an httpd expression (ap_expr)?

The grammar is that of "Expressions in Apache HTTP Server" and of `server/util_expr_parse.y`. What is not understood is
one UNKNOWABLE atom: it is never read as something else.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.httpd.comparison import binary, compared, equal, unary
from harness.httpd.formula import (
    FALSE,
    FUNCTIONS,
    TRUE,
    Applied,
    Atom,
    Formula,
    Operator,
    Term,
    all_of,
    any_of,
    matches,
    negated,
    shown,
    unknowable,
)
from harness.httpd.groups import (
    NO_GROUPS,
    UNCLEARED,
    Groups,
    Match,
    by_match,
    cases,
    filled,
    reference,
    refers,
    uncleared,
    where,
)
from harness.httpd.pcre import group_count
from harness.httpd.variables import Origin, Variable, environment, extension, header, variable

_REGEX_DELIMITERS = "/#$%^|?!'\",;:._-"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"-?\d+")
_OPERATOR = re.compile(r"=~|!~|==|!=|<=|>=|=|<|>|-[A-Za-z_][A-Za-z0-9_]*|[A-Za-z]+")
_COMPARISONS: dict[str, tuple[Operator, bool]] = {
    "==": (Operator.EQUAL, True),
    "=": (Operator.EQUAL, True),
    "!=": (Operator.EQUAL, False),
    "<": (Operator.LESS, True),
    "<=": (Operator.LESS_OR_EQUAL, True),
    ">": (Operator.LESS_OR_EQUAL, False),
    ">=": (Operator.LESS, False),
    "eq": (Operator.NUMBER_EQUAL, True),
    "ne": (Operator.NUMBER_EQUAL, False),
    "lt": (Operator.NUMBER_LESS, True),
    "le": (Operator.NUMBER_LESS_OR_EQUAL, True),
    "gt": (Operator.NUMBER_LESS_OR_EQUAL, False),
    "ge": (Operator.NUMBER_LESS, False),
}
"""Each comparison as an atom's operator, and whether it must hold."""
_OF_SSL_REQUIRE = {
    Operator.NUMBER_EQUAL: Operator.EQUAL,
    Operator.LESS: Operator.SHORTER_OR_LESS,
    Operator.NUMBER_LESS: Operator.SHORTER_OR_LESS,
    Operator.LESS_OR_EQUAL: Operator.SHORTER_OR_EQUAL,
    Operator.NUMBER_LESS_OR_EQUAL: Operator.SHORTER_OR_EQUAL,
}
"""SSLRequire compares all alike: by length, then by letters (mod_ssl, "SSLRequire")."""
_HEADER_FUNCTIONS = {"req", "http", "req_novary"}
_ENVIRONMENT_FUNCTIONS = {"reqenv", "env"}
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class _SyntaxError(Exception):
    """The text is no expression of this grammar."""


def parse(text: str, *, ssl_require: bool = False) -> Formula:
    """Read an expression; `ssl_require` says that it is SSLRequire's, which compares in a way of its own."""
    return parse_with_groups(text, ssl_require=ssl_require)[0]


def parse_with_groups(text: str, *, ssl_require: bool = False, before: Groups = NO_GROUPS) -> tuple[Formula, Groups]:
    """Read an expression, before which its groups held `before`; also returns what they hold in the end."""
    try:
        parser = _Parser(text, ssl_require=ssl_require, groups=before)
        found = parser.alternatives()
        parser.expect_end()
    except _SyntaxError:
        return unknowable(text), before
    return (uncleared(text) if parser.looks_at_uncleared else found), parser.groups


def parse_string(text: str) -> Term:
    """Read a text in which variables and functions stand (`%{…}`)."""
    try:
        found = _Parser("", ssl_require=False).interpolated(text)
    except _SyntaxError:
        return (Variable(text, Origin.UNKNOWABLE),)
    return filled(found, None)


def require_expression(text: str) -> str:
    """Return the expression of `Require expr`: quotes around it all are taken away, and nothing else."""
    text = text.strip()
    return text[1:-1] if text[:1] == text[-1:] == '"' and len(text) > 1 else text


@dataclass
class _Parser:
    """A recursive descent over one text."""

    text: str
    ssl_require: bool
    at: int = 0
    groups: Groups = NO_GROUPS
    """Where `$1` looks at this point."""
    looks_at_uncleared: bool = False
    """Whether a group is looked at that httpd has not cleared."""

    # --- conditions
    def alternatives(self) -> Formula:
        found = self.conjunction()
        while self._accept("||", "or"):
            before = self.groups
            further = self.conjunction()
            self.groups = where(found, before, self.groups)
            found = any_of((found, further))
        return found

    def conjunction(self) -> Formula:
        found = self.condition()
        while self._accept("&&", "and"):
            before = self.groups
            further = self.condition()
            self.groups = where(found, self.groups, before)
            found = all_of((found, further))
        return found

    def condition(self) -> Formula:
        if self._accept("!", "not"):
            return negated(self.condition())
        if self._is_word("true"):
            return TRUE
        if self._is_word("false"):
            return FALSE
        if self._peek() == "(":
            self.at += 1
            inner = self.alternatives()
            self._expect(")")
            return inner
        if found := re.compile(r"-([A-Za-z_])(?![A-Za-z0-9_])").match(self.text, self._skip()):
            self.at = found.end()
            word = self.word()
            return self._of((word,), lambda terms: unary(found[1], terms[0]))
        return self._comparison()

    def _of(self, terms: Sequence[Term], build: Callable[[Sequence[Term]], Formula]) -> Formula:
        """Build a formula of terms, once for each match that the groups in them may be of."""
        if not self._refers(*terms):
            return build(terms)
        return by_match(self.groups, lambda match: build([filled(term, match) for term in terms]))

    def _refers(self, *terms: Term) -> bool:
        """Whether groups are looked at by any of these terms."""
        found = refers(*terms)
        self.looks_at_uncleared |= found and UNCLEARED[0] in self.groups
        return found

    def _comparison(self) -> Formula:
        left = self.word()
        found = _OPERATOR.match(self.text, self._skip())
        if not found:
            raise _SyntaxError
        self.at = found.end()
        operator = found[0]
        if operator in {"=~", "!~"}:
            formula = self._matching(left)
            return formula if operator == "=~" else negated(formula)
        name = operator.lstrip("-")
        if name == "in":
            return self._in_list(left)
        right = self.word()
        if known := _COMPARISONS.get(name):
            kind, positive = known
            kind = _OF_SSL_REQUIRE.get(kind, kind) if self.ssl_require else kind
            return self._of((left, right), lambda terms: compared(terms[0], kind, terms[1], positive=positive))
        return self._of((left, right), lambda terms: binary(operator, *terms))

    def _matching(self, left: Term) -> Formula:
        at = self._skip()
        if self.text[at : at + 1] == "m" and self.text[at + 1 : at + 2] in _REGEX_DELIMITERS:
            at += 1
        delimiter = self.text[at : at + 1]
        if not delimiter or (delimiter != "/" and self.text[at - 1 : at] != "m"):
            raise _SyntaxError
        end = self.text.find(delimiter, at + 1)
        if end < 0:
            raise _SyntaxError
        flags = re.compile("[ism]*").match(self.text, end + 1)
        assert flags is not None
        self.at = flags.end()
        used = "".join(sorted(set(flags[0])))
        pattern = (f"(?{used})" if used else "") + self.text[at + 1 : end]
        before = self.groups
        if group_count(pattern):
            # A text that refers to a group of the match before is one of several texts.
            pairs = cases(before) if self._refers(left) else ((TRUE, None),)
            self.groups = tuple((condition, Match(filled(left, match), pattern)) for condition, match in pairs)
            self.groups = (*self.groups[:-1], (TRUE, self.groups[-1][1]))
        if not self._refers(left):
            return matches(left, pattern)
        return by_match(before, lambda match: matches(filled(left, match), pattern))

    def _in_list(self, left: Term) -> Formula:
        if self._accept("{"):
            words = [self.word()]
            while self._accept(","):
                words.append(self.word())
            self._expect("}")
            return self._of((left, *words), lambda terms: any_of(equal(terms[0], word) for word in terms[1:]))
        name = self._name()
        self._expect("(")
        argument = self.word()
        self._expect(")")
        if name.lower() in {"peerextlist", "oid"} and len(argument) == 1 and isinstance(argument[0], str):
            return Atom((extension(argument[0]),), Operator.EQUAL, left)
        return unknowable(f"{name}({shown(argument)})")

    # --- words
    def word(self) -> Term:
        found = self._part()
        while self._accept("."):
            found = (*found, *self._part())
        return found

    def _part(self) -> Term:
        at = self._skip()
        one = self.text[at : at + 1]
        if one in {"'", '"'}:
            return self._quoted(one)
        if self.text.startswith("%{", at):
            end = _closing(self.text, at + 2)
            self.at = end + 1
            return self._variable(self.text[at + 2 : end])
        if one == "$" and self.text[at + 1 : at + 2].isdigit():
            self.at = at + 2
            return (reference(int(self.text[at + 1])),)
        if digits := _NUMBER.match(self.text, at):
            self.at = digits.end()
            return (digits[0],)
        name = self._name()
        self._expect("(")
        arguments = [self.word()]
        while self._accept(","):
            arguments.append(self.word())
        self._expect(")")
        return self._function(name, arguments)

    def _quoted(self, quote: str) -> Term:
        at, text = self._skip() + 1, []
        while at < len(self.text) and self.text[at] != quote:
            text.append(self.text[at : at + 2] if self.text[at] == "\\" else self.text[at])
            at += len(text[-1])
        if at >= len(self.text):
            raise _SyntaxError
        self.at = at + 1
        return self.interpolated("".join(text)) or ("",)

    def interpolated(self, text: str) -> Term:
        """Read what stands in a string: variables, references to groups, escaped characters."""
        found: list[str | Variable | Applied] = []
        at = 0
        while at < len(text):
            if text.startswith("%{", at):
                end = _closing(text, at + 2)
                found += self._variable(text[at + 2 : end])
                at = end + 1
            elif text[at] == "$" and text[at + 1 : at + 2].isdigit():
                found.append(reference(int(text[at + 1])))
                at += 2
            else:
                one, length = _character(text, at)
                if found and isinstance(found[-1], str):
                    found[-1] += one
                else:
                    found.append(one)
                at += length
        return tuple(found)

    def _variable(self, inner: str) -> Term:
        name, colon, argument = inner.partition(":")
        if not colon:
            return (variable(name.upper()),)
        return self._function(name, [self.interpolated(argument)])

    def _function(self, name: str, arguments: list[Term]) -> Term:
        kind = name.lower()
        argument = arguments[0]
        text = argument[0] if len(argument) == 1 and isinstance(argument[0], str) else None
        if len(arguments) == 1 and text is not None:
            if kind in _HEADER_FUNCTIONS:
                return (header(text),)
            if kind in _ENVIRONMENT_FUNCTIONS:
                return (environment(text),)
            if kind == "ssl":
                return (variable(text),)
        if len(arguments) == 1 and kind in FUNCTIONS:
            return (Applied(kind, argument),)
        return (Variable(f"{name}({', '.join(map(shown, arguments))})", Origin.UNKNOWABLE),)

    # --- characters
    def _skip(self) -> int:
        while self.at < len(self.text) and self.text[self.at] in " \t\n":
            self.at += 1
        return self.at

    def _peek(self) -> str:
        at = self._skip()
        return self.text[at : at + 1]

    def _accept(self, *words: str) -> bool:
        at = self._skip()
        for word in words:
            if word.isalpha():
                if self._is_word(word):
                    return True
            elif self.text.startswith(word, at) and not (word == "!" and self.text[at + 1 : at + 2] in {"=", "~"}):
                self.at = at + len(word)
                return True
        return False

    def _is_word(self, word: str) -> bool:
        found = _WORD.match(self.text, self._skip())
        if found and found[0] == word:
            self.at = found.end()
            return True
        return False

    def _name(self) -> str:
        found = _WORD.match(self.text, self._skip())
        if not found:
            raise _SyntaxError
        self.at = found.end()
        return found[0]

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise _SyntaxError

    def expect_end(self) -> None:
        if self._skip() < len(self.text):
            raise _SyntaxError


def _closing(text: str, at: int) -> int:
    """Return where the bracket is closed that was opened just before."""
    depth = 1
    for position in range(at, len(text)):
        depth += text.startswith("%{", position) - (text[position] == "}")
        if depth == 0:
            return position
    raise _SyntaxError


def _character(text: str, at: int) -> tuple[str, int]:
    """Read one character of a string, which may be escaped; also returns how long it is written."""
    if text[at] != "\\" or at + 1 == len(text):
        return text[at], 1
    if octal := re.compile(r"[0-7]{1,3}").match(text, at + 1):
        return chr(int(octal[0], 8) & 0xFF), 1 + len(octal[0])
    return _ESCAPED.get(text[at + 1], text[at + 1]), 2
