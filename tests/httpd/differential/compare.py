"""Which requests are worth sending to a rule, and do prediction and answer agree?"""

import ipaddress
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from harness.httpd.authorization import Condition, Decision
from harness.httpd.directive import Directive, Places
from harness.httpd.formula import All, Any, Atom, Formula, Not, Values, atoms, holds, negated, variables
from harness.httpd.place import decision
from harness.httpd.require import OF_USERS
from harness.httpd.trace import Index, Trace
from harness.httpd.variables import BASIC_USER
from harness.httpd.virtual_host import VirtualHost
from harness.httpd.witness import ANOTHER, TooLargeError, domains, witnesses
from tests.httpd.differential.request import FILES, PEOPLE, USERS, Request, RequestValues
from tests.httpd.differential.server import PORT, ROOT, Batch, BatchServer
from tests.httpd.differential.wire import LOST, Answer, Wire

_RENEGOTIATED = "SSLVerifyClient require"
_MOST_ATOMS = 150
"""Of how many atoms a formula may be that witnesses are looked for."""
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "FOO")


@dataclass(frozen=True)
class GeneratedRule:
    """What stands in one virtual host, and the path that is asked for."""

    text: str
    path: str


@dataclass(frozen=True)
class Disagreement:
    """A request that httpd answered otherwise than the formula says."""

    rule: GeneratedRule
    request: Request
    predicted: bool
    answer: Answer
    formula: Formula

    def __str__(self) -> str:
        return (
            f"{sent(self.rule, self.request)}\nformula says {self.predicted}, httpd {self.answer}\n"
            f"{compact(self.formula)[:1500]}"
        )


@dataclass(frozen=True)
class TracedDisagreement:
    """A condition that httpd found otherwise, by its log, than the formula says."""

    rule: GeneratedRule
    request: Request
    condition: Condition
    seen: bool

    def __str__(self) -> str:
        directive = self.condition.directive
        return (
            f"{sent(self.rule, self.request)}\nlog says {self.seen} of {directive.name} {directive.arguments}\n"
            f"{compact(self.condition.formula)[:1500]}"
        )


def sent(rule: GeneratedRule, request: Request) -> str:
    """Show a rule, and a request that is sent to it."""
    text = request.written("host", rule.path).decode("latin-1").strip()
    subject = PEOPLE[request.person].variables.get("SSL_CLIENT_S_DN")
    return f"{rule.text}\n--> {text!r} as {subject} over TLS {request.tls}"


def compact(formula: Formula) -> str:
    """Write a formula on one line."""
    match formula:
        case Atom():
            return str(formula)
        case Not(part):
            return f"!({compact(part)})"
        case All(parts):
            return f"({' && '.join(map(compact, parts))})" if parts else "true"
        case Any(parts):
            return f"({' || '.join(map(compact, parts))})" if parts else "false"


@dataclass
class Tally:
    """The results of all rules so far."""

    rules: int = 0
    refused: list[str] = field(default_factory=list)
    requests: int = 0
    admitted: int = 0
    undecided: int = 0
    constant: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)
    failures: list[tuple[GeneratedRule, Exception]] = field(default_factory=list)
    lost: list[tuple[GeneratedRule, Request]] = field(default_factory=list)
    conditions: int = 0
    """How many values of conditions the log showed that the formula decides as well."""
    traced: list[TracedDisagreement] = field(default_factory=list)

    def __str__(self) -> str:
        wrong, otherwise = (len({one.rule.text for one in found}) for found in (self.disagreements, self.traced))
        return (
            f"{self.rules} rules ({self.constant} constant, {len(self.refused)} refused by httpd), {self.requests} "
            f"requests ({self.admitted} admitted, {self.undecided} undecided), {len(self.disagreements)} disagreements "
            f"in {wrong} rules, {len(self.failures)} failures, {len(self.lost)} answers lost; {self.conditions} "
            f"conditions in the log, {len(self.traced)} disagreements in {otherwise} rules"
        )


def decide(batch: Batch, host: Directive, path: str) -> Decision:
    """The decision at a path of a virtual host, as the verifier reads it."""
    virtual_host = VirtualHost(batch.main, host, 443, PORT, None, "https")
    return decision(virtual_host, path, lambda name: FILES.get(name, b""))


def requests_for(formula: Formula, chance: random.Random, usual: Sequence[Request]) -> list[Request]:
    """Requests worth sending: some at random, witnesses of the formula and of its opposite, and near misses."""
    found = dict.fromkeys(usual)
    for values in _assignments(formula, chance):
        if request := _request(values, chance):
            found[request] = None
    return [*found]


def _assignments(formula: Formula, chance: random.Random) -> Iterator[Values]:
    if sum(1 for _ in atoms(formula)) > _MOST_ATOMS:
        return
    for wanted in (formula, negated(formula)):
        try:
            for values in islice(witnesses(wanted, {}), 3):
                yield values
                tried = domains(formula, {})
                for one in islice(values, 6):
                    yield {**values, one: chance.choice(tried.get(one, (ANOTHER,)))}
        except TooLargeError:
            continue


