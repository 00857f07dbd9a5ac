"""By which rule may somebody get in without a certificate whom no client here stands for, so that nobody can tell?

Every client here comes from where no rule speaks of, and nobody chooses the hour, or what a list says of him. What he
writes is tried; where that lets in nobody, it may be that nobody here found the right thing.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from harness.httpd.conditions import CONDITIONS, OPERATORS, as_expression, cond_pattern, flags, or_groups, passes
from harness.httpd.directive import Directive
from harness.httpd.guard import Guard
from harness.httpd.pcre import search
from harness.httpd.section import inner
from harness.verify.normal import Comparison, Expression, read
from harness.verify.rules import QUOTED, READING, authorizes, block, deciding, turns_away, turns_down

_BY_CERTIFICATE = re.compile(r"SSL_CLIENT_|PeerExtList|\bOID\(")
_COMPARED = re.compile(rf"%\{{(?:SSL_CLIENT_(?P<what>\w+)|REQUEST_URI)\}}\s*{OPERATORS}")
_VARIABLE = re.compile(r"%\{(?:([\w-]+):)?([^}]*)\}")
_FUNCTION = re.compile(r"\b([A-Za-z]\w*)\(\s*['\"]?([\w-]*)")
_LOOKED_UP = re.compile(r"\$\{\w+:")
_MATCHED = re.compile(r"[=!]~.")
_NEGATIVE = {"!=", "-ne", "ne", "-z"}
_ENVIRONMENT = {"ENV", "env", "reqenv"}
_TRIED = re.compile(
    r"HTTP_\w+|HTTPS|QUERY_STRING|THE_REQUEST|SERVER_\w+|SCRIPT_\w+|DOCUMENT_\w+|PATH_INFO|CONTEXT_\w+|HANDLER"
    r"|AUTH_TYPE|REQUEST_(?:METHOD|URI|FILENAME|SCHEME|STATUS)|REMOTE_(?:ADDR|HOST|USER)|CONN_REMOTE_ADDR|IPV6"
    r"|IS_SUBREQ|API_VERSION|SSL_(?:PROTOCOL|TLS_SNI|SERVER_\w+|VERSION_\w+)|REDIRECT_\w+"
)
"""What a client writes, where he comes from, and what the server says alike to everybody."""
_FUNCTIONS = {"req", "http", "req_novary", "resp", "tolower", "toupper", "escape", "unescape", *_ENVIRONMENT}
_WRITTEN = re.compile(r"HTTP[_:]|QUERY_STRING|THE_REQUEST|REQUEST_METHOD|SERVER_PROTOCOL|\b(?:req|http|req_novary)\(")
_ADDRESS = re.compile(r"(?i)REMOTE_(?:ADDR|HOST)\b|-R\b")


class Lets(IntEnum):
    """Whether who has no certificate is let by: not at all, from some address, by what nobody can tell, by what he
    writes, or in any case."""

    NO = 0
    FROM_SOMEWHERE = 1
    NOBODY_KNOWS = 2
    IF_WRITTEN = 3
    YES = 4

    def otherwise(self) -> "Lets":
        """The opposite."""
        return {Lets.NO: Lets.YES, Lets.YES: Lets.NO}.get(self, self)


def untried(guard: Guard, path: str) -> tuple[Lets, list[Directive]]:
    """Tell whether somebody may get in at a path without a certificate, and by which rules."""
    if guard.verify_client == "require":
        return Lets.NO, []
    reading = _Reading(guard, path)
    found = reading.whole()
    return found, [entry for entry, lets in reading.unknown if lets is found]


@dataclass
class _Reading:
    guard: Guard
    path: str
    unknown: list[tuple[Directive, Lets]] = field(default_factory=list)
    """The rules that ask for what no client here stands for."""
    asked: set[str] = field(default_factory=set)
    """The variables that were looked for."""

    def whole(self) -> Lets:
        """What all rules come to."""
        found, bars, past = self._merged(), [Lets.YES], Lets.NO
        for chain in self._chains():
            found = self._chosen(chain, found)
        for entry in self.guard.directives:
            name = entry.name.lower()
            if name == "sslrequire":
                bars.append(self._holds(entry, read(entry.arguments)))
            elif name == "rewriterule" and (conditions := block(self.guard, entry)[:-1]):
                if turns_down(entry):
                    bars.append(max(past, self._conditions(conditions, negated=True)))
                elif entry.words()[1:2] == ["-"] and flags(entry) & {"L", "END"}:
                    past = max(past, self._conditions(conditions))
        return min(found, *bars)

    def _chains(self) -> Iterator[list[Directive]]:
        """Yield each If with the ElseIf and Else that follow on it."""
        for part in self.guard.sections:
            chain: list[Directive] = []
            for entry in (one for one in inner(part) if one.name.lower() in CONDITIONS):
                if entry.name.lower() == "if" and chain:
                    yield chain
                    chain = []
                chain.append(entry)
            yield chain

    def _chosen(self, chain: list[Directive], otherwise: Lets) -> Lets:
        """What a chain of conditions makes of what holds where none of them does."""
        found, left = Lets.NO, Lets.YES
        for branch in chain:
            is_else = branch.name.lower() == "else"
            holds = Lets.YES if is_else else self._holds(branch, read(branch.expression))
            says = self._any(branch.body) if any(map(authorizes, branch.body)) else otherwise
            found = max(found, min(left, holds, Lets.NO if turns_away(branch) else says))
            left = Lets.NO if is_else else min(left, self._holds(branch, read(branch.expression, negated=True)))
        return max(found, min(left, otherwise))

    def _merged(self) -> Lets:
        """What the Require directives of all sections come to: those of the last one, unless AuthMerging joins them."""
        merging = self.guard.arguments("AuthMerging")[:1]
        if not merging or merging[0].lower() == "off":
            return self._any(deciding(self.guard).body)
        asked = [self._any(part.body) for part in self.guard.sections if any(map(authorizes, part.body))]
        return (min if merging[0].lower() == "and" else max)(asked, default=Lets.YES)

    def _any(self, entries: Iterable[Directive]) -> Lets:
        return max((self._required(entry) for entry in entries if authorizes(entry)), default=Lets.YES)

    def _required(self, entry: Directive) -> Lets:
        kind = entry.name.lower()
        if kind != "require":
            parts = [self._required(part) for part in entry.body if authorizes(part)]
            found = min(parts, default=Lets.YES) if kind == "requireall" else max(parts, default=Lets.NO)
            return found.otherwise() if kind == "requirenone" else found
        words = entry.arguments.split()
        negated = entry.arguments.lower().startswith("not ")
        what, _, rest = " ".join(words[negated:]).partition(" ")
        if what.lower() == "expr":
            return self._holds(entry, read(Directive("", rest, "", 0).expression, negated=negated))
        if what.lower() == "env":
            # What nobody has to write, he does not.
            return Lets.YES if negated else max((self._set(entry, name) for name in rest.split()), default=Lets.NO)
        if what.lower() == "method" and not READING.issuperset(rest.upper().split()):
            return self._unknown(entry, Lets.IF_WRITTEN)
        # Who has no certificate has no other proof, such as a password or an address.
        found = Lets.YES if what.lower() == "ssl" or (what, rest) == ("all", "granted") else Lets.NO
        return found.otherwise() if negated else found

    def _set(self, entry: Directive, name: str) -> Lets:
        """Whether a variable is there, as what sets it says; one that only what sets it asks for is not."""
        if name in self.asked:
            return Lets.NO
        self.asked.add(name)
        found = [
            self._sets(one) for one in self.guard.directives if re.search(rf"\b{re.escape(name)}\b", one.arguments)
        ]
        self.asked.remove(name)
        known = [one for one in found if one is not None]
        return max(known) if known else self._unknown(entry, Lets.NOBODY_KNOWS)

    def _sets(self, entry: Directive) -> Lets | None:
        name, words = entry.name.lower(), entry.words()
        if name == "setenvifexpr":
            return self._holds(entry, read(words[0]))
        if name == "rewriterule" and "E" in flags(entry):
            return self._conditions(block(self.guard, entry)[:-1])
        if name.startswith("setenvif") and words[0].lower() == "request_uri":
            return Lets.YES if search(words[1], self.path) else Lets.NO
        if words and words[0].lower() in {"authorization", *self._taken_away}:
            return Lets.NO
        if name.startswith(("setenvif", "browsermatch")):
            return self._unknown(entry, Lets.FROM_SOMEWHERE if _ADDRESS.match(words[0]) else Lets.IF_WRITTEN)
        return Lets.YES if name in {"setenv", "passenv"} else None

    @functools.cached_property
    def _taken_away(self) -> set[str]:
        """The headers that nobody can write, since httpd takes away or sets them before it looks (`early`)."""
        words = [entry.words() for entry in self.guard.directives if entry.name.lower() == "requestheader"]
        return {said[1].lower() for said in words if said[-1] == "early" and said[0].lower() in {"set", "unset"}}

    def _conditions(self, conditions: Sequence[Directive], *, negated: bool = False) -> Lets:
        """Whether the conditions of a RewriteRule hold, or (`negated`) do not: any of those that `OR` joins, and all
        else."""
        any_of, all_of = (min, max) if negated else (max, min)
        found = [any_of(self._condition(one, negated=negated) for one in group) for group in or_groups(conditions)]
        return all_of(found, default=Lets.NO if negated else Lets.YES)

    def _condition(self, condition: Directive, *, negated: bool) -> Lets:
        text, pattern, *_ = [*condition.words(), "", ""]
        if text == "expr":
            return self._holds(condition, read(pattern, negated=negated))
        value = re.sub(r"%\{(?:SSL:)?SSL_CLIENT_(\w+)\}", lambda found: _of_nobody(found[1]), text)
        value = value.replace("%{REQUEST_URI}", self.path)
        if value != text and "%{" not in value:
            return Lets.YES if passes(cond_pattern(condition), value) != negated else Lets.NO
        return self._depends(condition, text)

    def _holds(self, entry: Directive, expression: Expression) -> Lets:
        if isinstance(expression, Comparison):
            return self._comparison(entry, expression)
        parts = [self._holds(entry, part) for part in expression.parts]
        return min(parts) if expression.by == "&&" else max(parts)

    def _comparison(self, entry: Directive, comparison: Comparison) -> Lets:
        text = " ".join(comparison.words)
        if found := _COMPARED.fullmatch(text):
            what = found["what"]
            same = search(as_expression(found), _of_nobody(what) if what else self.path) is not None
            holds = same != (found["operator"] in {"!~", "!=", "-ne"})
        elif _BY_CERTIFICATE.search(text):
            holds = any(word.lower() in _NEGATIVE or word.startswith("!~") for word in comparison.words)
        else:
            return self._depends(entry, " ".join(word for word in comparison.words if not _MATCHED.match(word)))
        return Lets.YES if holds != comparison.negated else Lets.NO

    def _depends(self, entry: Directive, text: str) -> Lets:
        """What it comes to that a text is about something else than a certificate."""
        bare, parts = QUOTED.sub("''", text), _VARIABLE.findall(text)
        if _ADDRESS.search(bare):
            return self._unknown(entry, Lets.FROM_SOMEWHERE)
        names = [name for kind, name in parts if kind not in {"HTTP", *_ENVIRONMENT}]
        known = all(map(_TRIED.fullmatch, names)) and all(name in _FUNCTIONS for name, _ in _FUNCTION.findall(bare))
        if not known or _LOOKED_UP.search(text):
            return self._unknown(entry, Lets.NOBODY_KNOWS)
        if any(re.search(rf"(?i)\b{re.escape(name)}\b", text) for name in self._taken_away):
            return Lets.NO
        if "authorization" in text.lower():
            return Lets.NO  # For a password, or what else stands there, somebody else answers.
        of_environment = [name for kind, name in (*parts, *_FUNCTION.findall(text)) if kind in _ENVIRONMENT]
        if variables := [name for name in of_environment if not _TRIED.fullmatch(name)]:
            return min(self._set(entry, name) for name in variables)
        return self._unknown(entry, Lets.IF_WRITTEN) if _WRITTEN.search(text) else Lets.YES

    def _unknown(self, entry: Directive, lets: Lets) -> Lets:
        self.unknown.append((entry, lets))
        return lets


def _of_nobody(what: str) -> str:
    """What mod_ssl says of who has no certificate, by the name of its variable."""
    return "NONE" if what == "VERIFY" else ""
