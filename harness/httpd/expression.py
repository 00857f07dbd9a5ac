"""What does an expression of httpd's (ap_expr) come to, as a formula?

The grammar is that of "Expressions in Apache HTTP Server" and of `server/util_expr_parse.y`. What is not understood is
one UNKNOWABLE atom: it is never read as something else.
"""

import re
from dataclasses import dataclass, field

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
    applied,
    constant_folded,
    negated,
    unknowable,
)
from harness.httpd.variables import Origin, Variable, environment, extension, header, variable

_REGEX_MARKS = "/#$%^|?!'\",;:._-"
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
_FALSE_WORDS = r"(?i)^(|0|off|false|no)$"


_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _unescaped(text: str) -> str:
    """The character that stands for an escape sequence: octal, hexadecimal, of C, or itself."""
    if text[0] in "01234567":
        return chr(int(text, 8))
    return chr(int(text[1:], 16)) if len(text) > 1 else _ESCAPED.get(text, text)


class _SyntaxError(Exception):
    """The text is no expression of this grammar."""


def parse(text: str, *, ssl_require: bool = False) -> Formula:
    """Read an expression; `ssl_require` says that it is SSLRequire's, which compares in a way of its own."""
    try:
        parser = _Parser(text, ssl_require=ssl_require)
        found = parser.alternatives()
        parser.expect_end()
    except _SyntaxError:
        return unknowable(text)
    return found


def parse_string(text: str) -> Term:
    """Read a text in which variables and functions stand (`%{…}`)."""
    try:
        return _Parser("", ssl_require=False).interpolated(text)
    except _SyntaxError:
        return (Variable(text, Origin.UNKNOWABLE),)


def wildcard(pattern: str, *, any_case: bool, of_a_path: bool = False) -> str:
    """Return the regular expression of a pattern with `*` and `?`; in that `of_a_path` they match no slash."""
    one_of = "[^/]" if of_a_path else "."
    parts = []
    for piece in re.findall(r"\[!?\]?[^\]]*\]|\\.|.", pattern, re.DOTALL):
        if piece[0] == "[" and len(piece) > 1:
            parts.append(f"[^{piece[2:]}" if piece[1] == "!" else piece)
        else:
            parts.append({"*": f"{one_of}*", "?": one_of}.get(piece, re.escape(piece.removeprefix("\\"))))
    return f"{'(?i)' if any_case else ''}(?s)^{''.join(parts)}$"