def _request(values: Values, chance: random.Random) -> Request | None:
    """The request that has these values, as far as there can be one."""
    named = {one.name: value for one, value in values.items()}
    headers = {name[5:]: value for name, value in named.items() if name.startswith("HTTP:") and value}
    headers.pop("host", None)
    headers.pop("content-length", None)
    query, method = named.get("QUERY_STRING", ""), named.get("REQUEST_METHOD", "GET")
    if any(value != value.strip() or not _is_printable(value) for value in headers.values()):
        return None
    if not _is_printable(query) or set(query) & set(" #") or not method.isalpha() or method == "CONNECT":
        return None
    wanted = {name: value for name, value in named.items() if name.startswith("SSL_CLIENT_")}
    fitting = [
        number
        for number, person in enumerate(PEOPLE)
        if all(person.variables.get(name, "") == value for name, value in wanted.items())
    ]
    person = chance.choice(fitting or range(len(PEOPLE)))
    address, user = named.get("REMOTE_ADDR", ""), named.get(BASIC_USER, "")
    return Request(
        method,
        query,
        tuple(headers.items()),
        address if _is_address(address) else "203.0.113.7",
        person,
        {"TLSv1.2": "1.2"}.get(named.get("SSL_PROTOCOL", ""), "1.3"),
        user if user in USERS else "",
    )


def _is_printable(text: str) -> bool:
    return all(" " <= one <= "~" for one in text)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text)) and "%" not in text
    except ValueError:
        return False


Generated = Sequence[tuple[GeneratedRule, Sequence[Request]]]
"""Rules, each with requests that are sent in any case."""


def compare(server: BatchServer, generated: Generated, tally: Tally, seed: int) -> None:
    """Serve these rules, ask for each of them, and note in the tally where answers and log are not as predicted."""
    rules, usual = [rule for rule, _ in generated], [requests for _, requests in generated]
    batch = server.load([rule.text for rule in rules])
    chance = random.Random(seed)
    tally.refused += [f"{reason}\n{rules[number].text}" for number, reason in batch.refused.items()]
    asked: list[tuple[int, Request]] = []
    decisions: dict[int, Decision] = {}
    for number, host in batch.hosts.items():
        rule = rules[number]
        try:
            decisions[number] = decide(batch, host, rule.path)
            wanted = requests_for(decisions[number].formula, chance, usual[number])
            if _RENEGOTIATED in rule.text:
                # Over TLS 1.3, httpd 2.4 answers all with 403 where the handshake has asked for a certificate already.
                wanted = [replace(request, tls="1.2") for request in wanted]
        except Exception as error:
            tally.failures.append((rule, error))
            continue
        tally.rules += 1
        tally.constant += not any(True for _ in atoms(decisions[number].formula))
        asked += [(number, request) for request in wanted]
    answers = _answers(server, rules, asked)
    traces = server.traces()
    for at, (number, request) in enumerate(asked):
        rule, found = rules[number], decisions[number]
        values = RequestValues(request, f"r{number}", rule.path, ROOT, server.address)
        _judge(tally, rule, values, found, answers[at])
        for condition, seen in _seen(found, traces.get(f"n{at}", ())):
            expected = holds(condition.formula, values)
            tally.conditions += expected is not None
            if expected not in (None, seen):
                tally.traced.append(TracedDisagreement(rule, request, condition, seen))


def _answers(server: BatchServer, rules: Sequence[GeneratedRule], asked: Sequence[tuple[int, Request]]) -> list[Answer]:
    """Ask all these requests, those of one client over one connection; where a certificate is asked for after the
    handshake, each request has its own."""
    lines: defaultdict[tuple[int, str, int], list[int]] = defaultdict(list)
    for at, (number, request) in enumerate(asked):
        alone = at + 1 if _RENEGOTIATED in rules[number].text else 0
        lines[request.person, request.tls, alone].append(at)
    found = [LOST] * len(asked)
    for (person, tls, _), numbers in lines.items():
        wire = Wire(server.port, server.identities[person], tls)
        written = [
            asked[at][1].written(f"r{asked[at][0]}", rules[asked[at][0]].path, at, server.address) for at in numbers
        ]
        for at, answer in zip(numbers, wire.ask(written), strict=True):
            found[at] = answer
        wire.close()
    return found


def _seen(decision: Decision, trace: Trace) -> Iterator[tuple[Condition, bool]]:
    """Yield the conditions that the log of a request shows, with their values. A user may not be known yet."""
    for condition, value in Index(decision.conditions, Places({})).evaluated(trace).items():
        kind = condition.directive.arguments.lower().removeprefix("not ").split(" ")[0]
        of_user = condition.directive.kind == "require" and kind in OF_USERS
        if condition.is_evaluated_once and (value or not of_user):
            yield condition, value


def _judge(tally: Tally, rule: GeneratedRule, values: RequestValues, decision: Decision, answer: Answer) -> None:
    predicted = holds(decision.formula, values)
    tally.requests += 1
    tally.admitted += answer.admitted
    ends_connection = _RENEGOTIATED in rule.text
    if predicted is None:
        tally.undecided += 1
        unknown = {one.name for one in variables(decision.formula) if one not in values}
        tally.unknown.update(unknown)
    elif answer == LOST and not (ends_connection and not predicted):
        tally.lost.append((rule, values.request))
    elif predicted != answer.admitted:
        tally.disagreements.append(Disagreement(rule, values.request, predicted, answer, decision.formula))
