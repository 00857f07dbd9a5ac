"""How do the results of all probes look on the terminal?"""

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from harness.httpd.site import Site
from harness.outcome import Outcome, Verdict
from harness.verify import Result

_SIGNS = {
    Verdict.AS_EXPECTED: "[green]✓[/]",
    Verdict.INTRUDER: "[bold red]✗[/]",
    Verdict.LOCKED_OUT: "[bold red]✗[/]",
    Verdict.OTHERWISE: "[yellow]~[/]",
    Verdict.INCONCLUSIVE: "[magenta]?[/]",
}
_NOT_PROMISED = "[yellow]![/]"
_WORST_FIRST = (_SIGNS[Verdict.INTRUDER], _NOT_PROMISED, _SIGNS[Verdict.OTHERWISE], _SIGNS[Verdict.INCONCLUSIVE])


def site_counts(results: Sequence[Result], sites: Sequence[Site]) -> Table:
    """Give each site a line: how many of its probes passed, and how many failed in which way."""
    table = Table("site", "passed", "failed", box=None, pad_edge=False)
    for site in sites:
        signs = Counter(_sign(result) for result in results if result.probe.site.id == site.id)
        otherwise = "  ".join(f"{signs[sign]} {sign}" for sign in _WORST_FIRST if sign in signs)
        table.add_row(escape(site.url), f"{signs[_SIGNS[Verdict.AS_EXPECTED]]} of {signs.total()}", otherwise)
    return table


def case_table(results: Sequence[Result], url: str) -> Table:
    """Give each case at a site a row. The cases without any verdict share the last row."""
    table = Table("case", "1.2", "1.3", "result", title=url, title_justify="left", box=None, pad_edge=False)
    cases: dict[str, list[Result]] = {}
    for result in results:
        cases.setdefault(result.probe.case.id, []).append(result)
    unclear = [id_ for id_, found in cases.items() if all(one.verdict is Verdict.INCONCLUSIVE for one in found)]
    family = ""
    for entries in (found for id_, found in cases.items() if id_ not in unclear):
        case = entries[0].probe.case
        if case.family != family:
            family = case.family
            table.add_row(f"[bold]{family}[/]")
        signs = {entry.probe.tls: _sign(entry) for entry in entries}
        name = case.id.removeprefix(f"{family}.")
        table.add_row(f"  {name}", signs.get("1.2", "-"), signs.get("1.3", "-"), _outcome(entries))
    if unclear:
        sign = _SIGNS[Verdict.INCONCLUSIVE]
        seen = " / ".join(dict.fromkeys(_seen(one) for id_ in unclear for one in cases[id_]))
        name = f"{len(unclear)} {'more ' if len(unclear) < len(cases) else ''}case{'s' if len(unclear) > 1 else ''}"
        table.add_row(name, sign, sign, seen)
    return table


def _outcome(results: list[Result]) -> str:
    seen = " / ".join(dict.fromkeys(_seen(result) for result in results))
    reasons = [result.logged.reason for result in results if result.logged.reason]
    if not reasons:
        return seen
    reason = reasons[-1]
    if reason.x509_error is not None:
        more = f" ({reason.ah})" if reason.ah != "AH02276" else ""
        return f"{seen}, error {reason.x509_error}{more}"
    # Of several library errors the last is the one that TLS reports.
    return f"{seen}, {escape(reason.ah or (reason.text or '').rpartition('; ')[2])}"


def _seen(result: Result) -> str:
    word = {
        Outcome.ADMITTED: "admitted",
        Outcome.REFUSED_BY_HTTP: f"status {result.observed.status}" if result.observed.status else "no status",
        Outcome.REFUSED_IN_HANDSHAKE: result.observed.alert or "",
        Outcome.NO_ANSWER: "no answer",
    }[result.observed.outcome]
    if result.verdict is Verdict.AS_EXPECTED:
        return word
    return f"{result.verdict}: {word}" if result.level != "warning" else f"not promised: {word}"


def _sign(result: Result) -> str:
    return _NOT_PROMISED if result.level == "warning" else _SIGNS[result.verdict]