@dataclass
class _Parser:
    """A recursive descent over one text."""

    text: str
    ssl_require: bool
    at: int = 0
    last_match: tuple[Term, str] | None = field(default=None)
    """What the last regular expression matched, in whose groups `$1` looks."""

    # --- conditions
    def alternatives(self) -> Formula:
        parts = [self.conjunction()]
        while self._accept("||", "or"):
            self.last_match = None
            parts.append(self.conjunction())
        if len(parts) > 1:
            self.last_match = None
        return any_of(parts)

    def conjunction(self) -> Formula:
        parts = [self.condition()]
        while self._accept("&&", "and"):
            parts.append(self.condition())
        return all_of(parts)

    def condition(self) -> Formula:
        if self._accept("!", "not"):
            inner = self.condition()
            self.last_match = None
            return negated(inner)
        if self._is_word("true"):
            return TRUE
        if self._is_word("false"):
            return FALSE
        if self._peek() == "(":
            before = self.at
            self.at += 1
            try:
                inner = self.alternatives()
                self._expect(")")
            except _SyntaxError:
                self.at = before  # A word in brackets.
            else:
                return inner
        if found := re.compile(r"-([A-Za-z_])(?![A-Za-z0-9_])").match(self.text, self._skip()):
            self.at = found.end()
            return self._unary(found[1], self.word())
        return self._comparison()

    def _unary(self, operator: str, operand: Term) -> Formula:
        match operator:
            case "n":
                return _atom(operand, Operator.EQUAL, ("",), positive=False)
            case "z":
                return _atom(operand, Operator.EQUAL, ("",))
            case "T":
                return _atom(operand, Operator.MATCHES, (_FALSE_WORDS,), positive=False)
            case "R":
                return _atom((variable("REMOTE_ADDR"),), Operator.IN_NETWORK, operand)
        return unknowable(f"-{operator} {operand}")

    def _comparison(self) -> Formula:
        start = self._skip()
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
        if known := _COMPARISONS.get(name):
            kind, positive = known
            kind = _OF_SSL_REQUIRE.get(kind, kind) if self.ssl_require else kind
            left, right = _constant_last(left, self.word(), kind)
            return _atom(left, kind, right, positive=positive)
        right = self.word()
        match operator:
            case "-ipmatch":
                return _atom(left, Operator.IN_NETWORK, right)
            case "-strmatch" | "-strcmatch" | "-fnmatch" if all(isinstance(part, str) for part in right):
                text = "".join(map(str, right))
                pattern = wildcard(text, any_case=operator == "-strcmatch", of_a_path=operator == "-fnmatch")
                return _atom(left, Operator.MATCHES, (pattern,))
        return unknowable(self.text[start : self.at])

    def _matching(self, left: Term) -> Formula:
        # A regular expression stands between marks; SSLRequire also takes a string.
        at = self._skip()
        if self.text[at : at + 1] == "m" and self.text[at + 1 : at + 2] in _REGEX_MARKS:
            at += 1
        mark = self.text[at : at + 1]
        if not mark or (mark != "/" and self.text[at - 1 : at] != "m"):
            raise _SyntaxError
        end = self.text.find(mark, at + 1)
        if end < 0:
            raise _SyntaxError
        flags = re.compile("[ismg]*").match(self.text, end + 1)
        assert flags is not None
        self.at = flags.end()
        used = "".join(sorted(set(flags[0]) & set("ism")))
        pattern = (f"(?{used})" if used else "") + self.text[at + 1 : end]
        self.last_match = (left, pattern)
        return _atom(left, Operator.MATCHES, (pattern,))

    def _in_list(self, left: Term) -> Formula:
        if self._accept("{"):
            words = [self.word()]
            while self._accept(","):
                words.append(self.word())
            self._expect("}")
            return any_of(_equal(left, word) for word in words)
        name = self._name()
        self._expect("(")
        argument = self.word()
        self._expect(")")
        if name.lower() in {"peerextlist", "oid"} and len(argument) == 1 and isinstance(argument[0], str):
            return _atom((extension(argument[0]),), Operator.EQUAL, left)
        return unknowable(f"{name}({argument})")

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
            return self._reference(int(self.text[at + 1]))
        if one == "(":
            self.at = at + 1
            inner = self.word()
            self._expect(")")
            return inner
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

    def _quoted(self, mark: str) -> Term:
        at, text = self._skip() + 1, []
        while at < len(self.text) and self.text[at] != mark:
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
                found += self._reference(int(text[at + 1]))
                at += 2
            else:
                escape = _ESCAPE.match(text, at)
                one = _unescaped(escape[1]) if escape else text[at]
                if found and isinstance(found[-1], str):
                    found[-1] += one
                else:
                    found.append(one)
                at = escape.end() if escape else at + 1
        return tuple(found)

    def _variable(self, inner: str) -> Term:
        name, colon, argument = inner.partition(":")
        if not colon:
            return (variable(name),)
        if (
            name in {"SSL", "HTTP", "ENV"}
            or name.lower() in FUNCTIONS
            or name.lower() in _HEADER_FUNCTIONS | _ENVIRONMENT_FUNCTIONS
        ):
            return self._function(name, [self.interpolated(argument)])
        return (Variable(inner, Origin.UNKNOWABLE),)

    def _reference(self, group: int) -> Term:
        if self.last_match is None:
            return (Variable(f"${group}", Origin.UNKNOWABLE),)
        return (Applied("match", self.last_match[0], self.last_match[1], group),)

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
            return applied(kind, argument)
        return (Variable(f"{name}({', '.join(map(str, arguments))})", Origin.UNKNOWABLE),)

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


def _constant_last(left: Term, right: Term, operator: Operator) -> tuple[Term, Term]:
    """Put a constant that is compared with a variable on the right."""
    constant = all(isinstance(part, str) for part in left) and not all(isinstance(part, str) for part in right)
    symmetric = operator in {Operator.EQUAL, Operator.NUMBER_EQUAL}
    return (right, left) if constant and symmetric else (left, right)


def _equal(left: Term, right: Term) -> Formula:
    first, second = _constant_last(left, right, Operator.EQUAL)
    return _atom(first, Operator.EQUAL, second)


def _atom(left: Term, operator: Operator, right: Term, *, positive: bool = True) -> Formula:
    found = constant_folded(Atom(left, operator, right))
    return found if positive else negated(found)
