"""Which requests are worth sending to a rule, and do prediction and answer agree?"""

import ipaddress
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from harness.httpd.authorization import Decision, Place, Section, decide
from harness.httpd.directive import Directive
from harness.httpd.formula import All, Any, Atom, Formula, Not, Values, atoms, holds, negated, variables
from harness.httpd.variables import BASIC_USER
from harness.httpd.witness import ANOTHER, TooLargeError, domains, witnesses
from tests.httpd.differential.request import PEOPLE, USER_FILE, USERS, Request, RequestValues, user_file
from tests.httpd.differential.server import ROOT, Batch, BatchServer
from tests.httpd.differential.wire import LOST, Answer, Wire

_ORDER = {"directory": 0, "files": 1, "location": 2}
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
        sent = self.request.written("host", self.rule.path).decode("latin-1").strip()
        subject = PEOPLE[self.request.person].variables.get("SSL_CLIENT_S_DN")
        return (
            f"{self.rule.text}\n--> {sent!r} as {subject}\nformula says {self.predicted}, httpd {self.answer}\n"
            f"{compact(self.formula)[:1500]}"
        )


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
    """What became of all rules so far."""

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

    def __str__(self) -> str:
        wrong = len({one.rule.text for one in self.disagreements})
        return (
            f"{self.rules} rules ({self.constant} constant, {len(self.refused)} refused by httpd), {self.requests} "
            f"requests ({self.admitted} admitted, {self.undecided} undecided), {len(self.disagreements)} disagreements "
            f"in {wrong} rules, {len(self.failures)} failures, {len(self.lost)} answers lost"
        )


def place(batch: Batch, host: Directive, name: str, path: str) -> Place:
    """The place that a path of a virtual host is."""

    def sections(url: str, content: str) -> Iterator[Section]:
        entries = [(entry, entry.name.lower()) for entry in (*batch.main.body, *host.body)]
        found = [
            (entry, kind) for entry, kind in entries if kind in _ORDER and _covers(kind, entry.value, url, content)
        ]
        for entry, kind in sorted(found, key=lambda one: (_ORDER[one[1]], len(one[0].value) * (one[1] == "directory"))):
            folder = entry.words()[0] if kind == "directory" else ""
            yield Section(entry.body, kind, folder)

    return Place(
        path,
        [batch.main.body, host.body],
        sections,
        lambda mapped: f"{ROOT}{mapped}",
        {"REQUEST_URI": path, "HTTPS": "on", "SERVER_NAME": name, "DOCUMENT_ROOT": ROOT},
        lambda name: user_file() if name == USER_FILE else b"",
    )


def _covers(kind: str, named: str, url: str, content: str) -> bool:
    where = {"location": url, "directory": content, "files": url.rpartition("/")[2]}[kind]
    return where == named or (kind != "files" and where.startswith(named.rstrip("/") + "/"))


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
    """Serve these rules, ask for each of them, and note in the tally where the answers are not as predicted."""
    rules, usual = [rule for rule, _ in generated], [requests for _, requests in generated]
    batch = server.load([rule.text for rule in rules])
    chance = random.Random(seed)
    tally.refused += [f"{said}\n{rules[number].text}" for number, said in batch.refused.items()]
    asked: defaultdict[tuple[int, str], list[tuple[int, Request]]] = defaultdict(list)
    decisions: dict[int, Decision] = {}
    for number, host in batch.hosts.items():
        rule = rules[number]
        try:
            decision = decide(place(batch, host, f"r{number}", rule.path))
            wanted = requests_for(decision.formula, chance, usual[number])
        except Exception as error:
            tally.failures.append((rule, error))
            continue
        decisions[number] = decision
        tally.rules += 1
        tally.constant += not any(True for _ in atoms(decision.formula))
        for request in wanted:
            asked[request.person, request.tls].append((number, request))
    for (person, tls), pairs in asked.items():
        wire = Wire(server.port, server.identities[person], tls)
        answers = wire.ask([request.written(f"r{number}", rules[number].path) for number, request in pairs])
        wire.close()
        for (number, request), answer in zip(pairs, answers, strict=True):
            _judge(tally, rules[number], f"r{number}", decisions[number], request, answer)


def _judge(tally: Tally, rule: GeneratedRule, host: str, decision: Decision, request: Request, answer: Answer) -> None:
    values = RequestValues(request, host, rule.path, ROOT)
    predicted = holds(decision.formula, values)
    tally.requests += 1
    tally.admitted += answer.admitted
    if predicted is None:
        tally.undecided += 1
        unknown = {one.name for one in variables(decision.formula) if one not in values}
        tally.unknown.update(unknown)
    elif answer == LOST:
        tally.lost.append((rule, request))
    elif predicted != answer.admitted:
        tally.disagreements.append(Disagreement(rule, request, predicted, answer, decision.formula))
