"""Which environment variables are set when a rule looks at them, and by what (mod_setenvif, `RewriteRule [E=…]`)?"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from harness.httpd.directive import Directive
from harness.httpd.expression import parse, parse_string
from harness.httpd.formula import (
    FALSE,
    TRUE,
    Applied,
    Atom,
    Formula,
    Operator,
    Term,
    all_of,
    any_of,
    atoms,
    constant_folded,
    either,
    negated,
    replaced,
    unknowable,
)
from harness.httpd.pcre import texts
from harness.httpd.variables import MAYBE_SET, RAW_PATH, Origin, Variable, environment, extension, header, variable

_SPECIAL = {
    "remote_addr": "REMOTE_ADDR",
    "remote_host": "REMOTE_HOST",
    "server_addr": "SERVER_ADDR",
    "request_method": "REQUEST_METHOD",
    "request_protocol": "SERVER_PROTOCOL",
}
"""What SetEnvIf looks at besides headers and the path."""
_OID = re.compile(r"OID\(\"?([\d.]+)\"?\)")
_EXPRESSION = re.compile(r"[\\^$*+?()\[|]")


@dataclass(frozen=True)
class Condition:
    """One condition of a site's guard, as httpd traces it: its directive, and the formula that it comes to."""

    directive: Directive
    formula: Formula

    def __str__(self) -> str:
        return f"{self.directive.file}:{self.directive.line} {self.directive.name} {self.directive.arguments}"


@dataclass(frozen=True)
class Setter:
    """What sets a variable to a value, or unsets it (None), and when; `directive` is None where a rewrite does it."""

    name: str
    value: Term | None
    condition: Formula
    directive: Directive | None = None


@dataclass
class Environment:
    """What sets variables, in httpd's order, and the conditions of the guard that were noted so far.

    `known` are variables with the same value for every request, such as the named groups of a <LocationMatch>.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    setters: list[Setter] = field(default_factory=list)
    late: set[str] = field(default_factory=set)
    """What is set after access is decided (SetEnv, PassEnv)."""
    conditions: dict[tuple[str, int, str], Condition] = field(default_factory=dict)

    def note(self, directive: Directive, formula: Formula) -> Formula:
        """Note a condition of the guard; returns it without environment variables."""
        found = self.resolved(formula)
        key = (directive.file, directive.line, f"{directive.name} {directive.arguments}")
        self.conditions[key] = Condition(directive, found)
        return found

    def is_set(self, name: str) -> Formula:
        """Whether a variable is set, whatever its value."""
        found: Formula = TRUE if name in self.known else FALSE
        if self._is_unknown(name):
            return unknowable(f"{MAYBE_SET}{name}")
        for setter in self._setters(name):
            unset = all_of((negated(setter.condition), found))
            found = unset if setter.value is None else any_of((setter.condition, found))
        return found

    def resolved(self, formula: Formula) -> Formula:
        """Return a formula with what sets them in the place of environment variables."""

        def change(atom: Atom) -> Formula:
            name = next((one.name[4:] for one in atom.variables if one.name.startswith("ENV:")), None)
            if name is None:
                return atom
            unset: Term = (self.known.get(name, ""),)
            if self._is_unknown(name):
                unset = (Variable(f"{MAYBE_SET}{name}", Origin.UNKNOWABLE),)
            found = self.resolved(_with(atom, name, unset))
            for setter in self._setters(name):
                found = either(setter.condition, self.resolved(_with(atom, name, setter.value or ("",))), found)
            return found

        if not any(one.name.startswith("ENV:") for atom in atoms(formula) for one in atom.variables):
            return formula
        return replaced(formula, change)

    def _is_unknown(self, name: str) -> bool:
        """Whether nothing in the configuration sets a variable: a module may. What redirects leave is not there yet."""
        known = name in self.known or name in self.late or name.startswith("REDIRECT_")
        return not known and not any(setter.name == name for setter in self.setters)

    def _setters(self, name: str) -> Iterator[Setter]:
        for setter in self.setters:
            if setter.name == name:
                if setter.directive:
                    self.note(setter.directive, setter.condition)
                yield setter

    def add(self, name: str, value: Term | None, condition: Formula, directive: Directive | None = None) -> None:
        """Take up what sets a variable."""
        self.setters.append(Setter(name, value, self.resolved(condition), directive))

    def take(self, body: Iterable[Directive], *, in_section: bool) -> None:
        """Take up what sets variables, in a section or for the whole server."""
        for entry in body:
            name, words = entry.name.lower(), entry.words()
            if name in {"setenv", "passenv"}:
                self.late |= set(words[:1] if name == "setenv" else words)
            term: Term = ()
            pattern = "(?i)" if name.endswith("nocase") else ""
            if name.startswith("setenvif") and name != "setenvifexpr" and len(words) > 2:
                (attribute, expression), names = words[:2], words[2:]
            elif name.startswith("browsermatch") and len(words) > 1:
                attribute, expression, names = "User-Agent", words[0], words[1:]
            elif name == "setenvifexpr" and len(words) > 1:
                attribute, expression, names = "", words[0], words[1:]
            else:
                continue
            if attribute:
                pattern += expression
                term = self._attribute(attribute, in_section=in_section)
                condition: Formula = Atom(term, Operator.MATCHES, (pattern,))
            else:
                condition = parse(expression)
            for word in names:
                key, given, value = word.partition("=")
                text = None if key.startswith("!") else _value(value if given else "1", term, pattern)
                self.add(key.removeprefix("!"), text, condition, entry)

    def _attribute(self, name: str, *, in_section: bool) -> Term:
        """What SetEnvIf looks at: a part of the request, a variable that is set already, or a header."""
        kind = name.lower()
        if kind == "request_uri":
            # Sections are found after the dots are gone.
            return (variable("REQUEST_URI") if in_section else Variable(RAW_PATH, Origin.REQUEST),)
        if kind in _SPECIAL:
            return (variable(_SPECIAL[kind]),)
        if found := _OID.fullmatch(name):
            return (extension(found[1]),)
        if any(setter.name == name for setter in self.setters):
            return (environment(name),)
        if _EXPRESSION.search(name):
            example = next((text for text in texts(name) if re.fullmatch(r"[\w-]+", text)), None)
            return (header(example) if example else Variable(name, Origin.UNKNOWABLE),)
        return (header(name),)


def _value(text: str, term: Term, pattern: str) -> Term:
    """The value that a variable is given: `$1` is what the pattern found."""
    if not term or "$" not in text:
        return parse_string(text) if "%{" in text else (text,)
    pieces = (piece for piece in re.split(r"(\$\d)", text) if piece)
    return tuple(
        Applied("match", term, pattern, int(piece[1])) if re.fullmatch(r"\$\d", piece) else piece for piece in pieces
    )


def _with(atom: Atom, name: str, value: Term) -> Formula:
    """Return an atom with a value in the place of an environment variable."""

    def put(term: Term) -> Term:
        parts: list[str | Variable | Applied] = []
        for part in term:
            if isinstance(part, Variable) and part.name == f"ENV:{name}":
                parts += value
            else:
                parts.append(replace(part, argument=put(part.argument)) if isinstance(part, Applied) else part)
        return tuple(parts)

    return constant_folded(Atom(put(atom.left), atom.operator, put(atom.right)))
