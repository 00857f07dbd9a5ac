"""How does a run look on the terminal?"""

import textwrap
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.httpd.site import Site
from harness.outcome import Outcome, Verdict
from harness.report.grouped import grouped
from harness.report.meaning import why
from harness.report.summary import summary
from harness.verify import Finding, Result, Run

_SIGNS = {
    Verdict.AS_EXPECTED: "[green]✓[/]",
    Verdict.INTRUDER: "[bold red]✗[/]",
    Verdict.LOCKED_OUT: "[bold red]✗[/]",
    Verdict.OTHERWISE: "[yellow]~[/]",
    Verdict.INCONCLUSIVE: "[magenta]?[/]",
}
_NOT_PROMISED = "[yellow]![/]"
_WORST_FIRST = (_SIGNS[Verdict.INTRUDER], _NOT_PROMISED, _SIGNS[Verdict.OTHERWISE], _SIGNS[Verdict.INCONCLUSIVE])
_LEVELS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_VERDICTS = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold magenta"}
_MOST_CASES = 8
_MOST_SITES = 3


def show(run: Run, console: Console, *, strict: bool = False) -> None:
    """Print the results by client, then the findings, then the verdict.

    One site is shown case by case. Several have a line each; the findings name the cases that failed.
    """
    knocked = {result.probe.site.id for result in run.results}
    sites = [site for site in run.sites if site.id in knocked]
    if len(sites) == 1:
        console.print(_table(run.results, sites[0].url))
    elif sites:
        console.print(_summary(run.results, sites))
    for places, findings in grouped(run):
        named = _some([site.url for site in places], _MOST_SITES) or "the configuration as a whole"
        console.print(f"\n[bold]{escape(named)}[/]", soft_wrap=True)
        for finding in findings:
            _show(finding, run, console)
    for cases, urls in _untold(run.results).items() if len(sites) > 1 else ():
        console.print(f"\n[bold]{escape(_some(urls, _MOST_SITES))}[/]", soft_wrap=True)
        console.print(f"[magenta]inconclusive[/] {escape(_some(cases, _MOST_CASES))}")
    if run.trouble:
        console.print(f"\n{escape(run.trouble)}", style="magenta", soft_wrap=True)
    for gap in run.coverage:
        if gap.why:
            console.print(escape(_indented(f"not covered: {gap.condition}: {gap.why}", console.width)), style="dim")
    verdict = run.verdict(strict=strict)
    console.print(f"\n[{_VERDICTS[verdict]}]{verdict.upper()}[/]: {escape(summary(run, strict=strict))}")
    times = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in run.timing_s.items())
    console.print(f"httpd {run.versions['httpd']}, OpenSSL {run.versions['openssl']}; {times}.", style="dim")


def _show(finding: Finding, run: Run, console: Console) -> None:
    place = run.target.locate(finding.file, finding.line)
    console.print(f"[{_LEVELS[finding.level]}]{finding.level}[/] {escape(place)}", soft_wrap=True)
    for text in (finding.message, why(finding.id), finding.remedy):
        console.print(escape(_indented(text, console.width)))
    if finding.cases:
        console.print(escape(_indented(_some(finding.cases, _MOST_CASES), console.width)), style="dim")


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _some(names: Sequence[str], most: int) -> str:
    """Name the first of many; the report files have all of them."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _summary(results: Sequence[Result], sites: Sequence[Site]) -> Table:
    """Give each site a line: how many of its probes passed, and how many failed in which way."""
    table = Table("site", "passed", "failed", box=None, pad_edge=False)
    for site in sites:
        signs = Counter(_sign(result) for result in results if result.probe.site.id == site.id)
        otherwise = "  ".join(f"{signs[sign]} {sign}" for sign in _WORST_FIRST if sign in signs)
        table.add_row(escape(site.url), f"{signs[_SIGNS[Verdict.AS_EXPECTED]]} of {signs.total()}", otherwise)
    return table


def _untold(results: Sequence[Result]) -> dict[tuple[str, ...], list[str]]:
    """Gather the cases without a verdict, which have no finding. Returns the sites for each set of cases."""
    cases: dict[str, dict[str, None]] = {}
    for result in results:
        if result.verdict is Verdict.INCONCLUSIVE:
            cases.setdefault(result.probe.site.url, {})[result.probe.case.id] = None
    sites: dict[tuple[str, ...], list[str]] = {}
    for url, ids in cases.items():
        sites.setdefault(tuple(ids), []).append(url)
    return sites


def _table(results: Sequence[Result], url: str) -> Table:
    table = Table("case", "1.2", "1.3", "result", title=url, title_justify="left", box=None, pad_edge=False)
    cases: dict[str, list[Result]] = {}
    for result in results:
        cases.setdefault(result.probe.case.id, []).append(result)
    family = ""
    for entries in cases.values():
        case = entries[0].probe.case
        if case.family != family:
            family = case.family
            table.add_row(f"[bold]{family}[/]")
        signs = {entry.probe.tls: _sign(entry) for entry in entries}
        name = case.id.removeprefix(f"{family}.")
        table.add_row(f"  {name}", signs.get("1.2", "-"), signs.get("1.3", "-"), _outcome(entries))
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
