"""What does a person see of a run on the terminal?"""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.outcome import Outcome, Verdict
from harness.verify import Result, Run

_SIGNS = {
    Verdict.AS_EXPECTED: "[green]✓[/]",
    Verdict.INTRUDER: "[bold red]✗[/]",
    Verdict.LOCKED_OUT: "[bold red]✗[/]",
    Verdict.OTHERWISE: "[yellow]~[/]",
    Verdict.INCONCLUSIVE: "[magenta]?[/]",
}
_LEVELS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_CLOSING = {
    "pass": "[bold green]PASS[/]: every promise of the configuration holds.",
    "fail": "[bold red]FAIL[/]: the configuration does not keep what it promises.",
    "inconclusive": "[bold magenta]INCONCLUSIVE[/]: there is no verdict.",
}


def show(run: Run, console: Console, *, strict: bool = False) -> None:
    """Print who knocked and what became of him, then the findings, then the verdict."""
    for site in run.sites:
        if results := [result for result in run.results if result.knock.site.id == site.id]:
            console.print(_table(results, site.url))
    for finding in run.findings:
        place = f"{run.subject.name}/{finding.file}:{finding.line}" if finding.file else run.subject.name
        console.print(f"\n[{_LEVELS[finding.level]}]{finding.level}[/] [bold]{escape(place)}[/]")
        console.print(f"{escape(finding.message)}\n{escape(finding.remedy)}")
        console.print(escape(", ".join(finding.cases)), style="dim")
    if run.trouble:
        console.print(f"\n{escape(run.trouble)}", style="magenta", soft_wrap=True)
    expected = sum(result.verdict is Verdict.AS_EXPECTED for result in run.results)
    console.print(f"\n{_CLOSING[run.verdict(strict=strict)]} {expected} of {len(run.results)} probes went as expected.")
    times = ", ".join(f"{part} {seconds:.2f} s" for part, seconds in run.timing_s.items())
    console.print(f"httpd {run.versions['httpd']}, OpenSSL {run.versions['openssl']}; {times}.", style="dim")


def _table(results: list[Result], url: str) -> Table:
    table = Table("case", "1.2", "1.3", "what became of it", title=url, title_justify="left", box=None, pad_edge=False)
    cases: dict[str, list[Result]] = {}
    for result in results:
        cases.setdefault(result.knock.case.id, []).append(result)
    family = ""
    for entries in cases.values():
        case = entries[0].knock.case
        if case.family != family:
            family = case.family
            table.add_row(f"[bold]{family}[/]")
        signs = {entry.knock.tls: _sign(entry) for entry in entries}
        name = case.id.removeprefix(f"{family}.")
        table.add_row(f"  {name}", signs.get("1.2", "-"), signs.get("1.3", "-"), _outcome(entries))
    return table


def _outcome(results: list[Result]) -> str:
    seen = " / ".join(dict.fromkeys(_seen(result) for result in results))
    reasons = [result.said.reason for result in results if result.said.reason]
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
        Outcome.REFUSED_BY_HTTP: f"status {result.observed.status}",
        Outcome.REFUSED_IN_HANDSHAKE: result.observed.alert or "",
        Outcome.NO_ANSWER: "no answer",
    }[result.observed.outcome]
    if result.verdict is Verdict.AS_EXPECTED:
        return word
    return f"{result.verdict}: {word}" if result.level != "warning" else f"not promised: {word}"


def _sign(result: Result) -> str:
    return "[yellow]![/]" if result.level == "warning" else _SIGNS[result.verdict]
