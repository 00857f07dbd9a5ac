"""What do RewriteRule and RewriteCond say, each read once?"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.httpd.directive import Directive
from harness.httpd.pcre import search


@dataclass(frozen=True)
class Condition:
    """One RewriteCond, read once: the text that is tested, and its pattern; `expression` for `expr`."""

    directive: Directive
    text: str
    pattern: str
    flags: Mapping[str, str]

    @property
    def joined_by_or(self) -> bool:
        """Whether this one or the next is enough."""
        return "OR" in self.flags


@dataclass(frozen=True)
class Rule:
    """One RewriteRule with its conditions, read once. `flags` are by their short names, with their values."""

    directive: Directive
    pattern: str
    substitution: str
    flags: Mapping[str, str]
    conditions: tuple[Condition, ...]
    variables: tuple[str, ...] = ()

    @property
    def status(self) -> int | None:
        """The status that it answers a request with where it matches; None where it does not answer by itself."""
        if "F" in self.flags or "G" in self.flags:
            return 403 if "F" in self.flags else 410
        code = self.flags.get("R", "")
        return int(code) if code.isdigit() and code != "200" and not 300 <= int(code) < 400 else None

    @property
    def redirects(self) -> bool:
        """Whether it answers by a redirect to another URL; one that changes no URL is none."""
        absolute = self.substitution.startswith(("http://", "https://")) and "P" not in self.flags
        return self.status is None and self.substitution != "-" and ("R" in self.flags or absolute)

    @property
    def responds(self) -> bool:
        """Whether it answers the request itself: by an error's status, or by a redirect."""
        return self.status is not None or self.redirects

    @property
    def refers_to_condition(self) -> bool:
        """Whether a group of its last condition (`%1`) stands in the substitution."""
        return _REFERENCE.search(self.substitution) is not None

    @property
    def expression(self) -> str:
        """Its pattern as a regular expression, without the `!` before it."""
        return self.in_its_case(self.pattern.removeprefix("!"))

    def in_its_case(self, expression: str) -> str:
        """Return a regular expression that ignores case if the rule does."""
        return f"(?i){expression}" if "NC" in self.flags else expression

    def match(self, path: str) -> tuple[str, ...] | None:
        """Match the pattern with a path: its groups, None where it does not match."""
        found = search(self.expression, path)
        if self.pattern.startswith("!"):
            return ("",) if found is None else None
        return None if found is None else (found[0], *found.groups(""))


_REFERENCE = re.compile(r"(?<!\\)%\d")
_LONG_NAMES = {
    "CHAIN": "C",
    "COOKIE": "CO",
    "ENV": "E",
    "FORBIDDEN": "F",
    "GONE": "G",
    "HANDLER": "H",
    "LAST": "L",
    "NEXT": "N",
    "NOCASE": "NC",
    "NOESCAPE": "NE",
    "NOSUBREQ": "NS",
    "ORNEXT": "OR",
    "NOVARY": "NV",
    "PROXY": "P",
    "PASSTHROUGH": "PT",
    "REDIRECT": "R",
    "SKIP": "S",
    "TYPE": "T",
}


def flags(directive: Directive) -> list[tuple[str, str]]:
    """Read the flags of a RewriteRule or RewriteCond by their short names, each with its value."""
    texts = (
        flag.strip() for word in directive.words[2:] for flag in word.removeprefix("[").removesuffix("]").split(",")
    )
    pairs = (flag.partition("=") for flag in texts if flag)
    return [(_LONG_NAMES.get(name.upper(), name.upper()), value) for name, _, value in pairs]


def rules(body: Iterable[Directive]) -> Iterator[Rule]:
    """Yield the rules that stand in a section, each with the conditions before it."""
    conditions: list[Condition] = []
    for entry in body:
        if entry.kind not in {"rewritecond", "rewriterule"}:
            continue
        words = [*entry.words, "", ""]
        if entry.kind == "rewritecond":
            conditions.append(Condition(entry, words[0], words[1], dict(flags(entry))))
        else:
            pairs = flags(entry)
            variables = tuple(value for name, value in pairs if name == "E")
            yield Rule(entry, words[0], words[1], dict(pairs), tuple(conditions), variables)
            conditions = []
